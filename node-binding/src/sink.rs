//! Gathers the engine's events for JavaScript: each is written as text where it happens, on its
//! shard's thread; the JavaScript thread takes all that has gathered at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use sori::embed::{
    Answer, BroadcastAck, ConnId, Event, NamespaceId, Raw, RequestId, Revision, SocketRef,
};
use sori::hub::Namespace;
use sori::proto::cluster::sockets_json;
use sori::server::{Application, Engine};

use crate::cluster;
use crate::names::Names;
use crate::placeholders::renumber;
use crate::record::{Kind, Record};

/// Most bytes that may wait for JavaScript before the engine stops reading.
const MOST_WAITING_BYTES: usize = 16 * 1024 * 1024;

/// Wakes the JavaScript thread.
pub(crate) type Wake = Box<dyn Fn() + Send + Sync>;

/// The engine's application, as far as its threads see it.
pub(crate) struct Sink {
    state: Mutex<State>,
    /// Records that wait and their bytes, for a look without the lock. They change under it.
    waiting: AtomicUsize,
    waiting_bytes: AtomicUsize,
    most_waiting: usize,
    /// Whether JavaScript has been woken for what waits.
    is_woken: AtomicBool,
    wake: OnceLock<Wake>,
    /// Namespaces of whose rooms JavaScript wants to know who comes and goes.
    watched: RwLock<HashSet<NamespaceId>>,
}

#[derive(Debug, Default)]
struct State {
    batch: Batch,
    names: Names,
    /// Rooms that sockets were in when they ended, until JavaScript has been told.
    parting: HashMap<(u32, u32), Vec<Arc<str>>>,
    told: Vec<(u32, u32)>,
}

/// Everything that gathered since the last batch.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// JSON: an array of records, without its last bracket.
    pub(crate) text: Vec<u8>,
    /// What the records speak of that is not text, one after another.
    pub(crate) bytes: Vec<u8>,
    /// Connections that JavaScript did not know before.
    pub(crate) opened: Vec<(u32, ConnId)>,
    /// Connections that are over with this batch.
    pub(crate) closed: Vec<u32>,
    /// Requests that are answered by it.
    pub(crate) answered: Vec<u64>,
    records: usize,
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink")
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}

impl Sink {
    pub(crate) fn new(most_waiting: usize) -> Sink {
        Sink {
            state: Mutex::default(),
            waiting: AtomicUsize::new(0),
            waiting_bytes: AtomicUsize::new(0),
            most_waiting,
            is_woken: AtomicBool::new(false),
            wake: OnceLock::new(),
            watched: RwLock::default(),
        }
    }

    /// Says how the JavaScript thread is woken.
    pub(crate) fn set_wake(&self, wake: Wake) {
        // Set once, right after the sink is made; the cluster's bus may have told something already.
        let _ = self.wake.set(wake);
        self.is_woken.store(false, Ordering::SeqCst);
        self.flush();
    }

    /// Takes all that has gathered. `freed` are the names that JavaScript uses no more.
    pub(crate) fn take(&self, engine: &Engine, freed: &[u32]) -> Batch {
        self.is_woken.store(false, Ordering::SeqCst);
        let mut state = self.state.lock();
        state.names.free(freed);
        for socket in std::mem::take(&mut state.told) {
            state.parting.remove(&socket);
        }
        state.told = state.parting.keys().copied().collect();
        let batch = std::mem::take(&mut state.batch);
        let was_full = !self.is_ready();
        self.waiting.store(0, Ordering::Relaxed);
        self.waiting_bytes.store(0, Ordering::Relaxed);
        drop(state);
        if was_full {
            engine.resume();
        }
        batch
    }

    /// The rooms a socket was in when it ended, while JavaScript is being told of its end.
    pub(crate) fn parting_rooms(&self, conn: u32, namespace: u32) -> Option<Vec<Arc<str>>> {
        self.state.lock().parting.get(&(conn, namespace)).cloned()
    }

    /// JavaScript changed the rooms of a socket. If the socket has ended and JavaScript was not told
    /// yet, its last listeners see the change all the same.
    pub(crate) fn change_parting_rooms(
        &self,
        conn: u32,
        namespace: u32,
        change: impl FnOnce(&mut Vec<Arc<str>>),
    ) {
        if self.waiting.load(Ordering::Relaxed) > 0
            && let Some(rooms) = self.state.lock().parting.get_mut(&(conn, namespace))
        {
            change(rooms);
        }
    }

    /// The name JavaScript knows a connection by.
    pub(crate) fn name_of(&self, conn: ConnId) -> Option<u32> {
        self.state.lock().names.known(conn)
    }

