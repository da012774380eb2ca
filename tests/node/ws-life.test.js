// Where sori/ws runs: beside others on one server, in workers, in programs that end by themselves, from ES modules.
'use strict';

const assert = require('assert/strict');
const http = require('http');
const path = require('path');
const { execFile } = require('child_process');
const { once } = require('events');
const { promisify } = require('util');
const { Worker } = require('worker_threads');
const { test } = require('node:test');
const { WebSocket, isOriginal, moduleName, serve, clientOf, pair, messages, next } = require('./ws-harness');

const modulePath = require.resolve(moduleName);
const run = promisify(execFile);

test('the surface is that of ws', () => {
  assert.equal(WebSocket.WebSocket, WebSocket);
  assert.equal(WebSocket.Server, WebSocket.WebSocketServer);
  assert.equal(WebSocket.name, 'WebSocket');
  assert.deepEqual(
    [WebSocket.CONNECTING, WebSocket.OPEN, WebSocket.CLOSING, WebSocket.CLOSED, WebSocket.prototype.CLOSED],
    [0, 1, 2, 3, 3],
  );
  assert.deepEqual([...WebSocket.subprotocol.parse('a, b')], ['a', 'b']);
  assert.throws(() => WebSocket.subprotocol.parse('a,a'), /The "a" subprotocol is duplicated/);
  const parsed = WebSocket.extension.parse('foo; a; b="1", bar');
  assert.deepEqual(JSON.parse(JSON.stringify(parsed)), { foo: [{ a: [true], b: ['1'] }], bar: [{}] });
  assert.equal(WebSocket.extension.format(parsed), 'foo; a; b=1, bar');
  for (const [header, message] of [['', 'Unexpected end of input'], ['foo;;', 'Unexpected character at index 4'], ['a b', 'Unexpected character at index 2']]) {
    assert.throws(() => WebSocket.extension.parse(header), { name: 'SyntaxError', message });
  }
});

test('an http.Server shares its port with plain requests and with two WebSocket servers by path', async (t) => {
  const httpServer = http.createServer((req, res) => res.end('page'));
  const servers = { '/a': new WebSocket.Server({ noServer: true }), '/b': new WebSocket.Server({ noServer: true }) };
  httpServer.on('upgrade', (req, socket, head) => {
    const wss = servers[req.url];
    wss.handleUpgrade(req, socket, head, (ws) => ws.send(req.url));
  });
  httpServer.listen(0, '127.0.0.1');
  await once(httpServer, 'listening');
  t.after(() => httpServer.close());
  const { port } = httpServer.address();
  for (const name of ['/a', '/b']) {
    const client = clientOf(t, `ws://127.0.0.1:${port}${name}`);
    assert.deepEqual(await messages(client, 1), [name]);
    client.terminate();
  }
  const [res] = await once(http.get({ port, agent: false }), 'response');
  assert.equal((await once(res, 'data'))[0].toString(), 'page');
});

test('a socket.io server and a WebSocket server share one http.Server', { skip: isOriginal }, async (t) => {
  const httpServer = http.createServer();
  const { Server } = require('../../node-binding');
  const io = new Server(httpServer, { destroyUpgrade: false });
  const context = await serve(t, { noServer: true, server: undefined }, httpServer);
  t.after(() => io.close());
  httpServer.on('upgrade', (req, socket, head) => {
    if (req.url === '/ws') {
      context.wss.handleUpgrade(req, socket, head, (ws) => ws.send('plain'));
    }
  });
  io.on('connection', (socket) => socket.emit('hello', 'socket.io'));
  assert.deepEqual(await messages(clientOf(t, `${context.url}/ws`), 1), ['plain']);
  const client = require('socket.io-client').io(`http://127.0.0.1:${context.port}`, { transports: ['websocket'], reconnection: false });
  t.after(() => client.disconnect());
  assert.deepEqual(await next(client, 'hello'), ['socket.io']);
});

test('addresses stay known as long as the connection lives', async (t) => {
  const context = await serve(t);
  const { client, server, request } = await pair(t, context);
  const got = messages(server, 1);
  client.send('so that it has been taken over');
  await got;
  assert.deepEqual(
    [request.socket.remoteAddress, server._socket.remoteAddress, server._socket.remotePort],
    ['127.0.0.1', '127.0.0.1', client._socket.localPort],
  );
  const closed = next(server._socket, 'close');
  client.close();
  await closed;
});

