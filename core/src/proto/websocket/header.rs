//! The two to fourteen bytes before a frame's payload (RFC 6455 §5.2).

use super::{Error, Role};

/// What a frame is for (RFC 6455 §11.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// A further piece of the message that is under way.
    Continuation = 0,
    /// A message of UTF-8 text, or its first piece.
    Text = 1,
    /// A message of bytes, or its first piece.
    Binary = 2,
    /// The end of the conversation.
    Close = 8,
    /// A question that a pong answers.
    Ping = 9,
    /// The answer to a ping.
    Pong = 10,
}

impl Opcode {
    pub(super) const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    /// Whether frames of this kind may stand between the fragments of a message.
    pub(super) const fn is_control(self) -> bool {
        self as u8 >= 8
    }
}

pub(super) const FIN: u8 = 0x80;
pub(super) const RSV1: u8 = 0x40;
const RSV23: u8 = 0x30;
pub(super) const MASK: u8 = 0x80;
/// JavaScript's largest exact integer; `ws` refuses longer frames before it looks at its limits.
const MAX_LENGTH: u64 = (1 << 53) - 1;

/// Writes an unmasked header for a payload of `len` bytes and returns its own length: 2, 4 or 10.
pub fn encode_header(
    opcode: Opcode,
    fin: bool,
    rsv1: bool,
    len: usize,
    out: &mut [u8; 10],
) -> usize {
    out[0] = opcode as u8 | if fin { FIN } else { 0 } | if rsv1 { RSV1 } else { 0 };
    match len {
        0..=125 => {
            out[1] = len as u8;
            2
        }
        126..=0xffff => {
            out[1] = 126;
            out[2..4].copy_from_slice(&(len as u16).to_be_bytes());
            4
        }
        _ => {
            out[1] = 127;
            out[2..10].copy_from_slice(&(len as u64).to_be_bytes());
            10
        }
    }
}

/// What the rules for a frame depend on besides its own bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub role: Role,
    /// A fragmented message is under way.
    pub inside_message: bool,
    /// Compression was agreed on.
    pub deflate: bool,
}

/// A whole header that obeys every rule which does not depend on what came before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub opcode: Opcode,
    /// The first byte, with FIN and RSV1. Kept whole: fields of one byte each are slower to hand on.
    first: u8,
    /// Payload bytes, at most 2^53 - 1.
    pub len: u64,
    /// All zero when the frame is not masked, which makes unmasking change nothing.
    pub key: [u8; 4],
    /// Bytes of the header itself.
    pub size: usize,
}

impl Header {
    pub(super) const MAX_SIZE: usize = 14;

    /// The message ends with this frame.
    #[inline]
    pub(super) fn is_final(&self) -> bool {
        self.first & FIN != 0
    }

    /// The message that begins here is compressed.
    #[inline]
    pub(super) fn is_compressed(&self) -> bool {
        self.first & RSV1 != 0
    }

    /// Reads the header at the start of `bytes`; `None` while it is incomplete.
    ///
    /// A broken rule shows as soon as the first two bytes are there.
    #[inline]
    pub(super) fn decode(bytes: &[u8], expected: Expected) -> Result<Option<Self>, Error> {
        let &[first, second, ref rest @ ..] = bytes else {
            return Ok(None);
        };
        let opcode = check_start(first, second, expected)?;
        let (len, length_size) = match second & !MASK {
            126 => match rest.first_chunk() {
                Some(&len) => (u64::from(u16::from_be_bytes(len)), 2),
                None => return Ok(None),
            },
            127 => match rest.first_chunk() {
                Some(&len) => (u64::from_be_bytes(len), 8),
                None => return Ok(None),
            },
            len => (u64::from(len), 0),
        };
        if len > MAX_LENGTH {
            return Err(Error::UnsupportedLength);
        }
        let masked = second & MASK != 0;
        let key = match rest[length_size..].first_chunk() {
            _ if !masked => [0; 4],
            Some(&key) => key,
            None => return Ok(None),
        };
        let size = 2 + length_size + if masked { 4 } else { 0 };
        Ok(Some(Self {
            opcode,
            first,
            len,
            key,
            size,
        }))
    }
}

/// The checks on the first two bytes, in the order of npm `ws`, so that a frame which breaks
/// several rules gives the same error.
#[inline]
fn check_start(first: u8, second: u8, expected: Expected) -> Result<Opcode, Error> {
    if first & (RSV1 | RSV23) != 0 {
        check_rsv(first, expected)?;
    }
    let bits = first & 0x0f;
    let opcode = Opcode::from_bits(bits).ok_or(Error::InvalidOpcode(bits))?;
    if opcode.is_control() {
        if first & FIN == 0 {
            return Err(Error::ExpectedFin);
        }
        let len = second & !MASK;
        if len > 125 || (len == 1 && opcode == Opcode::Close) {
            return Err(Error::InvalidControlLength(u64::from(len)));
        }
    } else if (opcode == Opcode::Continuation) != expected.inside_message {
        return Err(Error::InvalidOpcode(bits));
    }
    match (expected.role, second & MASK != 0) {
        (Role::Server, false) => Err(Error::ExpectedMask),
        (Role::Client, true) => Err(Error::UnexpectedMask),
        _ => Ok(opcode),
    }
}

/// RSV1 belongs to the first frame of a message, where compression was agreed on. What is no opcode,
/// and a control frame without FIN, break rules that come first.
#[cold]
fn check_rsv(first: u8, expected: Expected) -> Result<(), Error> {
    if first & RSV23 != 0 {
        return Err(Error::UnexpectedRsv23);
    }
    let is_first = match Opcode::from_bits(first & 0x0f) {
        Some(Opcode::Continuation) => false,
        Some(opcode) => !opcode.is_control() || first & FIN == 0,
        None => true,
    };
    match expected.deflate && is_first {
        true => Ok(()),
        false => Err(Error::UnexpectedRsv1),
    }
}
