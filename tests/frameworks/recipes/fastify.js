// Fastify: it makes the HTTP server itself, `fastify.server`; attach to it before listening.
'use strict';

const Fastify = require('fastify');
const { Server } = require('socket.io');

module.exports = async function start() {
  const fastify = Fastify();
  const io = new Server(fastify.server);
  fastify.decorate('io', io);
  // Fastify waits for all connections: let the clients go first.
  fastify.addHook('preClose', () => io.disconnectSockets(true));
  fastify.get('/', async () => 'page');
  fastify.get('/announce', async (req) => {
    fastify.io.emit('announcement', req.query.text);
    return 'announced';
  });
  io.on('connection', (socket) => {
    socket.on('whoami', (done) => done(socket.handshake.headers['x-visitor']));
  });
  await fastify.listen({ port: 0, host: '127.0.0.1' });
  return { httpServer: fastify.server, io, close: () => fastify.close() };
};
