// Puts the application and its WebSockets on one port.

const http = require('http');
const app = require('./app');
const webSocket = require('./webSocket');

const server = http.createServer(app);
webSocket(server);

server.listen(process.env.PORT || 3000, () => {
  console.log(`listening on *:${server.address().port}`);
});
