//! Socket.IO packets that a client writes, and the JSON of those that answer a CONNECT.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::session::Outgoing;
use crate::embed::Payload;
use crate::proto::socket::{self, PacketType};

/// The JSON of the server's CONNECT.
#[derive(Deserialize)]
pub(super) struct Joined {
    pub(super) sid: Box<str>,
    pub(super) pid: Option<Box<str>>,
}

/// The JSON of a CONNECT_ERROR.
#[derive(Deserialize)]
pub(super) struct Refusal {
    #[serde(default)]
    pub(super) message: String,
    pub(super) data: Option<Box<RawValue>>,
}

/// An event that asks for that ack.
pub(super) fn event_packets(
    namespace: &str,
    ack: Option<u64>,
    payload: &Payload<'_>,
) -> Vec<Outgoing> {
    let kind = match payload.attachments.is_empty() {
        true => PacketType::Event,
        false => PacketType::BinaryEvent,
    };
    message(kind, namespace, ack, payload)
}

/// The answer to an event.
pub(super) fn answer_packets(namespace: &str, id: u64, payload: &Payload<'_>) -> Vec<Outgoing> {
    let kind = match payload.attachments.is_empty() {
        true => PacketType::Ack,
        false => PacketType::BinaryAck,
    };
    message(kind, namespace, Some(id), payload)
}

fn message(
    kind: PacketType,
    namespace: &str,
    id: Option<u64>,
    payload: &Payload<'_>,
) -> Vec<Outgoing> {
    let attachments = payload.attachments.len();
    let mut packets = Vec::with_capacity(1 + attachments);
    packets.push(packet(
        kind,
        namespace,
        id,
        payload.json,
        attachments as u32,
    ));
    packets.extend(payload.attachments.iter().cloned().map(Outgoing::Binary));
    packets
}

/// One packet without attachments of its own.
pub(super) fn packet(
    kind: PacketType,
    namespace: &str,
    id: Option<u64>,
    data: &[u8],
    attachments: u32,
) -> Outgoing {
    let mut bytes = vec![b'4'];
    socket::encode(kind, attachments, namespace, id, data, &mut bytes);
    // Payloads are JSON, and so UTF-8; what is not would be mended rather than sent.
    Outgoing::Text(
        String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
    )
}

/// A packet that attachments follow.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) namespace: Box<str>,
    pub(super) is_ack: bool,
    pub(super) id: Option<u64>,
    pub(super) data: Box<str>,
}
