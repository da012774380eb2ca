//! A server's settings as a C struct.

use std::ffi::c_char;
use std::mem::offset_of;
use std::time::Duration;

use sori_core::adapter::{ClusterSettings, Format, Redis, StreamSettings, SubscriptionMode};
use sori_core::config::{
    DeflateOptions, InitialPacket, Overflow, Parser, Protocol, RateLimit, RecoverySettings,
};
use sori_core::{Config, TransportKind};

use crate::deflate::{self, sori_deflate_options};
use crate::pointer::{self, Extensible};
use crate::server::sori_server;
use crate::status::{Failure, guard, sori_status};
use crate::websocket::{SORI_WEBSOCKET_BINARY, SORI_WEBSOCKET_TEXT};

/// Clients may use HTTP long polling.
pub const SORI_TRANSPORT_POLLING: u32 = 1;
/// Clients may use a WebSocket.
pub const SORI_TRANSPORT_WEBSOCKET: u32 = 2;

/// Socket.IO: namespaces, events, acks, rooms.
pub const SORI_PROTOCOL_SOCKET_IO: u32 = 0;
/// Messages go to the program and come from it as they are: SORI_EVENT_RAW_*, sori_server_raw_send().
pub const SORI_PROTOCOL_ENGINE_IO: u32 = 1;

/// JSON text, each binary value in a message of its own (npm socket.io-parser).
pub const SORI_PARSER_JSON: u32 = 0;
/// MessagePack, binary values inside (npm socket.io-msgpack-parser).
pub const SORI_PARSER_MESSAGE_PACK: u32 = 1;

/// Requests that other sites caused carry the cookie when a visitor follows a link.
pub const SORI_SAME_SITE_LAX: u32 = 0;
/// They never do.
pub const SORI_SAME_SITE_STRICT: u32 = 1;
/// They always do; cookie_secure has to be 1 then.
pub const SORI_SAME_SITE_NONE: u32 = 2;

/// A client for whom more than max_queued_bytes would wait is disconnected; a plain WebSocket with
/// code 1008.
pub const SORI_OVERFLOW_CLOSE: u32 = 1;
/// What would make more than max_queued_bytes wait for a client is dropped.
pub const SORI_OVERFLOW_DROP: u32 = 2;

/// npm @socket.io/redis-adapter's createAdapter, which @socket.io/redis-emitter speaks too.
pub const SORI_REDIS_CLASSIC: u32 = 0;
/// Its createShardedAdapter, over the sharded channels of Redis 7; its subscriptionMode is "dynamic": a
/// broadcast to one room is carried only to servers that have members of it, but to all if the room is
/// that of a socket's own id.
pub const SORI_REDIS_SHARDED: u32 = 1;
/// The same with "static": every broadcast is carried to all servers.
pub const SORI_REDIS_SHARDED_STATIC: u32 = 2;
/// The same with "dynamic-private": rooms of sockets' own ids are as all others.
pub const SORI_REDIS_SHARDED_PRIVATE: u32 = 3;
/// That of npm @socket.io/redis-streams-adapter 0.3: broadcasts go through a stream, so that none is lost
/// while a server has lost Redis for a moment. With recovery_ms clients come back to any server of the
/// cluster; what can be missed then reaches the clients of this server, too, by way of the stream.
pub const SORI_REDIS_STREAMS: u32 = 4;

pub(crate) fn overflow(policy: u32) -> Result<Overflow, Failure> {
    match policy {
        SORI_OVERFLOW_CLOSE => Ok(Overflow::Close),
        SORI_OVERFLOW_DROP => Ok(Overflow::Drop),
        _ => Err(Failure::invalid("options.overflow is unknown")),
    }
}

