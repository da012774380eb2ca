// `createAdapter()` of sori: clusters over Redis in the engine, among themselves and mixed with npm socket.io that has
// `@socket.io/redis-adapter`.
'use strict';

const http = require('http');
const { once } = require('events');
const test = require('node:test');
const assert = require('node:assert');
const npm = require('@socket.io/redis-adapter');
const streams = require('@socket.io/redis-streams-adapter');
const { createAdapter, createShardedAdapter, createStreamsAdapter, Server } = require('../../node-binding');
const { next, pair } = require('../node/harness');
const { cluster, join, serve, settled, until } = require('./nodes');
const { startRedis } = require('./redis');
const parser = require('./packed-parser');
const { clusterScenarios } = require('./scenarios');

async function meetingOverRedis(t) {
  const connect = await startRedis(t);
  const adapterFor = async (kind) => (kind === 'sori' ? createAdapter(`unix://${connect.socket}`) : npm.createAdapter(await connect(), await connect()));
  return { connect, adapterFor };
}

clusterScenarios("sori's createAdapter", async (t) => (await meetingOverRedis(t)).adapterFor);

// With channels of rooms a test would have to wait until Redis knows of them: `rust-scenarios.js` does.
const SHARDED = { channelPrefix: 'chat', subscriptionMode: 'static' };

clusterScenarios("sori's createShardedAdapter", async (t) => {
  const connect = await startRedis(t);
  return async (kind) => (kind === 'sori' ? createShardedAdapter(`unix://${connect.socket}`, SHARDED) : npm.createShardedAdapter(await connect(), await connect(), SHARDED));
});

// The readers of npm begin where the stream ends when they come to it: a stream that nothing is said in tells nothing of that.
clusterScenarios("sori's createStreamsAdapter", async (t) => {
  const connect = await startRedis(t);
  const options = { streamName: 'chat', channelPrefix: 'talk', streamCount: 3, maxLen: 1000, readCount: 10 };
  return async (kind) => (kind === 'sori' ? createStreamsAdapter(`unix://${connect.socket}`, options) : streams.createAdapter(await connect(), options));
});

test('a room has a channel of its own, which is heard where somebody is in it', async (t) => {
  const connect = await startRedis(t);
  const adapterFor = async (kind) => (kind === 'sori' ? createShardedAdapter(`unix://${connect.socket}`) : npm.createShardedAdapter(await connect(), await connect()));
  const nodes = await cluster(t, ['sori', 'socket.io'], adapterFor);
  const client = await connect();
  const isHeard = (servers) => until(async () => (await client.sendCommand(['PUBSUB', 'SHARDNUMSUB', 'socket.io#/#room#']))[1] === servers);
  const a = await join(t, nodes[0], 'a');
  const b = await join(t, nodes[1], 'b');
  await a.socket.join('room');
  await b.socket.join('room');
  await isHeard(2);
  const heard = [next(a.client, 'x'), next(b.client, 'x')];
  nodes[0].io.to('room').emit('x', 1);
  assert.deepStrictEqual(await Promise.all(heard), [[1], [1]]);
  const answered = [next(a.client, 'y'), next(b.client, 'y')];
  nodes[1].io.to('room').emit('y', Buffer.from([2]));
  assert.deepStrictEqual(await Promise.all(answered), [[Buffer.from([2])], [Buffer.from([2])]]);
  await a.socket.leave('room');
  await isHeard(1);
});

