//! What can go wrong with arguments: they do not fit, or do not come.

use std::fmt;

use crate::error::Error;

/// The argument that a peer sent wrongly.
#[derive(Debug)]
pub struct ArgumentError {
    position: usize,
    message: String,
}

impl ArgumentError {
    pub(crate) fn new(position: usize, error: &impl fmt::Display) -> ArgumentError {
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
