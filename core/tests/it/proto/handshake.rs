//! The WebSocket handshake by golden bytes.

use proptest::prelude::*;
use sori::proto::handshake::{
    HandshakeError, accept_key, check_upgrade, is_valid_key, protocols, refusal,
    switching_protocols,
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

proptest! {
    /// A client's key is 16 bytes of base64, and none of them is refused.
    #[test]
    fn every_key_of_sixteen_bytes_is_taken(bytes in any::<[u8; 16]>()) {
        use base64::Engine as _;
        let key = base64::engine::general_purpose::STANDARD.encode(bytes);
        prop_assert!(is_valid_key(&key));
        prop_assert_eq!(check_upgrade("GET", Some("websocket"), Some(&key), Some("13")), Ok(()));
    }

    #[test]
    fn any_headers_are_judged(
        method in "[A-Z]{0,6}|GET",
        upgrade in proptest::option::of("(?i)websocket|\\PC{0,20}"),
        key in proptest::option::of("[+/0-9A-Za-z]{22}==|\\PC{0,30}"),
        version in proptest::option::of("13|8|\\PC{0,4}"),
    ) {
        let judged = check_upgrade(&method, upgrade.as_deref(), key.as_deref(), version.as_deref());
        if judged.is_ok() {
            prop_assert_eq!(method, "GET");
            prop_assert!(key.is_some_and(|key| is_valid_key(&key)));
        } else if let Err(error) = judged {
            prop_assert!(text(error.to_refusal()).starts_with("HTTP/1.1 4"));
        }
    }

    /// What is offered is found again, trimmed and in order; a list with what is no name is refused.
    #[test]
    fn a_list_of_subprotocols_is_read_or_refused(offered in "([a-z]{1,5}[ \\t]{0,2},?[ \\t]{0,2}){0,5}|\\PC{0,30}") {
        if let Ok(names) = protocols(&offered) {
            prop_assert!(names.iter().all(|name| !name.is_empty() && offered.contains(name)));
        }
    }
}
