// permessage-deflate (RFC 7692) as far as the handshake goes: what is offered, what is agreed on. The engine compresses.
'use strict';

const NAME = 'permessage-deflate';

const BITS = ['server_max_window_bits', 'client_max_window_bits'];
const FLAGS = ['server_no_context_takeover', 'client_no_context_takeover'];

/** Compression of messages below this many bytes is not worth their time (ws's default). */
const THRESHOLD = 1024;

class PerMessageDeflate {
  /**
   * `options` as ws has them: serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits,
   * threshold, zlibDeflateOptions, zlibInflateOptions, concurrencyLimit; and isServer, maxPayload.
   */
  constructor(options = {}) {
    this._options = options;
    this._threshold = options.threshold === undefined ? THRESHOLD : options.threshold;
    this._maxPayload = options.maxPayload | 0;
    this._isServer = Boolean(options.isServer);
    /** What was agreed on; null before. */
    this.params = null;
  }

  static get extensionName() {
    return NAME;
  }

  /** The parameters of a client's offer. */
  offer() {
    const { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits } = this._options;
    const params = {};
    if (serverNoContextTakeover) {
      params.server_no_context_takeover = true;
    }
    if (clientNoContextTakeover) {
      params.client_no_context_takeover = true;
    }
    if (serverMaxWindowBits) {
      params.server_max_window_bits = serverMaxWindowBits;
    }
    if (clientMaxWindowBits) {
      params.client_max_window_bits = clientMaxWindowBits;
    } else if (clientMaxWindowBits === undefined || clientMaxWindowBits === null) {
      params.client_max_window_bits = true;
    }
    return params;
  }

  /**
   * Agrees on the first acceptable of a client's offers, or to a server's answer; gives the parameters.
   * @throws when there is none
   */
  accept(configurations) {
    const read = configurations.map((params) => this._read(params));
    this.params = this._isServer ? this._chooseOffer(read) : this._takeAnswer(read[0]);
    return this.params;
  }

  _read(params) {
    const known = {};
    for (const name of Object.keys(params)) {
      if (params[name].length > 1) {
        throw new Error(`Parameter "${name}" must have only a single value`);
      }
      known[name] = this._valueOf(name, params[name][0]);
    }
    return known;
  }

  _valueOf(name, value) {
    if (BITS.includes(name)) {
      // Only an offer names its own limit without a number: "choose one for me".
      if (value === true && name === 'client_max_window_bits' && this._isServer) {
        return true;
      }
      const bits = Number(value);
      if (value !== true && Number.isInteger(bits) && bits >= 8 && bits <= 15) {
        return bits;
      }
    } else if (!FLAGS.includes(name)) {
      throw new Error(`Unknown parameter "${name}"`);
    } else if (value === true) {
      return true;
    }
    throw new TypeError(`Invalid value for parameter "${name}": ${value}`);
  }

  _chooseOffer(offers) {
    const offer = offers.find((params) => this._isAcceptable(params));
    if (offer === undefined) {
      throw new Error('None of the extension offers can be accepted');
    }
    const { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits } = this._options;
    const agreed = { ...offer };
    if (serverNoContextTakeover) {
      agreed.server_no_context_takeover = true;
    }
    if (clientNoContextTakeover) {
      agreed.client_no_context_takeover = true;
    }
    if (typeof serverMaxWindowBits === 'number') {
      agreed.server_max_window_bits = serverMaxWindowBits;
    }
    if (typeof clientMaxWindowBits === 'number') {
      agreed.client_max_window_bits = clientMaxWindowBits;
    } else if (agreed.client_max_window_bits === true || clientMaxWindowBits === false) {
      delete agreed.client_max_window_bits;
    }
    return agreed;
  }

  _isAcceptable(params) {
    const { serverNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits } = this._options;
    if (serverNoContextTakeover === false && params.server_no_context_takeover) {
      return false;
    }
    const server = params.server_max_window_bits;
    if (server !== undefined && (serverMaxWindowBits === false || serverMaxWindowBits > server)) {
      return false;
    }
    if (typeof clientMaxWindowBits !== 'number') {
      return true;
    }
    const client = params.client_max_window_bits;
    return client === true || clientMaxWindowBits <= client;
  }

  _takeAnswer(params) {
    const { clientNoContextTakeover, clientMaxWindowBits } = this._options;
    if (clientNoContextTakeover === false && params.client_no_context_takeover) {
      throw new Error('Unexpected parameter "client_no_context_takeover"');
    }
    if (params.client_max_window_bits === undefined) {
      return typeof clientMaxWindowBits === 'number' ? { ...params, client_max_window_bits: clientMaxWindowBits } : params;
    }
    if (clientMaxWindowBits === false || clientMaxWindowBits < params.client_max_window_bits) {
      throw new Error('Unexpected or invalid parameter "client_max_window_bits"');
    }
    return params;
  }
}

module.exports = { PerMessageDeflate, NAME };
