// Messages both ways: of every kind and size, in their order, with what is told about them.
'use strict';

const assert = require('assert/strict');
const { once } = require('events');
const { describe, test } = require('node:test');
const { WebSocket, isOriginal, serve, clientOf, pair, record, messages, frame, Peer } = require('./ws-harness');
const { collectUncaught, stallNextTurn } = require('./turns');

/** A server that sends back what it gets, of the same type. */
async function echo(t, options) {
  const context = await serve(t, options);
  context.wss.on('connection', (ws) => ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary })));
  return context;
}

for (const perMessageDeflate of [false, true, { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true }]) {
  describe(`with perMessageDeflate ${JSON.stringify(perMessageDeflate)}`, () => {
    test('text and bytes of every length come back as they were, in order', async (t) => {
      const context = await echo(t, { perMessageDeflate });
      const { client } = await pair(t, context, { perMessageDeflate });
      assert.equal(client.extensions, perMessageDeflate ? 'permessage-deflate' : '');
      const sent = [];
      for (const length of [0, 1, 47, 48, 49, 125, 126, 127, 4095, 4096, 4097, 8192, 8193, 16384, 65535, 65536, 70000, 1 << 20]) {
        const bytes = Buffer.alloc(length, `bytes ${length} `);
        sent.push([bytes, true], [bytes.toString(), false]);
      }
      sent.push(['ASCII, then ünïcödé, then 안녕 and 😀', false], ['é', false], ['x'.repeat(47) + 'é', false]);
      const received = [];
      const done = new Promise((resolve) => {
        client.on('message', (data, isBinary) => {
          assert.ok(Buffer.isBuffer(data));
          received.push([isBinary ? Buffer.from(data) : data.toString(), isBinary]);
          if (received.length === sent.length) {
            resolve();
          }
        });
      });
      sent.forEach(([data]) => client.send(data));
      await done;
      for (let i = 0; i < sent.length; i++) {
        assert.ok(sent[i][1] === received[i][1] && Buffer.from(sent[i][0]).equals(Buffer.from(received[i][0])), `message ${i}`);
      }
    });

    test('ten thousand messages sent in one turn keep their order', async (t) => {
      const context = await echo(t, { perMessageDeflate });
      const { client } = await pair(t, context, { perMessageDeflate });
      const sent = Array.from({ length: 10000 }, (_, i) => `message ${i}`);
      const back = messages(client, sent.length);
      sent.forEach((text) => client.send(text));
      assert.deepEqual(await back, sent);
    });
  });
}

test('data of every type is sent', async (t) => {
  const context = await serve(t);
  const { client, server } = await pair(t, context);
  const got = messages(client, 9);
  const { buffer } = Uint8Array.from([97, 98, 99, 100]);
  for (const data of ['text', 12, undefined, null, '', buffer, new Uint8Array(buffer, 1, 2), new Uint16Array(buffer), new DataView(buffer, 3)]) {
    server.send(data);
  }
  assert.deepEqual(await got, ['text', '12', '', '', '', 'abcd', 'bc', 'abcd', 'd']);
  assert.throws(() => server.send({}), TypeError);
});

test('a Blob keeps its place among other sends', async (t) => {
  const context = await serve(t);
  const { client, server } = await pair(t, context);
  const got = messages(client, 3);
  server.send('before');
  server.send(new Blob(['blob']));
  server.send('behind');
  server.close(1000);
  assert.deepEqual(await got, ['before', 'blob', 'behind']);
});

test('bytes that their owner changes after the turn of `send` have left unchanged', async (t) => {
  const context = await serve(t);
  const { client, server } = await pair(t, context);
  for (const length of [40, 5000, 100000]) {
    const data = Buffer.alloc(length, 'a');
    const got = once(client, 'message');
    const sent = new Promise((resolve) => server.send(data, resolve));
    await sent;
    data.fill('b');
    assert.ok((await got)[0].equals(Buffer.alloc(length, 'a')));
  }
});

test('a message in fragments arrives whole, and control frames may come between', async (t) => {
  const context = await serve(t);
  const { client, server } = await pair(t, context);
  const happened = record(client);
  server.send('one ', { fin: false });
  server.ping('between');
  server.send('two ', { fin: false });
  server.send('three', { fin: true });
  server.send('next');
  server.close(1000);
  await once(client, 'close');
  assert.deepEqual(happened, [
    ['ping', 'between'],
    ['message', 'one two three', false],
    ['message', 'next', false],
    ['close', 1000, ''],
  ]);
});

