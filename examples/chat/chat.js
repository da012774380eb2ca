// The chat itself: who is in which room, what was said there lately, and who hears of it.
//
//   page asks    enter({name, room}, answer)  say(text)  typing(bool)  echo(answer)
//   page hears   rooms([{name, people}])  joined(person)  left(person)  message(message)  typing({id, typing})

'use strict';

const { RoomList } = require('./rooms.js');

const MAX_TEXT = 2000;
const MAX_NAME = 24;

/** Lets people chat over `io`, a Socket.IO server. */
module.exports = function chat(io) {
  const rooms = new RoomList(['lobby', 'music', 'tea-house']);

  io.on('connection', (socket) => {
    // Where this socket is: set by enter(), cleared by leave().
    let room = null;
    let me = null;

    socket.emit('rooms', rooms.summary());

    socket.on('enter', (wish, answer) => {
      if (typeof answer !== 'function') return;
      const name = cleanName(wish?.name);
      if (!name) return answer({ error: `Choose a name of 1 to ${MAX_NAME} characters.` });
      const next = rooms.open(wish.room);
      if (!next) return answer({ error: 'There is no such room, and no space for one more.' });
      if (room === next && me.name === name) return answer(view());

      const previous = leave();
      room = next;
      me = { id: socket.id, name: room.freeName(name) };
      room.people.set(socket.id, me);
      socket.join(room.channel);
      socket.to(room.channel).emit('joined', me);
      roomsChanged(previous);
      answer(view());
    });

    socket.on('say', (text) => {
      if (!room || typeof text !== 'string') return;
      const said = text.trim().slice(0, MAX_TEXT);
      if (said) io.to(room.channel).emit('message', room.remember(me, said));
    });

    socket.on('typing', (typing) => {
      if (room) socket.to(room.channel).emit('typing', { id: me.id, typing: typing === true });
    });

    // The page measures how long a round trip takes.
    socket.on('echo', (answer) => {
      if (typeof answer === 'function') answer();
    });

    socket.on('disconnect', () => roomsChanged(leave()));

    /** Leaves the room, if there is one, and gives it back. */
    function leave() {
      if (!room) return null;
      const left = room;
      room = null;
      socket.leave(left.channel);
      left.people.delete(socket.id);
      io.to(left.channel).emit('left', me);
      return left;
    }

    // Only here is a room forgotten: who changes his name leaves his room for a moment and enters it again.
    function roomsChanged(left) {
      rooms.tidy(left);
      io.emit('rooms', rooms.summary());
    }

    function view() {
      return { you: me, room: room.name, people: [...room.people.values()], messages: room.messages };
    }
  });
};

function cleanName(name) {
  if (typeof name !== 'string') return '';
  return [...name.replace(/\s+/g, ' ').trim()].slice(0, MAX_NAME).join('').trim();
}
