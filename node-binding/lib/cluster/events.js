// What the other servers of a cluster want, as the engine's records tell it.
'use strict';

const { putBack } = require('../binary');
const { throwLater } = require('../errors');
const { pushPayload } = require('../payload');
const { FIELD, RECORD } = require('../queue');

/** The application of another server speaks to this one; `ticket` is null when it wants no answer. */
function onServerEvent(bridge, [, nspId, ticket, json, lengths], reader) {
  const attachments = reader.take(lengths);
  const nsp = bridge.namespaces.get(nspId);
  if (nsp === undefined) {
    return;
  }
  let args;
  try {
    args = putBack(json, attachments);
  } catch {
    // Whoever speaks on the bus may say anything.
    return;
  }
  if (ticket !== null) {
    args.push(answerOnce(bridge, ticket));
  }
  nsp._onServerSideEmit(args);
}

function answerOnce(bridge, ticket) {
  let isAnswered = false;
  return (answer) => {
    if (!isAnswered) {
      isAnswered = true;
      pushPayload(bridge.queue, `Y${FIELD}${JSON.stringify(ticket)}${FIELD}`, [answer]);
    }
  };
}

/** The sockets of other servers, that were asked for. */
function onSockets(bridge, [, id, sockets, isTimedOut, lengths], reader) {
  const attachments = reader.take(lengths);
  const answered = bridge.takeAnswer(id);
  if (answered !== undefined) {
    answered(sockets.map((socket) => withData(socket, attachments)), isTimedOut === 1);
  }
}

function withData(socket, attachments) {
  try {
    return putBack(socket, attachments);
  } catch {
    return { ...socket, data: {} };
  }
}

function onServerCount(bridge, [, id, count]) {
  const answered = bridge.takeAnswer(id);
  if (answered !== undefined) {
    answered(count === -1 ? undefined : count);
  }
}

/** Another server asks for sockets of this one: they are described as they are now. */
function onSocketsAsked(bridge, [, nspId, ticket, conns]) {
  const described = [];
  for (const conn of conns) {
    const socket = socketOf(bridge, conn, nspId);
    if (socket !== null) {
      described.push(describe(socket));
    }
  }
  bridge.queue.push(`Z${FIELD}${JSON.stringify(ticket)}${FIELD}[${described.join(',')}]${RECORD}`);
}

function describe({ id, handshake, rooms, data }) {
  const plain = { id, handshake, rooms: [...rooms] };
  try {
    return JSON.stringify({ ...plain, data });
  } catch (error) {
    // The other server is to have its answer all the same.
    throwLater(error);
    return JSON.stringify({ ...plain, handshake: null });
  }
}

/** Another server wants a socket to go. */
function onDisconnectAsked(bridge, [, conn, nspId, close]) {
  const socket = socketOf(bridge, conn, nspId);
  if (socket !== null) {
    socket.disconnect(close === 1);
  }
}

/** Another server has a socket join rooms, or leave them: here, so that the adapter's listeners hear of it. */
function onRoomsAsked(bridge, [, conn, nspId, rooms], method) {
  const socket = socketOf(bridge, conn, nspId);
  if (socket !== null) {
    rooms.forEach((room) => socket[method](room));
  }
}

function socketOf(bridge, conn, nspId) {
  const connection = bridge.connections[conn];
  return connection === undefined ? null : connection._socketIn(nspId);
}

module.exports = { onServerEvent, onSockets, onServerCount, onSocketsAsked, onDisconnectAsked, onRoomsAsked };
