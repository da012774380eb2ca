//! The engine: IO threads (shards) that own connections, and the handle through which an
//! application drives them. Read `driver.rs` next: it is where session, hub and transport meet.

mod addresses;
mod attach;
mod batch;
mod bell;
mod cluster;
mod compression;
mod connection;
mod deliver;
mod driver;
mod frames;
mod gateway;
mod http;
mod inbox;
mod incoming;
mod listen;
mod look;
mod moment;
mod own;
mod packets;
pub mod pull;
mod quota;
mod raw;
mod reader;
mod reading;
mod registry;
mod requests;
mod shard;
mod shortcut;
pub(crate) mod sse;
mod start;
mod stop;
mod table;
mod task;
mod threads;
mod timers;
mod upgrades;
mod websocket;
mod webtransport;

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Instant;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

pub use crate::transport::EventStream;
pub use batch::Batch;
pub use gateway::{Refusal, Verified};
#[cfg(feature = "tower")]
pub(crate) use http::mounted as http_mounted;
pub use http::{
    Admission, Content, EventAdmission, Reception, Reply, WebSocketAdmission, WebSocketRefusal,
    WebSocketTerms,
};
pub use start::Placement;
pub use threads::Threads;
pub use websocket::WebSocketUpgrade;
pub use webtransport::WebTransport;

use crate::config::{Config, Protocol};
use crate::embed::{
    Audience, Command, Event, Handshake, Kept, PlainEvent, Profile, Reach, RequestId, SocketRef,
};
use crate::error::Error;
use crate::hub::{ConnId, Hub, NamespaceId};
use crate::metrics::{Counters, Metrics};
use crate::proto::websocket::deflate::DeflateParams;
use crate::session::Settings;
use crate::trace::tell;
use crate::transport::polling;
use addresses::Addresses;
use inbox::Inbox;
use listen::Transport;
use moment::Moment;
use quota::Quota;
use registry::Registry;
use task::{PollingKind, PollingRequest, Responder, Task};

/// What receives an engine's events.
pub trait Application: Send + Sync + 'static {
    /// Takes one event, on the thread of the shard where it happened. It must not block: the
    /// shard's connections wait. It may execute commands.
    fn handle(&self, engine: &Engine, event: Event<'_>);

    /// Takes an event of a client whose JSON has not been checked behind the name, in the place of
    /// [`Event::Message`]. Says whether it is JSON: if not, nothing may have come of it, and the
    /// connection is closed. In `kept` it may keep what it wants to find again at the socket's next one.
    fn hear(&self, engine: &Engine, event: PlainEvent<'_>, kept: &mut Kept) -> bool {
        let _ = kept;
        let is_valid = event.is_valid();
        if is_valid {
            self.handle(engine, event.into_event());
        }
        is_valid
    }

    /// Whether more events may come. While it answers false the engine stops reading from the
    /// connections that want to bring some; TCP pushes back, and nothing is lost. The engine asks
    /// again when told to by [`Engine::resume`].
    fn is_ready(&self) -> bool {
        true
    }

    /// The same, asked before each read of one connection: for applications whose events queue by
    /// connection, so that one busy client holds up only itself.
    fn is_ready_for(&self, conn: ConnId) -> bool {
        let _ = conn;
        self.is_ready()
    }

    /// What the application still has to do on `shard` once its last connection is over. It is
    /// driven on that thread, for at most `Config::close_timeout`, before the thread ends.
    fn finish(&self, shard: u8) -> Option<Finishing> {
        let _ = shard;
        None
    }

    /// What it knows of a socket, for other servers of a cluster that ask; `None` if the socket is
    /// gone.
    fn profile(&self, socket: SocketRef) -> Option<Profile> {
        let _ = socket;
        Some(Profile::default())
    }

    /// Whether it describes its sockets itself: another server that asks for some comes as
    /// [`Event::SocketsAsked`], and [`Event::Sockets`] has only those of other servers.
    fn describes_sockets(&self) -> bool {
        false
    }

    /// Whether it wants to know who comes into the rooms of a namespace and goes: what another server
    /// does to them comes as [`Event::JoinAsked`] and [`Event::LeaveAsked`].
    fn watches_rooms(&self, namespace: NamespaceId) -> bool {
        let _ = namespace;
        false
    }

    /// Whether plain WebSockets have ids, each in a room named like its own, as sockets do: they cost
    /// memory that few applications have a use for.
    fn names_websockets(&self) -> bool {
        false
    }

    /// Its part in HTTP on the engine's own listener, if it wants one.
    fn reception(&self) -> Option<&dyn Reception> {
        None
    }

    /// Whether it gathers events for another thread, and so wants [`Application::flush`] behind them. One
    /// that does not is done with each event when it has been told, and is not always called behind
    /// them: what a client alone is answered is then written as soon as its events have been told.
    fn gathers(&self) -> bool {
        true
    }

    /// Some events have been handled and no more come at this moment: the shard has done all that
    /// was waiting for it. The place to wake another thread, once for many events.
    fn flush(&self) {}
}

