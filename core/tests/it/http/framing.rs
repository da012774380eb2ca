//! Requests whose framing is wrong, or too large: what they are answered, and that it is at once.

use crate::support::http::{HANDSHAKE, Running, WEBSOCKET, Wire, get, upgrade};

/// The head of a POST to a session.
fn post(target: &str, headers: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nHost: x\r\n{headers}\r\n")
}

#[test]
fn a_body_that_is_announced_too_large_is_refused_before_it_comes() {
    let running = Running::start(|builder| builder);
    let target = format!("{HANDSHAKE}&sid={}", running.open());
    let largest = [1_000_001, 1 << 63, u64::MAX - 2];
    for length in largest {
        for more in ["", "Expect: 100-continue\r\n"] {
            let mut wire = Wire::connect(running.address);
            wire.send(post(
                &target,
                &format!("Content-Length: {length}\r\n{more}"),
            ));
            let answer = wire.read_answer();
            assert_eq!(answer.status, "413 Payload Too Large", "{length}");
            assert_eq!(wire.read_to_end(), "", "{length}");
        }
    }
    // The session has not noticed.
    let body = "40";
    let posted = running.ask(&(post(&target, "Content-Length: 2\r\n") + body));
    assert_eq!(
        (posted.status.as_str(), posted.text().as_str()),
        ("200 OK", "ok")
    );
    assert!(running.get(&target, "").text().starts_with("40{\"sid\":"));
}

#[test]
fn who_sends_too_much_can_send_it_to_its_end_and_reads_why_it_is_refused() {
    let running = Running::start(|builder| builder);
    let target = format!("{HANDSHAKE}&sid={}", running.open());
    let body = "x".repeat(8_000_000);
    let whole = format!("Content-Length: {}\r\n", body.len());
    let in_chunks = "Transfer-Encoding: chunked\r\n";
    let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let cases = [
        (&*target, &*whole, &body, "413 Payload Too Large"),
        (&*target, in_chunks, &chunk, "413 Payload Too Large"),
        ("/other", &*whole, &body, "404 Not Found"),
    ];
    for (target, headers, body, status) in cases {
        let mut wire = Wire::connect(running.address);
        wire.send(post(target, headers) + body);
        assert_eq!(wire.read_answer().status, status, "{target} {headers}");
        assert_eq!(wire.read_to_end(), "", "{target} {headers}");
    }
}

#[test]
fn a_head_that_is_too_large_can_be_sent_to_its_end_too() {
    let running = Running::start(|builder| builder);
    let mut wire = Wire::connect(running.address);
    let padding = format!("X-Padding: {}\r\n", "x".repeat(4_000_000));
    wire.send(get(HANDSHAKE, &padding));
    let answer = wire.read_answer();
    assert_eq!(answer.status, "431 Request Header Fields Too Large");
    assert_eq!(wire.read_to_end(), "");
}

/// RFC 9112 §3.2: a server must refuse a request of HTTP/1.1 that has no Host, or more than one.
#[test]
fn a_request_names_its_host_once() {
    let running = Running::start(|builder| builder);
    let polling = get(HANDSHAKE, "");
    let websocket = upgrade(WEBSOCKET, "");
    for request in [polling, websocket, get("/other", "")] {
        for hosts in ["", "Host: x\r\nHost: x\r\n", "Host: x\r\nhost: y\r\n"] {
            let request = request.replace("Host: x\r\n", hosts);
            let mut wire = Wire::connect(running.address);
            wire.send(&request);
            let answer = wire.read_answer();
            assert_eq!(answer.status, "400 Bad Request", "{request}");
            assert_eq!(wire.read_to_end(), "", "{request}");
        }
    }
    assert_eq!(running.server.metrics().opened, 0);
    // It may be empty, and HTTP/1.0 knows none.
    let unnamed = get(HANDSHAKE, "").replace("Host: x", "Host:");
    assert_eq!(running.ask(&unnamed).status, "200 OK");
    let mut old = Wire::connect(running.address);
    old.send(format!("GET {HANDSHAKE} HTTP/1.0\r\n\r\n"));
    assert!(old.read_to_end().starts_with("HTTP/1.0 200 OK\r\n"));
}

/// What cannot be told apart from an attempt to smuggle a request past a proxy (RFC 9112 §6.3).
#[test]
fn bodies_whose_length_is_in_doubt_are_refused() {
    let running = Running::start(|builder| builder);
    let target = format!("{HANDSHAKE}&sid={}", running.open());
    for headers in [
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: 2, 3\r\n",
        "Content-Length: +2\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x2\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding : chunked\r\n",
    ] {
        let mut wire = Wire::connect(running.address);
        wire.send(post(&target, headers) + "40");
        let answer = wire.read_answer();
        assert_eq!(answer.status, "400 Bad Request", "{headers}");
        assert_eq!(wire.read_to_end(), "", "{headers}");
    }
    let chunked = post(&target, "Transfer-Encoding: chunked\r\n");
    for chunks in [
        "2\n40\n0\n\n",
        "-2\r\n40",
        "fffffffffffffffff\r\n40",
        "2\r\n40x\r\n",
    ] {
        let mut wire = Wire::connect(running.address);
        wire.send(chunked.clone() + chunks);
        let answer = wire.read_answer();
        assert_eq!(answer.status, "400 Bad Request", "{chunks:?}");
        assert_eq!(wire.read_to_end(), "", "{chunks:?}");
    }
}
