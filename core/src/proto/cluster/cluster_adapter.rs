//! The messages of `ClusterAdapter` in `socket.io-adapter` 2.5, which the formats of the newer packages
//! share: `{type, data, uid, nsp}`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::text::{
    self, Flags, Name, Names, Options, Packet, Socket, Text, WrittenOptions, written_sockets,
};
use super::{AckWanted, Answered, Message, Received, Recipients, Refusal, Reply, Value};
use crate::proto::socket::PacketType;
use bytes::Bytes;

/// What comes on a channel, or in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A message to all nodes.
    Message(Received),
    /// An answer to what this node has asked.
    Reply(Answered),
}

impl Heard {
    /// Reads what came on a channel.
    ///
    /// # Errors
    /// Why it is to be dropped.
    pub fn read(bytes: &Bytes) -> Result<Heard, Refusal> {
        let text = Text::read(bytes)?;
        let envelope: Envelope<'_> = serde_json::from_str(&text.json)?;
        let sender = (envelope.uid.into(), envelope.nsp.into());
        let data = envelope.data.map(RawValue::get);
        read(envelope.kind, sender, data, &text)
    }
}

/// `MessageType` of the npm package.
mod kind {
    pub(super) const BROADCAST: u8 = 3;
    pub(super) const SOCKETS_JOIN: u8 = 4;
    pub(super) const SOCKETS_LEAVE: u8 = 5;
    pub(super) const DISCONNECT_SOCKETS: u8 = 6;
    pub(super) const FETCH_SOCKETS: u8 = 7;
    pub(super) const FETCH_SOCKETS_RESPONSE: u8 = 8;
    pub(super) const SERVER_SIDE_EMIT: u8 = 9;
    pub(super) const SERVER_SIDE_EMIT_RESPONSE: u8 = 10;
    pub(super) const BROADCAST_CLIENT_COUNT: u8 = 11;
    pub(super) const BROADCAST_ACK: u8 = 12;
}

/// A message as it is written.
#[derive(Serialize)]
pub(super) struct Written<'a> {
    #[serde(rename = "type")]
    pub(super) kind: u8,
    pub(super) data: Data<'a>,
    pub(super) uid: &'a str,
    pub(super) nsp: &'a str,
}

/// Its `data`, in the order in which the npm package writes the fields.
#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub(super) enum Data<'a> {
    Broadcast {
        packet: Packet<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<&'a str>,
        opts: WrittenOptions<'a>,
    },
    Rooms {
        opts: WrittenOptions<'a>,
        rooms: &'a [Box<str>],
    },
    Disconnect {
        opts: WrittenOptions<'a>,
        close: bool,
    },
    Fetch {
        opts: WrittenOptions<'a>,
        request_id: &'a str,
    },
    ServerSideEmit {
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<&'a str>,
        packet: &'a RawValue,
    },
    ClientCount {
        request_id: &'a str,
        client_count: u64,
    },
    Answer {
        request_id: &'a str,
        packet: &'a RawValue,
    },
    Sockets {
        request_id: &'a str,
        sockets: Box<RawValue>,
    },
}

impl<'a> Written<'a> {
    /// What `node` says in a namespace, and what the placeholders in it stand for; `None` for what these
    /// formats cannot say.
    pub(super) fn message(
        node: &'a str,
        namespace: &'a str,
        said: &'a Message,
    ) -> Option<(Written<'a>, &'a [Bytes])> {
        let (kind, data, attachments) = message(said)?;
        let (uid, nsp) = (node, namespace);
        let written = Written {
            kind,
            data,
            uid,
            nsp,
        };
        Some((written, attachments))
    }

    /// The same of a reply to `request`.
    pub(super) fn reply(
        node: &'a str,
        namespace: &'a str,
        request: &'a str,
        said: &'a Reply,
    ) -> Option<(Written<'a>, Cow<'a, [Bytes]>)> {
        let (kind, data, attachments) = reply(request, said)?;
        let (uid, nsp) = (node, namespace);
        let written = Written {
            kind,
            data,
            uid,
            nsp,
        };
        Some((written, attachments))
    }
}