/// The end of an application's work on a shard.
pub type Finishing = std::pin::Pin<Box<dyn Future<Output = ()>>>;

/// A handle on a running engine. Clones drive the same one.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

/// What the shards and the handles share.
pub(crate) struct Shared {
    config: Config,
    settings: Arc<Settings>,
    hub: Hub,
    registry: Registry,
    addresses: Option<Addresses>,
    /// Those of groups of plain WebSockets that limit them.
    group_addresses: Addresses,
    cluster: Option<cluster::Cluster>,
    application: Arc<dyn Application>,
    shards: Box<[ShardHandle]>,
    /// Connections are dealt out in turn, and so is HTTP: dealt out together, each connection that HTTP
    /// brings would skip the shard behind.
    next_shard: AtomicUsize,
    next_for_http: AtomicUsize,
    next_request: AtomicU64,
    live_shards: AtomicUsize,
    is_closing: AtomicBool,
    /// Whether the application wants to hear of heartbeats while the engine speaks Socket.IO.
    tells_heartbeats: AtomicBool,
    /// Whether polling clients are told of WebTransport.
    offers_webtransport: AtomicBool,
    /// Told when the engine closes.
    closing: Notify,
    /// When it must have closed, if the application said so.
    finish_by: OnceLock<Instant>,
    /// Where its shards run.
    threads: Threads,
    /// Connections of HTTP.
    http: Arc<Quota>,
    /// Those that are told that there are too many.
    turned_away: Arc<Quota>,
    /// The threads of its listeners.
    listeners: Mutex<Vec<JoinHandle<()>>>,
    /// Told when [`Event::Closed`] has been.
    over: Moment,
}

impl Shared {
    /// The cluster, if sockets that were lost here come back to any of its servers.
    fn recovers_everywhere(&self) -> Option<&cluster::Cluster> {
        let cluster = self.cluster.as_ref();
        cluster.filter(|cluster| cluster.keeps_sessions())
    }

    /// The cluster, if there is one and `audience` reaches into it.
    fn cluster_for(&self, audience: Audience<'_>) -> Option<&cluster::Cluster> {
        let cluster = self.cluster.as_ref();
        cluster.filter(|_| audience.reach != Reach::Server)
    }
}

#[derive(Debug)]
struct ShardHandle {
    inbox: Inbox,
    counters: Counters,
    /// Told when the shard has ended.
    ended: Moment,
}

/// A byte feed: a WebSocket whose bytes the application reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedId {
    shard: u8,
    request: RequestId,
}

/// A WebSocket upgrade that the application brings.
#[derive(Debug)]
pub struct Upgrade {
    /// Number of the request, by which events name it.
    pub request: RequestId,
    /// The complete HTTP answer that turns the stream into a WebSocket; empty if it has gone out.
    pub answer: Bytes,
    /// Bytes that came behind the request.
    pub head: Bytes,
    /// The request, for [`Event::Open`]. An application that remembers it by itself gives nothing.
    pub handshake: Option<Arc<Handshake>>,
    /// What the answer agrees to about compression, by
    /// [`negotiate`](crate::proto::websocket::deflate::negotiate).
    pub deflate: Option<DeflateParams>,
    /// The session's id if the application chooses it; it must not be in use, or the WebSocket is
    /// closed. Nothing if it belongs to a session already.
    pub sid: Option<Arc<str>>,
    /// Whose it is, for limits by address, in any words; nothing if the handshake says it.
    pub address: Option<Box<str>>,
}

/// A polling request that the application brings.
#[derive(Debug)]
pub struct Request<'a> {
    /// Number of the request; [`Event::Answer`] names it.
    pub request: RequestId,
    /// HTTP method.
    pub method: &'a str,
    /// Path and query.
    pub url: &'a str,
    /// The Content-Type header.
    pub content_type: Option<&'a str>,
    /// The User-Agent header.
    pub user_agent: Option<&'a str>,
    /// The body, complete; the caller holds it to `max_payload`.
    pub body: Bytes,
    /// The request, for [`Event::Open`] if it opens a connection. An application that remembers it
    /// by itself gives nothing.
    pub handshake: Option<Arc<Handshake>>,
    /// The session's id if the application chooses it; it must not be in use, or the request is
    /// refused as a bad one. Of no meaning in requests of a session.
    pub sid: Option<Arc<str>>,
    /// Whose it is, for limits by address, in any words; nothing if the handshake says it. Of no
    /// meaning in requests of a session.
    pub address: Option<&'a str>,
}

