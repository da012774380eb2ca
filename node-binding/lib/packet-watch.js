// `packetCreate` of `socket.conn`: told of every event and ack that is sent, but only where somebody listens.
'use strict';

const { EventEmitter } = require('events');
const { hasBinary, takeOut } = require('./binary');

/** Socket.IO packet types; those with attachments are `BINARY` higher. */
const PACKET = Object.freeze({ EVENT: 2, ACK: 3 });
const BINARY = 3;

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
  }
}

function setWatched(connection, isWatched) {
  connection._isWatched = isWatched;
  connection._sockets().forEach((socket) => socket._setWatched(isWatched));
}

/** Tells of the packets that `args` become; `id` is an ack's, or null. */
function announcePacket(socket, type, id, args, isCompressed) {
  const connection = socket._connection;
  if (connection.listenerCount('packetCreate') === 0) {
    setWatched(connection, false);
    return;
  }
  const attachments = [];
  const isBinary = hasBinary(args);
  const json = JSON.stringify(isBinary ? takeOut(args, attachments) : args);
  const start = isBinary ? `${type + BINARY}${attachments.length}-` : type;
  const name = socket.nsp.name === '/' ? '' : `${socket.nsp.name},`;
  for (const data of [`${start}${name}${id === null ? '' : id}${json}`, ...attachments]) {
    connection.emit('packetCreate', { type: 'message', data, options: { compress: isCompressed !== false } });
  }
}

module.exports = { PACKET, watchMethods, announcePacket };
