// A `Namespace` that is on several servers: its broadcasts reach them all in the engine, and what is asked of sockets is asked
// there too.
'use strict';

const { emitLocally } = require('../emitter');
const { Namespace, names } = require('../namespace');
const { FIELD, RECORD } = require('../queue');
const { RemoteSocket } = require('../remote-socket');
const { ClusterAdapter } = require('./adapter');

class ClusterNamespace extends Namespace {
  /** Makes a namespace one of the cluster. It stays the object it was: an application may already hold it. */
  static adopt(nsp) {
    Object.setPrototypeOf(nsp, ClusterNamespace.prototype);
    nsp.adapter = new ClusterAdapter(nsp);
  }

  _register(bridge) {
    super._register(bridge);
    this._watchRooms(this.adapter._isWatched);
  }

  _watchRooms(isWatched) {
    if (this._isClustered()) {
      this.server._bridge.native.watchRooms(this._id, isWatched);
    }
  }

  /** Whether there is a way to the other servers. */
  _isClustered() {
    return this._id !== -1 && !this.server._bridge.isClosed;
  }

  /** Asks something of the engine; `opOf(id)` is the op, without its end. Gives what comes back. */
  _ask(opOf) {
    return new Promise((resolve) => {
      const { queue, answers } = this.server._bridge;
      const id = this._ids++;
      answers.set(id, (...answer) => resolve(answer));
      queue.push(opOf(id) + RECORD);
    });
  }

  async _fetchSockets(operator) {
    const here = this._select(operator._rooms, operator._except);
    if (operator._flags.local || !this._isClustered()) {
      return here;
    }
    const [there, isTimedOut] = await this._ask((id) => `F${FIELD}${this._audience(operator, '')}${FIELD}${id}`);
    if (isTimedOut) {
      throw new Error('timeout reached while waiting for fetchSockets response');
    }
    return [...here, ...there.map((socket) => new RemoteSocket(this, socket))];
  }

  async _allSockets(operator) {
    const sockets = await this._fetchSockets(operator);
    return new Set(sockets.map((socket) => socket.id));
  }

  _disconnectSockets(operator, close) {
    super._disconnectSockets(operator, close);
    if (!operator._flags.local && this._isClustered()) {
      this.server._bridge.queue.push(`D${FIELD}${this._audience(operator, '')}${FIELD}${close ? 1 : 0}${RECORD}`);
    }
  }

  _audience(operator, flags) {
    return `${this._id}${FIELD}${flags}${FIELD}${names(operator._rooms)}${FIELD}${names(operator._except)}`;
  }

  /** Another server emitted to this one. */
  _onServerSideEmit(args) {
    emitLocally.apply(this, args);
  }
}

module.exports = { ClusterNamespace };
