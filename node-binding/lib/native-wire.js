// Socket.IO in the engine: what a server does unless it has a parser or an adapter of its own. `PacketWire` is its
// counterpart.
'use strict';

const { Bridge } = require('./bridge');

class NativeWire {
  constructor(server) {
    this.server = server;
  }

  /** A native engine that speaks Socket.IO. */
  open(options) {
    return new Bridge(this.server, options);
  }

  // Its connections speak to their namespaces without a word from here.
  serve() {}

  // A new namespace is already what it is to be.
  adopt() {}
}

module.exports = { NativeWire };
