//! A namespace as the application sees it: handlers that all its sockets share, and broadcasts.

use std::sync::Arc;

use parking_lot::RwLock;
use serde::Serialize;
use tokio::sync::oneshot;

use super::answers::{PendingAnswers, Recipient, Told};
use super::broadcast::{Broadcast, Rooms};
use super::cluster::{ClusterAnswer, ServerHandlers};
use super::connect::{Check, ConnectRequest, Verdict};
use super::handler::{AnyEvent, EventHandler, Handler, forget_types};
use super::outcome::{Called, Outcome};
use super::registered::{HandlerList, Handlers, List, Viewed};
use super::router::Router;
use super::socket::Socket;
use super::waiting::Waiting;
use super::watch::{Interceptor, OutgoingWatcher};
use crate::embed::{BroadcastAck, NamespaceId, Response};
use crate::error::{DisconnectReason, Error};
use crate::hub;
use crate::server::Engine;

/// A namespace of a [`Server`](crate::Server): a part of the application with handlers, rooms and
/// sockets of its own. Clones are handles on the same one.
///
/// Handlers are registered for the namespace once and shared by all its sockets. Those registered
/// while clients are connected hold for events that come from then on. Several handlers of one
/// event run in the order in which they were registered.
#[derive(Clone, Debug)]
pub struct Namespace {
    engine: Engine,
    router: Arc<Router>,
    state: Arc<NamespaceState>,
}

impl Namespace {
    pub(super) fn new(
        engine: Engine,
        router: Arc<Router>,
        state: Arc<NamespaceState>,
    ) -> Namespace {
        Namespace {
            engine,
            router,
            state,
        }
    }

