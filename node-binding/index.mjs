// The entry for `import`: the same three classes by name.
import sori from './index.js';

export const { Server, Namespace, Socket } = sori;