/// The settings of a server. Fill them with sori_server_options_default(), then change what you
/// want.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct sori_server_options {
    /// sizeof(sori_server_options), set by sori_server_options_default().
    pub size: usize,
    /// Path under which clients find the server. Default "/socket.io".
    pub path: *const c_char,
    /// From one pong to the next ping. Default 25,000.
    pub ping_interval_ms: u32,
    /// How long a pong may take. Default 20,000.
    pub ping_timeout_ms: u32,
    /// How long an upgrade from polling to WebSocket may take. Default 10,000.
    pub upgrade_timeout_ms: u32,
    /// How long a connection may stay in no namespace. Default 45,000.
    pub connect_timeout_ms: u32,
    /// How long the head of an HTTP request, and then its body, may take. Default 30,000.
    pub request_timeout_ms: u32,
    /// How long a closing connection is given to take what is queued for it. Default 30,000.
    pub close_timeout_ms: u32,
    /// How long a client that lost its connection may take to come back with its id, its rooms and
    /// what it missed. 0, the default: it cannot.
    pub recovery_ms: u32,
    /// Most binary attachments in one packet of a client. Default 10.
    pub max_attachments: u32,
    /// Transports that are served, of SORI_TRANSPORT_*. Default: all.
    pub transports: u32,
    /// Whether a polling connection may become a WebSocket: 1 or 0. Default 1.
    pub allow_upgrades: u32,
    /// IO threads, at most 256. 0, the default: one per core.
    pub threads: u32,
    /// Largest message a client may send, in bytes. Default 1,000,000.
    pub max_payload: usize,
    /// Most bytes queued for one slow client; over it the client is disconnected ("transport
    /// error"). Default 16 MiB.
    pub max_queued_bytes: usize,
    /// Most events that wait for sori_server_poll() before the server stops reading from its
    /// clients. Nothing is lost then. It stops at 64 MiB of messages too. Default 65,536.
    pub max_pending_events: usize,
    /// Most connections at once; more are answered 503. 0, the default: no limit.
    pub max_connections: usize,
    /// Whether clients of Socket.IO 1 and 2 (Engine.IO protocol 3) are served: 1 or 0. Default 0.
    pub allow_eio3: u32,
    /// Messages of so many bytes and more are compressed (permessage-deflate) over the WebSockets of
    /// clients that can, and theirs may be. 0, the default: none. 1024 is a good value.
    pub deflate_threshold: usize,
    /// What messages mean, one of SORI_PROTOCOL_*. Default SORI_PROTOCOL_SOCKET_IO.
    pub protocol: u32,
    /// How Socket.IO packets are written, one of SORI_PARSER_*; clients must be made with the same.
    /// To this program nothing changes. Default SORI_PARSER_JSON.
    pub parser: u32,
    /// Whether SORI_EVENT_HANDSHAKE asks about every client that wants to open a connection: 1 or 0.
    /// Default 0: all may.
    pub ask_handshakes: u32,
    /// Origins whose pages may use the server, separated by blanks, for example
    /// "https://app.example"; "*" for all. NULL, the default: browsers let none but those of the
    /// server's own.
    pub cors_origins: *const c_char,
    /// Whether browsers may send cookies from pages of those origins: 1 or 0. With "*" they never do.
    /// Default 0.
    pub cors_credentials: u32,
    /// Whether the cookie is sent over TLS alone: 1 or 0. Default 0.
    pub cookie_secure: u32,
    /// The name of a cookie with the session's id that a polling handshake sets, for load balancers
    /// that keep a client with its node. NULL, the default: none.
    pub cookie: *const c_char,
    /// Polling answers of at least so many bytes are compressed; SIZE_MAX for none. Default 1,024.
    pub http_compression_threshold: usize,
    /// What happens over max_queued_bytes, of SORI_OVERFLOW_*. Default SORI_OVERFLOW_CLOSE.
    pub overflow: u32,
    /// Most messages a second of one client in the long run; at one more it is disconnected
    /// ("transport error"). An event is a message, and so is each attachment. 0, the default: no
    /// limit.
    pub rate_per_second: u32,
    /// Most messages at once, after a time of silence. 0, the default: as many as in a second.
    pub rate_burst: u32,
    /// Most messages a second of all clients of an address together in the long run; the client that
    /// sends one more is disconnected ("transport error"). Of IPv6 the first 64 bits count as the
    /// address. 0, the default: no limit.
    pub address_rate_per_second: u32,
    /// Most of them at once, after a time of silence. 0, the default: as many as in a second.
    pub address_rate_burst: u32,
    /// Most connections of an address at once; more are answered 429. 0, the default: no limit.
    pub max_connections_per_address: usize,
    /// The header in which the proxy before the server writes the client's address, for the limits
    /// by address, for example "X-Forwarded-For"; of a list the last counts. Without a proxy clients
    /// would write it themselves. NULL, the default: the peer's address is the client's.
    pub address_header: *const c_char,
    /// A server that was not closed, on whose IO threads this one runs too, in place of `threads` of
    /// its own. They take turns, and either may be closed and freed before the other; the threads end
    /// with the last. NULL, the default: none.
    pub share_threads: *const sori_server,
    /// The Redis where the servers of a cluster meet, in a wire format of npm
    /// @socket.io/redis-adapter or @socket.io/redis-streams-adapter (redis_format):
    /// "redis://[user[:password]@]host[:port][/database]", "rediss://..." behind TLS, or
    /// "unix:///path/of/the.sock". It need not be there from the start.
    /// NULL, the default: no cluster.
    pub redis_url: *const c_char,
    /// What stands before the names of all its channels. NULL, the default: "socket.io".
    pub redis_key: *const c_char,
    /// How long other servers may take to answer. Default 5,000.
    pub redis_timeout_ms: u32,
    /// With recovery_ms: most packets kept in one namespace for those who are away; the oldest go
    /// first. Default 100,000.
    pub recovery_max_packets: usize,
    /// With recovery_ms: most bytes of such packets in one namespace. Default 64 MiB.
    pub recovery_max_bytes: usize,
    /// A message that every client gets right behind the open packet. NULL, the default: none. Copied.
    pub initial_packet: *const u8,
    /// Its length in bytes.
    pub initial_packet_length: usize,
    /// Path of the listeners under which Prometheus finds the counters, for example "/metrics"; whoever
    /// reaches them can read it. NULL, the default: none.
    pub metrics_path: *const c_char,
    /// With cors_origins: methods that a preflight allows, separated by blanks. NULL, the default: GET,
    /// HEAD, PUT, PATCH, POST and DELETE.
    pub cors_methods: *const c_char,
    /// With cors_origins: request headers that a preflight allows, separated by blanks. NULL, the
    /// default: those it asks for.
    pub cors_allowed_headers: *const c_char,
    /// With cors_origins: answer headers that pages may read, separated by blanks. NULL, the default:
    /// none.
    pub cors_exposed_headers: *const c_char,
    /// With cookie: the path under which browsers send it; "" leaves it to them. NULL, the default: "/".
    pub cookie_path: *const c_char,
    /// With cookie: the domain whose hosts are sent it. NULL, the default: the server's host alone.
    pub cookie_domain: *const c_char,
    /// With initial_packet: SORI_WEBSOCKET_TEXT, the default, or SORI_WEBSOCKET_BINARY.
    pub initial_packet_kind: u32,
    /// How long a broadcast waits for answers when it does not say. Default 10,000.
    pub broadcast_ack_timeout_ms: u32,
    /// With deflate_threshold: zlib's level, 1 (fast) to 9 (small). Default 6.
    pub deflate_level: u32,
    /// With cors_origins: how long browsers may remember a preflight, in seconds. 0, the default: they
    /// decide.
    pub cors_max_age_s: u32,
    /// With cookie: how long browsers keep it, in seconds. 0, the default: until they are closed.
    pub cookie_max_age_s: u32,
    /// With cookie: when requests that other sites caused carry it, of SORI_SAME_SITE_*. Default
    /// SORI_SAME_SITE_LAX.
    pub cookie_same_site: u32,
    /// With cookie: whether scripts cannot read it: 1 or 0. Default 1.
    pub cookie_http_only: u32,
    /// Most connections of HTTP at once: those whose request is being read or answered, and those
    /// that a client keeps for its next. One that becomes a WebSocket no longer counts. At one more
    /// the client is answered 503 whatever it asks, over TLS closed without an answer. 0 for no limit.
    /// Default 65,536.
    pub max_http_connections: usize,
    /// How messages over WebSockets are compressed, in detail, in place of deflate_threshold and
    /// deflate_level. NULL, the default: as those say. Copied.
    pub deflate: *const sori_deflate_options,
    /// With cors_origins "*": whether each page is let in by the name of its own origin, so that
    /// cors_credentials holds for all of them: any page of the web may then act in the name of its
    /// visitor. 1 or 0. Default 0.
    pub cors_reflect: u32,
    /// With redis_url: the wire format of the cluster, of SORI_REDIS_*. Default SORI_REDIS_CLASSIC.
    pub redis_format: u32,
    /// With SORI_REDIS_STREAMS: over how many streams the namespaces are spread (streamCount). Default 1.
    pub redis_stream_count: u32,
    /// With SORI_REDIS_STREAMS: the stream's name, or what the names of several begin with (streamName).
    /// NULL, the default: "socket.io".
    pub redis_stream: *const c_char,
    /// With SORI_REDIS_STREAMS: about how many entries a stream keeps (maxLen). Default 10,000.
    pub redis_stream_entries: u64,
    /// With SORI_REDIS_STREAMS: what stands before the names of the records of sockets that may come back
    /// (sessionKeyPrefix). Not empty. NULL, the default: "sio:session:".
    pub redis_session_prefix: *const c_char,
}

