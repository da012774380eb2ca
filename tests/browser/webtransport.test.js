// The official client in a browser over WebTransport, to the Rust example of that name: from the first packet on, and
// as an upgrade from polling.
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { createInterface } = require('node:readline');
const { after, before, describe, it } = require('node:test');
const { useBrowser } = require('./index.js');

const root = path.join(__dirname, '../..');
const client = path.join(__dirname, '../node/node_modules/socket.io-client/dist/socket.io.min.js');

/** A page that asks, once it is where it is to be, and shows what it hears and over what. */
const page = (url, hash, options) => `<!doctype html><link rel="icon" href="data:,"><body><ul></ul><script src="/client.js"></script><script>
const show = (text) => document.querySelector('ul').append(Object.assign(document.createElement('li'), { textContent: text }));
const hashes = [{ algorithm: 'sha-256', value: new Uint8Array(${JSON.stringify(hash)}) }];
const socket = io(${JSON.stringify(url)}, Object.assign({
  reconnection: false,
  transportOptions: { webtransport: { serverCertificateHashes: hashes } },
}, ${JSON.stringify(options)}));
const large = new Uint8Array(200000).fill(255);
const ask = () => socket.emit('ask', 'ü', large.buffer, (text, bytes) => {
  const echoed = new Uint8Array(bytes);
  show(text + ' ' + echoed.length + ' ' + echoed.every((byte) => byte === 255));
});
socket.on('connect_error', (error) => show(String(error)));
socket.on('connect', () => {
  const { transport } = socket.io.engine;
  return transport.name === 'webtransport' ? ask() : socket.io.engine.once('upgrade', ask);
});
socket.on('news', (bytes) => show(socket.io.engine.transport.name + ' ' + [...new Uint8Array(bytes)]));
socket.on('disconnect', (reason) => show(reason));
</script>`;

describe('the official client in a browser over WebTransport', () => {
  const browser = useBrowser();
  let program, port, hash;

  before(async () => {
    const args = ['run', '--quiet', '-p', 'sori', '--features', 'webtransport', '--example', 'webtransport'];
    program = spawn('cargo', args, { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] });
    const [line] = await once(createInterface({ input: program.stdout }), 'line');
    ({ port, hash } = JSON.parse(line));
  });

  after(async () => {
    if (program.exitCode === null) {
      program.stdin.end();
      await once(program, 'exit');
    }
  });

  async function open(t, scheme, options) {
    const url = `${scheme}://127.0.0.1:${port}`;
    const server = http.createServer((req, res) => {
      const isClient = req.url === '/client.js';
      res.setHeader('Content-Type', isClient ? 'text/javascript' : 'text/html; charset=utf-8');
      res.end(isClient ? fs.readFileSync(client) : page(url, hash, options));
    });
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return browser.open(`http://127.0.0.1:${server.address().port}/`);
  }

  const heard = ['ü 200000 true', 'webtransport 7,0'];

  it('connects, asks and is answered', async (t) => {
    const person = await open(t, 'https', { transports: ['webtransport'] });
    await person.reads('li', heard);
    assert.deepEqual(person.websockets, []);
    assert.deepEqual(person.pollings, []);
    await person.close();
  });

  it('moves there from polling', async (t) => {
    const person = await open(t, 'http', { transports: ['polling', 'webtransport'] });
    await person.reads('li', heard);
    assert.ok(person.pollings.length > 0);
    assert.deepEqual(person.websockets, []);
    await person.close();
  });

  it('hears that the server is gone', async (t) => {
    const person = await open(t, 'https', { transports: ['webtransport'] });
    await person.reads('li', heard);
    // The session ends with its QUIC connection: a promise is rejected that the client does not watch.
    const complaint = person.page.waitForEvent('pageerror');
    program.stdin.end();
    await once(program, 'exit');
    await person.reads('li', [...heard, 'transport error']);
    await complaint;
    // Which one depends on what the browser hears of first: the stream's end or the connection's.
    const [told, ...others] = person.complaints.splice(0);
    assert.match(told, /^(WebTransportError: Connection lost|NetworkError: The stream was aborted)/);
    assert.deepEqual(others, []);
    await person.close();
  });
});
