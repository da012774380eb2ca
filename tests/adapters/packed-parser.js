// A parser of an application's own: each packet is one message of bytes, made by V8's serializer.
'use strict';

const v8 = require('v8');
const { EventEmitter } = require('events');

class Encoder {
  encode(packet) {
    return [Buffer.concat([Buffer.from('packed'), v8.serialize(packet)])];
  }
}

class Decoder extends EventEmitter {
  add(message) {
    if (!Buffer.isBuffer(message) || message.subarray(0, 6).toString() !== 'packed') {
      throw new Error('not a packed packet');
    }
    this.emit('decoded', v8.deserialize(message.subarray(6)));
  }

  destroy() {}
}

module.exports = { Encoder, Decoder, protocol: 5 };
