//! The format of `@socket.io/redis-adapter` 8 (`createAdapter`), which `@socket.io/redis-emitter` 5
//! speaks too. With `key` as the prefix and `nsp` as the namespace's name:
//!
//! ```text
//! key#nsp#                 broadcasts           MessagePack [node, packet, options]
//! key#nsp#room#            to that room alone   the same
//! key-request#nsp#         what is asked        JSON, or MessagePack where there is binary
//! key-response#nsp#        the answers          the same
//! key-response#nsp#node#   answers to one node  the same
//! ```

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::text::{
    self, Flags, Name, Names, Options, Packet, Socket, Text, WrittenOptions, written_sockets,
};
use super::{
    AckWanted, Answered, Message, Publication, Received, Recipients, Refusal, Reply, Value,
};
use crate::proto::socket::PacketType;

/// The format, with what has been agreed on.
#[derive(Clone, Debug)]
pub struct Classic {
    key: Box<str>,
    answers_privately: bool,
}

impl Classic {
    /// With `key` before all channels; `socket.io` is the packages' default. With
    /// `answers_privately` replies go to the channel of the node that asked, which all nodes of
    /// `@socket.io/redis-adapter` 7.1 and later hear.
    pub fn new(key: &str, answers_privately: bool) -> Classic {
        Classic {
            key: key.into(),
            answers_privately,
        }
    }

    /// The pattern of the channels on which broadcasts of a namespace come, which `*` ends.
    pub fn broadcasts_pattern(&self, namespace: &str) -> Box<str> {
        let mut pattern = String::new();
        for character in self.broadcast_channel(namespace).chars() {
            if matches!(character, '*' | '?' | '[' | ']' | '\\') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern.push('*');
        pattern.into()
    }

    /// The channel on which requests come. The nodes of the cluster are those that have subscribed
    /// to it.
    pub fn request_channel(&self, namespace: &str) -> Box<str> {
        format!("{}-request#{namespace}#", self.key).into()
    }

    /// The channels on which replies for `node` come.
    pub fn response_channels(&self, namespace: &str, node: &str) -> [Box<str>; 2] {
        let channel = self.response_channel(namespace);
        [format!("{channel}{node}#").into(), channel.into()]
    }

    /// The one room that a broadcast on `channel` is for, if it is for one.
    pub fn room_of<'c>(&self, namespace: &str, channel: &'c str) -> Option<&'c str> {
        let rest = channel.strip_prefix(&*self.key)?.strip_prefix('#')?;
        let room = rest.strip_prefix(namespace)?.strip_prefix('#')?;
        room.strip_suffix('#')
    }

    /// Writes a message of `node`.
    pub fn write(&self, node: &str, namespace: &str, message: &Message) -> Publication {
        if let Message::Broadcast {
            recipients,
            event,
            volatile,
            ack: None,
        } = message
        {
            return self.write_broadcast(node, namespace, recipients, event, *volatile);
        }
        Publication {
            channel: self.request_channel(namespace),
            bytes: request(node, namespace, message),
        }
    }

    /// Writes a reply to a request of `asker`, if it told who it is.
    pub fn reply(
        &self,
        namespace: &str,
        asker: Option<&str>,
        request: &str,
        reply: &Reply,
    ) -> Publication {
        let mut channel = self.response_channel(namespace);
        if let Some(asker) = asker.filter(|_| self.answers_privately) {
            channel.push_str(asker);
            channel.push('#');
        }
        Publication {
            channel: channel.into(),
            bytes: response(request, reply),
        }
    }

    /// Reads what came on a channel of broadcasts.
    ///
    /// # Errors
    /// Why it is to be dropped.
    pub fn read_broadcast(bytes: &Bytes) -> Result<Received, Refusal> {
        #[derive(Deserialize)]
        struct Parts<'a>(
            #[serde(borrow)] Cow<'a, str>,
            #[serde(borrow)] Packet<'a>,
            Options,
        );
        let text = Text::read(bytes)?;
        let Parts(node, packet, options) = serde_json::from_str(&text.json)?;
        if !packet.is_event() {
            return Err(Refusal::Unknown);
        }
        let flags = options.flags.unwrap_or_default();
        Ok(Received {
            node: Some(node.into()),
            namespace: Some(packet.nsp.as_deref().unwrap_or("/").into()),
            message: Message::Broadcast {
                event: text.event(packet.data)?,
                recipients: options.into_recipients(),
                volatile: flags.is_volatile(),
                ack: None,
            },
        })
    }

    /// Whether it is a broadcast of `node`, told without reading it: for one's own, which come back.
    pub fn is_broadcast_of(node: &str, bytes: &[u8]) -> bool {
        let [0x93, marker, rest @ ..] = bytes else {
            return false;
        };
        node.len() < 32
            && usize::from(*marker) == 0xa0 + node.len()
            && rest.starts_with(node.as_bytes())
    }

    /// Reads what came on a channel of requests.
    ///
    /// # Errors
    /// Why it is to be dropped.
    pub fn read_request(bytes: &Bytes) -> Result<Received, Refusal> {
        let text = Text::read(bytes)?;
        let request: Request<'_> = serde_json::from_str(&text.json)?;
        Ok(Received {
            node: request.uid.as_deref().map(Into::into),
            namespace: None,
            message: request.into_message(&text)?,
        })
    }

    /// Reads what came on a channel of replies.
    ///
    /// # Errors
    /// Why it is to be dropped.
    pub fn read_response(bytes: &Bytes) -> Result<Answered, Refusal> {
        let text = Text::read(bytes)?;
        let mut response: Response<'_> = serde_json::from_str(&text.json)?;
        let request = response.request_id.take().ok_or(Refusal::Malformed)?;
        Ok(Answered {
            request: request.into_text(),
            reply: response.into_reply(&text)?,
        })
    }

    fn broadcast_channel(&self, namespace: &str) -> String {
        format!("{}#{namespace}#", self.key)
    }

    fn response_channel(&self, namespace: &str) -> String {
        format!("{}-response#{namespace}#", self.key)
    }

    fn write_broadcast(
        &self,
        node: &str,
        namespace: &str,
        recipients: &Recipients,
        event: &Value,
        volatile: bool,
    ) -> Publication {
        let mut channel = self.broadcast_channel(namespace);
        if let [room] = &*recipients.rooms {
            channel.push_str(room);
            channel.push('#');
        }
        let flags = Flags::new(volatile, None);
        let parts = (
            node,
            packet(namespace, event),
            WrittenOptions::new(recipients, Some(flags)),
        );
        Publication {
            channel: channel.into(),
            bytes: text::packed(&parts, &event.attachments),
        }
    }
}

