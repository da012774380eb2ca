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
//! Beside Socket.IO the same threads serve plain WebSockets ([`ws`]), server-sent events ([`sse`]) and
//! Engine.IO without Socket.IO ([`engine_io`]). The chapters of the manual are in
//! `docs` (with feature `full`).
//!
//! # Features
//!
//! | feature | brings | default |
//! | --- | --- | --- |
//! | `server` | sockets, threads, HTTP: all of the Rust face | yes |
//! | `http-compression` | gzip, deflate and brotli for long polling | yes |
//! | `tls` | TLS on the own listener: `Server::listen_tls` | |
//! | `webtransport` | Engine.IO over WebTransport (HTTP/3): `Server::listen_webtransport` | |
//! | `tower` | the server as a tower service and layer, for axum, hyper and others | |
//! | `tracing` | events and spans for `tracing` subscribers | |
//! | `redis` | clusters of servers that meet over Redis: `adapter::Redis` | |
//! | `redis-tls` | the same behind TLS: `rediss://` | |
//! | `client` | a client of Socket.IO and WebSocket servers | |
//! | `client-tls` | the same for servers behind TLS | |
//! | `full` | all of them | |
//!
//! Without any of them the crate is the codecs, the session and the hub: no IO.
//!
//! # Layers
//! The layers, each importing only what stands below it:
//!
//! | module | what it decides |
//! | --- | --- |
//! | [`proto`] | bytes to packets and back |
//! | [`session`] | one connection's life: transports, heartbeat, upgrade; pure |
//! | [`adapter`] | what carries messages between servers, and what is asked over it |
//! | [`hub`] | namespaces, sockets, rooms, acks; no IO |
//! | [`embed`] | the waist all languages share: commands in, events out |
//! | `server` | shards, sockets, clocks, HTTP (feature `server`) |
//! | `app` | the Rust face: handlers, typed events, ack futures (feature `server`) |
//! | `client` | clients of Socket.IO and WebSocket servers (feature `client`; TLS: `client-tls`) |
#![cfg_attr(not(test), deny(clippy::unwrap_used))]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod adapter;
#[cfg(feature = "server")]
pub mod app;
#[cfg(any(feature = "client", feature = "server"))]
mod arguments;
#[cfg(feature = "client")]
pub mod client;
pub mod config;
#[cfg(all(feature = "tls", feature = "tower"))]
pub mod docs;
pub mod embed;
pub mod error;
pub mod hub;
pub mod metrics;
pub mod proto;
#[cfg(any(feature = "client", feature = "server"))]
mod pull;
#[cfg(feature = "server")]
pub mod server;
pub mod session;
#[cfg(any(feature = "client", feature = "server"))]
mod thread;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tower")]
pub mod tower;
#[cfg(feature = "server")]
mod trace;
#[cfg(feature = "server")]
mod transport;

#[cfg(feature = "server")]
pub use app::{
    Ack, AckError, Answer, AnswerStream, Answers, AnyEvent, Attempt, Binary, Broadcast,
    ConnectError, ConnectRequest, HandlerError, Namespace, RemoteSocket, Result, Server,
    ServerBuilder, ServerMessage, Socket, State, TypedEvent, engine_io,
};
#[cfg(feature = "server")]
pub use app::{sse, ws};
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
