//! The queue of a pull server: filled by the shards, emptied by the application.
//!
//! # When it is full
//! It takes every event all the same, but answers [`Application::is_ready`] with no, so that the
//! engine stops reading, and who asks for a plain WebSocket or for a decision is refused. What it holds
//! is bounded by `Config::max_pending_events` and the bytes of [`Space`], plus what one read of each
//! shard brought, plus a connection's end for each connection.
//!
//! # Order
//! An event is queued under the lock of its shard's roster, and so is the end that the application
//! itself makes of a socket: nothing of a socket is queued behind its end.

use std::sync::Arc;
#[cfg(unix)]
use std::sync::OnceLock;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard, RwLock};

use super::Gone;
use super::event::PulledEvent;
use super::mailbox::Mailbox;
use super::reception::Desk;
use super::roster::{Member, Roster, SocketIdentity, SocketKey};
use super::sse::Streams;
use super::websocket::{Ending, Paths};
use crate::config::{Config, Protocol};
use crate::embed::websocket::Gauge;
use crate::embed::{Command, Event, Profile, SocketRef};
use crate::error::{DisconnectReason, Error};
use crate::hub::ConnId;
#[cfg(unix)]
use crate::pull::Signal;
use crate::pull::Space;
use crate::server::{Application, Batch, Engine, Reception};

/// What clients are told that ask for a namespace nobody opened (socket.io's words).
const INVALID_NAMESPACE: &str = r#"{"message":"Invalid namespace"}"#;

/// The events that wait, and the sockets they speak of.
#[derive(Debug)]
pub(super) struct EventQueue {
    mailbox: Mailbox,
    space: Space,
    paths: Paths,
    desk: Desk,
    streams: Arc<Streams>,
    /// Beginnings of the names that clients may ask for without their being open.
    prefixes: RwLock<Vec<Box<str>>>,
    protocol: Protocol,
    is_in_cluster: bool,
    rosters: Box<[Mutex<Roster>]>,
    #[cfg(unix)]
    signal: OnceLock<Arc<Signal>>,
}

impl EventQueue {
    pub(super) fn new(config: &Config, is_in_cluster: bool) -> Arc<EventQueue> {
        Arc::new_cyclic(|queue| EventQueue {
            mailbox: Mailbox::default(),
            space: Space::new(config.max_pending_events),
            paths: Paths::default(),
            desk: Desk::default(),
            streams: Arc::new(Streams::of(queue)),
            prefixes: RwLock::default(),
            protocol: config.protocol,
            is_in_cluster,
            rosters: (0..config.shards)
                // A valid configuration has at most 256 shards; another never comes to run.
                .map(|shard| Mutex::new(Roster::new(shard as u8)))
                .collect(),
            #[cfg(unix)]
            signal: OnceLock::new(),
        })
    }

    /// Appends up to `most` events, after waiting for the first. Ends that are due go to `answer`.
    pub(super) fn take(
        &self,
        events: &mut Vec<PulledEvent>,
        most: usize,
        timeout: Option<Duration>,
        answer: impl FnMut(Ending),
    ) -> Result<(), Error> {
        let before = events.len();
        if !self.mailbox.take(events, most, timeout, answer) {
            return Err(Error::Closed);
        }
        for event in &events[before..] {
            self.space.give_back(event.size());
        }
        Ok(())
    }

    /// Whether shards have stopped reading and may go on now. Says so once.
    pub(super) fn is_resume_due(&self) -> bool {
        self.space.is_resume_due()
    }

