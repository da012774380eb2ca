// Hands a batch of the engine's records to the objects they concern, one after another.
'use strict';

const debug = require('debug')('engine');
const { putBack } = require('./binary');
const { onServerEvent, onSockets, onServerCount, onSocketsAsked, onDisconnectAsked, onRoomsAsked } = require('./cluster/events');
const { Connection } = require('./connection');
const { throwLater } = require('./errors');
const { PACKET, announceArrival } = require('./packet-watch');
const { END } = require('./socket');
const { Turns } = require('./turns');

/**
 * First element of each record; beside it, the elements that follow. `lengths` are those of the attachments in the
 * batch's bytes. `conn` is a small number that means the same connection until its CLOSE.
 */
const RECORD = Object.freeze({
  OPEN: 0, //                  conn, requestId, engineSid, transport (as TRANSPORTS has it), Engine.IO protocol
  JOIN: 1, //                  conn, namespace name, socketSid, auth or null, 1 when it is the socket of that sid again,
  //                           what the engine has as its data or null: to be answered with op `a` or `r`
  EVENT: 2, //                 conn, nspId, ackId or -1, [event, ...args]
  BINARY_EVENT: 3, //          the same, lengths
  ACK: 4, //                   conn, nspId, ackId, args
  BINARY_ACK: 5, //            the same, lengths
  LEAVE: 6, //                 conn, nspId: the client left the namespace
  CLOSE: 7, //                 conn, reason, description or null: last record of a connection
  ANSWER: 8, //                requestId, status, [name, value, ...], body, its length when it is bytes, or null
  FEED: 9, //                  requestId, length: bytes for a fed socket, or a session
  FEED_END: 10, //             requestId, 1 to destroy it, 0 to end it after what was written
  UPGRADED: 11, //             conn, requestId
  ACK_TIMEOUT: 12, //          conn, nspId, ackId
  BROADCAST_ACK: 13, //        token, [args, ...], 1 when some did not answer in time; of servers that were asked, too
  BINARY_BROADCAST_ACK: 14, // the same, lengths; placeholders are numbered across all responses
  FORGET: 15, //               requestId: it will not become a connection
  RAW: 16, //                  conn, text: an Engine.IO message, when the engine does not speak Socket.IO
  RAW_BINARY: 17, //           conn, length: the same of bytes
  SENT: 18, //                 conn, token of op `s`, `S` or `t`: all up to there has been handed to the transport
  HEARTBEAT: 19, //            conn: the client's pong, or its ping in protocol 3; with Socket.IO only when it was asked for
  PING: 20, //                 conn: a ping is on its way; told where heartbeats are
  PROBED: 21, //               conn: the client has probed a WebSocket that may come to carry it
  SERVER_EVENT: 22, //         nspId, ticket or null, [event, ...args], lengths: of another server of the cluster; a ticket is
  //                           answered with op `Y`
  SOCKETS: 23, //              token, [{ id, handshake, rooms, data }, ...], 1 when a server did not answer in time, lengths
  SERVER_COUNT: 24, //         token, the number of servers or -1
  SOCKETS_ASKED: 25, //        nspId, ticket, [conn, ...]: to be answered with op `Z`
  DISCONNECT_ASKED: 26, //     conn, nspId, 1 to close its connection too
  BUS: 27, //                  null when the cluster's bus is connected, or why it is not
  BROADCAST_ANSWER: 28, //     conn, nspId, token, args, lengths: one of those that are told one by one; BROADCAST_ACK is the end
  JOIN_ASKED: 29, //           conn, nspId, rooms: another server puts the socket there, where that is watched
  LEAVE_ASKED: 30, //          the same, out of rooms
  CLOSED: 31, //               nothing: every connection is closed
  FEED_READ: 32, //            requestId, bytes: so much that was fed to a session has been read, and told of
});

const TRANSPORTS = ['polling', 'websocket', 'webtransport'];
const NO_BYTES = Buffer.alloc(0);

/** `json` is an array of records; the attachments they speak of lie one after another in `bytes`. */
function dispatch(bridge, json, bytes) {
  const { queue } = bridge;
  const records = JSON.parse(json);
  // There may be attachments without a single byte.
  const reader = new AttachmentReader(bytes === null ? NO_BYTES : bytes);
  const turns = new Turns();
  queue.scheduled = true;
  for (let i = 0; i < records.length; i++) {
    if (i > 0 && records[i][1] !== records[i - 1][1]) {
      turns.next();
    }
    // An application listener that throws must not cost the others their records.
    try {
      handle(bridge, records[i], reader);
    } catch (error) {
      throwLater(error);
    }
  }
  queue.scheduled = false;
  queue.flush();
  turns.end();
}

