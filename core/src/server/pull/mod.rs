//! A server whose application fetches its events instead of being called: what faces without
//! closures, and programs with an event loop of their own, build on.
//!
//! ```text
//!  shard ──► roster: which socket? ──► queue ──► poll()      descriptor: readable while events wait
//!  shard ──► roster: which socket? ──┘   └─ full: the engine stops reading
//! ```
//! A socket's life, as the application sees it: one [`PulledEvent::Connect`]; once it is accepted,
//! any number of messages and acks; then exactly one [`PulledEvent::Disconnect`], whoever ended it,
//! and nothing after that.

mod cluster;
mod event;
mod mailbox;
mod queue;
mod raw;
mod reception;
mod roster;
mod sse;
mod tickets;
mod websocket;

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

pub use event::{PulledEvent, RawEvent, SseEvent, WebSocketEvent};
pub use raw::RawOptions;
pub use reception::WebSocketVerdict;
pub use roster::{SocketIdentity, SocketKey};
pub use sse::{SseClient, SseEndpoint, SsePath, SseVerdict};
pub use websocket::WebSocketPath;

use super::{Batch, Engine, Placement};
use crate::config::Config;
use crate::embed::websocket::Gauge;
use crate::embed::{AckRequest, Command, Payload, SocketRef, Telling};
use crate::error::Error;
use crate::hub::{ConnId, Namespace};
use queue::EventQueue;
use websocket::Ending;

/// An engine and the queue of its events. Every method may be called from any thread. What changes
/// something takes a batch of [`Engine::batch`]: it reaches connections when that is dropped, together
/// with what else is in it.
#[derive(Debug)]
pub struct PullServer {
    engine: Engine,
    queue: Arc<EventQueue>,
}

/// The socket has disconnected, was never accepted, or its connect request was answered before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no such socket")
    }
}

impl std::error::Error for Gone {}

/// Dropping it closes every connection and waits for the engine's end, and for its threads if no other
/// engine runs on them.
impl Drop for PullServer {
    fn drop(&mut self) {
        self.engine.close();
        self.engine.join();
    }
}