// SAFETY: repr(C), the size first; integers and pointers that are checked when they are used.
unsafe impl Extensible for sori_server_options {
    const FIRST_SIZE: usize = offset_of!(sori_server_options, max_connections) + size_of::<usize>();

    fn defaults() -> sori_server_options {
        let config = Config::default();
        let recovery = RecoverySettings::default();
        let streams = StreamSettings::default();
        sori_server_options {
            size: size_of::<sori_server_options>(),
            path: DEFAULT_PATH.as_ptr(),
            ping_interval_ms: milliseconds(config.ping_interval),
            ping_timeout_ms: milliseconds(config.ping_timeout),
            upgrade_timeout_ms: milliseconds(config.upgrade_timeout),
            connect_timeout_ms: milliseconds(config.connect_timeout),
            request_timeout_ms: milliseconds(config.request_timeout),
            close_timeout_ms: milliseconds(config.close_timeout),
            recovery_ms: 0,
            max_attachments: config.max_attachments,
            transports: TRANSPORTS
                .iter()
                .filter(|(_, kind)| config.serves(*kind))
                .fold(0, |flags, (flag, _)| flags | flag),
            allow_upgrades: config.allow_upgrades.into(),
            threads: 0,
            max_payload: config.max_payload,
            max_queued_bytes: config.max_queued_bytes,
            max_pending_events: config.max_pending_events,
            max_connections: config.max_connections.unwrap_or(0),
            allow_eio3: config.allow_eio3.into(),
            deflate_threshold: 0,
            protocol: SORI_PROTOCOL_SOCKET_IO,
            parser: SORI_PARSER_JSON,
            ask_handshakes: 0,
            cors_origins: std::ptr::null(),
            cors_credentials: 0,
            cookie_secure: 0,
            cookie: std::ptr::null(),
            http_compression_threshold: config
                .http_compression
                .map_or(usize::MAX, |compression| compression.threshold),
            overflow: SORI_OVERFLOW_CLOSE,
            rate_per_second: 0,
            rate_burst: 0,
            address_rate_per_second: 0,
            address_rate_burst: 0,
            max_connections_per_address: 0,
            address_header: std::ptr::null(),
            share_threads: std::ptr::null(),
            redis_url: std::ptr::null(),
            redis_key: std::ptr::null(),
            redis_timeout_ms: milliseconds(ClusterSettings::default().requests_timeout),
            recovery_max_packets: recovery.max_packets,
            recovery_max_bytes: recovery.max_bytes,
            initial_packet: std::ptr::null(),
            initial_packet_length: 0,
            metrics_path: std::ptr::null(),
            cors_methods: std::ptr::null(),
            cors_allowed_headers: std::ptr::null(),
            cors_exposed_headers: std::ptr::null(),
            cookie_path: std::ptr::null(),
            cookie_domain: std::ptr::null(),
            initial_packet_kind: SORI_WEBSOCKET_TEXT,
            broadcast_ack_timeout_ms: milliseconds(config.broadcast_ack_timeout),
            deflate_level: DeflateOptions::default().level.into(),
            cors_max_age_s: 0,
            cookie_max_age_s: 0,
            cookie_same_site: SORI_SAME_SITE_LAX,
            cookie_http_only: 1,
            max_http_connections: config.max_http_connections.unwrap_or(0),
            deflate: std::ptr::null(),
            cors_reflect: 0,
            redis_format: SORI_REDIS_CLASSIC,
            redis_stream_count: streams.count,
            redis_stream: std::ptr::null(),
            redis_stream_entries: streams.max_entries,
            redis_session_prefix: std::ptr::null(),
        }
    }
}

