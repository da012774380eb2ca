//! The Rust face of Engine.IO without Socket.IO.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use sori::engine_io::{Event, Message, Server, Socket};

use crate::support::engine::{Client, EVERY_WAY, Way, base64};

/// An echo that tells what it hears; `close`, `end` and `panic` are done as they say.
fn serve() -> (Server, SocketAddr, Receiver<String>) {
    let (sender, heard) = channel();
    let server = sori::Server::builder()
        .shards(2)
        .allow_request(|request| match request.query("no") {
            Some(_) => Err("no".to_owned()),
            None => Ok(()),
        })
        .engine_io(move |socket: &Socket, event| {
            // A test that has seen enough listens no more.
            let _ = sender.send(format!("{event:?}"));
            match event {
                Event::Text("close") => {
                    socket.send(Message::from("bye").token(7));
                    socket.close();
                }
                Event::Text("end") => socket.terminate(),
                Event::Text("panic") => panic!("the handler"),
                Event::Text("who") => {
                    assert!(
                        socket
                            .handshake()
                            .is_some_and(|h| h.url().contains("EIO=4"))
                    );
                    socket.send(socket.id());
                }
                Event::Text(text) => socket.send(text),
                Event::Binary(bytes) => socket.send(Message::from(bytes).uncompressed()),
                _ => {}
            }
        })
        .expect("a server");
    let address = server.listen("127.0.0.1:0").expect("a free port");
    (server, address, heard)
}

fn next(heard: &Receiver<String>) -> String {
    heard
        .recv_timeout(Duration::from_secs(20))
        .expect("an event")
}

#[test]
fn an_echo_server_is_a_function() {
    let (server, address, heard) = serve();
    for way in EVERY_WAY {
        let mut client = Client::open(address, way);
        client.send("4ä");
        assert_eq!(client.next(), "4ä");
        client.send_binary(&[0, 1]);
        assert_eq!(client.next(), format!("b{}", base64(&[0, 1])));
        client.send("4who");
        assert_eq!(client.next(), format!("4{}", client.sid));
        client.send("1");
        let opened = match way {
            Way::WebSocket => vec!["Open(WebSocket)"],
            Way::Polling => vec!["Open(Polling)"],
            Way::Upgraded => vec!["Open(Polling)", "Upgrade"],
        };
        let rest = [
            r#"Text("ä")"#,
            "Binary([0, 1])",
            r#"Text("who")"#,
            "Close { reason: TransportClose, description: None }",
        ];
        for expected in opened.into_iter().chain(rest) {
            assert_eq!(next(&heard), expected, "{way:?}");
        }
    }
    assert_eq!(server.metrics().connections, 0);
    server.shutdown();
}

#[test]
fn a_connection_ends_as_the_handler_ends_it() {
    let (server, address, heard) = serve();
    for (word, told) in [
        ("close", &["Sent(7)"][..]),
        ("end", &[]),
        // It costs the one connection, and no other.
        ("panic", &[]),
    ] {
        let mut client = Client::open(address, Way::WebSocket);
        client.send(&format!("4{word}"));
        if word == "close" {
            assert_eq!(client.next(), "4bye");
        }
        let opened = ["Open(WebSocket)".to_owned(), format!("Text({word:?})")];
        let closed = "Close { reason: ForcedClose, description: None }".to_owned();
        let told = told.iter().map(|line| (*line).to_owned());
        for expected in opened.into_iter().chain(told).chain([closed]) {
            assert_eq!(next(&heard), expected);
        }
    }
    server.shutdown();
}

#[test]
fn the_settings_of_http_hold() {
    let (server, address, _heard) = serve();
    let mut wire = crate::support::engine::Wire::connect(address);
    wire.request("GET", "/socket.io/?EIO=4&transport=polling&no", "");
    let answer = wire.read_answer();
    assert_eq!(answer.status, 403);
    assert_eq!(answer.body, r#"{"code":4,"message":"no"}"#);
    server.shutdown();
}
