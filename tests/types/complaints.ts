// What people report of typed events in socket.io: enums as names, acks without an error, events that others forget.
import { Server, Socket } from 'sori';
import type { DisconnectReason, EventsMap } from 'sori';
import { expectType } from './assertions';

// Names by an enum.
enum Names {
  Connection = 'connection',
  Hello = 'hello',
  Disconnect = 'disconnect',
}
interface Listens {
  [Names.Hello]: (name: string) => void;
}
enum Out {
  News = 'news',
}
new Server<{}, { [Out.News]: (text: string) => void }>().to('room').emit(Out.News, 'text');
const io = new Server<Listens, { noArg: () => void }>();
io.on(Names.Connection, (socket) => {
  expectType<Socket<Listens, { noArg: () => void }>>()(socket);
  socket.on(Names.Hello, (name) => expectType<string>()(name));
  socket.on(Names.Disconnect, (reason) => expectType<DisconnectReason>()(reason));
});

// A broadcast of an event without arguments.
io.emit('noArg');
io.to('room').emit('noArg');

// An ack whose only argument is an error.
interface Fails {
  save: (done: (error: Error) => void) => void;
}
async function onlyError(socket: Socket<{}, Fails>) {
  expectType<undefined>()(await socket.emitWithAck('save'));
  socket.emit('save', (error) => expectType<Error>()(error));
}

// A type alias instead of an interface, acks with `any`, optional arguments.
type Aliased = {
  maybe: (text?: string) => void;
  any: (done: any) => void;
  list: (items: readonly string[], done: (count: number) => void) => void;
};
async function aliased(socket: Socket<Aliased, Aliased>) {
  socket.emit('maybe');
  socket.emit('maybe', 'text');
  expectType<any>()(await socket.emitWithAck('any'));
  expectType<number>()(await socket.emitWithAck('list', ['a']));
  socket.on('maybe', (text) => expectType<string | undefined>()(text));
}

// Functions over any server or socket.
function shutDown(server: Server<any, any, any, any>) {
  return server.close();
}
shutDown(io);
function idOf(socket: Socket<any, any, any, any>): string {
  return socket.id;
}
io.on('connection', (socket) => idOf(socket));

function generic<Out extends EventsMap>(server: Server<{}, Out>): Server<{}, Out> {
  return server.to === undefined ? server : server;
}
generic(new Server<{}, { noArg: () => void }>()).emit('noArg');

// A class that keeps its server, and listeners that are async.
class Chat {
  constructor(private readonly server: Server<Listens, { noArg: () => void }>) {
    server.on('connection', async (socket) => {
      socket.on(Names.Hello, async (name) => {
        await Promise.resolve(name);
      });
      socket.off(Names.Hello, () => {});
    });
  }

  count(): number {
    return this.server.engine.clientsCount;
  }
}

export { Chat, aliased, onlyError };
