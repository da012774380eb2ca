// The arguments of an event or an ack as the engine takes them: JSON text, and attachments beside it.
'use strict';

const { hasBinary, takeOut } = require('./binary');
const { FIELD, RECORD } = require('./queue');

const NO_ATTACHMENTS = `${FIELD}0${RECORD}`;

/** Sends `head`, the JSON of `args` and their attachments through `sink`, an object with `push` and `pushWith`. */
function pushPayload(sink, head, args) {
  if (!hasBinary(args)) {
    sink.push(head + JSON.stringify(args) + NO_ATTACHMENTS);
    return;
  }
  const attachments = [];
  const json = JSON.stringify(takeOut(args, attachments));
  sink.pushWith(`${head}${json}${FIELD}${attachments.length}${RECORD}`, attachments);
}

module.exports = { pushPayload };
