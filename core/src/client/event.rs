//! What a client's application is told.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::arguments::AckError;
use crate::embed::Response;

/// A socket of a client, one for each namespace that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketKey(pub u32);

/// What has happened, in the order in which it happened to each socket.
#[derive(Debug)]
pub enum Event {
    /// The server let the socket in. What was emitted meanwhile follows it at once.
    Connect {
        /// The socket.
        socket: SocketKey,
        /// Its id there.
        sid: Arc<str>,
        /// Whether it is the socket it was before, and misses nothing.
        recovered: bool,
    },
    /// The server did not let the socket in, or cannot be reached.
    ConnectError {
        /// The socket.
        socket: SocketKey,
        /// Why.
        error: ConnectError,
    },
    /// An event of the server.
    Message {
        /// The socket.
        socket: SocketKey,
        /// The ack the server waits for.
        ack: Option<u64>,
        /// Raw JSON array: name and arguments, valid JSON; binary stands as placeholders that have
        /// not been checked.
        data: Box<str>,
        /// The attachments in order.
        attachments: Vec<Bytes>,
    },
    /// What came of an emit that asked for an answer.
    Ack {
        /// The socket.
        socket: SocketKey,
        /// The ack's id.
        id: u64,
        /// The answer; [`AckError::Timeout`] or [`AckError::Disconnected`] if none came.
        answer: Result<Response, AckError>,
    },
    /// The socket is out of its namespace.
    Disconnect {
        /// The socket.
        socket: SocketKey,
        /// Why, and by that whether it comes back by itself.
        reason: DisconnectReason,
        /// More about why, for people.
        description: Option<Box<str>>,
    },
    /// The client tries to reach the server again.
    ReconnectAttempt {
        /// How often it has since it last had a connection; the first is 1.
        attempt: u32,
    },
    /// The client reached the server again; the sockets' [`Event::Connect`]s follow.
    Reconnect {
        /// The attempt that succeeded.
        attempt: u32,
    },
    /// The client gave up after as many attempts as its settings allow.
    ReconnectFailed,
    /// The client is closed. Its last event.
    Closed,
}

impl Event {
    /// Bytes of what the server sent that the event holds.
    pub(crate) fn size(&self) -> usize {
        let sum = |attachments: &[Bytes]| attachments.iter().map(Bytes::len).sum::<usize>();
        match self {
            Event::Message {
                data, attachments, ..
            } => data.len() + sum(attachments),
            Event::Ack {
                answer: Ok(response),
                ..
            } => response.data.len() + sum(&response.attachments),
            _ => 0,
        }
    }
}

/// Why a socket is not connected, though it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// The server refused it. It does not ask again by itself.
    Refused {
        /// The server's words, for example "Invalid namespace".
        message: String,
        /// What the server sent with them, raw JSON.
        data: Option<Box<str>>,
    },
    /// There is no connection to the server; the text says why. The client tries again if its
    /// settings allow.
    Unreachable(String),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::Refused { message, .. } => f.write_str(message),
            ConnectError::Unreachable(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for ConnectError {}

/// Why a client's socket was disconnected. The texts are socket.io-client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DisconnectReason {
    /// The server disconnected the socket. It does not come back by itself.
    IoServerDisconnect,
    /// This side did. It does not come back by itself.
    IoClientDisconnect,
    /// The server did not ping in time.
    PingTimeout,
    /// The server, or something between, closed the connection.
    TransportClose,
    /// The connection failed.
    TransportError,
    /// The server sent what is no Socket.IO packet.
    ParseError,
}

impl DisconnectReason {
    /// The reason in socket.io-client's words, for example `"transport close"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            DisconnectReason::IoServerDisconnect => "io server disconnect",
            DisconnectReason::IoClientDisconnect => "io client disconnect",
            DisconnectReason::PingTimeout => "ping timeout",
            DisconnectReason::TransportClose => "transport close",
            DisconnectReason::TransportError => "transport error",
            DisconnectReason::ParseError => "parse error",
        }
    }

    /// Whether the client asks for the socket again by itself, if its settings allow.
    pub const fn may_reconnect(self) -> bool {
        !matches!(
            self,
            DisconnectReason::IoServerDisconnect | DisconnectReason::IoClientDisconnect
        )
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
