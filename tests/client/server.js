// npm socket.io, as the server that the tests of Sori's client talk to. The first argument is a JSON object:
//   port      default: one that is free        tls       whether to listen with TLS, certified by tls/ca.pem
//   options   socket.io's own                  silent    whether to stop pinging
// It writes its port to stdout, and ends with its stdin.

'use strict';

const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const path = require('node:path');
const { createRequire } = require('node:module');

const { Server } = createRequire(path.join(__dirname, '../programs/package.json'))('socket.io');

const { port = 0, tls, options, silent } = JSON.parse(process.argv[2] || '{}');
const pem = (name) => fs.readFileSync(path.join(__dirname, 'tls', name));
const server = tls ? https.createServer({ cert: pem('cert.pem'), key: pem('key.pem') }) : http.createServer();
const io = new Server(server, options);

if (silent) io.engine.on('connection', (conn) => clearTimeout(conn.pingIntervalTimer));

function serve(socket) {
  socket.on('echo', (...args) => socket.emit('echo', ...args));
  socket.on('ask', (...args) => args.pop()(...args));
  socket.on('file', (file, ack) => ack(file));
  socket.on('never', () => {});
  socket.on('question', async (value, ack) => ack(await socket.emitWithAck('question', value)));
  socket.on('who', (ack) => ack(socket.handshake.auth, socket.handshake.query, socket.handshake.headers['x-test']));
  socket.on('transport', (ack) => ack(socket.conn.transport.name));
  socket.on('kick', () => socket.disconnect());
  socket.on('cut', () => socket.conn.close());
  socket.on('follow', (room, ack) => {
    socket.join(room);
    // Recoverable packets are those that were broadcast.
    io.to(room).emit('news', 'before');
    ack();
  });
  socket.on('disconnecting', () => {
    const rooms = [...socket.rooms].filter((room) => room !== socket.id);
    socket.once('disconnect', () => rooms.forEach((room) => io.to(room).emit('news', 'missed', Buffer.from([7]))));
  });
}

io.on('connection', serve);

const admin = io.of('/admin');
admin.use((socket, next) => {
  if (socket.handshake.auth.token === 'secret') return next();
  const error = new Error('not authorized');
  error.data = { code: 7 };
  next(error);
});
admin.on('connection', serve);

process.stdin.resume().on('end', () => process.exit(0));
server.listen(port, '127.0.0.1', () => console.log(server.address().port));
