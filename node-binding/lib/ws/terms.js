// What a WebSocket was made with and what its handshake agreed on: one object for all of a server that have the same.
'use strict';

const { DEFAULTS } = require('./constants');

class Terms {
  /** `owner` is the server whose `clients` it is in; null for a client, and for a socket that the application made. */
  constructor({
    isServer = true,
    owner = null,
    protocol = '',
    deflate = null,
    url = undefined,
    autoPong = DEFAULTS.autoPong,
    closeTimeout = DEFAULTS.closeTimeout,
    settings = null,
  } = {}) {
    this.isServer = isServer;
    this.owner = owner;
    this.protocol = protocol;
    this.deflate = deflate;
    this.url = url;
    this.autoPong = autoPong;
    this.closeTimeout = closeTimeout;
    // What the engine was told of them and of other options; null before the handshake is done.
    this.settings = settings;
  }

  /** Those of a server's socket before its handshake. */
  static of({ autoPong = DEFAULTS.autoPong, closeTimeout = DEFAULTS.closeTimeout }) {
    const isDefault = autoPong === DEFAULTS.autoPong && closeTimeout === DEFAULTS.closeTimeout;
    return isDefault ? Terms.DEFAULT : new Terms({ autoPong, closeTimeout });
  }

  /** Whether several events may come in one turn of the event loop. */
  get isSynchronous() {
    return this.settings.isSynchronous;
  }

  /** Whether a frame is masked in another way than the engine masks, so that it is built here. */
  mustFrame(mask) {
    const { settings, isServer } = this;
    return settings.generateMask !== undefined || (mask !== undefined && Boolean(mask) === isServer);
  }

  /** How such a frame is masked, as `frameOf` takes it. */
  maskFor(mask) {
    const { settings, isServer } = this;
    const isMasked = mask === undefined ? !isServer : Boolean(mask);
    return isMasked ? settings.generateMask || true : null;
  }
}

Terms.DEFAULT = Object.freeze(new Terms());

module.exports = { Terms };
