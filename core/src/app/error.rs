//! What can go wrong in the Rust face beyond [`Error`]: in a handler.

use std::fmt;

pub use crate::arguments::{AckError, ArgumentError};
use crate::error::Error;

/// Any error a handler may end with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a call into Sori comes to.
///
/// A handler that uses `?` may end with `sori::Result::Ok(())`, which names the error's type.
pub type Result<T = ()> = std::result::Result<T, Error>;

/// Why a handler did not run to its end. Given to the hook of
/// [`Server::on_error`](crate::Server::on_error); the client is told nothing.
#[derive(Debug)]
#[non_exhaustive]
pub enum HandlerError {
    /// The peer's arguments are not those that the handler takes; it was not called.
    Arguments(ArgumentError),
    /// The handler ended with this error.
    Failed(BoxError),
    /// The handler panicked with this message. Its socket, and every other, goes on.
    Panicked(String),
    /// More events wait behind a pending handler than [`Config::max_pending_events`] allows, or
    /// more bytes than [`Config::max_queued_bytes`]; the connection is being closed.
    ///
    /// [`Config::max_pending_events`]: crate::Config::max_pending_events
    /// [`Config::max_queued_bytes`]: crate::Config::max_queued_bytes
    Overflow,
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandlerError::Arguments(error) => error.fmt(f),
            HandlerError::Failed(error) => error.fmt(f),
            HandlerError::Panicked(message) => write!(f, "the handler panicked: {message}"),
            HandlerError::Overflow => f.write_str("too many events wait behind a pending handler"),
        }
    }
}

impl std::error::Error for HandlerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            HandlerError::Arguments(error) => Some(error),
            HandlerError::Failed(error) => Some(&**error),
            HandlerError::Panicked(_) | HandlerError::Overflow => None,
        }
    }
}
