//! Acks that the application waits for: of one client, and of many.

use std::collections::BTreeSet;
use std::future::IntoFuture;
use std::time::Duration;

use sori::{AckError, Binary, Socket};

use crate::support::app::{Client, Gate, Log, Running, block_on};

const SHORT: Duration = Duration::from_millis(20);

fn only_socket(running: &Running) -> Socket {
    running.server.of("/").sockets().remove(0)
}

/// Receives an event that asks for an answer; gives the id to answer with.
#[track_caller]
fn receive_asking(client: &mut Client, rest: &str) -> String {
    let packet = client.receive();
    let id = packet.strip_prefix("42").and_then(|p| p.strip_suffix(rest));
    id.unwrap_or_else(|| panic!("{packet}")).to_owned()
}

#[test]
fn an_answer_comes_as_the_type_asked_for() {
    let running = Running::start();
    let mut client = running.client();
    let socket = only_socket(&running);
    let answering = std::thread::spawn(move || {
        for answer in ["[3]", "[\"a\",[1]]", "[]", "[\"no\"]"] {
            let id = receive_asking(&mut client, "[\"ask\",1,2]");
            client.send(&format!("43{id}{answer}"));
        }
        client
    });
    let sum: i64 = block_on(socket.emit_with_ack("ask", (1, 2)).into_future()).unwrap();
    assert_eq!(sum, 3);
    let pair = block_on(
        socket
            .emit_with_ack::<(String, Vec<u8>)>("ask", (1, 2))
            .into_future(),
    );
    assert_eq!(pair.unwrap(), ("a".to_owned(), vec![1]));
    block_on(socket.emit_with_ack::<()>("ask", (1, 2)).into_future()).unwrap();
    let wrong = block_on(socket.emit_with_ack::<u8>("ask", (1, 2)).into_future());
    assert!(matches!(wrong, Err(AckError::Decode(_))), "{wrong:?}");
    answering.join().unwrap().sync();
}

#[test]
fn an_answer_may_be_awaited_in_a_handler() {
    let running = Running::start();
    running
        .server
        .of("/")
        .on("start", |socket: Socket| async move {
            let answer: String = socket.emit_with_ack("question", ()).await?;
            socket.emit("told", answer)?;
            Ok::<_, sori::app::BoxError>(())
        });
    let mut client = running.client();
    client.send("42[\"start\"]");
    let id = receive_asking(&mut client, "[\"question\"]");
    client.send(&format!("43{id}[\"yes\"]"));
    client.expect("42[\"told\",\"yes\"]");
}

#[test]
fn no_answer_in_time_is_a_timeout_and_a_late_answer_is_nothing() {
    let running = Running::start();
    let mut client = running.client();
    let socket = only_socket(&running);
    let answer = block_on(
        socket
            .emit_with_ack::<u8>("ask", ())
            .timeout(SHORT)
            .into_future(),
    );
    assert!(matches!(answer, Err(AckError::Timeout)), "{answer:?}");
    let id = receive_asking(&mut client, "[\"ask\"]");
    client.send(&format!("43{id}[1]"));
    client.send("431234567[1]");
    client.sync();
}

#[test]
fn a_socket_that_goes_or_is_gone_answers_disconnected() {
    let running = Running::start();
    let mut client = running.client();
    let socket = only_socket(&running);
    let waiting = socket.emit_with_ack::<u8>("ask", ()).into_future();
    receive_asking(&mut client, "[\"ask\"]");
    client.close();
    let answer = block_on(waiting);
    assert!(matches!(answer, Err(AckError::Disconnected)), "{answer:?}");
    let answer = block_on(socket.emit_with_ack::<u8>("ask", ()).into_future());
    assert!(matches!(answer, Err(AckError::Disconnected)), "{answer:?}");
}

#[test]
fn another_socket_cannot_answer() {
    let running = Running::start();
    let (mut asked, mut other) = (running.client(), running.client());
    let socket = running.server.of("/").socket(&asked.id).unwrap();
    let waiting = socket.emit_with_ack::<u8>("ask", ()).into_future();
    let id = receive_asking(&mut asked, "[\"ask\"]");
    other.send(&format!("43{id}[1]"));
    other.sync();
    asked.send(&format!("43{id}[2]"));
    assert_eq!(block_on(waiting).unwrap(), 2);
}

