// A chat server: people enter a room, and what they say reaches everybody there.
//
//   client asks    enter(room, answer)   say(...)
//   client hears   entered(id)   said(id, ...)   left(id)
//
// It is the twin of examples/src/bin/chat.rs and examples/c/chat.c.
//
//   node examples/node/chat.js 3000

'use strict';

const { Server } = require('../../node-binding');
const { listen } = require('./listen.js');

// Rooms of the chat have a prefix of their own: a room named like somebody's id must not be that
// socket's own room.
const PREFIX = 'chat:';
const MAX_NAME = 50;

const io = new Server();
io.on('connection', (socket) => {
  const rooms = () => [...socket.rooms].filter((room) => room.startsWith(PREFIX));
  const leave = (room) => {
    socket.to(room).emit('left', socket.id);
    socket.leave(room);
  };

  socket.on('enter', (name, answer) => {
    if (typeof name !== 'string' || typeof answer !== 'function') return;
    if (name === '' || name.length > MAX_NAME) {
      answer(false);
      return;
    }
    rooms().forEach(leave);
    socket.join(PREFIX + name);
    socket.to(PREFIX + name).emit('entered', socket.id);
    answer(true);
  });
  socket.on('say', (...said) => rooms().forEach((room) => io.to(room).emit('said', socket.id, ...said)));
  socket.on('disconnecting', () => rooms().forEach(leave));
});
listen(io, 'chat');
