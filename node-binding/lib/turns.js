// Turns of JavaScript between the events of two clients that came in one batch, as if each had come by itself: what
// listeners do behind an `await` happens before the next client's listeners run, as with sockets of Node's own.
'use strict';

// What Node calls between two timers that are due at once; it is nearly free when nothing waits. Where it is missing a
// whole batch is one turn.
const runTicks = typeof process._tickCallback === 'function' ? process._tickCallback : () => {};

/** The turns of one batch. */
class Turns {
  constructor() {
    this.hasFailed = false;
    this.error = null;
  }

  /** Between the events of two clients. */
  next() {
    if (this.hasFailed) {
      return;
    }
    try {
      runTicks();
    } catch (error) {
      // A tick of the application's threw. Node mends its own state only once that has left the call from the engine, which
      // must see the whole batch through before: the rest of it is one turn.
      this.hasFailed = true;
      this.error = error;
    }
  }

  /** Behind the last event of the batch, as the last thing in the call from the engine. */
  end() {
    if (this.hasFailed) {
      throw this.error;
    }
  }
}

module.exports = { Turns };
