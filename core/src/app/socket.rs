//! A client in a namespace, as the application sees it.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use super::ack::{Answered, PendingAck};
use super::broadcast::{Broadcast, Rooms, with_rooms};
use super::data::DataMap;
use super::encode::Encoded;
use super::handler::{Handler, forget_types};
use super::lane::Lane;
use super::namespace::{DisconnectHandler, NamespaceState};
use super::outcome::Outcome;
use super::registered::{HandlerList, Handlers};
use super::router::Router;
use crate::config::TransportKind;
use crate::embed::{Command, Handshake, Peer, Profile, SocketRef};
use crate::error::{DisconnectReason, Error};
use crate::server::Engine;

/// A client in a namespace. Clones are handles on the same socket; they may be kept, sent to other
/// threads and used at any time: on a socket that is gone, every call does nothing.
#[derive(Clone)]
pub struct Socket {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    router: Arc<Router>,
    namespace: Arc<NamespaceState>,
    identity: Identity,
    standing: AtomicU8,
    /// A handler is pending; written on the socket's shard alone.
    is_busy: AtomicBool,
    /// It has handlers of its own.
    has_handlers: AtomicBool,
    extras: Mutex<Option<Box<Extras>>>,
}

/// Who a socket is.
pub(super) struct Identity {
    pub(super) reference: SocketRef,
    pub(super) sid: Arc<str>,
    /// Raw JSON.
    pub(super) auth: Option<Box<str>>,
    pub(super) is_recovered: bool,
    pub(super) handshake: Arc<Handshake>,
}

/// What most sockets have none of.
#[derive(Default)]
struct Extras {
    data: DataMap,
    handlers: Handlers,
    on_disconnect: Vec<Arc<DisconnectHandler>>,
    acks: HashMap<u64, oneshot::Sender<Answered>>,
    lane: Lane,
    /// The rooms it was in when it ended.
    parting: Vec<Arc<str>>,
}

/// Who ended a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The client, or its connection.
    There,
    /// The application.
    Here,
}

const ASKING: u8 = 0;
const CONNECTED: u8 = 1;
const ENDED_THERE: u8 = 2;
const ENDED_HERE: u8 = 3;

/// For applications.
impl Socket {
    /// Its id: 20 characters, unguessable, different for each connection and namespace.
    pub fn id(&self) -> &str {
        &self.inner.identity.sid
    }

    /// Its namespace's name.
    pub fn namespace_name(&self) -> &str {
        self.inner.namespace.hub().name()
    }

    /// Whether it is connected.
    pub fn is_connected(&self) -> bool {
        self.inner.standing.load(Ordering::Acquire) == CONNECTED
    }

    /// Whether it lost its connection and came back: with its id, its rooms, and the events it
    /// missed, and with what [`Socket::set_recovery_data`] kept, but without what
    /// [`Socket::set_data`] did. See
    /// [`Config::recovery`](crate::Config::recovery).
    pub fn is_recovered(&self) -> bool {
        self.inner.identity.is_recovered
    }

