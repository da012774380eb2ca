// The engine that all WebSockets of this environment share: started when the first one needs it.
'use strict';

const native = require('../native');
const { throwLater } = require('../errors');
const { Starts } = require('../starts');
const threads = require('../threads');
const { Turns } = require('../turns');
const { EMPTY_BUFFER, OPCODE } = require('./constants');
const { protocolError } = require('./errors');
const { Orders, KIND, FLAG } = require('./orders');

/** First word of a record, its lowest byte. The second is the socket's number, the third the length of its payload. */
const RECORD = Object.freeze({
  BINARY: 0,
  TEXT: 1,
  PING: 2,
  PONG: 3,
  CLOSE_FRAME: 4, // upper half of the first word: the code
  FAILED: 5, //      payload: code of the error, a line feed, its message; upper half of the first word: close code for the peer, 0 if it was told, 1 if its
  //                 stream is gone
  SENT: 6, //        third word: the token; upper half of the first word: 1 for success
  DRAIN: 7,
  ENDED: 8,
  CLOSED: 9,
  FEED: 10, //       payload: bytes for the fed socket
  FEED_END: 11, //   upper half of the first word: 1 to destroy the fed socket, 0 to end it
});
const IS_BIG = 0x100;
// Upper half of the first word of a FAILED record.
const OF_THE_STREAM = 1;
const RECORD_WORDS = 3;

// Who keeps a small message keeps the page it lies in, as who keeps a small Buffer keeps its part of Node's pool.
const PAGE_SIZE = 16 * 1024;

const KIND_OF = { [OPCODE.PING]: KIND.PING, [OPCODE.PONG]: KIND.PONG };

class Engine {
  constructor() {
    this.native = null;
    this.starts = null;
    this.orders = new Orders();
    // WebSockets by number, and the numbers that are free again.
    this.sockets = [];
    this.free = [];
    this.settings = new Map();
    this.lastToken = 0;
    this.page = null;
    this.pageWords = null;
    // Used bytes of the page.
    this.at = 0;
    this.clients = -1;
  }

  start() {
    if (this.native === null) {
      this.native = new native.WebSocketEngine(threads, this.orders.memory, () => this.takeBatch());
      this.orders.native = this.native;
      this.starts = new Starts(this.native);
      this.lend();
    }
    return this.native;
  }

  lend() {
    this.page = Buffer.allocUnsafeSlow(PAGE_SIZE);
    this.pageWords = new Uint32Array(this.page.buffer);
    this.at = 0;
    this.native.lend(this.page);
  }

  /** The group of all sockets that no server has. */
  get clientGroup() {
    if (this.clients === -1) {
      this.clients = this.openGroup();
    }
    return this.clients;
  }

  groupOf({ _terms: { owner } }) {
    return owner === null ? this.clientGroup : owner._group;
  }

  openGroup() {
    return this.start().openGroup();
  }

  /** The number of complete settings, the same for equal ones. */
  settingsNumber(settings) {
    const json = JSON.stringify(settings);
    let number = this.settings.get(json);
    if (number === undefined) {
      number = this.start().settings(json);
      this.settings.set(json, number);
    }
    return number;
  }

  /** Gives `ws` a number, by which it takes orders from now on. */
  claim(ws) {
    const id = this.free.length > 0 ? this.free.pop() : this.sockets.length;
    this.sockets[id] = ws;
    this.start().claim(id, this.groupOf(ws));
    return id;
  }

  /** The number means nothing any more. */
  release(id) {
    this.flush();
    this.native.forget(id);
    this.sockets[id] = undefined;
    this.free.push(id);
  }

  // ---- orders

  /** Counts the flushes: what was sent in an earlier turn has been given to the engine. */
  get turn() {
    return this.orders.turn;
  }

  nextToken() {
    this.lastToken = (this.lastToken % 0xffffffff) + 1;
    return this.lastToken;
  }

  /** Gives the payload's length in bytes. */
  send(id, payload, frame, token) {
    const kind = KIND_OF[frame.opcode];
    if (kind !== undefined) {
      return this.orders.pushWith(kind, id, payload, token);
    }
    const head =
      KIND.SEND |
      (frame.opcode === OPCODE.TEXT ? 0 : FLAG.BINARY) |
      (frame.fin ? FLAG.LAST : 0) |
      (frame.compress ? FLAG.COMPRESS : 0);
    return this.orders.pushWith(head, id, payload, token);
  }

  /** Sends a complete frame. */
  sendRaw(id, frame, token) {
    return this.orders.pushWith(KIND.RAW, id, frame, token);
  }

  close(id, code, reason) {
    this.orders.pushWith(KIND.CLOSE | ((code || 0) << 16), id, reason, 0);
  }

