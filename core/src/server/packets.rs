//! Socket.IO packets on their way out, as the engine's parser writes them. Each is encoded once,
//! for however many receivers.

use std::sync::Arc;

use super::frames::Frames;
use crate::config::Parser;
use crate::embed::Payload;
use crate::proto::msgpack;
use crate::proto::socket::{PacketType, encode_frame};
use crate::proto::websocket::Frame;

/// An event or an ack.
pub(super) fn encode(
    parser: Parser,
    kind: PacketType,
    namespace: &str,
    id: Option<u64>,
    payload: &Payload<'_>,
) -> Frames {
    if parser == Parser::Json && payload.attachments.is_empty() {
        return Frames::One(encode_frame(kind, 0, namespace, id, &[payload.json]));
    }
    Frames::from_raw(encode_raw(parser, kind, namespace, id, payload))
}

/// The same, as Engine.IO messages in the form of protocol 4.
pub(super) fn encode_raw(
    parser: Parser,
    kind: PacketType,
    namespace: &str,
    id: Option<u64>,
    payload: &Payload<'_>,
) -> Arc<[Frame]> {
    let Payload { json, attachments } = payload;
    if parser == Parser::MessagePack {
        return message_pack(kind, namespace, id, json, attachments);
    }
    let kind = match (kind, attachments.is_empty()) {
        (kind, true) => kind,
        (PacketType::Ack, false) => PacketType::BinaryAck,
        (_, false) => PacketType::BinaryEvent,
    };
    let count = attachments.len() as u32;
    let text = encode_frame(kind, count, namespace, id, &[json]);
    let binary = attachments.iter().map(|bytes| Frame::binary(&[bytes]));
    std::iter::once(text).chain(binary).collect()
}

/// An array with one more element, text that is the same in JSON.
pub(super) fn with_last_argument(array: &[u8], text: &str) -> Vec<u8> {
    let array = array.trim_ascii_end();
    let open = array.strip_suffix(b"]").unwrap_or(array);
    [open, b",\"", text.as_bytes(), b"\"]"].concat()
}

/// A packet that joins, refuses or ends; `body` is a JSON object, or empty for none.
pub(super) fn control(parser: Parser, kind: PacketType, namespace: &str, body: &str) -> Frames {
    match parser {
        Parser::Json if body.is_empty() => Frames::One(encode_frame(kind, 0, namespace, None, &[])),
        Parser::Json => Frames::One(encode_frame(kind, 0, namespace, None, &[body.as_bytes()])),
        Parser::MessagePack => {
            Frames::from_raw(message_pack(kind, namespace, None, body.as_bytes(), &[]))
        }
    }
}

fn message_pack(
    kind: PacketType,
    namespace: &str,
    id: Option<u64>,
    json: &[u8],
    attachments: &[bytes::Bytes],
) -> Arc<[Frame]> {
    let encoded = std::str::from_utf8(json)
        .ok()
        .and_then(|json| msgpack::encode(kind, namespace, id, json, attachments).ok());
    debug_assert!(encoded.is_some(), "the caller vouches for its JSON");
    // Of what is no JSON there is nothing to send.
    encoded.into_iter().collect()
}