test('binaryType says how bytes arrive; text is always a Buffer', async (t) => {
  const context = await serve(t);
  const { client, server } = await pair(t, context);
  const bytes = Buffer.from('some bytes');
  const receive = async (type, data) => {
    client.binaryType = type;
    const got = once(client, 'message');
    server.send(data);
    return (await got)[0];
  };
  const arrayBuffer = await receive('arraybuffer', bytes);
  assert.ok(arrayBuffer instanceof ArrayBuffer && Buffer.from(arrayBuffer).equals(bytes));
  const fragments = await receive('fragments', bytes);
  assert.ok(Array.isArray(fragments) && Buffer.concat(fragments).equals(bytes));
  const blob = await receive('blob', bytes);
  assert.ok(blob instanceof Blob && Buffer.from(await blob.arrayBuffer()).equals(bytes));
  assert.ok(Buffer.isBuffer(await receive('blob', 'text')));
  client.binaryType = 'anything';
  assert.equal(client.binaryType, 'blob');
});

test('pings are answered before their event, and the application may answer itself', async (t) => {
  const context = await serve(t);
  const { client, server } = await pair(t, context, { autoPong: false });
  const pong = once(client, 'pong');
  client.ping('from the client');
  assert.equal((await pong)[0].toString(), 'from the client');
  const [ping] = await Promise.all([once(client, 'ping'), server.ping(Buffer.from('from the server'))]);
  const answer = once(server, 'pong');
  client.pong(`${ping[0]}, seen`);
  assert.equal((await answer)[0].toString(), 'from the server, seen');
  assert.throws(() => server.ping('x'.repeat(126)), { name: 'RangeError', message: 'The data size must not be greater than 125 bytes' });
});

test('callbacks come in order when the system has the data, with nothing left to count', async (t) => {
  const context = await serve(t);
  const { server } = await pair(t, context);
  const order = [];
  server.send('a', () => order.push('a'));
  server.ping('b', false, () => order.push('b'));
  // ws hands each send to the system by itself.
  assert.equal(server.bufferedAmount > 0, !isOriginal);
  await new Promise((resolve) => {
    server.send(Buffer.alloc(100000), (error) => {
      order.push(Boolean(error));
      resolve();
    });
  });
  assert.deepEqual([order, server.bufferedAmount], [['a', 'b', false], 0]);
});

test('nothing can be sent before the opening, and after the end only callbacks hear of it', async (t) => {
  const context = await serve(t);
  const connecting = clientOf(t, context.url);
  for (const method of ['send', 'ping', 'pong']) {
    assert.throws(() => connecting[method]('x'), /^Error: WebSocket is not open: readyState 0 \(CONNECTING\)$/);
  }
  await once(connecting, 'open');
  connecting.terminate();
  await once(connecting, 'close');
  const error = await new Promise((resolve) => connecting.send('four', resolve));
  assert.equal(error.message, 'WebSocket is not open: readyState 3 (CLOSED)');
  assert.equal(connecting.bufferedAmount, 4);
});

test('a paused WebSocket tells of nothing until it is resumed, and loses nothing', async (t) => {
  const context = await serve(t);
  const { client, server } = await pair(t, context);
  const received = [];
  client.on('message', (data) => {
    received.push(Number(data.toString()));
    if (received.length % 10 === 0) {
      client.pause();
      setImmediate(() => {
        // In ws the rest of what was read together still comes.
        assert.ok(isOriginal || received.length % 10 === 0);
        client.resume();
      });
    }
  });
  for (let i = 0; i < 1000; i++) {
    server.send(String(i));
  }
  server.close(1000);
  const [code] = await once(client, 'close');
  assert.equal(code, 1000);
  assert.deepEqual(received, Array.from({ length: 1000 }, (_, i) => i));
});

test('what listeners of `open` and `connection` send at once arrives, in order', async (t) => {
  const { wss, url } = await serve(t);
  const toServer = new Promise((resolve) => {
    wss.on('connection', (ws) => {
      ws.send('first');
      ws.send('second');
      resolve(messages(ws, 2));
    });
  });
  const client = clientOf(t, url);
  const toClient = messages(client, 2);
  client.on('open', () => {
    client.send('third');
    client.send('fourth');
  });
  assert.deepEqual([await toClient, await toServer], [['first', 'second'], ['third', 'fourth']]);
});

test('frames that came behind the request are handled after `connection`', async (t) => {
  const { wss, port } = await serve(t);
  const order = [];
  wss.on('connection', (ws) => {
    order.push('connection');
    ws.on('message', (data) => {
      order.push(data.toString());
      ws.send('seen');
    });
  });
  const peer = new Peer(t, port, { first: Buffer.concat([frame(0x81, 'early'), frame(0x81, 'bird')]) });
  await peer.head();
  assert.equal((await peer.frame()).payload.toString(), 'seen');
  assert.equal((await peer.frame()).payload.toString(), 'seen');
  assert.deepEqual(order, ['connection', 'early', 'bird']);
});

