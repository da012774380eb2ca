//! Engine.IO over WebTransport: packets as records on one bidirectional stream.
//!
//! ```text
//!    0    1 .. 7
//!  ┌────┬─────────┬───────────────────────────┬────────┐
//!  │ B  │ length  │ longer length, big-endian │ packet │
//!  └────┴─────────┴───────────────────────────┴────────┘
//!   B = 1: binary    126: 16 bits, 127: 64 bits
//! ```
//! The length is that of RFC 6455 §5.2, so a record is an unmasked data frame but for the first byte.
//! The engine makes use of it: [`Unpacker`] rewrites records to such frames and [`Packer`] frames to
//! records, and what lies between deals in frames alone. Neither holds more than a header back, and
//! limits are for who reads the frames.

use std::borrow::Cow;

use bytes::BufMut;
use serde::Deserialize;

use super::DecodeError;

/// Whether a record's packet is text or bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An encoded Engine.IO packet.
    Text,
    /// The bytes of a binary message.
    Binary,
}

/// What stands before a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the packet is.
    pub form: Form,
    /// Its length in bytes.
    pub length: u64,
}

/// The longest header in bytes.
pub const MAX_HEADER: usize = 9;

impl Header {
    /// How many bytes a header has that begins with `first`.
    pub const fn size(first: u8) -> usize {
        match first & LENGTH {
            SHORT => 3,
            LONG => 9,
            _ => 1,
        }
    }

    /// The header at the beginning of `bytes`, and its size; `None` if there is more to come.
    pub fn decode(bytes: &[u8]) -> Option<(Header, usize)> {
        let first = *bytes.first()?;
        let size = Header::size(first);
        let length = match bytes.get(1..size)? {
            [] => u64::from(first & LENGTH),
            longer => longer.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)),
        };
        let form = match first & BINARY {
            0 => Form::Text,
            _ => Form::Binary,
        };
        Some((Header { form, length }, size))
    }

    /// Appends the header in its shortest form.
    pub fn encode(self, records: &mut impl BufMut) {
        let first = match self.form {
            Form::Text => 0,
            Form::Binary => BINARY,
        };
        put_length(first, self.length, records);
    }
}

/// What a stream begins with: the packet that says what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirstPacket {
    /// `0`: a new connection.
    Open,
    /// `0{"sid":…}`: it may come to carry the connection of that id.
    Upgrade {
        /// The connection's id.
        sid: Box<str>,
    },
}

impl FirstPacket {
    /// Most bytes of the packet, without its header: it holds a session's id.
    pub const MAX: usize = 1024;

    /// The packet whose record stands at the beginning of `bytes`, and the record's size; nothing if
    /// there is more to come.
    ///
    /// # Errors
    /// [`DecodeError`] if no stream begins like that.
    pub fn decode(bytes: &[u8]) -> Result<Option<(FirstPacket, usize)>, DecodeError> {
        let Some((header, size)) = Header::decode(bytes) else {
            return Ok(None);
        };
        let length = usize::try_from(header.length).unwrap_or(usize::MAX);
        if header.form != Form::Text || length > FirstPacket::MAX {
            return Err(DecodeError::InvalidPayload);
        }
        let Some(packet) = bytes.get(size..size + length) else {
            return Ok(None);
        };
        let first = match packet.split_first() {
            None => return Err(DecodeError::EmptyPacket),
            Some((b'0', [])) => FirstPacket::Open,
            Some((b'0', named)) => {
                let Named { sid } =
                    serde_json::from_slice(named).map_err(|_| DecodeError::InvalidPayload)?;
                FirstPacket::Upgrade { sid: sid.into() }
            }
            Some((kind, _)) => return Err(DecodeError::UnknownPacketType(char::from(*kind))),
        };
        Ok(Some((first, size + length)))
    }
}

/// What the first packet of a candidate says.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    sid: Cow<'a, str>,
}

