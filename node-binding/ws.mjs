// The entry `sori/ws` for `import`: WebSocket by default, and the rest by name.
import WebSocket from './ws.js';

export const { createWebSocketStream, extension, PerMessageDeflate, subprotocol, WebSocketServer } = WebSocket;
export { WebSocket };
export default WebSocket;
