// Node's cluster: one process accepts connections and hands each to a worker; @socket.io/sticky sees to it that the requests
// of one polling client all reach the same one. Run as a program; tells its parent process the port.
'use strict';

const cluster = require('cluster');
const http = require('http');
const { setupMaster, setupWorker } = require('@socket.io/sticky');
const { Server } = require('socket.io');

const WORKERS = 2;

// Node goes on reading from a connection that is on its way to a worker until the worker says that it has it, and throws
// away what it reads. On a loaded machine that is now and then the client's next packet, whatever the server.
function stopReadingWhenSent(socket) {
  const handle = socket._handle;
  socket.on('data', () => {
    if (socket._handle === null) {
      handle.readStop();
    }
  });
}

if (cluster.isPrimary) {
  // The first bytes of a connection go to its worker as a Buffer.
  cluster.setupPrimary({ serialization: 'advanced' });
  const httpServer = http.createServer();
  setupMaster(httpServer, { loadBalancingMethod: 'round-robin' });
  httpServer.on('connection', stopReadingWhenSent);
  for (let i = 0; i < WORKERS; i++) {
    cluster.fork();
  }
  let ready = 0;
  cluster.on('message', (worker, message) => {
    if (message === 'ready' && ++ready === WORKERS) {
      httpServer.listen(0, '127.0.0.1', () => process.send(httpServer.address().port));
    }
  });
  process.on('disconnect', () => process.exit());
} else {
  const io = new Server(http.createServer());
  setupWorker(io);
  io.on('connection', (socket) => {
    socket.on('who', (done) => done(process.pid, socket.handshake.address));
    socket.on('echo', (bytes, done) => done(bytes));
  });
  process.send('ready');
}
