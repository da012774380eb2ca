//! What can go wrong in the Rust face beyond [`Error`]: in a handler.

pub use crate::arguments::{AckError, ArgumentError, BoxError, HandlerError};
use crate::error::Error;

/// What a call into Sori comes to.
///
/// A handler that uses `?` may end with `sori::Result::Ok(())`, which names the error's type.
pub type Result<T = ()> = std::result::Result<T, Error>;
