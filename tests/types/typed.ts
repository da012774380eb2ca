// An application with event maps: what does not fit them does not compile.
import { Namespace, Server, Socket } from 'sori';
import type { BroadcastOperator, DefaultEventsMap } from 'sori';
import { expectType } from './assertions';

interface ClientToServer {
  nothing: () => void;
  hello: (name: string) => void;
  ask: (question: string, n: number, answer: (text: string, n: number) => void) => void;
}

interface ServerToClient {
  nothing: () => void;
  news: (text: string, n: number) => void;
  query: (text: string, answer: (ok: boolean) => void) => void;
  ping2: (done: () => void) => void;
  message: (text: string) => void;
}

interface BetweenServers {
  tell: (n: number) => void;
  sum: (n: number, answer: (n: number) => void) => void;
}

interface Data {
  user: { name: string };
}

const io = new Server<ClientToServer, ServerToClient, BetweenServers, Data>();

io.on('connection', (socket) => {
  expectType<Socket<ClientToServer, ServerToClient, BetweenServers, Data>>()(socket);
  expectType<Data>()(socket.data);
  expectType<string>()(socket.data.user.name);
  socket.on('nothing', (...args) => expectType<[]>()(args));
  socket.on('hello', (name) => expectType<string>()(name));
  socket.on('ask', (question, n, answer) => {
    expectType<string>()(question);
    expectType<number>()(n);
    expectType<(text: string, n: number) => void>()(answer);
  });
  // @ts-expect-error an event that clients do not send
  socket.on('news', () => {});
  // @ts-expect-error more arguments than the event has
  socket.on('hello', (a, b) => {});
  // @ts-expect-error no listener
  socket.on('hello');

  socket.emit('news', 'text', 1);
  socket.emit('query', 'text', (ok) => expectType<boolean>()(ok));
  socket.timeout(5).emit('query', 'text', (error, ok) => {
    expectType<Error>()(error);
    expectType<boolean>()(ok);
  });
  // @ts-expect-error a wrong argument
  socket.emit('news', 1, 1);
  // @ts-expect-error a missing argument
  socket.emit('news', 'text');
  // @ts-expect-error an event of the other direction
  socket.emit('hello', 'Ann');
  socket.send('text');
  // @ts-expect-error `message` has one argument
  socket.send();
  socket.to('room').emit('news', 'text', 1);
  // @ts-expect-error a wrong argument
  socket.broadcast.emit('news', 'text', 'one');
});

async function acks(socket: Socket<ClientToServer, ServerToClient, BetweenServers, Data>) {
  expectType<boolean>()(await socket.emitWithAck('query', 'text'));
  expectType<boolean>()(await socket.timeout(5).emitWithAck('query', 'text'));
  expectType<undefined>()(await socket.emitWithAck('ping2'));
  // @ts-expect-error an event without an ack
  await socket.emitWithAck('news', 'text', 1);
  // @ts-expect-error a missing argument
  await socket.emitWithAck('query');

  expectType<boolean[]>()(await io.timeout(5).emitWithAck('query', 'text'));
  expectType<boolean[]>()(await io.to('room').timeout(5).emitWithAck('query', 'text'));
  expectType<boolean[]>()(await socket.broadcast.timeout(5).emitWithAck('query', 'text'));
  io.timeout(5).emit('query', 'text', (error, answers) => {
    expectType<Error>()(error);
    expectType<boolean[]>()(answers);
  });
  // @ts-expect-error without a timeout an operator gives up at once
  await io.to('room').emitWithAck('query', 'text');
  // @ts-expect-error a broadcast with an ack needs a timeout
  io.emit('query', 'text', () => {});
  const [remote] = await io.fetchSockets();
  expectType<boolean>()(await remote!.emitWithAck('query', 'text'));
  expectType<Data>()(remote!.data);

  for await (const { socket: one, answer } of io.timeout(5).emitWithAnswers('query', 'text')) {
    expectType<string | undefined>()(one?.id);
    expectType<Data>()(one!.data);
    expectType<boolean>()(answer);
  }
  for await (const { answer } of io.of('/').emitWithAnswers('query', 'text')) {
    expectType<boolean>()(answer);
  }
  // @ts-expect-error an event without an ack
  io.timeout(5).emitWithAnswers('news', 'text', 1);

  expectType<number[]>()(await io.serverSideEmitWithAck('sum', 1));
}

io.emit('nothing');
io.emit('news', 'text', 1);
// @ts-expect-error a wrong argument
io.emit('news', 1);
io.serverSideEmit('tell', 1);
io.serverSideEmit('sum', 1, (error, answers) => {
  expectType<Error>()(error);
  expectType<number[]>()(answers);
});
// @ts-expect-error not between servers
io.serverSideEmit('news', 'text', 1);
io.on('tell', (n) => expectType<number>()(n));
// @ts-expect-error events of clients come to sockets
io.on('hello', () => {});
io.on('new_namespace', (nsp) => expectType<Namespace<ClientToServer, ServerToClient, BetweenServers, Data>>()(nsp));

expectType<Namespace<ClientToServer, ServerToClient, BetweenServers, Data>>()(io.of('/x'));
io.of('/x').emit('news', 'text', 1);
// A namespace may have events of its own.
const admin: Namespace<DefaultEventsMap, { alarm: (level: number) => void }, DefaultEventsMap, any> = io.of('/admin') as any;
admin.emit('alarm', 1);
// @ts-expect-error a wrong argument
admin.emit('alarm', 'red');

type WithAnswers = BroadcastOperator<
  {
    nothing: () => void;
    news: (text: string, n: number) => void;
    query: (text: string, answer: (answers: boolean[]) => void) => void;
    ping2: (done: () => void) => void;
    message: (text: string) => void;
  },
  Data
>;
const operator: WithAnswers = io.to('room');
io.use((socket, next) => {
  socket.data.user = { name: 'Ann' };
  next();
});

export { acks, operator };
