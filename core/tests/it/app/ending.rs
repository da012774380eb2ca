//! How sockets and servers end, and what handlers are told of it.

use std::future::Future;
use std::time::Duration;

use sori::{DisconnectReason, Error, Socket};

use crate::support::app::{Client, Gate, Log, Running, block_on};

/// A server that logs every end: `name reason rooms`.
fn logging(running: &Running) -> Log {
    let log = Log::default();
    let chat = running.server.of("/");
    let (disconnecting, disconnect) = (log.clone(), log.clone());
    chat.on_connect(|socket: Socket| socket.join("r"));
    chat.on_disconnecting(move |socket: Socket, reason| {
        let rooms = socket.rooms();
        let rooms: Vec<&str> = rooms.iter().skip(1).map(|room| &**room).collect();
        disconnecting.write(format!("disconnecting {reason} {rooms:?}"));
    });
    chat.on_disconnect(move |socket: Socket, reason: DisconnectReason| {
        assert!(!socket.is_connected());
        disconnect.write(format!("disconnect {reason}"));
    });
    log
}

#[track_caller]
fn expect_end(log: &Log, reason: &str) {
    log.expect(&[
        format!("disconnecting {reason} [\"r\"]"),
        format!("disconnect {reason}"),
    ]);
}

#[test]
fn a_client_that_leaves_the_namespace() {
    let running = Running::start();
    let log = logging(&running);
    let mut client = running.client();
    client.send("41");
    expect_end(&log, "client namespace disconnect");
    assert!(running.server.of("/").sockets().is_empty());
    // The connection goes on and may join again.
    client.join();
    client.sync();
}

#[test]
fn a_client_that_closes_its_transport() {
    let running = Running::start();
    let log = logging(&running);
    running.client().close();
    expect_end(&log, "transport close");
}

#[test]
fn a_client_that_sends_garbage() {
    let running = Running::start();
    let log = logging(&running);
    let mut client = running.client();
    client.send("4x");
    client.expect_end();
    expect_end(&log, "forced close");
}

#[test]
fn the_application_disconnects_a_socket() {
    let running = Running::start();
    let log = logging(&running);
    let chat = running.server.of("/");
    let heard = log.clone();
    chat.on("after", move |_: Socket| heard.write("after"));
    chat.on("kick", |socket: Socket| {
        socket.emit("last", ())?;
        socket.disconnect();
        socket.disconnect();
        socket.emit("never", ())
    });
    let mut client = running.client();
    client.send("42[\"kick\"]");
    client.expect("42[\"last\"]");
    client.expect("41");
    expect_end(&log, "server namespace disconnect");
    client.join();
    client.sync();
}

#[test]
fn the_application_closes_a_connection() {
    let running = Running::start();
    let log = logging(&running);
    let mut client = running.client();
    let id = client.id.clone();
    running.server.of("/").socket(&id).unwrap().close();
    client.expect("41");
    client.expect_end();
    expect_end(&log, "server namespace disconnect");
}

#[test]
fn the_application_disconnects_a_room() {
    let running = Running::start();
    let log = logging(&running);
    let (mut first, mut second) = (running.client(), running.client());
    let left = running.server.of("/").socket(&second.id).unwrap();
    left.leave("r");
    running.server.to("r").disconnect();
    first.expect("41");
    expect_end(&log, "server namespace disconnect");
    second.sync();
}

#[test]
fn a_silent_client_times_out() {
    let running = Running::start_with(|builder| {
        builder
            // Time to join in, before the ping that is not answered.
            .ping_interval(Duration::from_secs(3))
            .ping_timeout(Duration::from_millis(20))
    });
    let log = logging(&running);
    let _client = running.client();
    expect_end(&log, "ping timeout");
}

#[test]
fn events_that_came_before_the_end_are_handled_before_it() {
    let running = Running::start();
    let log = logging(&running);
    let (gate, saved) = (Gate::default(), log.clone());
    let held = gate.clone();
    let chat = running.server.of("/");
    chat.on("slow", move |_: Socket| {
        let held = held.clone();
        async move { held.passed().await }
    });
    chat.on("save", move |_: Socket, n: u8| {
        saved.write(format!("save {n}"))
    });
    let mut client = running.client();
    for packet in ["42[\"slow\"]", "42[\"save\",1]", "42[\"save\",2]"] {
        client.send(packet);
    }
    client.close();
    gate.open();
    log.expect(&[
        "save 1",
        "save 2",
        "disconnecting transport close [\"r\"]",
        "disconnect transport close",
    ]);
}

