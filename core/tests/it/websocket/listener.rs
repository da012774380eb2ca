//! Plain WebSockets over the engine's own listener, with raw clients and with tungstenite.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sori::Handshake;
use sori::config::{DeflateOptions, WebSocketSettings};
use sori::http::{HeaderMap, HeaderValue, Response};
use sori::server::{Reception, Reply, WebSocketAdmission, WebSocketRefusal, WebSocketTerms};

use crate::support::engine::*;
use crate::support::steady::Steady;

/// Echoes what comes to `/chat`; `/no` refuses, `/never` does not decide.
#[derive(Default)]
struct Echo {
    group: OnceLock<NamespaceId>,
}

impl Application for Echo {
    fn handle(&self, engine: &Engine, event: Event<'_>) {
        let Event::WebSocket { conn, event } = event else {
            return;
        };
        let (kind, data) = match &event {
            websocket::Event::Open { handshake, .. } => {
                let handshake = handshake.expect("a request over the listener");
                (MessageKind::Text, handshake.url().as_bytes())
            }
            websocket::Event::Text(text) => (MessageKind::Text, text.as_bytes()),
            websocket::Event::Binary(bytes) => (MessageKind::Binary, *bytes),
            _ => return,
        };
        let message = websocket::Message {
            kind,
            fin: true,
            compress: true,
            data,
            token: None,
            gauge: None,
        };
        let command = websocket::Command::Send(message);
        engine.execute(Command::WebSocket { conn, command });
    }

    fn reception(&self) -> Option<&dyn Reception> {
        Some(self)
    }
}

impl Reception for Echo {
    fn admit_websocket(&self, handshake: &Arc<Handshake>) -> Option<WebSocketAdmission> {
        let group = *self.group.get().expect("opened before the first client");
        let mut settings = WebSocketSettings::default();
        settings.deflate = Some(DeflateOptions::default());
        let terms = WebSocketTerms {
            group,
            settings: Arc::new(settings),
            protocol: Some("v2.chat".to_owned()),
            headers: HeaderMap::from_iter([(
                "x-served-by".parse().unwrap(),
                HeaderValue::from_static("echo"),
            )]),
        };
        let refusal = WebSocketRefusal {
            status: 403,
            message: "not you".to_owned(),
            headers: HeaderMap::from_iter([(
                "x-why".parse().unwrap(),
                HeaderValue::from_static("because"),
            )]),
        };
        match handshake.url() {
            url if url.starts_with("/chat") => Some(Box::pin(async { Ok(terms) })),
            "/no" => Some(Box::pin(async { Err(refusal) })),
            "/never" => Some(Box::pin(std::future::pending())),
            "/socket.io/" => Some(Box::pin(async { Ok(terms) })),
            _ => None,
        }
    }

    fn fall_back(&self, request: sori::http::Request<()>) -> Option<Reply> {
        let page = format!("the page {}", request.uri().path());
        Some(Box::pin(async { Response::new(page.into()) }))
    }
}

struct Running {
    engine: Engine,
    address: std::net::SocketAddr,
}

fn start(set: impl FnOnce(&mut sori::Config)) -> Running {
    let mut config = config();
    set(&mut config);
    let app = Arc::new(Echo::default());
    let engine = Engine::start(config, Arc::clone(&app) as _).expect("an engine");
    app.group.set(engine.open_group()).expect("the first time");
    let address = engine.listen(("127.0.0.1", 0)).expect("a free port");
    Running { engine, address }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.engine.close();
        self.engine.join();
        if !std::thread::panicking() {
            assert_eq!(self.engine.metrics().connections, 0);
        }
    }
}

/// A request for a WebSocket with more headers, each with its line's end.
fn request(path: &str, headers: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: sori\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{headers}\r\n"
    )
}

fn open(running: &Running, path: &str, headers: &str) -> (Wire, HttpAnswer) {
    let mut wire = Wire::connect(running.address);
    wire.send(request(path, headers).as_bytes());
    let answer = wire.read_answer();
    (wire, answer)
}

/// Everything that comes for a request.
fn ask(running: &Running, request: &str) -> String {
    let mut wire = Wire::connect(running.address);
    wire.send(request.as_bytes());
    String::from_utf8(wire.read_to_end()).expect("text")
}

#[test]
fn the_answer_is_that_of_ws_and_what_comes_behind_the_request_is_heard() {
    let running = start(|_| {});
    let mut wire = Wire::connect(running.address);
    let headers = "Sec-WebSocket-Protocol: v1.chat, v2.chat\r\n\
                   Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let bytes = [
        request("/chat?x=1", headers).as_bytes(),
        &frame(TEXT, b"early"),
    ]
    .concat();
    wire.send(&bytes);
    let expected = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {ACCEPT}\r\nSec-WebSocket-Protocol: v2.chat\r\n\
         Sec-WebSocket-Extensions: permessage-deflate\r\nx-served-by: echo\r\n\r\n"
    );
    for line in expected.split_inclusive("\r\n") {
        assert_eq!(wire.read_status_line(), line.trim_end());
    }
    let mut zlib = Zlib::new();
    assert_eq!(zlib.read_text(&mut wire).0, "/chat?x=1");
    assert_eq!(zlib.read_text(&mut wire).0, "early");
    wire.send_frame(CLOSE, b"\x03\xe8");
    assert_eq!(wire.read_close(), b"\x03\xe8");
    wire.expect_end();
}

