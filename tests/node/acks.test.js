// Acks in both directions, their timeouts, and acks of broadcasts.
'use strict';

const assert = require('assert/strict');
const { test } = require('node:test');
const { isOriginal, sori, serve, pair, next, barrier, TRANSPORTS } = require('./harness');

const TIMED_OUT = { message: 'operation has timed out' };

for (const transports of TRANSPORTS) {
  test(`acks go both ways with all their arguments (${transports})`, async (t) => {
    const { io, port } = await serve(t);
    const { client, socket } = await pair(t, io, port, { transports });
    socket.on('ask', (a, b, done) => done(b, a, { both: [a, b] }));
    client.on('ask', (a, done) => done(a + 1, null));
    const answer = await new Promise((resolve) => client.emit('ask', 1, 'é', (...args) => resolve(args)));
    assert.deepEqual(answer, ['é', 1, { both: [1, 'é'] }]);
    const back = await new Promise((resolve) => socket.emit('ask', 41, (...args) => resolve(args)));
    assert.deepEqual(back, [42, null]);
    assert.equal(await socket.emitWithAck('ask', 1), 2);
    assert.equal(await client.emitWithAck('ask', 1, 2), 2);
  });
}

test('an ack function answers once', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  const answers = [];
  socket.on('ask', (done) => {
    done('first');
    done('second');
  });
  client.emit('ask', (answer) => answers.push(answer));
  await barrier(client);
  assert.deepEqual(answers, ['first']);
});

test('an answer without arguments is an answer', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  client.on('ask', (done) => done());
  assert.deepEqual(await new Promise((resolve) => socket.emit('ask', (...args) => resolve(args))), []);
});

test('answers find their question whatever their order', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  const waiting = [];
  client.on('ask', (n, done) => {
    waiting.push(() => done(n));
    if (waiting.length === 3) {
      waiting.reverse().forEach((answer) => answer());
    }
  });
  assert.deepEqual(await Promise.all([1, 2, 3].map((n) => socket.emitWithAck('ask', n))), [1, 2, 3]);
});

test('with a timeout the answer comes after a null error', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  client.on('ask', (done) => done('yes', 'indeed'));
  const answer = await new Promise((resolve) => socket.timeout(5000).emit('ask', (...args) => resolve(args)));
  assert.deepEqual(answer, [null, 'yes', 'indeed']);
  assert.equal(await socket.timeout(5000).emitWithAck('ask'), 'yes');
});

test('an unanswered question fails after its timeout', async (t) => {
  const { io, port } = await serve(t);
  const { socket } = await pair(t, io, port);
  const [error, ...more] = await new Promise((resolve) => socket.timeout(20).emit('ask', (...args) => resolve(args)));
  assert.equal(error.message, TIMED_OUT.message);
  assert.deepEqual(more, []);
  await assert.rejects(socket.timeout(20).emitWithAck('ask'), TIMED_OUT);
});

test('a timeout is for the next emit alone', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  client.on('ask', (done) => done('answer'));
  await socket.timeout(5000).emitWithAck('ask');
  assert.deepEqual(await new Promise((resolve) => socket.emit('ask', (...args) => resolve(args))), ['answer']);
});

test('an answer that comes too late is ignored', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  const asked = next(client, 'ask');
  const calls = [];
  await new Promise((resolve) => {
    socket.timeout(20).emit('ask', (...args) => {
      calls.push(args);
      resolve();
    });
  });
  const [answer] = await asked;
  answer('late');
  await barrier(client);
  assert.equal(calls.length, 1);
});

test('a timed question still fails in time when the client leaves', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  const failed = assert.rejects(socket.timeout(50).emitWithAck('ask'), TIMED_OUT);
  const gone = next(socket, 'disconnect');
  client.disconnect();
  await gone;
  await failed;
  await assert.rejects(socket.timeout(20).emitWithAck('after the end'), TIMED_OUT);
});

test('an answer given after the client left goes nowhere', async (t) => {
  const { io, port } = await serve(t);
  const { client, socket } = await pair(t, io, port);
  const asked = next(socket, 'ask');
  client.emit('ask', () => assert.fail('nobody is there'));
  const [done] = await asked;
  const gone = next(socket, 'disconnect');
  client.disconnect();
  await gone;
  done('too late');
});

test('a broadcast collects the answers of all', async (t) => {
  const { io, port } = await serve(t);
  const pairs = [await pair(t, io, port), await pair(t, io, port), await pair(t, io, port)];
  pairs.forEach(({ client }, i) => client.on('ask', (x, done) => done(x * i)));
  const answers = await new Promise((resolve, reject) => {
    io.timeout(5000).emit('ask', 10, (error, responses) => (error ? reject(error) : resolve(responses)));
  });
  assert.deepEqual(answers.sort(), [0, 10, 20]);
  pairs[0].socket.join('r');
  assert.deepEqual(await io.to('r').timeout(5000).emitWithAck('ask', 1), [0]);
  const others = await pairs[0].socket.broadcast.timeout(5000).emitWithAck('ask', 1);
  assert.deepEqual(others.sort(), [1, 2]);
});

test('a broadcast to nobody is answered with an empty list', async (t) => {
  const { io } = await serve(t);
  assert.deepEqual(await io.timeout(5000).emitWithAck('ask'), []);
  assert.deepEqual(await io.to('empty').timeout(5000).emitWithAck('ask'), []);
});

