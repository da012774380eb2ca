// A terminal for plain WebSocket servers: sends each line it reads, writes each message it hears. It comes
// back when the server does.
//
// It is the twin of examples/src/bin/talk.rs and examples/c/talk.c.
//
//   node examples/node/talk.js ws://127.0.0.1:3000/feed

'use strict';

const readline = require('node:readline');

const { WebSocket } = require('../../node-binding/ws');

const url = process.argv[2] ?? 'ws://127.0.0.1:3000/feed';
// Lines that were read while there was nobody to send them to.
const waiting = [];
let socket;
let isLeaving = false;

function open() {
  socket = new WebSocket(url);
  socket.on('open', () => {
    console.log('open');
    waiting.splice(0).forEach((line) => socket.send(line));
    if (isLeaving) socket.close(1000);
  });
  socket.on('message', (message, isBinary) => console.log(isBinary ? `${message.length} bytes` : `${message}`));
  // Its close follows, with 1006.
  socket.on('error', () => {});
  let wasOpen = false;
  socket.once('open', () => { wasOpen = true; });
  socket.on('close', (code) => {
    if (wasOpen) console.log(`gone: ${code}`);
    if (!isLeaving) setTimeout(open, 1000);
  });
}
open();

readline.createInterface({ input: process.stdin })
  .on('line', (line) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(line);
    else waiting.push(line);
  })
  .on('close', () => {
    isLeaving = true;
    if (socket.readyState === WebSocket.OPEN) socket.close(1000);
  });
