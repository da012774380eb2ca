// The entry for `import`: the same classes by name, and what makes adapters.
import sori from './index.js';

export const { Server, Namespace, Socket, createAdapter, createShardedAdapter, createStreamsAdapter } = sori;
