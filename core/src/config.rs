//! Every setting of the engine with its default, in one place.

mod http;
mod sse;
mod websocket;

use std::time::Duration;

use bytes::Bytes;

#[cfg(feature = "server")]
pub(crate) use http::Origin;
pub use http::{Cookie, Cors, HttpCompression, SameSite};
pub use sse::EventStreamSettings;
pub use websocket::{Overflow, WebSocketSettings};

use crate::error::Error;
pub use crate::hub::RecoverySettings;
pub use crate::proto::websocket::deflate::{DeflateOptions, WindowLimit};

/// What carries a connection's packets at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransportKind {
    /// HTTP long polling.
    Polling,
    /// A WebSocket (RFC 6455).
    WebSocket,
    /// A stream of WebTransport (HTTP/3), from a listener of its own or a session that the application
    /// accepts, and never by a request of HTTP.
    WebTransport,
}

impl TransportKind {
    /// The name clients have for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            TransportKind::Polling => "polling",
            TransportKind::WebSocket => "websocket",
            TransportKind::WebTransport => "webtransport",
        }
    }

    /// The transport of that name, if a client can ask for it in the `transport` query parameter.
    pub fn from_name(name: &str) -> Option<TransportKind> {
        match name {
            "polling" => Some(TransportKind::Polling),
            "websocket" => Some(TransportKind::WebSocket),
            _ => None,
        }
    }
}

/// How many messages may be sent by a client, or by all of an address: Engine.IO messages, so that
/// an event counts as one and each of its attachments as one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// In the long run.
    pub per_second: u32,
    /// At once, after a time of silence.
    pub burst: u32,
}

impl RateLimit {
    /// Whether no message would ever pass.
    fn is_nothing(self) -> bool {
        self.per_second == 0 || self.burst == 0
    }
}

/// What a connection's messages mean to the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Socket.IO: namespaces, events, acks, rooms.
    #[default]
    SocketIo,
    /// Nothing: messages go to the application and come from it as they are.
    EngineIo,
}

/// How Socket.IO packets are written; clients must be made with the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Parser {
    /// JSON text, each binary value in a message of its own (npm `socket.io-parser`).
    #[default]
    Json,
    /// MessagePack, binary values inside (npm `socket.io-msgpack-parser`). To an application nothing
    /// changes: it is given, and gives, JSON and attachments.
    MessagePack,
}

/// A message that every client gets right behind the open packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InitialPacket {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Bytes),
}