    #[cfg(unix)]
    pub(super) fn descriptor(&self) -> Result<std::os::fd::BorrowedFd<'_>, Error> {
        let during = |error| Error::Io("cannot make an event queue".to_owned(), error);
        let signal = match self.signal.get() {
            Some(signal) => signal,
            None => {
                let made = self.mailbox.signal().map_err(during)?;
                self.signal.get_or_init(|| made)
            }
        };
        Ok(signal.descriptor())
    }

    /// The roster's lock is held over the command, against the rule for locks: the socket's end,
    /// which another thread may bring at this moment, must come either wholly before or after. The
    /// hub, whose locks are taken meanwhile, never calls an application.
    pub(super) fn accept(
        &self,
        engine: &Engine,
        batch: &mut Batch<'_>,
        key: SocketKey,
    ) -> Result<(), Gone> {
        let mut roster = self.roster(key.shard()).ok_or(Gone)?;
        let (conn, socket) = roster.asking(key).ok_or(Gone)?;
        // Held until the socket is in it: one that comes with its first socket may go with its last.
        let known = engine.hub().lookup(&socket.namespace);
        let made = || engine.hub().register_transient(&socket.namespace);
        let held = known.unwrap_or_else(made);
        let namespace = held.id();
        roster.admit(key, namespace);
        batch.execute(Command::Accept {
            socket: SocketRef { conn, namespace },
            sid: Arc::clone(&socket.sid),
        });
        Ok(())
    }

    pub(super) fn refuse(&self, key: SocketKey) -> Option<(ConnId, Arc<SocketIdentity>)> {
        let mut roster = self.roster(key.shard())?;
        let asking = roster.asking(key)?;
        roster.remove(key);
        Some(asking)
    }

    /// As [`EventQueue::accept`] about the lock.
    pub(super) fn disconnect(
        &self,
        engine: &Engine,
        batch: &mut Batch<'_>,
        key: SocketKey,
    ) -> Result<(), Gone> {
        let mut roster = self.roster(key.shard()).ok_or(Gone)?;
        let socket = roster.client(key).ok_or(Gone)?;
        if let Some(member) = roster.remove(key) {
            self.part(engine, socket.conn, member, BY_SERVER);
        }
        batch.execute(Command::Disconnect { socket });
        drop(roster);
        self.announce();
        Ok(())
    }

    /// As [`EventQueue::accept`] about the lock.
    pub(super) fn close_connection(
        &self,
        engine: &Engine,
        batch: &mut Batch<'_>,
        key: SocketKey,
    ) -> Result<(), Gone> {
        let mut roster = self.roster(key.shard()).ok_or(Gone)?;
        let conn = roster.client(key).ok_or(Gone)?.conn;
        for member in roster.remove_connection(conn.slot) {
            if let Some(namespace) = member.namespace {
                self.part(engine, conn, member, BY_SERVER);
                batch.execute(Command::Disconnect {
                    socket: SocketRef { conn, namespace },
                });
            }
        }
        batch.execute(Command::Close {
            conn,
            discard: false,
        });
        drop(roster);
        self.announce();
        Ok(())
    }

    pub(super) fn find(&self, key: SocketKey) -> Option<SocketRef> {
        self.roster(key.shard())?.socket(key)
    }

    /// As [`EventQueue::find`], but no plain WebSocket.
    pub(super) fn client(&self, key: SocketKey) -> Option<SocketRef> {
        self.roster(key.shard())?.client(key)
    }

    pub(super) fn websocket(&self, key: SocketKey) -> Option<(ConnId, Arc<Gauge>)> {
        self.roster(key.shard())?.websocket(key)
    }

    pub(super) fn desk(&self) -> &Desk {
        &self.desk
    }

    pub(super) fn open_prefix(&self, prefix: &str) {
        self.prefixes.write().push(prefix.into());
    }

    /// Whether clients may ask for a namespace of that name that is not there.
    fn may_be_made(&self, name: &str) -> bool {
        let prefixes = self.prefixes.read();
        prefixes.iter().any(|prefix| name.starts_with(&**prefix))
    }

    pub(super) fn paths(&self) -> &Paths {
        &self.paths
    }

    pub(super) fn streams(&self) -> &Arc<Streams> {
        &self.streams
    }

    pub(super) fn identity(&self, key: SocketKey) -> Option<Arc<SocketIdentity>> {
        let known = self.roster(key.shard())?.identity(key);
        known.or_else(|| self.streams.identity(key))
    }

    pub(super) fn key_of(&self, socket: SocketRef) -> Option<SocketKey> {
        let roster = self.roster(socket.conn.shard)?;
        Some(roster.find(socket)?.key)
    }

    pub(super) fn expect_ack(&self, key: SocketKey, id: u64) -> Option<SocketRef> {
        self.roster(key.shard())?.expect_ack(key, id)
    }

    /// Nothing for a shard that the engine does not have, as a key made up by the caller may name.
    pub(super) fn roster(&self, shard: u8) -> Option<MutexGuard<'_, Roster>> {
        Some(self.rosters.get(usize::from(shard))?.lock())
    }

    /// Queues the end of a socket, which is still in its rooms.
    fn part(&self, engine: &Engine, conn: ConnId, member: Member, why: Why<'_>) {
        let namespace = member.namespace.and_then(|id| engine.hub().namespace(id));
        self.push(PulledEvent::Disconnect {
            socket: member.socket,
            reason: why.reason,
            description: why.description.map(Into::into),
            rooms: namespace.map_or_else(Vec::new, |namespace| namespace.rooms_of(conn)),
        });
    }

    /// Whether it is not full.
    pub(super) fn has_space(&self) -> bool {
        self.space.is_left()
    }

    pub(super) fn push(&self, event: PulledEvent) {
        self.space.take(event.size());
        self.mailbox.put(event);
    }

    pub(super) fn push_ending(&self, ending: Ending) {
        self.mailbox.put_ending(ending);
    }

    /// Lets the application know of what this thread has pushed.
    pub(super) fn announce(&self) {
        self.mailbox.announce();
    }
}

