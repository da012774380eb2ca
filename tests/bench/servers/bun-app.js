'use strict';
// The plain WebSocket application on Bun's own server (uWebSockets inside), by the agreement of under-test.js:
// bun bun-app.js

const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch(request, server) {
    const isBroadcast = new URL(request.url).pathname === '/broadcast';
    if (!server.upgrade(request, { data: { isBroadcast } })) return new Response(null, { status: 426 });
  },
  websocket: {
    open(socket) {
      if (socket.data.isBroadcast) socket.subscribe('all');
    },
    message(socket, message) {
      if (socket.data.isBroadcast) server.publish('all', message);
      else socket.send(message);
    },
  },
});

process.stdout.write(`${server.port}\n`);
process.stdin.on('data', () => {
  Bun.gc(true);
  process.stdout.write('collected\n');
});
process.stdin.on('end', () => process.exit(0));
