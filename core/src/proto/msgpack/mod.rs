//! Socket.IO packets as MessagePack: the wire of npm `socket.io-msgpack-parser` 3.
//!
//! One binary Engine.IO message holds the whole packet, binary values inline:
//!
//! ```text
//! { "type": 2, "data": ["file", <bin>], "nsp": "/" }      and "id" when there is one
//! ```
//!
//! To the rest of the engine it looks as if it had come as text: JSON with placeholders, and
//! attachments. What JSON lacks becomes what `JSON.stringify` makes of it: a date its ISO text, NaN
//! and infinities `null`, `undefined` nothing in an object and `null` in an array.

mod date;
mod from_json;
mod reader;
mod to_json;

use std::borrow::Cow;

use super::DecodeError;
use super::socket::{self, PacketType};
use super::websocket::Frame;
use reader::{Reader, Token};

/// One decoded packet; borrows the message it came from, but for its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What it is for; binary when there are attachments, as if it had come as text.
    pub kind: PacketType,
    /// `/` or the name as written.
    pub namespace: Cow<'a, str>,
    /// The ack that is asked for (events) or answered (acks).
    pub id: Option<u64>,
    /// JSON text of the shape that the type demands, at most six times as long as the message and
    /// 50 bytes for each attachment.
    pub data: Option<String>,
    /// The binary values, in the order of their placeholders.
    pub attachments: Vec<&'a [u8]>,
}

impl Packet<'_> {
    /// The packet as [`socket::decode`] would have given it.
    pub fn as_socket(&self) -> socket::Packet<'_> {
        socket::Packet {
            kind: self.kind,
            attachments: self.attachments.len() as u32,
            namespace: &self.namespace,
            id: self.id,
            data: self.data.as_deref(),
        }
    }
}

/// Decodes one binary Engine.IO message and checks the shape of its payload. Memory and time are
/// linear in the message, whatever lengths it declares; nesting is limited to 512 levels.
///
/// # Errors
/// The first rule broken. As [`socket::decode`], and unlike the npm package, it refuses reserved
/// event names and more than `max_attachments` binary values; binary values belong to events and
/// acks.
pub fn decode(message: &[u8], max_attachments: u32) -> Result<Packet<'_>, DecodeError> {
    let mut reader = Reader::new(message);
    let Token::Map(entries) = reader.next()? else {
        return Err(DecodeError::InvalidMsgpack);
    };
    let mut fields = Fields::default();
    for _ in 0..entries {
        fields.read(&mut reader, max_attachments)?;
    }
    if !reader.is_empty() {
        return Err(DecodeError::InvalidMsgpack);
    }
    fields.into_packet()
}

/// The entries of the packet's map, of which each may be missing and the last of a name counts.
#[derive(Default)]
struct Fields<'a> {
    kind: Option<u64>,
    namespace: Option<Cow<'a, str>>,
    id: Option<u64>,
    data: Option<String>,
    attachments: Vec<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn read(&mut self, reader: &mut Reader<'a>, max_attachments: u32) -> Result<(), DecodeError> {
        let Token::Str(key) = reader.next()? else {
            return Err(DecodeError::InvalidMsgpack);
        };
        match key {
            b"type" => self.kind = reader.next()?.as_unsigned(),
            b"nsp" => match reader.next()? {
                Token::Str(name) => self.namespace = Some(String::from_utf8_lossy(name)),
                _ => return Err(DecodeError::IllegalNamespace),
            },
            b"id" => {
                self.id = match reader.next()? {
                    Token::Undefined => None,
                    token => Some(token.as_unsigned().ok_or(DecodeError::IllegalAckId)?),
                }
            }
            b"data" => {
                self.attachments.clear();
                self.data = to_json::value(reader, &mut self.attachments, max_attachments)?;
            }
            // Clients add the options of the emit.
            _ => reader.skip()?,
        }
        Ok(())
    }

    fn into_packet(self) -> Result<Packet<'a>, DecodeError> {
        let kind = match (self.kind, self.attachments.is_empty()) {
            (Some(0), true) => PacketType::Connect,
            (Some(1), true) => PacketType::Disconnect,
            (Some(2), true) => PacketType::Event,
            (Some(2), false) => PacketType::BinaryEvent,
            (Some(3), true) => PacketType::Ack,
            (Some(3), false) => PacketType::BinaryAck,
            (Some(4), true) => PacketType::ConnectError,
            (Some(0 | 1 | 4), false) => return Err(DecodeError::InvalidPayload),
            (kind, _) => {
                let digit = kind.and_then(|kind| char::from_digit(u32::try_from(kind).ok()?, 10));
                return Err(DecodeError::UnknownPacketType(digit.unwrap_or('?')));
            }
        };
        let is_ack = matches!(kind, PacketType::Ack | PacketType::BinaryAck);
        let data = self.data.as_deref();
        if !socket::has_shape(kind, data) || !socket::has_name(kind, data) {
            return Err(DecodeError::InvalidPayload);
        }
        if data.is_none() && (is_ack || kind == PacketType::ConnectError) {
            return Err(DecodeError::InvalidPayload);
        }
        Ok(Packet {
            kind,
            namespace: self.namespace.ok_or(DecodeError::IllegalNamespace)?,
            id: self.id,
            data: self.data,
            attachments: self.attachments,
        })
    }
}

