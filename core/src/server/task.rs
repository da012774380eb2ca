//! What other threads ask of a shard.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::addresses::{Address, Share};
use super::frames::Frames;
use super::listen::Accepted;
use super::quota::Place;
use super::stop::Stop;
use super::websocket;
use crate::config::TransportKind;
use crate::embed::{Answer, Handshake, RequestId};
use crate::error::DisconnectReason;
use crate::hub::{Namespace, NamespaceId, ShardTargets, Slot};
use crate::proto::websocket::Frame;
use crate::proto::websocket::deflate::DeflateParams;
use crate::transport::{Dialect, Link, Stream};

/// One task; tasks of one thread are done in order.
#[derive(Debug)]
pub(super) enum Task {
    /// Send to one connection, if it is in the namespace.
    Send {
        slot: Slot,
        namespace: NamespaceId,
        outgoing: Outgoing,
        ack: Option<Box<AckDeadline>>,
    },
    /// Send an Engine.IO message to one connection.
    SendRaw(Box<SendRaw>),
    /// Send to many.
    Broadcast(Box<Broadcast>),
    /// Tell a client that it is in a namespace.
    Accept(Box<Accept>),
    /// Tell a client that it is not.
    Refuse(Box<Refuse>),
    /// Take a connection out of a namespace.
    Disconnect {
        slot: Slot,
        namespace: Arc<Namespace>,
    },
    /// End a connection whose peer broke a rule.
    Fail { slot: Slot, description: Box<str> },
    /// Drop the WebSocket of a connection that a request brought.
    DropStream { slot: Slot, request: RequestId },
    /// Close a connection.
    Close {
        slot: Slot,
        reason: DisconnectReason,
        discard: bool,
    },
    /// The acks of a broadcast are due.
    BroadcastDeadline {
        namespace: Arc<Namespace>,
        id: u64,
        at: Instant,
    },
    /// What was asked of other nodes is due.
    ClusterDeadline {
        namespace: NamespaceId,
        id: u64,
        at: Instant,
    },
    /// The time for a client that asks to be a socket again is up.
    ReturnDeadline { token: u64, at: Instant },
    /// It is known who a client is that asks to be a socket again.
    Return { slot: Slot, token: u64 },
    /// What this server has added to a stream is due to come back.
    EchoDeadline { at: Instant },
    /// A client's polling request.
    Request(Box<PollingRequest>),
    /// The one who brought a request has lost its client.
    RequestClosed {
        slot: Option<Slot>,
        request: RequestId,
    },
    /// A WebSocket whose request has been checked.
    Attach(Box<Attach>),
    /// A plain WebSocket.
    AttachWebSocket(Box<websocket::Attach>),
    /// Something is asked of one plain WebSocket.
    WebSocket { slot: Slot, ask: websocket::Ask },
    /// Send to many plain WebSockets.
    WebSocketBroadcast(Box<websocket::Broadcast>),
    /// Bytes of a feed; `None` when its stream is over.
    Feed {
        request: RequestId,
        bytes: Option<Bytes>,
    },
    /// The peer of a plain WebSocket's feed has ended its half of the stream.
    FeedEnded { request: RequestId },
    /// A feed's bytes have been written.
    FeedWritten { request: RequestId, bytes: usize },
    /// What one caller asked for in one go.
    Run(Vec<Task>),
    /// A connection of HTTP.
    Accepted(Box<(Accepted, Place)>),
    /// One too many of them.
    TurnAway(Box<(Accepted, Place)>),
    /// A request that another HTTP server has read.
    #[cfg(feature = "tower")]
    Mounted(Box<super::http::mounted::Mounted>),
    /// The application takes events again.
    Resume,
    /// Close everything and end.
    Stop(Stop),
}

impl Task {
    /// How many tasks it is.
    pub(super) fn count(&self) -> usize {
        match self {
            Task::Run(tasks) => tasks.len(),
            _ => 1,
        }
    }
}

/// A connection that the application has let into a namespace.
#[derive(Debug)]
pub(super) struct Accept {
    pub(super) slot: Slot,
    pub(super) namespace: Arc<Namespace>,
    pub(super) sid: Arc<str>,
    /// The private id by which it can come back.
    pub(super) pid: Option<Arc<str>>,
    /// What it missed while it was away.
    pub(super) missed: Vec<Frame>,
}

/// A connection that the application keeps out of a namespace.
#[derive(Debug)]
pub(super) struct Refuse {
    pub(super) slot: Slot,
    pub(super) name: Box<str>,
    /// Why, as a JSON object.
    pub(super) error: Box<str>,
    /// Whether there is no namespace of that name.
    pub(super) is_unknown: bool,
}

/// Encoded packets on their way to one or many connections.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) frames: Frames,
    pub(super) volatile: bool,
}

/// An Engine.IO message of the application.
#[derive(Debug)]
pub(super) struct SendRaw {
    pub(super) slot: Slot,
    /// `None` only asks about what is queued already.
    pub(super) outgoing: Option<Outgoing>,
    pub(super) token: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct AckDeadline {
    pub(super) id: u64,
    pub(super) timeout: Duration,
}

#[derive(Debug)]
pub(super) struct Broadcast {
    pub(super) targets: ShardTargets,
    pub(super) outgoing: Outgoing,
}

/// A polling request whose query has been checked.
#[derive(Debug)]
pub(super) struct PollingRequest {
    pub(super) request: RequestId,
    pub(super) responder: Responder,
    pub(super) kind: PollingKind,
    pub(super) legacy_browser: bool,
}

#[derive(Debug)]
pub(super) enum PollingKind {
    Handshake {
        handshake: Option<Arc<Handshake>>,
        dialect: Dialect,
        sid: Option<Arc<str>>,
        address: Option<Address>,
    },
    Poll(Slot),
    Post {
        slot: Slot,
        body: Bytes,
        is_octet_stream: bool,
    },
    /// Neither GET nor POST.
    Other,
}

/// Who is given the answer of a request.
#[derive(Debug)]
pub(super) enum Responder {
    Application(RequestId),
    Listener(oneshot::Sender<Answer>),
}

/// A WebSocket, or a stream of WebTransport, to be taken on.
#[derive(Debug)]
pub(super) struct Attach {
    pub(super) kind: TransportKind,
    pub(super) request: RequestId,
    pub(super) stream: Stream,
    /// Written before anything else: the answer to the upgrade request, unless it has gone out.
    pub(super) answer: Bytes,
    /// Bytes the peer has sent already.
    pub(super) head: Bytes,
    /// The polling connection that it is to carry; `None` opens a new connection.
    pub(super) upgrade_of: Option<Slot>,
    pub(super) dialect: Dialect,
    /// The request that brought it.
    pub(super) handshake: Option<Arc<Handshake>>,
    /// What was agreed on about compression.
    pub(super) deflate: Option<DeflateParams>,
    /// The id that the application has chosen for a new connection.
    pub(super) sid: Option<Arc<str>>,
    /// Whose it is, if addresses have limits.
    pub(super) address: Option<Address>,
}

/// What a connection begins with.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) request: RequestId,
    pub(super) transport: TransportKind,
    pub(super) link: Option<Link>,
    pub(super) dialect: Dialect,
    pub(super) handshake: Option<Arc<Handshake>>,
    /// Its id if it has been chosen, and claimed.
    pub(super) sid: Option<Arc<str>>,
    /// What it shares with the others of its address.
    pub(super) share: Option<Share>,
}
