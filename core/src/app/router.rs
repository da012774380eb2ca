//! The application the engine is given: takes its events to sockets, handlers and waiting futures.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use http::{HeaderMap, Request};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, mpsc, watch};

use super::cluster::ClusterAnswer;
use super::connect::{self, Asking};
use super::data::DataMap;
use super::dynamic::Pattern;
use super::error::{AckError, HandlerError};
use super::lane::{self, Job, Listener, Message};
use super::namespace::NamespaceState;
use super::outcome::guard;
use super::reception::Hooks;
use super::registered::List;
use super::seats::Seats;
use super::socket::{Ended, Socket};
use super::sse::Streams;
use super::ws::Endpoints;
use crate::embed::{
    ConnId, Event, Handshake, Kept, NamespaceId, PlainEvent, Profile, Response, SocketRef,
};
use crate::error::DisconnectReason;
use crate::hub;
use crate::server::{
    Admission, Application, Engine, EventAdmission, Finishing, Reception, Reply, WebSocketAdmission,
};
use crate::trace::tell;

/// Told of what went wrong in a handler: on which socket, at which event.
pub(super) type ErrorHook = dyn Fn(&Socket, &str, &HandlerError) + Send + Sync;

/// What all handles of one server share, beside its engine. It does not hold the engine, which
/// holds it.
pub(super) struct Router {
    seats: Seats,
    endpoints: Endpoints,
    streams: Streams,
    hooks: Hooks,
    namespaces: RwLock<HashMap<NamespaceId, Arc<NamespaceState>>>,
    /// Namespaces that go when nobody uses them.
    passing: RwLock<HashMap<NamespaceId, Weak<NamespaceState>>>,
    pub(super) patterns: List<Pattern>,
    on_error: RwLock<Option<Arc<ErrorHook>>>,
    errands: Box<[Errands]>,
    /// By shard.
    work: Box<[Work]>,
    /// Sockets whose connections are not read because their handlers are behind.
    behind: AtomicUsize,
    closed: watch::Sender<bool>,
}

/// Sockets that the application ended, on their way to their shard, where handlers run. Unbounded:
/// each socket takes this way once.
#[derive(Debug)]
struct Errands {
    sender: mpsc::UnboundedSender<Socket>,
    receiver: Mutex<Option<mpsc::UnboundedReceiver<Socket>>>,
    is_running: AtomicBool,
}

/// What a shard is not done with: sockets with pending handlers, and errands.
#[derive(Debug, Default)]
struct Work {
    open: AtomicUsize,
    done: Notify,
}

/// The engine's side of a [`Router`].
#[derive(Debug)]
pub(super) struct Entrance(pub(super) Arc<Router>);