    /// From now on, JavaScript watches the rooms of a namespace, or no more.
    pub(crate) fn watch_rooms(&self, namespace: NamespaceId, is_watched: bool) {
        let mut watched = self.watched.write();
        match is_watched {
            true => watched.insert(namespace),
            false => watched.remove(&namespace),
        };
    }

    /// Bytes for what a request brought, which JavaScript writes.
    pub(crate) fn feed_write(&self, request: RequestId, bytes: &[u8]) {
        self.write(|state| {
            let record = Record::new(&mut state.batch.text, Kind::Feed);
            record.number(request.0).number(bytes.len() as u64);
            state.batch.bytes.extend_from_slice(bytes);
        });
    }

    /// So many bytes of a session have been read.
    pub(crate) fn feed_read(&self, request: RequestId, bytes: usize) {
        self.write(|state| {
            let record = Record::new(&mut state.batch.text, Kind::FeedRead);
            record.number(request.0).number(bytes as u64);
        });
    }

    /// Nothing more is written to what a request brought.
    pub(crate) fn feed_end(&self, request: RequestId, is_discarded: bool) {
        self.write(|state| {
            let record = Record::new(&mut state.batch.text, Kind::FeedEnd);
            record.number(request.0).number(is_discarded.into());
        });
    }

    fn write(&self, work: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        work(&mut state);
        state.batch.records += 1;
        let Batch {
            records,
            text,
            bytes,
            ..
        } = &state.batch;
        self.waiting.store(*records, Ordering::Relaxed);
        self.waiting_bytes
            .store(text.len() + bytes.len(), Ordering::Relaxed);
    }
}

