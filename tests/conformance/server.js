'use strict';
// The server under the fuzzing cases: sends back whatever it gets. Prints its port; ends with its stdin.
// node server.js MODULE

const { WebSocketServer } = require(require('node:path').resolve(process.argv[2]));

// The cases send one message of 4 MiB in frames of 64 bytes, which is more frames than ws takes by default.
const wss = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true, maxFragments: 0 }, () => {
  process.stdout.write(`${wss.address().port}\n`);
});

wss.on('connection', (ws) => {
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
  // What is wrong with a frame is the cases' business.
  ws.on('error', () => {});
});

process.stdin.on('end', () => process.exit(0));
process.stdin.resume();
