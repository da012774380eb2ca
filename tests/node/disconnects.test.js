// How connections end: the reason on both sides, and what is left behind.
'use strict';

const assert = require('assert/strict');
const http = require('http');
const net = require('net');
const { once } = require('events');
const { test } = require('node:test');
const { isOriginal, sori, serve, join, pair, next, handshake, raw, upgradeRequest, answerBarriers, barrier, TRANSPORTS } = require('./harness');

/** A polling session by hand that has joined the main namespace and read its CONNECT packet. */
async function session(io, port) {
  const { path, send, poll } = await handshake(port);
  const connected = next(io, 'connection');
  await send('40');
  const [socket] = await connected;
  await poll();
  return { path, send, poll, socket };
}

for (const transports of TRANSPORTS) {
  test(`the client leaves (${transports})`, async (t) => {
    const { io, port } = await serve(t);
    const { client, socket } = await pair(t, io, port, { transports });
    const events = [];
    socket.on('disconnecting', (...args) => events.push(['disconnecting', ...args, socket.connected]));
    socket.on('disconnect', (...args) => events.push(['disconnect', ...args, socket.connected]));
    const closed = next(socket.conn, 'close');
    client.disconnect();
    await closed;
    assert.deepEqual(events, [
      ['disconnecting', 'client namespace disconnect', undefined, true],
      ['disconnect', 'client namespace disconnect', undefined, false],
    ]);
    assert.equal(socket.disconnected, true);
    assert.equal(io.sockets.sockets.size, 0);
    assert.equal(io.engine.clientsCount, 0);
  });

  test(`the server disconnects a socket and keeps the connection (${transports})`, async (t) => {
    const { io, port } = await serve(t);
    io.of('/other').on('connection', answerBarriers);
    const { client, socket } = await pair(t, io, port, { transports });
    const other = client.io.socket('/other');
    await next(other, 'connect');
    const told = next(client, 'disconnect');
    let reason;
    socket.on('disconnect', (given) => {
      reason = given;
    });
    socket.emit('last words');
    assert.equal(socket.disconnect(), socket);
    assert.equal(reason, 'server namespace disconnect');
    assert.equal(socket.connected, false);
    socket.emit('too late');
    assert.equal((await told)[0], 'io server disconnect');
    assert.deepEqual(client.received, [['last words']]);
    await barrier(other);
    const again = next(io, 'connection');
    client.connect();
    const [second] = await again;
    assert.equal(second.conn.id, socket.conn.id);
    assert.notEqual(second.id, socket.id);
  });

  test(`the server closes the whole connection (${transports})`, async (t) => {
    const { io, port } = await serve(t);
    io.of('/other');
    const { client, socket } = await pair(t, io, port, { transports });
    const other = client.io.socket('/other');
    await next(other, 'connect');
    const [otherSocket] = io.of('/other').sockets.values();
    const reasons = [];
    socket.on('disconnect', (reason) => reasons.push(reason));
    otherSocket.on('disconnect', (reason) => reasons.push(reason));
    const told = Promise.all([next(client, 'disconnect'), next(other, 'disconnect')]);
    const closed = next(socket.conn, 'close');
    socket.disconnect(true);
    assert.deepEqual(reasons, ['server namespace disconnect', 'server namespace disconnect']);
    assert.deepEqual(
      (await told).map(([reason]) => reason),
      ['io server disconnect', 'io server disconnect'],
    );
    await closed;
    assert.equal(io.engine.clientsCount, 0);
  });

  test(`the engine's connection is closed (${transports})`, async (t) => {
    const { io, port } = await serve(t);
    const { client, socket } = await pair(t, io, port, { transports });
    const told = next(client, 'disconnect');
    const gone = next(socket, 'disconnect');
    socket.conn.close();
    assert.equal((await gone)[0], 'forced close');
    assert.equal((await told)[0], 'transport close');
    assert.equal(socket.conn.readyState, 'closed');
  });

  test(`the server shuts down (${transports})`, async (t) => {
    const { io, port, httpServer } = await serve(t);
    const { client, socket } = await pair(t, io, port, { transports });
    const told = next(client, 'disconnect');
    let reason;
    socket.on('disconnect', (given) => {
      reason = given;
    });
    const done = io.close();
    assert.equal(reason, 'server shutting down');
    // A polling client may find its request cut off before the close packet.
    assert.match((await told)[0], transports[0] === 'polling' ? /^transport (close|error)$/ : /^transport close$/);
    await done;
    assert.equal(httpServer.listening, false);
  });
}

