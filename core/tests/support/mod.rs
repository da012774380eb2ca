//! What tests share: running servers, raw clients and logs that a test waits on.
#![allow(dead_code, unused_imports)] // Each program uses its part of it.

pub(crate) mod app;
#[cfg(feature = "client")]
pub(crate) mod client;
pub(crate) mod cluster;
pub(crate) mod engine;
pub(crate) mod held_bus;
pub(crate) mod http;
pub(crate) mod session;
pub(crate) mod steady;
pub(crate) mod stream;
pub(crate) mod websocket;
#[cfg(feature = "webtransport")]
pub(crate) mod webtransport;
pub(crate) mod wire;
