// Which of the engine's own parsers a `parser` option amounts to: known by what it writes, not by where it comes from.
'use strict';

/** An event that asks for an ack, with text, bytes and a fraction. */
const samplePacket = () => ({ type: 2, data: ['a', Buffer.from([1]), 1.5], nsp: '/', id: 3 });

/** What each parser makes of it, message by message. */
const SAMPLES = {
  json: ['51-3["a",{"_placeholder":true,"num":0},1.5]', Buffer.from([1])],
  // {"type":2,"data":["a",<01>,1.5],"nsp":"/","id":3}
  msgpack: [Buffer.from('84a47479706502a46461746193a161c40101cb3ff8000000000000a36e7370a12fa2696403', 'hex')],
};

/** 'json' or 'msgpack' when the engine does what `parser` does, null when only JavaScript can. */
function nativeParser(parser) {
  if (parser === undefined) {
    return 'json';
  }
  let messages;
  try {
    if (isDerived(parser)) {
      return null;
    }
    messages = new parser.Encoder().encode(samplePacket());
  } catch {
    return null;
  }
  const found = Object.keys(SAMPLES).find((name) => isSame(messages, SAMPLES[name]));
  return found === undefined ? null : found;
}

/**
 * Whether its classes extend those of another parser: an application does that to change what a sample may not show, as
 * how values of its own are written. A decoder has one class above it, the emitter.
 */
function isDerived({ Encoder, Decoder }) {
  return ancestors(Encoder) > 0 || ancestors(Decoder) > 1;
}

function ancestors(Class) {
  let count = 0;
  for (let each = Object.getPrototypeOf(Class.prototype); each !== Object.prototype && each !== null; each = Object.getPrototypeOf(each)) {
    count += 1;
  }
  return count;
}

function isSame(messages, sample) {
  return Array.isArray(messages) && messages.length === sample.length && sample.every((expected, i) => isSameMessage(messages[i], expected));
}

function isSameMessage(message, expected) {
  return typeof expected === 'string' ? message === expected : message instanceof Uint8Array && expected.equals(message);
}

module.exports = { nativeParser };
