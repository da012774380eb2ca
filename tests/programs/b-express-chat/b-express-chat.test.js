// Program b: Express and the module on one port.

'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { useBrowser } = require('../../browser');
const { connect, CLIENTS } = require('../clients.js');
const { startProgram } = require('../program.js');

const PROGRAM = 'b-express-chat/server.js';

it('gives every message to everybody in one order', async (t) => {
  const program = await startProgram(t, PROGRAM);
  const clients = [];
  for (const version of Object.keys(CLIENTS)) {
    for (const transports of [['polling', 'websocket'], ['websocket'], ['polling']]) {
      clients.push(await connect(t, program.url, { version, transports }));
    }
  }

  for (const [i, client] of clients.entries()) client.emit('chat message', `message of ${i}`);
  const seen = await Promise.all(clients.map((client) => client.received(clients.length)));

  const everything = clients.map((_, i) => `["chat message","message of ${i}"]`);
  assert.deepEqual(seen[0].map((event) => JSON.stringify(event)).sort(), everything);
  for (const events of seen) assert.deepEqual(events, seen[0]);
});

it('keeps the order of one sender while its connection upgrades', async (t) => {
  const program = await startProgram(t, PROGRAM);
  const client = await connect(t, program.url);

  const said = [];
  for (let i = 0; client.transport === 'polling' || i < 100; i++) {
    client.emit('chat message', i);
    said.push(['chat message', i]);
    await client.received(i + 1);
  }

  assert.deepEqual(client.events, said);
});

it('leaves the routes of express to express', async (t) => {
  const program = await startProgram(t, PROGRAM);

  const page = await fetch(program.url);
  const missing = await fetch(`${program.url}/nothing-here`);
  const client = await fetch(`${program.url}/socket.io/socket.io.js`);

  assert.deepEqual([page.status, page.headers.get('x-powered-by')], [200, 'Express']);
  assert.match(await page.text(), /<title>Express chat<\/title>/);
  assert.equal(missing.status, 404);
  assert.match(await missing.text(), /Cannot GET \/nothing-here/);
  assert.deepEqual([client.status, client.headers.get('x-powered-by')], [200, null]);
  assert.match(await client.text(), /^\/\*!\n \* Socket\.IO v4/);
});

it('sees a user leave who says goodbye and one who is cut off', async (t) => {
  const program = await startProgram(t, PROGRAM);
  const [polite, cut] = [await connect(t, program.url), await connect(t, program.url, { transports: ['websocket'] })];

  polite.socket.disconnect();
  cut.socket.io.engine.transport.ws.terminate();

  await program.prints(/^user disconnected$/, 2);
  assert.deepEqual(program.lines.slice(1), ['a user connected', 'a user connected', 'user disconnected', 'user disconnected']);
});

describe('in a browser', () => {
  const browser = useBrowser();

  it('two people read what each says, as text and not as markup', async (t) => {
    const program = await startProgram(t, PROGRAM);
    const [ada, bob] = [await browser.open(program.url), await browser.open(program.url)];

    await say(ada, 'hello');
    await bob.reads('#messages li', ['hello']);
    await say(bob, '<b>hi</b> 안녕');

    for (const page of [ada, bob]) await page.reads('#messages li', ['hello', '<b>hi</b> 안녕']);
    await ada.close();
    await program.prints(/^user disconnected$/);
    await bob.close();
    await program.prints(/^user disconnected$/, 2);
  });
});

async function say(page, text) {
  await page.page.fill('#input', text);
  await page.page.press('#input', 'Enter');
}