/// What is asked of the other nodes; the numbers are `RequestType` of the npm package.
mod kind {
    pub(super) const SOCKETS: u8 = 0;
    pub(super) const ALL_ROOMS: u8 = 1;
    pub(super) const REMOTE_JOIN: u8 = 2;
    pub(super) const REMOTE_LEAVE: u8 = 3;
    pub(super) const REMOTE_DISCONNECT: u8 = 4;
    pub(super) const REMOTE_FETCH: u8 = 5;
    pub(super) const SERVER_SIDE_EMIT: u8 = 6;
    pub(super) const BROADCAST: u8 = 7;
    pub(super) const BROADCAST_CLIENT_COUNT: u8 = 8;
    pub(super) const BROADCAST_ACK: u8 = 9;
}

fn packet<'a>(namespace: &'a str, event: &'a Value) -> Packet<'a> {
    Packet {
        kind: PacketType::Event as u8,
        data: text::raw(&event.json),
        nsp: Some(Cow::Borrowed(namespace)),
    }
}

/// A request as it came. Whether it is about many sockets or one, `opts` tells.
#[derive(Deserialize)]
struct Request<'a> {
    #[serde(rename = "type")]
    kind: u8,
    #[serde(borrow, default)]
    uid: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "requestId")]
    request_id: Option<Name<'a>>,
    #[serde(default)]
    opts: Option<Options>,
    #[serde(default)]
    rooms: Names,
    #[serde(borrow, default)]
    sid: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    room: Option<Name<'a>>,
    #[serde(default)]
    close: Option<bool>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    packet: Option<Packet<'a>>,
}

