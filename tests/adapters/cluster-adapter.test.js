// `@socket.io/cluster-adapter` with `@socket.io/sticky`: the workers of one machine as a cluster.
'use strict';

const test = require('node:test');
const assert = require('node:assert');
const path = require('path');
const { fork } = require('child_process');
const { once } = require('events');
const { join, next } = require('../node/harness');

async function startCluster(t) {
  const primary = fork(path.join(__dirname, 'fixtures', 'cluster.js'));
  t.after(async () => {
    primary.disconnect();
    await once(primary, 'exit');
  });
  const [port] = await once(primary, 'message');
  return port;
}

for (const transports of [['websocket'], ['polling']]) {
  test(`workers share rooms, and see one another's sockets (${transports})`, async (t) => {
    const port = await startCluster(t);
    const clients = [await join(t, port, '/', { transports })];
    const [a] = clients;
    const pid = await a.emitWithAck('who');
    let b = a;
    // The connections are dealt out in turn.
    for (let i = 0; i < 4 && b === a; i++) {
      const client = await join(t, port, '/', { transports });
      clients.push(client);
      b = (await client.emitWithAck('who')) === pid ? a : client;
    }
    const otherPid = await b.emitWithAck('who');
    assert.notStrictEqual(otherPid, pid);
    await b.emitWithAck('join', 'room');
    const told = next(b, 'told');
    a.emit('tell', 'room', 'ä', Buffer.from([1, 2]));
    assert.deepStrictEqual(await told, ['ä', Buffer.from([1, 2])]);
    const pids = await a.emitWithAck('pids');
    assert.strictEqual(pids.length, clients.length);
    assert.deepStrictEqual(new Set(pids), new Set([pid, otherPid]));
    assert.deepStrictEqual(await a.emitWithAck('others'), [otherPid]);
  });
}
