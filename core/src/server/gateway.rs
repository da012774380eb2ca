//! What an HTTP request to the engine asks for, judged by its query and method: engine.io's order
//! of checks, its codes and its words.

use super::registry::Registry;
use crate::config::{Config, TransportKind};
use crate::hub::ConnId;

/// A request that may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// A client without a session wants one.
    Handshake(TransportKind),
    /// A client comes back to its session.
    Session(ConnId, TransportKind),
}

/// Why a request is refused, with engine.io's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No transport, or one that is not served (code 0).
    TransportUnknown,
    /// No such session (code 1).
    UnknownSid,
    /// A handshake that is no GET (code 2).
    BadHandshakeMethod,
    /// The transport does not fit the request (code 3).
    BadRequest,
    /// A revision of the protocol that is not served (code 5).
    UnsupportedProtocolVersion,
    /// `max_connections` are open; not one of engine.io's, answered with status 503 (code 4).
    TooManyConnections,
}

impl Refusal {
    /// engine.io's code of it.
    pub const fn code(self) -> u8 {
        match self {
            Refusal::TransportUnknown => 0,
            Refusal::UnknownSid => 1,
            Refusal::BadHandshakeMethod => 2,
            Refusal::BadRequest => 3,
            Refusal::TooManyConnections => 4,
            Refusal::UnsupportedProtocolVersion => 5,
        }
    }

    /// engine.io's words for it.
    pub const fn message(self) -> &'static str {
        match self {
            Refusal::TransportUnknown => "Transport unknown",
            Refusal::UnknownSid => "Session ID unknown",
            Refusal::BadHandshakeMethod => "Bad handshake method",
            Refusal::BadRequest => "Bad request",
            Refusal::TooManyConnections => "Too many connections",
            Refusal::UnsupportedProtocolVersion => "Unsupported protocol version",
        }
    }

    /// The HTTP status of the answer.
    pub const fn status(self) -> u16 {
        match self {
            Refusal::TooManyConnections => 503,
            _ => 400,
        }
    }
}

/// The query parameters that concern the engine.
#[derive(Debug, Default)]
struct Query<'a> {
    transport: Option<&'a str>,
    sid: Option<&'a str>,
    revision: Option<&'a str>,
}

impl<'a> Query<'a> {
    /// Of a repeated parameter the first counts. None of the values is ever percent-encoded by a
    /// client; one that is fits no transport and no session.
    fn parse(url: &'a str) -> Query<'a> {
        let mut query = Query::default();
        let (_, text) = url.split_once('?').unwrap_or((url, ""));
        for (name, value) in text.split('&').filter_map(|pair| pair.split_once('=')) {
            let slot = match name {
                "transport" => &mut query.transport,
                "sid" => &mut query.sid,
                "EIO" => &mut query.revision,
                _ => continue,
            };
            slot.get_or_insert(value);
        }
        query.sid = query.sid.filter(|sid| !sid.is_empty());
        query
    }
}

/// Judges a request by its URL and method.
pub(super) fn verify(
    config: &Config,
    registry: &Registry,
    method: &str,
    url: &str,
    is_upgrade: bool,
) -> Result<Verified, Refusal> {
    let query = Query::parse(url);
    let transport = query
        .transport
        .and_then(TransportKind::from_name)
        .filter(|kind| config.serves(*kind))
        .ok_or(Refusal::TransportUnknown)?;
    if let Some(sid) = query.sid {
        let conn = registry.find(sid).ok_or(Refusal::UnknownSid)?;
        if !is_upgrade && transport == TransportKind::WebSocket {
            return Err(Refusal::BadRequest);
        }
        if query.revision != Some("4") {
            return Err(Refusal::BadRequest);
        }
        return Ok(Verified::Session(conn, transport));
    }
    if method != "GET" {
        return Err(Refusal::BadHandshakeMethod);
    }
    if transport == TransportKind::WebSocket && !is_upgrade {
        return Err(Refusal::BadRequest);
    }
    if query.revision != Some("4") {
        return Err(Refusal::UnsupportedProtocolVersion);
    }
    Ok(Verified::Handshake(transport))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(method: &str, url: &str, is_upgrade: bool) -> Result<Verified, Refusal> {
        verify(
            &Config::default(),
            &Registry::new(),
            method,
            url,
            is_upgrade,
        )
    }

    #[test]
    fn refuses_in_the_order_of_engine_io() {
        let cases = [
            ("GET", "/socket.io/", false, Refusal::TransportUnknown),
            (
                "GET",
                "/socket.io/?transport=abc&EIO=4",
                false,
                Refusal::TransportUnknown,
            ),
            (
                "GET",
                "/socket.io/?transport=polling&EIO=4&sid=x",
                false,
                Refusal::UnknownSid,
            ),
            (
                "POST",
                "/socket.io/?transport=polling&EIO=4",
                false,
                Refusal::BadHandshakeMethod,
            ),
            (
                "GET",
                "/socket.io/?transport=websocket&EIO=4",
                false,
                Refusal::BadRequest,
            ),
            (
                "GET",
                "/socket.io/?transport=polling&EIO=3",
                false,
                Refusal::UnsupportedProtocolVersion,
            ),
            (
                "GET",
                "/socket.io/?transport=polling",
                false,
                Refusal::UnsupportedProtocolVersion,
            ),
        ];
        for (method, url, is_upgrade, refusal) in cases {
            assert_eq!(
                judge(method, url, is_upgrade),
                Err(refusal),
                "{method} {url}"
            );
        }
    }

    #[test]
    fn lets_handshakes_through() {
        let polling = judge("GET", "/socket.io/?EIO=4&transport=polling&t=x", false);
        assert_eq!(polling, Ok(Verified::Handshake(TransportKind::Polling)));
        let websocket = judge("GET", "/socket.io/?EIO=4&transport=websocket", true);
        assert_eq!(websocket, Ok(Verified::Handshake(TransportKind::WebSocket)));
    }
}