/// None if `per_second` is 0.
pub(crate) fn rate(per_second: u32, burst: u32) -> Option<RateLimit> {
    (per_second > 0).then_some(RateLimit {
        per_second,
        burst: if burst > 0 { burst } else { per_second },
    })
}

const DEFAULT_PATH: &std::ffi::CStr = c"/socket.io";

const TRANSPORTS: [(u32, TransportKind); 2] = [
    (SORI_TRANSPORT_POLLING, TransportKind::Polling),
    (SORI_TRANSPORT_WEBSOCKET, TransportKind::WebSocket),
];

fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

impl sori_server_options {
    /// # Safety
    /// Texts are NULL or texts; `initial_packet` is NULL or to be read for its length; `deflate` is NULL
    /// or options.
    pub(crate) unsafe fn config(&self) -> Result<Config, Failure> {
        let mut config = Config::default();
        // SAFETY: the caller's promise.
        if let Some(path) = unsafe { pointer::optional_text(self.path, "options.path")? } {
            path.clone_into(&mut config.path);
        }
        let known = SORI_TRANSPORT_POLLING | SORI_TRANSPORT_WEBSOCKET;
        if self.transports & !known != 0 {
            return Err(Failure::invalid(
                "options.transports has an unknown transport",
            ));
        }
        if self.transports == 0 {
            return Err(Failure::invalid("options.transports names no transport"));
        }
        config.transports = TRANSPORTS
            .into_iter()
            .filter(|(flag, _)| self.transports & flag != 0)
            .map(|(_, kind)| kind)
            .collect();
        config.ping_interval = Duration::from_millis(self.ping_interval_ms.into());
        config.ping_timeout = Duration::from_millis(self.ping_timeout_ms.into());
        config.upgrade_timeout = Duration::from_millis(self.upgrade_timeout_ms.into());
        config.connect_timeout = Duration::from_millis(self.connect_timeout_ms.into());
        config.request_timeout = Duration::from_millis(self.request_timeout_ms.into());
        config.close_timeout = Duration::from_millis(self.close_timeout_ms.into());
        config.recovery = (self.recovery_ms > 0).then(|| RecoverySettings {
            max_disconnection_duration: Duration::from_millis(self.recovery_ms.into()),
            max_packets: self.recovery_max_packets,
            max_bytes: self.recovery_max_bytes,
        });
        config.broadcast_ack_timeout = Duration::from_millis(self.broadcast_ack_timeout_ms.into());
        config.max_attachments = self.max_attachments;
        config.allow_upgrades = self.allow_upgrades != 0;
        config.allow_eio3 = self.allow_eio3 != 0;
        config.overflow = overflow(self.overflow)?;
        config.rate_limit = rate(self.rate_per_second, self.rate_burst);
        config.rate_limit_per_address = rate(self.address_rate_per_second, self.address_rate_burst);
        let most = self.max_connections_per_address;
        config.max_connections_per_address = (most > 0).then_some(most);
        // SAFETY: the caller's promise.
        let header =
            unsafe { pointer::optional_text(self.address_header, "options.address_header") };
        config.address_header = header?.map(str::to_owned);
        if self.threads > 0 {
            config.shards = self.threads as usize;
        }
        config.max_payload = self.max_payload;
        let brief = || DeflateOptions {
            threshold: self.deflate_threshold,
            level: deflate::level(self.deflate_level),
            ..DeflateOptions::default()
        };
        // SAFETY: the caller's promise.
        config.per_message_deflate = unsafe { deflate::pointed_to(self.deflate) }?
            .or_else(|| (self.deflate_threshold > 0).then(brief));
        config.max_queued_bytes = self.max_queued_bytes;
        config.max_pending_events = self.max_pending_events;
        config.max_connections = (self.max_connections > 0).then_some(self.max_connections);
        config.max_http_connections =
            (self.max_http_connections > 0).then_some(self.max_http_connections);
        config.protocol = match self.protocol {
            SORI_PROTOCOL_SOCKET_IO => Protocol::SocketIo,
            SORI_PROTOCOL_ENGINE_IO => Protocol::EngineIo,
            _ => {
                return Err(Failure::invalid(
                    "options.protocol is none of SORI_PROTOCOL_*",
                ));
            }
        };
        config.parser = match self.parser {
            SORI_PARSER_JSON => Parser::Json,
            SORI_PARSER_MESSAGE_PACK => Parser::MessagePack,
            _ => return Err(Failure::invalid("options.parser is none of SORI_PARSER_*")),
        };
        // SAFETY: the caller's promise.
        unsafe {
            config.initial_packet = self.initial_packet()?;
            self.set_http(&mut config)?;
        }
        Ok(config)
    }

