// Program c: sessions, cookies, a log and a template page beside the module; news at an interval.

'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { useBrowser } = require('../../browser');
const { connect } = require('../clients.js');
const { startProgram } = require('../program.js');

const PROGRAM = 'c-session-news/server.js';
const OFTEN = { NEWS_EVERY_MS: '20' };
const LOOPBACK = /^(::ffff:)?127\.0\.0\.1$|^::1$/;

for (const transports of [['polling', 'websocket'], ['websocket']]) {
  describe(`with a client over ${transports.join(', then ')}`, () => {
    it('sends news again and again until the client leaves', async (t) => {
      const program = await startProgram(t, PROGRAM, OFTEN);
      const client = await connect(t, program.url, { transports });
      await client.until('the transport', () => client.transport === 'websocket');

      const events = await client.received(6);
      assert.deepEqual(events[0][0], 'welcome');
      assert.deepEqual(events.slice(1, 6), news(5));
      assert.equal(await readers(program), 1);

      client.socket.disconnect();
      await program.prints(/^client gone .*$/);
      assert.equal(await readers(program), 0);
    });

    it('answers a reply', async (t) => {
      const program = await startProgram(t, PROGRAM);
      const client = await connect(t, program.url, { transports });
      await client.until('the transport', () => client.transport === 'websocket');
      const [[, { address }]] = await client.received(1);

      client.emit('reply', 'read it');

      assert.deepEqual((await client.received(2))[1], ['thanks', `read it from ${address}`]);
      await program.prints(/^reply read it$/);
    });

    it('knows the address of the peer, after the connection was opened too', async (t) => {
      const program = await startProgram(t, PROGRAM);
      const client = await connect(t, program.url, { transports });
      await client.until('the transport', () => client.transport === 'websocket');

      client.emit('reply', 'me');

      const [[, { address, path }], thanks] = await client.received(2);
      assert.match(address, LOOPBACK);
      assert.equal(path, '/socket.io/');
      assert.deepEqual(thanks, ['thanks', `me from ${address}`]);
    });

    it('prefers the address that a proxy forwarded', async (t) => {
      const program = await startProgram(t, PROGRAM);
      const client = await connect(t, program.url, { transports, extraHeaders: { 'x-forwarded-for': '203.0.113.7' } });

      const [[, { address }]] = await client.received(1);

      assert.equal(address, '203.0.113.7');
    });

    it('sees the session of the page that the same cookie opened', async (t) => {
      const program = await startProgram(t, PROGRAM);
      const cookie = await visit(program);
      await visit(program, cookie);

      const client = await connect(t, program.url, { transports, extraHeaders: { cookie } });
      const stranger = await connect(t, program.url, { transports });

      const [[, known]] = await client.received(1);
      const [[, unknown]] = await stranger.received(1);
      assert.deepEqual([known.visits, unknown.visits], [2, undefined]);
    });
  });
}

describe('in a browser', () => {
  const browser = useBrowser();

  for (const [way, query] of [['polling, then websocket', ''], ['websocket alone', '?websocket']]) {
    it(`a page over ${way} shows news, its address and its session`, async (t) => {
      const program = await startProgram(t, PROGRAM, OFTEN);
      const page = await browser.open(`${program.url}/${query}`);
      await page.until('the transport', () => socket.io.engine?.transport.name === 'websocket');

      await page.until('three news', () => document.querySelectorAll('#news li').length >= 3);
      const items = await page.page.locator('#news li').allTextContents();
      assert.deepEqual(items.slice(0, 3), [1, 2, 3].map((number) => `${number} Hello from the server`));
      await page.reads('#visits', ['1']);
      await page.reads('#known-visits', ['1']);
      const address = await page.page.textContent('#address');
      assert.match(address, LOOPBACK);

      await page.page.fill('#reply', '<i>thanks</i>');
      await page.page.click('#send');
      await page.reads('#thanks', [`<i>thanks</i> from ${address}`]);

      assert.equal(page.pollings.length > 0, query === '');
      assert.equal(page.websockets.length, 1);
      await page.close();
      await program.prints(/^client gone .*$/);
      assert.equal(await readers(program), 0);
    });
  }
});

function news(count) {
  return Array.from({ length: count }, (_, i) => ['news', { number: i + 1, title: 'Hello from the server' }]);
}

async function readers(program) {
  return (await fetch(`${program.url}/readers`)).json();
}

/** Loads the page as a browser with that cookie, and gives back the cookie it has then. */
async function visit(program, cookie = '') {
  const answer = await fetch(program.url, { headers: { cookie } });
  await answer.text();
  return (answer.headers.get('set-cookie') || cookie).split(';')[0];
}
