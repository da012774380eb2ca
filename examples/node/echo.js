// Sends everything back: an event's argument as an event, or as the answer if one is asked for.
//
//   client asks    message(anything)    ask(anything, answer)    file(binary, answer)
//   client hears   message(anything)
//
// It is the twin of examples/src/bin/echo.rs and examples/c/echo.c.
//
//   node examples/node/echo.js 3000

'use strict';

const { Server } = require('../../node-binding');
const { listen } = require('./listen.js');

const io = new Server();
io.on('connection', (socket) => {
  socket.on('message', (anything) => socket.emit('message', anything));
  socket.on('ask', (anything, answer) => answer(anything));
  socket.on('file', (file, answer) => answer(file));
});
listen(io, 'echo');