#[test]
fn a_subprotocol_is_told_only_to_who_offered_it() {
    let running = start(|_| {});
    for (headers, expected) in [
        ("", None),
        ("Sec-WebSocket-Protocol: v1.chat\r\n", None),
        (
            "Sec-WebSocket-Protocol: v1.chat , v2.chat\r\n",
            Some("v2.chat"),
        ),
    ] {
        let (_wire, answer) = open(&running, "/chat", headers);
        assert_eq!(answer.status, 101);
        assert_eq!(answer.header("sec-websocket-protocol"), expected);
        assert_eq!(answer.header("sec-websocket-extensions"), None);
    }
}

#[test]
fn requests_are_refused_in_the_words_of_ws() {
    let running = start(|config| config.connect_timeout = Duration::from_millis(50));
    let good = request("/chat", "");
    let cases = [
        (
            good.replace("GET", "PUT"),
            "405 Method Not Allowed",
            "Invalid HTTP method",
        ),
        (
            good.replace("websocket", "h2c"),
            "400 Bad Request",
            "Invalid Upgrade header",
        ),
        (
            good.replace(KEY, "short"),
            "400 Bad Request",
            "Missing or invalid Sec-WebSocket-Key header",
        ),
        (
            request("/chat", "Sec-WebSocket-Protocol: a,,b\r\n"),
            "400 Bad Request",
            "Invalid Sec-WebSocket-Protocol header",
        ),
        (
            request("/chat", "Sec-WebSocket-Protocol: a, a\r\n"),
            "400 Bad Request",
            "Invalid Sec-WebSocket-Protocol header",
        ),
        (
            request(
                "/chat",
                "Sec-WebSocket-Extensions: permessage-deflate; x\r\n",
            ),
            "400 Bad Request",
            "Invalid or unacceptable Sec-WebSocket-Extensions header",
        ),
        (request("/never", ""), "503 Service Unavailable", "timeout"),
    ];
    for (request, status, body) in cases {
        let expected = format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: text/html\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        assert_eq!(ask(&running, &request), expected);
    }
    let version = ask(&running, &good.replace("Version: 13", "Version: 7"));
    assert!(
        version.contains("\r\nSec-WebSocket-Version: 13, 8\r\n"),
        "{version}"
    );
    let refused = ask(&running, &request("/no", ""));
    let expected = "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: text/html\r\n\
                    Content-Length: 7\r\nx-why: because\r\n\r\nnot you";
    assert_eq!(refused, expected);
}

#[test]
fn one_too_many_is_told_before_it_is_a_websocket() {
    let all = start(|config| config.max_connections = Some(1));
    let of_address = start(|config| config.max_connections_per_address = Some(1));
    for (running, status, message) in [
        (all, 503, "Too many connections"),
        (of_address, 429, "Too many connections from this address"),
    ] {
        let (mut wire, answer) = open(&running, "/chat", "");
        assert_eq!(answer.status, 101);
        assert_eq!(wire.read_text(), "/chat");
        let refused = ask(&running, &request("/chat", ""));
        let (head, told) = refused.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert_eq!(told, message);
        assert_eq!(running.engine.metrics().refused, 1);
    }
}

#[test]
fn other_paths_are_pages_and_engine_io_is_served_beside() {
    let running = start(|_| {});
    let (_, answer) = open(&running, "/elsewhere", "");
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "the page /elsewhere")
    );
    let mut wire = Wire::websocket(running.address, "");
    assert!(wire.read_text().starts_with("0{"));
    let (mut wire, answer) = open(&running, "/chat", "");
    assert_eq!(answer.status, 101);
    assert_eq!(wire.read_text(), "/chat");
}

#[test]
fn an_engine_without_transports_serves_plain_websockets_alone() {
    let running = start(|config| config.transports.clear());
    let (mut wire, answer) = open(&running, "/socket.io/", "");
    assert_eq!(answer.status, 101);
    assert_eq!(wire.read_text(), "/socket.io/");
    let mut page = Wire::connect(running.address);
    page.request("GET", "/socket.io/?EIO=4&transport=polling", "");
    assert_eq!(page.read_answer().body, "the page /socket.io/");
}

#[test]
fn tungstenite_understands_and_is_understood() {
    let running = start(|_| {});
    let stream = Steady::connect(running.address);
    let url = format!("ws://{}/chat", running.address);
    let (mut socket, answer) = tungstenite::client(url.as_str(), stream).expect("a handshake");
    assert_eq!(answer.status(), 101);
    assert_eq!(
        socket.read().expect("its URL").into_text().expect("text"),
        "/chat"
    );
    let mut random = Random::seeded();
    for _ in 0..300 {
        let length = match random.below(4) {
            0 => random.below(130),
            1 => 65_530 + random.below(10),
            _ => random.below(5_000),
        };
        let bytes: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        socket
            .send(tungstenite::Message::binary(bytes.clone()))
            .expect("it is read");
        assert_eq!(socket.read().expect("its echo").into_data(), bytes);
    }
    socket.close(None).expect("an open socket");
    while socket.read().is_ok() {}
}
