// The limits by address: who counts as one client, and how many connections each has.
'use strict';

const { isIPv4, isIPv6 } = require('net');

class Addresses {
  /** What the options `maxConnectionsPerAddress`, `rateLimitPerAddress` and `addressOf` ask for; null if nothing. */
  static for({ maxConnectionsPerAddress: most, rateLimitPerAddress, addressOf }) {
    if (addressOf !== undefined && typeof addressOf !== 'function') {
      throw new TypeError('sori: the option "addressOf" takes a function');
    }
    if (most === undefined && rateLimitPerAddress === undefined) {
      return null;
    }
    if (most !== undefined && !(most > 0)) {
      throw new TypeError('sori: the option "maxConnectionsPerAddress" takes a number above 0');
    }
    return new Addresses(most === undefined ? Infinity : most, addressOf || remoteAddressOf);
  }

  constructor(most, addressOf) {
    this.most = most;
    this.addressOf = addressOf;
    // Connections by address, and addresses by WebSocket: of no more than are connected.
    this.counts = new Map();
    this.owners = new Map();
  }

  /** Whose request it is; undefined is nobody's, and has no limit. */
  identify(req) {
    const address = this.addressOf(req);
    return address ? keyOf(String(address)) : undefined;
  }

  of(ws) {
    return this.owners.get(ws);
  }

  isFull(address) {
    return address !== undefined && (this.counts.get(address) || 0) >= this.most;
  }

  enter(ws, address) {
    if (address !== undefined) {
      this.owners.set(ws, address);
      this.counts.set(address, (this.counts.get(address) || 0) + 1);
    }
  }

  leave(ws) {
    const address = this.owners.get(ws);
    if (this.owners.delete(ws)) {
      const left = this.counts.get(address) - 1;
      if (left > 0) {
        this.counts.set(address, left);
      } else {
        this.counts.delete(address);
      }
    }
  }
}

function remoteAddressOf(req) {
  return req.socket.remoteAddress;
}

/** What an address is counted under: of IPv6 the first 64 bits, the others are its owner's to choose (RFC 4291 §2.5.4). */
function keyOf(text) {
  const address = withoutPort(text);
  if (!isIPv6(address)) {
    return address;
  }
  const groups = groupsOf(address);
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return [groups[6] >> 8, groups[6] & 0xff, groups[7] >> 8, groups[7] & 0xff].join('.');
  }
  return `${groups.slice(0, 4).map((group) => group.toString(16)).join(':')}::/64`;
}

function withoutPort(text) {
  const [, bracketed] = /^\[([^\]]*)\](?::\d+)?$/.exec(text) || [];
  if (bracketed !== undefined) {
    return bracketed;
  }
  const [address] = text.split(':', 1);
  return isIPv4(address) ? address : text;
}

/** The eight groups of an IPv6 address, as numbers. */
function groupsOf(address) {
  const [bare] = address.split('%', 1);
  const [front, back] = bare.split('::').map((part) => (part === '' ? [] : part.split(':').flatMap(numbersOf)));
  return back === undefined ? front : [...front, ...new Array(8 - front.length - back.length).fill(0), ...back];
}

/** The last group may be an IPv4 address, in the place of two. */
function numbersOf(group) {
  if (!group.includes('.')) {
    return [parseInt(group, 16)];
  }
  const [a, b, c, d] = group.split('.').map(Number);
  return [(a << 8) | b, (c << 8) | d];
}

module.exports = { Addresses };