#[test]
fn what_cannot_be_sent_is_an_error_of_the_wait() {
    let running = Running::start();
    let _client = running.client();
    let socket = only_socket(&running);
    let answer = block_on(socket.emit_with_ack::<u8>("connect", ()).into_future());
    assert!(matches!(answer, Err(AckError::Emit(_))), "{answer:?}");
    let answers = block_on(
        running
            .server
            .emit_with_ack::<u8>("connect", ())
            .into_future(),
    );
    assert!(matches!(answers, Err(AckError::Emit(_))), "{answers:?}");
}

#[test]
fn a_broadcast_gathers_the_answers_of_all() {
    let running = Running::start();
    let mut clients: Vec<Client> = (0..3).map(|_| running.client()).collect();
    let waiting = running
        .server
        .emit_with_ack::<u8>("vote", "now")
        .timeout(crate::support::app::PATIENCE)
        .into_future();
    for (n, client) in clients.iter_mut().enumerate() {
        let id = receive_asking(client, "[\"vote\",\"now\"]");
        let answer = ["1", "2", "\"none\""][n];
        client.send(&format!("43{id}[{answer}]"));
    }
    let answers = block_on(waiting).unwrap();
    let received: BTreeSet<u8> = answers.received.iter().copied().collect();
    assert_eq!(
        (received, answers.undecodable, answers.timed_out),
        ([1, 2].into(), 1, false)
    );
}

#[test]
fn a_broadcast_gives_what_came_when_its_time_is_up() {
    let running = Running::start();
    let (mut quick, mut silent) = (running.client(), running.client());
    let voting = running
        .server
        .emit_with_ack::<u8>("vote", ())
        .timeout(Duration::from_millis(300));
    let waiting = voting.into_future();
    let id = receive_asking(&mut quick, "[\"vote\"]");
    quick.send(&format!("43{id}[1]"));
    receive_asking(&mut silent, "[\"vote\"]");
    let answers = block_on(waiting).unwrap();
    assert_eq!((answers.received, answers.timed_out), (vec![1], true));
}

#[test]
fn a_broadcast_to_nobody_has_no_answers() {
    let running = Running::start();
    let answers = block_on(
        running
            .server
            .to("nowhere")
            .emit_with_ack::<u8>("vote", ())
            .into_future(),
    )
    .unwrap();
    assert_eq!(
        (answers.received, answers.undecodable, answers.timed_out),
        (vec![], 0, false)
    );
}

#[test]
fn a_stream_gives_each_answer_with_its_socket_and_ends_behind_the_last() {
    let running = Running::start();
    let mut clients: Vec<Client> = (0..3).map(|_| running.client()).collect();
    let mut votes = running
        .server
        .emit_with_ack::<u8>("vote", "now")
        .stream()
        .unwrap();
    for n in [2, 0, 1] {
        let id = receive_asking(&mut clients[n], "[\"vote\",\"now\"]");
        let answer = ["1", "2", "\"none\""][n];
        clients[n].send(&format!("43{id}[{answer}]"));
        clients[n].send(&format!("43{id}[7]"));
        let vote = block_on(votes.next()).unwrap();
        assert_eq!(vote.socket.unwrap().id(), clients[n].id);
        assert_eq!(vote.value.ok(), [Some(1), Some(2), None][n]);
        assert!(!votes.is_complete());
    }
    assert!(block_on(votes.next()).is_none());
    assert!(votes.is_complete());
    assert!(block_on(votes.next()).is_none());
}

#[test]
fn a_stream_ends_when_its_time_is_up() {
    let running = Running::start();
    let (mut quick, mut silent) = (running.client(), running.client());
    let mut votes = running
        .server
        .emit_with_ack::<u8>("vote", ())
        .timeout(Duration::from_millis(300))
        .stream()
        .unwrap();
    let id = receive_asking(&mut quick, "[\"vote\"]");
    quick.send(&format!("43{id}[1]"));
    assert_eq!(block_on(votes.next()).unwrap().value.unwrap(), 1);
    assert!(block_on(votes.next()).is_none());
    assert!(!votes.is_complete());
    // Too late, and nobody's.
    receive_asking(&mut silent, "[\"vote\"]");
    silent.send(&format!("43{id}[1]"));
    silent.sync();
    assert!(block_on(votes.next()).is_none());
}

