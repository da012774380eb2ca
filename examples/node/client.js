// A chat client for the terminal: enters a room of the chat example, whichever language serves it, says what
// it reads, and writes what it hears. It comes back when the server does.
//
// It is the twin of examples/src/bin/client.rs and examples/c/client.c. Node's client is npm's
// socket.io-client, here the copy that serves browsers.
//
//   node examples/node/client.js http://127.0.0.1:3000 tea

'use strict';

const path = require('node:path');
const readline = require('node:readline');
const { createRequire } = require('node:module');

const { io } = createRequire(path.join(__dirname, '../../node-binding/package.json'))('socket.io-client');

const [url = 'http://127.0.0.1:3000', room = 'tea'] = process.argv.slice(2);
const chat = io(url);
chat.on('entered', (who) => console.log(`${who} is here`));
chat.on('left', (who) => console.log(`${who} has left`));
chat.on('said', (who, what) => console.log(`${who}: ${JSON.stringify(what)}`));
chat.on('disconnect', (reason) => console.log(`gone: ${reason}`));
// Each time it is connected: a server that was away knows nothing of rooms.
chat.on('connect', async () => {
  const isIn = await chat.emitWithAck('enter', room);
  console.log(`${isIn ? 'in' : 'not let into'} ${room}`);
});

readline.createInterface({ input: process.stdin })
  .on('line', (line) => chat.emit('say', line))
  .on('close', () => chat.close());
