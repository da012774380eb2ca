// A broadcast being described: to which rooms, except which, how; every step gives a new, immutable operator.
'use strict';

const { refuseReserved } = require('./reserved');
const { delayOf } = require('./acks');
const { timedOut } = require('./errors');
const { addJson, operatorSpellings } = require('./spellings');

/** How a broadcast is sent; `timeout` is that of its acks, in milliseconds. Never changed in place. */
const PLAIN = Object.freeze({ volatile: false, compress: true, local: false, timeout: undefined });

class BroadcastOperator {
  /** `rooms` and `except` are arrays of room names, or null for none. */
  constructor(nsp, rooms = null, except = null, flags = PLAIN) {
    this._nsp = nsp;
    this._rooms = rooms;
    this._except = except;
    this._flags = flags;
  }

  to(rooms) {
    return new BroadcastOperator(this._nsp, withNames(this._rooms, rooms), this._except, this._flags);
  }

  in(rooms) {
    return this.to(rooms);
  }

  except(rooms) {
    return new BroadcastOperator(this._nsp, this._rooms, withNames(this._except, rooms), this._flags);
  }

  /** What may be compressed is decided by the engine's options; `packetCreate` listeners are told of the wish. */
  compress(isWanted) {
    return this._with({ compress: isWanted });
  }

  get volatile() {
    return this._with({ volatile: true });
  }

  /** Those of this server: everybody, unless it is in a cluster. */
  get local() {
    return this._with({ local: true });
  }

  timeout(ms) {
    return this._with({ timeout: ms });
  }

  get rooms() {
    return new Set(this._rooms);
  }

  get exceptRooms() {
    return new Set(this._except);
  }

  /** Of the namespace; who traces broadcasts asks it which that is. */
  get adapter() {
    return this._nsp.adapter;
  }

  /** Those that were set. */
  get flags() {
    return Object.fromEntries(Object.entries(this._flags).filter(([name, value]) => value !== PLAIN[name]));
  }

  _with(flags) {
    return new BroadcastOperator(this._nsp, this._rooms, this._except, { ...this._flags, ...flags });
  }

  emit(...args) {
    refuseReserved(args[0]);
    const last = args.length - 1;
    const ack = last > 0 && typeof args[last] === 'function' ? args.pop() : null;
    if (ack === null) {
      this._nsp._broadcast(this, args);
    } else {
      const callback = (responses, isTimedOut) => ack(isTimedOut ? timedOut() : null, responses);
      const { timeout = this._nsp.server._ackTimeout } = this._flags;
      // Without any it is given up almost at once, as in socket.io.
      this._nsp._broadcastWithAck(this, args, delayOf(timeout), callback);
    }
    return true;
  }

  /** Resolves with the responses of all; rejects with an error whose `responses` came in time. */
  emitWithAck(ev, ...args) {
    return new Promise((resolve, reject) => {
      args.push((error, responses) => {
        if (error) {
          error.responses = responses;
          reject(error);
        } else {
          resolve(responses);
        }
      });
      this.emit(ev, ...args);
    });
  }

  /**
   * The answers as they come, for `for await`: `{ socket, answer }`, with no socket for a client of another server. Ends
   * when all have answered, and with an error when some have not in time.
   */
  emitWithAnswers(ev, ...args) {
    refuseReserved(ev);
    const { timeout = this._nsp.server._ackTimeout } = this._flags;
    return this._nsp._broadcastToEach(this, [ev, ...args], delayOf(timeout));
  }

  fetchSockets() {
    return this._nsp._fetchSockets(this);
  }

  allSockets() {
    return this._nsp._allSockets(this);
  }

  socketsJoin(rooms) {
    this._nsp._addSockets(this, namesOf(rooms));
  }

  socketsLeave(rooms) {
    this._nsp._delSockets(this, namesOf(rooms));
  }

  disconnectSockets(close = false) {
    this._nsp._disconnectSockets(this, close);
  }
}

Object.assign(BroadcastOperator.prototype, operatorSpellings);
addJson(BroadcastOperator);

/** `names` and one more name or array of names, without doubles, as a new list; null when there are none. */
function withNames(names, more) {
  if (names === null && typeof more === 'string') {
    return [more];
  }
  const all = new Set(names === null ? namesOf(more) : [...names, ...namesOf(more)]);
  return all.size === 0 ? null : [...all];
}

/** Room names travel as strings; numbers are a common spelling. */
function namesOf(rooms) {
  return Array.isArray(rooms) ? rooms.map(String) : [String(rooms)];
}

module.exports = { BroadcastOperator };