test('answers to what came together with a close frame leave before the close', async (t) => {
  const { wss, port } = await serve(t);
  wss.on('connection', (ws) => ws.on('message', (data) => ws.send(`answer to ${data}`)));
  const closing = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]);
  const peer = new Peer(t, port, { first: Buffer.concat([frame(0x81, 'one'), frame(0x81, 'two'), closing]) });
  await peer.head();
  assert.equal((await peer.frame()).payload.toString(), 'answer to one');
  assert.equal((await peer.frame()).payload.toString(), 'answer to two');
  assert.equal((await peer.frame()).code, 1000);
  assert.equal(await peer.frame(), null);
});

test('allowSynchronousEvents: false gives each event a turn of its own', async (t) => {
  const { wss, port } = await serve(t, { allowSynchronousEvents: false });
  const order = [];
  const done = new Promise((resolve) => {
    wss.on('connection', (ws) => {
      ws.on('message', (data) => {
        order.push(data.toString());
        Promise.resolve().then(() => order.push(`after ${data}`));
        if (data.toString() === 'c') {
          setImmediate(resolve);
        }
      });
    });
  });
  const peer = new Peer(t, port);
  await peer.head();
  peer.socket.write(Buffer.concat([frame(0x81, 'a'), frame(0x81, 'b'), frame(0x81, 'c')]));
  await done;
  assert.deepEqual(order, ['a', 'after a', 'b', 'after b', 'c', 'after c']);
});

test('the DOM way to listen works as on a page', async (t) => {
  const context = await serve(t);
  const connected = once(context.wss, 'connection');
  const client = clientOf(t, context.url);
  const events = [];
  for (const type of ['open', 'message', 'close']) {
    client[`on${type}`] = (event) => events.push([type, event.target === client, event.data, event.code, event.reason, event.wasClean]);
  }
  const once_ = [];
  client.addEventListener('message', { handleEvent: (event) => once_.push(event.data) }, { once: true });
  const [server] = await connected;
  server.send('text');
  server.send(Buffer.from('bytes'));
  server.close(4000, 'done');
  await once(client, 'close');
  const bytes = events[2][2];
  assert.deepEqual(events, [
    ['open', true, undefined, undefined, undefined, undefined],
    ['message', true, 'text', undefined, undefined, undefined],
    ['message', true, bytes, undefined, undefined, undefined],
    ['close', true, undefined, 4000, 'done', true],
  ]);
  assert.equal(bytes.toString(), 'bytes');
  assert.deepEqual(once_, ['text']);
});

// In ws the connection reads nothing any more after that.
test('a listener that throws costs the others nothing', { skip: isOriginal }, async (t) => {
  const context = await serve(t);
  const { client, server } = await pair(t, context);
  const thrown = collectUncaught(t);
  const got = [];
  client.on('message', (data) => {
    got.push(data.toString());
    if (got.length === 1) {
      throw new Error('of the listener');
    }
  });
  server.send('a');
  server.send('b');
  server.close(1000);
  await once(client, 'close');
  assert.deepEqual([got, thrown], [['a', 'b'], ['of the listener']]);
});

test('what a listener does behind an await comes before the messages of the next peer', async (t) => {
  const context = await serve(t);
  const log = [];
  context.wss.on('connection', (ws) => {
    const id = log.ids++;
    ws.on('message', async (data) => {
      log.push(id);
      await null;
      process.nextTick(() => {
        log.push(id);
        ws.send(data);
      });
    });
  });
  log.ids = 0;
  const clients = [];
  for (let i = 0; i < 3; i++) {
    clients.push((await pair(t, context)).client);
  }
  for (let round = 0; round < 10; round++) {
    const answers = clients.map((client) => once(client, 'message'));
    clients.forEach((client) => client.send('work'));
    stallNextTurn();
    await Promise.all(answers);
  }
  assert.equal(log.length, 60);
  for (let i = 0; i < log.length; i += 2) {
    assert.equal(log[i], log[i + 1], `${i}: ${log}`);
  }
});

test('a tick that throws between the messages of two peers costs neither of them its own', async (t) => {
  const context = await serve(t);
  const uncaught = collectUncaught(t);
  context.wss.on('connection', (ws) => {
    ws.on('message', (data) => {
      ws.send(data);
      process.nextTick(() => {
        throw new Error(String(data));
      });
    });
  });
  const clients = [];
  for (let i = 0; i < 3; i++) {
    clients.push((await pair(t, context)).client);
  }
  const answers = clients.map((client) => once(client, 'message'));
  clients.forEach((client, i) => client.send(`of ${i}`));
  stallNextTurn();
  const heard = await Promise.all(answers);
  await new Promise(setImmediate);
  const said = ['of 0', 'of 1', 'of 2'];
  assert.deepEqual(heard.map(([data]) => String(data)), said);
  assert.deepEqual(uncaught.sort(), said);
});
