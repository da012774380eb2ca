// A chat with rooms on Express and Sori: one process, one port, no database.
//
//     PORT=3000 node server.js

'use strict';

const http = require('node:http');
const path = require('node:path');
const express = require('express');
const { Server } = require('sori');
const chat = require('./chat.js');

const port = process.env.PORT || '3000';

const app = express();
app.disable('x-powered-by');
app.use((req, res, next) => {
  // The page needs nothing from anywhere else, so nothing from anywhere else can run in it.
  res.set('Content-Security-Policy', "default-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'none'");
  next();
});
app.use(express.static(path.join(__dirname, 'public')));

const server = http.createServer(app);
const io = new Server(server);
chat(io);

server.on('error', giveUp);
server.on('listening', () => {
  console.log(`The chat is open: http://localhost:${server.address().port}`);
  console.log('Open it twice to talk to yourself. Ctrl-C ends it.');
});
try {
  server.listen(port);
} catch (error) {
  giveUp(error);
}

// `once`: a second Ctrl-C ends the process at once.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, close);

async function close() {
  console.log('\nClosing.');
  const closed = io.close();
  // Node 18 would wait for browsers that keep an unused connection.
  server.closeIdleConnections();
  await closed;
  process.exit(0);
}

function giveUp(error) {
  const reasons = {
    EADDRINUSE: `Port ${port} is already in use by another program.`,
    EACCES: `Port ${port} may not be used by this user.`,
    ERR_SOCKET_BAD_PORT: `"${port}" is not a port: a port is a number from 0 to 65535.`,
  };
  console.error(reasons[error.code] ?? `The chat cannot listen on port ${port}: ${error.message}`);
  console.error('Choose another port like this: make demo PORT=3001');
  process.exit(1);
}
