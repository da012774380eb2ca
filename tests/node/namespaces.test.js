// Namespaces: by name, made by a parent, refused, and cleaned up.
'use strict';

const assert = require('assert/strict');
const { test } = require('node:test');
const { sori, isOriginal, serve, clientOf, join, next, barrier, answerBarriers } = require('./harness');

test('of gives one namespace per name, with or without its slash', () => {
  const io = new sori.Server();
  const announced = [];
  io.on('new_namespace', (nsp) => announced.push(nsp.name));
  assert.equal(io.of('/chat'), io.of('chat'));
  assert.equal(io.of('/'), io.sockets);
  assert.equal(io.of('/chat').name, '/chat');
  assert.equal(io.of('/chat').server, io);
  assert.deepEqual(announced, ['/chat']);
});

test('a client may be in several namespaces over one connection', async (t) => {
  const { io, port } = await serve(t);
  const ids = [];
  for (const name of ['/', '/a', '/b']) {
    io.of(name, (socket) => {
      ids.push(socket.id);
      socket.on('where', (done) => done(name, socket.conn.id));
    });
  }
  const main = await join(t, port);
  const a = main.io.socket('/a');
  const b = main.io.socket('/b');
  await Promise.all([next(a, 'connect'), next(b, 'connect')]);
  assert.equal(new Set(ids).size, 3);
  const answers = await Promise.all([main, a, b].map((client) => new Promise((resolve) => client.emit('where', (...args) => resolve(args)))));
  assert.deepEqual(
    answers.map(([name]) => name),
    ['/', '/a', '/b'],
  );
  assert.equal(new Set(answers.map(([, conn]) => conn)).size, 1);
  assert.equal(io.engine.clientsCount, 1);
});

test('leaving one namespace leaves the others alone', async (t) => {
  const { io, port } = await serve(t);
  io.of('/a');
  const main = await join(t, port);
  const a = main.io.socket('/a');
  await next(a, 'connect');
  const [socket] = io.of('/a').sockets.values();
  const gone = next(socket, 'disconnect');
  a.disconnect();
  assert.equal((await gone)[0], 'client namespace disconnect');
  await barrier(main);
  assert.equal(io.of('/a').sockets.size, 0);
  assert.equal(main.connected, true);
});

test('a namespace left can be joined again, as a new socket', async (t) => {
  const { io, port } = await serve(t);
  const main = await join(t, port);
  const firstId = main.id;
  const second = next(io, 'connection');
  main.disconnect().connect();
  const [socket] = await second;
  assert.notEqual(socket.id, firstId);
});

test('an unknown namespace is refused', async (t) => {
  const { port } = await serve(t);
  const [error] = await next(clientOf(t, port, '/nope'), 'connect_error');
  assert.equal(error.message, 'Invalid namespace');
});

test('a namespace with a query in its name is found without it', async (t) => {
  const { io, port } = await serve(t);
  const connected = next(io.of('/q'), 'connection');
  clientOf(t, port, '/q?token=1');
  const [socket] = await connected;
  assert.equal(socket.nsp.name, '/q');
});

test('names may hold anything but a comma', async (t) => {
  const { io, port } = await serve(t);
  const name = '/漢 "x" \\ 😀';
  io.of(name).on('connection', (socket) => socket.emit('hi', socket.nsp.name));
  const main = await join(t, port);
  const client = main.io.socket(name);
  assert.deepEqual(await next(client, 'hi'), [name]);
});

test('a RegExp makes namespaces when clients want them', async (t) => {
  const { io, port } = await serve(t);
  const announced = [];
  io.on('new_namespace', (nsp) => announced.push(nsp.name));
  const parent = io.of(/^\/dynamic-\d+$/);
  const seen = [];
  parent.use((socket, done) => {
    seen.push(['use', socket.nsp.name]);
    done();
  });
  parent.on('connection', (socket) => {
    answerBarriers(socket);
    seen.push(['connection', socket.nsp.name]);
  });
  const one = await join(t, port, '/dynamic-1');
  const two = await join(t, port, '/dynamic-2');
  assert.deepEqual(announced, ['/dynamic-1', '/dynamic-2']);
  assert.deepEqual(seen, [
    ['use', '/dynamic-1'],
    ['connection', '/dynamic-1'],
    ['use', '/dynamic-2'],
    ['connection', '/dynamic-2'],
  ]);
  const [error] = await next(clientOf(t, port, '/dynamic-x'), 'connect_error');
  assert.equal(error.message, 'Invalid namespace');
  parent.emit('to all children', 1);
  io.of('/dynamic-1').emit('to one');
  await Promise.all([barrier(one), barrier(two)]);
  assert.deepEqual(one.received, [['to all children', 1], ['to one']]);
  assert.deepEqual(two.received, [['to all children', 1]]);
});