    pub(super) fn state(&self) -> &Arc<NamespaceState> {
        &self.state
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Its name, with the leading `/`.
    pub fn name(&self) -> &str {
        self.state.hub.name()
    }

    /// Calls `handler` for every client that has joined, before any event of its socket.
    pub fn on_connect<F, R, K>(&self, handler: F)
    where
        F: Fn(Socket) -> R + Send + Sync + 'static,
        R: Outcome<K>,
    {
        let handler = move |socket| handler(socket).into_called();
        self.state.on_connect.push(Arc::new(handler));
    }

    /// Calls `handler` for every event of that name; see [`Handler`] for what it may take.
    ///
    /// # Examples
    /// ```no_run
    /// # use sori::{Ack, Socket};
    /// # fn example(chat: &sori::Namespace) {
    /// chat.on("message", |socket: Socket, text: String| {
    ///     socket.to("lobby").emit("message", (socket.id(), text))
    /// });
    /// chat.on("add", |_: Socket, a: i64, b: i64, ack: Ack| async move { ack.send(a + b) });
    /// # }
    /// ```
    ///
    /// # Panics
    /// The handler takes a [`State`](crate::State) that the server was not built with.
    #[track_caller]
    pub fn on<M>(&self, event: &str, handler: impl Handler<M>) {
        let handler = forget_types(handler, event, self.router.state());
        self.state
            .handlers
            .change(|handlers| handlers.append(event, handler));
    }

    /// Calls `handler` for every event that has no handler of its own, neither here nor on its socket.
    /// The first argument that it takes is the event's name.
    ///
    /// # Examples
    /// ```no_run
    /// # use sori::{Ack, Socket};
    /// # fn example(chat: &sori::Namespace) {
    /// chat.on_fallback(|_: Socket, event: String, ack: Ack| ack.send(format!("no event {event}")));
    /// # }
    /// ```
    ///
    /// # Panics
    /// As [`Namespace::on`].
    #[track_caller]
    pub fn on_fallback<M>(&self, handler: impl Handler<M>) {
        let handler = forget_types(handler, "", self.router.state());
        self.state.fallbacks.push(handler);
    }

    /// Calls `watcher` for every event of whatever name, before its handlers.
    pub fn on_any(&self, watcher: impl Fn(&Socket, AnyEvent<'_>) + Send + Sync + 'static) {
        self.state.on_any.push(Arc::new(watcher));
    }

    /// Calls `handler` for every socket that is gone, after the handlers of all its events.
    ///
    /// When the server closes, handlers that are still pending are given `close_timeout`; after
    /// that they are dropped, and the `on_disconnect` handlers that wait behind them are not called.
    pub fn on_disconnect<F, R, K>(&self, handler: F)
    where
        F: Fn(Socket, DisconnectReason) -> R + Send + Sync + 'static,
        R: Outcome<K>,
    {
        let handler = move |socket, reason| handler(socket, reason).into_called();
        self.state.on_disconnect.push(Arc::new(handler));
    }

    /// Calls `handler` for every socket that is gone, before those of
    /// [`Namespace::on_disconnect`]; [`Socket::rooms`] still has the rooms it was in.
    pub fn on_disconnecting<F, R, K>(&self, handler: F)
    where
        F: Fn(Socket, DisconnectReason) -> R + Send + Sync + 'static,
        R: Outcome<K>,
    {
        let handler = move |socket, reason| handler(socket, reason).into_called();
        self.state.on_disconnecting.push(Arc::new(handler));
    }

    /// Lets `check` decide about every client that asks to join, after the checks registered
    /// before it. The first refusal ends the matter; the client is told it as `connect_error`.
    /// A check that panics refuses; one that has not decided within `connect_timeout` does too.
    ///
    /// # Examples
    /// ```no_run
    /// use sori::{ConnectError, ConnectRequest};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Auth {
    ///     token: String,
    /// }
    ///
    /// # fn example(chat: &sori::Namespace) {
    /// chat.check(|request: ConnectRequest| async move {
    ///     match request.auth::<Auth>() {
    ///         Ok(auth) if auth.token == "letmein" => Ok(()),
    ///         _ => Err(ConnectError::new("not authorized")),
    ///     }
    /// });
    /// # }
    /// ```
    pub fn check<F, R, K>(&self, check: F)
    where
        F: Fn(ConnectRequest) -> R + Send + Sync + 'static,
        R: Verdict<K>,
    {
        let check = move |request| check(request).into_checked();
        self.state.checks.push(Arc::new(check));
    }

    /// Addresses every socket of the namespace.
    pub fn all(&self) -> Broadcast {
        Broadcast::new(&self.engine, &self.router, &self.state)
    }

    /// Addresses the sockets in any of `rooms`.
    pub fn to(&self, rooms: impl Rooms) -> Broadcast {
        self.all().to(rooms)
    }

    /// The same as [`Namespace::to`].
    pub fn within(&self, rooms: impl Rooms) -> Broadcast {
        self.to(rooms)
    }

    /// Addresses the sockets in none of `rooms`.
    pub fn except(&self, rooms: impl Rooms) -> Broadcast {
        self.all().except(rooms)
    }

    /// Sends an event to every socket; see [`Broadcast::emit`].
    ///
    /// # Errors
    /// [`Error::Misuse`] for a reserved name, and for arguments that cannot be JSON.
    pub fn emit(&self, event: &str, arguments: impl Serialize) -> Result<(), Error> {
        self.all().emit(event, arguments)
    }

    /// Sends an event to every socket and waits for their answers; see
    /// [`Broadcast::emit_with_ack`].
    pub fn emit_with_ack<R>(&self, event: &str, arguments: impl Serialize) -> PendingAnswers<R> {
        self.all().emit_with_ack(event, arguments)
    }

    /// Every socket of the namespace on this server.
    pub fn sockets(&self) -> Vec<Socket> {
        self.all().sockets()
    }

    /// Every room that sockets of this server have joined. The rooms of the sockets' own ids are left
    /// out unless somebody else joined them.
    pub fn rooms(&self) -> Vec<Arc<str>> {
        self.state.hub.room_names()
    }

    /// How many sockets of this server are in `room`.
    ///
    /// # Examples
    /// ```no_run
    /// # use sori::Socket;
    /// # fn example(game: &sori::Namespace) {
    /// let tables = game.clone();
    /// game.on("sit", move |socket: Socket, table: String| {
    ///     if tables.room_size(&table) >= 4 {
    ///         return socket.emit("full", table);
    ///     }
    ///     socket.join(table);
    ///     Ok(())
    /// });
    /// # }
    /// ```
    pub fn room_size(&self, room: &str) -> usize {
        self.state.hub.room_size(room)
    }

    /// The socket with that id.
    pub fn socket(&self, id: &str) -> Option<Socket> {
        self.router.seats().find(self.state.hub.find(id)?)
    }
}

/// What one namespace's handles share.
pub(super) struct NamespaceState {
    hub: Arc<hub::Namespace>,
    pub(super) checks: List<Check>,
    pub(super) on_connect: List<ConnectHandler>,
    pub(super) on_any: List<Watcher>,
    pub(super) on_any_outgoing: List<OutgoingWatcher>,
    pub(super) interceptors: List<Interceptor>,
    pub(super) on_disconnecting: List<DisconnectHandler>,
    pub(super) on_disconnect: List<DisconnectHandler>,
    pub(super) handlers: Viewed<Handlers>,
    pub(super) fallbacks: List<EventHandler>,
    pub(super) server_handlers: RwLock<ServerHandlers>,
    /// Those who wait for a broadcast's answers, or for those of servers, by ack id.
    pub(super) waiting: Waiting<Recipient>,
    /// Those who have asked something about the cluster, by the id of the request.
    pub(super) asking: Waiting<oneshot::Sender<ClusterAnswer>>,
}

type ConnectHandler = dyn Fn(Socket) -> Called + Send + Sync;
pub(super) type DisconnectHandler = dyn Fn(Socket, DisconnectReason) -> Called + Send + Sync;
type Watcher = dyn Fn(&Socket, AnyEvent<'_>) + Send + Sync;

impl NamespaceState {
    pub(super) fn new(hub: Arc<hub::Namespace>) -> NamespaceState {
        NamespaceState {
            hub,
            checks: List::default(),
            on_connect: List::default(),
            on_any: List::default(),
            on_any_outgoing: List::default(),
            interceptors: List::default(),
            on_disconnecting: List::default(),
            on_disconnect: List::default(),
            handlers: Viewed::default(),
            fallbacks: List::default(),
            server_handlers: RwLock::default(),
            waiting: Waiting::default(),
            asking: Waiting::default(),
        }
    }

    pub(super) fn id(&self) -> NamespaceId {
        self.hub.id()
    }

    pub(super) fn hub(&self) -> &hub::Namespace {
        &self.hub
    }

    pub(super) fn handlers_of(&self, event: &str) -> Option<HandlerList> {
        self.handlers.view().get(event).cloned()
    }

    /// Waits no more for the answers to a broadcast, here and in the hub: what still comes is nobody's.
    pub(super) fn forget(&self, id: u64) {
        if self.waiting.take(id).is_some() {
            drop(self.hub.broadcast_acks().expire(id));
        }
    }

    /// One of the answers has come.
    pub(super) fn tell(&self, id: u64, socket: Option<Socket>, response: Response) {
        let sender = self.waiting.with(id, |recipient| match recipient {
            Recipient::ForEach(sender) => Some(sender.clone()),
            Recipient::ForAll(_) => None,
        });
        if let Some(sender) = sender.flatten() {
            // Who waited may have given up.
            let _ = sender.send(Told::Answer(socket, response));
        }
    }

    /// The answers have come.
    pub(super) fn answer(&self, id: u64, outcome: BroadcastAck) {
        match self.waiting.take(id) {
            // Who waited may have given up.
            Some(Recipient::ForAll(sender)) => drop(sender.send(outcome)),
            Some(Recipient::ForEach(sender)) => drop(sender.send(Told::End(outcome))),
            None => {}
        }
    }

    /// No answers come any more: who waits for them is told.
    pub(super) fn stop_waiting(&self) {
        self.waiting.stop();
        self.asking.stop();
    }

    /// The engine has closed: nothing is called any more.
    pub(super) fn close(&self) {
        self.stop_waiting();
        self.checks.clear();
        self.on_connect.clear();
        self.on_any.clear();
        self.on_any_outgoing.clear();
        self.interceptors.clear();
        self.on_disconnecting.clear();
        self.on_disconnect.clear();
        self.fallbacks.clear();
        self.handlers.clear();
        let server_handlers = std::mem::take(&mut *self.server_handlers.write());
        drop(server_handlers);
    }
}

impl std::fmt::Debug for NamespaceState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NamespaceState")
            .field("name", &self.hub.name())
            .finish_non_exhaustive()
    }
}
