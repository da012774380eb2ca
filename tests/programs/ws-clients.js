// Real clients of plain WebSockets: npm's ws in this process, and a page's own WebSocket in Chromium.

'use strict';

const http = require('node:http');
const WebSocket = require('ws');
const { DEADLINE_MS } = require('./program.js');

/**
 * Connects npm's ws; it is dropped after the test. `messages` is what it has received.
 * @param {import('node:test').TestContext} t
 */
async function connectWs(t, url, options = {}) {
  const ws = new WebSocket(url.replace('http', 'ws'), options);
  t.after(() => ws.terminate());
  const client = { ws, messages: [], look: () => {} };
  ws.on('message', (data) => {
    client.messages.push(data.toString());
    client.look();
  });
  client.received = (count) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`got only ${JSON.stringify(client.messages)}`)), DEADLINE_MS);
      client.look = () => {
        if (client.messages.length >= count) {
          clearTimeout(timer);
          resolve(client.messages);
        }
      };
      client.look();
    });
  await new Promise((resolve, reject) => {
    ws.on('open', resolve);
    ws.on('error', reject);
  });
  return client;
}

/**
 * The address of an empty page of this machine's own: Chromium lets only such pages connect to it.
 * @param {import('node:test').TestContext} t
 */
async function emptyPage(t) {
  const server = http.createServer((req, res) => {
    res.setHeader('Content-Type', 'text/html');
    res.end('<!DOCTYPE html><link rel="icon" href="data:,"><title>Empty</title>');
  });
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise((resolve) => server.listen(0, 'localhost', resolve));
  return `http://localhost:${server.address().port}`;
}

/** Opens a WebSocket in a page, which keeps what it gets in `received` and its close code in `closeCode`. */
function openInPage(page, url) {
  return page.page.evaluate((address) => {
    window.received = [];
    window.closeCode = undefined;
    window.socket = new WebSocket(address);
    window.socket.onmessage = ({ data }) => window.received.push(data);
    window.socket.onclose = ({ code }) => {
      window.closeCode = code;
    };
  }, url.replace('http', 'ws'));
}

module.exports = { connectWs, emptyPage, openInPage };
