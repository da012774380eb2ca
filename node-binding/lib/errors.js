// The engine's refusals (Engine.IO error codes) and the errors handed to the application.
'use strict';

const CODE = Object.freeze({
  UNKNOWN_TRANSPORT: 0,
  UNKNOWN_SID: 1,
  BAD_HANDSHAKE_METHOD: 2,
  BAD_REQUEST: 3,
  FORBIDDEN: 4,
  UNSUPPORTED_PROTOCOL_VERSION: 5,
});

const MESSAGE = Object.freeze({
  0: 'Transport unknown',
  1: 'Session ID unknown',
  2: 'Bad handshake method',
  3: 'Bad request',
  4: 'Forbidden',
  5: 'Unsupported protocol version',
});

/** HTTP's status for a refusal; `context` is what `connection_error` listeners get. */
function statusOf(code, context) {
  if (code !== CODE.FORBIDDEN) {
    return 400;
  }
  return STATUS[context.name] || 403;
}

const STATUS = Object.freeze({ TOO_MANY_CONNECTIONS: 503, TOO_MANY_FROM_ADDRESS: 429 });

function timedOut() {
  return new Error('operation has timed out');
}

/** What `disconnect` listeners get as description when the reason is "transport error". */
function transportError(description) {
  const error = new Error(description);
  error.type = 'TransportError';
  error.description = description;
  return error;
}

/** Makes `error`, thrown by a listener, an uncaught exception without losing what the current turn still has to do. */
function throwLater(error) {
  process.nextTick(() => {
    throw error;
  });
}

module.exports = { CODE, MESSAGE, statusOf, timedOut, transportError, throwLater };