    /// What the client gave as `auth` when it joined; an empty object if it gave nothing.
    ///
    /// # Errors
    /// The client's `auth` is not a `T`.
    pub fn auth<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.inner.identity.auth.as_deref().unwrap_or("{}"))
    }

    /// The HTTP request that opened its connection: URL and query, headers, the peer's address. It
    /// is kept once for all sockets of the connection.
    ///
    /// # Examples
    /// ```
    /// # fn look(socket: sori::Socket) {
    /// let handshake = socket.handshake();
    /// let token = handshake.query("token");
    /// let language = handshake.header("accept-language");
    /// let address = handshake.remote_address();
    /// # }
    /// ```
    pub fn handshake(&self) -> &Handshake {
        &self.inner.identity.handshake
    }

    /// What carries its connection at the moment; none once that is over.
    pub fn transport(&self) -> Option<TransportKind> {
        let conn = self.inner.identity.reference.conn;
        self.inner.router.seats().transport_of(conn)
    }

    /// Calls `handler` for this socket's events of that name, after the handlers of its namespace.
    /// Each handler takes memory for each socket; [`Namespace::on`](crate::Namespace::on) takes
    /// none.
    ///
    /// # Panics
    /// As [`Namespace::on`](crate::Namespace::on).
    #[track_caller]
    pub fn on<M>(&self, event: &str, handler: impl Handler<M>) {
        let handler = forget_types(handler, event, self.inner.router.state());
        self.with_extras(|extras| extras.handlers.append(event, handler));
        self.inner.has_handlers.store(true, Ordering::Release);
    }

    /// Calls `handler` when this socket is gone, after the handlers of its namespace.
    pub fn on_disconnect<F, R, K>(&self, handler: F)
    where
        F: Fn(Socket, DisconnectReason) -> R + Send + Sync + 'static,
        R: Outcome<K>,
    {
        let handler = move |socket, reason| handler(socket, reason).into_called();
        self.with_extras(|extras| extras.on_disconnect.push(Arc::new(handler)));
    }

    /// Sends an event. A tuple is several arguments, `()` none, anything else one; a fixed-size
    /// array counts as a tuple, a `Vec` or a slice as one argument.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a reserved name, and for arguments that cannot be JSON. That the
    /// client is gone is no error: it may go at any time before the event reaches it.
    ///
    /// # Examples
    /// ```no_run
    /// # fn example(socket: sori::Socket) -> sori::Result {
    /// socket.emit("tick", ())?;
    /// socket.emit("greeting", "hello")?;
    /// socket.emit("move", ("e2", "e4"))?;
    /// socket.emit("list", vec![1, 2, 3])
    /// # }
    /// ```
    pub fn emit(&self, event: &str, arguments: impl Serialize) -> Result<(), Error> {
        self.send(Encoded::event(event, &arguments)?, false);
        Ok(())
    }

    /// Sends an event unless it would have to wait, for example behind others or for the next
    /// poll.
    ///
    /// # Errors
    /// As [`Socket::emit`].
    pub fn emit_volatile(&self, event: &str, arguments: impl Serialize) -> Result<(), Error> {
        self.send(Encoded::event(event, &arguments)?, true);
        Ok(())
    }

    /// Sends an event, when the result is awaited, and waits for the client's answer: its first
    /// argument, or a tuple of several.
    pub fn emit_with_ack<R>(&self, event: &str, arguments: impl Serialize) -> PendingAck<R> {
        PendingAck::new(self.clone(), Encoded::event(event, &arguments))
    }

    /// Addresses every socket of the namespace but this one.
    pub fn broadcast(&self) -> Broadcast {
        let Inner {
            engine,
            router,
            namespace,
            identity,
            ..
        } = &*self.inner;
        Broadcast::new(engine, router, namespace).except(&identity.sid)
    }

    /// Addresses the sockets in any of `rooms`, but not this one.
    pub fn to(&self, rooms: impl Rooms) -> Broadcast {
        self.broadcast().to(rooms)
    }

    /// The same as [`Socket::to`].
    pub fn within(&self, rooms: impl Rooms) -> Broadcast {
        self.to(rooms)
    }

    /// Addresses the sockets in none of `rooms`, and not this one.
    pub fn except(&self, rooms: impl Rooms) -> Broadcast {
        self.broadcast().except(rooms)
    }

    /// Puts it into `rooms`. In the handlers for its end it is in none any more, and this does nothing.
    pub fn join(&self, rooms: impl Rooms) {
        let socket = self.inner.identity.reference;
        with_rooms(rooms, |rooms| self.command(Command::Join { socket, rooms }));
    }

    /// Takes it out of `rooms`.
    pub fn leave(&self, rooms: impl Rooms) {
        let socket = self.inner.identity.reference;
        with_rooms(rooms, |rooms| {
            self.command(Command::Leave { socket, rooms });
        });
    }

    /// Takes it out of all rooms but that of its own id, without which it could be neither
    /// addressed nor left out.
    pub fn leave_all(&self) {
        let mut rooms = self.rooms();
        rooms.retain(|room| *room != self.inner.identity.sid);
        self.leave(rooms);
    }

    /// The rooms it is in, that of its own id first. Once it is gone: those it was in at its end.
    pub fn rooms(&self) -> Vec<Arc<str>> {
        if self.is_connected() {
            let rooms = self
                .inner
                .namespace
                .hub()
                .rooms_of(self.inner.identity.reference.conn);
            if !rooms.is_empty() {
                return rooms;
            }
        }
        let extras = self.inner.extras.lock();
        extras
            .as_ref()
            .map(|extras| extras.parting.clone())
            .unwrap_or_default()
    }

    /// Keeps `value` for this socket, in place of the value of the same type kept before.
    pub fn set_data<T: Any + Send + Sync>(&self, value: T) {
        // The value before may do anything when it is dropped: not under the lock.
        let before = self.with_extras(|extras| extras.data.insert(value));
        drop(before);
    }

    /// The value of that type kept for this socket, if there is one.
    ///
    /// # Examples
    /// ```no_run
    /// # fn example(socket: sori::Socket) {
    /// struct Player {
    ///     name: String,
    /// }
    /// socket.set_data(Player { name: "Ada".to_owned() });
    /// let player = socket.data::<Player>().expect("it was just set");
    /// assert_eq!(player.name, "Ada");
    /// # }
    /// ```
    pub fn data<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.inner.extras.lock().as_ref()?.data.find()
    }

    /// The value of that type that the server was built with; see
    /// [`ServerBuilder::state`](crate::ServerBuilder::state).
    pub fn state<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.inner.router.state().find()
    }

    /// Takes it out of its namespace; the client is told. What was sent before still arrives. Its
    /// handlers hear nothing more of it but the disconnect, "server namespace disconnect".
    pub fn disconnect(&self) {
        if self.end(Ended::Here) {
            let socket = self.inner.identity.reference;
            self.inner.router.seats().remove(socket);
            self.inner.engine.execute(Command::Disconnect { socket });
            self.inner.router.tell_ended(self.clone());
        }
    }

    /// Disconnects every socket of its connection, in whatever namespace, then closes the
    /// connection.
    pub fn close(&self) {
        let conn = self.inner.identity.reference.conn;
        for socket in self.inner.router.seats().sockets_of(conn) {
            socket.disconnect();
        }
        self.inner.engine.execute(Command::Close {
            conn,
            discard: false,
        });
    }
}

