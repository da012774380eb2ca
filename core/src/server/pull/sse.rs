//! Server-sent events of a pull server: which paths have them, and who their clients are.
//!
//! A client is no connection of the engine's, but the answer to a request. It has a key as sockets
//! have, from numbers that no roster reaches, and user data; its rooms are those of its endpoint.

use std::collections::HashMap;
use std::future::ready;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock};

use super::event::{PulledEvent, SseEvent};
use super::queue::EventQueue;
use super::roster::{SocketIdentity, SocketKey};
use super::websocket::check_path;
use super::{Gone, PullServer};
use crate::config::EventStreamSettings;
use crate::embed::{Audience, Handshake};
use crate::error::Error;
use crate::proto::event_stream::Fields;
use crate::server::sse::{self, Endpoint};
use crate::server::{Engine, EventAdmission};
use crate::transport::EventStream;

/// Where a pull server has server-sent events, and for whom.
#[derive(Clone, Debug)]
pub struct SsePath {
    /// The path of their requests, for example `/news`.
    pub path: String,
    /// Whether the application decides about every client: [`PulledEvent::SseHandshake`] asks,
    /// [`PullServer::decide_about_sse`] answers.
    pub asks: bool,
    /// Their settings.
    pub settings: EventStreamSettings,
}

/// What the application says about a client that wants server-sent events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SseVerdict {
    /// It gets them.
    Allow {
        /// The rooms it is in from the start, of which it is also sent what it missed.
        rooms: Vec<String>,
    },
    /// It does not.
    Deny {
        /// The HTTP status: 204, after which an `EventSource` does not come back, or 400 to 599.
        status: u16,
        /// The body of the answer.
        message: String,
    },
}

/// The paths that have been opened, and the clients that are there.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// Where events go.
    queue: Weak<EventQueue>,
    paths: RwLock<Vec<Arc<Opened>>>,
    clients: Mutex<Clients>,
    count: AtomicU64,
}

#[derive(Debug, Default)]
struct Clients {
    known: HashMap<SocketKey, Client>,
    /// The application has been told of the last event.
    is_over: bool,
}

#[derive(Debug)]
struct Opened {
    /// What the application calls the clients of the path.
    name: Arc<str>,
    endpoint: Arc<Endpoint>,
    asks: bool,
}

#[derive(Clone, Debug)]
struct Client {
    socket: Arc<SocketIdentity>,
    endpoint: Arc<Endpoint>,
}

/// Before the path, in the name of its clients: no namespace has a name like it.
const PREFIX: &str = "sse:";

/// Set in the keys of all clients and in none of a roster's, whose counts do not get so far.
const MARK: u64 = 1 << 63;

impl Streams {
    pub(super) fn of(queue: &Weak<EventQueue>) -> Streams {
        Streams {
            queue: Weak::clone(queue),
            ..Streams::default()
        }
    }

    fn open(&self, engine: &Engine, wanted: SsePath) -> Result<(), Error> {
        check_path(engine, &wanted.path, "server-sent events")?;
        let mut paths = self.paths.write();
        if paths.iter().any(|it| it.endpoint.path() == wanted.path) {
            let rule = "that path has server-sent events already";
            return Err(Error::Misuse(rule.to_owned()));
        }
        paths.push(Arc::new(Opened {
            name: [PREFIX, &wanted.path].concat().into(),
            endpoint: Endpoint::new(&wanted.path, wanted.settings),
            asks: wanted.asks,
        }));
        Ok(())
    }

    fn find(&self, path: &str) -> Option<Arc<Opened>> {
        let paths = self.paths.read();
        let found = paths.iter().find(|it| it.endpoint.path() == path);
        found.map(Arc::clone)
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.find(path).is_some()
    }

    pub(super) fn identity(&self, key: SocketKey) -> Option<Arc<SocketIdentity>> {
        Some(self.client(key)?.socket)
    }

    fn client(&self, key: SocketKey) -> Option<Client> {
        (key.0 & MARK != 0)
            .then(|| self.clients.lock().known.get(&key).cloned())
            .flatten()
    }

    /// `None` if nobody is there any more to be told of it.
    fn take_on(
        self: &Arc<Streams>,
        engine: &Engine,
        opened: &Opened,
        rooms: &[String],
        handshake: Arc<Handshake>,
    ) -> Option<EventStream> {
        let queue = self.queue.upgrade()?;
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let key = SocketKey(MARK | count << u8::BITS);
        let socket = Arc::new(SocketIdentity {
            key,
            sid: Arc::from(""),
            namespace: Arc::clone(&opened.name),
            user_data: Default::default(),
        });
        let endpoint = Arc::clone(&opened.endpoint);
        // Until it has been told: the end comes behind that.
        let mut clients = self.clients.lock();
        if clients.is_over {
            return None;
        }
        let streams = Arc::clone(self);
        let stream = endpoint.add(engine, key.0, move || {
            if let Some(queue) = streams.queue.upgrade() {
                streams.part(&queue, key);
                // No turn of the shard need follow.
                queue.announce();
            }
        });
        endpoint.join(key.0, rooms.iter().map(String::as_str));
        endpoint.open(key.0, handshake.last_event_id());
        let client = Client {
            socket: Arc::clone(&socket),
            endpoint,
        };
        clients.known.insert(key, client);
        let event = SseEvent::Open { handshake };
        queue.push(PulledEvent::Sse { socket, event });
        drop(clients);
        queue.announce();
        Some(stream)
    }

