// Socket.IO in the engine: what a server does unless it has a parser or an adapter of its own. `PacketWire` is its
// counterpart.
'use strict';

const { Bridge } = require('./bridge');
const { ClusterNamespace } = require('./cluster/namespace');

class NativeWire {
  /** `adapter` is what `createAdapter()` gave, or null without a cluster. */
  constructor(server, adapter = null) {
    this.server = server;
    this.adapter = adapter;
  }

  /** A native engine that speaks Socket.IO. */
  open(options) {
    return new Bridge(this.server, this.adapter === null ? options : { ...options, cluster: this.adapter._settings });
  }

  // Its connections speak to their namespaces without a word from here.
  serve() {}

  /** A new namespace is already what it is to be, unless there are other servers. */
  adopt(nsp) {
    if (this.adapter !== null) {
      ClusterNamespace.adopt(nsp);
    }
  }
}

module.exports = { NativeWire };
