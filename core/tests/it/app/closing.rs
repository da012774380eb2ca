//! Closing gracefully, with a deadline.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use sori::{Ack, Binary, DisconnectReason, Socket};

use crate::support::app::{Gate, Log};
use crate::support::steady::Steady;
use crate::support::stream::{Client, PATIENCE, server};

/// Together more than the sockets of both ends hold. Bytes, which take no time to encode.
const FLOOD: usize = 200;
static DROP: [u8; 60_000] = [7; 60_000];

struct Running {
    server: sori::Server,
    client: Client<Steady<TcpStream>>,
}

impl Running {
    fn start() -> Running {
        let server = server(|builder| builder);
        server.of("/").on("drown", |socket: Socket, ack: Ack| {
            for _ in 0..FLOOD {
                socket.emit("drop", Binary::from(DROP.to_vec()))?;
            }
            ack.send(())
        });
        let address = server.listen("127.0.0.1:0").unwrap();
        let client = Client::join(Steady::connect(address));
        Running { server, client }
    }
}

#[test]
fn what_was_sent_before_a_graceful_close_arrives() {
    let Running { server, mut client } = Running::start();
    let log = Log::default();
    let done = log.clone();
    server
        .of("/")
        .on("end", move |_: Socket| done.write("flooded"));
    client.send(r#"421["drown"]"#);
    client.send(r#"42["end"]"#);
    log.wait_for(1);
    let closing = std::thread::spawn(move || server.shutdown_within(PATIENCE));
    for _ in 0..FLOOD {
        client.expect(r#"451-["drop",{"_placeholder":true,"num":0}]"#);
        assert!(client.stream.read().unwrap().into_data() == DROP[..]);
    }
    client.expect("431[]");
    assert!(client.stream.read().unwrap().is_close());
    // The client's answer.
    let _ = client.stream.flush();
    closing.join().unwrap();
}

#[test]
fn who_takes_nothing_is_dropped_at_the_deadline() {
    let Running { server, mut client } = Running::start();
    let log = Log::default();
    let root = server.of("/");
    let (done, gone) = (log.clone(), log.clone());
    root.on("end", move |_: Socket| done.write("flooded"));
    root.on_disconnect(move |_: Socket, reason: DisconnectReason| gone.write(reason.as_str()));
    client.send(r#"421["drown"]"#);
    client.send(r#"42["end"]"#);
    log.wait_for(1);
    let begun = Instant::now();
    server.shutdown_within(Duration::from_millis(100));
    // Not `close_timeout`, which is 30 s.
    assert!(begun.elapsed() < PATIENCE);
    assert_eq!(log.wait_for(2), ["flooded", "server shutting down"]);
}

#[test]
fn pending_handlers_go_on_while_there_is_time() {
    let Running { server, mut client } = Running::start();
    let log = Log::default();
    let root = server.of("/");
    let (entered, ended) = (log.clone(), log.clone());
    root.on("short", move |socket: Socket| {
        let (entered, ended) = (entered.clone(), ended.clone());
        async move {
            entered.write("in");
            // Ends with the connection: nobody answers.
            let _ = socket.emit_with_ack::<()>("never", ()).await;
            ended.write("out");
        }
    });
    let gate = Gate::default();
    let (held, gone) = (gate.clone(), log.clone());
    root.on_disconnect(move |_: Socket, _: DisconnectReason| {
        let (held, gone) = (held.clone(), gone.clone());
        async move {
            held.passed().await;
            gone.write("gone");
        }
    });
    client.send(r#"42["short"]"#);
    log.wait_for(1);
    let closing = std::thread::spawn(move || server.shutdown_within(PATIENCE));
    assert_eq!(log.wait_for(2), ["in", "out"]);
    assert!(!closing.is_finished());
    gate.open();
    closing.join().unwrap();
    assert_eq!(log.wait_for(3), ["in", "out", "gone"]);
}

#[test]
fn pending_handlers_go_no_further_than_the_deadline() {
    let Running { server, client } = Running::start();
    let log = Log::default();
    let told = log.clone();
    server
        .of("/")
        .on_disconnect(move |_: Socket, _: DisconnectReason| {
            let dropped = Told(told.clone(), "dropped");
            async move {
                let _dropped = dropped;
                std::future::pending::<()>().await;
            }
        });
    let begun = Instant::now();
    server.shutdown_within(Duration::from_millis(100));
    assert!(begun.elapsed() < PATIENCE);
    assert_eq!(log.wait_for(1), ["dropped"]);
    drop(client);
}

/// Writes a line when it is dropped.
struct Told(Log, &'static str);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.write(self.1);
    }
}

#[test]
fn what_is_pending_goes_with_its_server_though_another_has_its_threads() {
    let other = Running::start();
    let threads = other.server.threads().clone();
    let server = server(|builder| builder.share_threads(&threads));
    let address = server.listen("127.0.0.1:0").unwrap();
    let log = Log::default();
    let entered = log.clone();
    server.of("/").on("wait", move |_: Socket| {
        let told = Told(entered.clone(), "dropped");
        async move {
            told.0.write("in");
            std::future::pending::<()>().await;
        }
    });
    let mut client = Client::join(Steady::connect(address));
    client.send(r#"42["wait"]"#);
    log.wait_for(1);
    server.shutdown_within(Duration::from_millis(100));
    assert_eq!(log.wait_for(2), ["in", "dropped"]);
    let mut client = other.client;
    client.send(r#"421["add",1,2]"#);
    assert_eq!(client.receive(), "431[3]");
    other.server.shutdown();
    assert!(threads.have_ended());
}
