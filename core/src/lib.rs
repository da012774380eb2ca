//! Sori is an embeddable realtime engine: it manages connections, rooms and `emit`/`on` events
//! for Socket.IO clients on its own IO threads.
//!
//! ```no_run
//! use sori::{Ack, Server, Socket};
//!
//! # fn main() -> Result<(), sori::Error> {
//! let server = Server::builder().build()?;
//! let chat = server.of("/");
//!
//! chat.on_connect(|socket: Socket| socket.join("lobby"));
//! chat.on("say", |socket: Socket, text: String| {
//!     socket.to("lobby").emit("said", (socket.id(), text))
//! });
//! chat.on("add", |_: Socket, a: i64, b: i64, ack: Ack| async move { ack.send(a + b) });
//!
//! server.listen("127.0.0.1:3000")?;
//! server.wait();
//! # Ok(())
//! # }
//! ```
//!
//! # A tour
//! A program starts with [`Server`]; [`ServerBuilder`] has its settings. A [`Namespace`] has the
//! handlers ([`app::Handler`] tells what they may take), the checks of those who want to join
//! ([`ConnectRequest`]), and the broadcasts ([`Broadcast`]). A [`Socket`] is one client there; its
//! [`Handshake`] is the HTTP request that it came with.
//! Answers go out through [`Ack`] and come in through `emit_with_ack`, on sockets and broadcasts.
//! [`engine_io`] serves messages without events and rooms.
//! [`Binary`] stands for bytes in arguments. What handlers do wrong, [`Server::on_error`] is told;
//! [`app`] says what happens in which order, and when there is too much.
//!
//! # Layers
//! The layers, each importing only what stands below it:
//!
//! | module | what it decides |
//! | --- | --- |
//! | [`proto`] | bytes to packets and back |
//! | [`session`] | one connection's life: transports, heartbeat, upgrade; pure |
//! | [`hub`] | namespaces, sockets, rooms, acks; no IO |
//! | [`embed`] | the waist all languages share: commands in, events out |
//! | `server` | shards, sockets, clocks, HTTP (feature `server`) |
//! | `app` | the Rust face: handlers, typed events, ack futures (feature `server`) |
#![cfg_attr(not(test), deny(clippy::unwrap_used))]
#![forbid(unsafe_code)]

#[cfg(feature = "server")]
pub mod app;
pub mod config;
pub mod embed;
pub mod error;
pub mod hub;
pub mod metrics;
pub mod proto;
#[cfg(feature = "server")]
pub mod server;
pub mod session;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "server")]
mod transport;

#[cfg(feature = "server")]
pub use app::{
    Ack, AckError, Answers, AnyEvent, Binary, Broadcast, ConnectError, ConnectRequest,
    HandlerError, Namespace, Result, Server, ServerBuilder, Socket, engine_io,
};
pub use config::{Config, Cors, TransportKind};
pub use embed::Handshake;
pub use error::{DisconnectReason, Error};
#[cfg(feature = "server")]
pub use http;
#[cfg(feature = "tls")]
pub use rustls;
#[cfg(feature = "tls")]
pub use tls::Tls;

/// The README's Rust compiles.
#[cfg(all(doctest, feature = "server"))]
#[doc = include_str!("../../README.md")]
struct Readme;
