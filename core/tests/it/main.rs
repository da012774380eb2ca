//! The tests of the crate, in one program: one link instead of seventy.
//!
//! `cargo test --test it engine::rooms` runs one file of them. What counts something of the whole process
//! (memory, descriptors, the subscriber of `tracing`) is a program of its own beside this folder.

#[path = "../support/mod.rs"]
mod support;

mod app;
mod client;
mod engine;
mod http;
mod proto;
mod session;
mod websocket;
