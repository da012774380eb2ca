//! A path under which clients open plain WebSockets: its handlers, its settings, its broadcasts.

use std::sync::Arc;

use http::HeaderMap;
use parking_lot::RwLock;

use super::broadcast::Broadcast;
use super::socket::Socket;
use super::{Close, Message};
use crate::app::broadcast::Rooms;
use crate::app::reception::{Eventual, Eventually};
use crate::config::WebSocketSettings;
use crate::embed::{Handshake, NamespaceId};
use crate::server::Engine;

/// A path of the server's under which clients open plain WebSockets. Clones are handles on the same
/// one. Register handlers before the server listens.
#[derive(Clone, Debug)]
pub struct Endpoint {
    engine: Engine,
    state: Arc<State>,
}

/// What the handles of an endpoint share.
pub(super) struct State {
    pub(super) path: Box<str>,
    pub(super) group: NamespaceId,
    pub(super) settings: Arc<WebSocketSettings>,
    pub(super) handlers: RwLock<Handlers>,
}

#[derive(Clone, Default)]
pub(super) struct Handlers {
    pub(super) check: Option<Arc<Check>>,
    pub(super) on_open: Option<Arc<OnOpen>>,
    pub(super) on_message: Option<Arc<OnMessage>>,
    pub(super) on_close: Option<Arc<OnClose>>,
}

pub(super) type Check =
    dyn Fn(Arc<Handshake>) -> Eventual<Result<Admission, Refusal>> + Send + Sync;
pub(super) type OnOpen = dyn Fn(&Socket) + Send + Sync;
pub(super) type OnMessage = dyn Fn(&Socket, Message<'_>) + Send + Sync;
pub(super) type OnClose = dyn Fn(&Socket, Close<'_>) + Send + Sync;

/// On which terms a client is let in.
#[derive(Clone, Debug, Default)]
pub struct Admission {
    /// The subprotocol; told only to a client that offered it.
    pub protocol: Option<String>,
    /// More headers for the answer.
    pub headers: HeaderMap,
}

/// Why a client is not let in.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The HTTP status, 400 or more.
    pub status: u16,
    /// The body of the answer; if it is empty, the status's own phrase.
    pub message: String,
}

impl Endpoint {
    pub(super) fn new(engine: &Engine, state: Arc<State>) -> Endpoint {
        Endpoint {
            engine: engine.clone(),
            state,
        }
    }

    /// Its path.
    pub fn path(&self) -> &str {
        &self.state.path
    }

    /// Lets `check`, plain or async, decide about every client, in place of the check before. One
    /// that has not decided within `connect_timeout`, or panics, refuses.
    ///
    /// # Examples
    /// ```no_run
    /// use sori::ws::{Admission, Refusal};
    ///
    /// # fn example(feed: sori::ws::Endpoint) {
    /// feed.check(|request| match request.query("token").as_deref() {
    ///     Some("letmein") => Ok(Admission::default()),
    ///     _ => Err(Refusal { status: 401, message: "who are you?".to_owned() }),
    /// });
    /// # }
    /// ```
    pub fn check<F, R, K>(&self, check: F)
    where
        F: Fn(Arc<Handshake>) -> R + Send + Sync + 'static,
        R: Eventually<Result<Admission, Refusal>, K>,
    {
        let check = move |handshake| check(handshake).into_eventual();
        self.state.handlers.write().check = Some(Arc::new(check));
    }

    /// Calls `handler` for every client, before any message of its. It takes the place of the one
    /// before.
    pub fn on_open(&self, handler: impl Fn(&Socket) + Send + Sync + 'static) {
        self.state.handlers.write().on_open = Some(Arc::new(handler));
    }

    /// Calls `handler` for every message. It takes the place of the one before.
    pub fn on_message(&self, handler: impl Fn(&Socket, Message<'_>) + Send + Sync + 'static) {
        self.state.handlers.write().on_message = Some(Arc::new(handler));
    }

    /// Calls `handler` for every client that is gone. It takes the place of the one before.
    pub fn on_close(&self, handler: impl Fn(&Socket, Close<'_>) + Send + Sync + 'static) {
        self.state.handlers.write().on_close = Some(Arc::new(handler));
    }

    /// Addresses every client.
    pub fn all(&self) -> Broadcast {
        Broadcast::new(&self.engine, &self.state)
    }

    /// Addresses the clients in any of `rooms`.
    pub fn to(&self, rooms: impl Rooms) -> Broadcast {
        self.all().to(rooms)
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
