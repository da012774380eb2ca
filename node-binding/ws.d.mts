// Types of `sori/ws` for `import`.
import WebSocket = require('./ws.js');

export const createWebSocketStream: typeof WebSocket.createWebSocketStream;
export const extension: typeof WebSocket.extension;
export const PerMessageDeflate: typeof WebSocket.PerMessageDeflate;
export type PerMessageDeflate = WebSocket.PerMessageDeflate;
export const subprotocol: typeof WebSocket.subprotocol;
export class WebSocketServer<
  U extends typeof WebSocket = typeof WebSocket,
  V extends typeof import('http').IncomingMessage = typeof import('http').IncomingMessage,
> extends WebSocket.Server<U, V> {}
export { WebSocket };
export default WebSocket;