#[test]
fn handlers_of_one_socket_are_told_of_its_end_and_then_freed() {
    let running = Running::start();
    let log = Log::default();
    let ended = log.clone();
    running.server.of("/").on_connect(move |socket: Socket| {
        let (ended, freed) = (ended.clone(), OnDrop(ended.clone()));
        let held = socket.clone();
        socket.on("e", move |_: Socket| {
            let _ = (&freed, &held);
        });
        socket.on_disconnect(move |_, reason| ended.write(reason.as_str()));
    });
    running.client().close();
    let mut found = log.wait_for(2);
    found.sort();
    assert_eq!(found, ["freed", "transport close"]);
}

struct OnDrop(Log);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.write("freed");
    }
}

#[test]
fn close_disconnects_everybody_and_frees_the_handlers() {
    let running = Running::start();
    let log = logging(&running);
    let (freed, server) = (OnDrop(log.clone()), running.server.clone());
    // A handler that holds the server must not keep it for ever.
    running.server.of("/").on("e", move |_: Socket| {
        let _ = (&freed, &server);
    });
    let mut client = running.client();
    let waiting = running.server.emit_with_ack::<u8>("ask", ());
    let waiting = std::future::IntoFuture::into_future(waiting);
    assert!(client.receive().starts_with("42"));
    block_on(running.server.close());
    block_on(running.server.close());
    client.expect_end();
    let answers = block_on(waiting);
    assert!(answers.is_err(), "{answers:?}");
    log.expect(&[
        "disconnecting server shutting down [\"r\"]",
        "disconnect server shutting down",
        "freed",
    ]);
    assert!(matches!(
        running.server.listen("127.0.0.1:0"),
        Err(Error::Closed)
    ));
    running.server.emit("nobody", ()).unwrap();
}

#[test]
fn close_waits_for_pending_handlers_and_what_waits_behind_them() {
    let running = Running::start();
    let log = logging(&running);
    let (gate, done) = (Gate::default(), log.clone());
    let (held, server) = (gate.clone(), running.server.clone());
    running.server.of("/").on("work", move |_: Socket| {
        let (held, done, server) = (held.clone(), done.clone(), server.clone());
        async move {
            done.write("began");
            // Nobody answers: the wait ends with the server.
            let answers = server.emit_with_ack::<u8>("ask", ()).await;
            assert!(answers.is_err(), "{answers:?}");
            held.passed().await;
            done.write("done");
        }
    });
    let mut client = running.client();
    client.send("42[\"work\"]");
    assert!(client.receive().ends_with("[\"ask\"]"));
    let mut closing = std::pin::pin!(running.server.close());
    let waker = std::task::Waker::noop();
    let polled = closing
        .as_mut()
        .poll(&mut std::task::Context::from_waker(waker));
    assert!(polled.is_pending());
    client.expect_end();
    gate.open();
    block_on(closing);
    log.expect(&[
        "began",
        "done",
        "disconnecting server shutting down [\"r\"]",
        "disconnect server shutting down",
    ]);
}

#[test]
fn sockets_disconnected_just_before_the_close_are_told_of_it() {
    let running = Running::start();
    let log = logging(&running);
    let _clients = [running.client(), running.client()];
    running.server.of("/").all().disconnect();
    running.server.shutdown();
    let mut found = log.wait_for(4);
    found.sort();
    let reason = "server namespace disconnect";
    let (first, then) = (
        format!("disconnect {reason}"),
        format!("disconnecting {reason} [\"r\"]"),
    );
    assert_eq!(found, [first.clone(), first, then.clone(), then]);
}

#[test]
fn a_server_listens_on_several_addresses() {
    let running = Running::start();
    let other = running.server.listen("127.0.0.1:0").unwrap();
    let (mut first, mut second) = (running.client(), Client::open(other));
    second.join();
    running.server.emit("e", ()).unwrap();
    first.expect("42[\"e\"]");
    second.expect("42[\"e\"]");
    assert_eq!(running.server.metrics().connections, 2);
}