impl Application for Sink {
    fn handle(&self, engine: &Engine, event: Event<'_>) {
        match event {
            Event::Message {
                socket,
                ack,
                data,
                attachments,
            } => self.write(|state| {
                let State {
                    batch: Batch { text, bytes, .. },
                    names,
                    ..
                } = state;
                let kind = if attachments.is_empty() {
                    Kind::Event
                } else {
                    Kind::BinaryEvent
                };
                let record = Record::new(text, kind)
                    .number(names.of(socket.conn).into())
                    .number(socket.namespace.0.into())
                    .number_or_none(ack)
                    .json(&data);
                finish(record, &attachments, bytes);
            }),
            Event::Ack {
                socket,
                id,
                data,
                attachments,
            } => self.write(|state| {
                let State {
                    batch: Batch { text, bytes, .. },
                    names,
                    ..
                } = state;
                let kind = if attachments.is_empty() {
                    Kind::Ack
                } else {
                    Kind::BinaryAck
                };
                let record = Record::new(text, kind)
                    .number(names.of(socket.conn).into())
                    .number(socket.namespace.0.into())
                    .number(id)
                    .json(&data);
                finish(record, &attachments, bytes);
            }),
            Event::Open {
                conn,
                request,
                sid,
                transport,
                handshake: _,
                revision,
            } => self.write(|state| {
                let name = state.names.give(conn);
                state.batch.opened.push((name, conn));
                Record::new(&mut state.batch.text, Kind::Open)
                    .number(name.into())
                    .number(request.0)
                    .string(sid)
                    .number(transport as u64)
                    .number(match revision {
                        Revision::V3 => 3,
                        Revision::V4 => 4,
                    });
            }),
            Event::Connect {
                conn,
                namespace,
                sid,
                auth,
                recovered,
                kept,
            } => self.write(|state| {
                let name = state.names.of(conn);
                Record::new(&mut state.batch.text, Kind::Join)
                    .number(name.into())
                    .string(namespace)
                    .string(&sid)
                    .json(auth.unwrap_or("null"))
                    .number(recovered.into())
                    .json(kept.as_deref().unwrap_or("null"));
            }),
            Event::Raw { conn, message } => self.write(|state| state.raw(conn, message)),
            Event::Sent { conn, token } => self.write(|state| {
                let name = state.names.of(conn);
                let record = Record::new(&mut state.batch.text, Kind::Sent);
                record.number(name.into()).number(token);
            }),
            Event::Heartbeat { conn } => self.write(|state| {
                let name = state.names.of(conn);
                Record::new(&mut state.batch.text, Kind::Heartbeat).number(name.into());
            }),
            Event::Ping { conn } => self.write(|state| {
                let name = state.names.of(conn);
                Record::new(&mut state.batch.text, Kind::Ping).number(name.into());
            }),
            Event::AckTimeout { socket, id } => self.write(|state| {
                let (text, conn) = state.socket(socket);
                Record::new(text, Kind::AckTimeout)
                    .number(conn)
                    .number(socket.namespace.0.into())
                    .number(id);
            }),
            Event::BroadcastAnswer {
                namespace,
                conn,
                id,
                data,
                attachments,
            } => self.write(|state| {
                let State { batch, names, .. } = state;
                let Batch { text, bytes, .. } = batch;
                let record = Record::new(text, Kind::BroadcastAnswer)
                    .number_or_none(conn.map(|conn| names.of(conn).into()))
                    .number(namespace.0.into())
                    .number(id)
                    .json(&data)
                    .lengths(attachments.iter());
                drop(record);
                attachments
                    .iter()
                    .for_each(|part| bytes.extend_from_slice(part));
            }),
            Event::BroadcastAck { id, outcome, .. } => {
                self.write(|state| state.broadcast_ack(id, &outcome));
            }
            Event::Leave { socket } => self.write(|state| {
                if let Some(namespace) = engine.hub().namespace(socket.namespace) {
                    state.part(socket.conn, &namespace);
                }
                let (text, conn) = state.socket(socket);
                Record::new(text, Kind::Leave)
                    .number(conn)
                    .number(socket.namespace.0.into());
            }),
            Event::Close {
                conn,
                reason,
                description,
                namespaces,
            } => self.write(|state| {
                for namespace in namespaces {
                    state.part(conn, namespace);
                }
                let name = state.names.of(conn);
                state.batch.closed.push(name);
                Record::new(&mut state.batch.text, Kind::Close)
                    .number(name.into())
                    .string(reason.as_str())
                    .string_or_null(description);
            }),
            Event::Probed { conn } => self.write(|state| {
                let name = state.names.of(conn);
                Record::new(&mut state.batch.text, Kind::Probed).number(name.into());
            }),
            Event::Upgraded { conn, request, .. } => self.write(|state| {
                let name = state.names.of(conn);
                let record = Record::new(&mut state.batch.text, Kind::Upgraded);
                record.number(name.into()).number(request.0);
            }),
            Event::Answer { request, answer } => self.write(|state| state.answer(request, &answer)),
            Event::FeedWrite { request, bytes } => self.feed_write(request, bytes),
            Event::FeedEnd { request, discard } => self.feed_end(request, discard),
            Event::Forget { request } => self.write(|state| {
                Record::new(&mut state.batch.text, Kind::Forget).number(request.0);
            }),
            // The bus cannot be told to wait: what JavaScript has no room for is dropped.
            Event::ServerSideEmit { .. } | Event::SocketsAsked { .. } if !self.is_ready() => {}
            Event::ServerSideEmit {
                namespace,
                ticket,
                data,
                attachments,
            } => self.write(|state| {
                let Batch { text, bytes, .. } = &mut state.batch;
                let record = Record::new(text, Kind::ServerEvent).number(namespace.0.into());
                let record = cluster::ticket(record, ticket.as_ref()).json(&data);
                record.lengths(attachments.iter());
                attachments
                    .iter()
                    .for_each(|part| bytes.extend_from_slice(part));
            }),
            Event::ServerAnswers { id, outcome, .. } => {
                self.write(|state| state.broadcast_ack(id, &outcome));
            }
            Event::Sockets {
                id,
                sockets,
                timed_out,
                ..
            } => self.write(|state| {
                let (json, attachments) = sockets_json(&sockets);
                let Batch { text, bytes, .. } = &mut state.batch;
                let record = Record::new(text, Kind::Sockets).number(id).json(&json);
                record.number(timed_out.into()).lengths(attachments.iter());
                attachments
                    .iter()
                    .for_each(|part| bytes.extend_from_slice(part));
            }),
            Event::ServerCount { id, servers, .. } => self.write(|state| {
                let record = Record::new(&mut state.batch.text, Kind::ServerCount).number(id);
                record.number_or_none(servers.map(|servers| servers as u64));
            }),
            Event::SocketsAsked {
                namespace,
                ticket,
                sockets,
            } => self.write(|state| {
                let State { batch, names, .. } = state;
                let conns = sockets.iter().filter_map(|socket| names.known(socket.conn));
                let record = Record::new(&mut batch.text, Kind::SocketsAsked);
                let record = cluster::ticket(record.number(namespace.0.into()), Some(&ticket));
                record.numbers(conns.map(u64::from));
            }),
            Event::JoinAsked { socket, rooms } => {
                self.write(|state| state.rooms_asked(Kind::JoinAsked, socket, rooms));
            }
            Event::LeaveAsked { socket, rooms } => {
                self.write(|state| state.rooms_asked(Kind::LeaveAsked, socket, rooms));
            }
            Event::Bus(state) => {
                let reason = state.err();
                self.write(|state| {
                    Record::new(&mut state.batch.text, Kind::Bus).string_or_null(reason);
                });
            }
            Event::DisconnectAsked { socket, close } => self.write(|state| {
                let (text, conn) = state.socket(socket);
                Record::new(text, Kind::DisconnectAsked)
                    .number(conn)
                    .number(socket.namespace.0.into())
                    .number(close.into());
            }),
            Event::Closed => self.write(|state| {
                Record::new(&mut state.batch.text, Kind::Closed);
            }),
            Event::WebSocket { .. } => {}
        }
    }