    /// The way into the cluster, if there is one.
    ///
    /// # Safety
    /// `redis_url`, `redis_key`, `redis_stream` and `redis_session_prefix` are NULL or texts.
    pub(crate) unsafe fn adapter(&self) -> Result<Option<Redis>, Failure> {
        // SAFETY: the caller's promise.
        let (url, key, stream, prefix) = unsafe {
            (
                pointer::optional_text(self.redis_url, "options.redis_url")?,
                pointer::optional_text(self.redis_key, "options.redis_key")?,
                pointer::optional_text(self.redis_stream, "options.redis_stream")?,
                pointer::optional_text(self.redis_session_prefix, "options.redis_session_prefix")?,
            )
        };
        let mut streams = StreamSettings {
            count: self.redis_stream_count,
            max_entries: self.redis_stream_entries,
            ..StreamSettings::default()
        };
        if let Some(stream) = stream {
            stream.clone_into(&mut streams.name);
        }
        if let Some(prefix) = prefix {
            prefix.clone_into(&mut streams.session_prefix);
        }
        let format = self.redis_format()?;
        Ok(url.map(|url| {
            let timeout = Duration::from_millis(self.redis_timeout_ms.into());
            let redis = Redis::new(url).requests_timeout(timeout).format(format);
            let redis = redis.streams(streams);
            match key {
                Some(key) => redis.key(key),
                None => redis,
            }
        }))
    }