  /** Ends the stream when what is queued has left, without a close frame. */
  end(id) {
    this.orders.push(KIND.END, id);
  }

  reset(id) {
    this.orders.push(KIND.RESET, id);
  }

  terminate(id) {
    this.orders.push(KIND.TERMINATE, id);
  }

  pause(id) {
    this.orders.push(KIND.PAUSE, id);
  }

  resume(id) {
    this.orders.push(KIND.RESUME, id);
  }

  join(id, room) {
    this.orders.pushWith(KIND.JOIN, id, room, 0);
  }

  leave(id, room) {
    this.orders.pushWith(KIND.LEAVE, id, room, 0);
  }

  broadcast(group, isBinary, compress, payload) {
    const head = KIND.BROADCAST | (isBinary ? FLAG.BINARY : 0) | FLAG.LAST | (compress ? FLAG.COMPRESS : 0);
    this.orders.pushWith(head, group, payload, 0);
  }

  /** Where both ends of a socket that was taken over are, by the names of Node's socket. */
  addressOf(id) {
    const ends = this.native.ends(id);
    if (ends === null) {
      return {};
    }
    const [remoteAddress, remotePort, localAddress, localPort] = ends.split(' ');
    const family = (address) => (address.includes(':') ? 'IPv6' : 'IPv4');
    return {
      remoteAddress,
      remotePort: Number(remotePort),
      remoteFamily: family(remoteAddress),
      localAddress,
      localPort: Number(localPort),
      localFamily: family(localAddress),
    };
  }

  /** Bytes of the socket that the engine has and the system has not. */
  buffered(id) {
    return this.native.buffered(id);
  }

  flush() {
    this.orders.flush();
  }

  // ---- records

  takeBatch() {
    const { orders } = this;
    const turns = new Turns();
    orders.isScheduled = true;
    for (;;) {
      const count = this.native.page();
      if (count > 0) {
        this.dispatchPage(count, turns);
      } else if (count < 0) {
        this.lend();
      } else {
        break;
      }
    }
    orders.isScheduled = false;
    orders.flush();
    turns.end();
  }

  dispatchPage(count, turns) {
    const { page, pageWords } = this;
    let word = this.at >> 2;
    let at = this.at + count * RECORD_WORDS * 4;
    for (let i = 0; i < count; i++, word += RECORD_WORDS) {
      const first = pageWords[word];
      const kind = first & 0xff;
      // Once a close frame is told nothing leaves any more: answers to what came before it may be behind an `await`.
      if (i > 0 && (kind === RECORD.CLOSE_FRAME || pageWords[word + 1] !== pageWords[word + 1 - RECORD_WORDS])) {
        turns.next();
      }
      const third = pageWords[word + 2];
      let payload = null;
      if (kind !== RECORD.SENT) {
        if (third === 0) {
          payload = EMPTY_BUFFER;
        } else if ((first & IS_BIG) !== 0) {
          payload = this.native.big();
        } else {
          payload = page.subarray(at, at + third);
          at += third;
        }
      }
      const ws = this.sockets[pageWords[word + 1]];
      if (ws !== undefined) {
        // An application's listener that throws must not cost the others their records.
        try {
          dispatch(ws, kind, first >>> 16, third, payload);
        } catch (error) {
          throwLater(error);
        }
      }
    }
    this.at = (at + 3) & ~3;
  }
}

function dispatch(ws, kind, upper, number, payload) {
  switch (kind) {
    case RECORD.BINARY:
      ws._onmessage(payload, true);
      break;
    case RECORD.TEXT:
      ws._onmessage(payload, false);
      break;
    case RECORD.PING:
      ws._onping(payload);
      break;
    case RECORD.PONG:
      ws._onpong(payload);
      break;
    case RECORD.CLOSE_FRAME:
      ws._oncloseFrame(upper, payload);
      break;
    case RECORD.FAILED: {
      const [code, message] = payload.toString().split('\n');
      const error = protocolError(code, message);
      if (upper === OF_THE_STREAM) {
        ws._carrier.streamFailed(error);
      } else {
        ws._onfailed(error, upper);
      }
      break;
    }
    case RECORD.SENT:
      ws._onsent(number, upper === 1);
      break;
    case RECORD.DRAIN:
      ws._ondrain();
      break;
    case RECORD.ENDED:
      ws._onended();
      break;
    case RECORD.CLOSED:
      ws._carrier.ended();
      break;
    case RECORD.FEED:
      ws._carrier.write(payload);
      break;
    case RECORD.FEED_END:
      ws._carrier.end(upper === 1);
      break;
    default:
      throw new Error(`sori: the native engine sent a record of unknown kind ${kind}`);
  }
}

module.exports = { engine: new Engine() };
