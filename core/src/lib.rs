//! Sori is an embeddable realtime engine: it manages connections, rooms and `emit`/`on` events
//! for Socket.IO clients on its own IO threads.
//!
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

pub mod config;
pub mod embed;
pub mod error;
pub mod hub;
pub mod metrics;
pub mod proto;
#[cfg(feature = "server")]
pub mod server;
pub mod session;
#[cfg(feature = "server")]
mod transport;

pub use config::{Config, TransportKind};
pub use error::{DisconnectReason, Error};
