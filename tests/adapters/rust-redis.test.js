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

const MIXES = [
  ['rust', 'socket.io'],
  ['socket.io', 'rust'],
  ['rust', 'rust'],
];

async function meetingOverRedis(t) {
  const connect = await startRedis(t);
  const meeting = async () => ({ url: `unix://${connect.socket}`, adapter: createAdapter(await connect(), await connect()) });
  return { connect, meeting };
}

for (const kinds of MIXES) {
  const scenario = (title, run) =>
    test(`${title} (${kinds.join(' and ')})`, async (t) => {
      const { connect, meeting } = await meetingOverRedis(t);
      const [here, there] = await clusterOf(t, kinds, meeting);
      const a = await clientAt(t, here, 'a');
      const b = await clientAt(t, there, 'b');
      await run({ t, connect, here, there, a, b });
    });

  scenario('a broadcast reaches the members of a room on both servers, once and in order', async ({ t, here, there, a, b }) => {
    const c = await clientAt(t, there, 'c');
    await a.enter('room', 'other');
    await b.enter('room', 'other');
    here.emit({ rooms: ['room'] }, 'text', { ä: '\u2028', n: [1, -2.5, 0.1, null, true] });
    here.emit({ rooms: ['room', 'other'] }, 'bytes', Buffer.from([1, 2]));
    here.emit({ local: true }, 'local', 1);
    await settled(here, [a, b, c]);
    there.emit({ rooms: ['room'], except: [b.id] }, 'not b', 1);
    await settled(there, [a, b, c]);
    const both = [
      ['text', { ä: '\u2028', n: [1, -2.5, 0.1, null, true] }],
      ['bytes', Buffer.from([1, 2])],
    ];
    assert.deepStrictEqual(received(a), [...both, ['local', 1], ['not b', 1]]);
    assert.deepStrictEqual(received(b), both);
    assert.deepStrictEqual(received(c), []);
  });

  scenario('acks of a broadcast come from both servers', async ({ here, a, b }) => {
    const all = await here.ask({}, 5000, 1);
    assert.deepStrictEqual(all.received.sort(), ['a', 'b']);
    assert.strictEqual(all.timedOut, false);
    a.off('ask');
    const some = await here.ask({}, 200, 2);
    assert.deepStrictEqual(some, { received: ['b'], timedOut: true });
    assert.deepStrictEqual(await here.ask({ rooms: [b.id] }, 5000, 3), { received: ['b'], timedOut: false });
    assert.deepStrictEqual(await here.ask({ rooms: ['nobody'] }, 5000, 4), { received: [], timedOut: false });
  });

  scenario('sockets of the other server are joined, left and disconnected', async ({ here, there, a, b }) => {
    const roomsOf = async (client) => (await here.fetch({ rooms: [client.id] }))[0].rooms;
    here.joinAll({}, ['all']);
    await until(async () => (await roomsOf(a)).includes('all') && (await roomsOf(b)).includes('all'));
    here.leaveAll({ rooms: ['all'], except: [a.id] }, ['all']);
    await until(async () => !(await roomsOf(b)).includes('all'));
    assert.ok((await roomsOf(a)).includes('all'));
    const told = next(b, 'disconnect');
    here.disconnectAll({ rooms: [b.id] }, false);
    assert.strictEqual((await told)[0], 'io server disconnect');
    assert.strictEqual(a.connected, true);
    const closed = next(a, 'disconnect');
    there.disconnectAll({}, true);
    await closed;
  });

  scenario('sockets of the other server are seen', async ({ here, a, b }) => {
    await b.enter('theirs');
    const all = await here.fetch({});
    assert.deepStrictEqual(all.map(({ name }) => name).sort(), ['a', 'b']);
    const remote = all.find(({ id }) => id === b.id);
    assert.deepStrictEqual(remote, { id: b.id, rooms: [b.id, 'theirs'], name: 'b', auth: { name: 'b' } });
    assert.deepStrictEqual((await here.fetch({ rooms: ['theirs'] })).map(({ id }) => id), [b.id]);
    assert.deepStrictEqual(await here.fetch({ rooms: ['theirs'], except: [b.id] }), []);
    assert.ok(a.connected);
  });

  scenario('servers speak to one another', async ({ here, there }) => {
    const heard = there.heard();
    here.serverSay('news', { n: 1 });
    assert.deepStrictEqual(await heard, ['news', { n: 1 }]);
    assert.deepStrictEqual(await here.serverAsk('question', 'well'), { received: ['well!'], timedOut: false });
  });
}

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

test('a Rust server serves its own clients while Redis is away, and is found again with it', async (t) => {
  const { connect, meeting } = await meetingOverRedis(t);
  const [here, there] = await clusterOf(t, ['rust', 'rust'], meeting);
  const a = await clientAt(t, here, 'a');
  const b = await clientAt(t, there, 'b');
  await connect.lose();
  const heard = next(a, 'meanwhile');
  here.emit({}, 'meanwhile', 1);
  await heard;
  assert.deepStrictEqual(await here.ask({}, 200, 1), { received: ['a'], timedOut: true });
  await connect.restart();
  await until(async () => (await here.count().catch(() => 0)) === 2);
  const again = next(b, 'again');
  here.emit({}, 'again', 2);
  assert.deepStrictEqual(await again, [2]);
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
