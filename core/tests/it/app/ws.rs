//! Plain WebSockets in the Rust face, with tungstenite as the other side.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use sori::Server;
use sori::ws::{Admission, Close, Endpoint, Message, Refusal, Socket, WebSocketSettings};
use tungstenite::protocol::CloseFrame;
use tungstenite::{Message as Wire, WebSocket};

use crate::support::app::Log;
use crate::support::steady::Steady;

struct Running {
    server: Server,
    feed: Endpoint,
    address: SocketAddr,
    log: Log,
}

impl Running {
    /// An endpoint that echoes what it is sent, and writes down who comes and goes.
    fn start() -> Running {
        let server = Server::builder().shards(2).build().unwrap();
        let feed = server.websockets("/feed");
        let log = Log::default();
        let (opened, closed) = (log.clone(), log.clone());
        feed.on_open(move |socket: &Socket| {
            socket.join("all");
            opened.write(format!("open {}", socket.handshake().url()));
        });
        feed.on_message(|socket: &Socket, message: Message<'_>| socket.send(message));
        feed.on_close(move |_: &Socket, close: Close<'_>| {
            closed.write(format!("close {} {}", close.code, close.reason));
        });
        let address = server.listen("127.0.0.1:0").unwrap();
        Running {
            server,
            feed,
            address,
            log,
        }
    }