/// Encodes a packet as the binary message that carries it, byte for byte as the npm package does for
/// `{ type, data, id, nsp }`.
///
/// `data` is JSON text or empty. Its placeholders stand for `attachments`; an object that looks like
/// one and has no attachment stays an object. Numbers are written as JavaScript reads them: `1.0` is
/// the integer 1.
///
/// # Errors
/// [`DecodeError::InvalidPayload`] when `data` is not JSON.
pub fn encode(
    kind: PacketType,
    namespace: &str,
    id: Option<u64>,
    data: &str,
    attachments: &[impl AsRef<[u8]>],
) -> Result<Frame, DecodeError> {
    let wire_kind = match kind {
        PacketType::BinaryEvent => PacketType::Event,
        PacketType::BinaryAck => PacketType::Ack,
        kind => kind,
    };
    let inline: usize = attachments
        .iter()
        .map(|bytes| bytes.as_ref().len() + 5)
        .sum();
    let mut out = Vec::with_capacity(data.len() + inline + namespace.len() + 32);
    let entries = 2 + usize::from(!data.is_empty()) + usize::from(id.is_some());
    from_json::push_map(entries, &mut out);
    from_json::push_str("type", &mut out);
    from_json::push_unsigned(wire_kind as u64, &mut out);
    if !data.is_empty() {
        from_json::push_str("data", &mut out);
        from_json::push_value(data, attachments, &mut out)?;
    }
    if let Some(id) = id {
        from_json::push_str("id", &mut out);
        from_json::push_unsigned(id, &mut out);
    }
    from_json::push_str("nsp", &mut out);
    from_json::push_str(namespace, &mut out);
    Ok(Frame::binary(&[&out]))
}

/// Any JSON value with placeholders as MessagePack.
///
/// # Errors
/// [`DecodeError::InvalidPayload`] when it is not JSON.
pub(super) fn from_json(
    json: &str,
    attachments: &[impl AsRef<[u8]>],
) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::with_capacity(json.len());
    from_json::push_value(json, attachments, &mut out)?;
    Ok(out)
}

/// Any MessagePack value as JSON with placeholders, and what these stand for. Memory and time are
/// linear in the message.
///
/// # Errors
/// [`DecodeError::InvalidMsgpack`], also if something follows the value.
pub(super) fn to_json(message: &[u8]) -> Result<(String, Vec<&[u8]>), DecodeError> {
    let mut reader = Reader::new(message);
    let mut attachments = Vec::new();
    let json = to_json::value(&mut reader, &mut attachments, u32::MAX)?;
    if !reader.is_empty() {
        return Err(DecodeError::InvalidMsgpack);
    }
    Ok((json.ok_or(DecodeError::InvalidMsgpack)?, attachments))
}
