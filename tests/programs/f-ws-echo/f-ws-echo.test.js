// Program f: a plain WebSocket server on its own port greets and echoes.

'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { useBrowser } = require('../../browser');
const { startProgram } = require('../program.js');
const { connectWs, emptyPage, openInPage } = require('../ws-clients.js');

const PROGRAM = 'f-ws-echo/server.js';

it('greets a client and echoes what it says, in order', async (t) => {
  const program = await startProgram(t, PROGRAM);
  const client = await connectWs(t, program.url);
  client.ws.send('one');
  client.ws.send('zwei und drei: ünïcödé');
  assert.deepEqual(await client.received(3), ['Welcome!', 'You said: one', 'You said: zwei und drei: ünïcödé']);
  await program.prints(/^received: one$/);
});

describe('in a browser', () => {
  const browser = useBrowser();

  it('a page talks to it, and both sides close cleanly', async (t) => {
    const program = await startProgram(t, PROGRAM);
    const page = await browser.open(await emptyPage(t));
    await openInPage(page, program.url);
    await page.until('the greeting', () => received.length === 1);
    await page.page.evaluate(() => {
      socket.send('from the page');
      socket.send('x'.repeat(100000));
    });
    await page.until('both answers', () => received.length === 3);
    const received_ = await page.page.evaluate(() => received);
    assert.deepEqual(received_, ['Welcome!', 'You said: from the page', `You said: ${'x'.repeat(100000)}`]);
    await page.page.evaluate(() => socket.close(1000));
    await page.until('the close', () => closeCode === 1000);
    await page.close();
  });
});
