// The smallest server: greets, and sends back what it gets.

const WebSocket = require('sori/ws');

const wss = new WebSocket.Server({ port: process.env.PORT || 3000 });

wss.on('listening', () => console.log(`listening on *:${wss.address().port}`));

wss.on('connection', (ws) => {
  ws.send('Welcome!');

  ws.on('message', (message) => {
    console.log('received: %s', message);
    ws.send(`You said: ${message}`);
  });
});
