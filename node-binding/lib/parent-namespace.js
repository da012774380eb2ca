// A parent of dynamic namespaces: made by `io.of(regex)` or `io.of(function)`, it gives its children what it was given.
'use strict';

const debug = require('debug')('socket.io:parent-namespace');
const { emitLocally } = require('./emitter');
const { Namespace } = require('./namespace');

let count = 0;

class ParentNamespace extends Namespace {
  constructor(server) {
    super(server, `/_${count++}`);
    this.children = new Set();
    // The RegExp it was made of, if any: names created by hand are tried on it too.
    this._pattern = null;
  }

  // Clients join the children; the engine never hears of the parent.
  _register() {}

  createChild(name) {
    debug('creating child namespace %s', name);
    const child = new Namespace(this.server, name);
    this.server._wire.adopt(child);
    child._fns = this._fns.slice();
    child._parent = this;
    for (const event of ['connect', 'connection']) {
      this.listeners(event).forEach((listener) => child.on(event, listener));
    }
    this.children.add(child);
    this.server._nsps.set(name, child);
    emitLocally.call(this.server.sockets, 'new_namespace', child);
    return child;
  }

  fetchSockets() {
    throw new Error('fetchSockets() is not supported on parent namespaces');
  }

  _broadcast(operator, args) {
    this.children.forEach((child) => child._broadcast(operator, args));
  }

  async _fetchSockets(operator) {
    const sockets = await Promise.all([...this.children].map((child) => child._fetchSockets(operator)));
    return sockets.flat();
  }

  async _allSockets(operator) {
    const ids = await Promise.all([...this.children].map((child) => child._allSockets(operator)));
    return new Set(ids.flatMap((set) => [...set]));
  }

  _disconnectSockets(operator, close) {
    this.children.forEach((child) => child._disconnectSockets(operator, close));
  }

  _addSockets(operator, joined) {
    this.children.forEach((child) => child._addSockets(operator, joined));
  }

  _delSockets(operator, left) {
    this.children.forEach((child) => child._delSockets(operator, left));
  }
}

module.exports = { ParentNamespace };
