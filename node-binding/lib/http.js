// Long polling through Node's HTTP server: requests go to the engine, its answers come back.
'use strict';

const { serialize } = require('cookie');
const { MESSAGE, statusOf } = require('./errors');
const { answerBody } = require('./compression');
const { verify } = require('./verify');

const SID = /"sid\\?":\\?"([\w-]+)/;

function handleRequest(engine, req, res) {
  req.res = res;
  if (engine._bridge.isClosed && !engine._bridge.isDraining(req)) {
    res.writeHead(503);
    res.end();
    return;
  }
  verify(engine, req, res, false, (code, context) => {
    if (code !== undefined) {
      engine._refused(req, code, context);
      refuse(res, code, context);
      return;
    }
    // A handshake's request is kept as long as its connection: not its response, too.
    req.res = null;
    if (res.destroyed) {
      // The client went while middlewares or `allowRequest` took their time.
      fail(engine, req._query.sid, `${req.method === 'POST' ? 'data request' : 'poll'} connection closed prematurely`);
    } else if (req.method === 'POST') {
      receiveBody(engine, req, res);
    } else {
      new Exchange(engine, req, res).forward(null);
    }
  });
}

function refuse(res, code, context) {
  // A middleware has answered, and then failed.
  if (res.headersSent) {
    return;
  }
  const message = context && context.message ? context.message : MESSAGE[code];
  res.writeHead(statusOf(code, context), { 'Content-Type': 'application/json' });
  res.end(JSON.stringify({ code, message }));
}

/** Collects the body of a POST up to `maxHttpBufferSize` bytes, then forwards it. */
function receiveBody(engine, req, res) {
  const { posts } = engine._bridge;
  const { sid } = req._query;
  if (posts.has(sid)) {
    fail(engine, sid, 'data request overlap from client');
    res.writeHead(400);
    res.end();
    return;
  }
  posts.add(sid);
  const chunks = [];
  let length = 0;
  const ondata = (chunk) => {
    length += chunk.length;
    if (length > engine.opts.maxHttpBufferSize) {
      finish();
      engine._tooLarge(req, engine._bridge.clients.get(sid));
      res.writeHead(413);
      res.end();
    } else {
      chunks.push(chunk);
    }
  };
  const onend = () => {
    finish();
    new Exchange(engine, req, res).forward(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, length));
  };
  const onclose = () => {
    finish();
    fail(engine, sid, 'data request connection closed prematurely');
  };
  const finish = () => {
    posts.delete(sid);
    req.off('data', ondata).off('end', onend).off('close', onclose);
  };
  req.on('data', ondata).on('end', onend).on('close', onclose);
}

/** Two POSTs at once, or one that broke off: nobody knows any more what the client sent. */
function fail(engine, sid, description) {
  const connection = engine._bridge.clients.get(sid);
  if (connection !== undefined) {
    connection._fail(description);
  }
}

/** One request the engine knows by number, until it is answered. */
class Exchange {
  constructor(engine, req, res) {
    this.engine = engine;
    this.req = req;
    this.res = res;
    this.id = engine._bridge.track(this);
    this.isHandshake = !req._query.sid;
    this.isOpened = false;
    this.isAnswered = false;
    res.once('close', () => this.onclose());
  }

  forward(body) {
    const { headers, method, url } = this.req;
    this.tellDataRequest(this.req);
    this.engine._bridge.native.request(this.id, method, url, headers['content-type'] || null, headers['user-agent'] || null, body, this.req._sid, this.isHandshake ? this.engine._addressOf(this.req) : undefined);
  }

  /** `fields` is a flat list of header names and values. */
  answer(status, fields, body) {
    this.isAnswered = true;
    this.tellDataRequest(null);
    this.forgetWhenDone(status);
    const { req, res } = this;
    if (res.destroyed) {
      return;
    }
    const headers = {};
    for (let i = 0; i < fields.length; i += 2) {
      headers[fields[i]] = fields[i + 1];
    }
    if (status === 200) {
      this.addHeaders(headers, body);
    }
    const connection = this.connection();
    const isCompressed = connection === undefined || connection._wantsCompression();
    answerBody(isCompressed && this.engine.opts.httpCompression, req, res, status, headers, body);
  }

  /** Whose poll it is; undefined for a handshake. */
  connection() {
    return this.engine._bridge.clients.get(this.req._query.sid);
  }

  /** While messages of a POST are told, their transport shows its request; null when they have been. */
  tellDataRequest(req) {
    const connection = this.req.method === 'POST' ? this.connection() : undefined;
    if (connection !== undefined) {
      connection._dataReq = req;
    }
  }

  addHeaders(headers, body) {
    const { engine, req } = this;
    if (this.isHandshake) {
      if (engine.opts.cookie) {
        const { name, ...attributes } = engine.opts.cookie;
        headers['Set-Cookie'] = [serialize(name, sidIn(body), attributes)];
      }
      engine.emit('initial_headers', headers, req);
    }
    engine.emit('headers', headers, req);
    const connection = this.connection();
    if (connection !== undefined && connection._transport !== null) {
      connection._transport.emit('headers', headers, req);
    }
  }

  /** The engine opened a connection for it. */
  opened() {
    this.isOpened = true;
    this.forgetWhenDone(200);
  }

  // The connection's record and the answer of a handshake come in either order.
  forgetWhenDone(status) {
    if (this.isAnswered && (!this.isHandshake || this.isOpened || status !== 200)) {
      this.forgotten();
    }
  }

  forgotten() {
    this.engine._bridge.requests.delete(this.id);
  }

  /** The engine has closed: what it answers still comes. */
  cut() {}

  onclose() {
    if (!this.isAnswered) {
      this.tellDataRequest(null);
      this.forgotten();
      this.engine._bridge.native.requestClosed(this.id);
    }
  }
}

/** The sid in an open packet, `0{"sid":"…",…}`; its quotes are escaped when it is within a script. */
function sidIn(body) {
  return SID.exec(body)[1];
}

module.exports = { handleRequest };
