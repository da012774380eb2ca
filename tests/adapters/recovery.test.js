// Connection state recovery where an adapter keeps what lost clients missed: on another server than the one they left.
'use strict';

const test = require('node:test');
const assert = require('node:assert');
const { createAdapter } = require('@socket.io/redis-streams-adapter');
const { SessionAwareAdapter } = require('socket.io-adapter');
const { clientOf, next } = require('../node/harness');
const { cluster, join, serve } = require('./nodes');
const parser = require('./packed-parser');
const { startRedis } = require('./redis');

/** Breaks a client's connection without a word, and waits until the server has noticed. */
async function lose({ client, socket }) {
  const gone = next(socket, 'disconnect');
  client.io.engine.close();
  await gone;
  return { pid: client._pid, offset: client._lastOffset };
}

/** A client that claims to be the one that was lost. */
async function comeBack(t, { io, port }, claim, options = {}) {
  const connected = next(io, 'connection');
  const client = clientOf(t, port, '/', { auth: claim, ...options });
  await Promise.all([next(client, 'connect'), connected]);
  const [socket] = await connected;
  return { client, socket };
}

for (const kinds of [
  ['sori', 'sori'],
  ['sori', 'socket.io'],
  ['socket.io', 'sori'],
]) {
  test(`a client comes back to another server of a cluster (${kinds.join(' and ')})`, async (t) => {
    const connect = await startRedis(t);
    const nodes = await cluster(t, kinds, async () => createAdapter(await connect()), { connectionStateRecovery: {} });
    const lost = await join(t, nodes[0], 'a');
    lost.socket.data.color = 'red';
    lost.socket.join('room');
    lost.socket.emit('first', 1);
    await next(lost.client, 'first');
    const claim = await lose(lost);
    nodes[1].io.to('room').emit('missed', Buffer.from('x'));
    const back = await comeBack(t, nodes[1], claim);
    assert.deepStrictEqual(
      [back.socket.recovered, back.socket.id, back.socket.data.color, back.socket.rooms],
      [true, lost.socket.id, 'red', new Set([lost.socket.id, 'room'])],
    );
    assert.deepStrictEqual(back.client.received.map(([event]) => event), ['missed']);
  });
}

test('a server with a parser of its own, and no adapter, keeps in memory what clients miss', async (t) => {
  const node = await serve(t, 'sori', { connectionStateRecovery: { skipMiddlewares: true }, parser });
  const lost = await join(t, node, 'a', { parser });
  lost.socket.emit('first');
  await next(lost.client, 'first');
  const claim = await lose(lost);
  node.io.emit('missed', 1);
  const back = await comeBack(t, node, claim, { parser });
  assert.strictEqual(back.socket.recovered, true);
  assert.deepStrictEqual(back.client.received.map(([event]) => event), ['missed']);
  assert.strictEqual((await comeBack(t, node, { pid: 'nobody', offset: 'x' }, { parser })).socket.recovered, false);
});

test('of two that claim to be one socket the first is it', async (t) => {
  const node = await serve(t, 'sori', { connectionStateRecovery: {}, adapter: SessionAwareAdapter });
  const lost = await join(t, node, 'a');
  lost.socket.emit('first');
  await next(lost.client, 'first');
  const claim = await lose(lost);
  const back = [await comeBack(t, node, claim), await comeBack(t, node, claim)];
  assert.deepStrictEqual(
    back.map(({ socket }) => [socket.recovered, socket.id === lost.socket.id]),
    [
      [true, true],
      [false, false],
    ],
  );
});