impl Application for EventQueue {
    fn handle(&self, engine: &Engine, event: Event<'_>) {
        let is_connections = matches!(event, Event::Open { .. } | Event::Close { .. });
        if self.protocol == Protocol::EngineIo && is_connections {
            return self.handle_raw(event);
        }
        match event {
            Event::ServerSideEmit { .. }
            | Event::ServerAnswers { .. }
            | Event::Sockets { .. }
            | Event::ServerCount { .. }
            | Event::SocketsAsked { .. }
            | Event::JoinAsked { .. }
            | Event::LeaveAsked { .. }
            | Event::Bus(_)
            | Event::DisconnectAsked { .. } => self.handle_cluster(engine, event),
            Event::Message {
                socket,
                ack,
                data,
                attachments,
            } => {
                let roster = self.roster(socket.conn.shard);
                if let Some(found) = roster.as_ref().and_then(|roster| roster.find(socket)) {
                    let mut owned = String::with_capacity(data.len() + 1);
                    owned.push_str(&data);
                    self.push(PulledEvent::Message {
                        socket: Arc::clone(found),
                        ack,
                        data: owned,
                        attachments,
                    });
                }
            }
            Event::Ack {
                socket,
                id,
                data,
                attachments,
            } => {
                let mut roster = self.roster(socket.conn.shard);
                let asked = roster.as_mut().and_then(|r| r.settle_ack(socket, id));
                if let Some(socket) = asked {
                    self.push(PulledEvent::Ack {
                        socket,
                        id,
                        data: data.into(),
                        attachments,
                    });
                }
            }
            Event::BroadcastAnswer {
                namespace,
                conn,
                id,
                data,
                attachments,
            } => {
                let socket = conn.map(|conn| {
                    let roster = self.roster(conn.shard)?;
                    roster.find(SocketRef { conn, namespace }).map(Arc::clone)
                });
                let is_gone = matches!(socket, Some(None));
                let namespace = engine.hub().namespace(namespace);
                if let Some(namespace) = namespace.filter(|_| !is_gone) {
                    self.push(PulledEvent::BroadcastAnswer {
                        namespace: namespace.name().into(),
                        socket: socket.flatten(),
                        id,
                        data: data.into(),
                        attachments,
                    });
                }
            }
            Event::AckTimeout { socket, id } => {
                let mut roster = self.roster(socket.conn.shard);
                let asked = roster.as_mut().and_then(|r| r.settle_ack(socket, id));
                if let Some(socket) = asked {
                    self.push(PulledEvent::AckTimeout { socket, id });
                }
            }
            Event::BroadcastAck {
                namespace,
                id,
                outcome,
            } => {
                if let Some(namespace) = engine.hub().namespace(namespace) {
                    self.push(PulledEvent::BroadcastAck {
                        namespace: namespace.name().into(),
                        id,
                        outcome,
                    });
                }
            }
            Event::Connect {
                conn,
                namespace,
                sid,
                auth,
                recovered,
                kept,
            } => {
                let known = engine.hub().lookup(namespace);
                if known.is_none() && !self.may_be_made(namespace) {
                    engine.execute(Command::Refuse {
                        conn,
                        namespace,
                        error: INVALID_NAMESPACE,
                    });
                    return;
                }
                if let Some(mut roster) = self.roster(conn.shard) {
                    let socket = roster.ask(conn.slot, namespace.into(), sid);
                    let auth: Option<Box<str>> = auth.map(Into::into);
                    if self.is_in_cluster {
                        roster.keep_auth(socket.key, auth.clone());
                    }
                    let handshake = roster.handshake_of(conn.slot);
                    self.push(PulledEvent::Connect {
                        socket,
                        auth,
                        recovered,
                        kept,
                        handshake,
                    });
                }
            }
            Event::Leave { socket } => {
                if let Some(mut roster) = self.roster(socket.conn.shard)
                    && let Some(key) = roster.find(socket).map(|found| found.key)
                    && let Some(member) = roster.remove(key)
                {
                    self.part(engine, socket.conn, member, BY_CLIENT);
                }
            }
            Event::Close {
                conn,
                reason,
                description,
                namespaces: _,
            } => {
                let why = Why {
                    reason,
                    description,
                };
                if let Some(mut roster) = self.roster(conn.shard) {
                    let members = roster.remove_connection(conn.slot);
                    roster.close(conn.slot);
                    for member in members.into_iter().filter(|m| m.namespace.is_some()) {
                        self.part(engine, conn, member, why);
                    }
                }
            }
            Event::Closed => {
                self.streams.part_all(self);
                self.push(PulledEvent::Closed);
            }
            Event::Open {
                conn, handshake, ..
            } => {
                if let (Some(mut roster), Some(handshake)) = (self.roster(conn.shard), handshake) {
                    roster.open(conn.slot, Arc::clone(handshake));
                }
            }
            Event::Upgraded { .. } | Event::Raw { .. } | Event::Sent { .. }
                if self.protocol == Protocol::EngineIo =>
            {
                self.handle_raw(event);
            }
            // Of no concern to somebody who knows sockets, not connections.
            Event::Probed { .. }
            | Event::Upgraded { .. }
            | Event::Raw { .. }
            | Event::Sent { .. }
            | Event::Heartbeat { .. }
            | Event::Ping { .. } => {}
            // Only for applications that bring requests or streams themselves.
            Event::Answer { .. }
            | Event::FeedWrite { .. }
            | Event::FeedEnd { .. }
            | Event::Forget { .. } => {}
            Event::WebSocket { conn, event } => self.handle_websocket(engine, conn, event),
        }
    }

