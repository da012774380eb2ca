// `socket.handshake`: how the client came in, written down once.
'use strict';

function describeHandshake(connection, issued, auth) {
  const { request } = connection;
  const headers = request === null ? {} : request.headers;
  return {
    headers,
    time: `${new Date(issued)}`,
    address: connection.remoteAddress,
    xdomain: Boolean(headers.origin),
    // A connection without a request can only be one over QUIC, which is always encrypted.
    secure: request === null || Boolean(request.socket.encrypted),
    issued,
    url: request === null ? undefined : request.url,
    query: request === null ? {} : request._query,
    auth,
  };
}

module.exports = { describeHandshake };
