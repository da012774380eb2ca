// Program i: who answers pings stays, who does not is dropped.

'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { describe, it } = require('node:test');
const { useBrowser } = require('../../browser');
const { startProgram } = require('../program.js');
const { connectWs, emptyPage, openInPage } = require('../ws-clients.js');

const PROGRAM = 'i-ws-heartbeat/server.js';

it('a client that does not answer is dropped, one that does stays', async (t) => {
  const program = await startProgram(t, PROGRAM, { INTERVAL: '300' });
  const alive = await connectWs(t, program.url);
  const mute = await connectWs(t, program.url, { autoPong: false });
  const [code] = await once(mute.ws, 'close');
  assert.equal(code, 1006);
  await program.prints(/^closed, 1 left$/);
  assert.equal(alive.ws.readyState, alive.ws.OPEN);
});

describe('in a browser', () => {
  const browser = useBrowser();

  it('a page stays through many rounds', async (t) => {
    const program = await startProgram(t, PROGRAM, { INTERVAL: '100' });
    const page = await browser.open(await emptyPage(t));
    await openInPage(page, program.url);
    await page.until('the connection', () => socket.readyState === WebSocket.OPEN);
    await program.prints(/^round$/, 8);
    assert.equal(await page.page.evaluate(() => socket.readyState), 1);
    await page.close();
    await program.prints(/^closed, 0 left$/);
  });
});
