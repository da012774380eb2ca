//! Events that own what they carry, for an application that fetches them later.

use std::sync::Arc;

use bytes::Bytes;

use super::roster::SocketIdentity;
use crate::config::TransportKind;
use crate::embed::{BroadcastAck, Handshake, ServerTicket, SocketDetails};
use crate::error::DisconnectReason;

/// What has happened, in the order in which it happened to each socket.
#[derive(Debug)]
pub enum PulledEvent {
    /// A client asks to join a namespace. Answer with `accept` or `refuse`.
    Connect {
        /// The socket that is to be.
        socket: Arc<SocketIdentity>,
        /// The client's `auth` object, raw JSON.
        auth: Option<Box<str>>,
        /// Whether it comes back with its id, its rooms and what it missed, once it is accepted.
        recovered: bool,
        /// What the application kept for it with `PullServer::keep`, if it comes back.
        kept: Option<Arc<str>>,
        /// The request that opened its connection, if it is known.
        handshake: Option<Arc<Handshake>>,
    },
    /// An event of a client.
    Message {
        /// The socket.
        socket: Arc<SocketIdentity>,
        /// The ack the client waits for.
        ack: Option<u64>,
        /// Raw JSON array: name and arguments, valid JSON; binary stands as placeholders that have
        /// not been checked. It has room for one byte more.
        data: String,
        /// The attachments in order.
        attachments: Vec<Bytes>,
    },
    /// A client's answer to an emit that asked for one.
    Ack {
        /// The socket.
        socket: Arc<SocketIdentity>,
        /// The ack's id.
        id: u64,
        /// Raw JSON array of the arguments.
        data: Box<str>,
        /// The attachments in order.
        attachments: Vec<Bytes>,
    },
    /// The time given to an emit's ack is up.
    AckTimeout {
        /// The socket.
        socket: Arc<SocketIdentity>,
        /// The ack's id.
        id: u64,
    },
    /// One client's answer to a broadcast whose answers are told one by one.
    BroadcastAnswer {
        /// The namespace's name.
        namespace: Arc<str>,
        /// Who answered; `None` for a client of another node, which does not tell whose answer it is.
        socket: Option<Arc<SocketIdentity>>,
        /// The ack's id.
        id: u64,
        /// Raw JSON array of the arguments.
        data: Box<str>,
        /// The attachments in order.
        attachments: Vec<Bytes>,
    },
    /// A broadcast's acks are complete, or their time is up.
    BroadcastAck {
        /// The namespace's name.
        namespace: Arc<str>,
        /// The ack's id.
        id: u64,
        /// The answers.
        outcome: BroadcastAck,
    },
    /// Another server of the cluster says something to the servers.
    ServerMessage {
        /// The namespace's name.
        namespace: Arc<str>,
        /// The answer it waits for; answer with `PullServer::answer_server`.
        ticket: Option<Box<ServerTicket>>,
        /// As in [`PulledEvent::Message`].
        data: String,
        /// The attachments in order.
        attachments: Vec<Bytes>,
    },
    /// The other servers have answered, or their time is up.
    ServerAnswers {
        /// The namespace's name.
        namespace: Arc<str>,
        /// The ack's id.
        id: u64,
        /// The answers.
        outcome: BroadcastAck,
    },
    /// The sockets of all servers that were asked for.
    Sockets {
        /// The namespace's name.
        namespace: Arc<str>,
        /// The request's id.
        id: u64,
        /// The sockets.
        sockets: Vec<SocketDetails>,
        /// Whether a server had not answered when the time was up.
        timed_out: bool,
    },
    /// The number of servers that was asked for.
    ServerCount {
        /// The namespace's name.
        namespace: Arc<str>,
        /// The request's id.
        id: u64,
        /// How many they are; `None` if nobody could tell in time.
        servers: Option<usize>,
    },
    /// An accepted socket is gone. Its last event.
    Disconnect {
        /// The socket.
        socket: Arc<SocketIdentity>,
        /// Why.
        reason: DisconnectReason,
        /// More about why, for people.
        description: Option<Box<str>>,
        /// The rooms it was in, that of its own id first unless it had left that.
        rooms: Vec<Arc<str>>,
    },
    /// Something happened to a plain WebSocket.
    WebSocket {
        /// The WebSocket.
        socket: Arc<SocketIdentity>,
        /// What.
        event: WebSocketEvent,
    },
    /// Something happened to a client of server-sent events.
    Sse {
        /// The client.
        socket: Arc<SocketIdentity>,
        /// What.
        event: SseEvent,
    },
    /// Something happened to a connection without Socket.IO.
    Raw {
        /// The connection.
        socket: Arc<SocketIdentity>,
        /// What.
        event: RawEvent,
    },
    /// A client wants to open a connection, and waits for `PullServer::decide`.
    Handshake {
        /// What to decide about.
        ticket: u64,
        /// Its request.
        handshake: Arc<Handshake>,
    },
    /// A client wants a plain WebSocket, and waits for `PullServer::decide_about_websocket`.
    WebSocketHandshake {
        /// What to decide about.
        ticket: u64,
        /// What the application calls the WebSockets of that path.
        namespace: Arc<str>,
        /// Its request.
        handshake: Arc<Handshake>,
    },
    /// A client wants server-sent events, and waits for `PullServer::decide_about_sse`.
    SseHandshake {
        /// What to decide about.
        ticket: u64,
        /// What the application calls the clients of that path.
        namespace: Arc<str>,
        /// Its request.
        handshake: Arc<Handshake>,
    },
    /// Every connection is closed and the engine's threads have ended. The last event.
    Closed,
}

