//! What servers of a cluster tell one another, in the wire formats of the Node packages, so that
//! servers of both kinds form one cluster.
//!
//! ```text
//! classic     @socket.io/redis-adapter, createAdapter; @socket.io/redis-emitter
//! sharded     @socket.io/redis-adapter, createShardedAdapter
//! streams     @socket.io/redis-streams-adapter
//! ```
//! A format writes [`Message`]s to all nodes and [`Reply`]s to one, and reads them. Values of the
//! application are JSON with placeholders and attachments, as everywhere in the engine; MessagePack
//! is made of them, and read into them, where the format wants it.
//!
//! Whoever can publish on the bus can say anything: what is malformed is refused, nothing else is
//! assumed of it.

mod classic;
mod cluster_adapter;
mod session;
mod sharded;
mod streams;
mod text;

use bytes::Bytes;

pub use classic::Classic;
pub use cluster_adapter::Heard;
pub use session::{Offset, Session};
pub use sharded::{Sharded, SubscriptionMode};
pub use streams::Streams;

use super::DecodeError;

/// Who is meant: the sockets in any of `rooms` (none: all) and in none of `except`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipients {
    /// Rooms to reach.
    pub rooms: Vec<Box<str>>,
    /// Rooms to leave out.
    pub except: Vec<Box<str>>,
}

/// A value of an application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Value {
    /// JSON text; binary stands as placeholders.
    pub json: Box<str>,
    /// What the placeholders stand for, by their numbers. There may be more than the text names.
    pub attachments: Vec<Bytes>,
}

/// What a node tells the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// An event for clients.
    Broadcast {
        /// To whom.
        recipients: Recipients,
        /// Array of name and arguments.
        event: Value,
        /// Drop it for connections that are not writable.
        volatile: bool,
        /// The answers that are wanted, if any.
        ack: Option<AckWanted>,
    },
    /// Puts sockets into rooms.
    Join {
        /// Who.
        recipients: Recipients,
        /// The rooms.
        rooms: Vec<Box<str>>,
        /// The request that the node of the socket is to confirm, by [`Reply::Done`].
        request: Option<Box<str>>,
    },
    /// Takes sockets out of rooms.
    Leave {
        /// Who.
        recipients: Recipients,
        /// The rooms.
        rooms: Vec<Box<str>>,
        /// As in [`Message::Join`].
        request: Option<Box<str>>,
    },
    /// Disconnects sockets.
    Disconnect {
        /// Who.
        recipients: Recipients,
        /// Whether to close their connections too.
        close: bool,
        /// As in [`Message::Join`].
        request: Option<Box<str>>,
    },
    /// Asks each node for its sockets, [`Reply::Sockets`].
    FetchSockets {
        /// The request.
        request: Box<str>,
        /// Which.
        recipients: Recipients,
    },
    /// Asks each node for the ids of its sockets, [`Reply::SocketIds`].
    FetchIds {
        /// The request.
        request: Box<str>,
        /// Those in any of these; none: all.
        rooms: Vec<Box<str>>,
    },
    /// Asks each node for the names of its rooms, [`Reply::Rooms`].
    FetchRooms {
        /// The request.
        request: Box<str>,
    },
    /// An event for the servers themselves.
    ServerSideEmit {
        /// Array of name and arguments.
        event: Value,
        /// The request, if each node is to answer, [`Reply::ServerSideEmit`].
        request: Option<Box<str>>,
    },
}

/// Answers that a broadcast wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AckWanted {
    /// The request.
    pub request: Box<str>,
    /// For how long answers count, in milliseconds; `None` if it does not say.
    pub timeout_ms: Option<u64>,
}

/// What a node answers another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// So many clients of this node were sent the broadcast.
    ClientCount(u64),
    /// One of them has answered: the first argument.
    ClientAck(Value),
    /// The sockets of this node.
    Sockets(Vec<SocketDetails>),
    /// Their ids.
    SocketIds(Vec<Box<str>>),
    /// The rooms of this node.
    Rooms(Vec<Box<str>>),
    /// The application's answer to [`Message::ServerSideEmit`].
    ServerSideEmit(Value),
    /// It has been done.
    Done,
}

/// A socket as other nodes see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketDetails {
    /// Its id.
    pub id: Box<str>,
    /// JSON object in the shape of socket.io's `socket.handshake`.
    pub handshake: Box<str>,
    /// The rooms it is in.
    pub rooms: Vec<Box<str>>,
    /// What its application keeps with it for all to see.
    pub data: Value,
}

/// Sockets as one JSON array of `{id, handshake, rooms, data}`, and what the placeholders in it stand
/// for.
pub fn sockets_json(sockets: &[SocketDetails]) -> (String, Vec<Bytes>) {
    let (json, attachments) = text::written_sockets(sockets);
    (json.get().to_owned(), attachments)
}

/// Sockets of such an array, without attachments.
///
/// # Errors
/// [`Refusal::Malformed`]
pub fn sockets_from_json(json: &str) -> Result<Vec<SocketDetails>, Refusal> {
    let text = text::Text {
        json: String::new(),
        attachments: Vec::new(),
    };
    let sockets: Vec<text::Socket<'_>> = serde_json::from_str(json)?;
    let sockets = sockets.into_iter();
    sockets.map(|socket| socket.into_details(&text)).collect()
}

/// A message as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The node that says it; none if it does not tell.
    pub node: Option<Box<str>>,
    /// The namespace it names; `None` where the channel tells it alone.
    pub namespace: Option<Box<str>>,
    /// What it says.
    pub message: Message,
}

/// A reply as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The request that it answers.
    pub request: Box<str>,
    /// What it says.
    pub reply: Reply,
}

/// Bytes for a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The channel.
    pub channel: Box<str>,
    /// The message.
    pub bytes: Bytes,
}

/// What is added to a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The stream.
    pub stream: Box<str>,
    /// Names and values.
    pub fields: Vec<(Box<str>, Bytes)>,
}

impl Entry {
    /// A field's value.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        let field = self.fields.iter().find(|(known, _)| **known == *name);
        field.map(|(_, value)| &**value)
    }
}

/// What goes to other nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Post {
    /// To those who hear the channel now.
    Publication(Publication),
    /// To those who read the stream, now or later.
    Entry(Entry),
}

/// Why a message of another node is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It is not what the format says.
    Malformed,
    /// It is of a kind that this release does not know.
    Unknown,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Refusal::Malformed => "malformed message",
            Refusal::Unknown => "message of an unknown kind",
        })
    }
}

impl std::error::Error for Refusal {}

impl From<DecodeError> for Refusal {
    fn from(_: DecodeError) -> Refusal {
        Refusal::Malformed
    }
}

impl From<serde_json::Error> for Refusal {
    fn from(_: serde_json::Error) -> Refusal {
        Refusal::Malformed
    }
}