for (const kinds of [
  ['sori', 'sori'],
  ['sori', 'socket.io'],
  ['socket.io', 'sori'],
]) {
  const scenario = (title, run) =>
    test(`${title} (${kinds.join(' and ')})`, async (t) => {
      const { adapterFor } = await meetingOverRedis(t);
      const nodes = await cluster(t, kinds, adapterFor);
      const [here, there] = nodes.map((node) => node.io);
      await run({ t, nodes, here, there });
    });

  scenario('data is what it is when it is asked for, and a socket that comes from elsewhere has it as JSON', async ({ t, nodes, here }) => {
    const b = await join(t, nodes[1], 'b');
    const seen = async () => (await here.fetchSockets())[0].data;
    assert.deepStrictEqual(await seen(), { name: 'b' });
    b.socket.data.count = 1;
    b.socket.data.at = new Date(0);
    b.socket.data.bytes = Buffer.from([1]);
    const expected = { name: 'b', count: 1, at: '1970-01-01T00:00:00.000Z', bytes: { type: 'Buffer', data: [1] } };
    assert.deepStrictEqual(await seen(), expected);
    b.socket.data = 'nothing but text';
    assert.strictEqual(await seen(), 'nothing but text');
  });

  scenario('answers one by one come from both servers, those of the other without a socket', async ({ t, nodes, here }) => {
    if (nodes[0].kind !== 'sori') {
      return;
    }
    const a = await join(t, nodes[0], 'a');
    const b = await join(t, nodes[1], 'b');
    const asked = [a, b].map(({ client }) => next(client, 'vote'));
    const votes = here.timeout(60000).emitWithAnswers('vote');
    const [[answerOfA], [answerOfB]] = await Promise.all(asked);
    answerOfB({ seal: Buffer.from([2]) });
    assert.deepStrictEqual(await votes.next(), { value: { socket: undefined, answer: { seal: Buffer.from([2]) } }, done: false });
    answerOfA(1);
    const { value } = await votes.next();
    assert.strictEqual(value.socket, a.socket);
    assert.strictEqual(value.answer, 1);
    assert.deepStrictEqual(await votes.next(), { value: undefined, done: true });
    b.client.once('here', () => assert.fail('it is another server'));
    a.client.once('here', (answer) => answer(3));
    for await (const { socket, answer } of here.local.timeout(60000).emitWithAnswers('here')) {
      assert.deepStrictEqual([socket.id, answer], [a.socket.id, 3]);
    }
    await settled(here, [b.client]);
  });

  scenario('what is local stays on its server', async ({ t, nodes, here }) => {
    const a = await join(t, nodes[0], 'a');
    const b = await join(t, nodes[1], 'b');
    here.local.emit('local');
    here.local.socketsJoin('local');
    assert.deepStrictEqual((await here.local.fetchSockets()).map(({ id }) => id), [a.socket.id]);
    if (nodes[0].kind === 'sori') {
      // npm's waits for the others all the same.
      assert.deepStrictEqual(await here.local.timeout(5000).emitWithAck('ask'), ['a']);
    }
    const ended = next(a.socket, 'disconnect');
    here.local.disconnectSockets();
    await ended;
    await settled(here, [b.client]);
    assert.deepStrictEqual(b.client.received, []);
    assert.strictEqual(b.socket.rooms.has('local'), false);
    assert.strictEqual(b.client.connected, true);
  });

  scenario('answers of other servers hold whatever JSON does, and the first counts', async ({ there, here }) => {
    there.on('ask', (what, answer) => {
      answer({ what, deep: [null, 'ä\u2028'] });
      answer('again');
    });
    assert.deepStrictEqual(await here.serverSideEmitWithAck('ask', { n: 1 }), [{ what: { n: 1 }, deep: [null, 'ä\u2028'] }]);
    there.removeAllListeners('ask');
    there.on('ask', (answer) => answer());
    const [answer = null] = await here.serverSideEmitWithAck('ask');
    assert.strictEqual(answer, null);
  });

  scenario('acks of one server and of the other do not meet', async ({ t, nodes, here, there }) => {
    const a = await join(t, nodes[0], 'a');
    const b = await join(t, nodes[1], 'b');
    const questions = [];
    for (let n = 0; n < 20; n++) {
      questions.push(here.timeout(5000).emitWithAck('ask', n), there.timeout(5000).emitWithAck('ask', n));
      a.client.once(`own ${n}`, (answer) => answer(n));
      b.client.once(`own ${n}`, (answer) => answer(n));
      questions.push(a.socket.emitWithAck(`own ${n}`), b.socket.emitWithAck(`own ${n}`));
    }
    const answers = await Promise.all(questions);
    for (let n = 0; n < 20; n++) {
      const [ofHere, ofThere, ownOfA, ownOfB] = answers.slice(4 * n, 4 * n + 4);
      assert.deepStrictEqual([ofHere.sort(), ofThere.sort(), ownOfA, ownOfB], [['a', 'b'], ['a', 'b'], n, n]);
    }
  });

  scenario('what joins and leaves by order of another server is told to those who watch rooms', async ({ t, nodes, here, there }) => {
    const a = await join(t, nodes[0], 'a');
    const b = await join(t, nodes[1], 'b');
    const told = [];
    const watch = (io, name) => {
      for (const event of ['create-room', 'join-room', 'leave-room', 'delete-room']) {
        io.of('/').adapter.on(event, (room) => room.startsWith('r') && told.push(`${name} ${event} ${room}`));
      }
    };
    watch(here, 'here');
    watch(there, 'there');
    here.socketsJoin('r1');
    await until(() => told.length === 4);
    here.in(b.socket.id).socketsLeave('r1');
    await until(() => told.length === 6);
    assert.deepStrictEqual(
      told.filter((line) => line.startsWith('here')),
      ['here create-room r1', 'here join-room r1'],
    );
    assert.deepStrictEqual(
      told.filter((line) => line.startsWith('there')),
      ['there create-room r1', 'there join-room r1', 'there leave-room r1', 'there delete-room r1'],
    );
    there.of('/').adapter.removeAllListeners('create-room').removeAllListeners('join-room').removeAllListeners('leave-room').removeAllListeners('delete-room');
    here.in([a.socket.id, b.socket.id]).socketsJoin('r2');
    await until(() => b.socket.rooms.has('r2') && a.socket.rooms.has('r2'));
    assert.strictEqual(told.length, 8);
  });

  scenario('namespaces are apart', async ({ t, nodes, here, there }) => {
    for (const io of [here, there]) {
      io.of('/other');
    }
    await until(async () => (await here.of('/other').adapter.serverCount()) === 2);
    const a = await join(t, nodes[1], 'a');
    const other = a.client.io.socket('/other');
    const received = [];
    other.onAny((...event) => received.push(event));
    await next(other, 'connect');
    here.emit('main');
    here.of('/other').emit('other');
    const settledThere = next(other, 'settled');
    here.of('/other').emit('settled');
    await settledThere;
    assert.deepStrictEqual(received, [['other'], ['settled']]);
    await settled(here, [a.client]);
    assert.deepStrictEqual(a.client.received, [['main']]);
  });
}