impl Application for Entrance {
    fn handle(&self, engine: &Engine, event: Event<'_>) {
        let Entrance(router) = self;
        match event {
            Event::Open {
                conn,
                transport,
                handshake,
                ..
            } => {
                router.seats.open(conn, transport, handshake.cloned());
                router.run_errands(engine, conn.shard);
            }
            Event::Upgraded {
                conn, transport, ..
            } => router.seats.upgrade(conn, transport),
            Event::Connect {
                conn,
                namespace,
                sid,
                auth,
                recovered,
                kept,
            } => {
                let asking = Asking {
                    conn,
                    namespace,
                    sid,
                    auth,
                    is_recovered: recovered,
                    kept,
                };
                connect::begin(router, engine, asking);
            }
            Event::Message {
                socket,
                ack,
                data,
                attachments,
            } => {
                if let Some(socket) = router.seats.find(socket) {
                    let message = Message {
                        data,
                        attachments,
                        ack,
                    };
                    lane::deliver(&socket, Job::Message(message));
                }
            }
            Event::Ack {
                socket,
                id,
                data,
                attachments,
            } => {
                let response = Response {
                    data: data.into(),
                    attachments,
                };
                router.answer(socket, id, Ok(response));
            }
            Event::AckTimeout { socket, id } => router.answer(socket, id, Err(AckError::Timeout)),
            Event::BroadcastAnswer {
                namespace,
                conn,
                id,
                data,
                attachments,
            } => {
                let socket = conn.map(|conn| router.seats.find(SocketRef { conn, namespace }));
                let is_gone = matches!(socket, Some(None));
                if let Some(namespace) = router.namespace(namespace).filter(|_| !is_gone) {
                    let response = Response {
                        data: data.into(),
                        attachments,
                    };
                    namespace.tell(id, socket.flatten(), response);
                }
            }
            Event::BroadcastAck {
                namespace,
                id,
                outcome,
            } => {
                if let Some(namespace) = router.namespace(namespace) {
                    namespace.answer(id, outcome);
                }
            }
            Event::Leave { socket } => {
                if let Some(socket) = router.seats.remove(socket) {
                    end(&socket, DisconnectReason::ClientNamespaceDisconnect);
                }
            }
            Event::Close { conn, reason, .. } => {
                for socket in router.seats.close(conn) {
                    end(&socket, reason);
                }
            }
            Event::WebSocket { conn, event } => router.endpoints.handle(engine, conn, event),
            Event::ServerSideEmit {
                namespace,
                ticket,
                data,
                attachments,
            } => {
                if let Some(namespace) = router.namespace(namespace) {
                    namespace.hear_server(engine, ticket, &data, attachments);
                }
            }
            Event::ServerAnswers {
                namespace,
                id,
                outcome,
            } => {
                if let Some(namespace) = router.namespace(namespace) {
                    namespace.answer(id, outcome);
                }
            }
            Event::Sockets {
                namespace,
                id,
                sockets,
                timed_out,
            } => {
                if let Some(namespace) = router.namespace(namespace) {
                    let answer = ClusterAnswer::Sockets { sockets, timed_out };
                    namespace.asking.answer(id, answer);
                }
            }
            Event::ServerCount {
                namespace,
                id,
                servers,
            } => {
                if let Some(namespace) = router.namespace(namespace) {
                    let answer = ClusterAnswer::Servers(servers);
                    namespace.asking.answer(id, answer);
                }
            }
            Event::DisconnectAsked { socket, close } => {
                if let Some(socket) = router.seats.find(socket) {
                    match close {
                        true => socket.close(),
                        false => socket.disconnect(),
                    }
                }
            }
            Event::Closed => router.close(),
            // Streams and requests come from the engine's own listener, and messages are Socket.IO's.
            Event::Raw { .. }
            | Event::Sent { .. }
            | Event::Heartbeat { .. }
            | Event::Ping { .. }
            | Event::Probed { .. }
            // What a cluster's connection does goes to `tracing`, and sockets are described by the engine.
            | Event::SocketsAsked { .. }
            | Event::JoinAsked { .. }
            | Event::LeaveAsked { .. }
            | Event::Bus(_)
            | Event::Answer { .. }
            | Event::FeedWrite { .. }
            | Event::FeedEnd { .. }
            | Event::Forget { .. } => {}
        }
    }

    fn hear(&self, _: &Engine, event: PlainEvent<'_>, kept: &mut Kept) -> bool {
        let Entrance(router) = self;
        if kept.is_none() {
            let socket = router.seats.find(event.socket());
            *kept = socket.map(|socket| Box::new(Listener::new(socket)) as Box<_>);
        }
        let listener = kept.as_mut().and_then(|kept| kept.downcast_mut());
        match listener {
            Some(listener) => lane::hear(listener, event),
            None => event.is_valid(),
        }
    }

    fn is_ready_for(&self, conn: ConnId) -> bool {
        let Entrance(router) = self;
        router.behind.load(Ordering::Acquire) == 0
            || !router.seats.sockets_of(conn).iter().any(Socket::is_behind)
    }

    fn gathers(&self) -> bool {
        false
    }

    fn reception(&self) -> Option<&dyn Reception> {
        Some(self)
    }

