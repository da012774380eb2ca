// When the engine begins with the sockets it took over: each once Node's own is closed. The first of a turn of the event loop
// begins at once, those behind it together in the next turn: a rush of clients wakes the engine's threads once.
'use strict';

// Node's own, also while a test of the application puts others in the place of the global ones.
const { setImmediate } = require('timers');

class Starts {
  /** `native.start(ids)` begins. */
  constructor(native) {
    this.native = native;
    this.waiting = [];
    this.isGathering = false;
    this.finish = () => {
      this.isGathering = false;
      if (this.waiting.length > 0) {
        const ids = this.waiting;
        this.waiting = [];
        this.native.start(ids);
      }
    };
  }

  add(id) {
    if (this.isGathering) {
      this.waiting.push(id);
      return;
    }
    this.isGathering = true;
    setImmediate(this.finish);
    this.native.start([id]);
  }
}

module.exports = { Starts };
