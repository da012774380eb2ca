//! Which sockets each connection has: the way from an engine's event to its [`Socket`].
//!
//! One lock per shard. Its own thread takes it at a socket's first plain event, which it then keeps
//! (`lane::Listener`), and at each event of another kind; other threads only when they ask for sockets
//! or end one, so that it is all but never waited for.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::AbortHandle;

use super::socket::Socket;
use crate::config::TransportKind;
use crate::embed::{ConnId, Handshake, SocketRef};

/// The connections of all shards.
#[derive(Debug)]
pub(super) struct Seats {
    shards: Box<[Mutex<Vec<Seat>>]>,
}

/// One connection, at the place it has on its shard.
#[derive(Debug, Default)]
struct Seat {
    generation: u32,
    is_open: bool,
    /// What carries it at the moment.
    transport: Option<TransportKind>,
    /// The request that opened it.
    handshake: Option<Arc<Handshake>>,
    first: Option<Socket>,
    rare: Option<Box<Rare>>,
}

/// What most connections have none of.
#[derive(Debug, Default)]
struct Rare {
    /// The sockets behind the first, which is then there too.
    others: Vec<Socket>,
    /// Checks that have not decided whether to let the client into a namespace.
    waiting: Vec<AbortHandle>,
}

impl Seat {
    fn sockets(&self) -> impl Iterator<Item = &Socket> {
        let others = self.rare.iter().flat_map(|rare| &rare.others);
        self.first.iter().chain(others)
    }

    fn insert(&mut self, socket: Socket) {
        if self.first.is_none() {
            self.first = Some(socket);
        } else {
            self.rare.get_or_insert_default().others.push(socket);
        }
    }

    fn remove(&mut self, socket: SocketRef) -> Option<Socket> {
        let is_it = |seated: &Socket| seated.reference() == socket;
        let others = self.rare.as_mut().map(|rare| &mut rare.others);
        if self.first.as_ref().is_some_and(is_it) {
            let next = others.filter(|others| !others.is_empty());
            let next = next.map(|others| others.remove(0));
            return std::mem::replace(&mut self.first, next);
        }
        let others = others?;
        let at = others.iter().position(is_it)?;
        Some(others.remove(at))
    }

    fn into_sockets(self) -> impl Iterator<Item = Socket> {
        let others = self.rare.map(|rare| rare.others).unwrap_or_default();
        self.first.into_iter().chain(others)
    }
}

impl Seats {
    pub(super) fn new(shards: usize) -> Seats {
        Seats {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
        }
    }

    /// A connection is open.
    pub(super) fn open(
        &self,
        conn: ConnId,
        transport: TransportKind,
        handshake: Option<Arc<Handshake>>,
    ) {
        let mut seats = self.shards[usize::from(conn.shard)].lock();
        let at = conn.slot.index as usize;
        if seats.len() <= at {
            seats.resize_with(at + 1, Seat::default);
        }
        seats[at] = Seat {
            generation: conn.slot.generation,
            is_open: true,
            transport: Some(transport),
            handshake,
            ..Seat::default()
        };
    }

    /// The connection is over: takes its sockets, and ends the checks it waits for.
    pub(super) fn close(&self, conn: ConnId) -> Vec<Socket> {
        let seat = self.with(conn, std::mem::take).unwrap_or_default();
        for check in seat.rare.iter().flat_map(|rare| &rare.waiting) {
            check.abort();
        }
        seat.into_sockets().collect()
    }

    /// From now on something else carries a connection.
    pub(super) fn upgrade(&self, conn: ConnId, transport: TransportKind) {
        self.with(conn, |seat| seat.transport = Some(transport));
    }

    /// What carries a connection, if it is not over.
    pub(super) fn transport_of(&self, conn: ConnId) -> Option<TransportKind> {
        self.with(conn, |seat| seat.transport)?
    }

    /// The request that opened a connection, if that is known and the connection is not over.
    pub(super) fn handshake_of(&self, conn: ConnId) -> Option<Arc<Handshake>> {
        self.with(conn, |seat| seat.handshake.clone())?
    }

    /// A check of the connection goes on.
    pub(super) fn wait(&self, conn: ConnId, check: AbortHandle) {
        let kept = self.with(conn, |seat| {
            let waiting = &mut seat.rare.get_or_insert_default().waiting;
            waiting.retain(|check| !check.is_finished());
            waiting.push(check.clone());
        });
        if kept.is_none() {
            check.abort();
        }
    }

    /// Seats a socket. False if its connection is over.
    pub(super) fn insert(&self, socket: &Socket) -> bool {
        let conn = socket.reference().conn;
        self.with(conn, |seat| {
            socket.set_connected();
            seat.insert(socket.clone());
        })
        .is_some()
    }

    /// Takes one socket away.
    pub(super) fn remove(&self, socket: SocketRef) -> Option<Socket> {
        self.with(socket.conn, |seat| seat.remove(socket))?
    }

    /// The socket, if it is there.
    pub(super) fn find(&self, socket: SocketRef) -> Option<Socket> {
        self.with(socket.conn, |seat| {
            seat.sockets()
                .find(|seated| seated.reference() == socket)
                .cloned()
        })?
    }

    /// The sockets of a connection.
    pub(super) fn sockets_of(&self, conn: ConnId) -> Vec<Socket> {
        self.with(conn, |seat| seat.sockets().cloned().collect())
            .unwrap_or_default()
    }

    /// Takes every socket away.
    pub(super) fn clear(&self) -> Vec<Socket> {
        let taken = self
            .shards
            .iter()
            .flat_map(|shard| std::mem::take(&mut *shard.lock()));
        taken.flat_map(Seat::into_sockets).collect()
    }

    fn with<R>(&self, conn: ConnId, work: impl FnOnce(&mut Seat) -> R) -> Option<R> {
        let mut seats = self.shards[usize::from(conn.shard)].lock();
        let seat = seats.get_mut(conn.slot.index as usize)?;
        (seat.is_open && seat.generation == conn.slot.generation).then(|| work(seat))
    }
}
