//! The loads by themselves, without a server.

use super::*;
use crate::dialect::{Dialect, Shape};

/// How many frames the load says now, by connection.
fn said(load: &mut impl Load) -> Vec<(usize, usize)> {
    let now = Instant::now();
    let mut said = Vec::new();
    while let Some((connection, mut frames)) = load.poll_send(now) {
        let mut count = 0;
        while !frames.is_empty() {
            let length = 6 + usize::from(frames[1] & 0x7f);
            frames = &frames[length..];
            count += 1;
        }
        said.push((connection, count));
    }
    said.sort_unstable();
    said
}

#[test]
fn an_opening_speaks_when_it_is_its_turn_and_counts_who_is_ready() {
    let mut opening = Opening::new(Dialect::SocketIo.opening(Shape::Idle));
    opening.opened(0);
    assert_eq!(said(&mut opening), []);
    opening
        .receive(0, br#"0{"sid":"a"}"#, Instant::now())
        .unwrap();
    assert_eq!(said(&mut opening), [(0, 1)]);
    assert_eq!(opening.ready, 0);
    opening
        .receive(0, br#"40{"sid":"b"}"#, Instant::now())
        .unwrap();
    assert_eq!((said(&mut opening), opening.ready), (vec![], 1));
    assert!(opening.receive(0, b"42[]", Instant::now()).is_err());
}

#[test]
fn a_plain_connection_is_ready_when_it_is_open() {
    let mut opening = Opening::new(Dialect::WebSocket.opening(Shape::Broadcast));
    opening.opened(0);
    assert_eq!((said(&mut opening), opening.ready), (vec![], 1));
}

#[test]
fn an_echo_replaces_each_answer_by_one_request() {
    let mut echo = Echo::new(Dialect::SocketIo, 2, 16);
    assert_eq!(said(&mut echo), [(0, 16), (1, 16)]);
    let answer = Dialect::SocketIo.echo().1.as_bytes();
    for connection in [1, 1, 1] {
        echo.receive(connection, answer, Instant::now()).unwrap();
    }
    assert_eq!(said(&mut echo), [(1, 3)]);
    assert_eq!(echo.tally.messages, 3);
}

#[test]
fn an_echo_refuses_other_answers_and_answers_too_many() {
    let mut echo = Echo::new(Dialect::WebSocket, 1, 1);
    let answer = Dialect::WebSocket.echo().1.as_bytes();
    assert!(
        echo.receive(0, answer, Instant::now()).is_err(),
        "nothing was asked yet"
    );
    said(&mut echo);
    assert!(echo.receive(0, b"something else", Instant::now()).is_err());
}

#[test]
fn the_next_broadcast_is_asked_for_when_all_have_the_oldest() {
    let mut broadcast = Broadcast::new(Dialect::SocketIo, 3, 2);
    assert_eq!(said(&mut broadcast), [(0, 2)]);
    let news = |number| Dialect::SocketIo.broadcast(number).1;
    for (member, number) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        broadcast
            .receive(member, news(number).as_bytes(), Instant::now())
            .unwrap();
        assert_eq!(said(&mut broadcast), []);
    }
    broadcast
        .receive(2, news(0).as_bytes(), Instant::now())
        .unwrap();
    assert_eq!(said(&mut broadcast), [(0, 1)]);
    broadcast
        .receive(2, news(1).as_bytes(), Instant::now())
        .unwrap();
    assert_eq!(said(&mut broadcast), [(0, 1)]);
    assert_eq!(broadcast.tally.messages, 6);
}

#[test]
fn a_broadcast_out_of_order_or_twice_is_refused() {
    let news = |number| Dialect::WebSocket.broadcast(number).1;
    let mut broadcast = Broadcast::new(Dialect::WebSocket, 2, 2);
    said(&mut broadcast);
    assert!(
        broadcast
            .receive(1, news(1).as_bytes(), Instant::now())
            .is_err()
    );
    broadcast
        .receive(1, news(0).as_bytes(), Instant::now())
        .unwrap();
    assert!(
        broadcast
            .receive(1, news(0).as_bytes(), Instant::now())
            .is_err()
    );
    broadcast
        .receive(1, news(1).as_bytes(), Instant::now())
        .unwrap();
    assert!(
        broadcast
            .receive(1, news(2).as_bytes(), Instant::now())
            .is_err(),
        "not asked for yet"
    );
}