test('who hears of the end can still ask where the connection came from', async (t) => {
  for (const host of ['127.0.0.1', '::1']) {
    const httpServer = http.createServer();
    const wss = new WebSocket.WebSocketServer({ server: httpServer });
    t.after(() => httpServer.close());
    httpServer.listen(0, host);
    await once(httpServer, 'listening');
    const { port } = httpServer.address();
    const connected = once(wss, 'connection');
    const client = clientOf(t, `ws://${host === '::1' ? '[::1]' : host}:${port}`);
    const [server, request] = await connected;
    const { remoteAddress, remotePort, remoteFamily } = request.socket;
    const told = new Promise((resolve) => {
      server.on('close', () => {
        const { _socket: socket } = server;
        resolve([socket.remoteAddress, socket.remotePort, socket.remoteFamily, socket.localAddress, socket.localPort, socket.localFamily]);
      });
    });
    await once(client, 'open');
    client.close();
    const family = host === '::1' ? 'IPv6' : 'IPv4';
    assert.deepEqual([remoteAddress, remoteFamily], [host, family]);
    // Of what nobody asked for in time, Node's socket knows nothing.
    const isNodes = isOriginal || process.env.SORI_NO_TAKEOVER === '1';
    const expected = isNodes ? [host, remotePort, family, undefined, undefined, undefined] : [host, remotePort, family, host, port, family];
    assert.deepEqual(await told, expected);
  }
});

test('it runs in several workers at once', async (t) => {
  const workers = [0, 1].map(() => new Worker(path.join(__dirname, 'fixtures/ws-worker.js'), { workerData: modulePath }));
  const ports = await Promise.all(workers.map((worker) => once(worker, 'message')));
  for (const [i, worker] of workers.entries()) {
    const [port] = ports[i];
    const client = clientOf(t, `ws://127.0.0.1:${port}`);
    const got = messages(client, 1);
    await once(client, 'open');
    client.send('hello');
    assert.deepEqual(await got, ['worker: hello']);
    const [closed, exited] = [next(client, 'close'), once(worker, 'exit')];
    client.close();
    await closed;
    worker.postMessage('end');
    assert.deepEqual(await exited, [0]);
  }
});

test('an open client keeps the process running; when all is closed it ends', async () => {
  const program = path.join(__dirname, 'fixtures/ws-exits.js');
  const { stdout } = await run(process.execPath, [program, modulePath, 'close'], { timeout: 20000 });
  assert.equal(stdout, 'still running\nclosed\nexit\n');
});

test('connections that are unref’d keep nothing running', async () => {
  const program = path.join(__dirname, 'fixtures/ws-exits.js');
  const { stdout } = await run(process.execPath, [program, modulePath, 'unref'], { timeout: 20000 });
  assert.equal(stdout, 'still running\nexit\n');
});

test('connections that are over leave next to nothing behind', async () => {
  const program = path.join(__dirname, 'fixtures/ws-come-and-go.js');
  const { stdout } = await run(process.execPath, ['--expose-gc', program, modulePath], { timeout: 60000 });
  // An open one takes some 900 bytes of JavaScript's heap, and its Node socket 2 KiB.
  assert.ok(Number(stdout) < 500, `${stdout.trim()} bytes each`);
});

test('a process without a free descriptor serves who comes in', async () => {
  const program = path.join(__dirname, 'fixtures/ws-no-descriptors.js');
  const limited = `ulimit -n 64; exec "$0" "$1" "$2"`;
  const { stdout } = await run('/bin/sh', ['-c', limited, process.execPath, program, modulePath], { timeout: 20000 });
  assert.equal(stdout, 'EMFILE\nhello\n');
});

test('what an application hangs on a WebSocket is its own', async (t) => {
  const context = await serve(t);
  // rpc-websockets does so with `_id`.
  const own = { id: 'a', _id: 'b', uid: 'c', _uid: 'd', name: 'e', data: 'f', user: 'g', _user: 'h', room: 'i', rooms: 'j', isAlive: true, _alive: true, clientId: 'k' };
  context.wss.on('connection', (ws) => {
    Object.assign(ws, own);
    ws.on('message', (data) => ws.send(`${data}`));
  });
  const { client, server } = await pair(t, context);
  client.send('echo');
  assert.equal(String((await next(client, 'message'))[0]), 'echo');
  client.close();
  await next(server, 'close');
  assert.deepEqual(Object.fromEntries(Object.keys(own).map((name) => [name, server[name]])), own);
});

test('timers that a test has mocked hold up no connection', async (t) => {
  const context = await serve(t);
  context.wss.on('connection', (ws) => ws.on('message', (data) => ws.send(`${data}`)));
  t.mock.timers.enable({ apis: ['setImmediate', 'setInterval', 'setTimeout'] });
  const clients = [0, 1, 2, 3].map(() => clientOf(t, context.url));
  const echoes = clients.map((client, n) => {
    client.on('open', () => client.send(`${n}`));
    return next(client, 'message');
  });
  assert.deepEqual((await Promise.all(echoes)).map(([data]) => String(data)), ['0', '1', '2', '3']);
});

test('ES modules get the same classes by name', async () => {
  const module = isOriginal ? await import('ws') : await import('../../node-binding/ws.mjs');
  assert.equal(module.default, WebSocket);
  assert.equal(module.WebSocketServer, WebSocket.WebSocketServer);
  assert.equal(module.createWebSocketStream, WebSocket.createWebSocketStream);
});
