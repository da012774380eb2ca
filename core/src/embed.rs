//! The waist that all languages share: an application gives [`Command`]s and is given [`Event`]s.
//!
//! Both are closed enums. A feature reaches every face by a new variant, and the compiler lists
//! the places that must handle it.

mod handshake;
#[cfg(feature = "server")]
mod plain_event;
mod raw;
pub mod websocket;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::config::TransportKind;
use crate::error::DisconnectReason;
use crate::hub::Namespace;
pub use crate::hub::{BroadcastAck, ConnId, Kept, NamespaceId, Response, SocketRef, Telling};
pub use crate::proto::cluster::SocketDetails;
pub use crate::proto::engine::Revision;
#[cfg(feature = "server")]
pub(crate) use handshake::percent_decoded;
pub use handshake::{Handshake, Peer};
#[cfg(feature = "server")]
pub use plain_event::PlainEvent;
pub use raw::Raw;

/// What the engine tells the application. Events of one connection come in order, on the thread of
/// its shard; what they borrow is gone when the handler returns.
#[derive(Debug)]
pub enum Event<'a> {
    /// A connection is open; its client has joined no namespace yet.
    Open {
        /// The connection.
        conn: ConnId,
        /// The request that opened it, as the application or the engine's listener numbered it.
        request: RequestId,
        /// The Engine.IO session's id.
        sid: &'a str,
        /// What carries it.
        transport: TransportKind,
        /// What is known of the request that opened it: all, if the engine's own listener took it;
        /// else what the application brought with it.
        handshake: Option<&'a Arc<Handshake>>,
        /// The protocol its client speaks.
        revision: Revision,
    },
    /// A client asks to join a namespace. Answer with [`Command::Accept`] or [`Command::Refuse`].
    Connect {
        /// The connection.
        conn: ConnId,
        /// The namespace's name as the client wrote it; it may be unknown.
        namespace: &'a str,
        /// The id the socket is to have.
        sid: Arc<str>,
        /// The client's `auth` object, raw JSON; of a client of protocol 3, the query of the
        /// namespace's name as an object.
        auth: Option<&'a str>,
        /// Whether it is a socket that comes back: with its id, its rooms and what it missed.
        recovered: bool,
        /// What the application kept for it, if it comes back: JSON.
        kept: Option<Arc<str>>,
    },
    /// An event of a client.
    Message {
        /// The socket.
        socket: SocketRef,
        /// The ack the client waits for; answer with [`Command::Answer`].
        ack: Option<u64>,
        /// Raw JSON array: name and arguments, valid JSON; binary stands as placeholders
        /// `{"_placeholder":true,"num":0}`, which have not been checked.
        data: Cow<'a, str>,
        /// The attachments in order.
        attachments: Vec<Bytes>,
    },
    /// A client's answer. Ids that nobody asked for come through as well: the application keeps
    /// the list of what it waits for.
    Ack {
        /// The socket.
        socket: SocketRef,
        /// The ack's id.
        id: u64,
        /// Raw JSON array of the arguments.
        data: Cow<'a, str>,
        /// The attachments in order.
        attachments: Vec<Bytes>,
    },
    /// The time given to a direct emit's ack is up.
    AckTimeout {
        /// The socket.
        socket: SocketRef,
        /// The ack's id.
        id: u64,
    },
    /// One client's answer to a broadcast whose answers are told one by one.
    BroadcastAnswer {
        /// Where it happened.
        namespace: NamespaceId,
        /// Who answered; `None` for a client of another node, which does not tell whose answer it is.
        conn: Option<ConnId>,
        /// The ack's id.
        id: u64,
        /// Raw JSON array of the arguments.
        data: Cow<'a, str>,
        /// The attachments in order.
        attachments: Vec<Bytes>,
    },
    /// A broadcast's acks are complete, or their time is up.
    BroadcastAck {
        /// Where it happened.
        namespace: NamespaceId,
        /// The ack's id.
        id: u64,
        /// The answers.
        outcome: BroadcastAck,
    },
    /// The client left a namespace ("client namespace disconnect"). The socket is in its rooms
    /// until the event is handled.
    Leave {
        /// The socket that is gone.
        socket: SocketRef,
    },
    /// An Engine.IO message as it came (only with `Protocol::EngineIo`).
    Raw {
        /// The connection.
        conn: ConnId,
        /// The message.
        message: Raw<'a>,
    },
    /// All that was queued for a connection up to a [`Command::Send`] that carried this token, or to
    /// [`Batch::ask_sent`](crate::server::Batch::ask_sent), has been handed to its transport. What a
    /// connection still held when it ended is never told.
    Sent {
        /// The connection.
        conn: ConnId,
        /// The command's token.
        token: u64,
    },
    /// The client's heartbeat came: a pong, or in protocol 3 a ping (only with `Protocol::EngineIo`,
    /// or after [`Engine::tell_heartbeats`](crate::server::Engine::tell_heartbeats)).
    Heartbeat {
        /// The connection.
        conn: ConnId,
    },
    /// A ping is on its way to the client; its pong will be a `Heartbeat`. Comes where those come.
    Ping {
        /// The connection.
        conn: ConnId,
    },
    /// A WebSocket that may come to carry the connection has been probed by the client, which is
    /// answered. May come more than once.
    Probed {
        /// The connection.
        conn: ConnId,
    },
    /// The connection is carried by something else from now on.
    Upgraded {
        /// The connection.
        conn: ConnId,
        /// The request that brought it.
        request: RequestId,
        /// What carries it from here on.
        transport: TransportKind,
    },
    /// The connection is over and with it all its sockets. Its last event.
    Close {
        /// The connection.
        conn: ConnId,
        /// Why.
        reason: DisconnectReason,
        /// More about why, for people.
        description: Option<&'a str>,
        /// The namespaces it had sockets in. They are in their rooms until the event is handled.
        namespaces: &'a [Arc<Namespace>],
    },
    /// The answer to a request the application brought itself.
    Answer {
        /// The request.
        request: RequestId,
        /// What to answer.
        answer: Answer,
    },
    /// Byte feed: write these bytes to the peer, then say so with `Engine::feed_written`.
    FeedWrite {
        /// The feed.
        request: RequestId,
        /// What to write.
        bytes: &'a [u8],
    },
    /// Byte feed: end the stream, after what was written (or at once).
    FeedEnd {
        /// The feed.
        request: RequestId,
        /// Whether to drop what was not yet written.
        discard: bool,
    },
    /// A stream the application brought is over without having become a connection.
    Forget {
        /// The request that brought it.
        request: RequestId,
    },
    /// Something happened to a plain WebSocket.
    WebSocket {
        /// The connection.
        conn: ConnId,
        /// What.
        event: websocket::Event<'a>,
    },
    /// Another server of the cluster says something to the servers. Events from the cluster come on
    /// its bus's thread, in order.
    ServerSideEmit {
        /// Where.
        namespace: NamespaceId,
        /// The answer it waits for; answer with [`Command::AnswerServer`].
        ticket: Option<ServerTicket>,
        /// Raw JSON array: name and arguments; binary stands as placeholders.
        data: Cow<'a, str>,
        /// What the placeholders stand for.
        attachments: Vec<Bytes>,
    },
    /// The other servers have answered a [`Command::ServerSideEmit`], or their time is up.
    ServerAnswers {
        /// Where.
        namespace: NamespaceId,
        /// The ack's id.
        id: u64,
        /// The answers.
        outcome: BroadcastAck,
    },
    /// The answer to [`Command::FetchSockets`].
    Sockets {
        /// Where.
        namespace: NamespaceId,
        /// The request's id.
        id: u64,
        /// The sockets of all servers that have answered.
        sockets: Vec<SocketDetails>,
        /// Whether one had not when the time was up.
        timed_out: bool,
    },
    /// The answer to [`Command::CountServers`].
    ServerCount {
        /// Where.
        namespace: NamespaceId,
        /// The request's id.
        id: u64,
        /// How many servers there are, this one included; `None` if nobody could tell in time.
        servers: Option<usize>,
    },
    /// Another server asks for sockets of this one; answer with [`Command::DescribeSockets`]. Comes to
    /// an application that says it
    /// [describes sockets itself](crate::server::Application::describes_sockets).
    SocketsAsked {
        /// Where.
        namespace: NamespaceId,
        /// What waits for the answer.
        ticket: ServerTicket,
        /// The sockets.
        sockets: Vec<SocketRef>,
    },
    /// Another server puts a socket into rooms; the application is to do it as if it had wanted it
    /// itself. Comes to an application that
    /// [watches the rooms](crate::server::Application::watches_rooms) of the namespace.
    JoinAsked {
        /// The socket.
        socket: SocketRef,
        /// The rooms.
        rooms: &'a [Box<str>],
    },
    /// The same, out of rooms.
    LeaveAsked {
        /// The socket.
        socket: SocketRef,
        /// The rooms.
        rooms: &'a [Box<str>],
    },
    /// The connection to the bus of the cluster was found, or is lost or cannot be had; then why. It
    /// is tried again by itself.
    Bus(Result<(), &'a str>),
    /// Another server wants a socket to be disconnected; the application is to do it as if it had
    /// wanted it itself.
    DisconnectAsked {
        /// The socket.
        socket: SocketRef,
        /// Whether to close its connection too.
        close: bool,
    },
    /// Every connection is closed and the engine's threads end.
    Closed,
}

