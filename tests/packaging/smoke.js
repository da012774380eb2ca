// An application in one file, run by the tests with every package and release of Node: a client and a server that talk.
// MODULE is what it requires in place of socket.io; it prints `ok` and must then end by itself.
'use strict';

const assert = require('assert');
const http = require('http');
const { io: connect } = require(process.env.CLIENT || 'socket.io-client');
const { Server } = require(process.env.MODULE || 'sori');

async function main() {
  const httpServer = http.createServer();
  const io = new Server(httpServer);
  io.use((socket, next) => next(socket.handshake.auth.token === 'secret' ? undefined : new Error('who?')));
  io.on('connection', (socket) => {
    socket.join('room');
    socket.on('bytes', (bytes, done) => done(Buffer.from(bytes).reverse()));
  });
  await new Promise((resolve) => httpServer.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${httpServer.address().port}`;
  for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
    const client = connect(url, { transports, auth: { token: 'secret' }, forceNew: true, reconnection: false });
    await new Promise((resolve, reject) => client.once('connect', resolve).once('connect_error', reject));
    const news = new Promise((resolve) => client.once('news', (...args) => resolve(args)));
    io.to('room').emit('news', 'é', { n: 1 });
    assert.deepStrictEqual(await news, ['é', { n: 1 }]);
    assert.deepStrictEqual(await client.emitWithAck('bytes', Buffer.from([1, 2, 3])), Buffer.from([3, 2, 1]));
    client.disconnect();
  }
  await io.close();
  console.log('ok');
}

main();
