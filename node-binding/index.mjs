// The entry for `import`: the same classes by name, and `createAdapter`.
import sori from './index.js';

export const { Server, Namespace, Socket, createAdapter } = sori;
