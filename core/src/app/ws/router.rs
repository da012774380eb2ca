//! The way from an engine's event to a handler of its endpoint.

use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::endpoint::{Admission, Endpoint, Handlers, Refusal, State};
use super::socket::Socket;
use super::{Close, Message};
use crate::app::outcome::guard;
use crate::app::reception::guarded;
use crate::config::WebSocketSettings;
use crate::embed::websocket::Event;
use crate::embed::{Command, ConnId, Handshake, Peer};
use crate::server::{Engine, WebSocketAdmission, WebSocketRefusal, WebSocketTerms};
use crate::trace::tell;

/// The endpoints of a server, and who is connected to them.
#[derive(Debug)]
pub(in crate::app) struct Endpoints {
    all: RwLock<Vec<Arc<State>>>,
    /// By shard, then by place: one lock per shard, which its own thread all but never waits for.
    sockets: Box<[Mutex<Vec<Option<Socket>>>]>,
}

impl Endpoints {
    pub(in crate::app) fn new(shards: usize) -> Endpoints {
        Endpoints {
            all: RwLock::default(),
            sockets: (0..shards).map(|_| Mutex::default()).collect(),
        }
    }

    /// The endpoint at that path; made, with these settings, if it is new.
    pub(in crate::app) fn open(
        &self,
        engine: &Engine,
        path: &str,
        mut settings: WebSocketSettings,
    ) -> Endpoint {
        // What handlers said before leaves first.
        settings.application_answers = true;
        let mut all = self.all.write();
        let known = all.iter().find(|state| &*state.path == path);
        let state = known.cloned().unwrap_or_else(|| {
            let state = Arc::new(State {
                path: path.into(),
                group: engine.open_group(),
                settings: Arc::new(settings),
                handlers: RwLock::default(),
            });
            all.push(Arc::clone(&state));
            state
        });
        Endpoint::new(engine, state)
    }

    /// Whether there is an endpoint at that path.
    pub(in crate::app) fn has(&self, path: &str) -> bool {
        self.all.read().iter().any(|state| &*state.path == path)
    }

    /// Begins to decide about a client; `None` if there is no endpoint at its path.
    pub(in crate::app) fn admit(&self, handshake: &Arc<Handshake>) -> Option<WebSocketAdmission> {
        let path = handshake.path();
        let all = self.all.read();
        let state = Arc::clone(all.iter().find(|state| &*state.path == path)?);
        let check = state.handlers.read().check.clone();
        let handshake = Arc::clone(handshake);
        Some(Box::pin(async move {
            let decided = match check {
                None => Ok(Admission::default()),
                Some(check) => guarded(|| check(handshake)).await.unwrap_or_else(|| {
                    Err(Refusal {
                        status: 500,
                        message: String::new(),
                    })
                }),
            };
            match decided {
                Ok(Admission { protocol, headers }) => Ok(WebSocketTerms {
                    group: state.group,
                    settings: Arc::clone(&state.settings),
                    protocol,
                    headers,
                }),
                Err(Refusal { status, message }) => Err(WebSocketRefusal {
                    status,
                    message,
                    headers: Default::default(),
                }),
            }
        }))
    }

    /// Takes an event to its handler. Called on the shard of its connection.
    pub(in crate::app) fn handle(&self, engine: &Engine, conn: ConnId, event: Event<'_>) {
        match event {
            Event::Open {
                group,
                handshake,
                gauge,
                ..
            } => {
                let all = self.all.read();
                let Some(state) = all.iter().find(|state| state.group == group) else {
                    return;
                };
                let handshake = handshake.cloned();
                let handshake =
                    handshake.unwrap_or_else(|| Arc::new(Handshake::new("", [], Peer::default())));
                let socket = Socket::new(engine, state, conn, handshake, gauge);
                drop(all);
                self.seat(&socket);
                call(&socket, |handlers, socket| {
                    handlers.on_open.as_ref().map(|on_open| on_open(socket))
                });
            }
            Event::Text(text) => self.handle_message(conn, Message::Text(text)),
            Event::RawText(text) => {
                // Not checked, as its settings ask: what is no UTF-8 is no text for a handler.
                if let Ok(text) = std::str::from_utf8(text) {
                    self.handle_message(conn, Message::Text(text));
                }
            }
            Event::Binary(bytes) => self.handle_message(conn, Message::Binary(bytes)),
            Event::Closed { code, reason } => {
                let Some(socket) = self.unseat(conn) else {
                    return;
                };
                socket.set_closed();
                let reason = String::from_utf8_lossy(reason);
                let close = Close {
                    code,
                    reason: &reason,
                };
                call(&socket, |handlers, socket| {
                    let on_close = handlers.on_close.as_ref();
                    on_close.map(|on_close| on_close(socket, close))
                });
            }
            Event::CloseFrame { .. } | Event::Ended => answer_end(engine, conn, &event),
            Event::Failed(_failure) => {
                tell!(debug, failure = ?_failure, "websocket failed");
                answer_end(engine, conn, &event);
            }
            Event::Ping(_) | Event::Pong(_) | Event::Sent { .. } | Event::Drain => {}
        }
    }

    /// Lets go of everything that may hold a handle on the engine.
    pub(in crate::app) fn close(&self) {
        for state in std::mem::take(&mut *self.all.write()) {
            let handlers = std::mem::take(&mut *state.handlers.write());
            drop(handlers);
        }
        for shard in &self.sockets {
            let sockets = std::mem::take(&mut *shard.lock());
            drop(sockets);
        }
    }

    fn handle_message(&self, conn: ConnId, message: Message<'_>) {
        let socket = {
            let sockets = self.sockets[usize::from(conn.shard)].lock();
            sockets.get(conn.slot.index as usize).cloned().flatten()
        };
        let Some(socket) = socket.filter(|socket| socket.conn() == conn) else {
            return;
        };
        call(&socket, |handlers, socket| {
            let on_message = handlers.on_message.as_ref();
            on_message.map(|on_message| on_message(socket, message))
        });
    }

    fn seat(&self, socket: &Socket) {
        let conn = socket.conn();
        let at = conn.slot.index as usize;
        let mut sockets = self.sockets[usize::from(conn.shard)].lock();
        if sockets.len() <= at {
            sockets.resize(at + 1, None);
        }
        sockets[at] = Some(socket.clone());
    }

    fn unseat(&self, conn: ConnId) -> Option<Socket> {
        let mut sockets = self.sockets[usize::from(conn.shard)].lock();
        let seat = sockets.get_mut(conn.slot.index as usize)?;
        seat.take_if(|socket| socket.conn() == conn)
    }
}

/// Answers a peer's end, behind what handlers have sent.
fn answer_end(engine: &Engine, conn: ConnId, event: &Event<'_>) {
    if let Some(command) = event.answer() {
        engine.execute(Command::WebSocket { conn, command });
    }
}

/// Calls a handler, if there is one. Its panic ends its connection.
fn call(socket: &Socket, call: impl FnOnce(&Handlers, &Socket) -> Option<()>) {
    let handlers = Arc::clone(&socket.endpoint().handlers.read());
    if let Err(_error) = guard(|| call(&handlers, socket)) {
        tell!(warn, error = %_error, "handler failed");
        socket.close(1011, "");
    }
}
