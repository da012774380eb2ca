// The official client of each generation in a browser, loaded by a script tag: 2.x, 3.x and 4.x, and 4.x with MessagePack,
// over each transport. 2.x also polls by script tags (JSONP).
'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');
const path = require('node:path');
const { describe, it } = require('node:test');
const fs = require('node:fs');
const { useBrowser } = require('./index.js');

const { createRequire } = require('node:module');
const packages = path.join(__dirname, '../node/node_modules');
const requireTested = createRequire(path.join(__dirname, '../node/harness.js'));
const { Server } = requireTested(process.env.SORI_TEST_MODULE || '../../node-binding');

const CLIENTS = [
  { name: '2.x', file: 'socket.io-client-v2/dist/socket.io.js', protocol: 3 },
  { name: '3.x', file: 'socket.io-client-v3/dist/socket.io.min.js', protocol: 4 },
  { name: '4.x', file: 'socket.io-client/dist/socket.io.min.js', protocol: 4 },
  { name: '4.x with MessagePack', file: 'socket.io-client/dist/socket.io.msgpack.min.js', protocol: 4, parser: requireTested('socket.io-msgpack-parser') },
];
const WAYS = [{ transports: ['websocket'] }, { transports: ['polling'] }, { transports: ['polling', 'websocket'] }];
const SCRIPT_TAGS = { transports: ['polling'], forceJSONP: true };

/** A page that does with the client what the test says, and shows what came of it. */
const page = (options) => `<!doctype html><link rel="icon" href="data:,"><body><ul></ul><script src="/client.js"></script><script>
const show = (text) => document.querySelector('ul').append(Object.assign(document.createElement('li'), { textContent: text }));
const socket = io(Object.assign(${JSON.stringify(options)}, { reconnection: false }));
socket.on('connect', () => {
  socket.emit('ask', 'ü', new Uint8Array([1, 2, 255]).buffer, (text, bytes) => {
    show(text + ' ' + [...new Uint8Array(bytes)]);
    socket.emit('upgraded?');
  });
});
socket.on('told', (transport) => show(transport));
socket.on('news', (bytes) => { show('news ' + [...new Uint8Array(bytes)]); socket.disconnect(); });
</script>`;

async function serve(t, { file, parser }, options) {
  const server = http.createServer((req, res) => {
    const isClient = req.url === '/client.js';
    res.setHeader('Content-Type', isClient ? 'text/javascript' : 'text/html; charset=utf-8');
    res.end(isClient ? fs.readFileSync(path.join(packages, file)) : page(options));
  });
  const io = new Server(server, { allowEIO3: true, parser });
  t.after(async () => {
    const closed = io.close();
    server.closeAllConnections();
    await closed;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { io, url: `http://127.0.0.1:${server.address().port}/` };
}

describe('the official client in a browser', () => {
  const browser = useBrowser();

  for (const client of CLIENTS) {
    for (const options of client.protocol === 3 ? [...WAYS, SCRIPT_TAGS] : WAYS) {
      const way = options.forceJSONP ? 'script tags' : options.transports.join(' then ');
      it(`${client.name} over ${way}`, async (t) => {
        const { io, url } = await serve(t, client, options);
        const gone = new Promise((resolve) => {
          io.on('connection', (socket) => {
            assert.equal(socket.conn.protocol, client.protocol);
            socket.on('ask', (text, bytes, done) => done(text, bytes));
            const tell = () => {
              socket.emit('told', socket.conn.transport.name);
              io.emit('news', Buffer.from([7, 0]));
            };
            const isThere = () => socket.conn.transport.name === options.transports.at(-1);
            socket.on('upgraded?', () => (isThere() ? tell() : socket.conn.once('upgrade', tell)));
            socket.on('disconnect', resolve);
          });
        });
        const person = await browser.open(url);
        await person.reads('li', ['ü 1,2,255', options.transports.at(-1), 'news 7,0']);
        assert.equal(await gone, 'client namespace disconnect');
        await person.close();
      });
    }
  }
});
