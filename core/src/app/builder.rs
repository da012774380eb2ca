//! The settings of a server, one method each.

use std::time::Duration;

use super::server::Server;
use crate::config::{Config, RecoverySettings, TransportKind};
use crate::error::Error;

/// Gathers the settings of a [`Server`]; each has the default that [`Config`] gives.
///
/// # Examples
/// ```no_run
/// use std::time::Duration;
///
/// # fn main() -> Result<(), sori::Error> {
/// let server = sori::Server::builder()
///     .path("/live")
///     .ping_interval(Duration::from_secs(10))
///     .max_payload(64 * 1024)
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a server starts with `build`"]
pub struct ServerBuilder {
    config: Config,
}

macro_rules! setters {
    ($($name:ident: $kind:ty, $what:literal;)*) => {$(
        #[doc = $what]
        ///
        #[doc = concat!("See [`Config::", stringify!($name), "`] for the default.")]
        pub fn $name(mut self, $name: $kind) -> ServerBuilder {
            self.config.$name = $name;
            self
        }
    )*};
}

impl ServerBuilder {
    /// Path under which clients find the server; begins with `/`.
    ///
    /// See [`Config::path`] for the default.
    pub fn path(mut self, path: impl Into<String>) -> ServerBuilder {
        self.config.path = path.into();
        self
    }

    setters! {
        ping_interval: Duration, "From one pong to the next ping.";
        ping_timeout: Duration, "How long a pong may take.";
        upgrade_timeout: Duration, "How long an upgrade may take from its first byte.";
        connect_timeout: Duration, "How long a connection may stay in no namespace, and how long \
                                    checks may take to let it into one.";
        broadcast_ack_timeout: Duration, "How long a broadcast waits for acks when it does not say.";
        close_timeout: Duration, "How long a closing connection is given to take what is queued.";
        request_timeout: Duration, "How long a request's head, and then its body, may take.";
        max_payload: usize, "Largest message a client may send, in bytes.";
        max_attachments: u32, "Most binary attachments in one packet.";
        max_queued_bytes: usize, "Most bytes queued for one client that reads too slowly, and of \
                                  one client's events that wait for its handlers.";
        max_pending_events: usize, "Most events of one client that wait for its handlers; over it \
                                    the connection is closed.";
        transports: Vec<TransportKind>, "Transports that are served.";
        allow_upgrades: bool, "Whether a polling connection may become a WebSocket.";
        allow_eio3: bool, "Whether clients of Socket.IO 1 and 2 are served.";
        shards: usize, "IO threads.";
    }

    /// Most connections at once; more are answered 503. Without it there is no limit.
    pub fn max_connections(mut self, max_connections: usize) -> ServerBuilder {
        self.config.max_connections = Some(max_connections);
        self
    }

    /// Lets sockets that lose their connection come back with their id, their rooms and what they
    /// missed; see [`Socket::is_recovered`](crate::Socket::is_recovered). Checks decide about them
    /// once more.
    pub fn recovery(mut self, recovery: RecoverySettings) -> ServerBuilder {
        self.config.recovery = Some(recovery);
        self
    }

    /// Starts the server; see [`Server::start`].
    ///
    /// # Errors
    /// [`Error::Misuse`] for a setting that cannot work, [`Error::Io`] if no thread or event queue
    /// can be had.
    pub fn build(self) -> Result<Server, Error> {
        Server::start(self.config)
    }
}
