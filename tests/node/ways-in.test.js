// The ways in: an own port, a port shared with others, TLS, a pipe. Taken-over sockets and fed ones must look the same.
'use strict';

const assert = require('assert/strict');
const fs = require('fs');
const http = require('http');
const https = require('https');
const os = require('os');
const path = require('path');
const { execFile } = require('child_process');
const { once } = require('events');
const { Worker } = require('worker_threads');
const { test } = require('node:test');
const { io: connect } = require('socket.io-client');
const { sori, isOriginal, serve, clientOf, join, pair, next, request, barrier, TRANSPORTS } = require('./harness');

const TLS = {
  key: fs.readFileSync(path.join(__dirname, 'tls/key.pem')),
  cert: fs.readFileSync(path.join(__dirname, 'tls/cert.pem')),
};

test('listeners that the HTTP server had keep what is not ours', async (t) => {
  const seen = [];
  const httpServer = http.createServer((req, res) => {
    seen.push(req.url);
    res.end('application');
  });
  const { port } = await serve(t, {}, httpServer);
  httpServer.on('request', (req) => seen.push(`later ${req.url.split('?')[0]}`));
  assert.equal((await request(port, '/page')).body, 'application');
  assert.equal((await request(port, '/socket.io/?EIO=4&transport=polling')).status, 200);
  assert.deepEqual(seen, ['/page', 'later /page', 'later /socket.io/']);
});

test('two servers share one port by their paths', async (t) => {
  const { io: first, port, httpServer } = await serve(t, { path: '/one' });
  const second = new sori.Server(httpServer, { path: '/two' });
  first.on('connection', (socket) => socket.emit('from', 'one'));
  second.on('connection', (socket) => socket.emit('from', 'two'));
  for (const transports of TRANSPORTS) {
    for (const name of ['one', 'two']) {
      const client = clientOf(t, port, '/', { path: `/${name}`, transports });
      assert.deepEqual(await next(client, 'from'), [name]);
    }
  }
  second.close();
});

test('a server that was closed leaves the HTTP server as it was', { skip: isOriginal }, async (t) => {
  const httpServer = http.createServer((req, res) => res.end('application'));
  const listeners = () => ['request', 'upgrade', 'close', 'listening'].map((event) => [event, httpServer.listeners(event)]);
  const before = listeners();
  const { io } = await serve(t, {}, httpServer);
  const [[, [ours]]] = listeners();
  assert.notEqual(ours, before[0][1][0]);
  const later = () => {};
  httpServer.on('request', later);
  await io.close();
  httpServer.off('request', later);
  assert.deepEqual(listeners(), before);
  // A server that never ran has no end to wait for.
  const second = new sori.Server(httpServer);
  await second.close();
  assert.deepEqual(listeners(), before);
});

test('an HTTP server whose first server was closed serves the next one', { skip: isOriginal }, async (t) => {
  const { io: first, port, httpServer } = await serve(t);
  const client = await join(t, port);
  const told = next(client, 'disconnect');
  await first.close();
  await told;
  const second = new sori.Server(httpServer);
  httpServer.listen(0, '127.0.0.1');
  await once(httpServer, 'listening');
  t.after(() => second.close());
  for (const transports of TRANSPORTS) {
    const connected = next(second, 'connection');
    const again = clientOf(t, httpServer.address().port, '/', { transports });
    const [socket] = await connected;
    const gone = next(socket.conn, 'close');
    await next(again, 'connect');
    again.disconnect();
    await gone;
  }
});

test('addresses answer as long as somebody asks', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  const { request: req } = socket;
  const check = () => {
    assert.equal(req.socket.remoteAddress, '127.0.0.1');
    assert.equal(req.connection.remoteAddress, '127.0.0.1');
    assert.equal(req.socket.remoteFamily, 'IPv4');
    assert.equal(typeof req.socket.remotePort, 'number');
    assert.equal(socket.handshake.address, '127.0.0.1');
    assert.equal(socket.conn.remoteAddress, '127.0.0.1');
  };
  check();
  if (!isOriginal) {
    assert.equal(req.socket.localPort, port);
    assert.equal(req.socket.localAddress, '127.0.0.1');
  }
  const gone = next(socket.conn, 'close');
  client.disconnect();
  await gone;
  check();
});

