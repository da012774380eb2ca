//! The engine's own listener beside npm socket.io: the same requests have the same answers.
//!
//! Answers on WebSocket upgrades are compared byte for byte. Of the others it is the status, the
//! headers in their order, and the body: what keeps an HTTP connection going (dates, keep-alive,
//! chunks or lengths, the case of names) is the HTTP library's.

use sori::config::{Cookie, Cors};
use sori::http::HeaderValue;

use crate::support::http::{Answer, HANDSHAKE, Running, WEBSOCKET, Wire, get, upgrade};

const EXCHANGES: &str = include_str!("exchanges.txt");

/// What socket.io answered, and whether it then closed the connection.
fn recorded(title: &str) -> (String, bool) {
    let start = format!("### {title}\n");
    let (_, rest) = EXCHANGES
        .split_once(&start)
        .unwrap_or_else(|| panic!("{title} was not recorded"));
    let text = rest.split("\n### ").next().unwrap().trim_end();
    let text = text.replace("\\r\\n\n", "\r\n");
    match text.strip_suffix("<closed by server>") {
        Some(text) => (text.to_owned(), true),
        None => (text.strip_suffix("<open>").unwrap().to_owned(), false),
    }
}

/// Bytes as they were recorded.
fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for &byte in bytes {
        match byte {
            b'\r' | b'\n' | b'\t' | b' '..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    let text = replace_between(&text, "\"sid\":\"", "\"", "<sid>");
    let text = replace_between(&text, "io=", ";", "<sid>");
    replace_between(&text, "Sec-WebSocket-Accept: ", "\r\n", "<k>")
}

fn replace_between(text: &str, start: &str, end: &str, by: &str) -> String {
    let Some((before, rest)) = text.split_once(start) else {
        return text.to_owned();
    };
    let (_, after) = rest.split_once(end).unwrap_or((rest, ""));
    format!("{before}{start}{by}{end}{after}")
}

/// Sends a request whose answer is the HTTP library's to frame.
#[track_caller]
fn compare(running: &Running, title: &str, request: &str) {
    let (expected, _) = recorded(title);
    let (head, body) = expected.split_once("\r\n\r\n").unwrap();
    let mut expected = Answer::parse(head);
    let is_chunked = expected.header("transfer-encoding").is_some();
    // RFC 9110 §8.6 forbids the length beside 204 that socket.io sends.
    let is_unframed = is_chunked || expected.status.starts_with("204 ");
    let mut answer = running.ask(request);
    for each in [&mut expected, &mut answer] {
        each.headers.retain(|(name, _)| match name.as_str() {
            "date" | "connection" | "keep-alive" | "transfer-encoding" => false,
            "content-length" => !is_unframed,
            _ => true,
        });
        for (_, value) in &mut each.headers {
            *value = replace_between(value, "io=", ";", "<sid>");
        }
    }
    let body = if is_chunked {
        joined(body)
    } else {
        body.to_owned()
    };
    assert_eq!(answer.status, expected.status, "{title}");
    assert_eq!(answer.headers, expected.headers, "{title}");
    if body != "..." {
        assert_eq!(shown(&answer.body), body, "{title}");
    }
}

/// A body without the frames of its chunks.
fn joined(chunks: &str) -> String {
    let lines: Vec<&str> = chunks.split("\r\n").collect();
    if lines == ["..."] {
        return "...".to_owned();
    }
    lines
        .chunks(2)
        .filter_map(|chunk| chunk.get(1).copied())
        .collect()
}

/// Sends a request whose answer must be the same to the byte.
#[track_caller]
fn compare_bytes(running: &Running, title: &str, request: &str) {
    let (expected, is_closed) = recorded(title);
    let mut wire = Wire::connect(running.address);
    wire.send(request);
    while shown(&wire.read).len() < expected.len() && wire.read_more() {}
    if is_closed {
        wire.read_to_end();
    }
    assert_eq!(shown(&wire.read), expected, "{title}");
}

#[test]
fn polling_requests_are_answered_as_by_socket_io() {
    let running = Running::start(|builder| builder);
    let cases = [
        ("polling handshake", get(HANDSHAKE, "")),
        ("unknown sid", get(&format!("{HANDSHAKE}&sid=nope"), "")),
        (
            "unknown transport",
            get("/socket.io/?EIO=4&transport=abc", ""),
        ),
        ("no transport", get("/socket.io/?EIO=4", "")),
        (
            "POST handshake",
            format!("POST {HANDSHAKE} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"),
        ),
        (
            "EIO=3 not allowed",
            get("/socket.io/?EIO=3&transport=polling", ""),
        ),
        ("websocket transport over plain GET", get(WEBSOCKET, "")),
        (
            "OPTIONS without cors",
            format!("OPTIONS {HANDSHAKE} HTTP/1.1\r\nHost: x\r\n\r\n"),
        ),
        ("b64 handshake", get(&format!("{HANDSHAKE}&b64=1"), "")),
        (
            "IE user agent",
            get(HANDSHAKE, "User-Agent: Mozilla/5.0 ;MSIE 9\r\n"),
        ),
        ("http other path", get("/other", "")),
        (
            "path without trailing slash",
            get("/socket.io?EIO=4&transport=polling", ""),
        ),
    ];
    for (title, request) in cases {
        compare(&running, title, &request);
    }
}

#[test]
fn websocket_upgrades_are_answered_as_by_socket_io() {
    let running = Running::start(|builder| builder);
    let good = upgrade(WEBSOCKET, "");
    let cases = [
        ("ws upgrade", good.clone()),
        (
            "ws upgrade unknown sid",
            upgrade(&format!("{WEBSOCKET}&sid=nope"), ""),
        ),
        (
            "ws upgrade unknown transport",
            upgrade("/socket.io/?EIO=4&transport=abc", ""),
        ),
        (
            "ws upgrade EIO=3",
            upgrade(&WEBSOCKET.replace("EIO=4", "EIO=3"), ""),
        ),
        ("ws upgrade transport=polling", upgrade(HANDSHAKE, "")),
        (
            "ws upgrade bad key",
            good.replace("dGhlIHNhbXBsZSBub25jZQ==", "x"),
        ),
    ];
    for (title, request) in cases {
        compare_bytes(&running, title, &request);
    }
}

#[test]
fn cors_cookie_and_headers_stand_where_socket_io_puts_them() {
    let running = Running::start(|builder| {
        let put = |name| {
            move |headers: &mut sori::http::HeaderMap| {
                headers.insert(name, HeaderValue::from_static("1"));
            }
        };
        let (initial, every) = (put("x-init"), put("x-all"));
        builder
            .cors(Cors::origin("https://a.example").credentials(true))
            .cookie(Cookie::default())
            .initial_headers(move |_, headers| initial(headers))
            .headers(move |_, headers| every(headers))
    });
    let origin = "Origin: https://a.example\r\n";
    compare(&running, "cors+cookie handshake", &get(HANDSHAKE, origin));
    let asking =
        "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n";
    let preflight = get(HANDSHAKE, &format!("{origin}{asking}")).replace("GET ", "OPTIONS ");
    compare(&running, "cors preflight", &preflight);
    compare(
        &running,
        "cors error",
        &get(&format!("{HANDSHAKE}&sid=nope"), origin),
    );
    compare_bytes(&running, "cors+cookie ws", &upgrade(WEBSOCKET, origin));

    let target = format!("{HANDSHAKE}&sid={}", running.open());
    let post = format!("POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n40/nope,");
    assert_eq!(running.ask(&post).text(), "ok");
    compare(&running, "invalid namespace", &get(&target, ""));
}

#[test]
fn refusals_of_the_application_are_worded_as_by_socket_io() {
    let running = Running::start(|builder| builder.allow_request(|_| Err("no way".to_owned())));
    compare(
        &running,
        "allowRequest refusal polling",
        &get(HANDSHAKE, ""),
    );
    compare_bytes(&running, "allowRequest refusal ws", &upgrade(WEBSOCKET, ""));
    assert_eq!(running.server.metrics().opened, 0);
}

#[cfg(feature = "http-compression")]
#[test]
fn compressed_answers_have_the_headers_of_socket_io() {
    let compression = sori::config::HttpCompression { threshold: 10 };
    let running = Running::start(|builder| builder.http_compression(Some(compression)));
    compare(
        &running,
        "http compression",
        &get(HANDSHAKE, "Accept-Encoding: gzip\r\n"),
    );
}

#[test]
fn what_comes_behind_an_upgrade_request_is_not_lost() {
    let running = Running::start(|builder| builder);
    let mut wire = Wire::connect(running.address);
    // `40` in a frame whose mask is zeros.
    let frame = b"\x81\x82\0\0\0\x0040";
    wire.send([upgrade(WEBSOCKET, "").as_bytes(), frame].concat());
    while !String::from_utf8_lossy(&wire.read).contains("40{\"sid\":") {
        assert!(wire.read_more(), "{}", shown(&wire.read));
    }
}

#[test]
fn an_answer_before_an_upgrade_on_the_same_stream_is_not_lost() {
    let running = Running::start(|builder| builder);
    let mut wire = Wire::connect(running.address);
    wire.send(get("/other", "") + &get(HANDSHAKE, "") + &upgrade(WEBSOCKET, ""));
    let statuses = [(); 3].map(|()| wire.read_answer().status);
    assert_eq!(
        statuses,
        ["404 Not Found", "200 OK", "101 Switching Protocols"]
    );
}

#[test]
fn a_connection_becomes_a_websocket_only_when_both_headers_say_so_and_nothing_else_follows() {
    let running = Running::start(|builder| builder);
    let request = |version: &str, headers: &str| {
        format!(
            "GET {WEBSOCKET} HTTP/{version}\r\nHost: h\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        )
    };
    for headers in [
        "Connection: keep-alive, Upgrade\r\n",
        "Connection: keep-alive\r\nConnection: UPGRADE\r\n",
        "Connection: Upgrade\r\nContent-Length: 0\r\n",
    ] {
        let mut wire = Wire::connect(running.address);
        wire.send(request("1.1", headers));
        assert_eq!(
            wire.read_answer().status,
            "101 Switching Protocols",
            "{headers:?}"
        );
    }
    for headers in [
        "",
        "Connection: keep-alive\r\n",
        "Connection: upgraded\r\n",
        "Connection: Upgrade\r\nContent-Length: 2\r\n\r\n\x01\x02",
        "Connection: Upgrade\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    ] {
        assert_eq!(
            running.ask(&request("1.1", headers)).status,
            "400 Bad Request",
            "{headers:?}"
        );
    }
    let mut old = Wire::connect(running.address);
    old.send(request("1.0", "Connection: Upgrade\r\n"));
    assert!(old.read_to_end().starts_with("HTTP/1.0 400 "));
}
