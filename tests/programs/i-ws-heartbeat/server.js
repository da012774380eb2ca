// Finds broken connections by pings: who has not answered since the last round is dropped.

const { WebSocketServer } = require('sori/ws');

const wss = new WebSocketServer({ port: process.env.PORT || 3000 }, () => {
  console.log(`listening on *:${wss.address().port}`);
});

function heartbeat() {
  this.isAlive = true;
}

wss.on('connection', (ws) => {
  ws.isAlive = true;
  ws.on('error', console.error);
  ws.on('pong', heartbeat);
  ws.on('close', () => console.log(`closed, ${wss.clients.size} left`));
});

const interval = setInterval(() => {
  wss.clients.forEach((ws) => {
    if (ws.isAlive === false) return ws.terminate();

    ws.isAlive = false;
    ws.ping();
  });
  console.log('round');
}, process.env.INTERVAL || 30000);

wss.on('close', () => clearInterval(interval));
