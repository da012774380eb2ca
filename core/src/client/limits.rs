//! How much may be kept and sent, and how something is sent.

use std::time::Duration;

/// What a server may make the client keep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Most binary attachments in one packet.
    pub(crate) max_attachments: u32,
    /// Most bytes of events that come before the server says that the socket is connected.
    pub(crate) max_unseen_bytes: usize,
}

/// How to emit, beyond what.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    /// Drop it rather than let it wait.
    pub(crate) volatile: bool,
    /// Whether an answer is asked for, and how long it may take.
    pub(crate) ack: Option<Option<Duration>>,
}

/// What there is room for now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// What is sent leaves at once.
    pub(crate) is_writable: bool,
    /// Bytes that may still be queued.
    pub(crate) bytes: usize,
    /// Nothing waits: then a single message may be larger.
    pub(crate) is_empty: bool,
}

/// Too much waits to be sent already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// The server's bytes are no Socket.IO packets, or too much of them is to be kept; for people.
pub(crate) type Violation = String;