/// A message's number, its `data`, and what the placeholders in it stand for.
fn message(message: &Message) -> Option<(u8, Data<'_>, &[Bytes])> {
    let options = |recipients| WrittenOptions::new(recipients, Some(Flags::default()));
    Some(match message {
        Message::Broadcast {
            recipients,
            event,
            volatile,
            ack,
        } => {
            let flags = Flags::new(*volatile, ack.as_ref());
            let data = Data::Broadcast {
                packet: Packet {
                    kind: PacketType::Event as u8,
                    data: text::raw(&event.json),
                    nsp: None,
                },
                request_id: ack.as_ref().map(|ack| &*ack.request),
                opts: WrittenOptions::new(recipients, Some(flags)),
            };
            (kind::BROADCAST, data, &event.attachments)
        }
        Message::Join {
            recipients, rooms, ..
        } => {
            let opts = options(recipients);
            (kind::SOCKETS_JOIN, Data::Rooms { opts, rooms }, &[])
        }
        Message::Leave {
            recipients, rooms, ..
        } => {
            let opts = options(recipients);
            (kind::SOCKETS_LEAVE, Data::Rooms { opts, rooms }, &[])
        }
        Message::Disconnect {
            recipients, close, ..
        } => {
            let (opts, close) = (options(recipients), *close);
            (
                kind::DISCONNECT_SOCKETS,
                Data::Disconnect { opts, close },
                &[],
            )
        }
        Message::FetchSockets {
            request,
            recipients,
        } => {
            let data = Data::Fetch {
                opts: options(recipients),
                request_id: request,
            };
            (kind::FETCH_SOCKETS, data, &[])
        }
        Message::ServerSideEmit { event, request } => {
            let data = Data::ServerSideEmit {
                request_id: request.as_deref(),
                packet: text::raw(&event.json),
            };
            (kind::SERVER_SIDE_EMIT, data, &event.attachments)
        }
        Message::FetchIds { .. } | Message::FetchRooms { .. } => return None,
    })
}

/// The same of a reply.
fn reply<'a>(request_id: &'a str, reply: &'a Reply) -> Option<(u8, Data<'a>, Cow<'a, [Bytes]>)> {
    let answer = |value: &'a Value| {
        let packet = text::raw(&value.json);
        let attachments = Cow::Borrowed(&*value.attachments);
        (Data::Answer { request_id, packet }, attachments)
    };
    Some(match reply {
        Reply::ClientCount(client_count) => {
            let data = Data::ClientCount {
                request_id,
                client_count: *client_count,
            };
            (kind::BROADCAST_CLIENT_COUNT, data, Cow::Borrowed(&[]))
        }
        Reply::ClientAck(value) => {
            let (data, attachments) = answer(value);
            (kind::BROADCAST_ACK, data, attachments)
        }
        Reply::ServerSideEmit(value) => {
            let (data, attachments) = answer(value);
            (kind::SERVER_SIDE_EMIT_RESPONSE, data, attachments)
        }
        Reply::Sockets(sockets) => {
            let (sockets, attachments) = written_sockets(sockets);
            let data = Data::Sockets {
                request_id,
                sockets,
            };
            (kind::FETCH_SOCKETS_RESPONSE, data, attachments.into())
        }
        Reply::SocketIds(_) | Reply::Rooms(_) | Reply::Done => return None,
    })
}

/// What stands around a message's `data`.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    kind: u8,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    uid: Cow<'a, str>,
    #[serde(borrow)]
    nsp: Cow<'a, str>,
}

/// The `data` as it came.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read<'a> {
    #[serde(borrow, default)]
    request_id: Option<Name<'a>>,
    #[serde(default)]
    opts: Option<Options>,
    #[serde(default)]
    rooms: Names,
    #[serde(default)]
    close: Option<bool>,
    /// A packet in a broadcast, an array in an event for servers, any value in an answer.
    #[serde(borrow, default)]
    packet: Option<&'a RawValue>,
    #[serde(default)]
    client_count: Option<f64>,
    #[serde(borrow, default)]
    sockets: Option<Vec<Socket<'a>>>,
}