impl Engine {
    /// The settings it runs with.
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// Its namespaces, sockets and rooms.
    pub fn hub(&self) -> &Hub {
        &self.shared.hub
    }

    /// Executes one command. Takes effect for rooms at once, for connections in order.
    pub fn execute(&self, command: Command<'_>) {
        self.batch().execute(command);
    }

    /// Begins a run of commands for which each shard is woken once, when the batch is dropped.
    pub fn batch(&self) -> Batch<'_> {
        Batch::new(self)
    }

    /// The counters of all shards.
    pub fn metrics(&self) -> Metrics {
        let mut metrics = self.counters();
        metrics.http_connections = self.shared.http.taken() as u64;
        metrics.namespaces = self.shared.hub.len() as u64;
        if let Some(cluster) = &self.shared.cluster {
            cluster.add_to(&mut metrics);
        }
        if self.shared.config.recovery.is_some() && self.shared.recovers_everywhere().is_none() {
            let now = Instant::now();
            for namespace in self.shared.hub.namespaces() {
                if let Some(store) = namespace.recovery() {
                    metrics.add_recovery(&mut store.lock(), now);
                }
            }
        }
        metrics
    }

    fn counters(&self) -> Metrics {
        Metrics::sum(self.shared.shards.iter().map(|shard| &shard.counters))
    }

    /// Accepts connections on `address`; port 0 lets the system choose. Gives the address bound.
    ///
    /// # Errors
    /// [`Error::Io`] if the address cannot be had, [`Error::Closed`] after [`Engine::close`].
    pub fn listen(&self, address: impl ToSocketAddrs) -> Result<SocketAddr, Error> {
        self.listen_tcp(address, Transport::Plain)
    }

    /// Judges a request by its method and URL, as engine.io's `verify` does.
    ///
    /// # Errors
    /// The refusal that the client is to be told.
    pub fn verify(&self, method: &str, url: &str, is_upgrade: bool) -> Result<Verified, Refusal> {
        let Shared {
            config, registry, ..
        } = &*self.shared;
        let verified = gateway::verify(config, registry, method, url, is_upgrade)?;
        if matches!(verified, Verified::Handshake(_)) && self.is_full() {
            return Err(Refusal::TooManyConnections);
        }
        Ok(verified)
    }

    /// Whether there is no place for one more connection; then one has been refused.
    fn is_full(&self) -> bool {
        let limit = self.shared.config.max_connections;
        let is_full = limit.is_some_and(|limit| self.counters().connections >= limit as u64);
        if is_full {
            self.count_refused();
            tell!(warn, connections = limit, "connection refused");
        }
        is_full
    }

    /// Takes a polling request; [`Event::Answer`] answers it, perhaps much later. Gives the
    /// connection it belongs to, for [`Engine::request_closed`].
    pub fn request(&self, request: Request<'_>) -> Option<ConnId> {
        let responder = Responder::Application(request.request);
        self.polling_request(request, responder)
    }

    /// The client of a request that has not been answered is gone.
    pub fn request_closed(&self, conn: ConnId, request: RequestId) {
        self.push(
            conn.shard,
            Task::RequestClosed {
                slot: Some(conn.slot),
                request,
            },
        );
    }

    /// Bytes that came for a feed.
    pub fn feed(&self, feed: FeedId, bytes: Bytes) {
        self.push(
            feed.shard,
            Task::Feed {
                request: feed.request,
                bytes: Some(bytes),
            },
        );
    }

    /// `bytes` of what [`Event::FeedWrite`] gave have been written.
    pub fn feed_written(&self, feed: FeedId, bytes: usize) {
        self.push(
            feed.shard,
            Task::FeedWritten {
                request: feed.request,
                bytes,
            },
        );
    }

    /// The peer of a plain WebSocket's feed has ended its half of the stream: nothing more comes, but
    /// it can still be written to.
    pub fn feed_ended(&self, feed: FeedId) {
        let request = feed.request;
        self.push(feed.shard, Task::FeedEnded { request });
    }

    /// A feed's stream is over.
    pub fn feed_closed(&self, feed: FeedId) {
        self.push(
            feed.shard,
            Task::Feed {
                request: feed.request,
                bytes: None,
            },
        );
    }

    /// The application is ready for events again.
    pub fn resume(&self) {
        for shard in &self.shared.shards {
            shard.inbox.push(Task::Resume);
            shard.inbox.wake();
        }
    }

    /// From now on [`Event::Heartbeat`] and [`Event::Ping`] come also while the engine speaks
    /// Socket.IO.
    pub fn tell_heartbeats(&self) {
        self.shared.tells_heartbeats.store(true, Ordering::Relaxed);
    }

    fn is_told_heartbeats(&self) -> bool {
        self.config().protocol == Protocol::EngineIo
            || self.shared.tells_heartbeats.load(Ordering::Relaxed)
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.shared.is_closing.load(Ordering::Acquire)
    }

    fn next_request(&self) -> RequestId {
        RequestId(self.shared.next_request.fetch_add(1, Ordering::Relaxed))
    }

    fn polling_request(&self, request: Request<'_>, responder: Responder) -> Option<ConnId> {
        let verified = self.verify(request.method, request.url, false);
        if self.is_closing() {
            if self.still_fetching(request.method, request.url).is_some()
                && let Ok(verified) = verified
            {
                let conn = self.take_request(verified, request, responder);
                self.turn_down_if_ended();
                return conn;
            }
            // No shard is left to answer.
            self.answer(responder, polling::empty_answer(503));
            self.shared.application.flush();
            return None;
        }
        match verified {
            Ok(verified) => self.take_request(verified, request, responder),
            Err(refusal) => {
                self.answer(responder, requests::refused(refusal));
                None
            }
        }
    }

    /// Whose request it is, while an engine that closes has time for clients to fetch what they are still
    /// to be told.
    fn still_fetching(&self, method: &str, url: &str) -> Option<ConnId> {
        match self.verify(method, url, false) {
            Ok(Verified::Session(conn, _)) if self.has_time_to_finish() => Some(conn),
            _ => None,
        }
    }

    /// Takes a polling request that has been verified, of a session if the engine is closing.
    fn take_request(
        &self,
        verified: Verified,
        request: Request<'_>,
        responder: Responder,
    ) -> Option<ConnId> {
        let (conn, kind) = match (verified, request.method) {
            (Verified::Handshake(_), _) => {
                let dialect = gateway::dialect(request.url);
                let address = self.identify(request.address, request.handshake.as_deref());
                let kind = PollingKind::Handshake {
                    handshake: request.handshake,
                    dialect,
                    sid: request.sid,
                    address,
                };
                (None, kind)
            }
            (Verified::Session(conn, _), "GET") => (Some(conn), PollingKind::Poll(conn.slot)),
            (Verified::Session(conn, _), "POST") => {
                let is_octet_stream = request.content_type == Some("application/octet-stream");
                let kind = PollingKind::Post {
                    slot: conn.slot,
                    body: request.body,
                    is_octet_stream,
                };
                (Some(conn), kind)
            }
            (Verified::Session(conn, _), _) => (Some(conn), PollingKind::Other),
        };
        let legacy_browser = request
            .user_agent
            .is_some_and(|agent| agent.contains(";MSIE") || agent.contains("Trident/"));
        let shard = conn.map_or_else(|| self.pick_shard(), |conn| conn.shard);
        let task = PollingRequest {
            request: request.request,
            responder,
            kind,
            legacy_browser,
        };
        self.push(shard, Task::Request(Box::new(task)));
        conn
    }

    fn answer(&self, responder: Responder, answer: crate::embed::Answer) {
        match responder {
            Responder::Application(request) => {
                self.shared
                    .application
                    .handle(self, Event::Answer { request, answer });
            }
            Responder::Listener(listener) => {
                // The listener's client may be gone: then nobody wants the answer.
                let _ = listener.send(answer);
            }
        }
    }

    fn count_refused(&self) {
        self.shared.shards[0].counters.refused.increment_shared();
    }

    /// The shard of the next connection.
    fn pick_shard(&self) -> u8 {
        self.deal_out(&self.shared.next_shard)
    }

    /// The shard that serves the next connection, or request, of HTTP.
    fn pick_shard_for_http(&self) -> u8 {
        self.deal_out(&self.shared.next_for_http)
    }

    fn deal_out(&self, next: &AtomicUsize) -> u8 {
        (next.fetch_add(1, Ordering::Relaxed) % self.shared.shards.len()) as u8
    }

    #[cfg(feature = "tower")]
    fn wake(&self, shard: u8) {
        self.shared.shards[usize::from(shard)].inbox.wake();
    }

    fn push(&self, shard: u8, task: Task) {
        let inbox = &self.shared.shards[usize::from(shard)].inbox;
        inbox.push(task);
        inbox.wake();
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("shards", &self.shared.shards.len())
            .finish_non_exhaustive()
    }
}
