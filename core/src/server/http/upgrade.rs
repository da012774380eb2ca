//! WebSocket handshakes over the engine's own listener. hyper reads the request; the stream then
//! leaves it, with an answer that is ours to the byte, as engine.io and npm `ws` write it.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};

use super::{cors, handshake_of, reception, url_of};
use crate::config::TransportKind;
use crate::embed::{Handshake, Peer};
use crate::proto::handshake::{self, HandshakeError};
use crate::proto::websocket::Frame;
use crate::proto::websocket::deflate::{self, DeflateOptions, DeflateParams};
use crate::server::driver::CLOSE_ANSWER_TIMEOUT;
use crate::server::{Engine, Refusal, Upgrade, Verified, WebSocketUpgrade};
use crate::transport::Wire;

/// What becomes of a stream that hyper is done with.
#[derive(Debug)]
pub(super) enum Handover {
    /// It is a WebSocket, once the answer is out.
    WebSocket {
        url: Box<str>,
        answer: Bytes,
        handshake: Arc<Handshake>,
        deflate: Option<DeflateParams>,
    },
    /// It is a plain WebSocket, once the answer is out.
    Plain(Box<WebSocketUpgrade>),
    /// It ends with these bytes.
    Farewell(Vec<u8>),
}

impl Handover {
    /// What is to be written first.
    #[cfg(feature = "tower")]
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Handover::WebSocket { answer, .. } => answer,
            Handover::Plain(upgrade) => &upgrade.answer,
            Handover::Farewell(bytes) => bytes,
        }
    }

    /// The same when the answer has gone out and `rest` is left to be written.
    #[cfg(feature = "tower")]
    pub(super) fn without_answer(mut self, rest: Bytes) -> Handover {
        match &mut self {
            Handover::WebSocket { answer, .. } => *answer = rest,
            Handover::Plain(upgrade) => upgrade.answer = rest,
            Handover::Farewell(bytes) => *bytes = rest.into(),
        }
        self
    }

    /// `read` is what hyper has read behind the request.
    pub(super) async fn complete(self, engine: &Engine, stream: Wire, read: Bytes) {
        match self {
            Handover::Farewell(bytes) => {
                // Nobody is left to tell whether the peer took it.
                let farewell = stream.say_farewell(bytes);
                let _ = tokio::time::timeout(CLOSE_ANSWER_TIMEOUT, farewell).await;
            }
            Handover::Plain(mut upgrade) => {
                upgrade.head = read;
                if let Ok(stream) = stream.release() {
                    engine.attach_websocket_stream(stream, *upgrade);
                }
            }
            Handover::WebSocket {
                url,
                answer,
                handshake,
                deflate,
            } => {
                let Ok(stream) = stream.release() else {
                    return;
                };
                let upgrade = Upgrade {
                    request: engine.next_request(),
                    answer,
                    head: read,
                    handshake: Some(handshake),
                    deflate,
                    sid: None,
                    address: None,
                };
                engine.attach_stream(&url, stream, upgrade);
            }
        }
    }
}

/// Whether a request wants its connection for another protocol: by both headers, as RFC 9110 §7.8 has it, since a
/// proxy that drops `Connection` goes on in HTTP; and without a body, whose bytes would be taken for frames.
pub(super) fn is_asked_for(head: &Parts) -> bool {
    let headers = &head.headers;
    let lists_upgrade = |value: &HeaderValue| {
        let tokens = value.to_str().unwrap_or_default().split(',');
        tokens
            .map(str::trim)
            .any(|token| token.eq_ignore_ascii_case("upgrade"))
    };
    let has_body = headers.contains_key(header::TRANSFER_ENCODING)
        || headers
            .get(header::CONTENT_LENGTH)
            .is_some_and(|length| length != "0");
    headers.contains_key(header::UPGRADE)
        && headers
            .get_all(header::CONNECTION)
            .iter()
            .any(lists_upgrade)
        && head.version >= Version::HTTP_11
        && !has_body
}

