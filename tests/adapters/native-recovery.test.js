// Connection state recovery over Redis Streams in the engine: sockets come back to another server than the one they were
// lost to, among Sori servers and mixed with npm socket.io that has `@socket.io/redis-streams-adapter`.
'use strict';

const test = require('node:test');
const assert = require('node:assert');
const streams = require('@socket.io/redis-streams-adapter');
const { createStreamsAdapter } = require('../../node-binding');
const { clientOf, next } = require('../node/harness');
const { cluster, join, until } = require('./nodes');
const { startRedis } = require('./redis');

async function meetingOverRedis(t, options = {}) {
  const connect = await startRedis(t);
  const redis = await connect();
  const adapterFor = async (kind) => (kind === 'sori' ? createStreamsAdapter(`unix://${connect.socket}`, options) : streams.createAdapter(await connect(), options));
  const nodesOf = (kinds, recovery = {}) => cluster(t, kinds, adapterFor, { connectionStateRecovery: recovery });
  return { connect, redis, nodesOf };
}

/** Breaks a client's connection without a word; gives what it needs to come back once another server can find it. */
async function lose(redis, { client, socket }, prefix = 'sio:session:') {
  const gone = next(socket, 'disconnect');
  client.io.engine.close();
  await gone;
  await until(() => redis.exists(prefix + client._pid));
  return { pid: client._pid, offset: client._lastOffset };
}

/** A client that claims to be the one that was lost. */
async function comeBack(t, { io, port }, claim) {
  const connected = next(io, 'connection');
  const client = clientOf(t, port, '/', { auth: claim });
  const [[socket]] = await Promise.all([connected, next(client, 'connect')]);
  return { client, socket };
}

/** A client that has seen an offset. */
async function joinAndSee(t, node, name) {
  const guest = await join(t, node, name);
  guest.socket.emit('first');
  await next(guest.client, 'first');
  guest.client.received.length = 0;
  return guest;
}

for (const kinds of [
  ['sori', 'sori'],
  ['sori', 'socket.io'],
  ['socket.io', 'sori'],
]) {
  const title = (what) => `${what} (${kinds.join(' to ')})`;

  test(title('a client comes back to another server with its id, its rooms, its data and what it missed'), async (t) => {
    const { redis, nodesOf } = await meetingOverRedis(t);
    const nodes = await nodesOf(kinds);
    const [here, there] = nodes.map(({ io }) => io);
    const lost = await joinAndSee(t, nodes[0], 'a');
    lost.socket.data.color = { name: 'red', parts: [1, 0.5, null] };
    lost.socket.join(['room', 'other']);
    const claim = await lose(redis, lost);
    here.to('room').emit('missed', 1);
    await until(async () => (await redis.xLen('socket.io')) >= 2);
    there.in(['room', 'other']).emit('missed', 2, Buffer.from('x'));
    await until(async () => (await redis.xLen('socket.io')) >= 3);
    there.to('nobody').emit('not missed');
    there.except('room').emit('not missed');
    here.to(lost.socket.id).emit('missed', 3);
    await until(async () => (await redis.xLen('socket.io')) >= 6);
    const back = await comeBack(t, nodes[1], claim);
    assert.deepStrictEqual(
      [back.socket.recovered, back.socket.id, back.client.id, back.socket.data, back.socket.rooms],
      [true, lost.socket.id, lost.socket.id, { name: 'a', color: { name: 'red', parts: [1, 0.5, null] } }, new Set([lost.socket.id, 'room', 'other'])],
    );
    assert.deepStrictEqual(back.client.received.map((event) => event.slice(0, -1)), [['missed', 1], ['missed', 2, Buffer.from('x')], ['missed', 3]]);
    const live = next(back.client, 'live');
    here.to('room').emit('live', 4);
    assert.strictEqual((await live)[0], 4);
    assert.strictEqual(await redis.exists(`sio:session:${claim.pid}`), 0);
    // And from there to where it came from.
    const again = await lose(redis, back);
    there.emit('missed', 5);
    await until(async () => (await redis.xLen('socket.io')) >= 8);
    const home = await comeBack(t, nodes[0], again);
    assert.deepStrictEqual([home.socket.recovered, home.socket.id, home.socket.data.color.name], [true, lost.socket.id, 'red']);
    assert.deepStrictEqual(home.client.received.map(([event, n]) => [event, n]), [['missed', 5]]);
  });

  test(title('its server has ended, and it comes back'), async (t) => {
    const { redis, nodesOf } = await meetingOverRedis(t);
    const nodes = await nodesOf(kinds);
    const lost = await joinAndSee(t, nodes[0], 'a');
    lost.socket.data.color = 'red';
    await nodes[0].io.close();
    const claim = { pid: lost.client._pid, offset: lost.client._lastOffset };
    await until(() => redis.exists(`sio:session:${claim.pid}`));
    nodes[1].io.emit('missed');
    await until(async () => (await redis.xLen('socket.io')) === 2);
    const back = await comeBack(t, nodes[1], claim);
    assert.deepStrictEqual([back.socket.recovered, back.socket.id, back.socket.data.color], [true, lost.socket.id, 'red']);
    assert.deepStrictEqual(back.client.received.map(([event]) => event), ['missed']);
  });

  test(title('of two that claim to be one socket one is it'), async (t) => {
    const { redis, nodesOf } = await meetingOverRedis(t);
    const nodes = await nodesOf(kinds);
    const lost = await joinAndSee(t, nodes[0], 'a');
    const claim = await lose(redis, lost);
    const back = await Promise.all(nodes.map((node) => comeBack(t, node, claim)));
    assert.deepStrictEqual(back.map(({ socket }) => socket.recovered).sort(), [false, true]);
    assert.notStrictEqual(back[0].socket.id, back[1].socket.id);
  });

  test(title('what cannot be found makes a new socket'), async (t) => {
    const { redis, nodesOf } = await meetingOverRedis(t);
    const nodes = await nodesOf(kinds);
    const lost = await joinAndSee(t, nodes[0], 'a');
    const claim = await lose(redis, lost);
    for (const wrong of [{ ...claim, pid: 'nobodynobody' }, { ...claim, offset: 'x' }, { ...claim, offset: '1-1' }]) {
      const back = await comeBack(t, nodes[1], wrong);
      assert.deepStrictEqual([back.socket.recovered, back.socket.id === lost.socket.id], [false, false]);
    }
  });
}