/// A number that the one who brings an HTTP request gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status code.
    pub status: u16,
    /// Headers in order.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// The body.
    pub body: Bytes,
}

/// How long to wait for an ack, and under which id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckRequest {
    /// The id; unique in the namespace while the ack is open.
    pub id: u64,
    /// When to give up. `None`: a direct emit waits for as long as the connection lives, a
    /// broadcast for `Config::broadcast_ack_timeout`.
    pub timeout: Option<Duration>,
    /// Of a broadcast: when to tell of its answers. One by one those of this server's sockets alone can
    /// be told: the broadcast is one within [`Reach::Server`].
    pub telling: Telling,
}

impl AckRequest {
    /// One whose answers are told together.
    pub fn new(id: u64, timeout: Option<Duration>) -> AckRequest {
        AckRequest {
            id,
            timeout,
            telling: Telling::Together,
        }
    }
}

/// A packet's payload as the application gives it: a JSON array and its attachments.
#[derive(Clone, Debug, Default)]
pub struct Payload<'a> {
    /// JSON text of an array; binary stands as placeholders. The caller vouches for its validity.
    pub json: &'a [u8],
    /// The attachments in order.
    pub attachments: Vec<Bytes>,
}

/// Who a command addresses: the sockets in any of `rooms` (none: all) and in none of `except`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Audience<'a> {
    /// Rooms to reach.
    pub rooms: &'a [&'a str],
    /// Rooms to leave out.
    pub except: &'a [&'a str],
    /// On which servers. Of no meaning to plain WebSockets, which are in no cluster.
    pub reach: Reach,
}

