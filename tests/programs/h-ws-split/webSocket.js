// The WebSocket side: what one client says, all others hear.

const WebSocket = require('sori/ws');

module.exports = (server) => {
  const wss = new WebSocket.Server({ server });

  wss.on('connection', (ws, req) => {
    console.log(`connected: ${req.url}`);

    ws.on('message', (message) => {
      wss.clients.forEach((client) => {
        if (client !== ws && client.readyState === WebSocket.OPEN) {
          client.send(message.toString());
        }
      });
    });

    ws.on('error', (error) => console.error(`error: ${error.message}`));

    ws.on('close', (code) => console.log(`closed: ${code}`));
  });
};
