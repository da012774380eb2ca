//! The Rust face: handlers, rooms, acks, clusters and the ways to mount it.

mod acks;
mod at_once;
mod closing;
mod cluster;
mod cluster_recovery;
mod cluster_sharded;
mod cluster_streams;
mod connect;
mod dynamic;
mod ending;
mod engine_io;
mod handlers;
mod listening;
mod parsing;
mod recovery;
#[cfg(feature = "redis")]
mod redis_refusals;
mod rooms;
mod sse;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tower")]
mod tower;
mod typed;
#[cfg(unix)]
mod unix;
#[cfg(feature = "webtransport")]
mod webtransport;
mod ws;
