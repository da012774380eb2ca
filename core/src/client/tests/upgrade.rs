//! Polling, and how it becomes a WebSocket.

use super::*;
use TransportKind::{Polling, WebSocket};

/// Opens a session over polling; the candidate is being opened.
fn polling() -> (World, SocketKey) {
    let mut world = World::new(&[Polling, WebSocket]);
    let key = world.join("/");
    assert_eq!(world.steps(), [Do::Poll]);
    world.polled(OPEN);
    assert_eq!(world.steps(), [Do::Open, posted("40"), Do::Poll]);
    world.posted();
    (world, key)
}

#[test]
fn nothing_is_sent_twice_or_out_of_order_while_the_transports_change() {
    let (mut world, key) = polling();
    world.polled(r#"40{"sid":"a"}"#);
    assert_eq!(world.events(), ["connect 0 a"]);
    assert_eq!(world.steps(), [Do::Poll]);
    world.emit(key, r#"["1"]"#);
    assert_eq!(world.steps(), [posted(r#"42["1"]"#)]);
    world.open_websocket();
    assert_eq!(world.steps(), [sent("2probe")]);
    world.text("3probe");
    // A GET and a POST are out: both have to come back first.
    world.emit(key, r#"["2"]"#);
    assert_eq!(world.steps(), []);
    world.posted();
    assert_eq!(world.steps(), []);
    world.polled(r#"42["last of polling"]"#);
    assert_eq!(world.events(), [r#"message 0 ["last of polling"]"#]);
    assert_eq!(world.steps(), [sent("5")]);
    world.emit(key, r#"["3"]"#);
    world.written();
    assert_eq!(world.steps(), [sent(r#"42["2"] 42["3"]"#)]);
    assert_eq!(world.connection.transport(), Some(WebSocket));
    world.text(r#"42["first of the WebSocket"]"#);
    assert_eq!(world.events(), [r#"message 0 ["first of the WebSocket"]"#]);
}

#[test]
fn a_candidate_that_fails_at_any_point_leaves_polling_as_it_was() {
    for point in 0..4 {
        let (mut world, _) = polling();
        world.polled(r#"40{"sid":"a"}"#);
        assert_eq!(world.steps(), [Do::Poll]);
        if point > 0 {
            world.open_websocket();
            assert_eq!(world.steps(), [sent("2probe")]);
        }
        if point > 1 {
            world.text("3probe");
        }
        match point {
            3 => world.pass(Duration::from_secs(20)),
            _ => world.ends(WebSocket),
        }
        let _ = world.steps();
        world.polled(r#"42["still"]"#);
        assert_eq!(world.steps(), [Do::Poll], "point {point}");
        let events = world.events();
        assert_eq!(events.last().unwrap(), r#"message 0 ["still"]"#);
        assert_eq!(world.connection.transport(), Some(Polling));
    }
}

#[test]
fn a_candidate_that_answers_wrongly_is_closed() {
    for wrong in ["3", "3prob", "4hello", "zzz", ""] {
        let (mut world, _) = polling();
        let _ = world.steps();
        world.open_websocket();
        assert_eq!(world.steps(), [sent("2probe")]);
        world.text(wrong);
        assert_eq!(world.steps(), [Do::Close], "{wrong:?}");
        assert_eq!(world.connection.transport(), Some(Polling));
    }
}

#[test]
fn bodies_stay_below_what_the_server_takes() {
    let (mut world, key) = polling();
    world.polled(r#"40{"sid":"a"}"#);
    let _ = world.steps();
    let packet = format!(r#"["{}"]"#, "x".repeat(34));
    for _ in 0..5 {
        world.emit(key, &packet);
    }
    // 40 bytes each, a separator between them, and 100 at most.
    let mut bodies = Vec::new();
    while let Some(Do::Post(body)) = world.steps().pop() {
        bodies.push(body.len());
        world.posted();
    }
    assert_eq!(bodies, [81, 81, 40]);
    let large = format!(r#"["{}"]"#, "x".repeat(500));
    world.emit(key, &large);
    assert_eq!(world.steps(), [posted(&format!("42{large}"))]);
}

#[test]
fn polling_says_goodbye_behind_what_was_sent() {
    let (mut world, key) = polling();
    world.polled(r#"40{"sid":"a"}"#);
    let _ = (world.steps(), world.events());
    world.emit(key, r#"["last"]"#);
    world.connection.disconnect(key, world.now);
    assert_eq!(world.steps(), [Do::Close, posted(r#"42["last"] 41"#)]);
    world.posted();
    assert_eq!(world.steps(), [posted("1")]);
    world.posted();
    assert_eq!(world.steps(), [Do::End]);
    assert_eq!(world.events(), ["disconnect 0 io client disconnect"]);
}

#[test]
fn an_answer_without_a_handshake_is_no_server() {
    for body in ["", "hello", "4hello", "6", "0", "0{}", "0{\"sid\":1}"] {
        let mut world = World::with(&[Polling], |config| config.reconnection = None);
        world.join("/");
        let _ = world.steps();
        world.polled(body);
        assert_eq!(world.steps(), [Do::End], "{body:?}");
        let events = world.events();
        assert_eq!(events.len(), 1, "{events:?}");
        assert!(events[0].starts_with("error 0 "), "{events:?}");
    }
}