    fn try_open(&self, path: &str) -> Result<WebSocket<Steady<TcpStream>>, u16> {
        let stream = Steady::connect(self.address);
        match tungstenite::client(format!("ws://localhost{path}"), stream) {
            Ok((socket, _)) => Ok(socket),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
                Err(response.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// A client whose endpoint has heard of it.
    fn open(&self) -> WebSocket<Steady<TcpStream>> {
        let mut client = self.try_open("/feed").unwrap();
        client.send(Wire::text("sync")).unwrap();
        assert_eq!(client.read().unwrap(), Wire::text("sync"));
        client
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.shutdown();
    }
}

#[test]
fn messages_go_there_and_back_as_what_they_are() {
    let running = Running::start();
    let mut client = running.open();
    for message in [
        Wire::text("grüße"),
        Wire::binary(vec![0, 1, 255]),
        Wire::text(""),
        Wire::binary(vec![7; 300_000]),
    ] {
        client.send(message.clone()).unwrap();
        assert_eq!(client.read().unwrap(), message);
    }
}

#[test]
fn what_is_answered_at_once_waits_no_more_and_goes_with_the_pong_of_a_ping() {
    let running = Running::start();
    let waiting = running.log.clone();
    running.feed.on_message(move |socket, message| {
        socket.send(message);
        waiting.write(socket.queued_bytes().to_string());
    });
    let mut client = running.try_open("/feed").unwrap();
    for text in ["one", "two"] {
        client.send(Wire::text(text)).unwrap();
        assert_eq!(client.read().unwrap(), Wire::text(text));
    }
    client.write(Wire::text("three")).unwrap();
    client.write(Wire::Ping("p".into())).unwrap();
    client.write(Wire::text("four")).unwrap();
    client.flush().unwrap();
    let mut answers = [(); 3].map(|()| client.read().unwrap());
    answers.sort_by_key(|answer| !answer.is_pong());
    let expected = [
        Wire::Pong("p".into()),
        Wire::text("three"),
        Wire::text("four"),
    ];
    assert_eq!(answers, expected);
    let lines = running.log.wait_for(5);
    assert_eq!(lines[..4], ["open /feed", "5", "5", "7"]);
    // What came in one read with it waits before it.
    assert!(["6", "9", "16"].contains(&&*lines[4]), "{lines:?}");
}

#[test]
fn handlers_hear_of_the_beginning_and_the_end() {
    let running = Running::start();
    let mut client = running.try_open("/feed?token=1").unwrap();
    let frame = CloseFrame {
        code: 4001.into(),
        reason: "enough".into(),
    };
    client.close(Some(frame)).unwrap();
    while client.read().is_ok() {}
    drop(client);
    running
        .log
        .expect(&["open /feed?token=1", "close 4001 enough"]);
    drop(running.try_open("/feed").unwrap());
    running.log.expect(&[
        "open /feed?token=1",
        "close 4001 enough",
        "open /feed",
        "close 1006 ",
    ]);
}

#[test]
fn replies_to_what_came_with_the_close_leave_before_its_answer() {
    let running = Running::start();
    let mut client = running.open();
    // Both in one write: the close is there before the handler has been called.
    client.write(Wire::text("last")).unwrap();
    let frame = CloseFrame {
        code: 4001.into(),
        reason: "enough".into(),
    };
    client.close(Some(frame.clone())).unwrap();
    assert_eq!(client.read().unwrap(), Wire::text("last"));
    assert_eq!(client.read().unwrap(), Wire::Close(Some(frame)));
    drop(client);
    running.log.expect(&["open /feed", "close 4001 enough"]);
}

#[test]
fn broadcasts_reach_rooms_in_the_order_of_the_calls() {
    let running = Running::start();
    running.feed.on_message(|socket, message| match message {
        Message::Text("quit") => socket.leave("all"),
        Message::Text("sync") => socket.send("sync"),
        message => socket.to("all").send(message),
    });
    let (mut one, mut two, mut three) = (running.open(), running.open(), running.open());
    one.send(Wire::text("hello")).unwrap();
    for client in [&mut two, &mut three] {
        assert_eq!(client.read().unwrap(), Wire::text("hello"));
    }
    three.send(Wire::text("quit")).unwrap();
    three.send(Wire::text("sync")).unwrap();
    assert_eq!(three.read().unwrap(), Wire::text("sync"));
    running.feed.to("all").send(&b"\x01\x02"[..]);
    running.feed.all().except("all").send("others");
    running.feed.to(["all"; 0]).send("nobody");
    running.feed.all().send("end");
    for client in [&mut one, &mut two] {
        assert_eq!(client.read().unwrap(), Wire::binary(vec![1, 2]));
        assert_eq!(client.read().unwrap(), Wire::text("end"));
    }
    assert_eq!(three.read().unwrap(), Wire::text("others"));
    assert_eq!(three.read().unwrap(), Wire::text("end"));
}

#[test]
fn checks_plain_or_async_decide_who_gets_in() {
    let running = Running::start();
    running.feed.check(|request| async move {
        match request.query("token").as_deref() {
            Some("letmein") => Ok(Admission::default()),
            Some("panic") => panic!("on purpose"),
            _ => Err(Refusal {
                status: 401,
                message: "who are you?".to_owned(),
            }),
        }
    });
    assert!(running.try_open("/feed?token=letmein").is_ok());
    assert_eq!(running.try_open("/feed").unwrap_err(), 401);
    assert_eq!(running.try_open("/feed?token=panic").unwrap_err(), 500);
    assert_eq!(running.try_open("/elsewhere").unwrap_err(), 404);
}

#[test]
fn a_handler_that_panics_ends_its_connection_and_no_other() {
    let running = Running::start();
    let mut other = running.open();
    running.feed.on_message(|socket, message| match message {
        Message::Text("bad") => panic!("on purpose"),
        message => socket.send(message),
    });
    let mut client = running.open();
    client.send(Wire::text("bad")).unwrap();
    match client.read().unwrap() {
        Wire::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 1011),
        other => panic!("{other:?}"),
    }
    other.send(Wire::text("still here")).unwrap();
    assert_eq!(other.read().unwrap(), Wire::text("still here"));
}

#[test]
fn a_socket_can_be_kept_and_used_from_any_thread_and_after_its_end() {
    let running = Running::start();
    let kept = Arc::new(std::sync::Mutex::new(None));
    let keep = Arc::clone(&kept);
    running.feed.on_open(move |socket| {
        socket.set_data(7_u32);
        *keep.lock().unwrap() = Some(socket.clone());
    });
    let mut client = running.open();
    let socket: Socket = kept.lock().unwrap().take().unwrap();
    assert_eq!(socket.data::<u32>().as_deref(), Some(&7));
    socket.send("from afar");
    assert_eq!(client.read().unwrap(), Wire::text("from afar"));
    socket.ping(b"are you there");
    // A code that programs must not send.
    socket.close(1006, "bye");
    assert_eq!(
        client.read().unwrap(),
        Wire::Ping(b"are you there".to_vec().into())
    );
    match client.read().unwrap() {
        Wire::Close(Some(frame)) => {
            assert_eq!(
                (u16::from(frame.code), frame.reason.as_str()),
                (1000, "bye")
            );
        }
        other => panic!("{other:?}"),
    }
    let _ = client.flush();
    drop(client);
    running.log.expect(&["close 1000 bye"]);
    socket.send("nobody hears this");
    socket.join("nowhere");
    assert_eq!(socket.queued_bytes(), 0);
}

#[test]
fn settings_hold_for_the_endpoint_they_were_given_to() {
    let running = Running::start();
    let mut settings = WebSocketSettings::default();
    settings.max_payload = 10;
    let small = running.server.websockets_with("/small", settings);
    small.on_message(|socket, message| socket.send(message));
    let mut client = running.try_open("/small").unwrap();
    client.send(Wire::text("0123456789")).unwrap();
    assert_eq!(client.read().unwrap(), Wire::text("0123456789"));
    client.send(Wire::text("0123456789a")).unwrap();
    match client.read().unwrap() {
        Wire::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 1009),
        other => panic!("{other:?}"),
    }
}

#[test]
fn socket_io_goes_on_beside_the_endpoints() {
    let running = Running::start();
    let mut plain = running.open();
    running
        .server
        .of("/")
        .on("sync", |_: sori::Socket, ack: sori::Ack| ack.send(()));
    let mut client = crate::support::app::Client::open(running.address);
    client.join();
    client.sync();
    plain.send(Wire::text("both")).unwrap();
    assert_eq!(plain.read().unwrap(), Wire::text("both"));
}
