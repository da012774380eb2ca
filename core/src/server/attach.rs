//! How a connection comes to be: a WebSocket, or a stream of WebTransport, is taken on, as a new
//! connection or as the candidate for an upgrade, or a polling client begins a session.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::Refusal;
use super::addresses::{Address, Share};
use super::connection::Connection;
use super::driver::{CLOSE_ANSWER_TIMEOUT, feed_writer};
use super::incoming::{Peer, deliver};
use super::reader::spawn_reader;
use super::shard::{Shard, Timer};
use super::task::{Attach, Opening};
use crate::config::{Protocol, TransportKind};
use crate::embed::{Event, RequestId};
use crate::hub::{Slot, new_sid};
use crate::proto::engine::Revision;
use crate::proto::websocket::{Frame, Role};
use crate::session::{self, Session};
use crate::trace::tell;
use crate::transport::{Cork, Link, LinkId, Outlet, Stream};

impl Shard {
    /// Takes on a WebSocket: a new connection, or the candidate for an upgrade.
    pub(super) fn attach(&mut self, attach: Attach, shard: &Rc<RefCell<Shard>>) {
        let Attach {
            kind,
            request,
            mut stream,
            mut answer,
            head,
            upgrade_of,
            handshake,
            dialect,
            deflate,
            sid,
            address,
        } = attach;
        let welcome = match upgrade_of {
            Some(slot) => self.is_candidate_welcome(slot, kind).then_some(None),
            None => self.may_open(sid.as_ref(), address).ok(),
        };
        let Some(share) = welcome else {
            self.turn_away(request, stream, &answer);
            return;
        };
        let id = LinkId(self.next_link);
        self.next_link = self.next_link.wrapping_add(1);
        if dialect.revision == Revision::V3 {
            stream.write_ahead(&mut answer);
        }
        let (outlet, reader) = match stream.adopt() {
            Ok(None) => (Outlet::Feed { unwritten: 0 }, None),
            Ok(Some(wire)) => {
                let (reader, outlet) = wire.split();
                (outlet, Some(reader))
            }
            Err(_) => {
                if let (None, Some(sid)) = (upgrade_of, sid) {
                    self.engine.shared.registry.remove(&sid);
                }
                self.tell(Event::Forget { request });
                return;
            }
        };
        let mut link = match kind {
            TransportKind::WebTransport => Link::of_records(id, request, outlet),
            _ => Link::new(id, request, outlet, Role::Server, deflate),
        };
        // What leaves with the first packet, in one write.
        let mut beginning = &answer[..];
        if upgrade_of.is_some() || dialect.revision == Revision::V3 {
            self.write_now(&mut link, beginning);
            beginning = &[];
        }
        let slot = match upgrade_of {
            Some(slot) => {
                if let Some(connection) = self.connections.get_mut(slot) {
                    connection.probe = Some(Box::new(link));
                    connection.probe_binary = dialect.binary;
                }
                self.touch(slot);
                slot
            }
            None => {
                let slot = self.open(Opening {
                    request,
                    transport: kind,
                    link: Some(link),
                    dialect,
                    handshake,
                    sid,
                    share,
                });
                if !beginning.is_empty() {
                    self.flush_behind(slot, beginning);
                }
                self.enter_root(slot);
                slot
            }
        };
        if reader.is_none() {
            self.feeds.insert(request, (slot, id));
        }
        for chunk in head.chunks(self.buffer.len()) {
            self.buffer[..chunk.len()].copy_from_slice(chunk);
            self.handle_bytes(slot, id, chunk.len());
        }
        if let Some(stream) = reader {
            spawn_reader(shard, slot, id, stream);
        }
    }

    /// Opens a connection that [`Shard::may_open`].
    pub(super) fn open(&mut self, opening: Opening) -> Slot {
        let Opening {
            request,
            transport,
            link,
            dialect,
            handshake,
            sid,
            share,
        } = opening;
        let sid = sid.unwrap_or_else(new_sid);
        if let Some(handshake) = &handshake {
            handshake.set_sid(Arc::clone(&sid));
        }
        let settings = Arc::clone(&self.engine.shared.settings);
        let revision = dialect.revision;
        let opening = session::Opening {
            sid: &sid,
            transport,
            revision,
            offers_webtransport: self.engine.offers_webtransport(),
        };
        let mut session = Session::open(opening, settings, self.now);
        if let Some(share) = share {
            session.share(share);
        }
        let connect_deadline = match self.engine.config().protocol {
            Protocol::SocketIo => self.now.checked_add(self.engine.config().connect_timeout),
            Protocol::EngineIo => None,
        };
        let mut connection = Connection::new(Arc::clone(&sid), dialect, session, connect_deadline);
        connection.link = link;
        let slot = self.connections.insert(connection);
        let conn = self.conn_id(slot);
        self.engine
            .shared
            .registry
            .insert(Arc::clone(&sid), conn, revision);
        self.handle().counters.opened.increment();
        tell!(
            debug,
            sid = &*sid,
            transport = transport.as_str(),
            "connection opened"
        );
        self.tell(Event::Open {
            conn,
            request,
            sid: &sid,
            transport,
            handshake: handshake.as_ref(),
            revision,
        });
        self.send_initial_packet(slot);
        match (revision, transport) {
            (Revision::V3, TransportKind::WebSocket) => self.touch_later(slot),
            _ => self.touch(slot),
        }
        slot
    }

