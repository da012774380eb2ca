//! The client of plain WebSocket servers, against tungstenite's server.

use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use sori::Error;
use sori::client::{Config, Reconnection, WebSocket, WebSocketEvent, WebSocketMessage};
use tungstenite::handshake::server::{Request, Response};
use tungstenite::protocol::CloseFrame;
use tungstenite::{Message, WebSocket as Peer};

use crate::support::steady::Steady;

const PATIENCE: Option<Duration> = Some(Duration::from_secs(20));

/// A server that treats each connection as `treat` does.
fn serve(
    connections: usize,
    treat: impl Fn(usize, Peer<Steady<TcpStream>>, String) + Send + 'static,
) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/feed?a=b", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        for number in 0..connections {
            let (stream, _) = listener.accept().unwrap();
            let mut asked = String::new();
            #[allow(clippy::result_large_err, reason = "tungstenite's signature")]
            let answer = |request: &Request, mut response: Response| {
                let header = |name| {
                    request
                        .headers()
                        .get(name)
                        .map_or("", |it| it.to_str().unwrap())
                };
                asked = format!("{} {}", request.uri(), header("x-test"));
                if header("sec-websocket-protocol").contains("chat") {
                    let chosen = "chat".parse().unwrap();
                    response
                        .headers_mut()
                        .insert("sec-websocket-protocol", chosen);
                }
                Ok(response)
            };
            let peer = tungstenite::accept_hdr(Steady::over(stream), answer).unwrap();
            treat(number, peer, asked);
        }
    });
    (url, server)
}

fn echo(_: usize, mut peer: Peer<Steady<TcpStream>>, _: String) {
    while let Ok(message) = peer.read() {
        if message.is_text() || message.is_binary() {
            peer.send(message).unwrap();
        }
    }
}

fn next(socket: &WebSocket) -> WebSocketEvent {
    socket.wait_next(PATIENCE).expect("an event in time")
}

fn text(text: &str) -> WebSocketEvent {
    WebSocketEvent::Message(text.into())
}

const OPEN: WebSocketEvent = WebSocketEvent::Open { protocol: None };

#[test]
fn messages_pings_and_the_end_go_both_ways() {
    let (url, server) = serve(1, echo);
    let socket = WebSocket::builder(url).start().unwrap();
    socket.send("before it is open").unwrap();
    assert_eq!(next(&socket), OPEN);
    assert_eq!(next(&socket), text("before it is open"));
    let bytes: Vec<u8> = (0..=255).cycle().take(200_000).collect();
    socket.send(bytes.clone()).unwrap();
    let WebSocketEvent::Message(WebSocketMessage::Binary(back)) = next(&socket) else {
        panic!("no bytes came back")
    };
    assert_eq!(back, bytes);
    socket.ping(&b"beat"[..]).unwrap();
    assert_eq!(next(&socket), WebSocketEvent::Pong("beat".into()));
    for n in 0..100 {
        socket.send(n.to_string()).unwrap();
    }
    socket.close(4001, "소리").unwrap();
    assert!(matches!(socket.send("x"), Err(Error::Closed)));
    for n in 0..100 {
        assert_eq!(next(&socket), text(&n.to_string()));
    }
    let closed = WebSocketEvent::Closed {
        code: 4001,
        reason: "소리".to_owned(),
    };
    assert_eq!(next(&socket), closed);
    assert_eq!(next(&socket), WebSocketEvent::Ended);
    assert_eq!(socket.wait_next(None), None);
    server.join().unwrap();
}

#[test]
fn the_request_has_target_headers_and_subprotocols() {
    let (url, server) = serve(1, |_, mut peer, asked| {
        peer.send(Message::text(asked)).unwrap();
        let _ = peer.read();
    });
    let socket = WebSocket::builder(url)
        .header("x-test", "yes")
        .protocol("other")
        .protocol("chat")
        .start()
        .unwrap();
    let protocol = Some("chat".to_owned());
    assert_eq!(next(&socket), WebSocketEvent::Open { protocol });
    assert_eq!(next(&socket), text("/feed?a=b yes"));
    drop(socket);
    server.join().unwrap();
}

#[test]
fn the_servers_end_is_told_with_its_code() {
    let (url, server) = serve(3, |number, mut peer, _| match number {
        0 => {
            let frame = CloseFrame {
                code: 4000.into(),
                reason: "enough".into(),
            };
            peer.close(Some(frame)).unwrap();
            let _ = peer.read();
        }
        1 => {
            peer.close(None).unwrap();
            let _ = peer.read();
        }
        _ => drop(peer),
    });
    for (code, reason) in [(4000, "enough"), (1005, ""), (1006, "")] {
        let socket = WebSocket::builder(&url).start().unwrap();
        assert_eq!(next(&socket), OPEN);
        let reason = reason.to_owned();
        assert_eq!(next(&socket), WebSocketEvent::Closed { code, reason });
        assert_eq!(next(&socket), WebSocketEvent::Ended);
    }
    server.join().unwrap();
}

