// WebSockets on the port of an Express application: the address of each client, and a message every three seconds.

const express = require('express');
const http = require('http');
const WebSocket = require('sori/ws');

const app = express();
app.get('/', (req, res) => res.sendFile(__dirname + '/index.html'));

const server = http.createServer(app);
const wss = new WebSocket.Server({ server });

wss.on('connection', (ws, req) => {
  const ip = req.headers['x-forwarded-for'] || req.socket.remoteAddress;
  console.log('client connected', ip);

  ws.on('message', (message) => console.log(message.toString()));
  ws.on('error', (error) => console.error(error));
  ws.on('close', () => {
    console.log('client gone', ip);
    clearInterval(ws.interval);
  });

  ws.interval = setInterval(() => {
    if (ws.readyState == ws.OPEN) {
      ws.send('Message from the server.');
    }
  }, 3000);
});

server.listen(process.env.PORT || 3000, () => {
  console.log(`listening on *:${server.address().port}`);
});
