// The acks one socket waits for: callbacks by id, told apart by whether they can time out.
'use strict';

const { timedOut } = require('./errors');

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
    this.callbacks.set(id, timeout === undefined ? callback : { callback, deadline: Date.now() + timeout });
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

function failLater(socket, callback, delay) {
  setTimeout(() => callback.call(socket, timedOut()), delay);
}

module.exports = { PendingAcks, failLater };
