//! Codecs, by golden bytes and at random.

mod cluster_classic;
mod cluster_session;
mod cluster_sharded;
mod cluster_streams;
mod deflate;
mod engine;
mod engine_v3;
mod extension;
mod handshake;
mod jsonp;
mod msgpack;
mod socket;
mod websocket;
mod websocket_random;
mod webtransport;
