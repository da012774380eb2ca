// For tests of turns of the event loop: what becomes an uncaught exception, and a thread that is too busy to listen.
'use strict';

/** The messages of the exceptions that nobody catches until the test ends, instead of the runner's failing for them. */
function collectUncaught(t) {
  const messages = [];
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => messages.push(error.message));
  t.after(() => {
    process.removeAllListeners('uncaughtException');
    listeners.forEach((listener) => process.on('uncaughtException', listener));
  });
  return messages;
}

/** Keeps JavaScript busy once it has sent what it has to: meanwhile all of it arrives, and waits. */
function stallNextTurn() {
  setImmediate(() => {
    for (const end = Date.now() + 20; Date.now() < end; );
  });
}

module.exports = { collectUncaught, stallNextTurn };
