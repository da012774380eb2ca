// The shortest program there is: a port of its own, one event in, one event out.

var io = require('sori').listen(process.env.PORT || 3000);

io.sockets.on('connection', function (socket) {
  console.log('connected ' + socket.id);

  socket.on('msg', function (data) {
    socket.emit('recMsg', { comment: socket.id + ':' + data.comment });
  });

  socket.on('disconnect', function (reason) {
    console.log('disconnected ' + socket.id + ': ' + reason);
  });
});

io.httpServer.on('listening', function () {
  console.log('listening on *:' + io.httpServer.address().port);
});
