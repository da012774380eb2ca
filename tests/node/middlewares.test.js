// Middlewares: of namespaces, of sockets, and of the engine's HTTP requests.
'use strict';

const assert = require('assert/strict');
const { test } = require('node:test');
const { serve, clientOf, join, pair, next, barrier, request, raw, upgradeRequest, POLLING } = require('./harness');

test('middlewares run one after another before the connection', async (t) => {
  const { io, port } = await serve(t);
  const seen = [];
  assert.equal(
    io.use((socket, done) => {
      seen.push(['first', socket.connected, io.sockets.sockets.size]);
      socket.data.user = socket.handshake.auth.user;
      setImmediate(done);
    }),
    io,
  );
  io.use(async (socket, done) => {
    await null;
    seen.push(['second', socket.data.user]);
    done();
  });
  io.on('connection', (socket) => seen.push(['connection', socket.data.user, socket.connected]));
  await join(t, port, '/', { auth: { user: 'Ann' } });
  assert.deepEqual(seen, [
    ['first', false, 0],
    ['second', 'Ann'],
    ['connection', 'Ann', true],
  ]);
});

test('an error refuses the client, with its data', async (t) => {
  const { io, port } = await serve(t);
  io.use((socket, done) => {
    const error = new Error('not authorized');
    error.data = { code: 7 };
    done(error);
  });
  io.use(() => assert.fail('the chain has ended'));
  io.on('connection', () => assert.fail('it was refused'));
  const client = clientOf(t, port);
  const [error] = await next(client, 'connect_error');
  assert.equal(error.message, 'not authorized');
  assert.deepEqual(error.data, { code: 7 });
  assert.equal(io.sockets.sockets.size, 0);
  assert.equal(io.engine.clientsCount, 1);
});

test('a refused client may try again on the same connection', async (t) => {
  const { io, port } = await serve(t);
  io.use((socket, done) => done(socket.handshake.auth.password === 'open' ? undefined : new Error('no')));
  const client = clientOf(t, port, '/', { auth: { password: 'wrong' } });
  await next(client, 'connect_error');
  client.auth.password = 'open';
  const connected = next(client, 'connect');
  client.connect();
  await connected;
  assert.equal(io.engine.clientsCount, 1);
});

test('what a middleware joins and emits holds once the client is in', async (t) => {
  const { io, port } = await serve(t);
  io.use((socket, done) => {
    socket.join(['a', 'b']);
    socket.leave('b');
    socket.emit('welcome', Buffer.from('binary'), 1);
    done();
  });
  const { client, socket } = await pair(t, io, port);
  assert.deepEqual([...socket.rooms].sort(), [socket.id, 'a'].sort());
  io.to('a').emit('a');
  io.to('b').emit('b');
  await barrier(client);
  assert.deepEqual(client.received, [['welcome', Buffer.from('binary'), 1], ['a']]);
});

test('a client that leaves while it waits never connects', async (t) => {
  const { io, port } = await serve(t);
  io.on('connection', () => assert.fail('nobody is there'));
  const waiting = new Promise((resolve) => {
    io.use((socket, done) => resolve({ socket, done }));
  });
  const client = clientOf(t, port);
  const { socket, done } = await waiting;
  const closed = next(socket.conn, 'close');
  client.disconnect();
  await closed;
  done();
  await new Promise(setImmediate);
  assert.equal(socket.connected, false);
  assert.equal(io.sockets.sockets.size, 0);
});

test('each namespace has its own middlewares', async (t) => {
  const { io, port } = await serve(t);
  io.of('/a').use((socket, done) => done(new Error('not here')));
  io.of('/b');
  const b = await join(t, port, '/b');
  assert.equal(b.connected, true);
  const [error] = await next(clientOf(t, port, '/a'), 'connect_error');
  assert.equal(error.message, 'not here');
});

test('middlewares of a socket see its events, may change them, and may refuse them', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  const seen = [];
  assert.equal(
    socket.use((event, done) => {
      seen.push(['first', ...event.filter((arg) => typeof arg !== 'function')]);
      if (event[0] === 'add') {
        event[1] += 1;
      }
      setImmediate(done);
    }),
    socket,
  );
  socket.use(([name], done) => done(name === 'bad' ? new Error('refused') : undefined));
  socket.on('add', (n, done) => done(n));
  socket.on('bad', () => assert.fail('it was refused'));
  const failed = next(socket, 'error');
  assert.equal(await client.emitWithAck('add', 1), 2);
  client.emit('bad', 1);
  const [error] = await failed;
  assert.equal(error.message, 'refused');
  assert.equal(client.connected, true);
  assert.deepEqual(seen, [
    ['first', 'add', 1],
    ['first', 'bad', 1],
  ]);
});

