//! A server's settings and counters as C structs.

use std::ffi::c_char;
use std::mem::offset_of;
use std::time::Duration;

use sori_core::config::{
    Cookie, DeflateOptions, HttpCompression, Overflow, Parser, Protocol, RateLimit,
    RecoverySettings,
};
use sori_core::server::pull::PullServer;
use sori_core::{Config, Cors, TransportKind};

use crate::pointer::{self, Extensible};
use crate::server::sori_server;
use crate::status::{Failure, guard, sori_status};

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

/// A client for whom more than max_queued_bytes would wait is disconnected; a plain WebSocket with
/// code 1008.
pub const SORI_OVERFLOW_CLOSE: u32 = 1;
/// What would make more than max_queued_bytes wait for a client is dropped.
pub const SORI_OVERFLOW_DROP: u32 = 2;

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
}

// SAFETY: repr(C), the size first; integers and pointers that are checked when they are used.
unsafe impl Extensible for sori_server_options {
    const FIRST_SIZE: usize = offset_of!(sori_server_options, max_connections) + size_of::<usize>();

    fn defaults() -> sori_server_options {
        let config = Config::default();
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
        }
    }
}

/// None if `per_second` is 0.
fn rate(per_second: u32, burst: u32) -> Option<RateLimit> {
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
    /// `path`, `cors_origins`, `cookie` and `address_header` are NULL or texts.
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
            ..RecoverySettings::default()
        });
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
        config.per_message_deflate = (self.deflate_threshold > 0).then(|| DeflateOptions {
            threshold: self.deflate_threshold,
            ..DeflateOptions::default()
        });
        config.max_queued_bytes = self.max_queued_bytes;
        config.max_pending_events = self.max_pending_events;
        config.max_connections = (self.max_connections > 0).then_some(self.max_connections);
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
        unsafe { self.set_http(&mut config) }?;
        Ok(config)
    }

    /// # Safety
    /// As [`sori_server_options::config`].
    unsafe fn set_http(&self, config: &mut Config) -> Result<(), Failure> {
        // SAFETY: the caller's promise.
        let (origins, cookie) = unsafe {
            (
                pointer::optional_text(self.cors_origins, "options.cors_origins")?,
                pointer::optional_text(self.cookie, "options.cookie")?,
            )
        };
        config.cors = origins.map(|origins| {
            let cors = match origins.trim() {
                "*" => Cors::any(),
                origins => Cors::origins(origins.split_ascii_whitespace()),
            };
            cors.credentials(self.cors_credentials != 0)
        });
        config.cookie = cookie.map(|name| Cookie::new(name).secure(self.cookie_secure != 0));
        let threshold = self.http_compression_threshold;
        config.http_compression =
            (threshold != usize::MAX).then_some(HttpCompression { threshold });
        Ok(())
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

/// A server's counters at one moment.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct sori_metrics {
    /// sizeof(sori_metrics).
    pub size: usize,
    /// Connections open now.
    pub connections: u64,
    /// Connections opened since the start.
    pub opened: u64,
    /// Connections refused because of max_connections or max_connections_per_address.
    pub refused: u64,
    /// Messages received from clients.
    pub received: u64,
    /// Messages queued to clients; a broadcast counts once per receiver.
    pub sent: u64,
    /// Volatile messages dropped because a client was not ready for them.
    pub dropped_volatile: u64,
    /// Connections closed because they read too slowly.
    pub closed_slow: u64,
    /// Times that reading paused because too many events waited for sori_server_poll().
    pub paused: u64,
    /// Namespaces that there are.
    pub namespaces: u64,
    /// Sockets that lost their connection and may come back.
    pub recovery_sockets: u64,
    /// Packets kept for them.
    pub recovery_packets: u64,
    /// Bytes of those packets.
    pub recovery_bytes: u64,
    /// Messages dropped because a client's queue was full.
    pub dropped_full: u64,
}

// SAFETY: repr(C), the size first, integers only.
unsafe impl Extensible for sori_metrics {
    const FIRST_SIZE: usize = offset_of!(sori_metrics, paused) + size_of::<u64>();

    fn defaults() -> sori_metrics {
        sori_metrics::default()
    }
}

impl sori_metrics {
    pub(crate) fn of(server: &PullServer) -> sori_metrics {
        let metrics = server.engine().metrics();
        sori_metrics {
            size: size_of::<sori_metrics>(),
            connections: metrics.connections,
            opened: metrics.opened,
            refused: metrics.refused,
            received: metrics.received,
            sent: metrics.sent,
            dropped_volatile: metrics.dropped_volatile,
            closed_slow: metrics.closed_slow,
            paused: metrics.paused,
            namespaces: metrics.namespaces,
            recovery_sockets: metrics.recovery_sockets,
            recovery_packets: metrics.recovery_packets,
            recovery_bytes: metrics.recovery_bytes,
            dropped_full: metrics.dropped_full,
        }
    }
}