impl Request<'_> {
    fn into_message(self, text: &Text) -> Result<Message, Refusal> {
        let request = self.request_id.map(Name::into_text);
        let is_about_many = self.opts.is_some();
        let flags = self
            .opts
            .as_ref()
            .and_then(|opts| opts.flags)
            .unwrap_or_default();
        let recipients = match (self.opts, self.sid) {
            (Some(opts), _) => opts.into_recipients(),
            (None, Some(sid)) => Recipients {
                rooms: vec![sid.into()],
                except: Vec::new(),
            },
            (None, None) => Recipients::default(),
        };
        // Without either of them all sockets would be meant.
        let is_addressed = is_about_many || !recipients.rooms.is_empty();
        let confirm = request.clone().filter(|_| !is_about_many);
        let rooms = match self.room {
            Some(room) if !is_about_many => vec![room.into_text()],
            _ => self.rooms.0,
        };
        Ok(match (self.kind, request) {
            (kind::REMOTE_JOIN, _) if is_addressed => Message::Join {
                recipients,
                rooms,
                request: confirm,
            },
            (kind::REMOTE_LEAVE, _) if is_addressed => Message::Leave {
                recipients,
                rooms,
                request: confirm,
            },
            (kind::REMOTE_DISCONNECT, _) if is_addressed => Message::Disconnect {
                recipients,
                close: self.close.unwrap_or_default(),
                request: confirm,
            },
            (kind::SOCKETS, Some(request)) => Message::FetchIds { request, rooms },
            (kind::ALL_ROOMS, Some(request)) => Message::FetchRooms { request },
            (kind::REMOTE_FETCH, Some(request)) if is_about_many => Message::FetchSockets {
                request,
                recipients,
            },
            (kind::SERVER_SIDE_EMIT, request) => {
                // Its names are the applications' own.
                let event = self.data.filter(|data| data.get().starts_with('['));
                Message::ServerSideEmit {
                    event: text.value(event.ok_or(Refusal::Malformed)?),
                    request,
                }
            }
            (kind::BROADCAST, Some(request)) if is_about_many => {
                let packet = self.packet.filter(Packet::is_event);
                Message::Broadcast {
                    recipients,
                    event: text.event(packet.ok_or(Refusal::Malformed)?.data)?,
                    volatile: flags.is_volatile(),
                    ack: Some(AckWanted {
                        request,
                        timeout_ms: flags.timeout_ms(),
                    }),
                }
            }
            (kind::SOCKETS..=kind::BROADCAST, _) => return Err(Refusal::Malformed),
            _ => return Err(Refusal::Unknown),
        })
    }
}

/// A request as it is written.
#[derive(Default, Serialize)]
struct WrittenRequest<'a> {
    uid: &'a str,
    #[serde(rename = "requestId", skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(rename = "type")]
    kind: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    packet: Option<Packet<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opts: Option<WrittenOptions<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rooms: Option<&'a [Box<str>]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    close: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}

fn request(node: &str, namespace: &str, message: &Message) -> Bytes {
    let mut written = WrittenRequest {
        uid: node,
        ..WrittenRequest::default()
    };
    let mut attachments: &[Bytes] = &[];
    match message {
        Message::Broadcast {
            recipients,
            event,
            volatile,
            ack,
        } => {
            let flags = Flags::new(*volatile, ack.as_ref());
            written.kind = kind::BROADCAST;
            written.request_id = ack.as_ref().map(|ack| &*ack.request);
            written.packet = Some(packet(namespace, event));
            written.opts = Some(WrittenOptions::new(recipients, Some(flags)));
            // The package always packs these.
            return text::packed(&written, &event.attachments);
        }
        Message::Join {
            recipients, rooms, ..
        }
        | Message::Leave {
            recipients, rooms, ..
        } => {
            written.kind = match message {
                Message::Join { .. } => kind::REMOTE_JOIN,
                _ => kind::REMOTE_LEAVE,
            };
            written.opts = Some(WrittenOptions::new(recipients, None));
            written.rooms = Some(rooms);
        }
        Message::Disconnect {
            recipients, close, ..
        } => {
            written.kind = kind::REMOTE_DISCONNECT;
            written.opts = Some(WrittenOptions::new(recipients, None));
            written.close = Some(*close);
        }
        Message::FetchSockets {
            request,
            recipients,
        } => {
            written.kind = kind::REMOTE_FETCH;
            written.request_id = Some(request);
            written.opts = Some(WrittenOptions::new(recipients, None));
        }
        Message::FetchIds { request, rooms } => {
            written.kind = kind::SOCKETS;
            written.request_id = Some(request);
            written.rooms = Some(rooms);
        }
        Message::FetchRooms { request } => {
            written.kind = kind::ALL_ROOMS;
            written.request_id = Some(request);
        }
        Message::ServerSideEmit { event, request } => {
            written.kind = kind::SERVER_SIDE_EMIT;
            written.request_id = request.as_deref();
            written.data = Some(text::raw(&event.json));
            attachments = &event.attachments;
        }
    }
    text::bytes(&written, attachments)
}

