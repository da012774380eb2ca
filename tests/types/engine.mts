// `sori/engine` in TypeScript, and the parts of an application's own that a server takes.
import { Server, Socket, attach, listen, protocol, type ServerOptions } from 'sori/engine';
import { Server as Io, type WebTransportSession } from 'sori';
import { EventEmitter } from 'events';
import { createServer } from 'http';

const options: ServerOptions = { pingInterval: 1000, cookie: true, initialPacket: Buffer.from('x') };
declare const session: WebTransportSession;
const engine: Server = attach(createServer(), { ...options, path: '/live' });
engine.on('connection', (socket) => {
  socket.on('message', (data) => {
    const text: string = typeof data === 'string' ? data : data.toString('hex');
    socket.send(text, { compress: false }, (transport) => transport.name);
  });
  socket.on('close', (reason) => reason.length);
  const same: Socket = socket;
  // @ts-expect-error a connection is not made by hand
  new Socket();
  return same;
});
engine.on('connection_error', ({ code, context }) => [code, context]);
engine.generateId = async (req) => req.url ?? '';
// @ts-expect-error WebSocket servers of other packages are not taken
listen(3000, { wsEngine: EventEmitter });
engine.onWebTransportSession(session).then((nothing: void) => nothing);
const version: 4 = protocol;
const waiting: number = engine.metrics().recoverySockets;
const scraped: string = engine.prometheus();

class Decoder extends EventEmitter {
  add(_chunk: any) {}
  destroy() {}
}
class Encoder {
  encode(packet: any) {
    return [JSON.stringify(packet)];
  }
}
const io = new Io({ parser: { Encoder, Decoder } });
io.bind(engine);
io.engine.onWebTransportSession(session);
// @ts-expect-error a session has streams
io.engine.onWebTransportSession({ closed: Promise.resolve(), close() {} });
// @ts-expect-error a parser has two classes
new Io({ parser: { Encoder } });

export { version, waiting, scraped };
