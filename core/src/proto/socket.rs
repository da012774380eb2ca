//! Socket.IO packets as text (protocol 5).
//!
//! ```text
//! <type>[<attachments>-][<namespace>,][<ack id>][JSON]
//!
//! 2["hello",1]                     event in "/"
//! 2/admin,12["hello",1]            event in "/admin" that asks for ack 12
//! 51-["file",{"_placeholder":true,"num":0}]    event, one binary message follows
//! ```

#[cfg(feature = "server")]
mod plain_event;

use std::borrow::Cow;

use super::websocket::{Frame, Opcode};
use super::{DecodeError, json};
#[cfg(feature = "server")]
pub(crate) use plain_event::PlainEvent;

/// What a packet is for: the digit it begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PacketType {
    /// Joins a namespace (client), or says that it was joined (server).
    Connect = 0,
    /// Leaves a namespace.
    Disconnect = 1,
    /// An array: the event's name, then its arguments.
    Event = 2,
    /// An array: the answer to the event with the same id.
    Ack = 3,
    /// The namespace could not be joined.
    ConnectError = 4,
    /// An event with attachments.
    BinaryEvent = 5,
    /// An ack with attachments.
    BinaryAck = 6,
}

impl PacketType {
    /// Whether the packet is followed by binary messages.
    pub const fn is_binary(self) -> bool {
        matches!(self, Self::BinaryEvent | Self::BinaryAck)
    }

    fn from_digit(digit: u8) -> Option<Self> {
        Some(match digit {
            b'0' => Self::Connect,
            b'1' => Self::Disconnect,
            b'2' => Self::Event,
            b'3' => Self::Ack,
            b'4' => Self::ConnectError,
            b'5' => Self::BinaryEvent,
            b'6' => Self::BinaryAck,
            _ => return None,
        })
    }
}

/// One decoded packet; borrows the text it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What it is for.
    pub kind: PacketType,
    /// Binary messages that follow; zero unless the type is binary.
    pub attachments: u32,
    /// As written, with its leading `/`; `/` when left out.
    pub namespace: &'a str,
    /// The ack that is asked for (events) or answered (acks).
    pub id: Option<u64>,
    /// JSON text of the shape that the type demands. Always there for events; an ack may come
    /// without, which means no arguments.
    pub data: Option<&'a str>,
}

/// Decodes the text of one Engine.IO message and checks the shape of its payload.
///
/// # Errors
/// The first rule broken. Unlike socket.io-parser, an event without a payload is refused: there
/// is no name to dispatch it by.
pub fn decode(text: &str, max_attachments: u32) -> Result<Packet<'_>, DecodeError> {
    let Some(first) = text.chars().next() else {
        return Err(DecodeError::EmptyPacket);
    };
    // Not ASCII becomes zero, which is no type.
    let digit = u8::try_from(first).unwrap_or_default();
    let kind = PacketType::from_digit(digit).ok_or(DecodeError::UnknownPacketType(first))?;
    let mut rest = &text[1..];
    let mut attachments = 0;
    if kind.is_binary() {
        (attachments, rest) = split_attachments(rest, max_attachments)?;
    }
    let (namespace, rest) = split_namespace(rest);
    let (id, payload) = split_id(rest)?;
    let data = (!payload.is_empty()).then_some(payload);
    check_payload(kind, data)?;
    Ok(Packet {
        kind,
        attachments,
        namespace,
        id,
        data,
    })
}

fn split_attachments(text: &str, max: u32) -> Result<(u32, &str), DecodeError> {
    let (digits, rest) = text
        .split_once('-')
        .ok_or(DecodeError::IllegalAttachments)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DecodeError::IllegalAttachments);
    }
    // All digits, so the only failure left is that the number is huge.
    match digits.parse::<u32>().unwrap_or(u32::MAX) {
        0 => Err(DecodeError::IllegalAttachments),
        count if count > max => Err(DecodeError::TooManyAttachments),
        count => Ok((count, rest)),
    }
}

#[inline]
fn split_namespace(text: &str) -> (&str, &str) {
    if !text.starts_with('/') {
        return ("/", text);
    }
    text.split_once(',').unwrap_or((text, ""))
}

