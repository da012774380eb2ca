//! What a handler may return, what becomes of it, and the guard that keeps its panics from everybody
//! else.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::error::ArgumentError;

/// Any error a handler may end with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a handler did not run to its end. Given to the hook of `Server::on_error`, or that of
/// `Client::on_error`; the peer is told nothing.
#[derive(Debug)]
#[non_exhaustive]
pub enum HandlerError {
    /// The peer's arguments are not those that the handler takes; it was not called.
    Arguments(ArgumentError),
    /// The handler ended with this error.
    Failed(BoxError),
    /// The handler panicked with this message. Its socket, and every other, goes on.
    Panicked(String),
    /// More events wait behind a server's pending handler than
    /// [`Config::max_pending_events`] allows, or more bytes than [`Config::max_queued_bytes`]; the
    /// connection is being closed.
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

/// The value a handler ends with: `()` or `Result<(), E>`, where `E` is any error, or text.
pub trait Settled {
    #[doc(hidden)]
    fn settle(self) -> Result<(), BoxError>;
}

impl Settled for () {
    fn settle(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<E: Into<BoxError>> Settled for Result<(), E> {
    fn settle(self) -> Result<(), BoxError> {
        self.map_err(Into::into)
    }
}

/// Marks handlers that are done when they return.
#[derive(Debug)]
pub enum Plain {}

/// Marks handlers that return a future.
#[derive(Debug)]
pub enum Async {}

/// Runs what others wrote; a panic becomes an error.
pub(crate) fn guard<R>(work: impl FnOnce() -> R) -> Result<R, HandlerError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        HandlerError::Panicked(text.unwrap_or_else(|| "no message".to_owned()))
    })
}