#[test]
fn it_comes_back_if_it_is_told_to() {
    let (url, server) = serve(3, |number, mut peer, _| {
        if number < 2 {
            peer.read().unwrap();
            return;
        }
        echo(number, peer, String::new());
    });
    let soon = Reconnection {
        delay: Duration::from_millis(1),
        ..Reconnection::default()
    };
    let socket = WebSocket::builder(url).reconnection(soon).start().unwrap();
    for _ in 0..2 {
        assert_eq!(next(&socket), OPEN);
        socket.send("lost").unwrap();
        assert!(matches!(
            next(&socket),
            WebSocketEvent::Closed { code: 1006, .. }
        ));
    }
    assert_eq!(next(&socket), OPEN);
    socket.send("kept").unwrap();
    assert_eq!(next(&socket), text("kept"));
    socket.close(1000, "").unwrap();
    assert!(matches!(
        next(&socket),
        WebSocketEvent::Closed { code: 1000, .. }
    ));
    assert_eq!(next(&socket), WebSocketEvent::Ended);
    server.join().unwrap();
}

#[test]
fn a_server_that_is_not_there_is_told_of_and_given_up() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let few = Reconnection {
        delay: Duration::from_millis(1),
        attempts: Some(2),
        ..Reconnection::default()
    };
    let socket = WebSocket::builder(format!("ws://127.0.0.1:{port}"))
        .reconnection(few)
        .start()
        .unwrap();
    socket.send("to nobody").unwrap();
    for _ in 0..3 {
        assert!(matches!(next(&socket), WebSocketEvent::Unreachable(_)));
    }
    assert_eq!(next(&socket), WebSocketEvent::Ended);
    assert!(matches!(socket.send("x"), Err(Error::Closed)));
}

#[test]
fn a_server_that_reads_nothing_does_not_hold_up_the_end() {
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    let (url, server) = serve(1, move |_, peer, _| {
        // Until the client is gone.
        let _ = is_done.recv();
        drop(peer);
    });
    let mut config = Config::default();
    config.reconnection = None;
    config.close_timeout = Duration::from_millis(10);
    config.max_queued_bytes = usize::MAX;
    let socket = WebSocket::builder(url).config(config).start().unwrap();
    assert_eq!(next(&socket), OPEN);
    // More than the system takes for a peer that does not read.
    socket.send(vec![0; 64 * 1024 * 1024]).unwrap();
    socket.close(1000, "").unwrap();
    assert!(matches!(
        next(&socket),
        WebSocketEvent::Closed { code: 1006, .. }
    ));
    assert_eq!(next(&socket), WebSocketEvent::Ended);
    drop(socket);
    drop(done);
    server.join().unwrap();
}

#[test]
fn it_runs_on_the_callers_runtime_too() {
    let (url, server) = serve(1, echo);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let socket = WebSocket::builder(url).spawn().unwrap();
        assert_eq!(socket.next().await, Some(OPEN));
        socket.send("x").unwrap();
        assert_eq!(socket.next().await, Some(text("x")));
        socket.close(1000, "").unwrap();
        assert!(matches!(
            socket.next().await,
            Some(WebSocketEvent::Closed { .. })
        ));
        assert_eq!(socket.next().await, Some(WebSocketEvent::Ended));
        assert_eq!(socket.next().await, None);
    });
    server.join().unwrap();
}

#[test]
fn what_cannot_be_is_misuse() {
    let (url, server) = serve(1, echo);
    for builder in [
        WebSocket::builder("feed"),
        WebSocket::builder(&url).protocol("a b"),
        WebSocket::builder(&url).protocol(""),
        WebSocket::builder(&url).header("a b", "c"),
    ] {
        assert!(matches!(builder.start(), Err(Error::Misuse(_))));
    }
    let socket = WebSocket::builder(url).start().unwrap();
    assert_eq!(next(&socket), OPEN);
    for code in [0, 999, 1004, 1005, 1006, 1015, 2000, 5000] {
        assert!(
            matches!(socket.close(code, ""), Err(Error::Misuse(_))),
            "{code}"
        );
    }
    let long = "x".repeat(124);
    assert!(matches!(socket.close(1000, &long), Err(Error::Misuse(_))));
    assert!(matches!(socket.ping(vec![0; 126]), Err(Error::Misuse(_))));
    drop(socket);
    server.join().unwrap();
}
