// What is told of packets: `packetCreate`, `flush` and `drain`, `packet`, `data`, `message` and `heartbeat` of `socket.conn`,
// `flush` and `drain` of `io.engine`. Only where somebody listens: the engine makes and reads the packets by itself.
'use strict';

const { EventEmitter } = require('events');
const { hasBinary, takeOut } = require('./binary');

/** Socket.IO packet types; those with attachments are `BINARY` higher. */
const PACKET = Object.freeze({ CONNECT: 0, DISCONNECT: 1, EVENT: 2, ACK: 3, CONNECT_ERROR: 4, BINARY_EVENT: 5, BINARY_ACK: 6 });
const BINARY = PACKET.BINARY_EVENT - PACKET.EVENT;

// Events of a connection about what is sent, and about what arrives.
const OUTGOING = ['packetCreate', 'flush', 'drain'];
const INCOMING = ['packet', 'data', 'message'];
// Those that the engine must be asked for: it deals with heartbeats by itself.
const OF_HEARTBEATS = [...OUTGOING, 'packet', 'heartbeat'];
// Events of an engine about what its connections send.
const OF_ENGINE = ['flush', 'drain'];

const { on, prependListener } = EventEmitter.prototype;

/** EventEmitter's methods that add a listener, with `watch` before. `once` and `prependOnceListener` go through them too. */
function watching(watch) {
  return {
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
}

/** Methods for Connection. */
const connectionWatch = watching((connection, event) => {
  if (OUTGOING.includes(event) && !connection._isWatched) {
    setWatched(connection, true);
  } else if (INCOMING.includes(event) && !connection._isHeard) {
    setHeard(connection, true);
  }
  if (OF_HEARTBEATS.includes(event)) {
    connection._bridge.tellHeartbeats();
  }
});

/** Methods for Engine: whoever listens there hears of all its connections. */
const engineWatch = watching((engine, event) => {
  if (OF_ENGINE.includes(event) && !engine._isWatched) {
    engine._isWatched = true;
    engine._bridge?.tellHeartbeats();
    for (const connection of engine._connections()) {
      setWatched(connection, true);
    }
  }
});

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

function hasListener(emitter, events) {
  return events.some((event) => emitter.listenerCount(event) > 0);
}

/** Tells of the packets that `args` become; `id` is an ack's, or null. */
function announcePacket(socket, type, id, args, isCompressed) {
  const connection = socket._connection;
  if (isStillWatched(connection)) {
    announceMessages(connection, messagesOf(socket.nsp.name, type, id, args), isCompressed);
  }
}

function isStillWatched(connection) {
  const { server: engine } = connection;
  if (engine._isWatched && !hasListener(engine, OF_ENGINE)) {
    engine._isWatched = false;
  }
  if (!engine._isWatched && !hasListener(connection, OUTGOING)) {
    setWatched(connection, false);
  }
  return connection._isWatched;
}

/** Tells of Engine.IO messages that the engine is given in this turn. */
function announceMessages(connection, messages, isCompressed) {
  const options = { compress: isCompressed !== false };
  announcePackets(
    connection,
    messages.map((data) => ({ type: 'message', data, options })),
  );
}

/** Tells of a ping or a pong that the engine sends: at once but over polling, if nothing is before it. */
function announceHeartbeat(connection, type) {
  if (!connection._isWatched || !isStillWatched(connection)) {
    return;
  }
  announceFlush(connection, [{ type, options: { compress: true } }]);
  if (connection._transportName !== 'polling' && !connection._isDraining) {
    announceDrain(connection);
  } else if (!connection._isDraining && isDrainWatched(connection)) {
    connection._expectDrain();
    connection._drainsForPing = type === 'ping';
  }
}

/** The answer to a ping came: it is on its way, though the engine has not said so yet. */
function announcePong(connection) {
  if (connection._drainsForPing) {
    connection._drainsForPing = false;
    connection._isDrainTold = true;
    announceDrain(connection);
  }
}

function announcePackets(connection, packets) {
  announceFlush(connection, packets);
  expectDrain(connection);
}

function announceFlush(connection, packets) {
  const { server: engine } = connection;
  packets.forEach((packet) => connection.emit('packetCreate', packet));
  connection.emit('flush', packets);
  engine.emit('flush', connection, packets);
}

function expectDrain(connection) {
  if (isDrainWatched(connection)) {
    connection._drainsForPing = false;
    connection._expectDrain();
  }
}

function isDrainWatched(connection) {
  return connection.listenerCount('drain') > 0 || connection.server.listenerCount('drain') > 0;
}

function announceDrain(connection) {
  connection.emit('drain');
  connection.server.emit('drain', connection);
}

/** Tells of a packet that arrived, as the messages it came in. `payload` is undefined for none. */
function announceArrival(connection, nspName, type, id, payload) {
  if (!hasListener(connection, INCOMING)) {
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

module.exports = { PACKET, connectionWatch, engineWatch, isStillWatched, announceDrain, announceHeartbeat, announceMessages, announcePacket, announcePong, announceArrival };
