//! A path under which clients open streams of events: its handlers and its broadcasts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use super::client::Client;
use super::{Event, Refusal, Settings};
use crate::app::broadcast::Rooms;
use crate::app::outcome::guard;
use crate::app::reception::{Eventual, Eventually, guarded};
use crate::embed::Handshake;
use crate::error::Error;
use crate::server::sse::{Audience, Endpoint as Streaming};
use crate::server::{Engine, EventAdmission};
use crate::trace::tell;

/// A path of the server's under which clients open streams of events. Clones are handles on the
/// same one.
#[derive(Clone, Debug)]
pub struct Endpoint {
    state: Arc<State>,
}

/// What the handles of an endpoint share. It does not hold the engine, which holds it.
pub(super) struct State {
    pub(super) streaming: Arc<Streaming>,
    handlers: RwLock<Handlers>,
    next: AtomicU64,
}

#[derive(Clone, Default)]
struct Handlers {
    check: Option<Arc<Check>>,
    on_open: Option<Arc<Handler>>,
    on_close: Option<Arc<Handler>>,
}

type Check = dyn Fn(Arc<Handshake>) -> Eventual<Result<(), Refusal>> + Send + Sync;
type Handler = dyn Fn(&Client) + Send + Sync;

impl Endpoint {
    /// Its path.
    pub fn path(&self) -> &str {
        self.state.streaming.path()
    }

    /// Lets `check`, plain or async, decide about every client, in place of the check before. A
    /// status of 204 tells an `EventSource` not to come back.
    pub fn check<F, R, K>(&self, check: F)
    where
        F: Fn(Arc<Handshake>) -> R + Send + Sync + 'static,
        R: Eventually<Result<(), Refusal>, K>,
    {
        let check = move |handshake| check(handshake).into_eventual();
        self.state.handlers.write().check = Some(Arc::new(check));
    }

    /// Calls `handler` for every client, on an IO thread: it must not block. What is sent to the
    /// client meanwhile waits for its end. It takes the place of the one before.
    pub fn on_open(&self, handler: impl Fn(&Client) + Send + Sync + 'static) {
        self.state.handlers.write().on_open = Some(Arc::new(handler));
    }

    /// Calls `handler` for every client that is gone. It takes the place of the one before.
    pub fn on_close(&self, handler: impl Fn(&Client) + Send + Sync + 'static) {
        self.state.handlers.write().on_close = Some(Arc::new(handler));
    }

    /// Addresses every client.
    pub fn all(&self) -> Broadcast {
        Broadcast {
            endpoint: Arc::clone(&self.state),
            audience: Audience::default(),
        }
    }

    /// Addresses the clients in any of `rooms`.
    pub fn to(&self, rooms: impl Rooms) -> Broadcast {
        self.all().to(rooms)
    }

    /// How many clients there are.
    pub fn clients(&self) -> usize {
        self.state.streaming.len()
    }

    /// How many streams have been ended because their clients read too slowly.
    pub fn closed_slow(&self) -> u64 {
        self.state.streaming.closed_slow()
    }
}

/// The clients of an endpoint in any of some rooms and in none of others.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until `send` is called"]
pub struct Broadcast {
    endpoint: Arc<State>,
    audience: Audience,
}

impl Broadcast {
    /// Adds the clients in any of `rooms`. Without a call of it, all clients are meant; with an
    /// empty list and nothing else, nobody.
    pub fn to(mut self, rooms: impl Rooms) -> Broadcast {
        let chosen = self.audience.rooms.get_or_insert_default();
        rooms.each(&mut |room| chosen.push(room.into()));
        self
    }

    /// Leaves out the clients in any of `rooms`.
    pub fn except(mut self, rooms: impl Rooms) -> Broadcast {
        rooms.each(&mut |room| self.audience.except.push(room.into()));
        self
    }

    /// Sends an event: encoded once, and shared by reference.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a name or an id that would not arrive as it is.
    pub fn send(self, event: &Event) -> Result<(), Error> {
        let streaming = &self.endpoint.streaming;
        streaming.broadcast(self.audience, &event.fields())
    }
}

/// The endpoints of a server.
#[derive(Debug, Default)]
pub(in crate::app) struct Streams {
    all: RwLock<Vec<Arc<State>>>,
}

impl Streams {
    /// The endpoint at that path; made, with these settings, if it is new.
    pub(in crate::app) fn open(&self, path: &str, settings: Settings) -> Endpoint {
        let mut all = self.all.write();
        let known = all.iter().find(|state| state.streaming.path() == path);
        let state = known.cloned().unwrap_or_else(|| {
            let state = Arc::new(State {
                streaming: Streaming::new(path, settings),
                handlers: RwLock::default(),
                next: AtomicU64::new(0),
            });
            all.push(Arc::clone(&state));
            state
        });
        Endpoint { state }
    }

    /// Whether there is an endpoint at that path.
    pub(in crate::app) fn has(&self, path: &str) -> bool {
        let all = self.all.read();
        all.iter().any(|state| state.streaming.path() == path)
    }

    /// Begins to decide about a client; `None` if there is no endpoint at its path. Called, and
    /// driven, on a shard.
    pub(in crate::app) fn admit(
        &self,
        engine: &Engine,
        handshake: &Arc<Handshake>,
    ) -> Option<EventAdmission> {
        let path = handshake.path();
        let all = self.all.read();
        let state = Arc::clone(all.iter().find(|state| state.streaming.path() == path)?);
        let (engine, handshake) = (engine.clone(), Arc::clone(handshake));
        Some(Box::pin(async move {
            let check = state.handlers.read().check.clone();
            if let Some(check) = check {
                let decided = guarded(|| check(Arc::clone(&handshake))).await;
                let broken = Refusal {
                    status: 500,
                    message: String::new(),
                };
                if let Err(refusal) = decided.unwrap_or(Err(broken)) {
                    return Err((refusal.status, refusal.message));
                }
            }
            if state.streaming.is_full() {
                return Err((503, "too many clients".to_owned()));
            }
            Ok(State::take_on(&state, &engine, handshake))
        }))
    }

    /// Lets go of handlers, which may hold a handle on the engine.
    pub(in crate::app) fn close(&self) {
        for state in std::mem::take(&mut *self.all.write()) {
            state.streaming.close();
            let handlers = std::mem::take(&mut *state.handlers.write());
            drop(handlers);
        }
    }
}

impl State {
    fn take_on(
        self: &Arc<State>,
        engine: &Engine,
        handshake: Arc<Handshake>,
    ) -> crate::server::EventStream {
        let client = Client {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            endpoint: Arc::clone(self),
            handshake,
        };
        let leaving = client.clone();
        let stream = self.streaming.add(engine, client.id, move || {
            leaving.endpoint.streaming.remove(leaving.id);
            let handler = leaving.endpoint.handlers.read().on_close.clone();
            call(handler, &leaving);
        });
        let handler = self.handlers.read().on_open.clone();
        call(handler, &client);
        self.streaming.open(client.id, client.last_event_id());
        stream
    }
}

fn call(handler: Option<Arc<Handler>>, client: &Client) {
    if let Some(handler) = handler
        && let Err(_error) = guard(|| handler(client))
    {
        tell!(warn, error = %_error, "handler failed");
        client.close();
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("path", &self.streaming.path())
            .finish_non_exhaustive()
    }
}
