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

  _select(rooms, except) {
    return [...this.children].flatMap((child) => child._select(rooms, except));
  }

  _addSockets(rooms, except, joined) {
    this.children.forEach((child) => child._addSockets(rooms, except, joined));
  }

  _delSockets(rooms, except, left) {
    this.children.forEach((child) => child._delSockets(rooms, except, left));
  }
}

module.exports = { ParentNamespace };