    fn profile(&self, socket: SocketRef) -> Option<Profile> {
        Some(self.0.seats.find(socket)?.profile())
    }

    fn finish(&self, shard: u8) -> Option<Finishing> {
        let router = Arc::clone(&self.0);
        // A handler that waits for answers would wait in vain: there is nobody left to give them.
        for namespace in router.all_namespaces() {
            namespace.stop_waiting();
        }
        Some(Box::pin(async move {
            let work = &router.work[usize::from(shard)];
            while work.open.load(Ordering::Acquire) > 0 {
                work.done.notified().await;
            }
        }))
    }
}

impl Reception for Entrance {
    fn admit(&self, handshake: &Arc<Handshake>) -> Option<Admission> {
        self.0.hooks.admit(handshake)
    }

    fn adds_headers(&self) -> bool {
        self.0.hooks.adds_headers()
    }

    fn add_headers(&self, request: &Handshake, opens: bool, headers: &mut HeaderMap) {
        self.0.hooks.add_headers(request, opens, headers);
    }

    fn admit_websocket(&self, handshake: &Arc<Handshake>) -> Option<WebSocketAdmission> {
        self.0.endpoints.admit(handshake)
    }

    fn admit_events(&self, engine: &Engine, handshake: &Arc<Handshake>) -> Option<EventAdmission> {
        self.0.streams.admit(engine, handshake)
    }

    fn has_endpoint(&self, path: &str) -> bool {
        self.0.endpoints.has(path) || self.0.streams.has(path)
    }

    fn fall_back(&self, request: Request<()>) -> Option<Reply> {
        self.0.hooks.fall_back(request)
    }
}

/// The client, or its connection, ended the socket. Called on its shard.
fn end(socket: &Socket, reason: DisconnectReason) {
    if socket.end(Ended::There) {
        lane::deliver(socket, Job::Disconnect(reason));
    }
}

impl Router {
    pub(super) fn new(shards: usize, hooks: Hooks) -> Router {
        Router {
            seats: Seats::new(shards),
            endpoints: Endpoints::new(shards),
            streams: Streams::default(),
            hooks,
            namespaces: RwLock::default(),
            passing: RwLock::default(),
            patterns: List::default(),
            on_error: RwLock::default(),
            errands: (0..shards).map(|_| Errands::new()).collect(),
            work: (0..shards).map(|_| Work::default()).collect(),
            behind: AtomicUsize::new(0),
            closed: watch::Sender::new(false),
        }
    }

    pub(super) fn seats(&self) -> &Seats {
        &self.seats
    }

    /// What all handlers share.
    pub(super) fn state(&self) -> &DataMap {
        &self.hooks.state
    }

    pub(super) fn streams(&self) -> &Streams {
        &self.streams
    }

    pub(super) fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// The state of a namespace of the hub, made if it is new. It stays.
    pub(super) fn register(&self, namespace: Arc<hub::Namespace>) -> Arc<NamespaceState> {
        let id = namespace.id();
        let mut namespaces = self.namespaces.write();
        let state = namespaces.entry(id).or_insert_with(|| {
            let passing = self.passing.read().get(&id).and_then(Weak::upgrade);
            passing.unwrap_or_else(|| Arc::new(NamespaceState::new(namespace)))
        });
        Arc::clone(state)
    }

    /// Takes a namespace in that goes when nobody uses it; gives the one that is there if another
    /// client was first.
    pub(super) fn adopt(&self, made: Arc<NamespaceState>) -> Arc<NamespaceState> {
        if let Some(known) = self.namespace(made.id()) {
            return known;
        }
        let mut passing = self.passing.write();
        if let Some(known) = passing.get(&made.id()).and_then(Weak::upgrade) {
            return known;
        }
        if passing.len() == passing.capacity() {
            // It grows with those that are used, not with those that were.
            passing.retain(|_, state| state.strong_count() > 0);
        }
        passing.insert(made.id(), Arc::downgrade(&made));
        made
    }

