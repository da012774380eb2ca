// Koa: `app.callback()` is the listener of an http.Server.
'use strict';

const http = require('http');
const Koa = require('koa');
const { Server } = require('socket.io');

module.exports = async function start() {
  const app = new Koa();
  const io = new Server();
  app.use((ctx) => {
    if (ctx.path === '/announce') {
      io.emit('announcement', ctx.query.text);
      ctx.body = 'announced';
    } else {
      ctx.body = 'page';
    }
  });
  // `callback()` takes the middlewares there are: it comes last.
  const httpServer = http.createServer(app.callback());
  io.attach(httpServer);
  io.on('connection', (socket) => {
    socket.on('whoami', (done) => done(socket.handshake.headers['x-visitor']));
  });
  await new Promise((resolve) => httpServer.listen(0, '127.0.0.1', resolve));
  return { httpServer, io, close: () => io.close() };
};
