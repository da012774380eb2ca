//! Plain WebSockets whose application fetches their events, beside sockets of Socket.IO that do the same.

use std::time::Duration;

use sori::config::WebSocketSettings;
use sori::embed::websocket::{self, MessageKind};
use sori::embed::{Audience, Command};
use sori::server::pull::{Gone, PullServer, PulledEvent, SocketKey, WebSocketEvent, WebSocketPath};
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

use crate::support::engine::{PATIENCE, config};
use crate::support::steady::Steady;

type Peer = WebSocket<Steady<std::net::TcpStream>>;

struct Running {
    server: PullServer,
    address: std::net::SocketAddr,
}

impl Running {
    fn start() -> Running {
        let server = PullServer::start(config()).expect("an engine");
        let path = WebSocketPath {
            path: "/feed".to_owned(),
            protocols: vec!["v2.feed".to_owned()],
            origins: Vec::new(),
            asks: false,
            settings: WebSocketSettings::default(),
        };
        server.open_websockets(path.clone()).expect("a free path");
        assert!(server.open_websockets(path).is_err(), "it is taken");
        let address = server.listen(("127.0.0.1", 0)).expect("a free port");
        Running { server, address }
    }

    fn connect(&self) -> Peer {
        let stream = Steady::connect(self.address);
        tungstenite::client("ws://localhost/feed", stream)
            .unwrap()
            .0
    }

    /// A peer and the key that its events come by.
    fn open(&self) -> (Peer, SocketKey) {
        let peer = self.connect();
        let (key, event) = self.next();
        assert!(
            matches!(event, WebSocketEvent::Open { handshake: Some(_) }),
            "{event:?}"
        );
        (peer, key)
    }

    fn next(&self) -> (SocketKey, WebSocketEvent) {
        let mut events = Vec::new();
        let taken = self.server.poll(&mut events, 1, Some(PATIENCE)).unwrap();
        assert_eq!(taken, 1, "nothing comes");
        match events.pop() {
            Some(PulledEvent::WebSocket { socket, event }) => {
                assert_eq!(&*socket.namespace, "ws:/feed");
                (socket.key, event)
            }
            other => panic!("{other:?}"),
        }
    }

    fn say(&self, key: SocketKey, text: &str) -> Result<(), Gone> {
        let (conn, _) = self.server.websocket(key)?;
        let message = websocket::Message {
            kind: MessageKind::Text,
            fin: true,
            compress: false,
            data: text.as_bytes(),
            token: None,
            gauge: None,
        };
        let command = websocket::Command::Send(message);
        self.server
            .engine()
            .execute(Command::WebSocket { conn, command });
        Ok(())
    }

    fn broadcast(&self, rooms: &[&str], text: &str) {
        let group = self.server.namespace("ws:/feed").expect("open");
        let broadcast = websocket::Broadcast {
            group: group.id(),
            audience: Audience {
                rooms,
                ..Audience::default()
            },
            except: None,
            kind: MessageKind::Text,
            compress: false,
            data: text.as_bytes(),
        };
        self.server
            .engine()
            .execute(Command::WebSocketBroadcast(broadcast));
    }
}

#[test]
fn each_has_a_key_and_an_id_and_is_spoken_to_by_it() {
    let running = Running::start();
    let (mut one, first) = running.open();
    let (mut two, second) = running.open();
    assert_ne!(first, second);
    let sid = |key| running.server.identity(key).unwrap().sid.clone();
    assert!(!sid(first).is_empty());
    assert_ne!(sid(first), sid(second));
    one.send(Message::text("hi")).unwrap();
    let (from, event) = running.next();
    assert_eq!(from, first);
    let WebSocketEvent::Message { data, is_binary } = event else {
        panic!("{event:?}");
    };
    assert_eq!((&data[..], is_binary), (&b"hi"[..], false));
    running.say(second, "to the second").unwrap();
    running.say(first, "to the first").unwrap();
    assert_eq!(two.read().unwrap(), Message::text("to the second"));
    assert_eq!(one.read().unwrap(), Message::text("to the first"));
}

#[test]
fn its_id_is_a_room_that_a_broadcast_reaches() {
    let running = Running::start();
    let (mut one, first) = running.open();
    let (mut two, _) = running.open();
    let sid = running.server.identity(first).unwrap().sid.clone();
    running.broadcast(&[&sid], "to one");
    running.broadcast(&[], "to all");
    assert_eq!(one.read().unwrap(), Message::text("to one"));
    assert_eq!(one.read().unwrap(), Message::text("to all"));
    assert_eq!(two.read().unwrap(), Message::text("to all"));
}

#[test]
fn the_end_is_told_once_and_the_key_is_nobodys_afterwards() {
    let running = Running::start();
    let (mut one, first) = running.open();
    let frame = CloseFrame {
        code: CloseCode::Library(4001),
        reason: "bye".into(),
    };
    one.close(Some(frame)).unwrap();
    // The answer waits for a poll, and the end for the peer to have read it.
    let reading = std::thread::spawn(move || while one.read().is_ok() {});
    let (from, event) = running.next();
    reading.join().unwrap();
    assert_eq!(from, first);
    let WebSocketEvent::Closed {
        code,
        reason,
        rooms,
        ..
    } = event
    else {
        panic!("{event:?}");
    };
    assert_eq!((code, &*reason), (4001, "bye"));
    assert_eq!(rooms.len(), 1, "{rooms:?}");
    assert_eq!(running.say(first, "too late"), Err(Gone));
    let mut events = Vec::new();
    let nothing = running
        .server
        .poll(&mut events, 1, Some(Duration::from_millis(50)));
    assert_eq!(nothing.unwrap(), 0, "{events:?}");
}
