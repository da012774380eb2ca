//! Frames that we send: encoded once, then shared by every receiver.

use bytes::Bytes;

use super::header::{FIN, MASK, RSV1};
use super::{Opcode, encode_header, mask};

/// A control payload is at most 125 bytes (RFC 6455 §5.5).
const MAX_CONTROL: usize = 125;

/// One complete WebSocket frame, ready for the wire; a clone shares its bytes. It is unmasked unless
/// it was made by [`Frame::masked`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame(Bytes);

impl Frame {
    /// A whole text message: the parts one after another. They must be UTF-8 when joined.
    pub fn text(parts: &[&[u8]]) -> Frame {
        Self::from_parts(Opcode::Text, parts)
    }

    /// A whole binary message: the parts one after another.
    pub fn binary(parts: &[&[u8]]) -> Frame {
        Self::from_parts(Opcode::Binary, parts)
    }

    /// A data frame; with `fin` false a fragment that more follow.
    pub fn message(opcode: Opcode, fin: bool, payload: &[u8]) -> Frame {
        let mut header = [0; 10];
        let size = encode_header(opcode, fin, false, payload.len(), &mut header);
        Frame(Bytes::from([&header[..size], payload].concat()))
    }

    /// Bytes that are frames already; nothing checks them.
    pub fn raw(bytes: &[u8]) -> Frame {
        Frame(Bytes::copy_from_slice(bytes))
    }

    /// A ping; a payload over 125 bytes is cut.
    pub fn ping(payload: &[u8]) -> Frame {
        Self::from_parts(Opcode::Ping, &[&payload[..payload.len().min(MAX_CONTROL)]])
    }

    /// A pong; a payload over 125 bytes is cut.
    pub fn pong(payload: &[u8]) -> Frame {
        Self::from_parts(Opcode::Pong, &[&payload[..payload.len().min(MAX_CONTROL)]])
    }

    /// A close frame that says what the peer's said: any reason of at most 123 bytes.
    pub fn close_echo(code: u16, reason: &[u8]) -> Frame {
        let end = reason.len().min(MAX_CONTROL - 2);
        Self::from_parts(Opcode::Close, &[&code.to_be_bytes(), &reason[..end]])
    }

    /// A close frame. A reason over 123 bytes is cut before the character that does not fit;
    /// without a code there is no place for a reason, and the payload is empty.
    pub fn close(code: Option<u16>, reason: &str) -> Frame {
        let Some(code) = code else {
            return Self::from_static(&[0x88, 0]);
        };
        let mut end = reason.len().min(MAX_CONTROL - 2);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        Self::from_parts(
            Opcode::Close,
            &[&code.to_be_bytes(), &reason.as_bytes()[..end]],
        )
    }

    /// A frame encoded by hand, at most 125 bytes of payload.
    ///
    /// # Panics
    /// When `bytes` is not exactly one short, final, unmasked frame. In a constant that is a
    /// compile error.
    pub const fn from_static(bytes: &'static [u8]) -> Frame {
        assert!(
            bytes.len() >= 2 && bytes.len() <= 2 + MAX_CONTROL,
            "not a short frame"
        );
        assert!(
            bytes[0] & 0xf0 == 0x80,
            "not a final frame without extensions"
        );
        assert!(
            Opcode::from_bits(bytes[0] & 0x0f).is_some(),
            "not an opcode"
        );
        assert!(
            bytes[1] as usize == bytes.len() - 2,
            "the length differs, or MASK is set"
        );
        Frame(Bytes::from_static(bytes))
    }

    /// What the frame is for.
    pub fn opcode(&self) -> Opcode {
        // Every constructor writes a known opcode, so the fallback is never taken.
        Opcode::from_bits(self.0[0] & 0x0f).unwrap_or(Opcode::Continuation)
    }

    /// Whether it is a ping, a pong or a close frame, which may stand between fragments.
    pub fn is_control(&self) -> bool {
        self.opcode().is_control()
    }

    /// Whether the message ends with this frame.
    pub fn is_final(&self) -> bool {
        self.0[0] & FIN != 0
    }

    /// The same piece as a later fragment of its message.
    pub fn to_continuation(&self) -> Frame {
        Self::message(Opcode::Continuation, self.is_final(), self.payload_ref())
    }

