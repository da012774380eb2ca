//! Engine.IO without Socket.IO: connections that carry text and bytes, for protocols of one's own.
//!
//! Clients find a transport, upgrade and keep the connection alive as those of Socket.IO do; what
//! the messages mean is the application's affair. There are no namespaces, rooms or acks.
//!
//! ```no_run
//! use sori::engine_io::{Event, Socket};
//!
//! # fn main() -> Result<(), sori::Error> {
//! let server = sori::Server::builder()
//!     .path("/engine.io")
//!     .engine_io(|socket: &Socket, event| match event {
//!         Event::Text(text) => socket.send(text),
//!         Event::Binary(bytes) => socket.send(bytes),
//!         _ => {}
//!     })?;
//! server.listen("127.0.0.1:3000")?;
//! server.wait();
//! # Ok(())
//! # }
//! ```

use std::collections::HashMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use parking_lot::Mutex;

use super::builder::ServerBuilder;
use super::outcome::guard;
use super::reception::Hooks;
use crate::config::{Config, Protocol, TransportKind};
use crate::embed::{Command, ConnId, Event as EngineEvent, Handshake, Raw};
use crate::error::{DisconnectReason, Error};
use crate::hub::Slot;
use crate::metrics::Metrics;
use crate::server::{Application, Engine, Reception, Threads};

/// What has happened to a connection, in order; the first is `Open`, the last `Close`.
#[derive(Debug)]
pub enum Event<'a> {
    /// It is open, over this transport.
    Open(TransportKind),
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
    /// The client's heartbeat.
    Heartbeat,
    /// It is carried by a WebSocket, or by WebTransport, from now on.
    Upgrade,
    /// All up to the [`Message`] of this token has been handed to the transport.
    Sent(u64),
    /// It is over.
    Close {
        /// Why, in engine.io's terms.
        reason: DisconnectReason,
        /// More about why, for people.
        description: Option<&'a str>,
    },
}

/// A message to be sent, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a message is sent by `Socket::send`"]
pub struct Message<'a> {
    content: Raw<'a>,
    volatile: bool,
    compress: bool,
    token: Option<u64>,
}

impl<'a> Message<'a> {
    /// Drops the message rather than let it wait, if the client cannot take it at once.
    pub fn volatile(mut self) -> Message<'a> {
        self.volatile = true;
        self
    }

    /// Leaves the message uncompressed, where the connection could compress it.
    pub fn uncompressed(mut self) -> Message<'a> {
        self.compress = false;
        self
    }

    /// Asks to be told of `token`, by [`Event::Sent`], once the message has been handed to the
    /// transport. It is never told of a message that its connection still held when it ended.
    pub fn token(mut self, token: u64) -> Message<'a> {
        self.token = Some(token);
        self
    }
}

impl<'a> From<Raw<'a>> for Message<'a> {
    fn from(content: Raw<'a>) -> Message<'a> {
        Message {
            content,
            volatile: false,
            compress: true,
            token: None,
        }
    }
}

impl<'a> From<&'a str> for Message<'a> {
    fn from(text: &'a str) -> Message<'a> {
        Raw::Text(text).into()
    }
}

impl<'a> From<&'a [u8]> for Message<'a> {
    fn from(bytes: &'a [u8]) -> Message<'a> {
        Raw::Binary(bytes).into()
    }
}

/// One client's connection. Clones are handles on the same one; they may be kept, and used from any
/// thread. What is done with one that is over does nothing.
#[derive(Clone, Debug)]
pub struct Socket {
    engine: Engine,
    identity: Arc<Identity>,
}

#[derive(Debug)]
struct Identity {
    conn: ConnId,
    sid: Arc<str>,
    handshake: Option<Arc<Handshake>>,
}

impl Socket {
    /// The session's id, which the client knows too.
    pub fn id(&self) -> &str {
        &self.identity.sid
    }

    /// The HTTP request that opened it.
    pub fn handshake(&self) -> Option<&Handshake> {
        self.identity.handshake.as_deref()
    }

    /// Sends a text, bytes, or a [`Message`] that says more.
    pub fn send<'a>(&self, message: impl Into<Message<'a>>) {
        let Message {
            content,
            volatile,
            compress,
            token,
        } = message.into();
        self.engine.execute(Command::Send {
            conn: self.identity.conn,
            message: content,
            volatile,
            compress,
            token,
        });
    }

    /// Closes the connection once what is queued for it has left.
    pub fn close(&self) {
        self.end(false);
    }

    /// Closes the connection at once; what is queued for it is dropped.
    pub fn terminate(&self) {
        self.end(true);
    }

    fn end(&self, discard: bool) {
        let conn = self.identity.conn;
        self.engine.execute(Command::Close { conn, discard });
    }
}

/// A running server. Clones are handles on the same one; it runs until it is closed.
#[derive(Clone, Debug)]
pub struct Server {
    engine: Engine,
}

