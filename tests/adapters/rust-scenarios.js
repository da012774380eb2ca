// What a cluster over Redis does that has Rust servers, among themselves and mixed with npm socket.io that speaks
// the same format.
'use strict';

const test = require('node:test');
const assert = require('node:assert');
const { createAdapter, createShardedAdapter } = require('@socket.io/redis-adapter');
const streams = require('@socket.io/redis-streams-adapter');
const { next } = require('../node/harness');
const { until } = require('./nodes');
const { startRedis } = require('./redis');
const { clusterOf, clientAt, settled, received } = require('./rust-node');

/** The third argument of Rust's example, and the adapter of npm that speaks that format. */
const FORMATS = {
  classic: (...clients) => createAdapter(...clients),
  static: (...clients) => createShardedAdapter(...clients, { subscriptionMode: 'static' }),
  dynamic: (...clients) => createShardedAdapter(...clients),
  'dynamic-private': (...clients) => createShardedAdapter(...clients, { subscriptionMode: 'dynamic-private' }),
  streams: (client) => streams.createAdapter(client),
  recovery: (client) => streams.createAdapter(client),
};

/** Resolves when Redis knows of `servers` that hear a room's own channel, in formats where rooms have one. */
async function isHeard(connect, format, room, servers) {
  if (format.startsWith('dynamic')) {
    const client = await connect();
    await until(async () => (await client.sendCommand(['PUBSUB', 'SHARDNUMSUB', `socket.io#/#${room}#`]))[1] === servers);
  }
}

async function meetingOverRedis(t, format = 'classic') {
  const connect = await startRedis(t);
  const meeting = async () => {
    const clients = [await connect(), await connect()];
    return {
      url: `unix://${connect.socket}`,
      format,
      options: format === 'recovery' ? { connectionStateRecovery: {} } : {},
      // Made when it is asked for: that of streams connects at once, and ends with its server alone.
      get adapter() {
        return FORMATS[format](...clients);
      },
    };
  };
  return { connect, meeting };
}

/** What a cluster of two servers of `kinds` does in a format. */
function rustScenarios(format, kinds) {
  const scenario = (title, run) =>
    test(`${title} (${format}, ${kinds.join(' and ')})`, async (t) => {
      const { connect, meeting } = await meetingOverRedis(t, format);
      const [here, there] = await clusterOf(t, kinds, meeting);
      const a = await clientAt(t, here, 'a');
      const b = await clientAt(t, there, 'b');
      await run({ t, connect, here, there, a, b });
    });

  scenario('a broadcast reaches the members of a room on both servers, once and in order', async ({ t, connect, here, there, a, b }) => {
    const c = await clientAt(t, there, 'c');
    await a.enter('room', 'other');
    await b.enter('room', 'other');
    await isHeard(connect, format, 'room', 2);
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
    // npm's adapters may let what is for its own clients overtake what is for all.
    const isLocal = ([event]) => event === 'local';
    assert.deepStrictEqual(received(a).filter((message) => !isLocal(message)), [...both, ['not b', 1]]);
    assert.deepStrictEqual(received(a).filter(isLocal), [['local', 1]]);
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

/** Redis goes away and comes back. */
function lostAndFound(format) {
  test(`a Rust server serves its own clients while Redis is away, and is found again with it (${format})`, async (t) => {
    const { connect, meeting } = await meetingOverRedis(t, format);
    const [here, there] = await clusterOf(t, ['rust', 'rust'], meeting);
    const a = await clientAt(t, here, 'a');
    const b = await clientAt(t, there, 'b');
    await b.enter('room');
    await connect.lose();
    const heard = next(a, 'meanwhile');
    here.emit({}, 'meanwhile', 1);
    await heard;
    assert.deepStrictEqual(await here.ask({}, 200, 1), { received: ['a'], timedOut: true });
    await connect.restart();
    await until(async () => (await here.count().catch(() => 0)) === 2 && (await there.count().catch(() => 0)) === 2);
    await isHeard(connect, format, 'room', 1);
    const again = next(b, 'again');
    here.emit({ rooms: ['room'] }, 'again', 2);
    assert.deepStrictEqual(await again, [2]);
  });
}

module.exports = { meetingOverRedis, rustScenarios, lostAndFound };
