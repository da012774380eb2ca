// How many connections come from one address, for the option `maxConnectionsPerAddress`.
'use strict';

class Addresses {
  /** `addressOf(req)` tells who is behind a request: behind a proxy that is not the socket's address. */
  constructor(most, addressOf = remoteAddress) {
    this.most = most;
    this.addressOf = addressOf;
    this.counts = new Map();
  }

  /** Whether one more may come from where `req` comes from. */
  admits(req) {
    return (this.counts.get(this.addressOf(req)) || 0) < this.most;
  }

  /** Counts `connection` until it closes. False: others were faster, and it is one too many. */
  enter(connection) {
    const address = this.addressOf(connection.request);
    const count = (this.counts.get(address) || 0) + 1;
    this.counts.set(address, count);
    connection.once('close', () => this.leave(address));
    return count <= this.most;
  }

  leave(address) {
    const count = this.counts.get(address) - 1;
    if (count === 0) {
      this.counts.delete(address);
    } else {
      this.counts.set(address, count);
    }
  }
}

function remoteAddress(req) {
  return req.socket.remoteAddress;
}

module.exports = { Addresses };