    /// Queues the end of a client, unless that has been done.
    fn part(&self, queue: &EventQueue, key: SocketKey) {
        let mut clients = self.clients.lock();
        if let Some(client) = clients.known.remove(&key) {
            queue.push(client.end());
        }
    }

    /// Queues the end of every client that is left; no other comes.
    pub(super) fn part_all(&self, queue: &EventQueue) {
        let mut clients = self.clients.lock();
        clients.is_over = true;
        for (_, client) in clients.known.drain() {
            queue.push(client.end());
        }
    }
}

impl Client {
    fn end(self) -> PulledEvent {
        let rooms = self.endpoint.remove(self.socket.key.0);
        PulledEvent::Sse {
            socket: self.socket,
            event: SseEvent::Closed { rooms },
        }
    }
}

impl EventQueue {
    /// Decides about a request for server-sent events.
    pub(super) fn admit_sse(
        &self,
        engine: &Engine,
        request: &Arc<Handshake>,
    ) -> Option<EventAdmission> {
        let opened = self.streams().find(request.path())?;
        if !self.has_space() {
            let refusal = (503, "too many events wait".to_owned());
            return Some(Box::pin(ready(Err(refusal))));
        }
        let asked = opened
            .asks
            .then(|| self.ask_about_sse(Arc::clone(&opened.name), request));
        let (streams, engine) = (Arc::clone(self.streams()), engine.clone());
        let request = Arc::clone(request);
        Some(Box::pin(async move {
            let rooms = match asked {
                None => Vec::new(),
                Some(ticket) => match ticket.verdict().await {
                    Some(SseVerdict::Allow { rooms }) => rooms,
                    Some(SseVerdict::Deny { status, message }) => return Err((status, message)),
                    None => return Err((503, String::new())),
                },
            };
            if opened.endpoint.is_full() {
                return Err((503, "too many clients".to_owned()));
            }
            let taken = streams.take_on(&engine, &opened, &rooms, request);
            taken.ok_or((503, String::new()))
        }))
    }
}

impl PullServer {
    /// Serves server-sent events at a path of their own. The application calls the clients of `/news`
    /// the namespace `sse:/news`.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the path is none, is taken, or lies below the engine's own.
    pub fn open_sse(&self, path: SsePath) -> Result<(), Error> {
        self.queue.streams().open(self.engine(), path)
    }

    /// A client of server-sent events.
    ///
    /// # Errors
    /// [`Gone`], also for a socket that is none.
    pub fn sse_client(&self, socket: SocketKey) -> Result<SseClient, Gone> {
        let client = self.queue.streams().client(socket).ok_or(Gone)?;
        let endpoint = client.endpoint;
        Ok(SseClient { socket, endpoint })
    }

    /// The server-sent events whose clients are called so.
    pub fn sse_endpoint(&self, name: &str) -> Option<SseEndpoint> {
        let opened = self.queue.streams().find(name.strip_prefix(PREFIX)?)?;
        Some(SseEndpoint(Arc::clone(&opened.endpoint)))
    }
}

/// A client of server-sent events. On one that is gone every call does nothing.
#[derive(Clone, Debug)]
pub struct SseClient {
    socket: SocketKey,
    endpoint: Arc<Endpoint>,
}

impl SseClient {
    /// Sends it an event.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a name or an id that would not arrive as it is.
    pub fn send(&self, event: &Fields<'_>) -> Result<(), Error> {
        self.endpoint.send(self.socket.0, event)
    }

    /// Puts it into rooms.
    pub fn join(&self, rooms: &[&str]) {
        self.endpoint.join(self.socket.0, rooms.iter().copied());
    }

    /// Takes it out of rooms.
    pub fn leave(&self, rooms: &[&str]) {
        self.endpoint.leave(self.socket.0, rooms.iter().copied());
    }

    /// The rooms it is in, in no order.
    pub fn rooms(&self) -> Vec<Arc<str>> {
        self.endpoint.rooms_of(self.socket.0)
    }

    /// Ends its stream behind what waits for it.
    pub fn close(&self) {
        self.endpoint.close_one(self.socket.0);
    }
}

/// The clients of server-sent events at one path.
#[derive(Clone, Debug)]
pub struct SseEndpoint(Arc<Endpoint>);

impl SseEndpoint {
    /// Sends an event to an audience of them, those of this server.
    ///
    /// # Errors
    /// As [`SseClient::send`].
    pub fn broadcast(&self, audience: Audience<'_>, event: &Fields<'_>) -> Result<(), Error> {
        let owned = |rooms: &[&str]| rooms.iter().map(|room| (*room).into()).collect();
        let audience = sse::Audience {
            rooms: (!audience.rooms.is_empty()).then(|| owned(audience.rooms)),
            except: owned(audience.except),
        };
        self.0.broadcast(audience, event)
    }

    /// How many clients there are.
    pub fn clients(&self) -> usize {
        self.0.len()
    }
}
