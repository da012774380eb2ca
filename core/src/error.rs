//! What can go wrong, sorted by whose fault it is, and how a connection can end.

use std::fmt;

/// A failed call into Sori. What a peer does wrong never surfaces here: it ends that peer's
/// connection with a [`DisconnectReason`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The caller broke a rule of the API; the text names the rule.
    Misuse(String),
    /// The operating system refused; the text says during what.
    Io(String, std::io::Error),
    /// The engine, or the client, has been closed.
    Closed,
    /// More waits to be sent than a client's settings allow; nothing was queued.
    Full,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Misuse(rule) => f.write_str(rule),
            Error::Io(during, error) => write!(f, "{during}: {error}"),
            Error::Closed => f.write_str("it is closed"),
            Error::Full => f.write_str("too much waits to be sent"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io(_, error) => Some(error),
            Error::Misuse(_) | Error::Closed | Error::Full => None,
        }
    }
}

/// Why a connection, or a socket on it, is over. The texts are those that applications of
/// socket.io compare against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DisconnectReason {
    /// The transport failed, or the peer broke its rules.
    TransportError,
    /// The peer closed the transport.
    TransportClose,
    /// This side closed the connection, or the peer sent an invalid Socket.IO packet.
    ForcedClose,
    /// No pong came in time.
    PingTimeout,
    /// The peer sent an invalid Engine.IO packet.
    ParseError,
    /// The server is closing.
    ServerShuttingDown,
    /// The peer broke the Socket.IO protocol.
    ForcedServerClose,
    /// The peer left the namespace.
    ClientNamespaceDisconnect,
    /// The application disconnected the socket.
    ServerNamespaceDisconnect,
}

impl DisconnectReason {
    /// The reason in socket.io's words, for example `"transport close"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            DisconnectReason::TransportError => "transport error",
            DisconnectReason::TransportClose => "transport close",
            DisconnectReason::ForcedClose => "forced close",
            DisconnectReason::PingTimeout => "ping timeout",
            DisconnectReason::ParseError => "parse error",
            DisconnectReason::ServerShuttingDown => "server shutting down",
            DisconnectReason::ForcedServerClose => "forced server close",
            DisconnectReason::ClientNamespaceDisconnect => "client namespace disconnect",
            DisconnectReason::ServerNamespaceDisconnect => "server namespace disconnect",
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