test('a server that does not answer in time is told of, as with the adapter of npm', async (t) => {
  const { connect } = await meetingOverRedis(t);
  const adapterFor = () => createAdapter(`unix://${connect.socket}`, { requestsTimeout: 100 });
  const [{ io: here }, { io: there }] = await cluster(t, ['sori', 'sori'], adapterFor);
  // Nobody listens there.
  const error = await here.serverSideEmitWithAck('question').catch((reason) => reason);
  assert.match(error.message, /^timeout reached: only 0 responses received/);
  assert.deepStrictEqual(error.responses, []);
  // A subscriber of the channel that is no server is one that never answers.
  const silent = await connect();
  await silent.subscribe('socket.io-request#/#', () => {});
  await assert.rejects(here.fetchSockets(), /^Error: timeout reached while waiting for fetchSockets response$/);
  assert.strictEqual(await there.of('/').adapter.serverCount(), 3);
});

test('options are those of the adapter of npm', async (t) => {
  const connect = await startRedis(t);
  const settings = { key: 'chat', publishOnSpecificResponseChannel: true };
  const adapterFor = async (kind) => (kind === 'sori' ? createAdapter(`unix://${connect.socket}`, settings) : npm.createAdapter(await connect(), await connect(), settings));
  const nodes = await cluster(t, ['sori', 'socket.io'], adapterFor);
  await join(t, nodes[0], 'a');
  await join(t, nodes[1], 'b');
  for (const { io } of nodes) {
    assert.deepStrictEqual((await io.fetchSockets()).map(({ data }) => data.name).sort(), ['a', 'b']);
  }
  assert.throws(() => createAdapter({}), /takes the URL of a Redis/);
  assert.throws(() => createAdapter('redis://localhost', { requestsTimeout: 0 }), /cannot use 0 as its option "requestsTimeout"/);
  assert.throws(() => createAdapter('redis://localhost', { parser }), /has no option "parser"/);
  assert.throws(() => createShardedAdapter('redis://localhost', { subscriptionMode: 'all' }), /cannot use all as its option "subscriptionMode"/);
  assert.throws(() => createStreamsAdapter('redis://localhost', { streamCount: 0 }), /cannot use 0 as its option "streamCount"/);
  assert.throws(() => createShardedAdapter('redis://localhost', { key: 'chat' }), /has no option "key"/);
  assert.throws(() => new Server(0, { adapter: createAdapter('carrier-pigeon:coop') }), { name: 'TypeError', message: /no URL of a Redis/ });
  assert.throws(() => new Server({ adapter: createAdapter('redis://localhost'), parser }), /goes with the parsers that the engine knows/);
});