/// Judges a request for a WebSocket: engine.io's checks, the application's, then those of `ws`.
pub(super) async fn judge(engine: &Engine, head: &Parts, peer: Peer) -> Handover {
    let (method, url) = (head.method.as_str(), url_of(head));
    let verified = match engine.verify(method, url, true) {
        Ok(verified) => verified,
        Err(refusal) => return refuse(engine, head, refusal),
    };
    let opens = matches!(verified, Verified::Handshake(..));
    let handshake = handshake_of(head, peer);
    if opens && engine.is_full_for(&handshake) {
        return refuse(engine, head, Refusal::TooManyFromAddress);
    }
    if opens && let Err(message) = reception::admit(engine, &handshake).await {
        return refused(400, &message);
    }
    if engine.is_closing() {
        return refused(503, "");
    }
    let header = |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
    let key = header(header::SEC_WEBSOCKET_KEY);
    let version = header(header::SEC_WEBSOCKET_VERSION);
    if let Err(error) = handshake::check_upgrade(method, header(header::UPGRADE), key, version) {
        return Handover::Farewell(error.to_refusal());
    }
    let options = engine.config().per_message_deflate.as_ref();
    let deflate = match agree_on_deflate(head, options) {
        Ok(deflate) => deflate,
        Err(error) => return Handover::Farewell(error.to_refusal()),
    };
    let mut headers = HeaderMap::new();
    if let Some(cors) = &engine.config().cors {
        headers = cors::headers(cors, &head.headers);
    }
    headers.extend(reception::headers(engine, &handshake, opens));
    let answer = switching_protocols(key.unwrap_or_default(), None, deflate, &headers);
    if is_for_polling(verified) {
        let farewell = [&answer[..], Frame::close(None, "").as_bytes()].concat();
        return Handover::Farewell(farewell);
    }
    Handover::WebSocket {
        url: url.into(),
        answer: answer.into(),
        handshake,
        deflate,
    }
}

/// Refuses with one of engine.io's codes. It notices an unknown protocol when the WebSocket is open
/// already, and says so in HTTP all the same: its clients see 101 first.
fn refuse(engine: &Engine, head: &Parts, refusal: Refusal) -> Handover {
    let told = self::refusal(refusal.status(), refusal.message());
    if refusal != Refusal::UnsupportedProtocolVersion {
        return Handover::Farewell(told);
    }
    let header = |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
    let key = header(header::SEC_WEBSOCKET_KEY);
    let version = header(header::SEC_WEBSOCKET_VERSION);
    let upgrade = header(header::UPGRADE);
    if let Err(error) = handshake::check_upgrade(head.method.as_str(), upgrade, key, version) {
        return Handover::Farewell(error.to_refusal());
    }
    let cors = engine.config().cors.as_ref();
    let headers = cors.map_or_else(HeaderMap::new, |cors| cors::headers(cors, &head.headers));
    let answer = switching_protocols(key.unwrap_or_default(), None, None, &headers);
    Handover::Farewell([answer, told].concat())
}

/// A WebSocket that says it is for polling is of no use to either.
fn is_for_polling(verified: Verified) -> bool {
    let (Verified::Handshake(transport, ..) | Verified::Session(_, transport, ..)) = verified;
    transport == TransportKind::Polling
}

/// What client and server do about compression, if the options are for it.
pub(super) fn agree_on_deflate(
    head: &Parts,
    options: Option<&DeflateOptions>,
) -> Result<Option<DeflateParams>, HandshakeError> {
    let Some(options) = options else {
        return Ok(None);
    };
    // A header that comes in pieces is one list (RFC 9110 §5.2).
    let offers = head.headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS);
    let offers: Result<Vec<&str>, _> = offers.iter().map(|value| value.to_str()).collect();
    let offers = offers.map_err(|_| HandshakeError::InvalidExtensions)?;
    if offers.is_empty() {
        return Ok(None);
    }
    let agreed = deflate::negotiate(&offers.join(", "), options);
    agreed.map_err(|_| HandshakeError::InvalidExtensions)
}

pub(super) fn switching_protocols(
    key: &str,
    protocol: Option<&str>,
    deflate: Option<DeflateParams>,
    headers: &HeaderMap,
) -> Vec<u8> {
    let protocol = protocol.map(|chosen| ("Sec-WebSocket-Protocol".to_owned(), chosen.to_owned()));
    let extensions =
        deflate.map(|params| ("Sec-WebSocket-Extensions".to_owned(), params.to_string()));
    let agreed = protocol.into_iter().chain(extensions);
    // A header map holds no line breaks. What is no ASCII, no client reads alike.
    let headers = headers.iter().filter_map(|(name, value)| {
        let name = canonical(name);
        Some((name, value.to_str().ok()?.to_owned()))
    });
    let headers: Vec<_> = agreed.chain(headers).collect();
    handshake::switching_protocols(key, &headers)
}

/// A header's name as npm `cors` writes it; others stay as they are.
fn canonical(name: &HeaderName) -> String {
    let name = name.as_str();
    if name != "vary" && !name.starts_with("access-control-") {
        return name.to_owned();
    }
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    });
    words.collect::<Vec<_>>().join("-")
}

/// engine.io's refusal; an empty message becomes the status's own phrase.
pub(super) fn refused(status: u16, message: &str) -> Handover {
    Handover::Farewell(refusal(status, message))
}

fn refusal(status: u16, message: &str) -> Vec<u8> {
    let phrase = StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Refused");
    let message = if message.is_empty() { phrase } else { message };
    let length = message.len();
    let answer = format!(
        "HTTP/1.1 {status} {phrase}\r\nConnection: close\r\nContent-type: text/html\r\n\
         Content-Length: {length}\r\n\r\n{message}"
    );
    answer.into_bytes()
}
