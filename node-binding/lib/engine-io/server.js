// The `Server` of `sori/engine`: Engine.IO for protocols of the application's own.
'use strict';

const { Bridge } = require('../bridge');
const { Engine } = require('../engine');
const { completeOptions, checkOptions, isForeignWsEngine, unsupported } = require('../options');
const { EngineSocket } = require('./socket');

class EngineServer extends Engine {
  /** `opts` are engine.io's. The native engine starts with the first request, or when the server is attached. */
  constructor(opts = {}) {
    refuseOptions(opts);
    super(null, { ...completeOptions(opts), protocol: 'engine.io' });
  }

  get clientsCount() {
    return this._bridge === null ? 0 : super.clientsCount;
  }

  get clients() {
    return this._bridge === null ? {} : super.clients;
  }

  attach(server, options = {}) {
    this._open();
    // An HTTP server that is closed may listen again.
    this._listen(server, 'listening', () => this._open());
    super.attach(server, options);
  }

  handleRequest(req, res) {
    this._openOnce();
    super.handleRequest(req, res);
  }

  handleUpgrade(req, socket, head) {
    this._openOnce();
    super.handleUpgrade(req, socket, head);
  }

  onWebTransportSession(session) {
    this._openOnce();
    return super.onWebTransportSession(session);
  }

  close() {
    if (this._bridge !== null) {
      super.close();
    }
    return this;
  }

  _open() {
    if (this._bridge === null || this._bridge.isClosed) {
      this._bridge = new Bridge(this, this.opts, EngineSocket);
    }
  }

  _openOnce() {
    if (this._bridge === null) {
      this._open();
    }
  }

  /** Its listeners stay on the HTTP server. */
  _onserverClosed() {
    this.close();
  }
}

function refuseOptions(opts) {
  if (isForeignWsEngine(opts.wsEngine)) {
    throw unsupported('the option "wsEngine" has no meaning here: the engine speaks WebSocket itself');
  }
  checkOptions(opts);
}

module.exports = { EngineServer };
