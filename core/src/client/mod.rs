//! Clients of Socket.IO servers, whoever made them: npm `socket.io` or Sori.
//!
//! A [`Client`] is one connection, a [`Socket`] one namespace over it. The API is the same for
//! programs without a runtime ([`ClientBuilder::start`]: a thread of the client's own) and for those
//! with one ([`ClientBuilder::spawn`]: a task): emits never wait, and what one may wait for is both a
//! future and has `wait()`.
//!
//! ```no_run
//! use sori::client::{Client, DisconnectReason, Socket};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder("http://127.0.0.1:3000").spawn()?;
//! let chat = client.socket("/")?;
//! chat.on("said", |_: Socket, who: String, text: String| println!("{who}: {text}"));
//! chat.on_disconnect(|_: Socket, reason: DisconnectReason| println!("gone: {reason}"));
//! chat.connect().await?;
//! let is_in: bool = chat.emit_with_ack("enter", "tea").await?;
//! chat.emit("say", "hello")?;
//! # Ok(())
//! # }
//! ```
//!
//! # Losing the connection
//! What is emitted without a connection waits for the next one, up to [`Config::max_queued_bytes`];
//! then [`Error::Full`](crate::Error::Full) says so. Volatile events are dropped. Acks of events that
//! had left come to [`AckError::Disconnected`]. The client tries again after a wait that doubles
//! ([`Reconnection`]), and its sockets are connected anew: with the id, the rooms and the events they
//! had, if the server keeps them ([`Socket::is_recovered`]). A socket that the server, or this side,
//! disconnected does not come back by itself.
//!
//! # Order
//! Handlers of one socket run one after another, in the order of its events, async ones to their
//! end. Answers to acks overtake events that wait: a handler may wait for one.
//!
//! # When handlers are too slow
//! From [`Config::max_pending_events`] (or 64 MiB) that wait for handlers on, the client reads no
//! more until some are done: TCP pushes back on the server.
//!
//! # Layers
//! `session` (Engine.IO), `sockets` (Socket.IO), `reconnect` and `connection` decide and are pure;
//! `io` moves bytes; `driver` joins them. [`PullClient`] is for programs that fetch events.
//!
//! # Without Socket.IO
//! [`WebSocket`] is a client of plain WebSocket servers, with the same back-off, bounds and TLS.

mod ack;
#[expect(clippy::module_inception, reason = "its main type")]
mod client;
mod config;
mod connection;
mod driver;
mod event;
mod handler;
mod io;
mod limits;
mod packet;
mod pull;
mod queue;
mod reconnect;
mod recovery;
mod seat;
mod session;
mod socket;
mod sockets;
#[cfg(test)]
mod tests;
mod thread;
mod typed;
mod wait;
mod websocket;

pub use crate::arguments::{
    AckError, AnyEvent, Anything, ArgumentError, Arguments, Attempt, Binary, Fits, Signature,
    TypedEvent,
};
pub use crate::config::TransportKind;
pub use ack::{Ack, AckFuture, PendingAck};
pub use client::{Client, ClientBuilder, Reconnecting};
pub use config::Config;
pub use event::{ConnectError, DisconnectReason, Event, SocketKey};
pub use handler::{
    Async, BoxError, Handler, HandlerError, Outcome, Plain, Settled, WithAck, WithoutAck,
};
pub use pull::PullClient;
pub use reconnect::Reconnection;
pub use socket::{Connecting, Socket};
pub use websocket::{WebSocket, WebSocketBuilder, WebSocketEvent, WebSocketMessage};
