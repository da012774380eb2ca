'use strict';
// The Socket.IO application under test, the same program for every module with socket.io's API:
// node --expose-gc socketio-app.js MODULE

const http = require('node:http');
const { run } = require('./under-test.js');

run(({ Server }) => {
  const server = http.createServer();
  const io = new Server(server);
  io.on('connection', (socket) => {
    socket.on('msg', (data) => {
      socket.emit('recMsg', { comment: data.comment });
    });
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