    pub(super) fn namespace(&self, id: NamespaceId) -> Option<Arc<NamespaceState>> {
        let lasting = self.namespaces.read().get(&id).cloned();
        lasting.or_else(|| self.passing.read().get(&id)?.upgrade())
    }

    fn all_namespaces(&self) -> Vec<Arc<NamespaceState>> {
        let mut all: Vec<_> = self.namespaces.read().values().cloned().collect();
        all.extend(self.passing.read().values().filter_map(Weak::upgrade));
        all
    }

    pub(super) fn namespace_named(
        &self,
        engine: &Engine,
        name: &str,
    ) -> Option<Arc<NamespaceState>> {
        self.namespace(engine.hub().lookup(name)?.id())
    }

    pub(super) fn set_error_hook(&self, hook: Arc<ErrorHook>) {
        let before = self.on_error.write().replace(hook);
        drop(before);
    }

    /// Tells the hook of an error.
    pub(super) fn report(&self, socket: &Socket, event: &str, error: &HandlerError) {
        tell!(warn, %error, socket = socket.id(), event, "handler failed");
        let hook = self.on_error.read().clone();
        if let Some(hook) = hook {
            // There is nobody left to tell of a hook that panics; the panic hook has been told.
            let _ = guard(|| hook(socket, event, error));
        }
    }

    /// The application ended a socket: its handlers are to be told, on its shard.
    pub(super) fn tell_ended(&self, socket: Socket) {
        let shard = usize::from(socket.reference().conn.shard);
        self.begin_work(shard as u8);
        // Without a receiver the shard has ended, and its handlers with it.
        let _ = self.errands[shard].sender.send(socket);
    }

    /// A shard has something to do that it must finish before it ends.
    pub(super) fn begin_work(&self, shard: u8) {
        self.work[usize::from(shard)]
            .open
            .fetch_add(1, Ordering::AcqRel);
    }

    /// It is done.
    pub(super) fn end_work(&self, shard: u8) {
        let work = &self.work[usize::from(shard)];
        if work.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            work.done.notify_one();
        }
    }

    /// A socket's connection is not read until its handlers have caught up.
    pub(super) fn fell_behind(&self) {
        self.behind.fetch_add(1, Ordering::AcqRel);
    }

    /// The connection may be read again.
    pub(super) fn caught_up(&self, engine: &Engine) {
        self.behind.fetch_sub(1, Ordering::AcqRel);
        engine.resume();
    }

    /// Ends when the engine has closed.
    pub(super) async fn closed(&self) {
        // The sender lives as long as the router.
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
    }

    fn answer(&self, socket: SocketRef, id: u64, answered: Result<Response, AckError>) {
        if let Some(socket) = self.seats.find(socket) {
            socket.answer(id, answered);
        }
    }

    /// Starts the task that runs errands, with the shard's first connection. Called on the shard.
    fn run_errands(self: &Arc<Router>, engine: &Engine, shard: u8) {
        let errands = &self.errands[usize::from(shard)];
        if errands.is_running.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(mut receiver) = errands.receiver.lock().take() {
            engine.spawn_local(shard, async move {
                while let Some(socket) = receiver.recv().await {
                    let job = Job::Disconnect(DisconnectReason::ServerNamespaceDisconnect);
                    lane::deliver(&socket, job);
                    socket.router().end_work(shard);
                }
            });
        }
    }

    /// The engine has closed: lets go of everything that may hold a handle on it, and of those who
    /// wait.
    fn close(&self) {
        drop(self.seats.clear());
        self.endpoints.close();
        self.streams.close();
        for namespace in self.all_namespaces() {
            namespace.close();
        }
        self.patterns.clear();
        let hook = self.on_error.write().take();
        drop(hook);
        self.closed.send_replace(true);
    }
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Router").finish_non_exhaustive()
    }
}

impl Errands {
    fn new() -> Errands {
        let (sender, receiver) = mpsc::unbounded_channel();
        Errands {
            sender,
            receiver: Mutex::new(Some(receiver)),
            is_running: AtomicBool::new(false),
        }
    }
}
