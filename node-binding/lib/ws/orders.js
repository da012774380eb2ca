// The queue of orders for the engine: written into memory that both see, executed in one native call per turn.
//
// An order is words, then its payload padded to words:
//   kind | flags << 8 | close code << 16,  socket or group,  payload length,  [token]
'use strict';

const KIND = Object.freeze({
  SEND: 1, //      a message, or a fragment of one
  PING: 2,
  PONG: 3,
  RAW: 4, //       a complete frame
  CLOSE: 5, //     payload: the reason
  TERMINATE: 6,
  PAUSE: 7,
  RESUME: 8,
  JOIN: 9, //      payload: the room
  LEAVE: 10,
  BROADCAST: 11, // payload: see rooms.js
  END: 12, //      behind what is queued, without a close frame
  RESET: 13,
});

const FLAG = Object.freeze({ BINARY: 0x100, LAST: 0x200, COMPRESS: 0x400, TOKEN: 0x800 });

const MEMORY_SIZE = 64 * 1024;
// A longer payload is not copied twice: it crosses by itself.
const MOST_COPIED = 8 * 1024;
// Up to this length a loop in JavaScript copies faster than a call into Node does.
const SHORT = 48;
// Bytes of an order but its payload, with padding.
const MOST_OVERHEAD = 20;

class Orders {
  constructor() {
    const memory = Buffer.allocUnsafeSlow(MEMORY_SIZE);
    this.memory = memory;
    this.words = new Uint32Array(memory.buffer);
    // The engine that executes them; set before the first.
    this.native = null;
    // Used words.
    this.at = 0;
    // True while a flush is certain to come: a tick is pending, or a batch is being dispatched.
    this.isScheduled = false;
    // Counts the flushes.
    this.turn = 1;
    this.tick = () => {
      this.isScheduled = false;
      this.flush();
    };
  }

  /** An order without a payload. */
  push(head, subject) {
    this.reserve(0);
    this.begin(head, subject, 0);
  }

  /** An order with a payload, a string or bytes; a token of 0 is none. Gives the payload's length in bytes. */
  pushWith(head, subject, payload, token) {
    if (typeof payload === 'string') {
      if (payload.length * 3 <= MOST_COPIED) {
        return this.pushText(head, subject, payload, token);
      }
      payload = Buffer.from(payload);
    }
    const { length } = payload;
    if (length > MOST_COPIED) {
      this.flush();
      this.native.execute(head, subject, token, payload);
      return length;
    }
    this.reserve(length);
    const at = this.begin(head, subject, token);
    this.words[at + 2] = length;
    const { memory } = this;
    const start = this.at * 4;
    if (length <= SHORT) {
      for (let i = 0; i < length; i++) {
        memory[start + i] = payload[i];
      }
    } else {
      memory.set(payload, start);
    }
    this.at += (length + 3) >> 2;
    return length;
  }

  pushText(head, subject, text, token) {
    this.reserve(text.length * 3);
    const at = this.begin(head, subject, token);
    const length = this.writeText(text, this.at * 4);
    this.words[at + 2] = length;
    this.at += (length + 3) >> 2;
    return length;
  }

  writeText(text, start) {
    const { memory } = this;
    const { length } = text;
    if (length <= SHORT) {
      let i = 0;
      for (; i < length; i++) {
        const code = text.charCodeAt(i);
        if (code > 0x7f) {
          break;
        }
        memory[start + i] = code;
      }
      if (i === length) {
        return length;
      }
    }
    return memory.write(text, start);
  }

  /** Makes room, and sees to it that the order is executed in this turn. */
  reserve(length) {
    if (this.at * 4 + length + MOST_OVERHEAD > MEMORY_SIZE) {
      this.flush();
    }
    if (!this.isScheduled) {
      this.isScheduled = true;
      process.nextTick(this.tick);
    }
  }

  begin(head, subject, token) {
    const { words, at } = this;
    words[at + 1] = subject;
    words[at + 2] = 0;
    if (token === 0) {
      words[at] = head;
      this.at = at + 3;
    } else {
      words[at] = head | FLAG.TOKEN;
      words[at + 3] = token;
      this.at = at + 4;
    }
    return at;
  }

  flush() {
    const { at } = this;
    this.turn++;
    if (at > 0) {
      this.at = 0;
      this.native.flush(at * 4);
    }
  }
}

module.exports = { Orders, KIND, FLAG };
