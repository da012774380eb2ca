// Express 4 and 5: socket.io's API beside the application's pages, on one port, with Express middlewares for both.
'use strict';

const http = require('http');
const { Server } = require('socket.io');

/** `express` is the release to use; gives the HTTP server, listening, and `io`. */
module.exports = async function start(express) {
  const app = express();
  app.get('/', (req, res) => res.send('page'));
  const httpServer = http.createServer(app);
  const io = new Server(httpServer);

  // A middleware of Express, such as express-session, on the engine's requests.
  io.engine.use((req, res, next) => {
    req.visitor = req.headers['x-visitor'] || 'nobody';
    next();
  });
  io.on('connection', (socket) => {
    socket.on('whoami', (done) => done(socket.request.visitor));
  });

  // Any route may speak to the clients.
  app.get('/announce', (req, res) => {
    io.emit('announcement', req.query.text);
    res.send('announced');
  });

  await new Promise((resolve) => httpServer.listen(0, '127.0.0.1', resolve));
  return { httpServer, io, close: () => io.close() };
};
