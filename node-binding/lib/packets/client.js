// `socket.client` where packets are made in JavaScript: one Engine.IO connection, its decoder, and its sockets.
'use strict';

const { throwLater } = require('../errors');
const { PACKET } = require('../packet-watch');
const { END } = require('../socket');

// Of one client, as in the engine.
const MAX_NAMESPACES = 1024;

// What the base classes ask a native connection for; there is none behind this one.
const NO_BRIDGE = Object.freeze({ queue: null, recovery: null });

const nothing = () => {};

class PacketClient {
  constructor(server, conn) {
    this.server = server;
    this.conn = conn;
    this.id = conn.id;
    this.sockets = new Map();
    this.nsps = new Map();
    // Names of those it has asked for and is not in yet.
    this._joining = new Set();
    this.decoder = new server._parser.Decoder();
    this._isOver = false;
    this._listeners = {
      data: (data) => this._ondata(data),
      error: (error) => this._oninvalid(error),
      close: (reason, description) => this._onclose(reason, description),
    };
    this._isDecoding = false;
    this._decoded = [];
    this._ondecoded = (packet) => {
      this._decoded.push(packet);
      this._handleDecoded();
    };
    this.decoder.on('decoded', this._ondecoded);
    for (const event of Object.keys(this._listeners)) {
      conn.on(event, this._listeners[event]);
    }
    this._connectTimer = setTimeout(() => this.close(), server._connectTimeout);
  }

  get _bridge() {
    return NO_BRIDGE;
  }

  get protocol() {
    return this.conn.protocol;
  }

  get request() {
    return this.conn.request;
  }

  get remoteAddress() {
    return this.conn.remoteAddress;
  }

  get readyState() {
    return this._isOver ? 'closed' : this.conn.readyState;
  }

  /** The client wants to join a namespace. */
  connect(name, auth = {}) {
    if (this._joining.has(name) || this._joining.size + this.nsps.size === MAX_NAMESPACES) {
      this.close();
      return;
    }
    this._joining.add(name);
    this.server._onjoin(this, name, undefined, auth, false);
  }

  /** Adapters call it with what the encoder gave: a packet is one or more Engine.IO messages. */
  writeToEngine(encoded, options = {}) {
    const messages = Array.isArray(encoded) ? encoded : [encoded];
    if (options.volatile && !this.conn.transport.writable) {
      return;
    }
    if (messages.length === 1) {
      this.conn.write(messages[0], options);
      return;
    }
    // The engine must not drop a part of a packet; but while one that may be dropped is on its way, so is `writable` false.
    const how = { compress: options.compress };
    const told = options.volatile ? nothing : undefined;
    for (const message of messages) {
      this.conn.write(message, how, told);
    }
  }

  _packet(packet, options = {}) {
    if (this.readyState === 'open') {
      this.writeToEngine(options.preEncoded ? packet : this.server.encoder.encode(packet), options);
    }
  }

  _refuse(nsp, error) {
    this._joining.delete(nsp);
    this._packet({ type: PACKET.CONNECT_ERROR, nsp, data: error });
  }

  _add(socket) {
    clearTimeout(this._connectTimer);
    this._joining.delete(socket.nsp.name);
    this.sockets.set(socket.id, socket);
    this.nsps.set(socket.nsp.name, socket);
  }

  _remove(socket) {
    if (this.sockets.delete(socket.id)) {
      this.nsps.delete(socket.nsp.name);
    }
  }

  _disconnectAll() {
    for (const socket of [...this.sockets.values()]) {
      socket._onclose(END.DISCONNECTED, 'server namespace disconnect');
    }
    this.close();
  }

  _disconnect() {
    this._disconnectAll();
  }

  /** Ends the connection because of what the client did, or did not do. */
  close() {
    if (this.readyState === 'open') {
      const { name } = this.conn.transport;
      this.conn.close();
      // An upgraded connection is closed before its client is, as in socket.io.
      this._onclose(name !== 'polling' ? 'forced close' : 'forced server close');
    }
  }

  _ondata(data) {
    let failure = null;
    this._isDecoding = true;
    try {
      this.decoder.add(data);
    } catch (error) {
      failure = error;
    }
    this._isDecoding = false;
    if (failure === null) {
      this._handleDecoded();
    } else {
      this._oninvalid(failure);
    }
  }

  // Not while decoding: what listeners throw must not be taken for an invalid packet.
  _handleDecoded() {
    while (!this._isDecoding && this._decoded.length > 0) {
      this._onpacket(this._decoded.shift());
    }
  }

  _onpacket(packet) {
    if (this._isOver) {
      return;
    }
    const { name, auth } = this._address(packet);
    const socket = this.nsps.get(name);
    if (socket === undefined && packet.type === PACKET.CONNECT) {
      this.connect(name, auth);
    } else if (socket !== undefined && packet.type !== PACKET.CONNECT && packet.type !== PACKET.CONNECT_ERROR) {
      socket._onpacket(packet);
    } else {
      this.close();
    }
  }

  /** In protocol 3 what the client brings along stands in the namespace's query. */
  _address({ nsp, data }) {
    if (this.conn.protocol !== 3) {
      return { name: nsp, auth: data };
    }
    const at = nsp.indexOf('?');
    const auth = at === -1 ? {} : Object.fromEntries(new URLSearchParams(nsp.slice(at + 1)));
    return { name: at === -1 ? nsp : nsp.slice(0, at), auth };
  }

  /** The client sent what is no packet. */
  _oninvalid(error) {
    for (const socket of this.sockets.values()) {
      try {
        socket._onerror(error);
      } catch (thrown) {
        throwLater(thrown);
      }
    }
    this.conn.close();
  }

  _onclose(reason, description) {
    if (this._isOver) {
      return;
    }
    this._isOver = true;
    clearTimeout(this._connectTimer);
    for (const event of Object.keys(this._listeners)) {
      this.conn.removeListener(event, this._listeners[event]);
    }
    this.decoder.removeListener('decoded', this._ondecoded);
    for (const socket of [...this.sockets.values()]) {
      socket._onclose(END.LOST, reason, description);
    }
    this.sockets.clear();
    this.nsps.clear();
    this.decoder.destroy();
  }
}

module.exports = { PacketClient };