#[inline]
fn split_id(text: &str) -> Result<(Option<u64>, &str), DecodeError> {
    let mut id: Option<u64> = None;
    let mut end = 0;
    for &byte in text.as_bytes() {
        if !byte.is_ascii_digit() {
            break;
        }
        let digit = u64::from(byte - b'0');
        let shifted = id
            .unwrap_or(0)
            .checked_mul(10)
            .and_then(|id| id.checked_add(digit));
        id = Some(shifted.ok_or(DecodeError::IllegalAckId)?);
        end += 1;
    }
    Ok((id, &text[end..]))
}

fn check_payload(kind: PacketType, data: Option<&str>) -> Result<(), DecodeError> {
    // In this order: a name is looked for in valid JSON only.
    let is_valid = has_shape(kind, data) && data.is_none_or(json::is_valid) && has_name(kind, data);
    is_valid.then_some(()).ok_or(DecodeError::InvalidPayload)
}

/// Whether JSON of this first character, or none, is what the packet type carries.
pub(super) fn has_shape(kind: PacketType, data: Option<&str>) -> bool {
    let Some(data) = data else {
        return !matches!(kind, PacketType::Event | PacketType::BinaryEvent);
    };
    let start = json::skip_space(data.as_bytes(), 0);
    let first = data.as_bytes().get(start).copied().unwrap_or_default();
    match kind {
        PacketType::Connect => first == b'{',
        PacketType::Disconnect => false,
        PacketType::ConnectError => matches!(first, b'{' | b'"'),
        _ => first == b'[',
    }
}

/// Whether an event has a name, a number or a string, and none of the library's own. `data` is valid
/// JSON of the event's shape.
pub(super) fn has_name(kind: PacketType, data: Option<&str>) -> bool {
    match (kind, data) {
        (PacketType::Event | PacketType::BinaryEvent, Some(data)) => has_free_name(data),
        _ => true,
    }
}

fn has_free_name(data: &str) -> bool {
    let bytes = data.as_bytes();
    let bracket = json::skip_space(bytes, 0);
    let start = json::skip_space(bytes, bracket + 1);
    match bytes.get(start..).unwrap_or_default() {
        // A letter that begins a reserved name, or an escape that may stand for one.
        [b'"', b'c' | b'd' | b'n' | b'r' | b'\\', ..] => {
            event_name(data).is_some_and(|name| !is_reserved(&name))
        }
        [b'"' | b'-' | b'0'..=b'9', ..] => true,
        _ => false,
    }
}

/// Names that socket.io keeps for events of its own.
pub(crate) fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "connect"
            | "connect_error"
            | "disconnect"
            | "disconnecting"
            | "newListener"
            | "removeListener"
    )
}

/// What a client of protocol 4 is told in a CONNECT_ERROR, out of the object that protocol 5 has for
/// it: its `data`, unless JavaScript takes that for false, or else its `message`.
pub fn legacy_connect_error(error: &str) -> &str {
    #[derive(serde::Deserialize)]
    struct ConnectError<'a> {
        #[serde(borrow)]
        message: Option<&'a serde_json::value::RawValue>,
        #[serde(borrow)]
        data: Option<&'a serde_json::value::RawValue>,
    }
    let Ok(ConnectError { message, data }) = serde_json::from_str(error) else {
        return error;
    };
    let is_truthy = |data: &&serde_json::value::RawValue| {
        !matches!(data.get(), "false" | "0" | "-0" | "0.0" | "\"\"")
    };
    let told = data.filter(is_truthy).or(message);
    told.map_or(error, |told| told.get())
}

/// Where the first element of a valid JSON array lies, when it is a string (quotes included) or a
/// number.
fn first_element(data: &str) -> Option<std::ops::Range<usize>> {
    let bytes = data.as_bytes();
    let bracket = json::skip_space(bytes, 0);
    if *bytes.get(bracket)? != b'[' {
        return None;
    }
    let start = json::skip_space(bytes, bracket + 1);
    let end = match bytes.get(start)? {
        b'"' => json::string_end(bytes, start + 1)?,
        b'-' | b'0'..=b'9' => json::number_end(bytes, start)?,
        _ => return None,
    };
    Some(start..end)
}

/// The name in a decoded event: its first element, unescaped; a number gives its text.
pub fn event_name(data: &str) -> Option<Cow<'_, str>> {
    let element = &data[first_element(data)?];
    match element.strip_prefix('"') {
        // Its end was found, so the closing quote is there.
        Some(quoted) => Some(json::unescape(&quoted[..quoted.len() - 1])),
        None => Some(Cow::Borrowed(element)),
    }
}

