// `nsp.adapter` of a namespace that is on several servers: what is asked of all of them.
'use strict';

const { Adapter, ROOM_EVENTS } = require('../adapter');
const { pushPayload } = require('../payload');
const { FIELD } = require('../queue');
const { RESERVED_SERVER_SIDE, refuseReserved } = require('../reserved');

class ClusterAdapter extends Adapter {
  constructor(nsp) {
    super(nsp);
    // What other servers do to rooms is done in the engine, unless somebody wants to hear of it.
    this.on('newListener', (event) => ROOM_EVENTS.includes(event) && nsp._watchRooms(true));
    this.on('removeListener', (event) => ROOM_EVENTS.includes(event) && nsp._watchRooms(this._isWatched));
  }

  /** How many servers there are; rejects when Redis cannot tell in time. */
  async serverCount() {
    if (!this.nsp._isClustered()) {
      return 1;
    }
    const [count] = await this.nsp._ask((id) => `N${FIELD}${this.nsp._id}${FIELD}${id}`);
    if (typeof count !== 'number') {
      throw new Error('timeout reached while counting the servers');
    }
    return count;
  }

  /** The rooms of all servers. */
  async allRooms() {
    const sockets = await this.nsp.fetchSockets();
    return new Set(sockets.flatMap((socket) => [...socket.rooms]));
  }

  async sockets(rooms) {
    const sockets = await this.fetchSockets({ rooms });
    return new Set(sockets.map((socket) => socket.id));
  }

  /** `packet` is `[event, ...args]`; a last `callback(error, responses)` is called with what the others answer. */
  serverSideEmit(packet) {
    refuseReserved(packet[0], RESERVED_SERVER_SIDE);
    const ack = typeof packet[packet.length - 1] === 'function' ? packet[packet.length - 1] : null;
    const { nsp } = this;
    if (!nsp._isClustered()) {
      if (ack !== null) {
        process.nextTick(ack, null, []);
      }
      return;
    }
    const { queue, answers } = nsp.server._bridge;
    if (ack === null) {
      pushPayload(queue, `X${FIELD}${nsp._id}${FIELD}${FIELD}${FIELD}`, packet);
      return;
    }
    const id = nsp._ids++;
    pushPayload(queue, `X${FIELD}${nsp._id}${FIELD}${id}${FIELD}${FIELD}`, packet.slice(0, -1));
    answers.set(id, (responses, isTimedOut) => {
      ack(isTimedOut ? new Error(`timeout reached: only ${responses.length} responses received`) : null, responses);
    });
  }
}

module.exports = { ClusterAdapter };
