// `socket.client`: the connection as the namespaces' common owner.
'use strict';

class Client {
  constructor(connection) {
    this.conn = connection;
  }

  get id() {
    return this.conn.id;
  }

  get request() {
    return this.conn.request;
  }

  get server() {
    return this.conn._bridge.server;
  }

  /** Its sockets by id. */
  get sockets() {
    return new Map(this.conn._sockets().map((socket) => [socket.id, socket]));
  }

  /** Its sockets by namespace. */
  get nsps() {
    return new Map(this.conn._sockets().map((socket) => [socket.nsp.name, socket]));
  }

  _disconnect() {
    this.conn._disconnectAll();
  }
}

module.exports = { Client };
