// A `Namespace` whose broadcasts go through an adapter, to other servers too.
'use strict';

const { emitLocally } = require('../emitter');
const { Namespace } = require('../namespace');
const { unsupported } = require('../options');
const { PACKET } = require('../packet-watch');
const { RESERVED_SERVER_SIDE, refuseReserved } = require('../reserved');
const { RemoteSocket } = require('../remote-socket');
const { PacketSocket } = require('./socket');

class PacketNamespace extends Namespace {
  _initAdapter(Adapter) {
    Promise.resolve(this.adapter.close()).catch(() => {});
    // `createAdapter()` of many packages gives a function that needs no `new`; as an arrow function it would not bear it.
    this.adapter = Adapter.prototype === undefined ? Adapter(this) : new Adapter(this);
    Promise.resolve(this.adapter.init()).catch((error) => {
      process.emitWarning(`sori: the adapter of ${this.name} could not be started: ${error.message}`);
    });
  }

  // The engine knows of no namespaces.
  _register() {}

  _add(client, _sid, auth) {
    const { pid, offset } = auth || {};
    if (!this.server._wire.recovers || typeof pid !== 'string' || typeof offset !== 'string') {
      this._enter(new PacketSocket(this, client, auth, null), false);
      return;
    }
    this._restore(pid, offset).then((session) => {
      const socket = new PacketSocket(this, client, auth, session);
      this._enter(socket, session !== null && this.server.opts.connectionStateRecovery.skipMiddlewares);
    });
  }

  /** What the adapter kept of the socket that a client says it was; null when it knows none. */
  async _restore(pid, offset) {
    try {
      const session = (await this.adapter.restoreSession(pid, offset)) || null;
      // Two may claim to be one socket: the first of them is.
      const isTaken = session !== null && (this.sockets.has(session.sid) || this._preConnectSockets.has(session.sid));
      return isTaken ? null : session;
    } catch {
      // The client is welcome all the same, as a new socket.
      return null;
    }
  }

  _refuse(socket, error) {
    socket._discard();
    const isOld = socket.client.protocol === 3;
    socket.client._refuse(this.name, isOld ? error.data || error.message : { message: error.message, data: error.data });
    this._cleanUp();
  }

  _broadcast(operator, args) {
    this.adapter.broadcast({ type: PACKET.EVENT, data: args }, targetsOf(operator));
  }

  _broadcastWithAck(operator, args, timeout, callback) {
    const packet = { type: PACKET.EVENT, data: args };
    const responses = [];
    let expected = 0;
    // Servers that said how many of their clients answer, and servers there are.
    let counted = 0;
    let servers = -1;
    let isOver = false;
    const finish = (isTimedOut) => {
      isOver = true;
      clearTimeout(timer);
      callback(responses, isTimedOut);
    };
    const timer = setTimeout(() => {
      if (packet.id !== undefined) {
        this.sockets.forEach((socket) => socket.acks.delete(packet.id));
      }
      finish(true);
    }, timeout);
    const finishIfComplete = () => {
      if (!isOver && servers === counted && responses.length === expected) {
        finish(false);
      }
    };
    const onclients = (count) => {
      expected += count;
      counted += 1;
      finishIfComplete();
    };
    const onresponse = (response) => {
      responses.push(response);
      finishIfComplete();
    };
    this.adapter.broadcastWithAck(packet, targetsOf(operator), onclients, onresponse);
    this.adapter.serverCount().then((count) => {
      servers = count;
      finishIfComplete();
    });
  }

  _broadcastToEach() {
    throw unsupported('emitWithAnswers() needs packets in the engine: it goes with no adapter of npm and no parser of your own');
  }

  async _fetchSockets(operator) {
    const sockets = await this.adapter.fetchSockets(targetsOf(operator));
    return sockets.map((socket) => (socket.server ? socket : new RemoteSocket(this, socket)));
  }

  _allSockets(operator) {
    return this.adapter.sockets(operator.rooms);
  }

  _addSockets(operator, joined) {
    this.adapter.addSockets(targetsOf(operator), joined);
  }

  _delSockets(operator, left) {
    this.adapter.delSockets(targetsOf(operator), left);
  }

  _disconnectSockets(operator, close) {
    this.adapter.disconnectSockets(targetsOf(operator), close);
  }

  serverSideEmit(...args) {
    refuseReserved(args[0], RESERVED_SERVER_SIDE);
    this.adapter.serverSideEmit(args);
    return true;
  }

  /** Another server emitted to this one. */
  _onServerSideEmit(args) {
    emitLocally.apply(this, args);
  }
}

/** A broadcast's receivers and flags as adapters take them. */
function targetsOf(operator) {
  return { rooms: operator.rooms, except: operator.exceptRooms, flags: operator.flags };
}

module.exports = { PacketNamespace };
