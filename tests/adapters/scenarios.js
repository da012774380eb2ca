// What a cluster of two servers does, whatever its adapter and whichever kinds of servers it is made of.
'use strict';

const test = require('node:test');
const assert = require('node:assert');
const { next } = require('../node/harness');
const { cluster, join, settled, until } = require('./nodes');

/** `adapterFor(t)` gives a function that makes the adapter of one server of a kind. */
function clusterScenarios(name, adapterFor) {
  for (const kinds of [
    ['sori', 'sori'],
    ['sori', 'socket.io'],
    ['socket.io', 'sori'],
  ]) {
    const scenario = (title, run) =>
      test(`${title} (${name}, ${kinds.join(' and ')})`, async (t) => {
        const nodes = await cluster(t, kinds, await adapterFor(t));
        const [here, there] = nodes.map((node) => node.io);
        const a = await join(t, nodes[0], 'a');
        const b = await join(t, nodes[1], 'b');
        await run({ t, nodes, here, there, a, b });
      });
    broadcasts(scenario);
    rooms(scenario);
    asking(scenario);
  }
}

function broadcasts(scenario) {
  scenario('a broadcast reaches the members of a room on both servers, once and in order', async ({ here, there, a, b, nodes, t }) => {
    const c = await join(t, nodes[1], 'c');
    await a.socket.join(['room', 'other']);
    await b.socket.join(['room', 'other']);
    assert.ok(b.socket.rooms.has('room'));
    here.to('room').emit('text', 1, { ä: '\u2028' });
    here.to(['room', 'other']).emit('bytes', Buffer.from([1, 2]));
    there.to('room').except(b.socket.id).emit('not b');
    here.local.emit('local');
    b.socket.to('room').emit('from b');
    await settled(here, [a.client, b.client, c.client]);
    await settled(there, [a.client, b.client, c.client]);
    const both = [
      ['text', 1, { ä: '\u2028' }],
      ['bytes', Buffer.from([1, 2])],
    ];
    assert.deepStrictEqual(b.client.received, both);
    assert.deepStrictEqual(c.client.received, []);
    const fromThere = ['not b', 'from b'];
    const names = a.client.received.map(([event]) => event);
    assert.deepStrictEqual(a.client.received.filter(([event]) => event === 'text' || event === 'bytes'), both);
    assert.deepStrictEqual(names.filter((event) => fromThere.includes(event)), fromThere);
    assert.deepStrictEqual(names.filter((event) => event === 'local'), ['local']);
    assert.strictEqual(names.length, 5);
  });

  scenario('acks of a broadcast come from both servers', async ({ here, a, b }) => {
    const answers = await here.timeout(5000).emitWithAck('ask', 1);
    assert.deepStrictEqual(answers.sort(), ['a', 'b']);
    a.client.off('ask');
    const error = await here.timeout(200).emitWithAck('ask', 2).catch((reason) => reason);
    assert.strictEqual(error.message, 'operation has timed out');
    assert.deepStrictEqual(error.responses, ['b']);
    assert.strictEqual(a.socket.acks.size, 0);
    assert.strictEqual(b.client.connected, true);
  });
}

function rooms(scenario) {
  scenario('sockets of the other server are joined, left and disconnected', async ({ here, there, a, b }) => {
    here.socketsJoin('all');
    await until(() => a.socket.rooms.has('all') && b.socket.rooms.has('all'));
    here.in('all').except(a.socket.id).socketsLeave('all');
    await until(() => !b.socket.rooms.has('all'));
    assert.ok(a.socket.rooms.has('all'));
    const ended = next(b.socket, 'disconnect');
    const told = next(b.client, 'disconnect');
    here.in(b.socket.id).disconnectSockets();
    assert.strictEqual((await ended)[0], 'server namespace disconnect');
    assert.strictEqual((await told)[0], 'io server disconnect');
    assert.strictEqual(a.client.connected, true);
    const closed = next(a.client, 'disconnect');
    there.disconnectSockets(true);
    await closed;
  });

  scenario('sockets of the other server are seen, and reached', async ({ here, a, b }) => {
    await b.socket.join('theirs');
    const all = await here.fetchSockets();
    assert.deepStrictEqual(all.map((socket) => socket.data.name).sort(), ['a', 'b']);
    const local = all.find((socket) => socket.id === a.socket.id);
    assert.strictEqual(local, a.socket);
    const remote = all.find((socket) => socket.id === b.socket.id);
    assert.deepStrictEqual(remote.rooms, new Set([b.socket.id, 'theirs']));
    assert.strictEqual(remote.handshake.auth.name, 'b');
    assert.deepStrictEqual(await here.in('theirs').fetchSockets().then((found) => found.map(({ id }) => id)), [b.socket.id]);
    const greeted = next(b.client, 'greet');
    remote.emit('greet', 'you');
    assert.deepStrictEqual(await greeted, ['you']);
    assert.strictEqual(await new Promise((resolve, reject) => remote.timeout(5000).emit('ask', (error, answer) => (error ? reject(error) : resolve(answer)))), 'b');
    remote.join('more');
    await until(() => b.socket.rooms.has('more'));
    remote.leave('more');
    await until(() => !b.socket.rooms.has('more'));
    const ended = next(b.socket, 'disconnect');
    remote.disconnect(true);
    await ended;
  });
}

function asking(scenario) {
  scenario('servers speak to one another', async ({ here, there }) => {
    const heard = next(there, 'news');
    here.serverSideEmit('news', { n: 1 });
    assert.deepStrictEqual(await heard, [{ n: 1 }]);
    there.on('question', (word, answer) => answer(`${word}!`));
    assert.deepStrictEqual(await here.serverSideEmitWithAck('question', 'well'), ['well!']);
    assert.throws(() => here.serverSideEmit('connection'), /"connection" is a reserved event name/);
  });
}

module.exports = { clusterScenarios };
