// Beyond ws: rooms, broadcasts that the engine fans out, and what happens to a peer that does not read.
'use strict';

const assert = require('assert/strict');
const { once } = require('events');
const { test } = require('node:test');
const { WebSocket, isOriginal, serve, pair, record, messages, next, Peer } = require('./ws-harness');

// ws itself has none of this.
const when = isOriginal ? () => {} : test;

async function many(t, context, count) {
  const pairs = [];
  for (let i = 0; i < count; i++) {
    pairs.push(await pair(t, context));
  }
  return pairs;
}

/** Ends all, and gives what each client got. */
async function collected(wss, pairs) {
  const happened = pairs.map(({ client }) => record(client, ['message']));
  return async () => {
    const ends = pairs.map(({ client }) => next(client, 'close'));
    pairs.forEach(({ server }) => server.close());
    await Promise.all(ends);
    return happened.map((events) => events.map(([, data]) => data));
  };
}

for (const perMessageDeflate of [false, { threshold: 0 }]) {
  when(`a broadcast reaches everybody once, compressed or not (${Boolean(perMessageDeflate)})`, async (t) => {
    const context = await serve(t, { perMessageDeflate });
    const pairs = await many(t, context, 5);
    const results = await collected(context.wss, pairs);
    context.wss.broadcast('to all');
    context.wss.broadcast(Buffer.from('bytes'), { except: pairs[0].server });
    context.wss.broadcast('x'.repeat(100000), { compress: false });
    const [first, ...others] = await results();
    assert.deepEqual(first, ['to all', 'x'.repeat(100000)]);
    others.forEach((got) => assert.deepEqual(got, ['to all', 'bytes', 'x'.repeat(100000)]));
  });
}

when('rooms choose who is reached, each once', async (t) => {
  const context = await serve(t);
  const pairs = await many(t, context, 4);
  const [a, b, c, d] = pairs.map(({ server }) => server);
  const results = await collected(context.wss, pairs);
  a.join('one');
  b.join(['one', 'two']);
  c.join('two');
  d.join('ünïcödé');
  context.wss.to('one').to('two').send('one or two');
  context.wss.to(['one', 'two']).except('one').send('two but not one');
  context.wss.except('two').send('all but two');
  context.wss.in('ünïcödé').send('unicode');
  context.wss.to('nobody').send('nothing');
  assert.deepEqual(await results(), [
    ['one or two', 'all but two'],
    ['one or two'],
    ['one or two', 'two but not one'],
    ['all but two', 'unicode'],
  ]);
});

when('the order in which the application speaks is the order that holds', async (t) => {
  const context = await serve(t);
  const { client, server } = await pair(t, context);
  const got = messages(client, 5);
  context.wss.to('room').send('too early');
  server.join('room');
  server.send('1');
  context.wss.to('room').send('2');
  server.send('3');
  context.wss.to('room').send('4');
  server.leave('room');
  context.wss.to('room').send('too late');
  server.send('5');
  assert.deepEqual(await got, ['1', '2', '3', '4', '5']);
});

when('a listener of `connection` joins and broadcasts at once, itself included', async (t) => {
  const context = await serve(t);
  context.wss.on('connection', (ws) => {
    ws.join('room');
    context.wss.to('room').send('welcome');
    ws.send('direct');
    context.wss.broadcast('to all');
    context.wss.broadcast('to others', { except: ws });
    ws.send('end');
  });
  const first = await pair(t, context);
  assert.deepEqual(await messages(first.client, 4), ['welcome', 'direct', 'to all', 'end']);
  const again = messages(first.client, 3);
  const second = await pair(t, context);
  assert.deepEqual(await messages(second.client, 4), ['welcome', 'direct', 'to all', 'end']);
  assert.deepEqual(await again, ['welcome', 'to all', 'to others']);
});

when('servers do not share rooms, and clients have none', async (t) => {
  const [one, two] = [await serve(t), await serve(t)];
  const [a, b] = [await pair(t, one), await pair(t, two)];
  a.server.join('room');
  b.server.join('room');
  const got = messages(a.client, 1);
  const other = record(b.client, ['message']);
  one.wss.to('room').send('only here');
  assert.deepEqual(await got, ['only here']);
  const closed = next(b.client, 'close');
  b.server.close();
  await closed;
  assert.deepEqual(other, []);
  assert.throws(() => a.client.join('room'), /only the sockets of a server have rooms/);
});

when('who has left hears nothing more', async (t) => {
  const context = await serve(t);
  const pairs = await many(t, context, 2);
  pairs.forEach(({ server }) => server.join('room'));
  const closed = next(pairs[0].server, 'close');
  pairs[0].client.terminate();
  await closed;
  const got = messages(pairs[1].client, 1);
  context.wss.to('room').send('still here');
  assert.deepEqual(await got, ['still here']);
});

const CHUNK = Buffer.alloc(64 * 1024, 'x');

/** Sends until the system takes no more of `ws`, and then `more` bytes. */
async function fill(ws, more) {
  while (ws.bufferedAmount < more) {
    for (let i = 0; i < 16; i++) {
      ws.send(CHUNK);
    }
    await new Promise(setImmediate);
    if (ws.readyState !== 1) {
      return;
    }
  }
}

when('a peer that does not read is closed at the limit, and the others notice nothing', async (t) => {
  const context = await serve(t, { backpressure: { limit: 4 << 20 } });
  const connected = once(context.wss, 'connection');
  const peer = new Peer(t, context.port);
  const [slow] = await connected;
  await peer.head();
  peer.socket.pause();
  const other = await pair(t, context);
  const failed = next(slow, 'error');
  await fill(slow, Infinity);
  assert.equal((await failed)[0].code, 'SORI_ERR_SLOW_READER');
  const got = messages(other.client, 1);
  context.wss.broadcast('to those who listen');
  assert.deepEqual(await got, ['to those who listen']);
});

when('with the policy "drop" messages over the limit are dropped, and `drain` tells of the end', async (t) => {
  const context = await serve(t, { backpressure: { limit: 1 << 20, policy: 'drop', highWaterMark: 1000 } });
  const connected = once(context.wss, 'connection');
  const peer = new Peer(t, context.port);
  const [ws] = await connected;
  await peer.head();
  peer.socket.pause();
  const outcome = await new Promise((resolve) => {
    const send = () => {
      ws.send(CHUNK, (error) => {
        if (error) {
          resolve(error);
        }
      });
      if (ws.readyState === 1) {
        setImmediate(send);
      }
    };
    // Its callbacks come only when something happens to it: the first one dropped.
    send();
  });
  assert.ok(outcome instanceof Error);
  assert.ok(ws.bufferedAmount <= (1 << 20) + CHUNK.length * 2);
  const drained = next(ws, 'drain');
  peer.socket.resume();
  await drained;
  assert.equal(ws.bufferedAmount, 0);
});

when('backpressure that cannot be is refused', () => {
  for (const [backpressure, message] of [
    [{ policy: 'panic' }, /the policy "panic" is neither "close" nor "drop"/],
    [{ limit: -1 }, /backpressure.limit is no number of bytes/],
    [{ highWaterMark: 'much' }, /backpressure.highWaterMark is no number of bytes/],
  ]) {
    assert.throws(() => new WebSocket.Server({ noServer: true, backpressure }), { name: 'TypeError', message });
  }
});
