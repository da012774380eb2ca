// A client that answers pings at once and a server's thread that is late: what the server then tells of heartbeats.
'use strict';

const path = require('path');
const { Worker } = require('worker_threads');

const COUNT = 5;
const IN_ORDER = new Array(COUNT).fill('flush ping, drain, packet pong');

/** A client in a thread of its own; `workerData` as fixtures/prompt-client.js has it. */
function promptClient(t, workerData) {
  const worker = new Worker(path.join(__dirname, 'fixtures/prompt-client.js'), { workerData });
  t.after(() => worker.terminate());
}

/** What a connection tells of some heartbeats, while this thread stands still at each ping until its pong must have come. */
function heartbeatsOfLateThread(connection) {
  return new Promise((resolve) => {
    const heartbeats = [];
    let steps = [];
    // A ping may be on its way already.
    connection.once('heartbeat', () => {
      connection.on('flush', ([{ type }]) => {
        steps.push(`flush ${type}`);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
      });
      connection.on('drain', () => steps.push('drain'));
      connection.on('packet', ({ type }) => steps.push(`packet ${type}`));
      connection.on('heartbeat', () => {
        heartbeats.push(steps.join(', '));
        steps = [];
        if (heartbeats.length === COUNT) {
          resolve(heartbeats.slice());
        }
      });
    });
  });
}

module.exports = { IN_ORDER, promptClient, heartbeatsOfLateThread };