test('a refused event without an error listener harms nothing', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  socket.use(([name], done) => done(name === 'bad' ? new Error('refused') : undefined));
  client.emit('bad');
  await barrier(client);
  assert.equal(socket.connected, true);
});

test('middlewares of the engine see every request, and their headers reach the client', async (t) => {
  const { io, port } = await serve(t);
  const seen = [];
  io.engine.use((req, res, done) => {
    seen.push([req.method, req._query.transport, Boolean(req._query.sid)]);
    req.session = 'of the middleware';
    res.setHeader('x-engine', 'yes');
    done();
  });
  const answer = await request(port, POLLING);
  assert.equal(answer.headers['x-engine'], 'yes');
  const upgraded = await raw(t, port, upgradeRequest('/socket.io/?EIO=4&transport=websocket'), (text) => text.includes('\r\n\r\n'));
  assert.match(upgraded, /^HTTP\/1\.1 101 .*\r\nx-engine: yes\r\n/s);
  const { socket } = await pair(t, io, port);
  assert.equal(socket.request.session, 'of the middleware');
  assert.deepEqual(seen.slice(0, 2), [
    ['GET', 'polling', false],
    ['GET', 'websocket', false],
  ]);
});

test('an engine middleware that fails refuses the request', async (t) => {
  const { io, port } = await serve(t);
  const errors = [];
  io.engine.on('connection_error', ({ code, message, context }) => errors.push([code, message, context]));
  io.engine.use((req, res, done) => done(new Error('no')));
  const answer = await request(port, POLLING);
  assert.equal(answer.status, 400);
  assert.equal(answer.body, '{"code":3,"message":"Bad request"}');
  const upgraded = await raw(t, port, upgradeRequest('/socket.io/?EIO=4&transport=websocket'));
  assert.match(upgraded, /^HTTP\/1\.1 400 Bad Request\r\n.*Bad request$/s);
  const context = { name: 'MIDDLEWARE_FAILURE' };
  assert.deepEqual(errors, [
    [3, 'Bad request', context],
    [3, 'Bad request', context],
  ]);
});

test('an engine middleware may answer by itself', async (t) => {
  const { io, port } = await serve(t);
  io.engine.use((req, res) => {
    res.writeHead(401);
    res.end();
  });
  assert.equal((await request(port, POLLING)).status, 401);
  assert.equal(await raw(t, port, upgradeRequest('/socket.io/?EIO=4&transport=websocket')), '');
});

test('an engine middleware that throws, now or later, refuses the request and nothing else', async (t) => {
  const { io, port } = await serve(t);
  const errors = [];
  io.engine.on('connection_error', ({ code, context }) => errors.push([code, context]));
  io.engine.use((req, res, done) => {
    if (req._query.fail === 'now') {
      throw new Error('no');
    }
    done();
  });
  io.engine.use(async (req, res, done) => {
    await null;
    if (req._query.fail === 'later') {
      throw new Error('no');
    }
    done();
  });
  for (const when of ['now', 'later']) {
    const answer = await request(port, `${POLLING}&fail=${when}`);
    assert.deepEqual([answer.status, answer.body], [400, '{"code":3,"message":"Bad request"}']);
    const upgraded = await raw(t, port, upgradeRequest(`/socket.io/?EIO=4&transport=websocket&fail=${when}`));
    assert.match(upgraded, /^HTTP\/1\.1 400 Bad Request\r\n.*Bad request$/s);
  }
  assert.deepEqual(errors, Array(4).fill([3, { name: 'MIDDLEWARE_FAILURE' }]));
  await pair(t, io, port);
});

test('only the first word of an engine middleware counts', async (t) => {
  const { io, port } = await serve(t);
  let calls = 0;
  io.engine.use((req, res, done) => {
    done();
    done();
    throw new Error('too late');
  });
  io.engine.use((req, res, done) => {
    calls += 1;
    done();
  });
  assert.equal((await request(port, POLLING)).status, 200);
  assert.equal(calls, 1);
  assert.equal(io.engine.clientsCount, 1);
});

test('the response that an engine middleware sees on an upgrade tells of its end', async (t) => {
  const { io, port } = await serve(t);
  const seen = [];
  const closed = new Promise((resolve) => {
    io.engine.use((req, res, done) => {
      assert.equal(res.req, req);
      res.on('finish', () => seen.push('finish'));
      res.on('close', () => resolve(seen.push('close')));
      if (req._query.refused) {
        res.writeHead(401);
        res.end();
      } else {
        done();
      }
    });
  });
  assert.equal(await raw(t, port, upgradeRequest('/socket.io/?EIO=4&transport=websocket&refused=1')), '');
  await closed;
  assert.deepEqual(seen, ['finish', 'close']);
});
