'use strict';
// The plain WebSocket application under test, the same program for every module with ws's API:
// node --expose-gc ws-app.js MODULE
// A connection to /echo gets back what it sends, one to /broadcast sends to everybody: by the loop over clients that
// ws's users write, or by the module's own broadcast where it has one.

const http = require('node:http');
const { run } = require('./under-test.js');

run(({ WebSocket, WebSocketServer }) => {
  if (process.argv[2] === 'ws') requireNativeMasking();
  const server = http.createServer();
  const wss = new WebSocketServer({ server });
  wss.on('connection', (socket, request) => {
    if (request.url === '/broadcast') {
      socket.on('message', (data, isBinary) => {
        if (wss.broadcast) {
          wss.broadcast(data, { binary: isBinary });
          return;
        }
        for (const client of wss.clients) {
          if (client.readyState === WebSocket.OPEN) client.send(data, { binary: isBinary });
        }
      });
    } else {
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    }
  });
  return server;
});

// bufferutil falls back to JavaScript without a word; the peer is to run at its best, or not at all.
function requireNativeMasking() {
  const { mask } = require('bufferutil');
  if (!String(mask).includes('[native code]')) throw new Error('bufferutil has no native build for this machine');
}
