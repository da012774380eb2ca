// An ES module in TypeScript.
import { Server, type Socket } from 'sori';
import type { ServerOptions } from 'sori';

const options: Partial<ServerOptions> = { path: '/live' };
const io = new Server(options);
io.on('connection', (socket: Socket) => socket.emit('hello'));
// @ts-expect-error the module has no other names
import { Nothing } from 'sori';

export { Nothing };
