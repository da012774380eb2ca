//! The WebSocket handshake by golden bytes.

use sori::proto::handshake::{
    HandshakeError, accept_key, check_upgrade, is_valid_key, refusal, switching_protocols,
};

/// The key of RFC 6455 §1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

fn text(answer: Vec<u8>) -> String {
    String::from_utf8(answer).expect("an answer is text")
}

#[test]
fn answers_the_key_of_the_rfc() {
    assert_eq!(accept_key(KEY), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[test]
fn knows_a_key_by_its_shape() {
    assert!(is_valid_key(KEY));
    assert!(is_valid_key("+/+/+/+/+/+/+/+/+/+/+w=="));
    for key in [
        "",
        "==",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ== ",
        "dGhlIHNhbXBsZSBub25jZ-==",
        "dGhlIHNhbXBsZSBub25jZQQ==",
        "dGhlIHNhbXBsZSBub25jZ\u{fc}==",
    ] {
        assert!(!is_valid_key(key), "{key:?}");
    }
}

#[test]
fn accepts_what_browsers_send() {
    assert_eq!(
        check_upgrade("GET", Some("websocket"), Some(KEY), Some("13")),
        Ok(())
    );
    assert_eq!(
        check_upgrade("GET", Some("WebSocket"), Some(KEY), Some("8")),
        Ok(())
    );
}

#[test]
fn refuses_in_the_order_of_ws() {
    let check = |method, upgrade, key, version| check_upgrade(method, upgrade, key, version);
    let bad = Some("bad");
    assert_eq!(
        check("POST", bad, bad, bad),
        Err(HandshakeError::InvalidMethod)
    );
    assert_eq!(
        check("GET", bad, bad, bad),
        Err(HandshakeError::InvalidUpgrade)
    );
    assert_eq!(
        check("GET", None, bad, bad),
        Err(HandshakeError::InvalidUpgrade)
    );
    let upgrade = Some("websocket");
    assert_eq!(
        check("GET", upgrade, bad, bad),
        Err(HandshakeError::InvalidKey)
    );
    assert_eq!(
        check("GET", upgrade, None, bad),
        Err(HandshakeError::InvalidKey)
    );
    assert_eq!(
        check("GET", upgrade, Some(KEY), Some("12")),
        Err(HandshakeError::InvalidVersion)
    );
    assert_eq!(
        check("GET", upgrade, Some(KEY), None),
        Err(HandshakeError::InvalidVersion)
    );
}

#[test]
fn refuses_in_the_bytes_of_ws() {
    assert_eq!(
        text(HandshakeError::InvalidKey.to_refusal()),
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/html\r\n\
         Content-Length: 43\r\n\r\nMissing or invalid Sec-WebSocket-Key header"
    );
    assert_eq!(
        text(HandshakeError::InvalidVersion.to_refusal()),
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/html\r\n\
         Content-Length: 47\r\nSec-WebSocket-Version: 13, 8\r\n\r\n\
         Missing or invalid Sec-WebSocket-Version header"
    );
    assert_eq!(
        text(HandshakeError::InvalidMethod.to_refusal()),
        "HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nContent-Type: text/html\r\n\
         Content-Length: 19\r\n\r\nInvalid HTTP method"
    );
    assert_eq!(
        HandshakeError::InvalidUpgrade.body(),
        "Invalid Upgrade header"
    );
}

#[test]
fn a_refusal_without_a_body_says_its_status() {
    assert_eq!(
        text(refusal(503, "", &[])),
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: text/html\r\n\
         Content-Length: 19\r\n\r\nService Unavailable"
    );
}

#[test]
fn switches_protocols_in_the_bytes_of_ws() {
    assert_eq!(
        text(switching_protocols(KEY, &[])),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    );
    let extra = [
        ("Vary".to_owned(), "Origin".to_owned()),
        ("x-all".to_owned(), "1".to_owned()),
    ];
    assert_eq!(
        text(switching_protocols(KEY, &extra)),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nVary: Origin\r\nx-all: 1\r\n\r\n"
    );
}
