//! Which rule of RFC 6455 a peer broke, in the words and codes of npm `ws`.

use std::fmt;

/// The first rule that an incoming frame or message broke; the connection ends with
/// [`close_code`](Error::close_code).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A control frame in fragments (RFC 6455 §5.5).
    ExpectedFin,
    /// A client's frame that is not masked (§5.1).
    ExpectedMask,
    /// A server's frame that is masked (§5.1).
    UnexpectedMask,
    /// A close code that must not be on the wire (§7.4).
    InvalidCloseCode(u16),
    /// A control payload over 125 bytes, as its 7-bit length says (126 and 127 stand for longer
    /// forms), or a close payload of one byte.
    InvalidControlLength(u64),
    /// An unknown opcode, or one that does not fit where the message stands.
    InvalidOpcode(u8),
    /// RSV1 without a compression agreed on, or not on the first frame of a message.
    UnexpectedRsv1,
    /// RSV2 or RSV3, which no extension of ours uses.
    UnexpectedRsv23,
    /// A text message or a close reason that is not UTF-8.
    InvalidUtf8,
    /// A compressed message that is not DEFLATE (RFC 7692 §7.2.2).
    InvalidDeflate,
    /// A payload length over 2^53 - 1 bytes.
    UnsupportedLength,
    /// A message over [`Limits::max_message`](super::Limits::max_message).
    MessageTooBig,
    /// A message in more frames than [`Limits::max_fragments`](super::Limits::max_fragments).
    TooManyFragments,
}

impl Error {
    /// The status for the close frame that answers (RFC 6455 §7.4.1).
    pub fn close_code(&self) -> u16 {
        match self {
            Self::InvalidUtf8 | Self::InvalidDeflate => 1007,
            Self::TooManyFragments => 1008,
            Self::UnsupportedLength | Self::MessageTooBig => 1009,
            _ => 1002,
        }
    }

    /// The `code` of the JavaScript error that npm `ws` raises.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ExpectedFin => "WS_ERR_EXPECTED_FIN",
            Self::ExpectedMask => "WS_ERR_EXPECTED_MASK",
            Self::UnexpectedMask => "WS_ERR_UNEXPECTED_MASK",
            Self::InvalidCloseCode(_) => "WS_ERR_INVALID_CLOSE_CODE",
            Self::InvalidControlLength(_) => "WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH",
            Self::InvalidOpcode(_) => "WS_ERR_INVALID_OPCODE",
            Self::UnexpectedRsv1 => "WS_ERR_UNEXPECTED_RSV_1",
            Self::UnexpectedRsv23 => "WS_ERR_UNEXPECTED_RSV_2_3",
            Self::InvalidUtf8 => "WS_ERR_INVALID_UTF8",
            Self::InvalidDeflate => "Z_DATA_ERROR",
            Self::UnsupportedLength => "WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH",
            Self::MessageTooBig => "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH",
            Self::TooManyFragments => "WS_ERR_TOO_MANY_BUFFERED_PARTS",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let broken = match self {
            Self::UnsupportedLength => {
                return f.write_str("Unsupported WebSocket frame: payload length > 2^53 - 1");
            }
            Self::MessageTooBig => return f.write_str("Max payload size exceeded"),
            Self::TooManyFragments => return f.write_str("Too many message fragments"),
            Self::InvalidDeflate => return f.write_str("invalid compressed data"),
            Self::InvalidCloseCode(code) => {
                return write!(f, "Invalid WebSocket frame: invalid status code {code}");
            }
            Self::InvalidControlLength(len) => {
                return write!(f, "Invalid WebSocket frame: invalid payload length {len}");
            }
            Self::InvalidOpcode(opcode) => {
                return write!(f, "Invalid WebSocket frame: invalid opcode {opcode}");
            }
            Self::ExpectedFin => "FIN must be set",
            Self::ExpectedMask => "MASK must be set",
            Self::UnexpectedMask => "MASK must be clear",
            Self::UnexpectedRsv1 => "RSV1 must be clear",
            Self::UnexpectedRsv23 => "RSV2 and RSV3 must be clear",
            Self::InvalidUtf8 => "invalid UTF-8 sequence",
        };
        write!(f, "Invalid WebSocket frame: {broken}")
    }
}

impl std::error::Error for Error {}