impl Server {
    /// Accepts connections on `address`; port 0 lets the system choose. Gives the address bound.
    ///
    /// # Errors
    /// [`Error::Io`] if the address cannot be had, [`Error::Closed`] after the server was closed.
    pub fn listen(&self, address: impl ToSocketAddrs) -> Result<SocketAddr, Error> {
        self.engine.listen(address)
    }

    /// Accepts sessions of WebTransport; see
    /// [`sori::Server::listen_webtransport`](crate::Server::listen_webtransport).
    ///
    /// # Errors
    /// As there.
    #[cfg(feature = "webtransport")]
    pub fn listen_webtransport(
        &self,
        address: impl ToSocketAddrs,
        tls: &crate::Tls,
    ) -> Result<SocketAddr, Error> {
        self.engine.listen_webtransport(address, tls)
    }

    /// The threads it runs on, for [`ServerBuilder::share_threads`].
    pub fn threads(&self) -> &Threads {
        self.engine.threads()
    }

    /// The settings it runs with.
    pub fn config(&self) -> &Config {
        self.engine.config()
    }

    /// The engine's counters at this moment.
    pub fn metrics(&self) -> Metrics {
        self.engine.metrics()
    }

    /// Closes every connection ("server shutting down") and stops listening; blocks until all is
    /// done. From a handler it would wait for itself forever.
    pub fn shutdown(&self) {
        self.engine.close();
        self.engine.join();
    }

    /// Blocks until somebody closes the server.
    pub fn wait(&self) {
        self.engine.join();
    }
}

impl ServerBuilder {
    /// Starts a server of [Engine.IO](self) that tells `handler` everything. The settings that speak
    /// of namespaces, acks and recovery have no meaning for it.
    ///
    /// The handler runs on IO threads, on one at a time for each connection, and must not block. If
    /// it panics, the connection is closed.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a setting that cannot work, [`Error::Io`] if no thread or event queue
    /// can be had, [`Error::Closed`] if the threads to share have ended.
    pub fn engine_io(
        mut self,
        handler: impl Fn(&Socket, Event<'_>) + Send + Sync + 'static,
    ) -> Result<Server, Error> {
        self.config.protocol = Protocol::EngineIo;
        let sockets = (0..self.shard_count()).map(|_| Mutex::default());
        let entrance = Entrance {
            sockets: sockets.collect(),
            handler: Box::new(handler),
            hooks: std::mem::take(&mut self.hooks),
        };
        let engine = self.start(Arc::new(entrance))?;
        Ok(Server { engine })
    }
}

/// The application the engine is given.
struct Entrance {
    /// By shard; only the shard's own thread ever waits for its lock.
    sockets: Box<[Mutex<Sockets>]>,
    handler: Box<Handler>,
    hooks: Hooks,
}

type Sockets = HashMap<Slot, Arc<Identity>>;
type Handler = dyn Fn(&Socket, Event<'_>) + Send + Sync;

impl Application for Entrance {
    fn handle(&self, engine: &Engine, event: EngineEvent<'_>) {
        match event {
            EngineEvent::Open {
                conn,
                sid,
                transport,
                handshake,
                ..
            } => {
                let identity = Identity {
                    conn,
                    sid: sid.into(),
                    handshake: handshake.cloned(),
                };
                let mut sockets = self.sockets[usize::from(conn.shard)].lock();
                sockets.insert(conn.slot, Arc::new(identity));
                drop(sockets);
                self.tell(engine, conn, Event::Open(transport));
            }
            EngineEvent::Raw { conn, message } => {
                let event = match message {
                    Raw::Text(text) => Event::Text(text),
                    Raw::Binary(bytes) => Event::Binary(bytes),
                };
                self.tell(engine, conn, event);
            }
            EngineEvent::Heartbeat { conn } => self.tell(engine, conn, Event::Heartbeat),
            EngineEvent::Upgraded { conn, .. } => self.tell(engine, conn, Event::Upgrade),
            EngineEvent::Sent { conn, token } => self.tell(engine, conn, Event::Sent(token)),
            EngineEvent::Close {
                conn,
                reason,
                description,
                ..
            } => {
                let event = Event::Close {
                    reason,
                    description,
                };
                self.tell(engine, conn, event);
                let mut sockets = self.sockets[usize::from(conn.shard)].lock();
                sockets.remove(&conn.slot);
            }
            // The rest is Socket.IO's, or of streams that the application brings.
            _ => {}
        }
    }

    fn reception(&self) -> Option<&dyn Reception> {
        Some(&self.hooks)
    }
}

impl Entrance {
    fn tell(&self, engine: &Engine, conn: ConnId, event: Event<'_>) {
        let sockets = self.sockets[usize::from(conn.shard)].lock();
        let Some(identity) = sockets.get(&conn.slot).map(Arc::clone) else {
            return;
        };
        drop(sockets);
        let socket = Socket {
            engine: engine.clone(),
            identity,
        };
        if guard(|| (self.handler)(&socket, event)).is_err() {
            socket.terminate();
        }
    }
}
