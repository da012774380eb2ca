// Next.js with a custom server: its request handler gets what is not ours. Tells its parent process the port.
'use strict';

const http = require('http');
const next = require('next');
const { Server } = require('socket.io');

async function start() {
  const app = next({ dev: true, dir: __dirname, hostname: '127.0.0.1', port: 0, conf: { distDir: 'node_modules/.next' } });
  await app.prepare();
  const handle = app.getRequestHandler();
  const httpServer = http.createServer((req, res) => handle(req, res));
  const io = new Server(httpServer);
  io.on('connection', (socket) => {
    socket.on('echo', (text, done) => done(text));
  });
  await new Promise((resolve) => httpServer.listen(0, '127.0.0.1', resolve));
  process.send(httpServer.address().port);
}

start();
