//! An event whose name and arguments are not known beforehand.

use bytes::Bytes;

use super::decode::{self, Arguments};
use super::error::ArgumentError;

/// An event as catch-all handlers are shown it, before its own handlers.
#[derive(Clone, Copy, Debug)]
pub struct AnyEvent<'a> {
    pub(crate) name: &'a str,
    pub(crate) data: &'a str,
    pub(crate) attachments: &'a [Bytes],
}

impl AnyEvent<'_> {
    /// The event's name.
    pub fn name(&self) -> &str {
        self.name
    }

    /// The event as it came: the JSON text of an array, the name first. Binary stands as
    /// `{"_placeholder":true,"num":0}`.
    pub fn json(&self) -> &str {
        self.data
    }

    /// The binary attachments in order.
    pub fn attachments(&self) -> &[Bytes] {
        self.attachments
    }

    /// The arguments as a tuple, for example `event.arguments::<(String, u32)>()`.
    ///
    /// # Errors
    /// The first argument that is not what the tuple takes.
    pub fn arguments<T: Arguments>(&self) -> Result<T, ArgumentError> {
        decode::event_arguments(self.data, self.attachments)
    }
}