/// The arguments of a decoded event as raw text, without name and brackets: `["a",1,2]` gives
/// `1,2`, and `["a"]` an empty text.
pub fn event_args(data: &str) -> &str {
    let Some(name) = first_element(data) else {
        return "";
    };
    let is_space = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r');
    let rest = data[name.end..].trim_matches(is_space);
    let rest = rest.strip_suffix(']').unwrap_or(rest);
    rest.trim_start_matches(is_space)
        .strip_prefix(',')
        .unwrap_or("")
        .trim_matches(is_space)
}

/// Appends a packet. `data` is JSON text or empty.
pub fn encode(
    kind: PacketType,
    attachments: u32,
    namespace: &str,
    id: Option<u64>,
    data: &[u8],
    out: &mut Vec<u8>,
) {
    let prefix = Prefix::new(kind, attachments, namespace, id);
    out.reserve(prefix.len() + data.len());
    prefix.write(out);
    out.extend_from_slice(data);
}

/// A packet as the Engine.IO message and WebSocket frame that carry it, with one allocation. The
/// parts of `data` follow one another.
pub fn encode_frame(
    kind: PacketType,
    attachments: u32,
    namespace: &str,
    id: Option<u64>,
    data: &[&[u8]],
) -> Frame {
    let data_len: usize = data.iter().map(|part| part.len()).sum();
    if !kind.is_binary() && id.is_none() && namespace == "/" {
        return Frame::build(Opcode::Text, 2 + data_len, |bytes| {
            bytes.extend_from_slice(&[b'4', b'0' + kind as u8]);
            for part in data {
                bytes.extend_from_slice(part);
            }
        });
    }
    let prefix = Prefix::new(kind, attachments, namespace, id);
    Frame::build(Opcode::Text, 1 + prefix.len() + data_len, |bytes| {
        bytes.push(b'4');
        prefix.write(bytes);
        for part in data {
            bytes.extend_from_slice(part);
        }
    })
}

/// Appends to other frames that of an event or an ack without attachments.
#[cfg(feature = "server")]
#[inline]
pub(crate) fn append_frame(
    kind: PacketType,
    namespace: &str,
    id: Option<u64>,
    json: &[u8],
    out: &mut Vec<u8>,
) {
    if id.is_none() && namespace == "/" {
        return Frame::append(Opcode::Text, 2 + json.len(), out, |bytes| {
            bytes.extend_from_slice(&[b'4', b'0' + kind as u8]);
            bytes.extend_from_slice(json);
        });
    }
    let prefix = Prefix::new(kind, 0, namespace, id);
    Frame::append(Opcode::Text, 1 + prefix.len() + json.len(), out, |bytes| {
        bytes.push(b'4');
        prefix.write(bytes);
        bytes.extend_from_slice(json);
    });
}

/// All of a packet before its JSON, with its length known before it is written.
struct Prefix<'a> {
    kind: PacketType,
    attachments: Option<Digits>,
    /// Empty for "/".
    namespace: &'a str,
    id: Option<Digits>,
}

impl<'a> Prefix<'a> {
    fn new(kind: PacketType, attachments: u32, namespace: &'a str, id: Option<u64>) -> Self {
        Prefix {
            kind,
            attachments: kind
                .is_binary()
                .then(|| Digits::new(u64::from(attachments))),
            namespace: if namespace == "/" { "" } else { namespace },
            id: id.map(Digits::new),
        }
    }

    fn len(&self) -> usize {
        let attachments = self
            .attachments
            .as_ref()
            .map_or(0, |digits| digits.as_bytes().len() + 1);
        let namespace = if self.namespace.is_empty() {
            0
        } else {
            self.namespace.len() + 1
        };
        1 + attachments + namespace + self.id.as_ref().map_or(0, |digits| digits.as_bytes().len())
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'0' + self.kind as u8);
        if let Some(attachments) = &self.attachments {
            out.extend_from_slice(attachments.as_bytes());
            out.push(b'-');
        }
        if !self.namespace.is_empty() {
            out.extend_from_slice(self.namespace.as_bytes());
            out.push(b',');
        }
        if let Some(id) = &self.id {
            out.extend_from_slice(id.as_bytes());
        }
    }
}

/// A number in decimal, on the stack.
struct Digits {
    bytes: [u8; 20],
    start: usize,
}

impl Digits {
    fn new(mut number: u64) -> Self {
        let mut bytes = [0; 20];
        let mut start = bytes.len();
        loop {
            start -= 1;
            bytes[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return Digits { bytes, start };
            }
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}
