// Catch-all listeners of a socket: for what arrives (`onAny`) and for what is sent (`onAnyOutgoing`).
'use strict';

/** Methods for Socket; a list is null when empty, which is what the fast paths test. */
const onAnyMethods = {
  onAny(listener) {
    this._any = [...(this._any || []), listener];
    return this;
  },

  prependAny(listener) {
    this._any = [listener, ...(this._any || [])];
    return this;
  },

  offAny(listener) {
    this._any = without(this._any, listener);
    return this;
  },

  listenersAny() {
    return this._any || [];
  },

  onAnyOutgoing(listener) {
    setOutgoing(this, [...(this._anyOutgoing || []), listener]);
    return this;
  },

  prependAnyOutgoing(listener) {
    setOutgoing(this, [listener, ...(this._anyOutgoing || [])]);
    return this;
  },

  offAnyOutgoing(listener) {
    setOutgoing(this, without(this._anyOutgoing, listener));
    return this;
  },

  listenersAnyOutgoing() {
    return this._anyOutgoing || [];
  },
};

function setOutgoing(socket, listeners) {
  socket._anyOutgoing = listeners;
  listOutgoing(socket);
}

/** Broadcasts look for sockets that want to hear of them only when the namespace lists some. */
function listOutgoing(socket) {
  if (socket.connected && (socket._anyOutgoing !== null || socket._isWatched)) {
    socket.nsp._outgoing.add(socket);
  } else {
    socket.nsp._outgoing.delete(socket);
  }
}

function without(listeners, listener) {
  if (listeners === null || listener === undefined) {
    return null;
  }
  const at = listeners.indexOf(listener);
  if (at === -1) {
    return listeners;
  }
  return listeners.length === 1 ? null : listeners.filter((_, i) => i !== at);
}

module.exports = { onAnyMethods, listOutgoing };
