// Types of `sori/ws`: what users of ws write compiles, and what Sori adds to it.
import WebSocket = require('sori/ws');
import { createServer } from 'http';

const wss = new WebSocket.Server({ port: 0, maxPayload: 1, maxConnectionsPerAddress: 1, rateLimit: 10, rateLimitPerAddress: { perSecond: 100, burst: 1000 }, addressOf: (req) => req.socket.remoteAddress, verifyClient: (info, done) => done(info.secure, 401) });
const beside = new WebSocket.WebSocketServer(
  { server: createServer(), perMessageDeflate: { threshold: 10 }, backpressure: { limit: 1, policy: 'drop' } },
  () => {},
);
wss.on('connection', (ws, req) => {
  const url: string | undefined = req.url;
  ws.send(url || '');
  ws.on('message', (data, isBinary) => ws.send(data as Buffer, { binary: isBinary }, (error) => error && error.message));
  ws.on('close', (code, reason) => `${code.toFixed()} ${reason.toString('utf8')}`);
  ws.onmessage = (event) => event.data;
  ws.addEventListener('close', (event) => event.wasClean, { once: true });
  if (ws.readyState === WebSocket.OPEN) {
    ws.close(1000, 'done');
  }
  ws.join(['a', 'b']);
  ws.leave('a');
});
wss.to('a').except(['b']).send('hi');
wss.broadcast(Buffer.from('x'), { except: null, binary: true });
const open: number = WebSocket.Server.metrics().connections;
const scraped: string = WebSocket.WebSocketServer.prometheus() + WebSocket.WebSocketServer.prometheus({ server: 'chat' });

const client = new WebSocket('ws://localhost', ['a'], { headers: { a: 'b' }, followRedirects: true });
const another: WebSocket = new WebSocket.WebSocket(new URL('ws://localhost'), { protocols: 'a' });
another.terminate();
const server: WebSocket.WebSocketServer = beside;
const raw: WebSocket.RawData = Buffer.alloc(0);
WebSocket.createWebSocketStream(client).pipe(process.stdout);
export { server, raw, open, scraped };

// @ts-expect-error a number is no room
client.join(5);
// @ts-expect-error there is no such policy
new WebSocket.Server({ noServer: true, backpressure: { policy: 'panic' } });
