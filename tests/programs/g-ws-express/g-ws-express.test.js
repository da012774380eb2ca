// Program g: WebSockets beside Express on one port, with a timer for each client.

'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { useBrowser } = require('../../browser');
const { startProgram } = require('../program.js');
const { connectWs } = require('../ws-clients.js');

const PROGRAM = 'g-ws-express/server.js';

it('logs each client’s address, sends on time, and stops when the client goes', async (t) => {
  const program = await startProgram(t, PROGRAM);
  const client = await connectWs(t, program.url);
  await program.prints(/^client connected (::1|::ffff:127\.0\.0\.1|127\.0\.0\.1)$/);
  client.ws.send('hello');
  await program.prints(/^hello$/);
  assert.deepEqual(await client.received(1), ['Message from the server.']);
  client.ws.close();
  await program.prints(/^client gone (::1|::ffff:127\.0\.0\.1|127\.0\.0\.1)$/);
});

describe('in a browser', () => {
  const browser = useBrowser();

  it('the page comes from Express, and its WebSocket from the same port', async (t) => {
    const program = await startProgram(t, PROGRAM);
    const page = await browser.open(program.url);
    await program.prints(/^hello from the page$/);
    await page.reads('li', ['Message from the server.']);
    await page.close();
    await program.prints(/^client gone/);
  });
});