    /// The same frame as a client sends it (RFC 6455 §5.3). Its payload is then seen masked.
    pub fn masked(&self, key: [u8; 4]) -> Frame {
        let (header, payload) = self.0.split_at(self.header_size());
        let mut bytes = Vec::with_capacity(self.0.len() + key.len());
        bytes.extend_from_slice(header);
        bytes[1] |= MASK;
        bytes.extend_from_slice(&key);
        bytes.extend_from_slice(payload);
        mask::apply(&mut bytes[header.len() + key.len()..], key);
        Frame(Bytes::from(bytes))
    }

    /// Whether others hold the same frame.
    #[cfg_attr(
        not(feature = "server"),
        expect(dead_code, reason = "nobody to share it with")
    )]
    pub(crate) fn is_shared(&self) -> bool {
        !self.0.is_unique()
    }

    /// Whether the payload is compressed: RSV1 of RFC 7692 §6.
    pub fn is_compressed(&self) -> bool {
        self.0[0] & RSV1 != 0
    }

    /// The payload as a view that shares this frame's buffer.
    pub fn payload(&self) -> Bytes {
        self.0.slice(self.header_size()..)
    }

    /// The payload, borrowed.
    pub fn payload_ref(&self) -> &[u8] {
        &self.0[self.header_size()..]
    }

    /// Header and payload as they go over the wire.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Bytes on the wire, header included; never zero.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a frame has a header, so it is never empty"
    )]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Header and payload, still shared with the clones.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// Encodes a final frame of exactly `len` payload bytes, which `write` appends, with one
    /// allocation.
    pub(crate) fn build(opcode: Opcode, len: usize, write: impl FnOnce(&mut Vec<u8>)) -> Frame {
        let mut header = [0; 10];
        let size = encode_header(opcode, true, false, len, &mut header);
        // Exact, because `Bytes` takes a full `Vec` as it is and allocates for one with room left.
        let mut bytes = Vec::with_capacity(size + len);
        bytes.extend_from_slice(&header[..size]);
        write(&mut bytes);
        debug_assert_eq!(
            bytes.len(),
            size + len,
            "the announced length is the written one"
        );
        Frame(Bytes::from(bytes))
    }

    /// Appends such a frame to others.
    #[cfg(feature = "server")]
    #[inline]
    pub(crate) fn append(
        opcode: Opcode,
        len: usize,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let mut header = [0; 10];
        let size = encode_header(opcode, true, false, len, &mut header);
        out.reserve(size + len);
        out.extend_from_slice(&header[..size]);
        write(out);
    }

    /// Takes apart unmasked frames that lie one after another.
    #[cfg(feature = "server")]
    pub(crate) fn split(mut bytes: &[u8]) -> impl Iterator<Item = Frame> {
        std::iter::from_fn(move || {
            let len = match *bytes {
                [_, 126, high, low, ..] => 4 + usize::from(u16::from_be_bytes([high, low])),
                [_, 127, a, b, c, d, e, f, g, h, ..] => {
                    10 + u64::from_be_bytes([a, b, c, d, e, f, g, h]) as usize
                }
                [_, len, ..] => 2 + usize::from(len),
                _ => return None,
            };
            let (frame, rest) = bytes.split_at_checked(len)?;
            bytes = rest;
            Some(Frame::raw(frame))
        })
    }

    /// A whole message whose payload is compressed already.
    pub(super) fn compressed(opcode: Opcode, payload: &[u8]) -> Frame {
        let mut header = [0; 10];
        let size = encode_header(opcode, true, true, payload.len(), &mut header);
        Frame(Bytes::from([&header[..size], payload].concat()))
    }

    fn from_parts(opcode: Opcode, parts: &[&[u8]]) -> Frame {
        let len = parts.iter().map(|part| part.len()).sum();
        Self::build(opcode, len, |bytes| {
            for part in parts {
                bytes.extend_from_slice(part);
            }
        })
    }

    fn header_size(&self) -> usize {
        let key = if self.0[1] & MASK != 0 { 4 } else { 0 };
        key + match self.0[1] & !MASK {
            126 => 4,
            127 => 10,
            _ => 2,
        }
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
