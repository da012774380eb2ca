// Beyond ws: how many messages a client may send, and all clients of an address together.
'use strict';

const assert = require('assert/strict');
const { once } = require('events');
const { test } = require('node:test');
const { WebSocket, isOriginal, serve, pair, next, record } = require('./ws-harness');

// ws itself has none of this.
const when = isOriginal ? () => {} : test;

// So slow that nothing comes back while a test runs.
const RATE = { perSecond: 1, burst: 3 };

/** Sends `count` messages, and gives what the server's end was told of until it closed, and how the client was closed. */
async function flood({ client, server }, count) {
  const happened = record(server, ['message', 'error', 'close']);
  const ends = Promise.all([next(server, 'close'), next(client, 'close')]);
  for (let n = 0; n < count; n++) {
    client.send(`${n}`);
  }
  const [, [code]] = await ends;
  return { happened: happened.map(([event, what]) => (event === 'error' ? [what.code, what.message] : [event, what])), code };
}

when('a client that sends more messages than it may is closed with 1008, and no other', async (t) => {
  const context = await serve(t, { rateLimit: RATE });
  const quiet = await pair(t, context);
  // More of them, in one read: what follows the one too many is not heard.
  assert.deepEqual(await flood(await pair(t, context), 10), {
    happened: [['message', '0'], ['message', '1'], ['message', '2'], ['SORI_ERR_TOO_MANY_MESSAGES', 'too many messages'], ['close', 1006]],
    code: 1008,
  });
  quiet.client.ping();
  quiet.client.send('still here');
  assert.equal(String((await next(quiet.server, 'message'))[0]), 'still here');
});

when('all clients of an address share what it may send, on each server by itself', async (t) => {
  const addressOf = (req) => req.headers['x-client'];
  const context = await serve(t, { rateLimitPerAddress: RATE, addressOf });
  const other = await serve(t, { rateLimitPerAddress: RATE, addressOf });
  const of = (server, client) => pair(t, server, client === undefined ? {} : { headers: { 'x-client': client } });
  const [first, second] = [await of(context, '2001:db8::1'), await of(context, '2001:db8::2')];
  first.client.send('one');
  await next(first.server, 'message');
  second.client.send('two');
  await next(second.server, 'message');
  assert.deepEqual(await flood(second, 5), {
    happened: [['message', '0'], ['SORI_ERR_TOO_MANY_MESSAGES', 'too many messages from this address'], ['close', 1006]],
    code: 1008,
  });
  // Who comes back does not begin anew; another address, another server and who has no address do.
  assert.deepEqual((await flood(await of(context, '2001:db8::3'), 1)).happened.length, 2);
  for (const [where, who, count] of [[context, '2001:db8:0:1::1', 3], [other, '2001:db8::1', 3], [context, undefined, 20]]) {
    const { client, server } = await of(where, who);
    const heard = record(server, ['message', 'error']);
    for (let n = 0; n < count; n++) {
      client.send(`${n}`);
    }
    client.close();
    await once(server, 'close');
    assert.equal(heard.length, count);
  }
});

when('a rate that allows nothing, or is none, is refused', () => {
  for (const [rate, message] of [
    [0, 'sori: rateLimit.perSecond is no number of messages'],
    [{ perSecond: 'ten' }, 'sori: rateLimit.perSecond is no number of messages'],
    [{ perSecond: 5, burst: 0 }, 'sori: rateLimit.burst is no number of messages'],
  ]) {
    assert.throws(() => new WebSocket.Server({ noServer: true, rateLimit: rate }), { name: 'TypeError', message });
  }
});
