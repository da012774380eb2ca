//! Plain WebSockets on the engine.

mod deflate;
mod feed;
mod fuzz;
mod limits;
mod listener;
mod parting;
mod pulled;
mod scenarios;
