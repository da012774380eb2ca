// Servers in several processes on one port: Node's cluster, with and without @socket.io/sticky.
'use strict';

const assert = require('assert/strict');
const path = require('path');
const { fork } = require('child_process');
const { once } = require('events');
const { test } = require('node:test');
const { io: connect } = require('socket.io-client');

async function serve(t, file) {
  const primary = fork(path.join(__dirname, file));
  t.after(async () => {
    primary.disconnect();
    await once(primary, 'exit');
  });
  const [port] = await once(primary, 'message');
  return port;
}

async function join(t, port, transports) {
  const client = connect(`http://127.0.0.1:${port}`, { transports, forceNew: true, reconnection: false });
  t.after(() => client.disconnect());
  await new Promise((resolve, reject) => client.once('connect', resolve).once('connect_error', reject));
  return client;
}

/** The process of the worker that serves `client`. */
function workerOf(client) {
  return new Promise((resolve) => client.emit('who', (pid, address) => resolve({ pid, address })));
}

for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
  test(`a cluster with sticky sessions (${transports})`, async (t) => {
    const port = await serve(t, 'recipes/cluster.js');
    const pids = new Set();
    for (let i = 0; i < 6; i++) {
      const client = await join(t, port, transports);
      const { pid, address } = await workerOf(client);
      assert.equal(address, '127.0.0.1');
      pids.add(pid);
      // Larger than one read, so that it comes in several pieces.
      const bytes = Buffer.alloc(300000, i);
      assert.deepEqual(await client.emitWithAck('echo', bytes), bytes);
      assert.equal((await workerOf(client)).pid, pid);
      if (transports.length === 2 && client.io.engine.transport.name !== 'websocket') {
        await new Promise((resolve) => client.io.engine.once('upgrade', resolve));
        assert.equal((await workerOf(client)).pid, pid);
      }
    }
    assert.equal(pids.size, 2);
  });
}

test('a cluster whose workers listen on one port, for WebSocket clients', async (t) => {
  const port = await serve(t, 'recipes/cluster-shared-port.js');
  const pids = new Set();
  for (let i = 0; i < 6; i++) {
    const client = await join(t, port, ['websocket']);
    pids.add((await workerOf(client)).pid);
    assert.equal(await client.emitWithAck('echo', 'text'), 'text');
  }
  assert.equal(pids.size, 2);
});
