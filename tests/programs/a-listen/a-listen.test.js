// Program a: `listen(3000)` and a page from another origin.

'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { describe, it } = require('node:test');
const { useBrowser } = require('../../browser');
const { connect, CLIENTS } = require('../clients.js');
const { startProgram } = require('../program.js');

for (const version of Object.keys(CLIENTS)) {
  for (const transports of [['polling', 'websocket'], ['websocket'], ['polling']]) {
    it(`answers client ${version} over ${transports.join(', then ')}`, async (t) => {
      const program = await startProgram(t, 'a-listen/server.js');
      const client = await connect(t, program.url, { version, transports });
      await client.until('the transport', () => client.transport === transports.at(-1));

      client.emit('msg', { comment: 'hello' });
      client.emit('msg', { comment: '안녕 <b>' });

      assert.deepEqual(await client.received(2), [
        ['recMsg', { comment: `${client.id}:hello` }],
        ['recMsg', { comment: `${client.id}:안녕 <b>` }],
      ]);
    });
  }
}

it('answers nobody but the sender', async (t) => {
  const program = await startProgram(t, 'a-listen/server.js');
  const [ada, bob] = [await connect(t, program.url), await connect(t, program.url)];

  ada.emit('msg', { comment: 'from ada' });
  await ada.received(1);
  bob.emit('msg', { comment: 'from bob' });
  await bob.received(1);

  assert.deepEqual(ada.events, [['recMsg', { comment: `${ada.id}:from ada` }]]);
  assert.deepEqual(bob.events, [['recMsg', { comment: `${bob.id}:from bob` }]]);
});

it('sees a client leave', async (t) => {
  const program = await startProgram(t, 'a-listen/server.js');
  const client = await connect(t, program.url);
  const { id } = client;

  client.socket.disconnect();

  await program.prints(new RegExp(`^disconnected ${id}: client namespace disconnect$`));
});

describe('in a browser, from another origin', () => {
  const browser = useBrowser();

  it('a page connects over polling and upgrades when cors is on', async (t) => {
    const program = await startProgram(t, 'a-listen/server-with-cors.js');
    const page = await browser.open(await servePage(t, 'index.html', program.port));

    await say(page, 'hello');
    await page.until('the upgrade', () => window.socket.io.engine.transport.name === 'websocket');

    await page.reads('#comments li', [`${await id(page)}:hello`]);
    assert.ok(page.pollings.length > 0, 'the page started with polling');
    assert.equal(page.websockets.length, 1);
    await page.close();
  });

  it('a page connects by websocket to plain listen', async (t) => {
    const program = await startProgram(t, 'a-listen/server.js');
    const page = await browser.open(await servePage(t, 'websocket.html', program.port));

    await say(page, '<img src=x>');

    await page.reads('#comments li', [`${await id(page)}:<img src=x>`]);
    assert.deepEqual(page.pollings, []);
    assert.equal(page.websockets.length, 1);
    const [, socketId] = await program.prints(/^connected (.*)$/);
    await page.close();
    await program.prints(new RegExp(`^disconnected ${socketId}: transport close$`));
  });

  it('the browser refuses polling to plain listen as socket.io documents', async (t) => {
    const program = await startProgram(t, 'a-listen/server.js');
    const page = await browser.open(await servePage(t, 'index.html', program.port));

    await page.until('the refusal', () => new Promise((resolve) => {
      window.socket.once('connect_error', (error) => resolve(error.message === 'xhr poll error'));
    }));

    await assert.rejects(page.close(), /blocked by CORS policy/);
  });
});

/** Serves the page as another web server does, with the program's port in the place of 3000. */
async function servePage(t, file, port) {
  const page = fs.readFileSync(path.join(__dirname, file), 'utf8').replaceAll('localhost:3000', `localhost:${port}`);
  const server = http.createServer((req, res) => res.setHeader('content-type', 'text/html').end(page));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}/`;
}

async function say(page, comment) {
  await page.page.fill('#comment', comment);
  await page.page.click('#send');
  await page.until('an answer', () => document.querySelectorAll('#comments li').length > 0);
}

function id(page) {
  return page.page.evaluate(() => window.socket.id);
}
