// `socket.handshake`: how the client came in, written down once.
'use strict';

function describeHandshake(connection, issued, auth) {
  const { request } = connection;
  const headers = request === undefined ? {} : request.headers;
  return {
    headers,
    time: `${new Date(issued)}`,
    address: connection.remoteAddress,
    xdomain: Boolean(headers.origin),
    // A connection without a request can only be one over QUIC, which is always encrypted.
    secure: request === undefined || Boolean(request.socket.encrypted),
    issued,
    url: request === undefined ? '' : request.url,
    query: request === undefined ? {} : request._query,
    auth,
  };
}

module.exports = { describeHandshake };
