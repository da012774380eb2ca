// Socket.IO in JavaScript, for servers with a parser or an adapter of the application's: the engine carries bare Engine.IO
// messages, packets are encoded and decoded here, and rooms live in the adapter. `NativeWire` is its counterpart.
'use strict';

const { Bridge } = require('../bridge');
const { RECOVERY_DEFAULTS } = require('../recovery');
const { PacketClient } = require('./client');
const { PacketConnection } = require('./connection');
const { PacketNamespace } = require('./namespace');

class PacketWire {
  /** `parser` is `{ Encoder, Decoder }`, `adapter` a class or a function of the namespace; socket.io's own where undefined. */
  constructor(server, { parser = require('socket.io-parser'), adapter }) {
    const { connectionStateRecovery: recovery } = server.opts;
    this.server = server;
    this.recovers = Boolean(recovery);
    if (recovery) {
      // Adapters look for it there.
      server.opts.connectionStateRecovery = { ...RECOVERY_DEFAULTS, ...recovery };
    }
    server.encoder = new parser.Encoder();
    server._parser = parser;
    this.Adapter = adapter || defaultAdapter(this.recovers);
  }

  /** A native engine that knows nothing of Socket.IO. */
  open(options) {
    return new Bridge(this.server, { ...options, protocol: 'engine.io', parser: undefined, connectionStateRecovery: undefined }, PacketConnection);
  }

  /** Takes on the connections of an Engine.IO server, Sori's or another. */
  serve(engine) {
    engine.on('connection', (conn) => this.onconnection(conn));
  }

  onconnection(conn) {
    const client = new PacketClient(this.server, conn);
    if (conn.protocol === 3) {
      // Clients of Socket.IO 2 are in the main namespace without asking.
      client.connect('/', null);
    }
  }

  /**
   * Makes a namespace's rooms live in an adapter. It stays the object it was: an application may already hold it, and
   * listen on it, when it sets the adapter.
   */
  adopt(nsp) {
    Object.setPrototypeOf(nsp, PacketNamespace.prototype);
    nsp._initAdapter(this.Adapter);
  }

  setAdapter(adapter) {
    this.Adapter = adapter;
    this.server._nsps.forEach((nsp) => nsp._initAdapter(adapter));
  }
}

function defaultAdapter(recovers) {
  const { Adapter, SessionAwareAdapter } = require('socket.io-adapter');
  return recovers ? SessionAwareAdapter : Adapter;
}

module.exports = { PacketWire };
