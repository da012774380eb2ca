// `sori/engine`: what `require("engine.io")` gives, on Sori's engine.
'use strict';

const { createServer } = require('http');
const parser = require('engine.io-parser');
const { EngineServer } = require('./lib/engine-io/server');
const { EngineSocket } = require('./lib/engine-io/socket');
const { transports } = require('./lib/engine-io/transports');
const { unsupported } = require('./lib/options');
const { Transport } = require('./lib/transport');

/** Takes the requests and upgrades under its path from an existing HTTP server. */
function attach(server, options = {}) {
  const engine = new EngineServer(options);
  engine.attach(server, options);
  return engine;
}

/** Serves on a port of its own, which answers 501 to everything else. */
function listen(port, options = {}, callback = undefined) {
  if (typeof options === 'function') {
    return listen(port, {}, options);
  }
  const server = createServer((req, res) => {
    res.writeHead(501);
    res.end('Not Implemented');
  });
  const engine = attach(server, options);
  server.listen(port, callback);
  return engine;
}

/** engine.io's server on uWebSockets.js. */
class uServer {
  constructor() {
    throw unsupported('uServer is for uWebSockets.js: use Server, whose connections the native engine carries');
  }
}

module.exports = { Server: EngineServer, Socket: EngineSocket, Transport, uServer, transports, parser, protocol: parser.protocol, listen, attach };
