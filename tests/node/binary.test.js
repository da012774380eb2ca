// Binary in events and acks, in both directions.
'use strict';

const assert = require('assert/strict');
const { test } = require('node:test');
const { isOriginal, serve, pair, next, barrier, TRANSPORTS } = require('./harness');

for (const transports of TRANSPORTS) {
  test(`binary at any depth goes there and back (${transports})`, async (t) => {
    const { io, port } = await serve(t);
    const { client, socket } = await pair(t, io, port, { transports });
    socket.on('echo', (...args) => socket.emit('echo', ...args));
    const args = [Buffer.from([0, 255, 128]), { a: [{ b: Buffer.from('deep') }], text: 'é' }, Buffer.alloc(0), null];
    client.emit('echo', ...args);
    assert.deepEqual(await next(client, 'echo'), args);
  });

  test(`binary arrives in acks, both ways (${transports})`, async (t) => {
    const { io, port } = await serve(t);
    const { client, socket } = await pair(t, io, port, { transports });
    socket.on('ask', (data, done) => done({ got: data }, data));
    client.on('ask', (data, done) => done([data, 'and', Buffer.from('mine')]));
    const answer = await new Promise((resolve) => client.emit('ask', Buffer.from('x'), (...args) => resolve(args)));
    assert.deepEqual(answer, [{ got: Buffer.from('x') }, Buffer.from('x')]);
    assert.deepEqual(await socket.emitWithAck('ask', Buffer.from('y')), [Buffer.from('y'), 'and', Buffer.from('mine')]);
  });

  test(`a megabyte arrives whole (${transports})`, async (t) => {
    const { io, port } = await serve(t, { maxHttpBufferSize: 1e7 });
    const { client, socket } = await pair(t, io, port, { transports });
    const big = Buffer.alloc(1 << 20, 'sori');
    socket.on('big', (data, done) => done(data.equals(big), data));
    const [isEqual, back] = await new Promise((resolve) => client.emit('big', big, (...args) => resolve(args)));
    assert.equal(isEqual, true);
    assert.ok(Buffer.from(back).equals(big));
  });
}

for (const transports of TRANSPORTS) {
  test(`a client with forceBase64 sends and is sent text alone (${transports})`, async (t) => {
    const { io, port } = await serve(t);
    const { client, socket } = await pair(t, io, port, { transports, forceBase64: true });
    const { engine } = client.io;
    if (engine.transport.name !== transports.at(-1)) {
      await next(engine, 'upgrade');
    }
    const received = [];
    if (transports.at(-1) === 'websocket') {
      engine.transport.ws.addEventListener('message', ({ data }) => received.push(data));
    }
    socket.on('echo', (data, done) => done(data, io.to(socket.id).emit('echo', data)));
    const told = next(client, 'echo');
    const bytes = Buffer.from([1, 2, 3]);
    const [answer] = await new Promise((resolve) => client.emit('echo', bytes, (...args) => resolve(args)));
    assert.deepEqual(answer, bytes);
    assert.deepEqual(await told, [bytes]);
    assert.deepEqual(received.filter((data) => !/^4|^[236]/.test(data)), received.length === 0 ? [] : ['bAQID', 'bAQID']);
  });
}

test('typed arrays and ArrayBuffers are sent as the bytes they show', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  const memory = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
  const arrived = next(client, 'views');
  socket.emit('views', memory.subarray(2, 4), memory.buffer, new DataView(memory.buffer, 7), new Uint16Array(memory.buffer, 0, 1));
  assert.deepEqual(
    (await arrived).map((data) => [...data]),
    [[3, 4], [1, 2, 3, 4, 5, 6, 7, 8], [8], [1, 2]],
  );
});

// The original hands the memory on and reads it later.
test('a buffer may be written to right after the emit', { skip: isOriginal }, async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  for (const size of [4, 100000]) {
    const data = Buffer.alloc(size, 1);
    socket.emit('data', data);
    data.fill(2);
  }
  await barrier(client);
  assert.deepEqual(
    client.received.map(([, data]) => data[0]),
    [1, 1],
  );
});

test('the binary of an event stays as it was while later events arrive', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  const kept = [];
  socket.on('data', (data) => kept.push(data));
  for (let i = 0; i < 200; i++) {
    client.emit('data', Buffer.alloc(100, i));
  }
  await barrier(client);
  assert.deepEqual(
    kept.map((data) => [data.length, data[0], data[99]]),
    Array.from({ length: 200 }, (_, i) => [100, i, i]),
  );
});

test('toJSON decides what is sent', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  const arrived = next(client, 'v');
  socket.emit('v', { toJSON: () => ({ a: 1 }) }, { date: new Date(0) }, new Map([[1, 2]]));
  assert.deepEqual(await arrived, [{ a: 1 }, { date: '1970-01-01T00:00:00.000Z' }, {}]);
});

test('binary in a broadcast reaches everybody', async (t) => {
  const { io, port } = await serve(t);
  const a = await pair(t, io, port);
  const b = await pair(t, io, port, { transports: ['polling'] });
  const arrived = Promise.all([next(a.client, 'data'), next(b.client, 'data')]);
  io.emit('data', { file: Buffer.from('bytes') }, Buffer.from('more'));
  const expected = [{ file: Buffer.from('bytes') }, Buffer.from('more')];
  assert.deepEqual(await arrived, [expected, expected]);
});

test('binary answers of a broadcast are told apart', async (t) => {
  const { io, port } = await serve(t);
  const pairs = [await pair(t, io, port), await pair(t, io, port), await pair(t, io, port)];
  pairs.forEach(({ client }, i) => client.on('ask', (done) => done(i === 1 ? 'plain' : { from: Buffer.from([i]), twice: Buffer.from([i, i]) })));
  const answers = await io.timeout(5000).emitWithAck('ask');
  const byName = answers.map((answer) => (answer === 'plain' ? answer : `${[...answer.from]} ${[...answer.twice]}`));
  assert.deepEqual(byName.sort(), ['0 0,0', '2 2,2', 'plain']);
});

test('a placeholder in plain JSON is just an object', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  const heard = next(socket, 'v');
  client.emit('v', { _placeholder: true, num: 5 });
  assert.deepEqual(await heard, [{ _placeholder: true, num: 5 }]);
});

test('more than ten attachments in one packet end the connection, ten do not', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  const heard = next(socket, 'ten');
  client.emit('ten', ...Array.from({ length: 10 }, (_, i) => Buffer.from([i])));
  assert.equal((await heard).length, 10);
  const gone = next(socket, 'disconnect');
  client.emit('eleven', ...Array.from({ length: 11 }, (_, i) => Buffer.from([i])));
  assert.equal((await gone)[0], 'forced close');
});

test('the server may send any number of attachments', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  const arrived = new Promise((resolve) => {
    // The client's own parser refuses so many: what came over the wire is read.
    client.io.engine.on('packet', ({ type, data }) => {
      if (type === 'message' && typeof data === 'string' && data.startsWith('512-')) {
        resolve(data);
      }
    });
  });
  socket.emit('many', ...Array.from({ length: 12 }, () => Buffer.from('x')));
  assert.match(await arrived, /^512-\["many",\{"_placeholder":true,"num":0\},.*"num":11\}\]$/);
});
