// The entry `sori/ws`: what `require("ws")` gives, on Sori's engine.
'use strict';

const { PerMessageDeflate } = require('./lib/ws/deflate');
const extension = require('./lib/ws/extension');
const { WebSocketServer } = require('./lib/ws/server');
const { createWebSocketStream } = require('./lib/ws/stream');
const subprotocol = require('./lib/ws/subprotocol');
const { WebSocket } = require('./lib/ws/websocket');

module.exports = Object.assign(WebSocket, {
  WebSocket,
  WebSocketServer,
  Server: WebSocketServer,
  createWebSocketStream,
  PerMessageDeflate,
  extension,
  subprotocol,
});
