//! Engine.IO packets, one per WebSocket message or several in a polling body: protocol 4, and
//! protocol 3 in [`v3`].
//!
//! ```text
//! packet    <type digit><text>            4hello
//! binary    the bytes themselves          (WebSocket: a binary message)
//!           b<base64>                     (polling, and a WebSocket for clients without binary)
//! payload   packet 0x1e packet ...        2<0x1e>4hello<0x1e>bAQID
//! ```

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

use super::DecodeError;
use super::json;
use super::websocket::{Frame, Opcode};

pub mod v3;

const SEPARATOR: char = '\x1e';

/// Clients pad or do not pad; both are taken.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The Engine.IO protocol that a client speaks: the `EIO` of its query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Revision {
    /// Clients of Socket.IO 1 and 2.
    V3,
    /// Clients of Socket.IO 3 and later.
    V4,
}

/// One Engine.IO packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// `0`: the session's parameters as JSON; only a server sends it.
    Open(&'a str),
    /// `1`: the sender leaves.
    Close,
    /// `2`: a heartbeat from the server, or `probe` from an upgrading client.
    Ping(&'a str),
    /// `3`: the answer to a ping, with its text.
    Pong(&'a str),
    /// `4`: a text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
    /// `5`: from now on this transport carries the session.
    Upgrade,
    /// `6`: nothing, but it ends a poll.
    Noop,
}

/// Decodes one packet of a WebSocket text message, such as `4hello` or `2probe`. A binary message as
/// text is for [`decode_base64`].
///
/// # Errors
/// An empty packet, or a type other than the digits 0 to 6.
#[inline]
pub fn decode_text(packet: &str) -> Result<Packet<'_>, DecodeError> {
    let Some(kind) = packet.chars().next() else {
        return Err(DecodeError::EmptyPacket);
    };
    let text = &packet[kind.len_utf8()..];
    Ok(match kind {
        '0' => Packet::Open(text),
        '1' => Packet::Close,
        '2' => Packet::Ping(text),
        '3' => Packet::Pong(text),
        '4' => Packet::Text(text),
        '5' => Packet::Upgrade,
        '6' => Packet::Noop,
        _ => return Err(DecodeError::UnknownPacketType(kind)),
    })
}

/// The bytes of `b<base64>`, how a client that takes no binary (`b64=1`) sends a binary message;
/// `None` when the packet is another.
///
/// # Errors
/// Base64 that is none.
#[inline]
pub fn decode_base64(packet: &str) -> Option<Result<Vec<u8>, DecodeError>> {
    let digits = packet.strip_prefix('b')?;
    Some(
        BASE64
            .decode(digits)
            .map_err(|_| DecodeError::InvalidBase64),
    )
}

/// A packet of a polling body; owns its bytes when they were base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadPacket<'a>(Content<'a>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content<'a> {
    Text(Packet<'a>),
    Binary(Vec<u8>),
    /// A text message that had to be mended.
    Loose(String),
}

impl PayloadPacket<'_> {
    /// The packet as it would have come over a WebSocket.
    pub fn as_packet(&self) -> Packet<'_> {
        match &self.0 {
            Content::Text(packet) => *packet,
            Content::Binary(bytes) => Packet::Binary(bytes),
            Content::Loose(text) => Packet::Text(text),
        }
    }
}

/// The packets of a polling body, decoded one by one; stops after the first error.
#[derive(Clone, Debug)]
pub struct PayloadPackets<'a> {
    /// What is left of the body; `None` at its end.
    rest: Option<&'a str>,
}

/// Splits the body of a POST into packets. An empty body is one empty packet, so an error.
pub fn decode_payload(body: &str) -> PayloadPackets<'_> {
    PayloadPackets { rest: Some(body) }
}

impl<'a> Iterator for PayloadPackets<'a> {
    type Item = Result<PayloadPacket<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let body = self.rest.take()?;
        let (packet, rest) = match body.split_once(SEPARATOR) {
            Some((packet, rest)) => (packet, Some(rest)),
            None => (body, None),
        };
        let decoded = decode_payload_packet(packet);
        if decoded.is_ok() {
            self.rest = rest;
        }
        Some(decoded)
    }
}

