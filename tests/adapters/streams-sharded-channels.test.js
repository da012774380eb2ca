// `useShardedPubSub` of `createStreamsAdapter()`: what is not in the stream goes over the sharded channels of Redis 7,
// among servers of sori and mixed with npm socket.io that has `@socket.io/redis-streams-adapter` with the same option.
'use strict';

const test = require('node:test');
const assert = require('node:assert');
const npm = require('@socket.io/redis-streams-adapter');
const { createStreamsAdapter } = require('../../node-binding');
const { cluster, join, until } = require('./nodes');
const { startRedis } = require('./redis');
const { clusterScenarios } = require('./scenarios');

const OPTIONS = { streamName: 'chat', channelPrefix: 'talk', useShardedPubSub: true };

function adaptersOver(connect) {
  return async (kind) => (kind === 'sori' ? createStreamsAdapter(`unix://${connect.socket}`, OPTIONS) : npm.createAdapter(await connect(), OPTIONS));
}

clusterScenarios("sori's createStreamsAdapter with useShardedPubSub", async (t) => adaptersOver(await startRedis(t)));

for (const kinds of [
  ['sori', 'sori'],
  ['sori', 'socket.io'],
  ['socket.io', 'sori'],
]) {
  test(`questions and answers go over sharded channels and no others (${kinds.join(' and ')})`, async (t) => {
    const connect = await startRedis(t);
    const nodes = await cluster(t, kinds, adaptersOver(connect));
    const redis = await connect();
    const channel = 'talk#/#';
    const heard = async (what) => (await redis.sendCommand(['PUBSUB', what, channel]))[1];
    await until(async () => (await heard('SHARDNUMSUB')) === 2);
    const calls = async (command) => Number(/calls=(\d+)/.exec((await redis.info('commandstats')).match(new RegExp(`^cmdstat_${command}:.*`, 'm')))?.[1] ?? 0);
    const a = await join(t, nodes[0], 'a');
    const b = await join(t, nodes[1], 'b');
    for (const { io } of nodes) {
      const ids = (await io.fetchSockets()).map(({ id }) => id);
      assert.deepStrictEqual(ids.sort(), [a.socket.id, b.socket.id].sort());
      assert.deepStrictEqual((await io.timeout(5000).emitWithAck('ask')).sort(), ['a', 'b']);
    }
    assert.ok((await calls('spublish')) > 0);
    assert.strictEqual(await calls('publish'), 0);
    assert.deepStrictEqual(await redis.sendCommand(['PUBSUB', 'CHANNELS']), []);
    assert.strictEqual(await redis.sendCommand(['PUBSUB', 'NUMPAT']), 0);
  });
}
