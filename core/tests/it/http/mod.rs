//! The listener of HTTP: hooks, headers, CORS, and bytes as they are.

mod brought;
#[cfg(feature = "http-compression")]
mod compression;
mod cors;
mod framing;
mod hooks;
mod wire;
