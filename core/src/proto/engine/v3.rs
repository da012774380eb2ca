//! The wire of clients of Socket.IO 1 and 2 (Engine.IO protocol 3), where it differs from protocol 4.
//!
//! ```text
//! WebSocket    text message     packet, or b4<base64> from a client without binary
//!              binary message   0x04 data
//! text body    LEN:packet ...   LEN in UTF-16 code units     6:4hello10:b4AQIDBAU=
//! binary body  kind digits 0xff data ...                     00 06 ff "4hello"  01 04 ff 04 01 02 03
//!              kind 0 is a packet as UTF-8, kind 1 is 0x04 and data;
//!              digits are the bytes 0 to 9 of the length of what follows 0xff
//! ```
//!
//! As in protocol 4, a text frame holds one packet as text; a binary frame holds a raw message, to
//! which [`encode_payload_text`] and [`encode_payload_binary`] add what a body needs. What goes over
//! a WebSocket instead comes from [`binary_frame`] or [`base64_frame`].

use std::iter::FusedIterator;

use base64::Engine as _;

use super::super::DecodeError;
use super::super::websocket::{Frame, Opcode};
use super::{BASE64, Content, Packet, PayloadPacket, push_base64};

/// The packet type of messages, as binary packets write it.
const MESSAGE: u8 = 4;
/// Ends the length of a packet in a binary body.
const LENGTH_END: u8 = 0xff;

/// Decodes one packet of a WebSocket text message: as in protocol 4, and `b4<base64>` besides.
///
/// # Errors
/// An empty packet, an unknown type, base64 that is none or is not a message.
pub fn decode_text(packet: &str) -> Result<PayloadPacket<'_>, DecodeError> {
    let Some(binary) = packet.strip_prefix('b') else {
        return super::decode_text(packet).map(|packet| PayloadPacket(Content::Text(packet)));
    };
    match binary.chars().next() {
        None => Err(DecodeError::EmptyPacket),
        Some('4') => BASE64
            .decode(&binary[1..])
            .map(|bytes| PayloadPacket(Content::Binary(bytes)))
            .map_err(|_| DecodeError::InvalidBase64),
        Some(kind) => Err(DecodeError::UnknownPacketType(kind)),
    }
}

/// Decodes a WebSocket binary message: its first byte is the type, and only messages are binary.
///
/// # Errors
/// An empty message, or a first byte other than 4.
pub fn decode_binary(message: &[u8]) -> Result<Packet<'_>, DecodeError> {
    match message.split_first() {
        None => Err(DecodeError::EmptyPacket),
        Some((&MESSAGE, bytes)) => Ok(Packet::Binary(bytes)),
        Some((&kind, _)) => Err(DecodeError::UnknownPacketType(char::from(kind))),
    }
}

/// A binary message as the WebSocket frame that carries it: `0x04`, then the parts one after
/// another.
pub fn binary_frame(parts: &[&[u8]]) -> Frame {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    Frame::build(Opcode::Binary, 1 + len, |bytes| {
        bytes.push(MESSAGE);
        for part in parts {
            bytes.extend_from_slice(part);
        }
    })
}

/// A binary message for a client that asked for text only (`b64=1`): `b4<base64>` as a WebSocket
/// text frame.
pub fn base64_frame(message: &[u8]) -> Frame {
    let mut packet = Vec::new();
    push_base64_packet(message, &mut packet);
    Frame::text(&[&packet])
}

/// The packets of a text body, decoded one by one; stops after the first error.
#[derive(Clone, Debug)]
pub struct TextPayload<'a> {
    /// What is left of the body; `None` at its end.
    rest: Option<&'a str>,
}

/// Splits a text body into packets. An empty body is an error; packets of length zero, which is
/// how engine.io writes "no packets", give nothing.
pub fn decode_payload_text(body: &str) -> TextPayload<'_> {
    TextPayload { rest: Some(body) }
}

