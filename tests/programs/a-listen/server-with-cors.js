// The same for pages of other origins: long polling from there needs the browser's permission.

var io = require('sori').listen(process.env.PORT || 3000, { cors: { origin: '*' } });

io.sockets.on('connection', function (socket) {
  socket.on('msg', function (data) {
    socket.emit('recMsg', { comment: socket.id + ':' + data.comment });
  });
});

io.httpServer.on('listening', function () {
  console.log('listening on *:' + io.httpServer.address().port);
});
