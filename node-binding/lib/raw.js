// Engine.IO messages without Socket.IO: the op that sends one.
'use strict';

const { asBuffer } = require('./binary');
const { FIELD, RECORD } = require('./queue');

/** Queues one message for connection `number`; `token` names it in the SENT record, '' asks for none. */
function sendRaw(queue, number, data, options, token) {
  const flags = flagsOf(options);
  if (typeof data !== 'string' && (data instanceof ArrayBuffer || ArrayBuffer.isView(data))) {
    queue.pushWith(`S${FIELD}${number}${FIELD}${flags}${FIELD}${token}${RECORD}`, [asBuffer(data)]);
    return;
  }
  // As in engine.io, whatever is not binary is text, and nothing is the empty text.
  const text = String(data || '');
  if (token === '') {
    queue.pushText(number, flags, text);
  } else {
    queue.push(`s${FIELD}${number}${FIELD}${flags}${FIELD}${token}${FIELD}${JSON.stringify(text)}${RECORD}`);
  }
}

function flagsOf(options) {
  if (options === undefined || options === null) {
    return '';
  }
  return (options.volatile ? 'v' : '') + (options.compress === false ? 'n' : '');
}

module.exports = { sendRaw };
