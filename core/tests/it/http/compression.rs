//! Compressed answers to long polling: what a client that accepts them reads is what was sent.

use std::io::Read;

use sori::Socket;
use sori::config::{DeflateOptions, HttpCompression};

use crate::support::http::{Answer, HANDSHAKE, Running, WEBSOCKET, Wire, get, upgrade};

/// A server that sends `event` to everybody who joins.
fn running(event: &str, compression: Option<HttpCompression>) -> Running {
    let running = Running::start(|builder| builder.http_compression(compression));
    let event = event.to_owned();
    running
        .server
        .of("/")
        .on_connect(move |socket: Socket| socket.emit("long", &event));
    running
}

/// The answer to a poll that brings CONNECT and the event.
fn poll(running: &Running, accepted: &str) -> Answer {
    let target = format!("{HANDSHAKE}&sid={}", running.open());
    let post = format!("POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n40");
    assert_eq!(running.ask(&post).text(), "ok");
    running.ask(&get(&target, accepted))
}

fn read(coding: &str, body: &[u8]) -> String {
    let mut text = String::new();
    match coding {
        "gzip" => flate2::read::GzDecoder::new(body).read_to_string(&mut text),
        "deflate" => flate2::read::ZlibDecoder::new(body).read_to_string(&mut text),
        _ => brotli::Decompressor::new(body, 4096).read_to_string(&mut text),
    }
    .unwrap();
    text
}

#[test]
fn long_answers_come_back_whole_in_every_coding() {
    let event = "소리 ".repeat(30_000);
    let running = running(&event, Some(HttpCompression::default()));
    for coding in ["gzip", "deflate", "br"] {
        let answer = poll(&running, &format!("Accept-Encoding: {coding}\r\n"));
        assert_eq!(answer.header("content-encoding"), Some(coding));
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; charset=UTF-8")
        );
        assert!(
            answer.body.len() < event.len() / 50,
            "{}",
            answer.body.len()
        );
        let text = read(coding, &answer.body);
        let (connect, sent) = text.split_once('\u{1e}').unwrap();
        assert!(connect.starts_with("40{\"sid\":"), "{connect}");
        assert_eq!(sent, format!("42[\"long\",\"{event}\"]"));
    }
}

#[test]
fn answers_go_as_they_are_if_they_are_short_or_nobody_asked() {
    let long = "x".repeat(2_000);
    let default = Some(HttpCompression::default());
    let cases = [
        ("x", default, "Accept-Encoding: gzip\r\n"),
        (&long, default, ""),
        (&long, default, "Accept-Encoding: zstd, gzip;q=0\r\n"),
        (&long, None, "Accept-Encoding: gzip\r\n"),
    ];
    for (event, compression, accepted) in cases {
        let running = running(event, compression);
        let answer = poll(&running, accepted);
        assert_eq!(answer.header("content-encoding"), None, "{accepted}");
        assert!(
            answer
                .text()
                .ends_with(&format!("42[\"long\",\"{event}\"]"))
        );
    }
}

#[test]
fn websockets_compress_if_the_builder_says_so() {
    let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    for options in [None, Some(DeflateOptions::default())] {
        let expected = options.as_ref().map(|_| "permessage-deflate");
        let running = Running::start(|builder| builder.per_message_deflate(options));
        let mut wire = Wire::connect(running.address);
        wire.send(upgrade(WEBSOCKET, offer));
        let answer = wire.read_answer();
        assert_eq!(answer.header("sec-websocket-extensions"), expected);
    }
}
