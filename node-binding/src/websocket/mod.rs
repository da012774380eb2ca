//! The native half of `sori/ws`: plain WebSockets, which JavaScript knows by small numbers it
//! chooses itself.
//!
//! ```text
//!  shards ──► sink (records) ──► page: a piece of memory that JavaScript lent ──► listeners
//!  JavaScript ──► orders, written into memory it lent ──► flush, once a turn ──► engine
//! ```
//!
//! Neither way makes a JavaScript value for a message: it is bytes in memory that both see, and
//! JavaScript looks at its part of it.

mod engine;
mod orders;
mod records;
mod settings;
mod sink;
mod sockets;
