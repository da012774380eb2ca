// Keeps the process (or Worker) running while the engine has connections that Node knows nothing of.
'use strict';

// Node's own, also while a test of the application puts others in the place of the global ones.
const { setInterval } = require('timers');

// The longest time that a timer takes.
const FOREVER = 2 ** 31 - 1;

let held = 0;
let timer = null;

/** Keeps it running until `unhold` has been called as often. */
function hold() {
  if (held++ === 0) {
    if (timer === null) {
      timer = setInterval(() => {}, FOREVER);
    }
    timer.ref();
  }
}

function unhold() {
  if (--held === 0) {
    timer.unref();
  }
}

module.exports = { hold, unhold };
