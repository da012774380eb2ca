'use strict';
// Sori with an adapter of npm's: packets are made in JavaScript, and rooms live there. For servers/socketio-app.js.

const { Adapter } = require('../../../node-binding/node_modules/socket.io-adapter');
const sori = require('../../../node-binding');

class Server extends sori.Server {
  constructor(httpServer) {
    super(httpServer, { adapter: Adapter });
  }
}

module.exports = { Server };
