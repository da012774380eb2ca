// An application without event maps: everything may be emitted and listened for.
import { createServer } from 'http';
import { createServer as createSecureServer } from 'https';
import { Namespace, Server, Socket, createAdapter, createShardedAdapter, createStreamsAdapter } from 'sori';
import type { BroadcastOperator, DefaultEventsMap, DisconnectReason, Event, ExtendedError, RemoteSocket, ServerOptions } from 'sori';
import { expectType } from './assertions';

const io = new Server(createServer());
new Server();
new Server(3000);
new Server('3000', { path: '/live' });
new Server({ serveClient: false });
new Server(createSecureServer(), { cors: { origin: ['https://example.org', /example/], credentials: true } });
// @ts-expect-error no such option
new Server({ pingIntervall: 5 });

expectType<Server<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, any>>()(io);

io.on('connection', (socket) => {
  expectType<Socket<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, any>>()(socket);
  expectType<string>()(socket.id);
  expectType<any>()(socket.data);
  expectType<Set<string>>()(socket.rooms);
  expectType<boolean>()(socket.recovered);
  socket.on('anything', (a, b, done) => {
    expectType<any>()(a);
    expectType<any>()(b);
    done('answer');
  });
  socket.on('disconnect', (reason, description) => {
    expectType<DisconnectReason>()(reason);
    expectType<any>()(description);
  });
  socket.once('disconnecting', (reason) => expectType<DisconnectReason>()(reason));
  socket.on('error', (error) => expectType<Error>()(error));
  socket.use((event, next) => {
    expectType<Event>()(event);
    const [name, ...args] = event;
    expectType<string>()(name);
    expectType<any[]>()(args);
    next(new Error('no'));
  });
  socket.emit('anything', 1, '2', [3], (answer: string) => answer);
  socket.emit('nothing');
  socket.send('a', 1).write();
  socket.onAny((event, ...args) => [event, args]).prependAnyOutgoing(() => {}).offAny();
  socket.join(['a', 'b']);
  socket.leave('a');
  socket.volatile.compress(false).emit('x');
  socket.to('a').to(['b']).except('c').emit('x', 1);
  socket.broadcast.volatile.emit('x');
  socket.conn.on('packet', () => {});
  expectType<string | string[] | undefined>()(socket.handshake.query.token);
  expectType<string | undefined>()(socket.request.headers.cookie);
});

async function waits() {
  expectType<any>()(await io.timeout(1000).emitWithAck('ask', 1));
  expectType<any>()(await io.to('room').emitWithAck('ask'));
  for (const remote of await io.in('room').fetchSockets()) {
    expectType<RemoteSocket<DefaultEventsMap, any>>()(remote);
    remote.emit('x');
    expectType<any>()(await remote.emitWithAck('ask', 1));
    expectType<any>()(await remote.timeout(5).emitWithAck('ask', 1));
    remote.join('y');
    remote.disconnect(true);
  }
  expectType<Set<string>>()(await io.allSockets());
  await io.close();
}

const nsp = io.of('/chat', (socket) => socket.emit('welcome'));
expectType<Namespace<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, any>>()(nsp);
io.of(/^\/dynamic-\d+$/).on('connection', (socket) => socket.nsp.name);
io.of((name, auth, next) => next(null, name === '/x' && auth.token === 1));
nsp.use((socket, next) => {
  const refusal: ExtendedError = new Error('who?');
  refusal.data = { retry: true };
  next(socket.handshake.auth.token ? undefined : refusal);
});
expectType<BroadcastOperator<DefaultEventsMap, any>>()(nsp.to('room'));
expectType<ReadonlyMap<string, Set<string>>>()(nsp.adapter.rooms);
const adapter = createAdapter('redis://localhost', { key: 'chat', requestsTimeout: 100, publishOnSpecificResponseChannel: true });
adapter.on('error', (error) => expectType<Error>()(error)).on('connect', () => {});
new Server({ adapter }).adapter(adapter);
new Server({ adapter: createShardedAdapter('redis://localhost', { channelPrefix: 'chat', subscriptionMode: 'dynamic-private' }) });
new Server({ adapter: createStreamsAdapter('redis://localhost', { streamName: 'chat', streamCount: 4, channelPrefix: 'chat', maxLen: 100, readCount: 10, useShardedPubSub: true }) });
// @ts-expect-error it takes no clients of Redis
createAdapter({}, {});
// @ts-expect-error and no parser
createAdapter('redis://localhost', { parser: {} });

io.engine.use((req: unknown, res: unknown, next: () => void) => next());
io.engine.on('connection_error', ({ code, message }) => [code, message]);
io.on('connection', ({ conn }) => {
  conn.send('text', { compress: false }, (transport) => transport.name).write(Buffer.from([1]));
});
io.attach(createServer()).listen(3000, { path: '/x' });
expectType<string>()(io.path());
expectType<typeof io>()(io.path('/y'));

const options: Partial<ServerOptions> = {
  pingInterval: 1000,
  transports: ['websocket'],
  cookie: { name: 'io', sameSite: 'strict' },
  connectionStateRecovery: { maxDisconnectionDuration: 1000 },
  allowRequest: (req, callback) => callback(null, req.headers.origin === undefined),
  rateLimit: { perSecond: 100, burst: 200 },
  overflow: 'drop',
  rateLimitPerAddress: 1000,
  maxConnectionsPerAddress: 10,
  addressOf: (req) => req.socket.remoteAddress,
  ackTimeout: 5000,
  onHandlerError: (error, { socket, event, args }) => [error.message, socket.id, event, args],
};
new Server(options);
// @ts-expect-error one of two words
new Server({ overflow: 'panic' });

expectType<number>()(io.engine.metrics().droppedVolatile);
expectType<string>()(io.engine.prometheus());

export { waits };
