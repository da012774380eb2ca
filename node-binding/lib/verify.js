// What stands between a request and the engine: query, middlewares, the engine's own checks, `allowRequest`.
'use strict';

const { CODE } = require('./errors');

// RFC 9110 §5.5: visible characters, blanks and obs-text; anything else in an Origin is an attack or a mistake.
const INVALID_HEADER = /[^\t\x20-\x7e\x80-\xff]/;

// The engine's own limits, by what clients are told of them.
const REFUSAL_NAMES = Object.freeze({
  'Too many connections': 'TOO_MANY_CONNECTIONS',
  'Too many connections from this address': 'TOO_MANY_FROM_ADDRESS',
});

/** Puts the parsed query at `req._query`, where engine.io users expect it. */
function parseQuery(req) {
  if (req._query === undefined) {
    const query = Object.create(null);
    const at = req.url.indexOf('?');
    if (at !== -1) {
      for (const [name, value] of new URLSearchParams(req.url.slice(at + 1))) {
        query[name] = value;
      }
    }
    req._query = query;
  }
}

/** Runs the engine's middlewares on a request, one after another. One that throws or rejects has failed. */
function runMiddlewares(engine, req, res, done) {
  const { middlewares } = engine;
  const step = (i) => {
    if (i === middlewares.length) {
      done();
      return;
    }
    runMiddleware(middlewares[i], req, res, (error) => {
      if (error) {
        done(error);
      } else {
        step(i + 1);
      }
    });
  };
  step(0);
}

/** Only its first word counts. What follows upon it is called outside of the `try`, whose errors would not be its own. */
function runMiddleware(middleware, req, res, done) {
  let verdict = null;
  let hasReturned = false;
  const settle = (error) => {
    if (verdict === null) {
      verdict = { error };
      if (hasReturned) {
        done(error);
      }
    }
  };
  try {
    const outcome = middleware(req, res, settle);
    if (outcome && typeof outcome.then === 'function') {
      outcome.then(undefined, settle);
    }
  } catch (error) {
    settle(error);
  }
  hasReturned = true;
  if (verdict !== null) {
    done(verdict.error);
  }
}

/**
 * Calls `done()` when the request may go to the engine, else `done(code, context)`.
 * `allowRequest` is asked for handshakes only.
 */
function verify(engine, req, res, isUpgrade, done) {
  engine.prepare(req);
  runMiddlewares(engine, req, res, (error) => {
    if (error) {
      done(CODE.BAD_REQUEST, { name: 'MIDDLEWARE_FAILURE' });
      return;
    }
    const address = req._query.sid ? undefined : engine._addressOf(req);
    const refusal = engine._bridge.native.check(req.method, req.url, isUpgrade, address);
    if (refusal !== null) {
      done(refusal[0], contextOf(engine, refusal, req, isUpgrade));
      return;
    }
    if (req._query.sid) {
      done();
      return;
    }
    const { allowRequest } = engine.opts;
    if (!allowRequest) {
      chooseId(engine, req, done);
      return;
    }
    allowRequest(req, (message, isAllowed) => {
      if (isAllowed) {
        chooseId(engine, req, done);
      } else {
        done(CODE.FORBIDDEN, { message });
      }
    });
  });
}

/** Asks the application for the new session's id if it has replaced `generateId`; it may answer by a promise. */
function chooseId(engine, req, done) {
  if (!engine._choosesIds) {
    done();
    return;
  }
  const fail = () => done(CODE.BAD_REQUEST, { name: 'ID_GENERATION_ERROR' });
  const take = (id) => {
    req._sid = String(id);
    done();
  };
  let id;
  try {
    id = engine.generateId(req);
  } catch {
    fail();
    return;
  }
  if (typeof id?.then === 'function') {
    id.then(take, fail);
  } else {
    take(id);
  }
}

/** The details of a refusal that `connection_error` listeners get. */
function contextOf(engine, [code, message], req, isUpgrade) {
  const { transport, sid, EIO } = req._query;
  const protocol = EIO === '4' ? 4 : 3;
  switch (code) {
    case CODE.UNKNOWN_TRANSPORT:
      return { transport };
    case CODE.UNKNOWN_SID:
      return { sid };
    case CODE.BAD_HANDSHAKE_METHOD:
      return { method: req.method };
    case CODE.UNSUPPORTED_PROTOCOL_VERSION:
      return { protocol };
    case CODE.FORBIDDEN:
      return { name: REFUSAL_NAMES[message], message };
    default:
      break;
  }
  if (INVALID_HEADER.test(req.headers.origin || '')) {
    return { name: 'INVALID_ORIGIN', origin: req.headers.origin };
  }
  if (!sid) {
    return { name: 'TRANSPORT_HANDSHAKE_ERROR' };
  }
  const client = engine._bridge.clients.get(sid);
  const previousProtocol = client === undefined ? 4 : client.protocol;
  const previousTransport = transport === 'polling' ? 'websocket' : 'polling';
  if (!isUpgrade && (transport === 'websocket' || protocol === previousProtocol)) {
    return { name: 'TRANSPORT_MISMATCH', transport, previousTransport };
  }
  return { name: 'PROTOCOL_MISMATCH', protocol, previousProtocol };
}

module.exports = { parseQuery, verify };