impl<'a> Iterator for TextPayload<'a> {
    type Item = Result<PayloadPacket<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut body = self.rest.take()?;
        loop {
            let (packet, rest) = match split_text_packet(body) {
                Ok(split) => split,
                Err(error) => return Some(Err(error)),
            };
            let rest = (!rest.is_empty()).then_some(rest);
            if packet.is_empty() {
                body = rest?;
                continue;
            }
            let decoded = decode_text(packet);
            if decoded.is_ok() {
                self.rest = rest;
            }
            return Some(decoded);
        }
    }
}

impl FusedIterator for TextPayload<'_> {}

/// Splits `LEN:packet` from the body.
fn split_text_packet(body: &str) -> Result<(&str, &str), DecodeError> {
    if body.is_empty() {
        return Err(DecodeError::EmptyPacket);
    }
    let digits = body.bytes().take_while(u8::is_ascii_digit).count();
    let rest = body[digits..]
        .strip_prefix(':')
        .ok_or(DecodeError::IllegalLength)?;
    // No digits, or a number past any body.
    let units: usize = body[..digits]
        .parse()
        .map_err(|_| DecodeError::IllegalLength)?;
    let end = utf16_end(rest, units).ok_or(DecodeError::IllegalLength)?;
    Ok(rest.split_at(end))
}

/// Bytes that the first `units` UTF-16 code units of `text` take; `None` when it has fewer, or when
/// they end within a pair. Looks at no byte past that end.
fn utf16_end(text: &str, units: usize) -> Option<usize> {
    // A code unit takes a byte at least, so this many bytes belong to the packet in any case.
    if text.as_bytes().get(..units)?.is_ascii() {
        return Some(units);
    }
    let mut missing = units;
    for (at, character) in text.char_indices() {
        if missing == 0 {
            return Some(at);
        }
        missing = missing.checked_sub(character.len_utf16())?;
    }
    (missing == 0).then_some(text.len())
}

/// The packets of a binary body, decoded one by one; stops after the first error.
#[derive(Clone, Debug)]
pub struct BinaryPayload<'a> {
    rest: &'a [u8],
}

/// Splits a binary body (`application/octet-stream`) into packets. An empty body holds none.
pub fn decode_payload_binary(body: &[u8]) -> BinaryPayload<'_> {
    BinaryPayload { rest: body }
}

impl<'a> Iterator for BinaryPayload<'a> {
    type Item = Result<PayloadPacket<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let body = std::mem::take(&mut self.rest);
        let (&kind, body) = body.split_first()?;
        let decoded = split_binary_packet(body).and_then(|(packet, rest)| {
            let packet = decode_binary_packet(kind, packet)?;
            self.rest = rest;
            Ok(packet)
        });
        Some(decoded)
    }
}

impl FusedIterator for BinaryPayload<'_> {}

/// Splits `digits 0xff packet` from the body.
fn split_binary_packet(body: &[u8]) -> Result<(&[u8], &[u8]), DecodeError> {
    let mut len: Option<usize> = None;
    for (at, &byte) in body.iter().enumerate() {
        if byte == LENGTH_END {
            let len = len.ok_or(DecodeError::IllegalLength)?;
            return body[at + 1..]
                .split_at_checked(len)
                .ok_or(DecodeError::IllegalLength);
        }
        if byte > 9 {
            break;
        }
        let shifted = len.unwrap_or(0).checked_mul(10);
        len = shifted.and_then(|len| len.checked_add(usize::from(byte)));
        if len.is_none_or(|len| len > body.len()) {
            break;
        }
    }
    Err(DecodeError::IllegalLength)
}

fn decode_binary_packet(kind: u8, packet: &[u8]) -> Result<PayloadPacket<'_>, DecodeError> {
    if kind != 0 {
        return decode_binary(packet).map(|packet| PayloadPacket(Content::Text(packet)));
    }
    match simdutf8::basic::from_utf8(packet) {
        Ok(packet) => decode_text(packet),
        Err(_) => decode_loose_text(packet),
    }
}