test('a function decides about a name, with the auth of who asks', async (t) => {
  const { io, port } = await serve(t);
  const asked = [];
  io.of((name, auth, done) => {
    asked.push([name, auth]);
    setImmediate(done, null, auth.token === 'good');
  });
  await join(t, port, '/f', { auth: { token: 'good' } });
  const [error] = await next(clientOf(t, port, '/g', { auth: { token: 'bad' } }), 'connect_error');
  assert.equal(error.message, 'Invalid namespace');
  assert.deepEqual(asked, [
    ['/f', { token: 'good' }],
    ['/g', { token: 'bad' }],
  ]);
});

test('two clients that ask for the same new namespace at once share it', async (t) => {
  const { io, port } = await serve(t);
  const announced = [];
  io.on('new_namespace', (nsp) => announced.push(nsp.name));
  io.of((name, auth, done) => setImmediate(done, null, true));
  await Promise.all([join(t, port, '/shared'), join(t, port, '/shared')]);
  assert.deepEqual(announced, ['/shared']);
  assert.equal(io.of('/shared').sockets.size, 2);
});

test('a name made by hand that fits a parent becomes its child', async (t) => {
  const { io, port } = await serve(t);
  const parent = io.of(/^\/child-/);
  parent.on('connection', (socket) => socket.emit('from the parent'));
  io.of('/child-1');
  const client = clientOf(t, port, '/child-1');
  assert.deepEqual(await next(client, 'from the parent'), []);
});

test('stateful regular expressions are refused', () => {
  const io = new sori.Server();
  for (const pattern of [/a/g, /a/y]) {
    assert.throws(() => io.of(pattern), { message: 'stateful regular expressions are not supported' });
  }
});

test('fetchSockets of a parent throws', () => {
  const io = new sori.Server();
  assert.throws(() => io.of(/x/).fetchSockets(), { message: 'fetchSockets() is not supported on parent namespaces' });
});

test('an empty dynamic namespace goes when it is asked to, and comes back when wanted', async (t) => {
  const { io, port } = await serve(t, { cleanupEmptyChildNamespaces: true });
  io.of(/^\/d$/);
  const announced = [];
  io.on('new_namespace', (nsp) => announced.push(nsp));
  for (let round = 0; round < 2; round++) {
    const client = await join(t, port, '/d');
    const [socket] = announced[round].sockets.values();
    const gone = next(socket, 'disconnect');
    client.disconnect();
    await gone;
  }
  assert.equal(announced.length, 2);
  assert.notEqual(announced[0], announced[1]);
});

test('the engine forgets dynamic namespaces that are gone', { skip: isOriginal }, async (t) => {
  const { io, port } = await serve(t, { cleanupEmptyChildNamespaces: true });
  const count = () => io.engine.metrics().namespaces;
  io.of(/^\/d\d$/);
  const before = count();
  const clients = await Promise.all([1, 2, 3].map((n) => join(t, port, `/d${n}`)));
  assert.equal(count(), before + 3);
  const sockets = [1, 2, 3].map((n) => [...io.of(`/d${n}`).sockets.values()][0]);
  const gone = Promise.all(sockets.map((socket) => next(socket, 'disconnect')));
  clients[0].disconnect();
  clients[1].io.engine.close();
  sockets[2].disconnect();
  await gone;
  // Those who spoke of it last may be a moment behind.
  while (count() > before) {
    await new Promise(setImmediate);
  }
  assert.equal(count(), before);
});

test('an empty dynamic namespace stays by default', async (t) => {
  const { io, port } = await serve(t);
  io.of(/^\/d$/);
  const client = await join(t, port, '/d');
  const nsp = io.of('/d');
  const [socket] = nsp.sockets.values();
  const gone = next(socket, 'disconnect');
  client.disconnect();
  await gone;
  assert.equal(io.of('/d'), nsp);
});
