//! Raw Socket.IO clients over streams of any kind.

use sori::{Ack, Server, ServerBuilder, Socket};
use std::io::{Read, Write};
use tungstenite::{Message, WebSocket};

pub(crate) use super::steady::PATIENCE;

/// A server that answers `add`, tells the lobby what is `said`, sends `flood`s of numbered events,
/// and tells `whence` a client comes.
pub(crate) fn server(set: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Server {
    let server = set(Server::builder().shards(2)).build().unwrap();
    let root = server.of("/");
    root.on_connect(|socket: Socket| socket.join("lobby"));
    root.on("add", |_: Socket, a: i64, b: i64, ack: Ack| ack.send(a + b));
    root.on("say", |socket: Socket, text: String| {
        socket.to("lobby").emit("said", text)
    });
    root.on("flood", |socket: Socket, count: u32, length: usize| {
        for number in 0..count {
            socket.emit("drop", (number, "x".repeat(length)))?;
        }
        sori::Result::Ok(())
    });
    root.on("whence", |socket: Socket, ack: Ack| {
        let handshake = socket.handshake();
        ack.send((
            handshake.is_secure(),
            handshake.remote_address().is_some(),
            handshake.url().to_owned(),
        ))
    });
    server
}

/// A client in `/` over a WebSocket.
pub(crate) struct Client<S> {
    pub(crate) stream: WebSocket<S>,
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn join(stream: S) -> Client<S> {
        Client::join_at(stream, "/socket.io/")
    }

    pub(crate) fn join_at(stream: S, path: &str) -> Client<S> {
        let url = format!("ws://localhost{path}?EIO=4&transport=websocket");
        let (stream, _) = tungstenite::client(url, stream).unwrap();
        let mut client = Client { stream };
        assert!(client.receive().starts_with("0{\"sid\":"));
        client.send("40");
        assert!(client.receive().starts_with("40{\"sid\":"));
        client
    }

    pub(crate) fn send(&mut self, packet: &str) {
        self.stream.send(Message::text(packet)).unwrap();
    }

    pub(crate) fn receive(&mut self) -> String {
        match self.stream.read().unwrap() {
            Message::Text(text) => text.as_str().to_owned(),
            other => panic!("{other:?} where a text was due"),
        }
    }

    #[track_caller]
    pub(crate) fn expect(&mut self, packet: &str) {
        assert_eq!(self.receive(), packet);
    }

    /// An event there and its answer back.
    #[track_caller]
    pub(crate) fn add(&mut self) {
        self.send(r#"421["add",2,3]"#);
        self.expect("431[5]");
    }

    /// Asks for many events and takes them only when all have been asked for.
    #[track_caller]
    pub(crate) fn take_flood(&mut self, count: u32, length: usize) {
        self.send(&format!(r#"42["flood",{count},{length}]"#));
        for number in 0..count {
            let packet = self.receive();
            assert!(packet.starts_with(&format!(r#"42["drop",{number},""#)));
            assert_eq!(packet.len(), packet.find('x').unwrap() + length + 2);
        }
        self.add();
    }
}

/// Sends one HTTP request and reads to the end of its answer.
pub(crate) fn ask(mut stream: impl Read + Write, method: &str, path: &str, body: &str) -> String {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Joins over long polling, each request on a stream of its own, and answers an event.
pub(crate) fn poll<S: Read + Write>(path: &str, mut connect: impl FnMut() -> S) {
    let url = format!("{path}?EIO=4&transport=polling");
    let open = ask(connect(), "GET", &url, "");
    let sid = open.split("\"sid\":\"").nth(1).unwrap().split('"').next();
    let url = format!("{url}&sid={}", sid.unwrap());
    for (packet, answer) in [
        ("40", "\r\n\r\n40{\"sid\":"),
        (r#"421["add",4,5]"#, "\r\n\r\n431[9]"),
    ] {
        let posted = ask(connect(), "POST", &url, packet);
        assert!(posted.ends_with("\r\n\r\nok"), "{posted}");
        let received = ask(connect(), "GET", &url, "");
        assert!(received.contains(answer), "{received}");
    }
}