for (const transports of TRANSPORTS) {
  test(`TLS that Node terminates (${transports})`, async (t) => {
    const { io, port } = await serve(t, {}, https.createServer(TLS));
    io.on('connection', (socket) => socket.on('echo', (...args) => socket.emit('echo', ...args)));
    const { client, socket } = await pair(t, io, port, { transports, secure: true, rejectUnauthorized: false });
    assert.equal(socket.handshake.secure, true);
    const big = 'x'.repeat(300000);
    client.emit('echo', big, Buffer.from(big));
    assert.deepEqual(await next(client, 'echo'), [big, Buffer.from(big)]);
    const gone = next(socket.conn, 'close');
    client.disconnect();
    await gone;
    assert.equal(io.engine.clientsCount, 0);
  });
}

test('much goes through in both directions without loss', async (t) => {
  const { io, port } = await serve(t, { maxHttpBufferSize: 1e8 });
  const { client, socket } = await pair(t, io, port);
  const chunk = 'é'.repeat(50000);
  let length = 0;
  socket.on('chunk', (text) => {
    length += text.length;
    socket.emit('chunk', text);
  });
  for (let i = 0; i < 100; i++) {
    client.emit('chunk', chunk);
  }
  await barrier(client);
  assert.equal(length, 100 * chunk.length);
  assert.equal(client.received.length, 100);
  assert.ok(client.received.every(([, text]) => text === chunk));
});

test('a message over the limit closes the connection with 1009', async (t) => {
  const { io, port } = await serve(t, { maxHttpBufferSize: 1000 });
  const { client, socket } = await pair(t, io, port);
  const gone = next(socket, 'disconnect');
  const closed = next(client.io.engine.transport.ws, 'close');
  client.emit('big', 'x'.repeat(1000));
  assert.equal((await gone)[0], 'transport error');
  assert.equal((await closed)[0], 1009);
});

test('a pipe instead of a port', { skip: process.platform === 'win32' }, async (t) => {
  const httpServer = http.createServer();
  const io = new sori.Server(httpServer);
  t.after(() => io.close());
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'sori-')), 'socket');
  httpServer.listen(file);
  await once(httpServer, 'listening');
  t.after(() => httpServer.closeAllConnections());
  const answer = await new Promise((resolve, reject) => {
    http
      .get({ socketPath: file, path: '/socket.io/?EIO=4&transport=polling' }, (res) => {
        res.setEncoding('utf8').on('data', resolve);
      })
      .on('error', reject);
  });
  assert.match(answer, /^0\{"sid"/);
  const req = http.get({
    socketPath: file,
    path: '/socket.io/?EIO=4&transport=websocket',
    headers: { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version': '13' },
  });
  const [res, socket, head] = await once(req, 'upgrade');
  assert.equal(res.statusCode, 101);
  let text = head.toString('latin1');
  while (!text.includes('maxPayload')) {
    const [chunk] = await once(socket, 'data');
    text += chunk.toString('latin1');
  }
  assert.equal(io.engine.clientsCount, 2);
  socket.destroy();
});

test('an allowRequest that takes its time loses nothing of the client', async (t) => {
  const { io, port } = await serve(t, { allowRequest: (req, done) => setTimeout(done, 20, null, true) });
  const { client } = await pair(t, io, port);
  await barrier(client);
});

test('many clients come and go', async (t) => {
  const { io, port } = await serve(t);
  const count = 100;
  const clients = await Promise.all(
    Array.from({ length: count }, (_, i) => join(t, port, '/', { transports: TRANSPORTS[i % 3] })),
  );
  assert.equal(io.sockets.sockets.size, count);
  await Promise.all(clients.map(barrier));
  let left = count;
  const empty = new Promise((resolve) => {
    for (const socket of io.sockets.sockets.values()) {
      socket.conn.on('close', () => --left === 0 && resolve());
    }
  });
  clients.forEach((client) => client.disconnect());
  await empty;
  assert.equal(io.engine.clientsCount, 0);
  assert.equal(io.sockets.sockets.size, 0);
});

test('a process whose server was closed ends by itself', async () => {
  const script = path.join(__dirname, 'fixtures/closes-and-ends.js');
  const { code, stdout } = await new Promise((resolve) => {
    execFile(process.execPath, [script], { timeout: 10000 }, (error, out) => resolve({ code: error ? error.code : 0, stdout: out }));
  });
  assert.deepEqual({ code, stdout }, { code: 0, stdout: 'closed\n' });
});

test('servers in worker threads work and end with their threads', async (t) => {
  for (let round = 0; round < 2; round++) {
    const worker = new Worker(path.join(__dirname, 'fixtures/worker.js'));
    const [port] = await once(worker, 'message');
    const client = connect(`http://127.0.0.1:${port}`, { transports: ['websocket'], reconnection: false, forceNew: true });
    t.after(() => client.disconnect());
    assert.equal(await client.emitWithAck('ask', 20), 21);
    const told = next(client, 'disconnect');
    await worker.terminate();
    await told;
  }
});