/// A reply as it came. What it answers is told by what is in it.
#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow, default, rename = "requestId")]
    request_id: Option<Name<'a>>,
    #[serde(default, rename = "type")]
    kind: Option<u8>,
    #[serde(borrow, default)]
    sockets: Option<&'a RawValue>,
    #[serde(default)]
    rooms: Option<Names>,
    #[serde(default, rename = "clientCount")]
    client_count: Option<f64>,
    #[serde(borrow, default)]
    packet: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

impl Response<'_> {
    fn into_reply(self, text: &Text) -> Result<Reply, Refusal> {
        let value = |value: Option<&RawValue>| text.value(value.unwrap_or(RawValue::NULL));
        Ok(match self.kind {
            Some(kind::BROADCAST_CLIENT_COUNT) => {
                Reply::ClientCount(self.client_count.ok_or(Refusal::Malformed)? as u64)
            }
            Some(kind::BROADCAST_ACK) => Reply::ClientAck(value(self.packet)),
            Some(kind::SERVER_SIDE_EMIT) => Reply::ServerSideEmit(value(self.data)),
            Some(_) => return Err(Refusal::Unknown),
            None => match (self.sockets, self.rooms) {
                (Some(sockets), _) => read_sockets(sockets, text)?,
                (None, Some(Names(rooms))) => Reply::Rooms(rooms),
                (None, None) => Reply::Done,
            },
        })
    }
}

fn read_sockets(sockets: &RawValue, text: &Text) -> Result<Reply, Refusal> {
    let sockets: Vec<&RawValue> = serde_json::from_str(sockets.get())?;
    if sockets.iter().all(|socket| socket.get().starts_with('"')) && !sockets.is_empty() {
        let ids = sockets.iter().map(|id| serde_json::from_str(id.get()));
        return Ok(Reply::SocketIds(ids.collect::<Result<_, _>>()?));
    }
    let sockets = sockets.into_iter().map(|socket| {
        let socket: Socket<'_> = serde_json::from_str(socket.get())?;
        socket.into_details(text)
    });
    Ok(Reply::Sockets(sockets.collect::<Result<_, Refusal>>()?))
}

/// A reply as it is written.
#[derive(Default, Serialize)]
struct WrittenResponse<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<u8>,
    #[serde(rename = "requestId")]
    request_id: &'a str,
    #[serde(rename = "clientCount", skip_serializing_if = "Option::is_none")]
    client_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    packet: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sockets: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rooms: Option<&'a [Box<str>]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}

fn response(request: &str, reply: &Reply) -> Bytes {
    let mut written = WrittenResponse {
        request_id: request,
        ..WrittenResponse::default()
    };
    let all;
    match reply {
        Reply::ClientCount(count) => {
            written.kind = Some(kind::BROADCAST_CLIENT_COUNT);
            written.client_count = Some(*count);
        }
        Reply::ClientAck(value) => {
            written.kind = Some(kind::BROADCAST_ACK);
            written.packet = Some(text::raw(&value.json));
            // The package always packs these.
            return text::packed(&written, &value.attachments);
        }
        Reply::Sockets(sockets) => {
            all = written_sockets(sockets);
            written.sockets = Some(&all.0);
            return text::bytes(&written, &all.1);
        }
        Reply::SocketIds(ids) => {
            let ids = text::json(ids);
            written.sockets = Some(text::raw(&ids));
            return text::bytes(&written, &[]);
        }
        Reply::Rooms(rooms) => written.rooms = Some(rooms),
        Reply::ServerSideEmit(value) => {
            written.kind = Some(kind::SERVER_SIDE_EMIT);
            written.data = Some(text::raw(&value.json));
            return text::bytes(&written, &value.attachments);
        }
        Reply::Done => {}
    }
    text::bytes(&written, &[])
}