test('a broadcast that some do not answer fails with the answers that came', async (t) => {
  const { io, port } = await serve(t);
  const { client } = await pair(t, io, port);
  await pair(t, io, port);
  client.on('ask', (done) => done('only me'));
  const [error, responses] = await new Promise((resolve) => io.timeout(200).emit('ask', (...args) => resolve(args)));
  assert.equal(error.message, TIMED_OUT.message);
  assert.deepEqual(responses, ['only me']);
  await assert.rejects(io.timeout(200).emitWithAck('ask'), (failure) => {
    assert.equal(failure.message, TIMED_OUT.message);
    assert.deepEqual(failure.responses, ['only me']);
    return true;
  });
});

test('a broadcast that waits for answers fails when the server closes', async (t) => {
  const { io, port } = await serve(t);
  await pair(t, io, port);
  const failed = assert.rejects(io.timeout(100).emitWithAck('ask'), { message: TIMED_OUT.message, responses: [] });
  await io.close();
  await failed;
  assert.deepEqual(await io.timeout(100).emitWithAck('ask'), []);
});

test('broadcasts of different namespaces do not mix their answers', async (t) => {
  const { io, port } = await serve(t);
  const { client } = await pair(t, io, port);
  const connected = next(io.of('/other'), 'connection');
  const other = client.io.socket('/other');
  await connected;
  client.on('ask', (done) => done('main'));
  other.on('ask', (done) => done('other'));
  const answers = await Promise.all([io.timeout(5000).emitWithAck('ask'), io.of('/other').timeout(5000).emitWithAck('ask')]);
  assert.deepEqual(answers, [['main'], ['other']]);
});

test('serverSideEmit with one node warns and reserved names throw', (t) => {
  const io = new sori.Server();
  const warn = t.mock.method(console, 'warn', () => {});
  io.serverSideEmit('hello', 1);
  assert.deepEqual(warn.mock.calls[0].arguments, ['this adapter does not support the serverSideEmit() functionality']);
  for (const name of ['connect', 'connection', 'new_namespace']) {
    assert.throws(() => io.serverSideEmit(name), { message: `"${name}" is a reserved event name` });
  }
});

if (!isOriginal) {
  test('answers to a broadcast come one by one, each with its socket, and end with the last', async (t) => {
    const { io, port } = await serve(t);
    const a = await pair(t, io, port);
    const b = await pair(t, io, port);
    const c = await pair(t, io, port);
    for (const { socket } of [a, b]) {
      socket.join('jury');
    }
    const asked = [a, b].map(({ client }) => next(client, 'vote'));
    c.client.on('vote', () => assert.fail('it is not of the jury'));
    const votes = io.to('jury').timeout(60000).emitWithAnswers('vote', 'act three', Buffer.from([1]));
    const [[what, bytes, answerOfA], [, , answerOfB]] = await Promise.all(asked);
    assert.deepEqual([what, bytes], ['act three', Buffer.from([1])]);
    answerOfB({ points: 7, seal: Buffer.from([2]) });
    const first = await votes.next();
    assert.equal(first.value.socket, b.socket);
    assert.deepEqual(first.value.answer, { points: 7, seal: Buffer.from([2]) });
    const second = votes.next();
    answerOfA(5);
    assert.deepEqual(await second, { value: { socket: a.socket, answer: 5 }, done: false });
    assert.deepEqual(await votes.next(), { value: undefined, done: true });
    assert.deepEqual(await votes.next(), { value: undefined, done: true });
  });

  test('answers that do not come in time end in an error, behind those that came', async (t) => {
    const { io, port } = await serve(t);
    const a = await pair(t, io, port);
    await pair(t, io, port);
    a.client.on('ask', (done) => done('a'));
    const answers = [];
    const reading = async () => {
      for await (const { answer } of io.timeout(300).emitWithAnswers('ask')) {
        answers.push(answer);
      }
    };
    await assert.rejects(reading(), TIMED_OUT);
    assert.deepEqual(answers, ['a']);
  });

  test('answers one by one: of nobody, of a server that closes, and of a reader that has enough', async (t) => {
    const { io, port } = await serve(t);
    const all = async (answers) => {
      const found = [];
      for await (const { answer } of answers) {
        found.push(answer);
      }
      return found;
    };
    assert.deepEqual(await all(io.to('nobody').timeout(60000).emitWithAnswers('ask')), []);
    assert.deepEqual(await all(new sori.Server().timeout(60000).emitWithAnswers('ask')), []);
    const a = await pair(t, io, port);
    const b = await pair(t, io, port);
    for (const { client } of [a, b]) {
      client.on('ask', (n, done) => done(n));
    }
    for await (const { answer } of io.timeout(60000).emitWithAnswers('ask', 1)) {
      assert.equal(answer, 1);
      break;
    }
    await Promise.all([barrier(a.client), barrier(b.client)]);
    assert.equal(io._bridge.streams.size + io._bridge.answers.size, 0);
    assert.throws(() => io.emitWithAnswers('disconnect'), /reserved event name/);
    a.client.off('ask');
    const waiting = all(io.timeout(60000).emitWithAnswers('ask', 2));
    const closing = io.close();
    await assert.rejects(waiting, TIMED_OUT);
    await closing;
  });
}