function handle(bridge, record, reader) {
  switch (record[0]) {
    case RECORD.EVENT: {
      const socket = socketOf(bridge, record[1], record[2]);
      if (socket !== null) {
        socket._onevent(record[4], record[3]);
      }
      break;
    }
    case RECORD.BINARY_EVENT: {
      const args = withAttachments(bridge, record, reader);
      const socket = socketOf(bridge, record[1], record[2]);
      if (socket !== null && args !== null) {
        socket._onevent(args, record[3]);
      }
      break;
    }
    case RECORD.ACK: {
      const socket = socketOf(bridge, record[1], record[2]);
      if (socket !== null) {
        socket._onack(record[3], record[4]);
      }
      break;
    }
    case RECORD.BINARY_ACK: {
      const args = withAttachments(bridge, record, reader);
      const socket = socketOf(bridge, record[1], record[2]);
      if (socket !== null && args !== null) {
        socket._onack(record[3], args);
      }
      break;
    }
    case RECORD.RAW: {
      const connection = bridge.connections[record[1]];
      if (connection !== undefined) {
        connection._onmessage(record[2]);
      }
      break;
    }
    case RECORD.RAW_BINARY: {
      const [message] = reader.take([record[2]]);
      const connection = bridge.connections[record[1]];
      if (connection !== undefined) {
        connection._onmessage(message);
      }
      break;
    }
    case RECORD.SENT: {
      const connection = bridge.connections[record[1]];
      if (connection !== undefined) {
        connection._onsent(record[2]);
      }
      break;
    }
    case RECORD.HEARTBEAT: {
      const connection = bridge.connections[record[1]];
      if (connection !== undefined) {
        connection._onheartbeat();
      }
      break;
    }
    case RECORD.PING: {
      const connection = bridge.connections[record[1]];
      if (connection !== undefined) {
        connection._onping();
      }
      break;
    }
    case RECORD.ACK_TIMEOUT: {
      const socket = socketOf(bridge, record[1], record[2]);
      if (socket !== null) {
        socket._onackTimeout(record[3]);
      }
      break;
    }
    case RECORD.OPEN:
      onopen(bridge, record);
      break;
    case RECORD.JOIN: {
      const connection = bridge.connections[record[1]];
      if (connection !== undefined) {
        if (connection._isHeard) {
          announceArrival(connection, record[2], PACKET.CONNECT, null, record[4] || undefined);
        }
        bridge.server._onjoin(connection, record[2], record[3], record[4], record[5] === 1 ? { data: record[6] } : null);
      }
      break;
    }
    case RECORD.LEAVE: {
      const socket = socketOf(bridge, record[1], record[2]);
      if (socket !== null) {
        if (socket._isHeard) {
          announceArrival(socket._connection, socket.nsp.name, PACKET.DISCONNECT, null, undefined);
        }
        socket._onclose(END.LEFT, 'client namespace disconnect', undefined);
      }
      break;
    }
    case RECORD.CLOSE: {
      const connection = bridge.connections[record[1]];
      if (connection !== undefined) {
        connection._onclose(record[2], record[3]);
      }
      break;
    }
    case RECORD.PROBED: {
      const connection = bridge.connections[record[1]];
      if (connection !== undefined) {
        connection._onprobed();
      }
      break;
    }
    case RECORD.UPGRADED: {
      const connection = bridge.connections[record[1]];
      const exchange = bridge.requests.get(record[2]);
      if (connection === undefined) {
        forget(bridge, record[2]);
        break;
      }
      // One that is fed may have closed already.
      if (exchange !== undefined) {
        exchange.opened(connection);
      }
      connection._onupgrade();
      break;
    }
    case RECORD.ANSWER: {
      const exchange = bridge.requests.get(record[1]);
      const body = typeof record[4] === 'number' ? reader.next(record[4]) : record[4];
      if (exchange !== undefined) {
        exchange.answer(record[2], record[3], body);
      }
      break;
    }
    case RECORD.FEED: {
      const chunk = reader.next(record[2]);
      const exchange = bridge.requests.get(record[1]);
      if (exchange !== undefined) {
        exchange.write(chunk);
      }
      break;
    }
    case RECORD.FEED_END: {
      const exchange = bridge.requests.get(record[1]);
      if (exchange !== undefined) {
        exchange.end(record[2] === 1);
      }
      break;
    }
    case RECORD.FEED_READ: {
      const exchange = bridge.requests.get(record[1]);
      if (exchange !== undefined) {
        exchange.ontaken(record[2]);
      }
      break;
    }
    case RECORD.BROADCAST_ACK:
      onbroadcastAck(bridge, record, record[2]);
      break;
    case RECORD.BINARY_BROADCAST_ACK:
      onbroadcastAck(bridge, record, responsesWithAttachments(record[2], reader.take(record[4])));
      break;
    case RECORD.BROADCAST_ANSWER:
      onbroadcastAnswer(bridge, record, reader);
      break;
    case RECORD.FORGET:
      forget(bridge, record[1]);
      break;
    case RECORD.SERVER_EVENT:
      onServerEvent(bridge, record, reader);
      break;
    case RECORD.SOCKETS:
      onSockets(bridge, record, reader);
      break;
    case RECORD.SERVER_COUNT:
      onServerCount(bridge, record);
      break;
    case RECORD.SOCKETS_ASKED:
      onSocketsAsked(bridge, record);
      break;
    case RECORD.DISCONNECT_ASKED:
      onDisconnectAsked(bridge, record);
      break;
    case RECORD.JOIN_ASKED:
    case RECORD.LEAVE_ASKED:
      onRoomsAsked(bridge, record, record[0] === RECORD.JOIN_ASKED ? 'join' : 'leave');
      break;
    case RECORD.CLOSED:
      bridge.endTakenOver();
      if (bridge.onclosed !== null) {
        bridge.onclosed();
      }
      break;
    case RECORD.BUS:
      bridge.server._wire.adapter._onbus(record[1]);
      break;
    default:
      throw new Error(`sori: the native engine sent a record of unknown kind ${record[0]}`);
  }
}

