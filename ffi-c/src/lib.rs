//! The C face: `include/sori.h` is made from this crate, and `libsori` is built from it.
//!
//! Every exported body reads the same: guard against panics, convert, one call, convert back. What
//! the calls mean is decided in `sori::server::pull`; the manual is the header.
#![cfg_attr(not(test), deny(clippy::unwrap_used))]
#![allow(
    non_camel_case_types,
    reason = "types have the names that C programs write"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "the head of sori.h states once what holds for every pointer"
)]
#![allow(
    unreachable_pub,
    reason = "C reaches what Rust does not: cbindgen exports what is pub"
)]

// In the order in which the header is to be read.
mod status;

mod pointer;

mod tray;

mod shelf;

mod descriptor;

mod deflate;

mod options;

mod http_options;

mod metrics;

mod server;

mod tls;

mod push;

mod cork;

mod kind;

mod texts;

mod event;

mod server_event;

mod handshake;

mod socket;

mod message;

mod broadcast;

mod cluster;

mod rooms;

mod websocket;

mod sse;

mod engine_io;

mod http;

mod client_options;

mod client;

mod client_event;

mod websocket_client_options;

mod websocket_client;

mod websocket_client_event;
