//! What an HTTP request to the engine asks for, judged by its query and method: engine.io's order
//! of checks, its codes and its words.

use super::registry::Registry;
use crate::config::{Config, TransportKind};
use crate::embed::percent_decoded;
use crate::hub::ConnId;
use crate::proto::engine::Revision;
use crate::transport::{BinaryForm, Dialect};

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
    /// `max_connections_per_address` of its address are open; not one of engine.io's, answered with
    /// status 429 (code 4).
    TooManyFromAddress,
}

impl Refusal {
    /// engine.io's code of it.
    pub const fn code(self) -> u8 {
        match self {
            Refusal::TransportUnknown => 0,
            Refusal::UnknownSid => 1,
            Refusal::BadHandshakeMethod => 2,
            Refusal::BadRequest => 3,
            Refusal::TooManyConnections | Refusal::TooManyFromAddress => 4,
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
            Refusal::TooManyFromAddress => "Too many connections from this address",
            Refusal::UnsupportedProtocolVersion => "Unsupported protocol version",
        }
    }

    /// The HTTP status of the answer.
    pub const fn status(self) -> u16 {
        match self {
            Refusal::TooManyConnections => 503,
            Refusal::TooManyFromAddress => 429,
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
    base64: Option<&'a str>,
    jsonp: Option<&'a str>,
}

impl<'a> Query<'a> {
    /// Of a repeated parameter the first counts. But for ids that an application has chosen none of
    /// the values is ever percent-encoded by a client; one that is fits nothing.
    fn parse(url: &'a str) -> Query<'a> {
        let mut query = Query::default();
        let (_, text) = url.split_once('?').unwrap_or((url, ""));
        for (name, value) in text.split('&').filter_map(|pair| pair.split_once('=')) {
            let slot = match name {
                "transport" => &mut query.transport,
                "sid" => &mut query.sid,
                "EIO" => &mut query.revision,
                "b64" => &mut query.base64,
                "j" => &mut query.jsonp,
                _ => continue,
            };
            slot.get_or_insert(value);
        }
        query.sid = query.sid.filter(|sid| !sid.is_empty());
        query.base64 = query.base64.filter(|asked| !asked.is_empty());
        query
    }

    /// As in engine.io, whatever is not 4 is 3.
    fn revision(&self) -> Revision {
        match self.revision {
            Some("4") => Revision::V4,
            _ => Revision::V3,
        }
    }
}

/// What a request says about the ways of its client.
pub(super) fn dialect(url: &str) -> Dialect {
    let query = Query::parse(url);
    let is_polling = query.transport == Some(TransportKind::Polling.as_str());
    let digits = |index: &str| {
        index
            .chars()
            .filter(char::is_ascii_digit)
            .take(MAX_INDEX)
            .collect()
    };
    let jsonp: Option<Box<str>> = query.jsonp.filter(|_| is_polling).map(digits);
    let revision = query.revision();
    let binary = match revision {
        Revision::V4 if query.base64.is_some() => BinaryForm::Base64,
        Revision::V4 => BinaryForm::Raw,
        // A script is text.
        Revision::V3 if query.base64.is_some() || jsonp.is_some() => BinaryForm::TypedBase64,
        Revision::V3 => BinaryForm::Typed,
    };
    Dialect {
        revision,
        binary,
        jsonp,
    }
}

/// Most digits kept of the number of a client's callback.
const MAX_INDEX: usize = 16;

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
        let (conn, revision) = registry
            .find(&percent_decoded(sid))
            .ok_or(Refusal::UnknownSid)?;
        if !is_upgrade && transport == TransportKind::WebSocket {
            return Err(Refusal::BadRequest);
        }
        if query.revision() != revision {
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
    if query.revision() == Revision::V3 && !config.allow_eio3 {
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
    fn lets_protocol_3_through_when_it_is_allowed_and_only_to_its_own_sessions() {
        let config = Config {
            allow_eio3: true,
            ..Config::default()
        };
        let registry = Registry::new();
        let slot = crate::hub::Slot {
            index: 0,
            generation: 0,
        };
        let conn = ConnId { shard: 0, slot };
        registry.insert("old".into(), conn, Revision::V3);
        registry.insert("new".into(), conn, Revision::V4);
        let judge = |query: &str| {
            let url = format!("/socket.io/?transport=polling{query}");
            verify(&config, &registry, "GET", &url, false)
        };
        let handshake = Ok(Verified::Handshake(TransportKind::Polling));
        let session = Ok(Verified::Session(conn, TransportKind::Polling));
        assert_eq!(judge(""), handshake);
        assert_eq!(judge("&EIO=3"), handshake);
        assert_eq!(judge("&EIO=4"), handshake);
        assert_eq!(judge("&sid=old&EIO=3"), session);
        assert_eq!(judge("&sid=new&EIO=4"), session);
        assert_eq!(judge("&sid=old&EIO=4"), Err(Refusal::BadRequest));
        assert_eq!(judge("&sid=new&EIO=3"), Err(Refusal::BadRequest));
    }

    #[test]
    fn tells_how_a_client_wants_its_bytes() {
        let told = |query: &str| {
            let Dialect {
                revision,
                binary,
                jsonp,
            } = dialect(&format!("/socket.io/?{query}"));
            (revision, binary, jsonp)
        };
        let (v3, v4) = (Revision::V3, Revision::V4);
        assert_eq!(
            told("EIO=4&transport=polling&b64=1"),
            (v4, BinaryForm::Base64, None)
        );
        assert_eq!(
            told("EIO=4&transport=polling&b64="),
            (v4, BinaryForm::Raw, None)
        );
        assert_eq!(told("transport=polling"), (v3, BinaryForm::Typed, None));
        assert_eq!(
            told("transport=polling&b64="),
            (v3, BinaryForm::Typed, None)
        );
        assert_eq!(
            told("transport=websocket&b64=1&j=1"),
            (v3, BinaryForm::TypedBase64, None)
        );
        let script = (v3, BinaryForm::TypedBase64, Some("70".into()));
        assert_eq!(told("transport=polling&j=7);0"), script);
        assert_eq!(
            told("EIO=4&transport=polling&j="),
            (v4, BinaryForm::Raw, Some("".into()))
        );
    }

    #[test]
    fn lets_handshakes_through() {
        let polling = judge("GET", "/socket.io/?EIO=4&transport=polling&t=x", false);
        assert_eq!(polling, Ok(Verified::Handshake(TransportKind::Polling)));
        let websocket = judge("GET", "/socket.io/?EIO=4&transport=websocket", true);
        assert_eq!(websocket, Ok(Verified::Handshake(TransportKind::WebSocket)));
    }
}
