//! What JavaScript's numbers mean, and what was asked of connections that the engine does not know
//! yet. Lives on the JavaScript thread.

use std::collections::HashSet;
use std::io;
use std::net::{SocketAddr, SocketAddrV4, TcpStream};
use std::sync::Arc;

use sori::embed::websocket::Gauge;
use sori::embed::{ConnId, NamespaceId};

/// The sockets by number.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    places: Vec<Place>,
    /// Those that wait to be opened.
    opening: HashSet<u32>,
    /// Those of them that are to do something as soon as they are open.
    asked: HashSet<u32>,
    /// Whether one has come to be asked since the last look.
    is_asked: bool,
}

/// What a number stands for.
#[derive(Debug, Default)]
pub(super) enum Place {
    /// Nothing.
    #[default]
    Free,
    /// A socket that JavaScript has, and the engine is about to have.
    Opening(Box<Opening>),
    /// A connection, which may be over.
    Open {
        conn: ConnId,
        group: NamespaceId,
        ends: Ends,
        gauge: Arc<Gauge>,
    },
}

/// Where a connection comes from and where it came to. Kept for every connection that was taken over,
/// so in few bytes.
#[derive(Debug, Default)]
pub(super) enum Ends {
    #[default]
    Unknown,
    V4 {
        remote: SocketAddrV4,
        local: SocketAddrV4,
    },
    Other(Box<[SocketAddr; 2]>),
}

impl Ends {
    /// Those of a stream that is connected.
    pub(super) fn of(stream: &TcpStream) -> Ends {
        let both = || io::Result::Ok((stream.peer_addr()?, stream.local_addr()?));
        match both() {
            Ok((SocketAddr::V4(remote), SocketAddr::V4(local))) => Ends::V4 { remote, local },
            Ok((remote, local)) => Ends::Other(Box::new([remote, local])),
            Err(_) => Ends::Unknown,
        }
    }

    /// Address and port of the peer, then our own, as JavaScript takes them.
    fn text(&self) -> Option<String> {
        let [remote, local]: [SocketAddr; 2] = match self {
            Ends::Unknown => return None,
            Ends::V4 { remote, local } => [(*remote).into(), (*local).into()],
            Ends::Other(ends) => **ends,
        };
        let text = |end: SocketAddr| format!("{} {}", end.ip(), end.port());
        Some(format!("{} {}", text(remote), text(local)))
    }
}

/// Orders for a socket that is not open. A broadcast that it is to get is an order too: it is in its
/// group, and in rooms, from the moment JavaScript says so.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) group: NamespaceId,
    pub(super) ends: Ends,
    pub(super) rooms: Vec<String>,
    pub(super) orders: Vec<u8>,
    /// Bytes of messages among the orders.
    pub(super) message_bytes: usize,
}

impl Opening {
    /// Whether a broadcast to `rooms` but not to `except` reaches it. To all is to a room, too.
    pub(super) fn is_in(&self, rooms: &[&str], except: &[&str]) -> bool {
        let is_in_one_of = |rooms: &[&str]| rooms.iter().any(|room| self.has(room));
        is_in_one_of(rooms) && !is_in_one_of(except)
    }

    fn has(&self, room: &str) -> bool {
        self.rooms.iter().any(|known| known == room)
    }
}

impl Sockets {
    /// JavaScript has a socket of that number in that group.
    pub(super) fn claim(&mut self, id: u32, group: NamespaceId) {
        let at = id as usize;
        if self.places.len() <= at {
            self.places.resize_with(at + 1, Place::default);
        }
        self.places[at] = Place::Opening(Box::new(Opening {
            group,
            ends: Ends::Unknown,
            rooms: Vec::new(),
            orders: Vec::new(),
            message_bytes: 0,
        }));
        self.opening.insert(id);
    }

    /// A socket that waits to be opened is to do something.
    pub(super) fn ask(&mut self, id: u32) {
        self.is_asked |= self.asked.insert(id);
    }

    /// Whether a socket has come to be asked since the last call.
    pub(super) fn take_is_asked(&mut self) -> bool {
        std::mem::take(&mut self.is_asked)
    }

    /// Whether there are sockets that wait to be opened and to do something.
    pub(super) fn is_asking(&self) -> bool {
        !self.asked.is_empty()
    }

    /// The socket is open; gives what was asked of it meanwhile.
    pub(super) fn open(&mut self, id: u32, conn: ConnId, gauge: Arc<Gauge>) -> Vec<u8> {
        self.opening.remove(&id);
        self.asked.remove(&id);
        let Some(place @ Place::Opening(_)) = self.places.get_mut(id as usize) else {
            return Vec::new();
        };
        let Place::Opening(opening) = std::mem::take(place) else {
            return Vec::new();
        };
        let Opening {
            group,
            ends,
            orders,
            ..
        } = *opening;
        *place = Place::Open {
            conn,
            group,
            ends,
            gauge,
        };
        orders
    }

    /// The number means nothing any more.
    pub(super) fn forget(&mut self, id: u32) {
        if let Some(place) = self.places.get_mut(id as usize) {
            *place = Place::Free;
            self.opening.remove(&id);
            self.asked.remove(&id);
        }
    }

    pub(super) fn get(&self, id: u32) -> &Place {
        self.places.get(id as usize).unwrap_or(&Place::Free)
    }

    pub(super) fn opening_mut(&mut self, id: u32) -> Option<&mut Opening> {
        match self.places.get_mut(id as usize)? {
            Place::Opening(opening) => Some(opening),
            Place::Free | Place::Open { .. } => None,
        }
    }

    /// Where both ends of a connection are that was taken over.
    pub(super) fn ends(&self, id: u32) -> Option<String> {
        match self.get(id) {
            Place::Free => None,
            Place::Opening(opening) => opening.ends.text(),
            Place::Open { ends, .. } => ends.text(),
        }
    }

    /// Those of a group that wait to be opened.
    pub(super) fn opening_in(&self, group: NamespaceId) -> Vec<u32> {
        let of_group =
            |id: &u32| matches!(self.get(*id), Place::Opening(opening) if opening.group == group);
        self.opening.iter().copied().filter(of_group).collect()
    }
}
