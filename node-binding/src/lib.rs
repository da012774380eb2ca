//! The native half of the Node face: guard, convert, one call, convert back. The JavaScript half
//! in `lib/` knows what socket.io's users see; the engine knows the protocol; this knows neither.
//!
//! ```text
//!  shards ──► sink (one JSON text per batch) ──► onBatch on the JavaScript thread
//!  JavaScript ──► flush (one text of operations per turn) ──► engine
//! ```
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

mod addon;
mod cluster;
mod metrics;
mod names;
mod operations;
mod options;
mod pipe;
mod placeholders;
mod record;
mod sink;
mod text;
mod threads;
mod websocket;
