//! The Rust face: handlers, typed events and ack futures over the engine's commands and events.
//!
//! A [`Server`] has [`Namespace`]s, a namespace has handlers and [`Socket`]s, a socket is a client.
//! Read `router.rs` for the way of an event from the engine to its handler, and `lane.rs` for the
//! order in which handlers run.
//!
//! # Order
//! The handlers of one socket run in the order in which its events arrived, also when they are
//! async: while one is pending, the socket's later events wait, and those of no other socket. Its
//! `on_connect` handlers come first, its `on_disconnect` handlers last.
//!
//! # When handlers are too slow
//! From 256 events (or 1 MiB) that wait for one socket's handlers on, its WebSocket is not read
//! until half of them are done: TCP pushes back on that client alone. Over `max_pending_events`, or
//! `max_queued_bytes`, which only a client on long polling gets to, its connection is closed.
//!
//! # When handlers fail
//! Arguments that do not fit, errors and panics end the call of that handler and nothing else. The
//! hook of [`Server::on_error`] is told.

mod ack;
mod answers;
mod broadcast;
mod builder;
mod cluster;
mod connect;
mod data;
mod dynamic;
pub mod engine_io;
mod error;
mod handler;
mod lane;
mod namespace;
mod outcome;
mod reception;
mod recovery;
mod registered;
mod router;
mod seats;
mod server;
mod socket;
pub mod sse;
mod state;
mod typed;
mod waiting;
mod watch;
pub mod ws;

pub use crate::arguments::{Anything, Arguments, Attempt, Binary, Fits, Signature, TypedEvent};
use crate::arguments::{decode, encode};
pub use ack::{Ack, AckFuture, PendingAck};
pub use answers::{Answer, AnswerStream, Answers, AnswersFuture, PendingAnswers};
pub use broadcast::{Broadcast, Rooms};
pub use builder::ServerBuilder;
pub use cluster::{
    Fetched, PendingServerAnswers, RemoteSocket, ServerAnswersFuture, ServerMessage,
};
pub use connect::{ConnectError, ConnectRequest, Verdict};
pub use error::{AckError, ArgumentError, BoxError, HandlerError, Result};
pub use handler::{AnyEvent, Handler, WithAck, WithoutAck};
pub use namespace::Namespace;
pub use outcome::{Async, Outcome, Plain, Settled};
pub use reception::{Eventual, Eventually};
pub use server::Server;
pub use socket::Socket;
pub use state::{State, WithState};
