// The acks one socket waits for: callbacks by id, told apart by whether they can time out.
'use strict';

const { timedOut } = require('./errors');

// The engine's clock moves in steps of this many milliseconds; a shorter deadline is watched here as well.
const ENGINE_TICK_MS = 4;
const MAX_DELAY_MS = 2 ** 31 - 1;

class PendingAcks {
  constructor(socket) {
    this.socket = socket;
    this.callbacks = new Map();
  }

  get size() {
    return this.callbacks.size;
  }

  /** `timeout` in milliseconds; undefined: the callback waits for ever and gets no error argument. */
  add(id, callback, timeout) {
    if (timeout === undefined) {
      this.callbacks.set(id, callback);
      return;
    }
    this.callbacks.set(id, { callback, deadline: Date.now() + timeout });
    if (timeout <= ENGINE_TICK_MS) {
      setTimeout(() => this.expire(id), timeout);
    }
  }

  /** The client answered with `args`. */
  settle(id, args) {
    const entry = this.callbacks.get(id);
    if (entry === undefined) {
      return;
    }
    this.callbacks.delete(id);
    if (typeof entry === 'function') {
      entry.apply(this.socket, args);
    } else {
      entry.callback.call(this.socket, null, ...args);
    }
  }

  /** The engine gave up waiting. */
  expire(id) {
    const entry = this.callbacks.get(id);
    if (entry !== undefined) {
      this.callbacks.delete(id);
      entry.callback.call(this.socket, timedOut());
    }
  }

  /** The socket is gone and the engine has forgotten its acks: those with a deadline still fail at that time. */
  abandon() {
    const now = Date.now();
    for (const entry of this.callbacks.values()) {
      if (typeof entry !== 'function') {
        failLater(this.socket, entry.callback, entry.deadline - now);
      }
    }
    this.callbacks.clear();
  }
}

/** What setTimeout makes of a delay: out of its range, and undefined, become 1 ms. */
function delayOf(ms) {
  const delay = Math.trunc(Number(ms));
  return delay >= 1 && delay <= MAX_DELAY_MS ? delay : 1;
}

function failLater(socket, callback, delay) {
  setTimeout(() => callback.call(socket, timedOut()), delay);
}

module.exports = { PendingAcks, delayOf, failLater };