/// The settings of an engine. The defaults are socket.io's where socket.io has the setting.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What messages mean. Default: Socket.IO.
    pub protocol: Protocol,
    /// How Socket.IO packets are written. Default: JSON.
    pub parser: Parser,
    /// What every client is sent right behind the open packet (`initialPacket`). Default: nothing.
    pub initial_packet: Option<InitialPacket>,
    /// Path under which clients find the engine. Default `/socket.io`.
    pub path: String,
    /// From one pong to the next ping. Default 25 s.
    pub ping_interval: Duration,
    /// How long a pong may take. Default 20 s.
    pub ping_timeout: Duration,
    /// How long an upgrade may take from its first byte. Default 10 s.
    pub upgrade_timeout: Duration,
    /// How long a connection may stay in no namespace (Socket.IO only). Default 45 s.
    pub connect_timeout: Duration,
    /// How long a broadcast waits for acks when it does not say. Default 10 s.
    pub broadcast_ack_timeout: Duration,
    /// How long a closing connection is given to take what is queued for it. Default 30 s.
    pub close_timeout: Duration,
    /// How long a request's head, and then its body, may take (own listener only). Default 30 s.
    pub request_timeout: Duration,
    /// Largest message a peer may send, in bytes (`maxHttpBufferSize`). Default 1,000,000.
    pub max_payload: usize,
    /// Most binary attachments in one packet. Default 10.
    pub max_attachments: u32,
    /// Most bytes queued for one slow peer; over it `overflow` applies. A single message may be
    /// larger. Default 16 MiB.
    pub max_queued_bytes: usize,
    /// What happens over `max_queued_bytes`. What the protocol itself has to say is never dropped.
    /// Default [`Overflow::Close`].
    pub overflow: Overflow,
    /// How many messages a client may send; at one more its connection is closed with
    /// "transport error". Default: any number.
    pub rate_limit: Option<RateLimit>,
    /// How many messages all clients of an address may send together, plain WebSockets among them; the
    /// connection that sends one more is closed with "transport error", a plain WebSocket with 1008.
    /// Of IPv6 the first 64 bits count as the address. Default: any number.
    pub rate_limit_per_address: Option<RateLimit>,
    /// Most connections of an address at once, plain WebSockets among them; more are answered 429.
    /// Of IPv6 the first 64 bits count as the address. Default: no limit.
    pub max_connections_per_address: Option<usize>,
    /// The header in which the proxy before the server writes the client's address, for example
    /// `X-Forwarded-For`; of a list the last counts. Without a proxy clients would write it
    /// themselves. Default: none, the peer's address is the client's.
    pub address_header: Option<String>,
    /// Most events waiting for the application before the engine stops reading. Default 65,536.
    pub max_pending_events: usize,
    /// Most connections at once; more are answered 503. Default: no limit.
    pub max_connections: Option<usize>,
    /// Most connections of HTTP at once (own listener only): those whose request is being read or
    /// answered, those that a client keeps for its next, and those of event streams. One that becomes
    /// a WebSocket no longer counts. At one more the client is answered 503 whatever it asks, over TLS
    /// closed without an answer. Default 65,536; `None` is no limit.
    pub max_http_connections: Option<usize>,
    /// Transports that are served. Default: polling and WebSocket. With none the engine serves plain
    /// WebSockets alone, and every path of its listener is the application's. WebTransport needs no
    /// mention: it is served where it is listened for, or offered.
    pub transports: Vec<TransportKind>,
    /// Whether a polling connection may move to another transport. Default true.
    pub allow_upgrades: bool,
    /// Whether clients of Socket.IO 1 and 2 (Engine.IO protocol 3) are served. Default false.
    pub allow_eio3: bool,
    /// Whether sockets that lose their connection may come back with their id, their rooms and
    /// what they missed. Default: no.
    pub recovery: Option<RecoverySettings>,
    /// Which pages of other origins may use the engine (own listener only). Default: browsers let
    /// none.
    pub cors: Option<Cors>,
    /// The cookie that a polling handshake sets (own listener only). Default: none.
    pub cookie: Option<Cookie>,
    /// Which polling answers are compressed (own listener only). Default: those of at least 1,024
    /// bytes.
    pub http_compression: Option<HttpCompression>,
    /// How messages over WebSockets are compressed with clients that can (`perMessageDeflate`);
    /// those under its threshold never are. Default: not at all, as it costs CPU time and memory.
    pub per_message_deflate: Option<DeflateOptions>,
    /// Path on the engine's own listener under which Prometheus finds the counters, for example
    /// `/metrics`; whoever reaches the listener can read them. Default: none.
    pub metrics_path: Option<String>,
    /// IO threads. Default: one per core.
    pub shards: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            protocol: Protocol::SocketIo,
            parser: Parser::Json,
            initial_packet: None,
            path: "/socket.io".to_owned(),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(45),
            broadcast_ack_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(30),
            max_payload: 1_000_000,
            max_attachments: 10,
            max_queued_bytes: 16 * 1024 * 1024,
            overflow: Overflow::default(),
            rate_limit: None,
            rate_limit_per_address: None,
            max_connections_per_address: None,
            address_header: None,
            max_pending_events: 65_536,
            max_connections: None,
            max_http_connections: Some(65_536),
            transports: vec![TransportKind::Polling, TransportKind::WebSocket],
            allow_upgrades: true,
            allow_eio3: false,
            recovery: None,
            cors: None,
            cookie: None,
            http_compression: Some(HttpCompression::default()),
            per_message_deflate: None,
            metrics_path: None,
            shards: std::thread::available_parallelism().map_or(1, |cores| cores.get()),
        }
    }
}

impl Config {
    /// # Errors
    /// [`Error::Misuse`] names the first setting that cannot work, and why.
    pub fn validate(&self) -> Result<(), Error> {
        let rule = if !self.path.starts_with('/') {
            Some("path must begin with '/'")
        } else if self.shards == 0 || self.shards > MAX_SHARDS {
            Some("shards must be between 1 and 256")
        } else if self.ping_interval.is_zero() {
            Some("ping_interval must not be zero")
        } else if self.max_http_connections == Some(0) {
            Some("max_http_connections must not be zero")
        } else if self.max_payload == 0 {
            Some("max_payload must not be zero")
        } else if self.rate_limit.is_some_and(RateLimit::is_nothing) {
            Some("rate_limit must allow at least one message a second, and one at once")
        } else if self
            .rate_limit_per_address
            .is_some_and(RateLimit::is_nothing)
        {
            Some("rate_limit_per_address must allow at least one message a second, and one at once")
        } else if self.max_connections_per_address == Some(0) {
            Some("max_connections_per_address must not be zero")
        } else if self.cors.as_ref().is_some_and(|cors| !cors.is_sound()) {
            Some("cors must name origins, methods and headers in printable ASCII")
        } else if self
            .cookie
            .as_ref()
            .is_some_and(|cookie| !cookie.is_sound())
        {
            Some("cookie must have a name and attributes as RFC 6265 allows them")
        } else {
            let deflate = self.per_message_deflate.as_ref();
            deflate.and_then(|options| options.broken_rule())
        };
        rule.map_or(Ok(()), |rule| Err(Error::Misuse(rule.to_owned())))
    }

    /// Whether `kind` is served.
    pub fn serves(&self, kind: TransportKind) -> bool {
        self.transports.contains(&kind)
    }
}

/// Most IO threads of one engine: a connection's id keeps its shard in eight bits.
pub const MAX_SHARDS: usize = 256;
