// `packetCreate`, `packet`, `data` and `message` of `socket.conn`: told of every Socket.IO packet that is sent or arrives,
// but only where somebody listens.
'use strict';

const { EventEmitter } = require('events');
const { hasBinary, takeOut } = require('./binary');

/** Socket.IO packet types; those with attachments are `BINARY` higher. */
const PACKET = Object.freeze({ CONNECT: 0, DISCONNECT: 1, EVENT: 2, ACK: 3, CONNECT_ERROR: 4, BINARY_EVENT: 5, BINARY_ACK: 6 });
const BINARY = PACKET.BINARY_EVENT - PACKET.EVENT;

// Events about what arrives.
const INCOMING = ['packet', 'data', 'message'];

const { on, prependListener } = EventEmitter.prototype;

/** Methods for Connection. `once` and `prependOnceListener` go through them too. */
const watchMethods = {
  on(event, listener) {
    watch(this, event);
    return on.call(this, event, listener);
  },

  addListener(event, listener) {
    return this.on(event, listener);
  },

  prependListener(event, listener) {
    watch(this, event);
    return prependListener.call(this, event, listener);
  },
};

function watch(connection, event) {
  if (event === 'packetCreate' && !connection._isWatched) {
    setWatched(connection, true);
  } else if (INCOMING.includes(event) && !connection._isHeard) {
    setHeard(connection, true);
  }
}

function setWatched(connection, isWatched) {
  connection._isWatched = isWatched;
  connection._sockets().forEach((socket) => socket._setWatched(isWatched));
}

function setHeard(connection, isHeard) {
  connection._isHeard = isHeard;
  connection._sockets().forEach((socket) => {
    socket._isHeard = isHeard;
  });
}

/** Tells of the packets that `args` become; `id` is an ack's, or null. */
function announcePacket(socket, type, id, args, isCompressed) {
  const connection = socket._connection;
  if (connection.listenerCount('packetCreate') === 0) {
    setWatched(connection, false);
    return;
  }
  for (const data of messagesOf(socket.nsp.name, type, id, args)) {
    connection.emit('packetCreate', { type: 'message', data, options: { compress: isCompressed !== false } });
  }
}

/** Tells of a packet that arrived, as the messages it came in. `payload` is undefined for none. */
function announceArrival(connection, nspName, type, id, payload) {
  if (INCOMING.every((event) => connection.listenerCount(event) === 0)) {
    setHeard(connection, false);
    return;
  }
  for (const data of messagesOf(nspName, type, id, payload)) {
    connection.emit('packet', { type: 'message', data });
    connection.emit('data', data);
    connection.emit('message', data);
  }
}

/** A packet on the wire: its text, then its attachments. */
function messagesOf(nspName, type, id, payload) {
  const attachments = [];
  const isBinary = hasBinary(payload);
  const json = payload === undefined ? '' : JSON.stringify(isBinary ? takeOut(payload, attachments) : payload);
  const start = isBinary ? `${type + BINARY}${attachments.length}-` : type;
  const name = nspName === '/' ? '' : `${nspName},`;
  return [`${start}${name}${id === null ? '' : id}${json}`, ...attachments];
}

module.exports = { PACKET, watchMethods, announcePacket, announceArrival };