// Socket.IO's own broadcasts reach its clients before what stands in front of them in the stream, so that an offset may skip
// that: there only the other server speaks.
for (const [kinds, speakers] of [
  [['sori', 'sori'], [0, 1]],
  [['socket.io', 'sori'], [1]],
]) {
  test(`while servers say much, nothing is missed and nothing comes twice (${kinds.join(' to ')})`, async (t) => {
    const { redis, nodesOf } = await meetingOverRedis(t);
    const nodes = await nodesOf(kinds);
    const guests = [];
    for (let n = 0; n < 20; n++) {
      guests.push(await joinAndSee(t, nodes[0], `guest ${n}`));
    }
    let said = 0;
    const say = () => {
      said += 1;
      speakers.forEach((from) => nodes[from].io.emit('said', from, said));
    };
    const saying = setInterval(() => Array.from({ length: 10 }, say), 1);
    t.after(() => clearInterval(saying));
    await until(() => said > 200);
    const returns = guests.map(async (lost) => {
      const claim = await lose(redis, lost);
      const client = clientOf(t, nodes[1].port, '/', { auth: claim });
      await next(client, 'connect');
      return { lost, client };
    });
    const back = await Promise.all(returns);
    const atReturn = said;
    await until(() => said > atReturn + 200);
    clearInterval(saying);
    await until(() => back.every(({ client }) => speakers.every((from) => client.received.some(([, by, n]) => by === from && n === said))));
    for (const { lost, client } of back) {
      assert.strictEqual(client.id, lost.socket.id);
      const all = [...lost.client.received, ...client.received];
      for (const from of speakers) {
        const numbers = all.filter(([, by]) => by === from).map(([, , n]) => n);
        assert.deepStrictEqual(numbers, Array.from({ length: said }, (_, i) => i + 1), `${lost.client.auth.name} of ${from}`);
      }
    }
  });
}

test('every client sees one order, whichever server says what', async (t) => {
  const { nodesOf } = await meetingOverRedis(t);
  const nodes = await nodesOf(['sori', 'sori', 'sori']);
  const guests = await Promise.all(nodes.map((node) => join(t, node, 'a')));
  for (let n = 0; n < 200; n++) {
    nodes.forEach(({ io }, from) => io.emit('said', from, n));
    if (n % 20 === 0) {
      await new Promise(setImmediate);
    }
  }
  await until(() => guests.every(({ client }) => client.received.length === 600));
  const [first, ...others] = guests.map(({ client }) => client.received);
  others.forEach((received) => assert.deepStrictEqual(received, first));
});

