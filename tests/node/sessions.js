// Sessions of WebTransport within one process: what browsers and `@fails-components/webtransport` have for a session, over
// web streams that hold next to nothing.
'use strict';

const { createPacketEncoderStream, createPacketDecoderStream } = require('engine.io-parser');

/** One end of a session. `closed` resolves for both when either is closed. */
class Session {
  constructor(over) {
    this.ready = Promise.resolve();
    this.closed = over;
    this.incomingBidirectionalStreams = new ReadableStream({
      start: (streams) => {
        this.streams = streams;
      },
    });
  }
}

/** Both ends of a session: `client.createBidirectionalStream()` brings a stream to the server; `fail()` breaks it. */
function sessionPair() {
  let end;
  let fail;
  const over = new Promise((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  over.catch(() => {});
  const [client, server] = [new Session(over), new Session(over)];
  server.peerAddress = '192.0.2.7:4433';
  const ways = [];
  const close = (info) => {
    end(info);
    ways.forEach((way) => way.break());
  };
  client.close = server.close = close;
  client.createBidirectionalStream = async () => {
    // engine.io-client leaves that error to whoever hears of it last.
    const [up, down] = [makeWay({ isQuiet: true }), makeWay({ isQuiet: false })];
    ways.push(up, down);
    server.streams.enqueue({ readable: up.readable, writable: down.writable });
    return { readable: down.readable, writable: up.writable };
  };
  return { client, server, fail };
}

/** A stream in one direction. What writes to a quiet one is not told that it is broken. */
function makeWay({ isQuiet }) {
  let controller;
  const { readable, writable } = new TransformStream({
    start: (given) => {
      controller = given;
    },
  });
  const writer = writable.getWriter();
  writer.closed.catch(() => {});
  const mayFail = (done) => (isQuiet ? done.catch(() => {}) : done);
  return {
    readable,
    writable: new WritableStream({ write: (chunk) => mayFail(writer.write(chunk)), close: () => mayFail(writer.close()) }),
    break: () => controller.error(new Error('the session is over')),
  };
}

/** A session whose stream is spoken to by Engine.IO packets: what came is `next()`, undefined at the end. */
async function dial(engine, { first = '0', server, client } = sessionPair()) {
  engine.onWebTransportSession(server);
  const stream = await client.createBidirectionalStream();
  const encoder = createPacketEncoderStream();
  encoder.readable.pipeTo(stream.writable).catch(() => {});
  const writer = encoder.writable.getWriter();
  writer.closed.catch(() => {});
  const reader = stream.readable.pipeThrough(createPacketDecoderStream(Number.MAX_SAFE_INTEGER, 'nodebuffer')).getReader();
  reader.closed.catch(() => {});
  const send = (type, data) => {
    const sent = writer.write({ type, data });
    sent.catch(() => {});
    return sent;
  };
  const next = () => reader.read().then(({ value }) => value).catch(() => undefined);
  send('open', first.slice(1) || undefined);
  const finish = () => writer.close();
  return { session: client, send, next, finish };
}

/** Gives clients that look for the global `WebTransport` sessions with `engine`. */
function installClient(t, engineOf) {
  globalThis.WebTransport = class {
    constructor(url) {
      const { client, server } = sessionPair();
      client.url = url;
      engineOf(url).onWebTransportSession(server);
      return client;
    }
  };
  t.after(() => delete globalThis.WebTransport);
}

module.exports = { sessionPair, dial, installClient };
