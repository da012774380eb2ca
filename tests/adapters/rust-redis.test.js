// Rust servers over Redis, among themselves and mixed with npm socket.io that has `@socket.io/redis-adapter`.
'use strict';

const net = require('net');
const path = require('path');
const { once } = require('events');
const test = require('node:test');
const assert = require('node:assert');
const { createAdapter } = require('@socket.io/redis-adapter');
const { Emitter } = require('@socket.io/redis-emitter');
const { next } = require('../node/harness');
const { until } = require('./nodes');
const { startRedis } = require('./redis');
const { clusterOf, clientAt, settled, received } = require('./rust-node');
const { meetingOverRedis, rustScenarios, lostAndFound } = require('./rust-scenarios');

for (const kinds of [
  ['rust', 'socket.io'],
  ['socket.io', 'rust'],
  ['rust', 'rust'],
]) {
  rustScenarios('classic', kinds);
}
lostAndFound('classic');

test('an emitter reaches rooms, joins, disconnects, and speaks to a Rust server', async (t) => {
  const { connect, meeting } = await meetingOverRedis(t);
  const [node] = await clusterOf(t, ['rust'], meeting);
  const emitter = new Emitter(await connect());
  const a = await clientAt(t, node, 'a');
  const b = await clientAt(t, node, 'b');
  await a.enter('room');
  const heard = next(a, 'hello');
  emitter.to('room').emit('hello', { n: 1 }, Buffer.from([7]));
  assert.deepStrictEqual(await heard, [{ n: 1 }, Buffer.from([7])]);
  await settled(node, [a, b]);
  assert.deepStrictEqual(received(b), []);
  emitter.in(b.id).socketsJoin('late');
  await until(async () => (await node.fetch({ rooms: ['late'] })).length === 1);
  const news = node.heard();
  emitter.serverSideEmit('news', 42);
  assert.deepStrictEqual(await news, ['news', 42]);
  const ended = next(b, 'disconnect');
  emitter.in('late').disconnectSockets();
  assert.strictEqual((await ended)[0], 'io server disconnect');
  assert.strictEqual(a.connected, true);
});

test('a Rust server meets others over a Redis behind TLS', async (t) => {
  const port = await freePort();
  const tls = (file) => path.join(__dirname, '../client/tls', file);
  const connect = await startRedis(t, ['--tls-port', String(port), '--tls-cert-file', tls('cert.pem'), '--tls-key-file', tls('key.pem'), '--tls-ca-cert-file', tls('ca.pem'), '--tls-auth-clients', 'no']);
  const meeting = async () => ({ url: `rediss://localhost:${port}`, env: { SSL_CERT_FILE: tls('ca.pem') }, adapter: createAdapter(await connect(), await connect()) });
  const [here, there] = await clusterOf(t, ['rust', 'socket.io'], meeting);
  const b = await clientAt(t, there, 'b');
  const heard = next(b, 'hello');
  here.emit({}, 'hello', 1);
  assert.deepStrictEqual(await heard, [1]);
});

/** A port that was free a moment ago: Redis does not tell which one the system gave it. */
async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
