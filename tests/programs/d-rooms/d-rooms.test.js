// Program d: rooms. Each test ends with one 'end' to everybody, so that nothing else can still be under way.

'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { useBrowser } = require('../../browser');
const { connect } = require('../clients.js');
const { startProgram } = require('../program.js');

const PROGRAM = 'd-rooms/server.js';

for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
  describe(`over ${transports.join(', then ')}`, () => {
    it('entering tells the others of the room and nobody else', async (t) => {
      const { ada, bob, cid } = await people(t, transports);

      assert.deepEqual(await join(ada, 'red'), [ada.id, 'red']);
      assert.deepEqual(await join(bob, 'red'), [bob.id, 'red']);
      assert.deepEqual(await join(cid, 'blue'), [cid.id, 'blue']);

      const all = await everythingReceived({ ada, bob, cid });
      assert.deepEqual(all, { ada: [['joined', { room: 'red', who: bob.id }]], bob: [], cid: [] });
    });

    it('socket.to(room) reaches the others of the room', async (t) => {
      const { ada, bob, cid } = await people(t, transports);
      await join(ada, 'red');
      await join(cid, 'red');

      ada.emit('others', 'red', 'from inside');
      bob.emit('others', 'red', 'from outside');

      const all = await everythingReceived({ ada, bob, cid });
      const outside = ['text', { room: 'red', from: bob.id, text: 'from outside' }];
      const inside = ['text', { room: 'red', from: ada.id, text: 'from inside' }];
      assert.deepEqual(all.ada, [['joined', { room: 'red', who: cid.id }], outside]);
      assert.deepEqual(all.bob, []);
      assert.deepEqual(sorted(all.cid), sorted([inside, outside]));
    });

    it('io.to(room) reaches all of the room, the sender too', async (t) => {
      const { ada, bob, cid } = await people(t, transports);
      await join(ada, 'red');
      await join(bob, 'red');

      bob.emit('all', 'red', 'hello');

      const hello = ['text', { room: 'red', from: bob.id, text: 'hello' }];
      const all = await everythingReceived({ ada, bob, cid });
      assert.deepEqual(all, { ada: [['joined', { room: 'red', who: bob.id }], hello], bob: [hello], cid: [] });
    });

    it('a socket in two of the named rooms hears once', async (t) => {
      const { ada, bob, cid } = await people(t, transports);
      await join(ada, 'red');
      await join(ada, 'blue');
      await join(bob, 'green');

      cid.emit('any', ['red', 'blue', 'green'], 'hello');

      const hello = ['text', { room: 'red+blue+green', from: cid.id, text: 'hello' }];
      const all = await everythingReceived({ ada, bob, cid });
      assert.deepEqual(all, { ada: [hello], bob: [hello], cid: [] });
    });

    it('who left hears nothing more of the room and those who stay are told', async (t) => {
      const { ada, bob, cid } = await people(t, transports);
      await join(bob, 'red');
      await join(ada, 'red');

      assert.deepEqual(await ask(ada, 'leave', 'red'), [ada.id]);
      await ask(bob, 'join', 'red');
      bob.emit('all', 'red', 'without ada');

      const all = await everythingReceived({ ada, bob, cid });
      assert.deepEqual(all, {
        ada: [],
        bob: [
          ['joined', { room: 'red', who: ada.id }],
          ['left', { room: 'red', who: ada.id }],
          ['text', { room: 'red', from: bob.id, text: 'without ada' }],
        ],
        cid: [],
      });
    });

    it('a disconnect tells every room that the socket was in', async (t) => {
      const { program, ada, bob, cid } = await people(t, transports);
      const { id } = ada;
      await join(bob, 'red');
      await join(cid, 'blue');
      await join(ada, 'red');
      await join(ada, 'blue');

      ada.socket.disconnect();

      await program.prints(new RegExp(`^gone ${id}, rooms left: 0$`));
      const all = await everythingReceived({ bob, cid });
      assert.deepEqual(all, {
        bob: [['joined', { room: 'red', who: id }], ['left', { room: 'red', who: id }]],
        cid: [['joined', { room: 'blue', who: id }], ['left', { room: 'blue', who: id }]],
      });
    });

    it('a client that returns is in no room', async (t) => {
      const { program, ada, bob } = await people(t, transports);
      await join(ada, 'red');
      ada.socket.disconnect();
      await program.prints(/^gone /);

      ada.socket.connect();
      await ada.until('connect', () => ada.socket.connected);
      bob.emit('all', 'red', 'anybody?');

      assert.deepEqual(await everythingReceived({ ada, bob }), { ada: [], bob: [] });
    });
  });
}

describe('in a browser', () => {
  const browser = useBrowser();

  it('three people in two rooms read what concerns them', async (t) => {
    const program = await startProgram(t, PROGRAM);
    const ada = await browser.open(program.url);
    const bob = await browser.open(program.url);
    const cid = await browser.open(program.url);

    await enter(ada, 'red');
    await enter(bob, 'red');
    await enter(cid, 'blue');
    await ada.reads('#log li', ['someone joined red']);
    await say(bob, 'others', 'hello');
    await ada.reads('#log li', ['someone joined red', 'red: hello']);
    await say(ada, 'all', 'welcome');
    await bob.reads('#log li', ['red: welcome']);
    await say(cid, 'all', 'alone');
    await cid.reads('#log li', ['blue: alone']);
    await bob.close();
    await ada.reads('#log li', ['someone joined red', 'red: hello', 'red: welcome', 'someone left red']);
    await ada.page.click('#leave');
    await ada.reads('#rooms', ['']);

    await ada.close();
    await cid.close();
  });
});

/** The program with three clients, none of them in a room of its own making. */
async function people(t, transports) {
  const program = await startProgram(t, PROGRAM);
  const [ada, bob, cid] = await Promise.all([1, 2, 3].map(() => connect(t, program.url, { transports })));
  return { program, ada, bob, cid };
}

function ask(client, ...event) {
  return client.socket.timeout(5000).emitWithAck(...event);
}

function join(client, room) {
  return ask(client, 'join', room);
}

/** All that each client received until an 'end' to all of them, sent last, came through; without the 'end'. */
async function everythingReceived(clients) {
  const all = Object.values(clients);
  // A round trip of each client: what it asked for before has been done when the 'end' is sent.
  await Promise.all(all.map((client) => ask(client, 'leave', 'a room of nobody')));
  all[0].emit('any', all.map((client) => client.id), 'end');
  const isEnd = ([, { text }]) => text === 'end';
  for (const client of all) await client.until('the end', () => client.events.some(isEnd));
  return Object.fromEntries(Object.entries(clients).map(([name, { events }]) => [name, events.filter((event) => !isEnd(event))]));
}

function sorted(events) {
  return events.map((event) => JSON.stringify(event)).sort();
}

async function enter(page, room) {
  await page.page.fill('#room', room);
  await page.page.click('#join');
  await page.reads('#rooms', [room]);
}

async function say(page, to, text) {
  await page.page.fill('#text', text);
  await page.page.click(`#${to}`);
}