test('disconnecting twice, or a socket that is gone, does nothing more', async (t) => {
  const { io, port } = await serve(t);
  const { socket } = await pair(t, io, port);
  let count = 0;
  socket.on('disconnect', () => {
    count += 1;
  });
  socket.disconnect();
  socket.disconnect();
  socket.disconnect(true);
  assert.equal(count, 1);
});

test('the peer closes its WebSocket without a word', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  const gone = next(socket, 'disconnect');
  client.io.engine.transport.ws.close();
  assert.equal((await gone)[0], 'transport close');
});

test('a client that does not answer pings is given up', async (t) => {
  const { io, port } = await serve(t, { pingInterval: 50, pingTimeout: 20 });
  const { sid, send } = await handshake(port);
  const connected = next(io, 'connection');
  await send('40');
  const [socket] = await connected;
  assert.equal(socket.conn.id, sid);
  assert.equal((await next(socket, 'disconnect'))[0], 'ping timeout');
});

test('an aborted poll is a transport error with its description', async (t) => {
  const { io, port } = await serve(t);
  const { path, send, socket } = await session(io, port);
  const req = http.get({ host: '127.0.0.1', port, path });
  req.on('error', () => {});
  const gone = next(socket, 'disconnect');
  await once(req, 'socket');
  // The poll is pending once the server has answered what came after it on another connection.
  await send('3');
  req.destroy();
  const [reason, description] = await gone;
  assert.equal(reason, 'transport error');
  assert.ok(description instanceof Error);
  assert.equal(description.type, 'TransportError');
});

for (const [packet, what] of [
  ['49', 'an unknown packet type'],
  ['42{"a":1}', 'an event that is no array'],
  ['42["disconnect"]', 'a reserved event name'],
  ['42["x"', 'broken JSON'],
  ['451-["x",{"_placeholder":true,"num":0}]\x1e4text', 'text where an attachment belongs'],
]) {
  test(`an invalid packet ends the connection after an error event: ${what}`, async (t) => {
    const { io, port } = await serve(t);
    const { socket, send, poll } = await session(io, port);
    const failed = next(socket, 'error');
    const gone = next(socket, 'disconnect');
    await send(packet);
    assert.match((await poll()).body, /(^|\x1e)1$/);
    assert.ok((await failed)[0] instanceof Error);
    assert.equal((await gone)[0], 'forced close');
  });
}

test('a placeholder that names no attachment ends the connection', async (t) => {
  const { io, port } = await serve(t);
  for (const num of ['1', '-1', '"0"', 'null']) {
    const { socket, send, poll } = await session(io, port);
    const failed = next(socket, 'error');
    const gone = next(socket, 'disconnect');
    await send(`451-["x",{"_placeholder":true,"num":${num}}]\x1ebAQID`);
    await poll();
    assert.ok((await failed)[0] instanceof Error);
    assert.equal((await gone)[0], 'forced close');
  }
});

test('broken Engine.IO packets are a parse error', async (t) => {
  const { io, port } = await serve(t);
  const { socket, send } = await session(io, port);
  const gone = next(socket, 'disconnect');
  await send('9zzz');
  assert.equal((await gone)[0], 'parse error');
});