/// Reads a message of `(node, namespace)` from its number and its `data`, JSON whose placeholders stand
/// for what is in `text`.
///
/// # Errors
/// Why it is to be dropped.
pub(super) fn read(
    kind: u8,
    (node, namespace): (Box<str>, Box<str>),
    data: Option<&str>,
    text: &Text,
) -> Result<Heard, Refusal> {
    if !(kind::BROADCAST..=kind::BROADCAST_ACK).contains(&kind) {
        return Err(Refusal::Unknown);
    }
    let mut read: Read<'_> = serde_json::from_str(data.ok_or(Refusal::Malformed)?)?;
    let request = read.request_id.take().map(Name::into_text);
    if let kind::FETCH_SOCKETS_RESPONSE | kind::SERVER_SIDE_EMIT_RESPONSE.. = kind {
        return Ok(Heard::Reply(Answered {
            request: request.ok_or(Refusal::Malformed)?,
            reply: read.into_reply(kind, text)?,
        }));
    }
    Ok(Heard::Message(Received {
        node: Some(node),
        namespace: Some(namespace),
        message: read.into_message(kind, request, text)?,
    }))
}

impl Read<'_> {
    fn into_message(
        self,
        kind: u8,
        request: Option<Box<str>>,
        text: &Text,
    ) -> Result<Message, Refusal> {
        if kind == kind::SERVER_SIDE_EMIT {
            // Its names are the applications' own.
            let event = self.packet.filter(|packet| packet.get().starts_with('['));
            return Ok(Message::ServerSideEmit {
                event: text.value(event.ok_or(Refusal::Malformed)?),
                request,
            });
        }
        // Without them all sockets would be meant.
        let options = self.opts.ok_or(Refusal::Malformed)?;
        let flags = options.flags.unwrap_or_default();
        let recipients: Recipients = options.into_recipients();
        Ok(match kind {
            kind::SOCKETS_JOIN => Message::Join {
                recipients,
                rooms: self.rooms.0,
                request: None,
            },
            kind::SOCKETS_LEAVE => Message::Leave {
                recipients,
                rooms: self.rooms.0,
                request: None,
            },
            kind::DISCONNECT_SOCKETS => Message::Disconnect {
                recipients,
                close: self.close.unwrap_or_default(),
                request: None,
            },
            kind::FETCH_SOCKETS => Message::FetchSockets {
                request: request.ok_or(Refusal::Malformed)?,
                recipients,
            },
            _ => {
                let packet = self.packet.ok_or(Refusal::Malformed)?;
                let packet: Packet<'_> = serde_json::from_str(packet.get())?;
                if !packet.is_event() {
                    return Err(Refusal::Unknown);
                }
                Message::Broadcast {
                    recipients,
                    event: text.event(packet.data)?,
                    volatile: flags.is_volatile(),
                    ack: request.map(|request| AckWanted {
                        request,
                        timeout_ms: flags.timeout_ms(),
                    }),
                }
            }
        })
    }

    fn into_reply(self, kind: u8, text: &Text) -> Result<Reply, Refusal> {
        let answer = || text.value(self.packet.unwrap_or(RawValue::NULL));
        Ok(match kind {
            kind::BROADCAST_CLIENT_COUNT => {
                Reply::ClientCount(self.client_count.ok_or(Refusal::Malformed)? as u64)
            }
            kind::BROADCAST_ACK => Reply::ClientAck(answer()),
            kind::SERVER_SIDE_EMIT_RESPONSE => Reply::ServerSideEmit(answer()),
            _ => {
                let sockets = self.sockets.ok_or(Refusal::Malformed)?.into_iter();
                let sockets = sockets.map(|socket| socket.into_details(text));
                Reply::Sockets(sockets.collect::<Result<_, _>>()?)
            }
        })
    }
}
