// Program h: three files, four events; what one says all others hear.

'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { useBrowser } = require('../../browser');
const { startProgram } = require('../program.js');
const { connectWs } = require('../ws-clients.js');

const PROGRAM = 'h-ws-split/server.js';

it('all but the sender hear what is said, and an end is told with its code', async (t) => {
  const program = await startProgram(t, PROGRAM);
  const clients = [];
  for (const name of ['a', 'b', 'c']) clients.push(await connectWs(t, `${program.url}/${name}`));
  await program.prints(/^connected: \/[abc]$/, 3);
  const [first, second, third] = clients;
  first.ws.send('one');
  await second.received(1);
  second.ws.send('two');
  assert.deepEqual(await third.received(2), ['one', 'two']);
  assert.deepEqual(await first.received(1), ['two']);
  assert.deepEqual(second.messages, ['one']);
  third.ws.close(4001);
  await program.prints(/^closed: 4001$/);
});

it('a client that breaks the protocol is an error there, and the others go on', async (t) => {
  const program = await startProgram(t, PROGRAM);
  const [bad, good, other] = [await connectWs(t, program.url), await connectWs(t, program.url), await connectWs(t, program.url)];
  bad.ws._socket.write(Buffer.from([0x83, 0x80, 0, 0, 0, 0]));
  await program.prints(/^error: Invalid WebSocket frame: invalid opcode 3$/);
  await program.prints(/^closed: 1006$/);
  good.ws.send('still here');
  assert.deepEqual(await other.received(1), ['still here']);
});

describe('in a browser', () => {
  const browser = useBrowser();

  it('people on two pages and a program talk to each other', async (t) => {
    const program = await startProgram(t, PROGRAM);
    const pages = [await browser.open(program.url), await browser.open(program.url)];
    const client = await connectWs(t, program.url);
    for (const page of pages) await page.until('the connection', () => document.body.classList.contains('open'));
    await pages[0].page.fill('input', 'hello from page one');
    await pages[0].page.click('button');
    await pages[1].reads('li', ['hello from page one']);
    client.ws.send('hello from a program');
    await pages[0].reads('li', ['hello from a program']);
    await pages[1].reads('li', ['hello from page one', 'hello from a program']);
    assert.deepEqual(await client.received(1), ['hello from page one']);
    for (const page of pages) await page.close();
    await program.prints(/^closed: 1001$/, 2);
  });
});
