// Rooms: enter one, speak to the others in it or to all of it, leave it, vanish from it.

const express = require('express');
const app = express();
const http = require('http').createServer(app);
const io = require('sori')(http);

app.get('/', (req, res) => {
  res.sendFile(__dirname + '/index.html');
});

io.on('connection', (socket) => {
  socket.on('join', (room, done) => {
    socket.join(room);
    socket.broadcast.to(room).emit('joined', { room, who: socket.id });
    done([...socket.rooms]);
  });

  // To the others of the room.
  socket.on('others', (room, text) => {
    socket.to(room).emit('text', { room, from: socket.id, text });
  });

  // To the whole room, the sender too when it is in there.
  socket.on('all', (room, text) => {
    io.to(room).emit('text', { room, from: socket.id, text });
  });

  // To everybody who is in one of the rooms, once.
  socket.on('any', (rooms, text) => {
    let target = io;
    for (const room of rooms) target = target.to(room);
    target.emit('text', { room: rooms.join('+'), from: socket.id, text });
  });

  socket.on('leave', (room, done) => {
    socket.leave(room);
    io.sockets.in(room).emit('left', { room, who: socket.id });
    done([...socket.rooms]);
  });

  socket.on('disconnecting', () => {
    for (const room of socket.rooms) {
      if (room !== socket.id) socket.to(room).emit('left', { room, who: socket.id });
    }
  });

  socket.on('disconnect', () => {
    console.log('gone ' + socket.id + ', rooms left: ' + socket.rooms.size);
  });
});

http.listen(process.env.PORT || 3000, () => {
  console.log(`listening on *:${http.address().port}`);
});
