// Servers that form a cluster, and their clients: Sori's and npm socket.io's, side by side.
'use strict';

const http = require('http');
const { once } = require('events');
const { next, join: joinAt } = require('../node/harness');
const { atEnd } = require('./at-end');

const KINDS = { sori: require('../../node-binding'), 'socket.io': require('socket.io') };

const LOOK_AGAIN_MS = 5;

/** One server of a kind on a free port; it ends with the test. */
async function serve(t, kind, options) {
  const httpServer = http.createServer();
  const io = new KINDS[kind].Server(httpServer, options);
  // Listeners that the test adds hear of clients behind this one: `socket.data` is there for them.
  io.use((socket, proceed) => {
    socket.data.name = socket.handshake.auth.name;
    proceed();
  });
  httpServer.listen(0, '127.0.0.1');
  await once(httpServer, 'listening');
  atEnd(t, () => {
    const closed = io.close();
    httpServer.closeAllConnections();
    return closed;
  });
  return { io, kind, port: httpServer.address().port };
}

/** Servers of `kinds` whose adapters `adapterFor(kind)` makes, once each knows of all. */
async function cluster(t, kinds, adapterFor, options = {}) {
  const nodes = [];
  for (const kind of kinds) {
    nodes.push(await serve(t, kind, { ...options, adapter: await adapterFor(kind) }));
  }
  for (const { io } of nodes) {
    await until(async () => (await io.of('/').adapter.serverCount()) === kinds.length);
  }
  return nodes;
}

/** A client of one server, with its socket there; what it receives is kept in `received`. */
async function join(t, { io, port }, name, options = {}) {
  const connected = next(io, 'connection');
  const client = await joinAt(t, port, '/', { auth: { name }, ...options });
  const [socket] = await connected;
  client.on('ask', (...args) => args.pop()(name));
  return { client, socket };
}

/** Resolves when all that `io` has broadcast so far has reached `clients`. */
async function settled(io, clients) {
  const arrived = clients.map((client) => next(client, 'settled'));
  io.emit('settled');
  await Promise.all(arrived);
  clients.forEach((client) => client.received.splice(0, client.received.length, ...client.received.filter(([event]) => event !== 'settled')));
}

/** Looks until `isSo()` gives something true: for what one server does because another asked. */
async function until(isSo) {
  for (;;) {
    const found = await isSo();
    if (found) {
      return found;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

module.exports = { KINDS, serve, cluster, join, settled, until };
