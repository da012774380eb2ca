// Rooms and those in them: who comes is checked, and a question to a room gathers all its answers.
//
//   client joins   auth: { name }
//   client asks    join(room)   leave(room)   poll(room, question, answer([text...]))
//   client hears   poll(question, answer(text))   gone(name)
//
// It is the twin of examples/src/bin/rooms.rs and examples/c/rooms.c.
//
//   node examples/node/rooms.js 3000

'use strict';

const { Server } = require('../../node-binding');
const { listen } = require('./listen.js');

const PATIENCE_MS = 5000;

const io = new Server();
io.use((socket, next) => {
  socket.data.name = socket.handshake.auth.name;
  next(typeof socket.data.name === 'string' ? undefined : new Error('who are you?'));
});
io.on('connection', (socket) => {
  socket.on('join', (room) => socket.join(room));
  socket.on('leave', (room) => socket.leave(room));
  socket.on('poll', (room, question, answer) => {
    const asked = socket.to(room).timeout(PATIENCE_MS);
    // Who has not answered in time is left out.
    asked.emit('poll', question, (late, answers) => answer(answers));
  });
  socket.on('disconnecting', () => socket.to([...socket.rooms]).emit('gone', socket.data.name));
});
listen(io, 'rooms');