impl PullServer {
    /// Starts an engine. It serves `/` and the namespaces that [`PullServer::open_namespace`]
    /// opens; clients that ask for others are refused without the application being asked.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub fn start(config: Config) -> Result<PullServer, Error> {
        PullServer::start_with(Placement::default(), config)
    }

    /// As [`PullServer::start`], somewhere else: on threads of another engine it has as many shards as
    /// they are, whatever `config` says.
    ///
    /// # Errors
    /// As [`Engine::start_with`].
    pub fn start_with(placement: Placement<'_>, mut config: Config) -> Result<PullServer, Error> {
        if let Some(threads) = placement.threads {
            config.shards = threads.count();
        }
        config.validate()?;
        let queue = EventQueue::new(&config, placement.adapter.is_some());
        let engine = Engine::start_with(placement, config, Arc::clone(&queue) as _)?;
        Ok(PullServer { engine, queue })
    }

    /// The engine, for what needs no [`SocketKey`]: broadcasts, the hub, metrics. Sockets are
    /// accepted and disconnected through `self` alone.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// As [`Engine::listen`].
    ///
    /// # Errors
    /// As [`Engine::listen`].
    pub fn listen(&self, address: impl ToSocketAddrs) -> Result<SocketAddr, Error> {
        self.engine.listen(address)
    }

    /// Lets clients ask for the namespace of that name.
    pub fn open_namespace(&self, name: &str) {
        self.engine.hub().register(name);
    }

    /// Lets clients ask for every namespace whose name begins with `prefix`. One that is not there
    /// is made when its first socket is accepted, and goes with its last.
    pub fn open_namespaces(&self, prefix: &str) {
        self.queue.open_prefix(prefix);
    }

    /// Keeps `data` for the socket that comes back in place of this one, instead of what was kept
    /// before; its [`PulledEvent::Connect`] carries it. For nothing unless the settings have
    /// `recovery`.
    ///
    /// # Errors
    /// [`Gone`]
    pub fn keep(&self, socket: SocketKey, data: &str) -> Result<(), Gone> {
        self.engine.keep(self.client(socket)?, data.into());
        Ok(())
    }

    /// Appends up to `most` events to `events`, waiting up to `timeout` (`None`: for ever) for the
    /// first. Gives how many it appended. With several threads polling, events of one socket are
    /// spread over them. It also answers closes of plain WebSockets, those before which every event
    /// has been taken by earlier calls.
    ///
    /// # Errors
    /// [`Error::Closed`] once [`PulledEvent::Closed`] has been taken.
    pub fn poll(
        &self,
        events: &mut Vec<PulledEvent>,
        most: usize,
        timeout: Option<Duration>,
    ) -> Result<usize, Error> {
        self.poll_with(events, most, timeout, |command| {
            self.engine.execute(command);
        })
    }

    /// As [`PullServer::poll`], for an application that holds a batch back meanwhile: what the server
    /// itself has to say, in its place behind what the application has said, is given to `execute`.
    ///
    /// # Errors
    /// As [`PullServer::poll`].
    pub fn poll_with(
        &self,
        events: &mut Vec<PulledEvent>,
        most: usize,
        timeout: Option<Duration>,
        mut execute: impl FnMut(Command<'_>),
    ) -> Result<usize, Error> {
        let before = events.len();
        let answer = |ending: Ending| execute(ending.command());
        let taken = self.queue.take(events, most, timeout, answer);
        if self.queue.is_resume_due() {
            self.engine.resume();
        }
        taken.map(|()| events.len() - before)
    }

    /// A descriptor that is readable while events wait, to be watched and not read from. It lives
    /// as long as the server.
    ///
    /// # Errors
    /// [`Error::Io`] if the system has no descriptor left.
    #[cfg(unix)]
    pub fn descriptor(&self) -> Result<std::os::fd::BorrowedFd<'_>, Error> {
        self.queue.descriptor()
    }

    /// Closes every connection and stops listening; [`PulledEvent::Closed`] is the last event.
    pub fn close(&self) {
        self.engine.close();
    }

    /// As [`Engine::close_within`]: what is queued leaves first, for at most this time.
    pub fn close_within(&self, time: Duration) {
        self.engine.close_within(time);
    }

    /// Whether [`PullServer::close`] was called.
    pub fn is_closing(&self) -> bool {
        self.engine.is_closing()
    }

    /// Lets a client in that asked with [`PulledEvent::Connect`].
    ///
    /// # Errors
    /// [`Gone`] if the client has left meanwhile: then no [`PulledEvent::Disconnect`] follows.
    pub fn accept(&self, batch: &mut Batch<'_>, socket: SocketKey) -> Result<(), Gone> {
        self.queue.accept(&self.engine, batch, socket)
    }

    /// Keeps a client out that asked with [`PulledEvent::Connect`]. `error` is a JSON object, for
    /// example `{"message":"not authorized"}`; the caller vouches for its validity.
    ///
    /// # Errors
    /// [`Gone`] if the client has left meanwhile.
    pub fn refuse(
        &self,
        batch: &mut Batch<'_>,
        socket: SocketKey,
        error: &str,
    ) -> Result<(), Gone> {
        let (conn, socket) = self.queue.refuse(socket).ok_or(Gone)?;
        batch.execute(Command::Refuse {
            conn,
            namespace: &socket.namespace,
            error,
        });
        Ok(())
    }

    /// Sends an event to one socket.
    ///
    /// # Errors
    /// [`Gone`]
    pub fn emit(
        &self,
        batch: &mut Batch<'_>,
        socket: SocketKey,
        payload: Payload<'_>,
        volatile: bool,
    ) -> Result<(), Gone> {
        let socket = self.client(socket)?;
        batch.execute(Command::Emit {
            socket,
            payload,
            volatile,
            ack: None,
        });
        Ok(())
    }

    /// Sends an event that asks for an answer, and gives the ack's id. [`PulledEvent::Ack`],
    /// [`PulledEvent::AckTimeout`] or the socket's [`PulledEvent::Disconnect`] follows. A `timeout`
    /// of `None` waits for as long as the socket lives.
    ///
    /// # Errors
    /// [`Gone`]
    pub fn emit_with_ack(
        &self,
        batch: &mut Batch<'_>,
        socket: SocketKey,
        payload: Payload<'_>,
        volatile: bool,
        timeout: Option<Duration>,
    ) -> Result<u64, Gone> {
        let namespace = self.client(socket)?.namespace;
        let namespace = self.engine.hub().namespace(namespace).ok_or(Gone)?;
        let id = namespace.next_ack();
        let socket = self.queue.expect_ack(socket, id).ok_or(Gone)?;
        batch.execute(Command::Emit {
            socket,
            payload,
            volatile,
            ack: Some(AckRequest {
                id,
                timeout,
                telling: Telling::default(),
            }),
        });
        Ok(id)
    }

    /// Answers a [`PulledEvent::Message`] that carries an ack.
    ///
    /// # Errors
    /// [`Gone`]
    pub fn answer(
        &self,
        batch: &mut Batch<'_>,
        socket: SocketKey,
        ack: u64,
        payload: Payload<'_>,
    ) -> Result<(), Gone> {
        let socket = self.client(socket)?;
        batch.execute(Command::Answer {
            socket,
            id: ack,
            payload,
        });
        Ok(())
    }

    /// Takes a socket out of its namespace; the client is told. [`PulledEvent::Disconnect`]
    /// follows.
    ///
    /// # Errors
    /// [`Gone`]
    pub fn disconnect(&self, batch: &mut Batch<'_>, socket: SocketKey) -> Result<(), Gone> {
        self.queue.disconnect(&self.engine, batch, socket)
    }

    /// Disconnects every socket of this one's connection, and closes the connection.
    ///
    /// # Errors
    /// [`Gone`]
    pub fn close_connection(&self, batch: &mut Batch<'_>, socket: SocketKey) -> Result<(), Gone> {
        self.queue.close_connection(&self.engine, batch, socket)
    }

    /// Serves plain WebSockets at a path of their own. The application calls those of `/feed` the
    /// namespace `ws:/feed`; each is in it from the start.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the path is none, is taken, or lies below the engine's own.
    pub fn open_websockets(&self, path: WebSocketPath) -> Result<(), Error> {
        self.queue.paths().open(&self.engine, path)
    }

    /// The open namespace of that name, or the plain WebSockets that are called so.
    pub fn namespace(&self, name: &str) -> Option<Arc<Namespace>> {
        match self.queue.paths().group(name) {
            Some(group) => self.engine.hub().namespace(group),
            None => self.engine.hub().lookup(name),
        }
    }

    /// The connection of a plain WebSocket, and how much waits for its peer.
    ///
    /// # Errors
    /// [`Gone`], also for a socket that is none.
    pub fn websocket(&self, socket: SocketKey) -> Result<(ConnId, Arc<Gauge>), Gone> {
        self.queue.websocket(socket).ok_or(Gone)
    }

    /// What is known of a socket, or of a client that asks to be one.
    ///
    /// # Errors
    /// [`Gone`]
    pub fn identity(&self, socket: SocketKey) -> Result<Arc<SocketIdentity>, Gone> {
        self.queue.identity(socket).ok_or(Gone)
    }

    fn client(&self, socket: SocketKey) -> Result<SocketRef, Gone> {
        self.queue.client(socket).ok_or(Gone)
    }

    /// What the engine knows an accepted socket or a plain WebSocket by, for commands on rooms.
    ///
    /// # Errors
    /// [`Gone`]
    pub fn find(&self, socket: SocketKey) -> Result<SocketRef, Gone> {
        self.queue.find(socket).ok_or(Gone)
    }

    /// What the application knows a socket of the engine by; nothing if the socket is gone.
    pub fn key_of(&self, socket: SocketRef) -> Option<SocketKey> {
        self.queue.key_of(socket)
    }
}