test('a client that never joins a namespace is closed', async (t) => {
  const { io, port } = await serve(t, { connectTimeout: 50 });
  const opened = next(io.engine, 'connection');
  const answer = raw(t, port, upgradeRequest('/socket.io/?EIO=4&transport=websocket'), (text) => text.endsWith('\x88\x00'));
  const [connection] = await opened;
  assert.equal((await next(connection, 'close'))[0], 'forced close');
  assert.match(await answer, /\x88\x00$/);
});

test('an attacker’s deeply nested event neither crashes nor stalls the server', async (t) => {
  const { io, port } = await serve(t);
  const deep = 200000;
  const { socket, send } = await session(io, port);
  const ended = Promise.race([next(socket, 'error'), next(socket, 'deep')]);
  await send(`42["deep",${'['.repeat(deep)}${']'.repeat(deep)}]`);
  await ended;
  const { client } = await pair(t, io, port);
  await barrier(client);
});

test('close calls back and can be awaited, also when the HTTP server does not run', async () => {
  const io = new sori.Server(http.createServer());
  const [error] = await new Promise((resolve) => io.close((...args) => resolve(args)));
  assert.equal(error.code, 'ERR_SERVER_NOT_RUNNING');
  await io.close();
});

test('a server that was closed can listen again', async (t) => {
  const io = new sori.Server();
  io.on('connection', (socket) => socket.emit('hello'));
  for (let round = 0; round < 2; round++) {
    const httpServer = http.createServer();
    io.attach(httpServer);
    httpServer.listen(0, '127.0.0.1');
    await once(httpServer, 'listening');
    const client = await join(t, httpServer.address().port);
    const told = next(client, 'disconnect');
    io.close();
    await told;
    httpServer.closeAllConnections();
  }
});

test('closing the HTTP server closes the engine', async (t) => {
  const { io, port, httpServer } = await serve(t);
  const { client, socket } = await pair(t, io, port, { transports: ['polling'] });
  const gone = next(socket, 'disconnect');
  httpServer.close();
  httpServer.closeAllConnections();
  await gone;
  client.disconnect();
});

test('bytes that are no WebSocket frame end the connection', async (t) => {
  const { io, port } = await serve(t);
  // The end may be told in one go with the beginning.
  const ended = new Promise((resolve) => {
    io.engine.once('connection', (connection) => connection.once('close', (...told) => resolve(told)));
  });
  const unmasked = '\x81\x01x';
  // RFC 6455 §7.4.1: a close frame with 1002, protocol error.
  const answer = raw(t, port, upgradeRequest('/socket.io/?EIO=4&transport=websocket'), (text) => text.endsWith('\x88\x02\x03\xea'), unmasked);
  const [reason, description] = await ended;
  assert.equal(reason, 'transport error');
  assert.equal(description.type, 'TransportError');
  await answer;
});

if (!isOriginal) {
  for (const transports of TRANSPORTS) {
    test(`a server that closes within a time lets what is queued leave first (${transports})`, async (t) => {
      const { io, port } = await serve(t);
      const { client, socket } = await pair(t, io, port, { transports });
      const heard = next(client, 'last words');
      const ended = next(client, 'disconnect');
      const words = 'x'.repeat(8e6);
      socket.emit('last words', words);
      await io.close({ timeout: 60000 });
      assert.equal((await heard)[0].length, words.length);
      await ended;
    });
  }

  test('after its time a server that closes waits for nothing', async (t) => {
    const httpServer = http.createServer(() => {});
    const { io, port } = await serve(t, {}, httpServer);
    const request = net.connect(port, '127.0.0.1', () => request.write('GET /never-answered HTTP/1.1\r\nHost: sori\r\n\r\n'));
    t.after(() => request.destroy());
    await next(httpServer, 'request');
    const cut = next(request, 'close');
    request.on('error', () => {}).resume();
    await new Promise((resolve) => io.close({ timeout: 100 }, resolve));
    await cut;
    await assert.rejects(io.close({ timeout: 'soon' }), { name: 'TypeError', message: /takes a number of milliseconds/ });
  });
}
