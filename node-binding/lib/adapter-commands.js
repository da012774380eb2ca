// The methods of socket.io's adapters that act on many sockets, as tools call them: `opts` is `{ rooms, except, flags }`.
'use strict';

const { BroadcastOperator } = require('./broadcast');
const { RESERVED_SERVER_SIDE, refuseReserved } = require('./reserved');

/** Methods for Adapter. */
const commandMethods = {
  init() {},

  addAll(id, rooms) {
    withSocket(this, id, (socket) => socket.join([...rooms]));
  },

  del(id, room) {
    withSocket(this, id, (socket) => socket.leave(room));
  },

  delAll(id) {
    withSocket(this, id, (socket) => socket.leaveAll());
  },

  broadcast(packet, opts) {
    operatorOf(this, opts).emit(...packet.data);
  },

  async fetchSockets(opts) {
    return operatorOf(this, opts).fetchSockets();
  },

  addSockets(opts, rooms) {
    operatorOf(this, opts).socketsJoin(rooms);
  },

  delSockets(opts, rooms) {
    operatorOf(this, opts).socketsLeave(rooms);
  },

  disconnectSockets(opts, close) {
    operatorOf(this, opts).disconnectSockets(close);
  },

  serverSideEmit([event]) {
    refuseReserved(event, RESERVED_SERVER_SIDE);
    console.warn('this adapter does not support the serverSideEmit() functionality');
  },
};

function withSocket(adapter, id, use) {
  const socket = adapter.nsp.sockets.get(id);
  if (socket !== undefined) {
    use(socket);
  }
}

function operatorOf(adapter, { rooms, except, flags = {} }) {
  const { volatile = false, local = false } = flags;
  const start = new BroadcastOperator(adapter.nsp)._with({ volatile, local });
  return start.to([...(rooms || [])]).except([...(except || [])]);
}

module.exports = { commandMethods };
