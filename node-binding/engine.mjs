// The entry for `import`: the names of `engine.js`.
import engine from './engine.js';

export const { Server, Socket, Transport, uServer, transports, parser, protocol, listen, attach } = engine;
