//! Closing gracefully, with a deadline.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use sori::{DisconnectReason, Socket};

use crate::support::app::Log;
use crate::support::stream::{Client, PATIENCE, server};

/// More than the sockets of both ends hold.
const FLOOD: (u32, usize) = (200, 60_000);

struct Running {
    server: sori::Server,
    client: Client<TcpStream>,
}

impl Running {
    fn start() -> Running {
        let server = server(|builder| builder);
        let address = server.listen("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let client = Client::join(stream);
        Running { server, client }
    }
}

#[test]
fn what_was_sent_before_a_graceful_close_arrives() {
    let Running { server, mut client } = Running::start();
    let (count, length) = FLOOD;
    let log = Log::default();
    let done = log.clone();
    server
        .of("/")
        .on("end", move |_: Socket| done.write("flooded"));
    client.send(&format!(r#"42["flood",{count},{length}]"#));
    client.send(r#"42["end"]"#);
    log.wait_for(1);
    let closing = std::thread::spawn(move || server.shutdown_within(PATIENCE));
    for number in 0..count {
        let packet = client.receive();
        assert!(packet.starts_with(&format!(r#"42["drop",{number},""#)));
    }
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
    client.send(&format!(r#"42["flood",{},{}]"#, FLOOD.0, FLOOD.1));
    client.send(r#"42["end"]"#);
    log.wait_for(1);
    let begun = Instant::now();
    server.shutdown_within(Duration::from_millis(100));
    // Not `close_timeout`, which is 30 s.
    assert!(begun.elapsed() < PATIENCE);
    assert_eq!(log.wait_for(2), ["flooded", "server shutting down"]);
}

#[test]
fn pending_handlers_go_on_until_the_deadline_and_no_longer() {
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
    root.on_disconnect(|_: Socket, _: DisconnectReason| std::future::pending::<()>());
    client.send(r#"42["short"]"#);
    log.wait_for(1);
    let begun = Instant::now();
    server.shutdown_within(Duration::from_millis(100));
    assert!(begun.elapsed() < PATIENCE);
    assert_eq!(log.wait_for(2), ["in", "out"]);
}

#[test]
fn what_is_pending_goes_with_its_server_though_another_has_its_threads() {
    struct Told(Log);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.write("dropped");
        }
    }
    let other = Running::start();
    let threads = other.server.threads().clone();
    let server = server(|builder| builder.share_threads(&threads));
    let address = server.listen("127.0.0.1:0").unwrap();
    let log = Log::default();
    let entered = log.clone();
    server.of("/").on("wait", move |_: Socket| {
        let told = Told(entered.clone());
        async move {
            told.0.write("in");
            std::future::pending::<()>().await;
        }
    });
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut client = Client::join(stream);
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
