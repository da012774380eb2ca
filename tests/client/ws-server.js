// npm ws, as the server that the tests of Sori's WebSocket client talk to: without TLS, and with it,
// certified by tls/ca.pem. It echoes; tells of its request when asked "who"; pings when asked "ping", and
// tells of the pong; closes when asked "close"; drops the stream when asked "drop". It writes both ports to stdout, and
// ends with its stdin.

'use strict';

const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const path = require('node:path');
const { createRequire } = require('node:module');

const { WebSocketServer } = createRequire(path.join(__dirname, '../programs/package.json'))('ws');

const pem = (name) => fs.readFileSync(path.join(__dirname, 'tls', name));
const servers = [http.createServer(), https.createServer({ cert: pem('cert.pem'), key: pem('key.pem') })];

function serve(socket, request) {
  const orders = {
    who: () => socket.send(`${request.url} ${request.headers['x-test']}`),
    ping: () => {
      socket.once('pong', (payload) => socket.send(`pong ${payload}`));
      socket.ping('are you there');
    },
    close: () => socket.close(4001, 'enough'),
    drop: () => socket.terminate(),
  };
  socket.on('message', (data, isBinary) => {
    const order = isBinary ? undefined : orders[data];
    if (order) order();
    else socket.send(data, { binary: isBinary });
  });
}

async function listen(server) {
  new WebSocketServer({ server, handleProtocols: (offered) => (offered.has('chat') ? 'chat' : false) }).on('connection', serve);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server.address().port;
}

process.stdin.resume().on('end', () => process.exit(0));
Promise.all(servers.map(listen)).then((ports) => console.log(ports.join(' ')));
