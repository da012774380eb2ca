// Types of `sori/ws` for ES modules.
import WebSocket, { WebSocketServer, createWebSocketStream, type PerMessageDeflate } from 'sori/ws';

const wss: WebSocketServer = new WebSocketServer({ port: 0 });
wss.on('connection', (ws: WebSocket) => ws.send('x'));
createWebSocketStream(new WebSocket('ws://localhost'));
export type { PerMessageDeflate };
