// A complete frame (RFC 6455 §5.2), for the rare sends whose masking the application decides itself.
'use strict';

const { randomFillSync } = require('crypto');

const MASK_BIT = 0x80;
const FIN_BIT = 0x80;

/** `mask`: null for none, `true` for a random key, or a function that fills a Buffer of four bytes with one. */
function frameOf(payload, { opcode, fin }, mask) {
  const body = typeof payload === 'string' ? Buffer.from(payload) : payload;
  const { length } = body;
  const lengthBytes = length < 126 ? 0 : length < 65536 ? 2 : 8;
  const start = 2 + lengthBytes + (mask === null ? 0 : 4);
  const frame = Buffer.allocUnsafe(start + length);
  frame[0] = (fin ? FIN_BIT : 0) | opcode;
  frame[1] = lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127;
  if (lengthBytes === 2) {
    frame.writeUInt16BE(length, 2);
  } else if (lengthBytes === 8) {
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.set(body, start);
  if (mask !== null) {
    frame[1] |= MASK_BIT;
    const key = Buffer.alloc(4);
    if (mask === true) {
      randomFillSync(key);
    } else {
      mask(key);
    }
    key.copy(frame, start - 4);
    for (let i = 0; i < length; i++) {
      frame[start + i] ^= key[i & 3];
    }
  }
  return frame;
}

module.exports = { frameOf };
