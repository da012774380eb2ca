// Node's cluster by itself: enough where all clients use WebSocket only, as each stays on its one connection. Run as a
// program; tells its parent process the port.
'use strict';

const cluster = require('cluster');
const http = require('http');
const { Server } = require('socket.io');

const WORKERS = 2;

if (cluster.isPrimary) {
  const ports = [];
  for (let i = 0; i < WORKERS; i++) {
    cluster.fork();
  }
  cluster.on('listening', (worker, { port }) => {
    ports.push(port);
    if (ports.length === WORKERS) {
      process.send(port);
    }
  });
  process.on('disconnect', () => process.exit());
} else {
  const httpServer = http.createServer();
  const io = new Server(httpServer, { transports: ['websocket'] });
  io.on('connection', (socket) => {
    socket.on('who', (done) => done(process.pid, socket.handshake.address));
    socket.on('echo', (text, done) => done(text));
  });
  httpServer.listen(0, '127.0.0.1');
}
