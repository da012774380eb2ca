//! The HTTP side of the WebSocket handshake (RFC 6455 §4), answered byte for byte as npm `ws` does.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use super::websocket::extension;

const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The `Sec-WebSocket-Accept` that proves we read the client's key (RFC 6455 §4.2.2).
pub fn accept_key(key: &str) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

/// Whether `key` looks like sixteen bytes in base64: 22 characters of its alphabet, then `==`.
pub fn is_valid_key(key: &str) -> bool {
    match key.as_bytes().split_last_chunk() {
        Some((digits, b"==")) => {
            digits.len() == 22
                && digits
                    .iter()
                    .all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
        }
        _ => false,
    }
}

/// Why an upgrade request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The method is not GET.
    InvalidMethod,
    /// `Upgrade` is missing or is not `websocket`.
    InvalidUpgrade,
    /// `Sec-WebSocket-Key` is missing or malformed.
    InvalidKey,
    /// `Sec-WebSocket-Version` is neither 13 nor 8.
    InvalidVersion,
    /// `Sec-WebSocket-Protocol` is no list of different tokens.
    InvalidProtocol,
    /// `Sec-WebSocket-Extensions` is malformed, or offers no compression that we can agree to.
    InvalidExtensions,
}

impl HandshakeError {
    /// The HTTP status of the answer.
    pub fn status(&self) -> u16 {
        match self {
            Self::InvalidMethod => 405,
            _ => 400,
        }
    }

    /// The body of the answer.
    pub fn body(&self) -> &'static str {
        match self {
            Self::InvalidMethod => "Invalid HTTP method",
            Self::InvalidUpgrade => "Invalid Upgrade header",
            Self::InvalidKey => "Missing or invalid Sec-WebSocket-Key header",
            Self::InvalidVersion => "Missing or invalid Sec-WebSocket-Version header",
            Self::InvalidProtocol => "Invalid Sec-WebSocket-Protocol header",
            Self::InvalidExtensions => "Invalid or unacceptable Sec-WebSocket-Extensions header",
        }
    }

    /// Headers of the answer beside those that every refusal has.
    pub fn extra_headers(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::InvalidVersion => &[("Sec-WebSocket-Version", "13, 8")],
            _ => &[],
        }
    }

    /// The whole answer; the connection closes after it.
    pub fn to_refusal(&self) -> Vec<u8> {
        refusal(self.status(), self.body(), self.extra_headers())
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.body())
    }
}

impl std::error::Error for HandshakeError {}

/// Checks an upgrade request, given its method and the headers `Upgrade`, `Sec-WebSocket-Key` and
/// `Sec-WebSocket-Version`. (`Connection` is the HTTP parser's business.)
///
/// # Errors
/// The first broken rule, in the order of npm `ws`.
pub fn check_upgrade(
    method: &str,
    upgrade: Option<&str>,
    key: Option<&str>,
    version: Option<&str>,
) -> Result<(), HandshakeError> {
    if method != "GET" {
        return Err(HandshakeError::InvalidMethod);
    }
    if !upgrade.is_some_and(|upgrade| upgrade.trim().eq_ignore_ascii_case("websocket")) {
        return Err(HandshakeError::InvalidUpgrade);
    }
    if !key.is_some_and(is_valid_key) {
        return Err(HandshakeError::InvalidKey);
    }
    if !version.is_some_and(|version| matches!(version.trim(), "13" | "8")) {
        return Err(HandshakeError::InvalidVersion);
    }
    Ok(())
}

/// The subprotocols that a client offers by `Sec-WebSocket-Protocol`, in its order of preference
/// (RFC 6455 §4.1).
///
/// # Errors
/// [`HandshakeError::InvalidProtocol`] for what is no token, and for one that comes twice.
pub fn protocols(header: &str) -> Result<Vec<&str>, HandshakeError> {
    let mut protocols = Vec::new();
    for protocol in header.split(',') {
        let protocol = protocol.trim_matches([' ', '\t']);
        let is_token = !protocol.is_empty() && protocol.chars().all(extension::is_token_char);
        if !is_token || protocols.contains(&protocol) {
            return Err(HandshakeError::InvalidProtocol);
        }
        protocols.push(protocol);
    }
    Ok(protocols)
}

/// A raw HTTP answer that refuses an upgrade; an empty body becomes the status's own phrase.
///
/// Header names and values are written as they are: they must not hold CR or LF.
pub fn refusal(status: u16, body: &str, extra: &[(&str, &str)]) -> Vec<u8> {
    let phrase = reason_phrase(status);
    let body = if body.is_empty() { phrase } else { body };
    let mut answer = format!(
        "HTTP/1.1 {status} {phrase}\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in extra {
        push_header(&mut answer, name, value);
    }
    answer.push_str("\r\n");
    answer.push_str(body);
    answer.into_bytes()
}

/// The 101 answer to a request with this key, `extra` headers last.
///
/// Header names and values are written as they are: they must not hold CR or LF.
pub fn switching_protocols(key: &str, extra_headers: &[(String, String)]) -> Vec<u8> {
    let mut answer = String::from(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
    );
    push_header(&mut answer, "Sec-WebSocket-Accept", &accept_key(key));
    for (name, value) in extra_headers {
        push_header(&mut answer, name, value);
    }
    answer.push_str("\r\n");
    answer.into_bytes()
}

fn push_header(answer: &mut String, name: &str, value: &str) {
    for piece in [name, ": ", value, "\r\n"] {
        answer.push_str(piece);
    }
}

/// The phrases of RFC 9110 §15 for the statuses that refuse.
fn reason_phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Payload Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        418 => "I'm a Teapot",
        421 => "Misdirected Request",
        422 => "Unprocessable Entity",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Refused",
    }
}