/// Rewrites records to unmasked, unfragmented frames of WebSocket.
///
/// A record without a packet becomes an empty text message, which is as little a packet.
#[derive(Clone, Debug, Default)]
pub struct Unpacker {
    header: [u8; MAX_HEADER],
    held: usize,
    left: u64,
}

impl Unpacker {
    /// Most bytes of frames that `n` bytes of records can become: empty records double, and a header
    /// may have been held back.
    pub const fn most(n: usize) -> usize {
        2 * n + MAX_HEADER
    }

    /// Takes bytes of records, cut anywhere, and appends those of the frames.
    pub fn unpack(&mut self, mut records: &[u8], frames: &mut impl BufMut) {
        while !records.is_empty() {
            if self.left > 0 {
                let n = usize::try_from(self.left).unwrap_or(usize::MAX);
                let (packet, rest) = records.split_at(n.min(records.len()));
                frames.put_slice(packet);
                self.left -= packet.len() as u64;
                records = rest;
                continue;
            }
            self.header[self.held] = records[0];
            self.held += 1;
            records = &records[1..];
            if let Some((header, _)) = Header::decode(&self.header[..self.held]) {
                self.held = 0;
                self.left = header.length;
                frames.put_u8(match header.form {
                    Form::Binary if header.length > 0 => FIN | BINARY_FRAME,
                    Form::Text | Form::Binary => FIN | TEXT_FRAME,
                });
                put_length(0, header.length, frames);
            }
        }
    }
}

/// Rewrites a server's frames of WebSocket, uncompressed and unfragmented, to records. Of control
/// frames only the end is of meaning: behind a close frame there is nothing.
#[derive(Clone, Debug, Default)]
pub struct Packer {
    header: [u8; MAX_HEADER + 1],
    held: usize,
    left: u64,
    is_control: bool,
    is_closed: bool,
}

impl Packer {
    /// Takes bytes of frames, cut anywhere, and appends those of the records.
    pub fn pack(&mut self, mut frames: &[u8], records: &mut impl BufMut) {
        while !frames.is_empty() && !self.is_closed {
            if self.left > 0 {
                let n = usize::try_from(self.left).unwrap_or(usize::MAX);
                let (payload, rest) = frames.split_at(n.min(frames.len()));
                if !self.is_control {
                    records.put_slice(payload);
                }
                self.left -= payload.len() as u64;
                frames = rest;
                continue;
            }
            self.header[self.held] = frames[0];
            self.held += 1;
            frames = &frames[1..];
            if let Some((header, _)) = Header::decode(&self.header[1..self.held]) {
                self.begin(self.header[0] & OPCODE, header.length, records);
            }
        }
    }

    /// Whether a close frame has come.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    fn begin(&mut self, opcode: u8, length: u64, records: &mut impl BufMut) {
        self.held = 0;
        self.left = length;
        self.is_control = opcode & CONTROL != 0;
        self.is_closed = opcode == CLOSE_FRAME;
        if !self.is_control {
            let form = match opcode {
                BINARY_FRAME => Form::Binary,
                _ => Form::Text,
            };
            Header { form, length }.encode(records);
        }
    }
}

/// The shortest form of a length, behind the top bit of its first byte.
fn put_length(top: u8, length: u64, bytes: &mut impl BufMut) {
    if length < u64::from(SHORT) {
        bytes.put_u8(top | length as u8);
    } else if let Ok(length) = u16::try_from(length) {
        bytes.put_u8(top | SHORT);
        bytes.put_u16(length);
    } else {
        bytes.put_u8(top | LONG);
        bytes.put_u64(length);
    }
}

const BINARY: u8 = 0x80;
const LENGTH: u8 = 0x7f;
const SHORT: u8 = 126;
const LONG: u8 = 127;

const FIN: u8 = 0x80;
const OPCODE: u8 = 0x0f;
const TEXT_FRAME: u8 = 0x1;
const BINARY_FRAME: u8 = 0x2;
const CONTROL: u8 = 0x8;
const CLOSE_FRAME: u8 = 0x8;