    fn is_ready(&self) -> bool {
        self.space.is_left()
    }

    fn flush(&self) {
        self.announce();
    }

    /// They are told apart and found like other sockets.
    fn names_websockets(&self) -> bool {
        true
    }

    fn reception(&self) -> Option<&dyn Reception> {
        Some(self)
    }

    fn profile(&self, socket: SocketRef) -> Option<Profile> {
        let roster = self.roster(socket.conn.shard)?;
        Some(Profile {
            auth: roster.auth_of(socket)?,
            handshake: roster.handshake_of(socket.conn.slot),
        })
    }
}

/// Why a socket ends.
#[derive(Clone, Copy, Debug)]
struct Why<'a> {
    reason: DisconnectReason,
    description: Option<&'a str>,
}

const BY_SERVER: Why<'static> = Why {
    reason: DisconnectReason::ServerNamespaceDisconnect,
    description: None,
};

const BY_CLIENT: Why<'static> = Why {
    reason: DisconnectReason::ClientNamespaceDisconnect,
    description: None,
};

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(max_pending_events: usize) -> Arc<EventQueue> {
        EventQueue::new(
            &Config {
                max_pending_events,
                shards: 1,
                ..Config::default()
            },
            false,
        )
    }

    fn timeout(id: u64) -> PulledEvent {
        let socket = SocketIdentity {
            key: SocketKey(1),
            sid: "sid".into(),
            namespace: "/".into(),
            user_data: Default::default(),
        };
        PulledEvent::AckTimeout {
            socket: Arc::new(socket),
            id,
        }
    }

    fn take(queue: &EventQueue, most: usize) -> Result<Vec<PulledEvent>, Error> {
        let mut events = Vec::new();
        queue.take(&mut events, most, Some(Duration::ZERO), |_| {})?;
        Ok(events)
    }

    #[test]
    fn is_not_ready_while_full_and_asks_for_one_resume() {
        let queue = queue(2);
        queue.push(timeout(1));
        assert!(queue.is_ready());
        queue.push(timeout(2));
        queue.push(timeout(3));
        assert!(!queue.is_ready());
        assert_eq!(take(&queue, 1).unwrap().len(), 1);
        assert!(!queue.is_resume_due());
        assert_eq!(take(&queue, 9).unwrap().len(), 2);
        assert!(queue.is_resume_due());
        assert!(!queue.is_resume_due());
        assert!(queue.is_ready());
    }

    #[test]
    fn everybody_learns_of_the_end_after_the_last_event() {
        let queue = queue(9);
        queue.push(timeout(1));
        queue.push(PulledEvent::Closed);
        let events = take(&queue, 9).unwrap();
        assert!(matches!(
            events[..],
            [PulledEvent::AckTimeout { id: 1, .. }, PulledEvent::Closed]
        ));
        for _ in 0..2 {
            assert!(matches!(take(&queue, 9), Err(Error::Closed)));
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_descriptor_is_readable_exactly_while_events_wait() {
        use std::io::{ErrorKind, Read};
        use std::os::unix::net::UnixStream;

        let queue = queue(9);
        queue.push(timeout(1));
        let watched = queue.descriptor().unwrap().try_clone_to_owned().unwrap();
        let mut watched = UnixStream::from(watched);
        queue.push(timeout(2));
        assert_eq!(take(&queue, 1).unwrap().len(), 1);
        assert_eq!(take(&queue, 1).unwrap().len(), 1);
        let error = watched.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        queue.push(timeout(3));
        queue.announce();
        assert_eq!(watched.read(&mut [0, 0]).unwrap(), 1);
    }

    #[test]
    fn a_key_that_was_made_up_finds_nothing() {
        let queue = queue(9);
        for key in [0, 1, 255, u64::MAX] {
            assert_eq!(queue.find(SocketKey(key)), None);
            assert!(queue.refuse(SocketKey(key)).is_none());
        }
    }
}