/// What happened to a client of server-sent events, in order.
#[derive(Debug)]
pub enum SseEvent {
    /// Its stream is open. Its first event.
    Open {
        /// The request that opened it.
        handshake: Arc<Handshake>,
    },
    /// Its stream is over. Its last event.
    Closed {
        /// The rooms it was in, in no order.
        rooms: Vec<Arc<str>>,
    },
}

/// What happened to a connection without Socket.IO, in order.
#[derive(Debug)]
pub enum RawEvent {
    /// It is open. Its first event.
    Open {
        /// What carries it.
        transport: TransportKind,
        /// The request that opened it.
        handshake: Option<Arc<Handshake>>,
    },
    /// A whole message.
    Message {
        /// The message, with room for one byte more.
        data: Vec<u8>,
        /// Whether it is not text. Text is UTF-8.
        is_binary: bool,
    },
    /// It is carried by a WebSocket from now on.
    Upgrade,
    /// All up to the message of this token has been handed to the transport.
    Sent(u64),
    /// It is over. Its last event.
    Close {
        /// Why.
        reason: DisconnectReason,
        /// More about why, for people.
        description: Option<Box<str>>,
    },
}

/// What a plain WebSocket's peer did, in order.
#[derive(Debug)]
pub enum WebSocketEvent {
    /// It is open. Its first event.
    Open {
        /// The request that opened it.
        handshake: Option<Arc<Handshake>>,
    },
    /// A whole message.
    Message {
        /// The message, with room for one byte more.
        data: Vec<u8>,
        /// Whether it is not text. Text is UTF-8, unless the settings skip the check.
        is_binary: bool,
    },
    /// A pong.
    Pong(Box<[u8]>),
    /// What was queued for it, more than the high-water mark, has left.
    Drain,
    /// It is closed. Its last event.
    Closed {
        /// The code of the peer's close frame; 1005 if that had none, 1006 if there was no frame or
        /// the peer broke the protocol.
        code: u16,
        /// The reason in the peer's close frame.
        reason: Box<str>,
        /// What went wrong, for people.
        description: Option<Box<str>>,
        /// The rooms it was in, that of its own id first unless it had left that.
        rooms: Vec<Arc<str>>,
    },
}

impl WebSocketEvent {
    pub(super) fn message(bytes: &[u8], is_binary: bool) -> WebSocketEvent {
        let mut data = Vec::with_capacity(bytes.len() + 1);
        data.extend_from_slice(bytes);
        WebSocketEvent::Message { data, is_binary }
    }
}

impl PulledEvent {
    /// Whether nothing comes behind it.
    pub(super) fn is_last(&self) -> bool {
        matches!(self, PulledEvent::Closed)
    }

    /// Bytes of what the peer sent that the event holds.
    pub(super) fn size(&self) -> usize {
        let sum = |attachments: &[Bytes]| attachments.iter().map(Bytes::len).sum::<usize>();
        match self {
            PulledEvent::Connect { auth, .. } => auth.as_ref().map_or(0, |auth| auth.len()),
            PulledEvent::Message {
                data, attachments, ..
            } => data.len() + sum(attachments),
            PulledEvent::Ack {
                data, attachments, ..
            }
            | PulledEvent::BroadcastAnswer {
                data, attachments, ..
            } => data.len() + sum(attachments),
            PulledEvent::ServerMessage {
                data, attachments, ..
            } => data.len() + sum(attachments),
            PulledEvent::Sockets { sockets, .. } => sockets
                .iter()
                .map(|socket| socket.handshake.len() + socket.data.json.len())
                .sum(),
            PulledEvent::BroadcastAck { outcome, .. }
            | PulledEvent::ServerAnswers { outcome, .. } => outcome
                .responses
                .iter()
                .map(|response| response.data.len() + sum(&response.attachments))
                .sum(),
            PulledEvent::WebSocket {
                event: WebSocketEvent::Message { data, .. },
                ..
            }
            | PulledEvent::Raw {
                event: RawEvent::Message { data, .. },
                ..
            } => data.len(),
            PulledEvent::Handshake { handshake, .. }
            | PulledEvent::WebSocketHandshake { handshake, .. }
            | PulledEvent::SseHandshake { handshake, .. }
            | PulledEvent::Sse {
                event: SseEvent::Open { handshake },
                ..
            } => handshake.size(),
            PulledEvent::Raw { .. }
            | PulledEvent::Sse { .. }
            | PulledEvent::AckTimeout { .. }
            | PulledEvent::ServerCount { .. }
            | PulledEvent::WebSocket { .. }
            | PulledEvent::Disconnect { .. }
            | PulledEvent::Closed => 0,
        }
    }
}
