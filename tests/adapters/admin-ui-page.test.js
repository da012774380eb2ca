// The page of `@socket.io/admin-ui` in Chromium, connected to a Sori server.
'use strict';

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('fs');
const http = require('http');
const path = require('path');
const { once } = require('events');
const { instrument } = require('@socket.io/admin-ui');
const { join } = require('../node/harness');
const { useBrowser } = require('../browser');
const { KINDS } = require('./nodes');

const PAGE = path.join(path.dirname(require.resolve('@socket.io/admin-ui/package.json')), 'ui', 'dist');

const browser = useBrowser();

test('the page lists the sockets of a server and throws one out', async (t) => {
  const httpServer = http.createServer(servePage).listen(0, '127.0.0.1');
  await once(httpServer, 'listening');
  const origin = `http://127.0.0.1:${httpServer.address().port}`;
  const io = new KINDS.sori.Server(httpServer);
  t.after(() => {
    const closed = io.close();
    httpServer.closeAllConnections();
    return closed;
  });
  instrument(io, { auth: false, mode: 'development' });
  const client = await join(t, httpServer.address().port);

  const opened = await browser.open('about:blank');
  const { page } = opened;
  // The page asks for fonts from elsewhere; it is fine without.
  await page.route('**/*', (route) => (route.request().url().startsWith(origin) ? route.continue() : route.abort()));
  await page.goto(origin);
  await page.locator('.v-dialog input[required]').first().fill(origin);
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await opened.until('the page to be connected', () => /Status:\s*connected/i.test(document.body.innerText));

  await page.goto(`${origin}/#/sockets/`);
  await opened.until('the socket to be listed', (id) => document.body.innerText.includes(id), client.id);
  const ended = once(client, 'disconnect');
  const row = page.locator('tr', { hasText: client.id });
  await row.getByRole('button').last().click();
  assert.strictEqual((await ended)[0], 'io server disconnect');
  await opened.until('the socket to be gone', (id) => !document.body.innerText.includes(id), client.id);
  await opened.context.close();
});

function servePage(req, res) {
  const name = req.url.split('?')[0];
  fs.createReadStream(path.join(PAGE, name === '/' ? 'index.html' : path.normalize(name)))
    .on('error', () => res.writeHead(404).end())
    .pipe(res);
}
