//! The codecs: bytes in, packets out and back, with no IO, no clock and no runtime.
//!
//! ```text
//! handshake   HTTP upgrade to WebSocket        RFC 6455 §4
//! websocket   frames and messages              RFC 6455 §5
//! webtransport packets on a stream             Engine.IO, protocol 4
//! engine      Engine.IO packets and payloads   protocols 3 and 4
//! jsonp       polling through script tags      Engine.IO, both protocols
//! socket      Socket.IO packets                protocol 5
//! msgpack     Socket.IO packets as MessagePack protocol 5
//! cluster     what servers tell one another    @socket.io/redis-adapter
//! ```

use std::fmt;

pub(crate) mod attachments;
pub mod cluster;
pub mod engine;
pub mod event_stream;
pub mod handshake;
pub(crate) mod json;
pub mod jsonp;
pub mod msgpack;
pub(crate) mod query;
pub mod socket;
pub mod websocket;
pub mod webtransport;

/// The rule that a peer's Engine.IO or Socket.IO packet broke.
///
/// In an Engine.IO packet it ends the connection with "parse error", in a Socket.IO packet with
/// "forced close".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// A packet of no bytes, or an empty polling body.
    EmptyPacket,
    /// The first character, which names the type, is none of the protocol's.
    UnknownPacketType(char),
    /// A packet of a polling body of protocol 3 has a length that is no number, or is not that of
    /// what follows.
    IllegalLength,
    /// A text packet of a binary polling body is not UTF-8.
    InvalidUtf8,
    /// A binary packet of a polling body is not base64.
    InvalidBase64,
    /// The attachment count of a binary packet is missing, not a number, zero or without its `-`.
    IllegalAttachments,
    /// More attachments announced than the receiver takes.
    TooManyAttachments,
    /// An ack id that does not fit in 64 bits.
    IllegalAckId,
    /// A packet in MessagePack without a namespace, or whose namespace is no text.
    IllegalNamespace,
    /// Not MessagePack, or nested too deeply.
    InvalidMsgpack,
    /// Not JSON, or not what this packet type carries, or a reserved event name.
    InvalidPayload,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyPacket => f.write_str("empty packet"),
            Self::UnknownPacketType(kind) => write!(f, "unknown packet type {kind}"),
            Self::IllegalLength => f.write_str("illegal packet length"),
            Self::InvalidUtf8 => f.write_str("invalid UTF-8"),
            Self::InvalidBase64 => f.write_str("invalid base64"),
            Self::IllegalAttachments => f.write_str("Illegal attachments"),
            Self::TooManyAttachments => f.write_str("too many attachments"),
            Self::IllegalAckId => f.write_str("illegal ack id"),
            Self::IllegalNamespace => f.write_str("invalid namespace"),
            Self::InvalidMsgpack => f.write_str("invalid MessagePack"),
            Self::InvalidPayload => f.write_str("invalid payload"),
        }
    }
}

impl std::error::Error for DecodeError {}
