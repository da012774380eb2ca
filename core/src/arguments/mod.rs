//! Typed arguments of events and acks: serde values and [`Binary`] on one side, a packet's JSON and
//! attachments on the other. The server's face and the client share it.

mod any;
mod attempt;
pub(crate) mod binary;
pub(crate) mod decode;
pub(crate) mod encode;
mod error;
pub(crate) mod handler;
pub(crate) mod outcome;
mod typed;

pub use any::AnyEvent;
pub use attempt::Attempt;
pub use binary::Binary;
pub use decode::Arguments;
pub use error::{AckError, ArgumentError};
pub use handler::{Anything, WithAck, WithoutAck};
pub use outcome::{Async, BoxError, HandlerError, Plain, Settled};
pub use typed::{Fits, Signature, TypedEvent};
