//! How one client wants its bytes: its protocol, the form of its binary messages, and whether it polls
//! by script tags.

use crate::proto::engine::Revision;

/// What a client's first request says about its ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) revision: Revision,
    pub(crate) binary: BinaryForm,
    /// Polls by script tags: the digits of its callback's number.
    pub(crate) jsonp: Option<Box<str>>,
}

/// How a client's binary messages are queued: as its WebSockets want them, so that they need no
/// other form when it upgrades. Polling answers are written from any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BinaryForm {
    /// A binary frame of the bytes alone: protocol 4.
    Raw,
    /// A binary frame that begins with the packet's type: protocol 3.
    Typed,
    /// A text frame of base64: protocol 4, for clients that take no binary.
    Base64,
    /// The same with the packet's type in front: protocol 3.
    TypedBase64,
}