function socketOf(bridge, conn, nspId) {
  const connection = bridge.connections[conn];
  return connection === undefined ? null : connection._socketIn(nspId);
}

function onopen(bridge, [, conn, requestId, sid, transport, protocol]) {
  const exchange = bridge.requests.get(requestId);
  if (exchange === undefined) {
    // The client was gone before its session was known here.
    bridge.queue.push(Connection.closeOp(conn, true));
    return;
  }
  debug('opened %s over %s', sid, TRANSPORTS[transport]);
  const connection = new bridge.Connection(bridge, exchange.engine, conn, sid, TRANSPORTS[transport], protocol, exchange.req);
  bridge.connections[conn] = connection;
  bridge.clients.set(sid, connection);
  exchange.opened(connection);
  exchange.engine.emit('connection', connection);
}

function onbroadcastAck(bridge, record, responses) {
  const callback = bridge.takeAnswer(record[1]);
  if (callback !== undefined) {
    callback(responses.map((args) => args[0]), record[3] === 1);
  }
}

function onbroadcastAnswer(bridge, [, conn, nspId, token, args, lengths], reader) {
  const [answer] = responsesWithAttachments([args], reader.take(lengths));
  // Another server does not tell whose answer it is.
  const socket = conn === -1 ? undefined : socketOf(bridge, conn, nspId);
  const stream = bridge.streams.get(token);
  if (socket !== null && stream !== undefined) {
    stream.push({ socket, answer: answer[0] });
  }
}

/** A WebSocket, or a session, that will not become a connection, or carry one. */
function forget(bridge, requestId) {
  const exchange = bridge.requests.get(requestId);
  if (exchange !== undefined) {
    exchange.forgotten();
    const upgraded = bridge.clients.get(exchange.upgradeOf);
    if (upgraded !== undefined && upgraded.upgrading) {
      upgraded._onupgradeFailed();
    }
  }
}

/** The arguments of a binary event or ack; null when they do not fit their attachments: the connection is closed for it. */
function withAttachments(bridge, record, reader) {
  const attachments = reader.take(record[5]);
  try {
    return putBack(record[4], attachments);
  } catch (error) {
    const connection = bridge.connections[record[1]];
    if (connection !== undefined) {
      connection._oninvalid(error);
    }
    return null;
  }
}

function responsesWithAttachments(responses, attachments) {
  return responses.map((args) => {
    try {
      return putBack(args, attachments);
    } catch {
      // One client's bad answer is not the others' fault; it counts as an empty one.
      return [];
    }
  });
}

/** Cuts attachments off the batch's bytes in the order of the records. */
class AttachmentReader {
  constructor(bytes) {
    this.bytes = bytes;
    this.offset = 0;
  }

  next(length) {
    const part = this.bytes.subarray(this.offset, this.offset + length);
    this.offset += length;
    return part;
  }

  /** Attachments for the application: copied, unless one is most of the batch, so that keeping one does not keep all. */
  take(lengths) {
    return lengths.map((length) => {
      const part = this.next(length);
      return length * 2 > this.bytes.length ? part : Buffer.from(part);
    });
  }
}

module.exports = { dispatch };
