//! What can go wrong in the Rust face beyond [`Error`]: in a handler, and while waiting for an ack.

use std::fmt;

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

/// The argument that a peer sent wrongly.
#[derive(Debug)]
pub struct ArgumentError {
    position: usize,
    message: String,
}

impl ArgumentError {
    pub(super) fn new(position: usize, error: &impl fmt::Display) -> ArgumentError {
        ArgumentError {
            position,
            message: error.to_string(),
        }
    }

    /// Its place among the arguments; the first is 0.
    pub fn position(&self) -> usize {
        self.position
    }
}

impl fmt::Display for ArgumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "argument {}: {}", self.position, self.message)
    }
}

impl std::error::Error for ArgumentError {}

/// Why no answer came to an `emit_with_ack`.
#[derive(Debug)]
#[non_exhaustive]
pub enum AckError {
    /// The peer did not answer in the time given.
    Timeout,
    /// The socket was gone, or went before it answered.
    Disconnected,
    /// The peer answered something else than was asked for.
    Decode(ArgumentError),
    /// The event could not be sent: a reserved name, or arguments that cannot be JSON.
    Emit(Error),
}

impl fmt::Display for AckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AckError::Timeout => f.write_str("operation has timed out"),
            AckError::Disconnected => f.write_str("socket has been disconnected"),
            AckError::Decode(error) => error.fmt(f),
            AckError::Emit(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AckError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            AckError::Timeout | AckError::Disconnected => None,
            AckError::Decode(error) => Some(error),
            AckError::Emit(error) => Some(error),
        }
    }
}