    /// The first packet leaves a moment after the answer to the upgrade. Clients of protocol 3 that
    /// begin to listen when they are told that the WebSocket is open would miss what came with the
    /// answer in one read; from engine.io it never does. The others are answered once the runtime
    /// has the stream: the primary process of a Node cluster reads on from a connection that it hands
    /// over, and swallows what a client says too soon.
    fn touch_later(&mut self, slot: Slot) {
        let at = self.now + FIRST_PACKET_DELAY;
        if let Some(connection) = self.connections.get_mut(slot) {
            connection.wakes_at = Some(self.timers.set(at, Timer::Connection(slot)));
        }
    }

    /// A client of Socket.IO 2 is in `/` without asking, if the application lets it in.
    pub(super) fn enter_root(&mut self, slot: Slot) {
        if self.engine.config().protocol != Protocol::SocketIo {
            return;
        }
        let (conn, now) = (self.conn_id(slot), self.now);
        let Some(Connection {
            sid,
            session,
            client,
            ..
        }) = self.connections.get_mut(slot)
        else {
            return;
        };
        if let Some(incoming) = client.open() {
            let peer = Peer {
                conn,
                sid,
                session,
                client,
            };
            // There was no packet that could be wrong.
            let _ = deliver(&self.engine, peer, Ok(incoming), now);
        }
    }

    /// Whether one more connection may open; an id that was chosen for it is then claimed, and what
    /// it shares with the others of its address is given. The check of a request comes earlier: of a
    /// rush of handshakes many have been let through before the first of them is here.
    ///
    /// # Errors
    /// The refusal that the client is to be told.
    pub(super) fn may_open(
        &self,
        chosen: Option<&Arc<str>>,
        address: Option<Address>,
    ) -> Result<Option<Share>, Refusal> {
        let limit = self.engine.config().max_connections;
        let is_full = limit.is_some_and(|limit| self.engine.counters().connections >= limit as u64);
        if is_full || self.is_stopping() {
            self.handle().counters.refused.increment_shared();
            tell!(warn, connections = limit, "connection refused");
            return Err(Refusal::TooManyConnections);
        }
        let share = self.engine.enter(address, self.now)?;
        let is_free = chosen.is_none_or(|sid| {
            let registry = &self.engine.shared.registry;
            !sid.is_empty() && registry.claim(Arc::clone(sid), self.conn_id(Slot::NONE))
        });
        if is_free {
            Ok(share)
        } else {
            Err(Refusal::BadRequest)
        }
    }

    /// Whether the session takes a candidate now; if so it is probing from then on.
    fn is_candidate_welcome(&mut self, slot: Slot, kind: TransportKind) -> bool {
        let now = self.now;
        self.connections.get_mut(slot).is_some_and(|connection| {
            connection.probe.is_none() && connection.session.handle_candidate(kind, now).is_ok()
        })
    }

    /// Gives a WebSocket that nobody wants its answer and an empty close frame.
    pub(super) fn turn_away(&mut self, request: RequestId, stream: Stream, answer: &[u8]) {
        let farewell = [answer, Frame::close(None, "").as_bytes()].concat();
        self.tell(Event::Forget { request });
        match stream.adopt() {
            Ok(Some(wire)) => {
                let farewell = wire.say_farewell(farewell);
                tokio::task::spawn_local(tokio::time::timeout(CLOSE_ANSWER_TIMEOUT, farewell));
            }
            Err(_) => {}
            Ok(None) => {
                self.tell(Event::FeedWrite {
                    request,
                    bytes: &farewell,
                });
                self.tell(Event::FeedEnd {
                    request,
                    discard: false,
                });
            }
        }
    }

    /// Writes bytes that are no frames, then what is queued for the connection.
    fn flush_behind(&mut self, slot: Slot, beginning: &[u8]) {
        // Nothing gathers there between two flushes.
        debug_assert!(self.cork.is_empty());
        self.cork.extend_from_slice(beginning);
        self.flush(slot);
    }

    /// Writes bytes of a link that belongs to no connection yet, or never will.
    pub(super) fn write_now(&mut self, link: &mut Link, bytes: &[u8]) {
        let engine = self.engine.clone();
        let mut feed = feed_writer(&engine);
        let mut cork = Cork {
            buffer: &mut self.cork,
            feed: &mut feed,
        };
        link.write_raw(bytes, &mut cork);
        link.flush(&mut cork);
    }
}

const FIRST_PACKET_DELAY: Duration = Duration::from_millis(1);
