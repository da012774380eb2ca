// Connection state recovery: what JavaScript keeps of sockets that lost their connection, until they come back or are
// too long away. Their rooms and the packets they miss are in the engine, which decides who is who. Where they come back to
// any server of a cluster, the engine has their data as well.
'use strict';

const { randomBytes } = require('crypto');

/** Defaults of the option `connectionStateRecovery`; the duration is in milliseconds. */
const RECOVERY_DEFAULTS = Object.freeze({ maxDisconnectionDuration: 120000, skipMiddlewares: true });

// Most sockets kept; the oldest go first.
const MAX_AWAY = 100000;
// The engine may grant a return at the last moment, which is heard of here a little later.
const GRACE_MS = 10000;
const MAX_DELAY_MS = 2 ** 31 - 1;

class Recovery {
  /** `settings` are complete, as `RECOVERY_DEFAULTS` has them; `isShared`: sockets come back to any server. */
  constructor(settings, isShared) {
    this.isShared = isShared;
    this.skipsMiddlewares = settings.skipMiddlewares;
    this.duration = settings.maxDisconnectionDuration + GRACE_MS;
    // By sid, in the order in which they went.
    this.away = new Map();
    this.timer = null;
    this.isOver = false;
  }

  /** A socket's connection is gone; `data` is what the application keeps with it. */
  keep(sid, data) {
    if (this.isOver) {
      return;
    }
    this.away.set(sid, { data: this.isShared ? null : data, until: performance.now() + this.duration });
    if (this.away.size > MAX_AWAY) {
      this.away.delete(this.away.keys().next().value);
    }
    this.schedule();
  }

  /** What was kept of a socket that comes back, once; null when it is not known any more. `data` is what the engine has. */
  take(sid, data) {
    if (this.isShared) {
      this.away.delete(sid);
      return { data };
    }
    const kept = this.away.get(sid);
    if (kept === undefined) {
      return null;
    }
    this.away.delete(sid);
    return kept;
  }

  close() {
    this.isOver = true;
    this.away.clear();
    clearTimeout(this.timer);
  }

  // One timer for all, for the one that has been away longest.
  schedule() {
    if (this.timer !== null || this.away.size === 0) {
      return;
    }
    const [oldest] = this.away.values();
    const delay = Math.min(Math.max(oldest.until - performance.now(), 1), MAX_DELAY_MS);
    this.timer = setTimeout(() => {
      this.timer = null;
      this.expire(performance.now());
      this.schedule();
    }, delay);
    this.timer.unref();
  }

  expire(now) {
    for (const [sid, { until }] of this.away) {
      if (until > now) {
        return;
      }
      this.away.delete(sid);
    }
  }
}

/** An id for a socket that is not the one it claims to be; as long and as random as the engine's. */
function freshSid() {
  return randomBytes(15).toString('base64url');
}

module.exports = { RECOVERY_DEFAULTS, Recovery, freshSid };