#[test]
fn a_stream_of_nobody_s_answers_or_of_a_closed_server_s_ends_at_once() {
    let running = Running::start();
    let _client = running.client();
    let nowhere = running.server.to("nowhere").emit_with_ack::<u8>("vote", ());
    let nobody = running.server.to([""; 0]).emit_with_ack::<u8>("vote", ());
    for asked in [nowhere, nobody] {
        let mut votes = asked.stream().unwrap();
        assert!(block_on(votes.next()).is_none());
        assert!(votes.is_complete());
    }
    let mut votes = running
        .server
        .emit_with_ack::<u8>("vote", ())
        .stream()
        .unwrap();
    running.server.shutdown();
    assert!(block_on(votes.next()).is_none());
    assert!(!votes.is_complete());
    let mut late = running
        .server
        .emit_with_ack::<u8>("vote", ())
        .stream()
        .unwrap();
    assert!(block_on(late.next()).is_none());
    assert!(!late.is_complete());
    let reserved = running.server.emit_with_ack::<u8>("connect", ()).stream();
    assert!(matches!(reserved, Err(sori::Error::Misuse(_))));
}

#[test]
fn binary_travels_both_ways_in_events_and_answers() {
    let running = Running::start();
    running.server.of("/").on(
        "swap",
        |_: Socket, a: Binary, b: Vec<Binary>, ack: sori::Ack| {
            let mut all: Vec<Binary> = b;
            all.push(a);
            ack.send((all, "text"))
        },
    );
    let mut client = running.client();
    client.send(
        "452-1[\"swap\",{\"_placeholder\":true,\"num\":1},[{\"num\":0,\"_placeholder\":true}]]",
    );
    client.send_binary(b"zero");
    client.send_binary(b"one");
    client.expect(
        "462-1[[{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}],\"text\"]",
    );
    assert_eq!(client.receive_binary(), b"zero");
    assert_eq!(client.receive_binary(), b"one");

    let socket = only_socket(&running);
    let waiting = socket
        .emit_with_ack::<Binary>("image", Binary::from(&b"out"[..]))
        .into_future();
    let packet = client.receive();
    let id = packet
        .strip_prefix("451-")
        .and_then(|p| p.strip_suffix("[\"image\",{\"_placeholder\":true,\"num\":0}]"))
        .unwrap_or_else(|| panic!("{packet}"))
        .to_owned();
    assert_eq!(client.receive_binary(), b"out");
    client.send(&format!("461-{id}[{{\"_placeholder\":true,\"num\":0}}]"));
    client.send_binary(b"in");
    assert_eq!(block_on(waiting).unwrap(), Binary::from(&b"in"[..]));
}

#[test]
fn a_placeholder_without_its_attachment_is_a_wrong_argument() {
    let running = Running::start();
    let log = Log::default();
    let errors = log.clone();
    running
        .server
        .on_error(move |_, event, error| errors.write(format!("{event}: {error}")));
    running
        .server
        .of("/")
        .on("file", |socket: Socket, _: Binary| socket.emit("got", ()));
    let mut client = running.client();
    client.send("451-[\"file\",{\"_placeholder\":true,\"num\":1}]");
    client.send_binary(b"zero");
    client.send("42[\"file\",{\"_placeholder\":true,\"num\":0}]");
    client.send("42[\"file\",\"text\"]");
    client.sync();
    let found = log.wait_for(3);
    assert!(
        found[0].starts_with("file: argument 0: a placeholder without its attachment"),
        "{found:?}"
    );
    assert!(
        found[1].starts_with("file: argument 0: a placeholder without its attachment"),
        "{found:?}"
    );
    assert!(found[2].contains("expected binary data"), "{found:?}");
}

#[test]
fn acks_may_be_sent_later_and_from_any_thread() {
    let running = Running::start();
    let gate = Gate::default();
    let held = gate.clone();
    running
        .server
        .of("/")
        .on("work", move |_: Socket, ack: sori::Ack| {
            let held = held.clone();
            std::thread::spawn(move || {
                block_on(held.passed());
                ack.send("done").unwrap();
            });
        });
    let mut client = running.client();
    client.send("421[\"work\"]");
    client.sync();
    gate.open();
    client.expect("431[\"done\"]");
}
