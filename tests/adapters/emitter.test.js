// `@socket.io/redis-emitter`: a process without sockets speaks to the clients of a Sori server.
'use strict';

const test = require('node:test');
const assert = require('node:assert');
const npm = require('@socket.io/redis-adapter');
const { Emitter } = require('@socket.io/redis-emitter');
const { createAdapter } = require('../../node-binding');
const { next } = require('../node/harness');
const { cluster, join, settled, until } = require('./nodes');
const { startRedis } = require('./redis');

const ADAPTERS = [
  ['the adapter of npm', async (connect) => npm.createAdapter(await connect(), await connect())],
  ["sori's own", async (connect) => createAdapter(`unix://${connect.socket}`)],
];

for (const [name, adapterOver] of ADAPTERS) {
  test(`an emitter reaches rooms, joins, disconnects, and speaks to the server (${name})`, async (t) => {
    const connect = await startRedis(t);
    const [node] = await cluster(t, ['sori'], () => adapterOver(connect));
    const emitter = new Emitter(await connect());
    const a = await join(t, node, 'a');
    const b = await join(t, node, 'b');
    a.socket.join('room');
    const heard = next(a.client, 'hello');
    emitter.to('room').emit('hello', { n: 1 }, Buffer.from([7]));
    assert.deepStrictEqual(await heard, [{ n: 1 }, Buffer.from([7])]);
    await settled(node.io, [a.client, b.client]);
    assert.deepStrictEqual(b.client.received, []);

    emitter.in(b.socket.id).socketsJoin('late');
    await until(() => b.socket.rooms.has('late'));
    const news = next(node.io, 'news');
    emitter.serverSideEmit('news', 42);
    assert.deepStrictEqual(await news, [42]);
    const ended = next(b.client, 'disconnect');
    emitter.in('late').disconnectSockets();
    assert.strictEqual((await ended)[0], 'io server disconnect');
    assert.strictEqual(a.client.connected, true);
  });
}