    fn flush(&self) {
        if self.waiting.load(Ordering::Relaxed) > 0
            && !self.is_woken.swap(true, Ordering::SeqCst)
            && let Some(wake) = self.wake.get()
        {
            wake();
        }
    }

    /// What `socket.data` and `socket.handshake` are, JavaScript alone knows.
    fn describes_sockets(&self) -> bool {
        true
    }

    fn watches_rooms(&self, namespace: NamespaceId) -> bool {
        self.watched.read().contains(&namespace)
    }

    fn is_ready(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) < self.most_waiting
            && self.waiting_bytes.load(Ordering::Relaxed) < MOST_WAITING_BYTES
    }
}

impl State {
    fn socket(&mut self, socket: SocketRef) -> (&mut Vec<u8>, u64) {
        (&mut self.batch.text, self.names.of(socket.conn).into())
    }

    fn rooms_asked(&mut self, kind: Kind, socket: SocketRef, rooms: &[Box<str>]) {
        let (text, conn) = self.socket(socket);
        Record::new(text, kind)
            .number(conn)
            .number(socket.namespace.0.into())
            .strings(rooms.iter().map(|room| &**room));
    }

    /// Keeps the rooms of a socket that is about to leave them, for `disconnecting` listeners.
    fn part(&mut self, conn: ConnId, namespace: &Namespace) {
        let rooms = namespace.rooms_of(conn);
        if !rooms.is_empty() {
            self.parting
                .insert((self.names.of(conn), namespace.id().0), rooms);
        }
    }

    fn raw(&mut self, conn: ConnId, message: Raw<'_>) {
        let name = self.names.of(conn).into();
        match message {
            Raw::Text(text) => {
                let record = Record::new(&mut self.batch.text, Kind::Raw);
                record.number(name).string(text);
            }
            Raw::Binary(bytes) => {
                let record = Record::new(&mut self.batch.text, Kind::RawBinary);
                record.number(name).number(bytes.len() as u64);
                self.batch.bytes.extend_from_slice(bytes);
            }
        }
    }

    fn answer(&mut self, request: RequestId, answer: &Answer) {
        let headers = answer
            .headers
            .iter()
            .flat_map(|(name, value)| [*name, value.as_ref()]);
        self.batch.answered.push(request.0);
        let record = Record::new(&mut self.batch.text, Kind::Answer)
            .number(request.0)
            .number(answer.status.into())
            .strings(headers);
        match std::str::from_utf8(&answer.body) {
            Ok(body) => {
                record.string_or_null(Some(body).filter(|body| !body.is_empty()));
            }
            Err(_) => {
                record.number(answer.body.len() as u64);
                self.batch.bytes.extend_from_slice(&answer.body);
            }
        }
    }

    fn broadcast_ack(&mut self, id: u64, outcome: &BroadcastAck) {
        let attachments = || {
            outcome
                .responses
                .iter()
                .flat_map(|response| &response.attachments)
        };
        let is_binary = attachments().next().is_some();
        let kind = if is_binary {
            Kind::BinaryBroadcastAck
        } else {
            Kind::BroadcastAck
        };
        let mut responses = String::from("[");
        let mut first = 0;
        for (at, response) in outcome.responses.iter().enumerate() {
            if at > 0 {
                responses.push(',');
            }
            responses.push_str(&renumber(&response.data, first));
            first += response.attachments.len();
        }
        responses.push(']');
        let record = Record::new(&mut self.batch.text, kind)
            .number(id)
            .json(&responses)
            .number(outcome.timed_out.into());
        if is_binary {
            record.lengths(attachments());
            for attachment in attachments() {
                self.batch.bytes.extend_from_slice(attachment);
            }
        }
    }
}

fn finish(record: Record<'_>, attachments: &[Bytes], bytes: &mut Vec<u8>) {
    if !attachments.is_empty() {
        record.lengths(attachments.iter());
        for attachment in attachments {
            bytes.extend_from_slice(attachment);
        }
    }
}
