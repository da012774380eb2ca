'use strict';
// The Socket.IO application under test as applications are: CORS, middlewares at every place, a catch-all listener, and
// acks. The same program for every module with socket.io's API: node --expose-gc busy-app.js MODULE

const http = require('node:http');
const { run } = require('./under-test.js');

run(({ Server }) => {
  const server = http.createServer();
  const io = new Server(server, { cors: { origin: 'https://app.example', credentials: true } });
  io.engine.use((req, res, next) => {
    req.seenAt = Date.now();
    next();
  });
  io.use((socket, next) => {
    socket.data.user = socket.handshake.auth.token || 'anonymous';
    next();
  });
  const seen = { events: 0, allowed: 0 };
  io.on('connection', (socket) => {
    socket.onAny(() => {
      seen.events += 1;
    });
    socket.use(([event], next) => {
      if (event.startsWith('admin:') && socket.data.user !== 'admin') {
        next(new Error('not allowed'));
        return;
      }
      seen.allowed += 1;
      next();
    });
    socket.on('ask', (data, done) => done({ comment: data.comment }));
    socket.on('enter', (done) => {
      socket.join('room');
      done();
    });
    socket.on('shout', (data) => {
      io.to('room').emit('news', { n: data.n, text: data.text });
    });
  });
  return server;
});
