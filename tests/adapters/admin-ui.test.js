// `@socket.io/admin-ui`: what its page is told of a server, and what it makes the server do; by its protocol.
'use strict';

const test = require('node:test');
const assert = require('node:assert');
const { instrument } = require('@socket.io/admin-ui');
const { Adapter } = require('socket.io-adapter');
const { clientOf, next } = require('../node/harness');
const { join, serve, until } = require('./nodes');

/** What the page has been told, as lists of arguments by event. */
function record(client) {
  const told = new Map();
  client.onAny((event, ...args) => told.set(event, [...(told.get(event) || []), args]));
  return (event, isIt = () => true) => until(() => (told.get(event) || []).find((args) => isIt(...args)));
}

for (const [name, options] of [
  ['rooms in the engine', {}],
  ['rooms in an adapter', { adapter: Adapter }],
]) {
  test(`the page sees sockets, rooms and events, and acts on them (${name})`, async (t) => {
    const node = await serve(t, 'sori', options);
    instrument(node.io, { auth: false, mode: 'development', serverId: 'one' });
    const earlier = await join(t, node, 'earlier');
    const page = clientOf(t, node.port, '/admin');
    const told = record(page);
    const [{ supportedFeatures }] = await told('config');
    assert.ok(['EMIT', 'JOIN', 'LEAVE', 'DISCONNECT', 'MJOIN', 'MLEAVE', 'MDISCONNECT', 'ALL_EVENTS'].every((feature) => supportedFeatures.includes(feature)));
    const [sockets] = await told('all_sockets');
    const seen = sockets.find(({ id }) => id === earlier.socket.id);
    assert.deepStrictEqual([seen.nsp, seen.transport, seen.rooms], ['/', 'websocket', [earlier.socket.id]]);
    assert.strictEqual(seen.handshake.address, '127.0.0.1');

    const { client, socket } = await join(t, node, 'a', { transports: ['polling', 'websocket'] });
    await told('socket_connected', ({ id }) => id === socket.id);
    await told('socket_updated', ({ id, transport }) => id === socket.id && transport === 'websocket');
    page.emit('join', '/', 'room', socket.id);
    await told('room_joined', (nsp, room, id) => nsp === '/' && room === 'room' && id === socket.id);
    assert.ok(socket.rooms.has('room') && !earlier.socket.rooms.has('room'));
    const heard = next(client, 'hello');
    page.emit('emit', '/', 'room', 'hello', 1);
    assert.deepStrictEqual(await heard, [1]);
    await told('event_sent', (nsp, id, [event]) => id === socket.id && event === 'hello');
    client.emit('up', { x: 1 });
    await told('event_received', (nsp, id, args) => id === socket.id && args[0] === 'up' && args[1].x === 1);
    page.emit('leave', '/', 'room', socket.id);
    await told('room_left', (nsp, room, id) => room === 'room' && id === socket.id);
    const ended = next(client, 'disconnect');
    page.emit('_disconnect', '/', false, socket.id);
    assert.strictEqual((await ended)[0], 'io server disconnect');
    await told('socket_disconnected', (nsp, id, reason) => id === socket.id && reason === 'server namespace disconnect');

    const [stats] = await told('server_stats', ({ clientsCount }) => clientsCount >= 2);
    assert.strictEqual(stats.serverId, 'one');
    assert.deepStrictEqual(stats.namespaces.map((nsp) => nsp.name).sort(), ['/', '/admin']);
    const counted = new Set(stats.aggregatedEvents.map(({ type }) => type));
    assert.ok(['rawConnection', 'packetsIn', 'packetsOut', 'bytesIn', 'bytesOut'].every((type) => counted.has(type)), [...counted].join());
  });
}

test('the page has to know the password', async (t) => {
  const node = await serve(t, 'sori', {});
  // Of "secret".
  const password = '$2a$04$rCSlKh0MleTwuT7bt0k0keraum49W/kE/10IOlWoCdKerGMsJuSry';
  instrument(node.io, { auth: { type: 'basic', username: 'admin', password } });
  const stranger = clientOf(t, node.port, '/admin', { auth: { username: 'admin', password: 'wrong' } });
  const [error] = await next(stranger, 'connect_error');
  assert.strictEqual(error.message, 'invalid credentials');
  const page = clientOf(t, node.port, '/admin', { auth: { username: 'admin', password: 'secret' } });
  const [sessionId] = await next(page, 'session');
  assert.strictEqual(typeof sessionId, 'string');
});
