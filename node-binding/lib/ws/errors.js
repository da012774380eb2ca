// The errors that ws gives, with its classes, codes and messages.
'use strict';

const { STATE_NAMES } = require('./constants');

/** What ended a connection, as the engine tells it: ws's or zlib's code, and the message. */
function protocolError(code, message) {
  const isRange = code.startsWith('WS_ERR_') && code !== 'WS_ERR_INVALID_UTF8';
  const error = new (isRange ? RangeError : Error)(message);
  error.code = code;
  if (code === 'Z_DATA_ERROR') {
    error.errno = -3;
  } else if (code === 'Z_BUF_ERROR') {
    error.errno = -5;
  }
  return error;
}

function notOpen(readyState) {
  return new Error(`WebSocket is not open: readyState ${readyState} (${STATE_NAMES[readyState]})`);
}

/** What the callback of a send gets whose bytes never left. */
function notSent(isCompressed) {
  if (isCompressed) {
    return new Error('The socket was closed while data was being compressed');
  }
  const error = new Error('The socket was closed before the data was sent');
  error.code = 'ECONNRESET';
  return error;
}

module.exports = { protocolError, notOpen, notSent };