    fn redis_format(&self) -> Result<Format, Failure> {
        Ok(match self.redis_format {
            SORI_REDIS_CLASSIC => Format::Classic,
            SORI_REDIS_SHARDED => Format::Sharded(SubscriptionMode::Dynamic),
            SORI_REDIS_SHARDED_STATIC => Format::Sharded(SubscriptionMode::Static),
            SORI_REDIS_SHARDED_PRIVATE => Format::Sharded(SubscriptionMode::DynamicPrivate),
            SORI_REDIS_STREAMS => Format::Streams,
            _ => {
                return Err(Failure::invalid(
                    "options.redis_format is none of SORI_REDIS_*",
                ));
            }
        })
    }

    /// # Safety
    /// As [`sori_server_options::config`].
    unsafe fn initial_packet(&self) -> Result<Option<InitialPacket>, Failure> {
        if self.initial_packet.is_null() {
            return Ok(None);
        }
        let (packet, length) = (self.initial_packet, self.initial_packet_length);
        // SAFETY: the caller's promise.
        let bytes = unsafe { pointer::slice(packet, length, "options.initial_packet") }?;
        match self.initial_packet_kind {
            SORI_WEBSOCKET_TEXT => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Some(InitialPacket::Text(text.to_owned()))),
                Err(_) => Err(Failure::invalid("options.initial_packet is not UTF-8")),
            },
            SORI_WEBSOCKET_BINARY => Ok(Some(InitialPacket::Binary(bytes.to_vec().into()))),
            _ => Err(Failure::invalid(
                "options.initial_packet_kind is not one of SORI_WEBSOCKET_TEXT and SORI_WEBSOCKET_BINARY",
            )),
        }
    }
}

/// Fills `options` with the defaults. `size` is sizeof(*options).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_options_default(
    options: *mut sori_server_options,
    size: usize,
) -> sori_status {
    guard(|| {
        let defaults = sori_server_options::defaults();
        // SAFETY: the header's rules.
        unsafe { pointer::write_extensible(options, size, defaults, "options") }
    })
}