/// How far a command reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// The sockets of all servers of the cluster.
    #[default]
    Cluster,
    /// Those of this server.
    Server,
    /// Those of the others: the application deals with this server's itself.
    Others,
}

/// What another server waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTicket {
    /// The namespace's name.
    pub namespace: Box<str>,
    /// The server, if it told who it is.
    pub node: Option<Box<str>>,
    /// Its request.
    pub request: Box<str>,
}

/// What an application knows of a socket beside what the engine does.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// The request that opened its connection, if that is known.
    pub handshake: Option<Arc<Handshake>>,
    /// What the client gave as `auth`, raw JSON.
    pub auth: Option<Box<str>>,
}

/// What the application tells the engine. Commands of one thread take effect in order.
#[derive(Debug)]
pub enum Command<'a> {
    /// Lets a client into the namespace it asked for.
    Accept {
        /// The socket to be.
        socket: SocketRef,
        /// Its id, from [`Event::Connect`].
        sid: Arc<str>,
    },
    /// Keeps a client out of a namespace.
    Refuse {
        /// The connection.
        conn: ConnId,
        /// The name it asked for.
        namespace: &'a str,
        /// JSON object for the client, for example `{"message":"Invalid namespace"}`. A client of
        /// protocol 3 gets its `data`, or else its `message`; the object itself only if no namespace
        /// has that name.
        error: &'a str,
    },
    /// Sends an event to one socket.
    Emit {
        /// To whom.
        socket: SocketRef,
        /// Name and arguments.
        payload: Payload<'a>,
        /// Drop it if the connection is not writable.
        volatile: bool,
        /// Ask for an answer.
        ack: Option<AckRequest>,
    },
    /// Answers a client's event.
    Answer {
        /// To whom.
        socket: SocketRef,
        /// The id of the client's event.
        id: u64,
        /// The arguments.
        payload: Payload<'a>,
    },
    /// Sends an event to many sockets.
    Broadcast {
        /// In which namespace.
        namespace: NamespaceId,
        /// To whom there.
        audience: Audience<'a>,
        /// Name and arguments.
        payload: Payload<'a>,
        /// Drop it for connections that are not writable.
        volatile: bool,
        /// Ask everybody for an answer.
        ack: Option<AckRequest>,
    },
    /// Sends an Engine.IO message to one connection, as it is.
    Send {
        /// To whom.
        conn: ConnId,
        /// The message.
        message: Raw<'a>,
        /// Drop it if the connection is not writable.
        volatile: bool,
        /// Whether it is worth compressing where the connection can: a hint.
        compress: bool,
        /// [`Event::Sent`] tells of this token once the message is on its way. A message that was
        /// dropped counts as being so when what was queued before it is.
        token: Option<u64>,
    },
    /// Puts a socket into rooms.
    Join {
        /// The socket.
        socket: SocketRef,
        /// The rooms.
        rooms: &'a [&'a str],
    },
    /// Takes a socket out of rooms.
    Leave {
        /// The socket.
        socket: SocketRef,
        /// The rooms.
        rooms: &'a [&'a str],
    },
    /// Takes a socket out of all rooms, that of its own id too.
    LeaveAll {
        /// The socket.
        socket: SocketRef,
    },
    /// Puts many sockets into rooms.
    JoinMany {
        /// In which namespace.
        namespace: NamespaceId,
        /// Who.
        audience: Audience<'a>,
        /// The rooms.
        rooms: &'a [&'a str],
    },
    /// Takes many sockets out of rooms.
    LeaveMany {
        /// In which namespace.
        namespace: NamespaceId,
        /// Who.
        audience: Audience<'a>,
        /// The rooms.
        rooms: &'a [&'a str],
    },
    /// Has sockets of the other servers disconnected. Those of its own the application disconnects
    /// itself.
    DisconnectElsewhere {
        /// In which namespace.
        namespace: NamespaceId,
        /// Who.
        audience: Audience<'a>,
        /// Whether to close their connections too.
        close: bool,
    },
    /// Asks for sockets of all servers; [`Event::Sockets`] answers.
    FetchSockets {
        /// In which namespace.
        namespace: NamespaceId,
        /// Which.
        audience: Audience<'a>,
        /// The request's id, from the same numbers as those of acks; and how long to wait. `None`:
        /// as the cluster's settings say.
        ask: AckRequest,
    },
    /// Asks how many servers the cluster has; [`Event::ServerCount`] answers.
    CountServers {
        /// As which namespace knows it.
        namespace: NamespaceId,
        /// As in [`Command::FetchSockets`].
        ask: AckRequest,
    },
    /// Sends an event to the applications of the other servers.
    ServerSideEmit {
        /// In which namespace.
        namespace: NamespaceId,
        /// Name and arguments.
        payload: Payload<'a>,
        /// Ask each for an answer; [`Event::ServerAnswers`] gives them. A `timeout` of `None`: as the
        /// cluster's settings say.
        ack: Option<AckRequest>,
    },
    /// Answers another server's event.
    AnswerServer {
        /// From [`Event::ServerSideEmit`].
        ticket: &'a ServerTicket,
        /// The answer: of the arguments the first is told.
        payload: Payload<'a>,
    },
    /// Answers [`Event::SocketsAsked`].
    DescribeSockets {
        /// From the event.
        ticket: &'a ServerTicket,
        /// Those that are still there.
        sockets: Vec<SocketDetails>,
    },
    /// Takes a socket out of its namespace; the client is told. No event answers it.
    Disconnect {
        /// The socket.
        socket: SocketRef,
    },
    /// A connection's peer broke a rule that the application watches over, for example of the HTTP
    /// requests it brings: "transport error".
    Fail {
        /// The connection.
        conn: ConnId,
        /// What was wrong, for people.
        description: &'a str,
    },
    /// Drops the stream of the WebSocket that a request brought, as if its peer had gone: of the one
    /// that carries a connection ("transport close"), or of a candidate for an upgrade. The peer gets
    /// no close frame.
    DropStream {
        /// The connection.
        conn: ConnId,
        /// The WebSocket's request.
        request: RequestId,
    },
    /// Asks something of a plain WebSocket.
    WebSocket {
        /// The connection.
        conn: ConnId,
        /// What.
        command: websocket::Command<'a>,
    },
    /// Sends a message to many plain WebSockets.
    WebSocketBroadcast(websocket::Broadcast<'a>),
    /// Closes a connection; [`Event::Close`] follows.
    Close {
        /// The connection.
        conn: ConnId,
        /// Whether to drop what is queued for it.
        discard: bool,
    },
}