impl std::iter::FusedIterator for PayloadPackets<'_> {}

fn decode_payload_packet(packet: &str) -> Result<PayloadPacket<'_>, DecodeError> {
    let content = match decode_base64(packet) {
        Some(bytes) => Content::Binary(bytes?),
        None => Content::Text(decode_text(packet)?),
    };
    Ok(PayloadPacket(content))
}

/// Appends the body of a polling answer that carries these frames.
///
/// A text frame holds one Engine.IO packet, a binary frame a raw message. Control frames have no
/// meaning here and are passed over.
pub fn encode_payload<'f>(frames: impl IntoIterator<Item = &'f Frame>, out: &mut Vec<u8>) {
    let mut is_first = true;
    for frame in frames {
        let opcode = frame.opcode();
        if !matches!(opcode, Opcode::Text | Opcode::Binary) {
            continue;
        }
        if !std::mem::take(&mut is_first) {
            out.push(SEPARATOR as u8);
        }
        match opcode {
            Opcode::Text => out.extend_from_slice(frame.payload_ref()),
            _ => push_base64(b"b", frame.payload_ref(), out),
        }
    }
}

fn push_base64(prefix: &[u8], bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(prefix);
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    // The room is four digits for each three bytes begun, which is what padded base64 takes.
    STANDARD
        .encode_slice(bytes, &mut out[start..])
        .expect("room for all digits");
}

/// A binary message for a client that takes no binary (`b64=1`): `b<base64>` as a WebSocket text
/// frame.
pub fn base64_frame(message: &[u8]) -> Frame {
    let mut packet = Vec::new();
    push_base64(b"b", message, &mut packet);
    Frame::text(&[&packet])
}

/// A text message as one WebSocket frame: `4`, then the parts one after another.
pub fn message_frame(parts: &[&[u8]]) -> Frame {
    let len = parts.iter().map(|part| part.len()).sum::<usize>();
    Frame::build(Opcode::Text, 1 + len, |bytes| {
        bytes.push(b'4');
        for part in parts {
            bytes.extend_from_slice(part);
        }
    })
}

/// The packets that never change, as WebSocket frames.
pub mod frames {
    use super::Frame;

    /// `2`: the server's heartbeat.
    pub const PING: Frame = Frame::from_static(b"\x81\x012");
    /// `3`: the answer to a heartbeat.
    pub const PONG: Frame = Frame::from_static(b"\x81\x013");
    /// `3probe`: the answer to an upgrading client.
    pub const PONG_PROBE: Frame = Frame::from_static(b"\x81\x063probe");
    /// `6`: ends a poll that has nothing to carry.
    pub const NOOP: Frame = Frame::from_static(b"\x81\x016");
    /// `1`: ends the session.
    pub const CLOSE: Frame = Frame::from_static(b"\x81\x011");
}

/// What a server tells a client first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenPacket<'a> {
    /// The session's id.
    pub sid: &'a str,
    /// Transports that the client may change to.
    pub upgrades: &'a [&'a str],
    /// Milliseconds from a pong to the next ping.
    pub ping_interval_ms: u64,
    /// Milliseconds from a ping to the end of the session.
    pub ping_timeout_ms: u64,
    /// Bytes that the server takes in one message or POST body.
    pub max_payload: usize,
}

impl OpenPacket<'_> {
    /// `0{...}` as a text frame, its keys in the order of engine.io.
    pub fn to_frame(&self) -> Frame {
        let mut packet = String::from("0{\"sid\":");
        json::push_string(self.sid, &mut packet);
        packet.push_str(",\"upgrades\":[");
        for (i, upgrade) in self.upgrades.iter().enumerate() {
            if i > 0 {
                packet.push(',');
            }
            json::push_string(upgrade, &mut packet);
        }
        packet.push_str(&format!(
            "],\"pingInterval\":{},\"pingTimeout\":{},\"maxPayload\":{}}}",
            self.ping_interval_ms, self.ping_timeout_ms, self.max_payload
        ));
        Frame::text(&[packet.as_bytes()])
    }
}