const WAYS = {
  'as an option': (httpServer, adapter) => new Server(httpServer, { adapter }),
  'before it is attached': (httpServer, adapter) => new Server().adapter(adapter).attach(httpServer),
  'after it is attached': (httpServer, adapter) => new Server(httpServer).adapter(adapter),
};

for (const [name, make] of Object.entries(WAYS)) {
  test(`it is set ${name}, for namespaces made earlier and later`, async (t) => {
    const { connect, adapterFor } = await meetingOverRedis(t);
    const httpServer = http.createServer().listen(0, '127.0.0.1');
    await once(httpServer, 'listening');
    const io = make(httpServer, createAdapter(`unix://${connect.socket}`));
    t.after(() => io.close());
    const later = io.of('/later');
    const other = await serve(t, 'socket.io', { adapter: await adapterFor('socket.io') });
    other.io.of('/later');
    for (const nsp of [io.of('/'), later]) {
      await until(async () => (await nsp.adapter.serverCount()) === 2);
    }
    const { client, socket } = await pair(t, io, httpServer.address().port);
    socket.join('room');
    const heard = next(client, 'x');
    other.io.to('room').emit('x', 1);
    assert.deepStrictEqual(await heard, [1]);
  });
}

test('a server serves its own clients while Redis is away, tells of it, and is found again with it', async (t) => {
  const { connect } = await meetingOverRedis(t);
  const adapters = [];
  const adapterFor = () => {
    adapters.push(createAdapter(`unix://${connect.socket}`, { requestsTimeout: 200 }));
    return adapters[adapters.length - 1];
  };
  const nodes = await cluster(t, ['sori', 'sori'], adapterFor);
  const [here] = nodes.map((node) => node.io);
  const a = await join(t, nodes[0], 'a');
  const b = await join(t, nodes[1], 'b');
  const failed = next(adapters[0], 'error');
  const warned = once(process, 'warning');
  await connect.lose();
  const [error] = await failed;
  assert.ok(error instanceof Error && error.message.length > 0);
  const [warning] = await warned;
  assert.strictEqual(warning.code, 'SORI_CLUSTER');
  adapters[0].on('error', () => {});
  const heard = next(a.client, 'meanwhile');
  here.emit('meanwhile', 1);
  await heard;
  const late = await here.timeout(200).emitWithAck('ask').catch((reason) => reason);
  assert.deepStrictEqual([late.message, late.responses], ['operation has timed out', ['a']]);
  await assert.rejects(here.of('/').adapter.serverCount(), /timeout reached/);
  const connected = next(adapters[0], 'connect');
  await connect.restart();
  await connected;
  await until(async () => (await here.of('/').adapter.serverCount().catch(() => 0)) === 2);
  const again = next(b.client, 'again');
  here.emit('again', 2);
  assert.deepStrictEqual(await again, [2]);
});

test('a closed server answers at once what is asked of it, and is no more of the cluster', async (t) => {
  const { adapterFor } = await meetingOverRedis(t);
  const [here, there] = await cluster(t, ['sori', 'sori'], adapterFor);
  const waiting = here.io.serverSideEmitWithAck('question').catch((reason) => reason);
  await here.io.close();
  assert.match((await waiting).message, /^timeout reached/);
  assert.deepStrictEqual(await here.io.serverSideEmitWithAck('question'), []);
  assert.deepStrictEqual(await here.io.fetchSockets(), []);
  assert.strictEqual(await here.io.of('/').adapter.serverCount(), 1);
  await until(async () => (await there.io.of('/').adapter.serverCount()) === 1);
});