/// For the rest of the face.
impl Socket {
    pub(super) fn new(
        engine: &Engine,
        router: &Arc<Router>,
        namespace: Arc<NamespaceState>,
        identity: Identity,
    ) -> Socket {
        Socket {
            inner: Arc::new(Inner {
                engine: engine.clone(),
                router: Arc::clone(router),
                namespace,
                identity,
                standing: AtomicU8::new(ASKING),
                is_busy: AtomicBool::new(false),
                has_handlers: AtomicBool::new(false),
                extras: Mutex::default(),
            }),
        }
    }

    /// For connections that nobody has told anything of.
    pub(super) fn unknown_handshake() -> Arc<Handshake> {
        Arc::new(Handshake::new("", [], Peer::default()))
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    pub(super) fn router(&self) -> &Arc<Router> {
        &self.inner.router
    }

    pub(super) fn namespace_state(&self) -> &NamespaceState {
        &self.inner.namespace
    }

    pub(super) fn reference(&self) -> SocketRef {
        self.inner.identity.reference
    }

    pub(super) fn profile(&self) -> Profile {
        Profile {
            handshake: Some(Arc::clone(&self.inner.identity.handshake)),
            auth: self.inner.identity.auth.clone(),
        }
    }

    pub(super) fn sid(&self) -> Arc<str> {
        Arc::clone(&self.inner.identity.sid)
    }

    pub(super) fn set_connected(&self) {
        self.inner.standing.store(CONNECTED, Ordering::Release);
    }

    /// Ends it. False if it had ended before. Its rooms are kept, and who waits for its answers
    /// waits no more.
    pub(super) fn end(&self, by: Ended) -> bool {
        let ended = match by {
            Ended::There => ENDED_THERE,
            Ended::Here => ENDED_HERE,
        };
        let standing = &self.inner.standing;
        if standing
            .compare_exchange(CONNECTED, ended, Ordering::AcqRel, Ordering::Acquire)
            .is_err()
        {
            return false;
        }
        let rooms = self
            .inner
            .namespace
            .hub()
            .rooms_of(self.inner.identity.reference.conn);
        let acks = self.with_extras(|extras| {
            extras.parting = rooms;
            std::mem::take(&mut extras.acks)
        });
        drop(acks);
        true
    }

    pub(super) fn was_ended_here(&self) -> bool {
        self.inner.standing.load(Ordering::Acquire) == ENDED_HERE
    }

    pub(super) fn is_busy(&self) -> bool {
        self.inner.is_busy.load(Ordering::Acquire)
    }

    pub(super) fn set_busy(&self, is_busy: bool) {
        self.inner.is_busy.store(is_busy, Ordering::Release);
    }

    pub(super) fn is_behind(&self) -> bool {
        let extras = self.inner.extras.lock();
        extras
            .as_ref()
            .is_some_and(|extras| extras.lane.is_behind())
    }

    pub(super) fn with_lane<R>(&self, work: impl FnOnce(&mut Lane) -> R) -> R {
        self.with_extras(|extras| work(&mut extras.lane))
    }

    pub(super) fn handlers_of(&self, event: &str) -> Option<HandlerList> {
        if !self.inner.has_handlers.load(Ordering::Acquire) {
            return None;
        }
        let extras = self.inner.extras.lock();
        extras.as_ref()?.handlers.get(event).cloned()
    }

    /// Takes all its own handlers away; gives those for its end.
    pub(super) fn take_handlers(&self) -> Vec<Arc<DisconnectHandler>> {
        // What handlers hold may do anything when it is dropped: not under the lock.
        let (handlers, on_disconnect) = self.with_extras(|extras| {
            let handlers = std::mem::take(&mut extras.handlers);
            (handlers, std::mem::take(&mut extras.on_disconnect))
        });
        drop(handlers);
        on_disconnect
    }

    pub(super) fn next_ack(&self) -> u64 {
        self.inner.namespace.hub().next_ack()
    }

    /// Waits for the answer with that id. False if none will come.
    pub(super) fn expect_ack(&self, id: u64, waiting: oneshot::Sender<Answered>) -> bool {
        self.with_extras(|extras| {
            // Looked at under the lock under which `end` takes the acks away.
            let is_connected = self.is_connected();
            if is_connected {
                extras.acks.insert(id, waiting);
            }
            is_connected
        })
    }

    pub(super) fn forget_ack(&self, id: u64) {
        let mut extras = self.inner.extras.lock();
        if let Some(extras) = extras.as_mut() {
            extras.acks.remove(&id);
        }
    }

    pub(super) fn answer(&self, id: u64, answered: Answered) {
        let mut extras = self.inner.extras.lock();
        let waiting = extras.as_mut().and_then(|extras| extras.acks.remove(&id));
        drop(extras);
        if let Some(waiting) = waiting {
            // Who waited may have given up.
            let _ = waiting.send(answered);
        }
    }

    fn send(&self, mut event: Encoded, volatile: bool) {
        self.inner.namespace.announce(Some(self), &event);
        // The connection may have another socket in this namespace by now.
        if self.is_connected() {
            let Inner {
                engine,
                namespace,
                identity,
                ..
            } = &*self.inner;
            engine.emit(
                namespace.hub(),
                identity.reference,
                event.take_payload(),
                volatile,
            );
        }
    }

    fn command(&self, command: Command<'_>) {
        // The connection may have another socket in this namespace by now.
        if self.is_connected() {
            self.inner.engine.execute(command);
        }
    }

    fn with_extras<R>(&self, work: impl FnOnce(&mut Extras) -> R) -> R {
        work(self.inner.extras.lock().get_or_insert_default())
    }
}

impl PartialEq for Socket {
    fn eq(&self, other: &Socket) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for Socket {}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("id", &self.id())
            .field("namespace", &self.namespace_name())
            .finish_non_exhaustive()
    }
}