test('without Redis a client comes back as a new one, and broadcasts reach the own clients; with it all is as before', async (t) => {
  const { connect, redis, nodesOf } = await meetingOverRedis(t);
  const nodes = await nodesOf(['sori', 'sori']);
  const lost = await joinAndSee(t, nodes[0], 'a');
  const stays = await join(t, nodes[1], 'b');
  const claim = await lose(redis, lost);
  const errors = next(nodes[1].io.opts.adapter, 'error');
  await connect.lose();
  await errors;
  const back = await comeBack(t, nodes[1], claim);
  assert.strictEqual(back.socket.recovered, false);
  nodes[1].io.emit('said', 1);
  stays.socket.emit('said', 2);
  await until(() => stays.client.received.length === 2);
  assert.deepStrictEqual(stays.client.received, [['said', 1], ['said', 2]]);
  const found = nodes.map(({ io }) => next(io.opts.adapter, 'connect'));
  await connect.restart();
  await Promise.all(found);
  const other = await join(t, nodes[0], 'c');
  for (const [{ io }, { client }] of [[nodes[1], stays], [nodes[0], other]]) {
    // When both its connections are back it gives offsets again.
    await until(async () => {
      const heard = next(client, 'again');
      io.to(client.id).emit('again');
      return (await heard).length > 0;
    });
  }
  const ticket = await lose(redis, stays);
  nodes[1].io.emit('missed');
  await until(async () => (await redis.xRevRange('socket.io', '+', '-', { COUNT: 1 }))[0].message.data.includes('missed'));
  const home = await comeBack(t, nodes[0], ticket);
  assert.deepStrictEqual([home.socket.recovered, home.client.received.at(-1)[0]], [true, 'missed']);
});

test('the prefix of records and several streams are those that are set, and only the time that is set is given', async (t) => {
  const { redis, nodesOf } = await meetingOverRedis(t, { sessionKeyPrefix: 'away:', streamCount: 3, streamName: 'chat' });
  const nodes = await nodesOf(['sori', 'sori'], { maxDisconnectionDuration: 30000 });
  const lost = await joinAndSee(t, nodes[0], 'a');
  const claim = await lose(redis, lost, 'away:');
  const left = await redis.pTTL(`away:${claim.pid}`);
  assert.ok(left > 0 && left <= 30000, `${left}`);
  assert.strictEqual((await comeBack(t, nodes[1], claim)).socket.recovered, true);
});

test('a middleware sees the data of one that comes back, and one that it keeps out can try again', async (t) => {
  const { redis, nodesOf } = await meetingOverRedis(t);
  const nodes = await nodesOf(['sori', 'sori'], { skipMiddlewares: false });
  const lost = await joinAndSee(t, nodes[0], 'a');
  lost.socket.data.color = 'red';
  const claim = await lose(redis, lost);
  const seen = [];
  nodes[1].io.use((socket, proceed) => {
    seen.push([socket.recovered, socket.data.color]);
    proceed(seen.length === 1 ? new Error('not now') : undefined);
  });
  const keptOut = clientOf(t, nodes[1].port, '/', { auth: claim });
  const [error] = await next(keptOut, 'connect_error');
  assert.strictEqual(error.message, 'not now');
  await until(() => redis.exists(`sio:session:${claim.pid}`));
  const back = await comeBack(t, nodes[1], claim);
  assert.deepStrictEqual([back.socket.recovered, back.socket.id, seen], [true, lost.socket.id, [[true, 'red'], [true, 'red']]]);
});

test('one whose server disconnects it does not come back', async (t) => {
  const { redis, nodesOf } = await meetingOverRedis(t);
  const nodes = await nodesOf(['sori', 'sori']);
  const sent = await joinAndSee(t, nodes[0], 'a');
  const gone = next(sent.client, 'disconnect');
  sent.socket.disconnect();
  await gone;
  const back = await comeBack(t, nodes[1], { pid: sent.client._pid, offset: sent.client._lastOffset });
  assert.strictEqual(back.socket.recovered, false);
  assert.deepStrictEqual(await redis.keys('sio:session:*'), []);
});
