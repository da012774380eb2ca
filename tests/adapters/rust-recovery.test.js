// Connection state recovery between Rust servers that meet over a Redis stream, among themselves and mixed with npm
// socket.io that has `@socket.io/redis-streams-adapter`.
'use strict';

const test = require('node:test');
const assert = require('node:assert');
const { clientOf, next } = require('../node/harness');
const { until } = require('./nodes');
const { clusterOf, clientAt } = require('./rust-node');
const { meetingOverRedis } = require('./rust-scenarios');

/** Breaks a client's connection without a word; gives what it needs to come back once another server can find it. */
async function lose(redis, client) {
  const claim = { pid: client._pid, offset: client._lastOffset };
  client.io.engine.close();
  await until(() => redis.exists(`sio:session:${claim.pid}`));
  return claim;
}

/** A client that claims to be the one that was lost. */
async function comeBack(t, { port }, { pid, offset }) {
  const client = clientOf(t, port, '/', { auth: { name: 'another' } });
  Object.assign(client, { _pid: pid, _lastOffset: offset });
  await next(client, 'connect');
  return client;
}

/** Resolves when `node` has said something that stands in the stream. */
async function said(redis, say) {
  const before = await redis.xLen('socket.io');
  say();
  await until(async () => (await redis.xLen('socket.io')) > before);
}

const names = (client) => client.received.map((event) => event.slice(0, -1));

for (const kinds of [
  ['rust', 'rust'],
  ['rust', 'socket.io'],
  ['socket.io', 'rust'],
]) {
  const title = (what) => `${what} (${kinds.join(' to ')})`;

  test(title('a client comes back to another server with its id, its rooms, its data and what it missed'), async (t) => {
    const { connect, meeting } = await meetingOverRedis(t, 'recovery');
    const [here, there] = await clusterOf(t, kinds, meeting);
    const redis = await connect();
    const lost = await clientAt(t, here, 'a');
    await lost.enter('room', 'other');
    const seen = next(lost, 'seen');
    here.emit({}, 'seen', 0);
    await seen;
    const { id } = lost;
    const claim = await lose(redis, lost);
    await said(redis, () => here.emit({ rooms: ['room'] }, 'missed', 1));
    await said(redis, () => there.emit({ rooms: ['room', 'other'] }, 'missed', Buffer.from('x')));
    await said(redis, () => there.emit({ rooms: ['nobody'] }, 'not missed', 0));
    await said(redis, () => there.emit({ except: ['room'] }, 'not missed', 0));
    await said(redis, () => here.emit({ rooms: [id] }, 'missed', 3));
    const back = await comeBack(t, there, claim);
    assert.deepStrictEqual([back.recovered, back.id], [true, id]);
    await until(() => back.received.length === 3);
    assert.deepStrictEqual(names(back), [['missed', 1], ['missed', Buffer.from('x')], ['missed', 3]]);
    const found = await here.fetch({ rooms: ['room'] });
    assert.deepStrictEqual(
      found.map((socket) => [socket.id, socket.name, [...socket.rooms].sort()]),
      [[id, 'a', [id, 'room', 'other'].sort()]],
    );
    const live = next(back, 'live');
    here.emit({ rooms: ['other'] }, 'live', 4);
    assert.strictEqual((await live)[0], 4);
    assert.strictEqual(await redis.exists(`sio:session:${claim.pid}`), 0);
    // And from there to where it came from.
    const again = await lose(redis, back);
    await said(redis, () => there.emit({}, 'missed', 5));
    const home = await comeBack(t, here, again);
    assert.deepStrictEqual([home.recovered, home.id], [true, id]);
    await until(() => home.received.length === 1);
    assert.deepStrictEqual(names(home), [['missed', 5]]);
  });

  test(title('whom nobody awaits is a new socket'), async (t) => {
    const { connect, meeting } = await meetingOverRedis(t, 'recovery');
    const [here, there] = await clusterOf(t, kinds, meeting);
    const redis = await connect();
    const lost = await clientAt(t, here, 'a');
    const seen = next(lost, 'seen');
    here.emit({}, 'seen', 0);
    await seen;
    const claim = await lose(redis, lost);
    const stranger = await comeBack(t, there, { ...claim, pid: 'nobody' });
    assert.strictEqual(stranger.recovered, false);
    const [first, second] = await Promise.all([comeBack(t, there, claim), comeBack(t, here, claim)]);
    assert.deepStrictEqual([first, second].map((client) => client.recovered).sort(), [false, true]);
  });
}
