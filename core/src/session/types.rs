//! What goes into a session and what comes out of it.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::config::{RateLimit, TransportKind};
use crate::error::DisconnectReason;
use crate::proto::engine::Revision;
use crate::proto::websocket::Frame;

/// Times and limits shared by all sessions of a server.
///
/// The defaults are engine.io's.
#[derive(Clone, Debug)]
pub struct Settings {
    /// From a pong (or the opening) to the next ping. Default 25 s.
    pub ping_interval: Duration,
    /// From a ping to its pong; then the session closes with "ping timeout". Default 20 s.
    pub ping_timeout: Duration,
    /// From the arrival of a candidate WebSocket to its `5`. Default 10 s.
    pub upgrade_timeout: Duration,
    /// How long a closing session waits until what is queued is taken: over polling for the next
    /// poll, over WebSocket for the driver. Default 30 s.
    pub close_timeout: Duration,
    /// Bytes of one message, told to the client in the open packet; the driver enforces it.
    /// Default 1 000 000.
    pub max_payload: usize,
    /// Whether a polling session may move to another transport. Default true.
    pub allow_upgrades: bool,
    /// Whether `websocket` is among the server's transports, for a polling session to move to. Default
    /// true.
    pub serves_websocket: bool,
    /// How many messages a client may send; one more closes the session. Default: any number.
    pub rate_limit: Option<RateLimit>,
}

impl Settings {
    /// How long a client of protocol 3 may stay silent.
    pub(super) fn patience(&self) -> Duration {
        self.ping_interval.saturating_add(self.ping_timeout)
    }

    /// Whether a polling session may move to `kind`.
    pub(super) fn allows(&self, kind: TransportKind) -> bool {
        self.allow_upgrades && (kind != TransportKind::WebSocket || self.serves_websocket)
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(30),
            max_payload: 1_000_000,
            allow_upgrades: true,
            serves_websocket: true,
            rate_limit: None,
        }
    }
}

/// How a client came to a session.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// The session's id.
    pub sid: &'a str,
    /// What the handshake came over.
    pub transport: TransportKind,
    /// The protocol the client speaks.
    pub revision: Revision,
    /// Whether the server listens for WebTransport too: a polling session is then told of it.
    pub offers_webtransport: bool,
}

/// What a packet holds for the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<'p> {
    /// The packet was the session's own, or came too late.
    Nothing,
    /// The peer's heartbeat.
    Heartbeat,
    /// A text message.
    Text(&'p str),
    /// A binary message.
    Binary(&'p [u8]),
}

/// What to write, and where.
///
/// What is said of WebSockets here holds for WebTransport, whose frames the driver rewrites.
/// A session has at most one of either at a time: `Probe` and `WebSocket` name the role it has when
/// the bytes are to be written, and the order of these outputs is the order on that socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transmit {
    /// Write this frame to the current WebSocket.
    WebSocket(Frame),
    /// Write `3` to the current WebSocket, once and only when the peer takes what is written: a
    /// peer that asks and does not read must not fill memory.
    Pong,
    /// Write this frame to the probing WebSocket.
    Probe(Frame),
    /// Answer the pending GET with these packets (at least one); the poll is then over. Binary
    /// frames are as they were given to [`Session::send`](super::Session::send).
    Poll(Vec<Frame>),
    /// After everything before it: send an empty close frame (`88 00`) on the current WebSocket and
    /// end it.
    CloseWebSocket,
    /// Send an empty close frame on the probing WebSocket and end it.
    CloseProbe,
}

/// What the layers above must hear about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The candidate has been probed: `2probe` came, and is answered. Comes for each.
    Probed,
    /// The probing WebSocket has become the current one.
    Upgraded,
    /// The session is over. Comes exactly once and last.
    Closed {
        /// Why, in socket.io's terms.
        reason: DisconnectReason,
        /// engine.io's error message, where it has one.
        description: Option<Cow<'static, str>>,
    },
}

/// How a transport ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransportClosed {
    /// The peer ended it in order: "transport close".
    ByPeer,
    /// It broke, or was misused: "transport error" with this description.
    Error(Cow<'static, str>),
}

/// Why an HTTP request of a session is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollError {
    /// Another one of its kind is still running. The session has closed; answer 400, empty.
    Overlap,
    /// The session is on WebSocket. Answer 400 with code 3, "Bad request".
    NotPolling,
    /// The session is over. Answer 400 with code 1, "Session ID unknown".
    Closed,
}

impl fmt::Display for PollError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PollError::Overlap => "overlap from client",
            PollError::NotPolling => "the session is not on polling",
            PollError::Closed => "the session is closed",
        })
    }
}

impl std::error::Error for PollError {}

/// Why a WebSocket that names a session is refused. Close it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpgradeError {
    /// The session is on WebSocket already.
    AlreadyUpgraded,
    /// Another WebSocket is probing.
    AlreadyProbing,
    /// [`Settings::allow_upgrades`] is false, or the server does not serve that transport.
    NotAllowed,
    /// The session is closing or closed.
    Closed,
}

impl fmt::Display for UpgradeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UpgradeError::AlreadyUpgraded => "the session is on a WebSocket already",
            UpgradeError::AlreadyProbing => "another WebSocket is probing",
            UpgradeError::NotAllowed => "upgrades are not allowed",
            UpgradeError::Closed => "the session is closed",
        })
    }
}

impl std::error::Error for UpgradeError {}