/// Takes half surrogate pairs, which JavaScript's strings may hold and old clients encode as three
/// bytes, as U+FFFD.
#[cold]
fn decode_loose_text(packet: &[u8]) -> Result<PayloadPacket<'static>, DecodeError> {
    let mut bytes = packet.to_vec();
    let mut at = 0;
    while let Some(window) = bytes.get_mut(at..at + 3) {
        if let [0xed, 0xa0..=0xbf, 0x80..=0xbf] = window {
            window.copy_from_slice("\u{fffd}".as_bytes());
            at += 3;
        } else {
            at += 1;
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| DecodeError::InvalidUtf8)?;
    Ok(PayloadPacket(match decode_text(&text)?.0 {
        Content::Text(Packet::Text(message)) => Content::Loose(message.into()),
        Content::Binary(bytes) => Content::Binary(bytes),
        // The heartbeat's text is `probe` or nothing, and an open packet is a server's.
        Content::Text(_) | Content::Loose(_) => return Err(DecodeError::InvalidUtf8),
    }))
}

/// Appends the text body of a polling answer that carries these frames; binary goes as base64.
///
/// No frames give `0:`. Control frames have no meaning here and are passed over.
pub fn encode_payload_text<'f>(frames: impl IntoIterator<Item = &'f Frame>, out: &mut Vec<u8>) {
    let start = out.len();
    for frame in frames {
        let payload = frame.payload_ref();
        match frame.opcode() {
            Opcode::Text => {
                push_decimal(utf16_len(payload), b'0', out);
                out.push(b':');
                out.extend_from_slice(payload);
            }
            Opcode::Binary => {
                push_decimal(2 + payload.len().div_ceil(3) * 4, b'0', out);
                out.push(b':');
                push_base64_packet(payload, out);
            }
            _ => {}
        }
    }
    if out.len() == start {
        out.extend_from_slice(b"0:");
    }
}

/// Appends the binary body of a polling answer that carries these frames.
///
/// No frames give an empty body. Control frames have no meaning here and are passed over.
pub fn encode_payload_binary<'f>(frames: impl IntoIterator<Item = &'f Frame>, out: &mut Vec<u8>) {
    for frame in frames {
        let payload = frame.payload_ref();
        match frame.opcode() {
            Opcode::Text => {
                out.push(0);
                push_decimal(payload.len(), 0, out);
                out.push(LENGTH_END);
            }
            Opcode::Binary => {
                out.push(1);
                push_decimal(1 + payload.len(), 0, out);
                out.extend_from_slice(&[LENGTH_END, MESSAGE]);
            }
            _ => continue,
        }
        out.extend_from_slice(payload);
    }
}

/// What a client can take in the body of a polling answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinarySupport {
    /// Bytes as they are.
    Raw,
    /// Text only: it asked with `b64=1`, or it polls by JSONP.
    Base64,
}

/// How a body was encoded, and so its `Content-Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyForm {
    /// `text/plain; charset=UTF-8`
    Text,
    /// `application/octet-stream`
    Binary,
}

impl BodyForm {
    /// The header's value, as engine.io writes it.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=UTF-8",
            Self::Binary => "application/octet-stream",
        }
    }
}

/// Appends the body of a polling answer in the form that engine.io chooses: binary when there is
/// binary to carry and the client takes it, else text.
pub fn encode_payload<'f, F>(frames: F, support: BinarySupport, out: &mut Vec<u8>) -> BodyForm
where
    F: IntoIterator<Item = &'f Frame> + Clone,
{
    let is_binary = |frame: &Frame| frame.opcode() == Opcode::Binary;
    if support == BinarySupport::Raw && frames.clone().into_iter().any(is_binary) {
        encode_payload_binary(frames, out);
        return BodyForm::Binary;
    }
    encode_payload_text(frames, out);
    BodyForm::Text
}

fn push_base64_packet(message: &[u8], out: &mut Vec<u8>) {
    push_base64(b"b4", message, out);
}

/// Appends a number in decimal; `zero` is the byte that stands for 0.
fn push_decimal(number: usize, zero: u8, out: &mut Vec<u8>) {
    let start = out.len();
    let mut rest = number;
    loop {
        out.push(zero + (rest % 10) as u8);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out[start..].reverse();
}

/// UTF-16 code units of a text: one for each character, two for those of four bytes.
fn utf16_len(text: &[u8]) -> usize {
    // Both terms in one pass that the compiler turns into vector instructions.
    text.iter()
        .map(|&byte| usize::from(byte & 0xc0 != 0x80) + usize::from(byte >= 0xf0))
        .sum()
}
