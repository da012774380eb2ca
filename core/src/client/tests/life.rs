//! Heartbeat, loss, back-off, and the end.

use super::*;
use TransportKind::WebSocket;

#[test]
fn pings_are_answered_and_their_absence_is_a_ping_timeout() {
    let (mut world, _) = World::connected();
    world.pass(Duration::from_millis(44_999));
    assert_eq!(world.events(), [""; 0]);
    world.text("2");
    assert_eq!(world.steps(), [sent("3")]);
    world.pass(Duration::from_millis(44_999));
    assert_eq!(world.steps(), []);
    world.pass(Duration::from_millis(1));
    assert_eq!(world.steps(), [Do::Close, Do::End]);
    assert_eq!(world.events(), ["disconnect 0 ping timeout"]);
}

#[test]
fn a_lost_connection_is_tried_again_after_waits_that_double() {
    let (mut world, _) = World::connected();
    world.ends(WebSocket);
    assert_eq!(world.steps(), [Do::Close, Do::End]);
    assert_eq!(world.events(), ["disconnect 0 transport error: gone"]);
    for (attempt, wait) in [(1, 1_000), (2, 2_000), (3, 4_000), (4, 5_000), (5, 5_000)] {
        world.pass(Duration::from_millis(wait - 1));
        assert_eq!(world.steps(), [], "attempt {attempt}");
        world.pass(Duration::from_millis(1));
        assert_eq!(world.steps(), [Do::Open]);
        assert_eq!(world.events(), [format!("attempt {attempt}")]);
        if attempt < 5 {
            world.ends(WebSocket);
            assert_eq!(world.steps(), [Do::Close, Do::End]);
            assert_eq!(world.events(), ["error 0 gone"]);
        }
    }
    world.open_websocket();
    world.text(OPEN);
    assert_eq!(world.events(), ["reconnect 5"]);
    // And the count begins anew.
    world.ends(WebSocket);
    let _ = (world.steps(), world.events());
    world.pass(Duration::from_secs(1));
    assert_eq!(world.events(), ["attempt 1"]);
}

#[test]
fn connecting_has_a_deadline() {
    let mut world = World::with(&[WebSocket], |config| config.reconnection = None);
    let key = world.join("/");
    let _ = world.steps();
    world.pass(Duration::from_secs(20));
    assert_eq!(world.steps(), [Do::Close, Do::End]);
    assert_eq!(world.events(), ["error 0 timeout"]);
    assert!(!world.connection.is_active(key));
    // It may be told to try again.
    world.connection.connect(key, world.now);
    assert_eq!(world.steps(), [Do::Open]);
}

#[test]
fn a_connection_nobody_wants_is_closed_and_opened_again_when_somebody_does() {
    let (mut world, key) = World::connected();
    world.connection.disconnect(key, world.now);
    assert_eq!(world.events(), ["disconnect 0 io client disconnect"]);
    assert_eq!(world.steps(), [sent("41")]);
    // Before the frame is out.
    world.connection.connect(key, world.now);
    world.emit(key, r#"["kept"]"#);
    world.written();
    assert_eq!(world.steps(), [Do::Close, Do::End, Do::Open]);
    world.open_websocket();
    world.text(OPEN);
    assert_eq!(world.steps(), [sent("40")]);
    world.written();
    world.text(r#"40{"sid":"b"}"#);
    assert_eq!(world.events(), ["connect 0 b"]);
    assert_eq!(world.steps(), [sent(r#"42["kept"]"#)]);
}

#[test]
fn a_socket_that_was_put_out_does_not_come_back_and_ends_an_idle_connection() {
    let (mut world, key) = World::connected();
    world.text("41");
    assert_eq!(world.events(), ["disconnect 0 io server disconnect"]);
    assert_eq!(world.steps(), [Do::Close, Do::End]);
    world.pass(Duration::from_secs(3_600));
    assert_eq!(world.steps(), []);
    assert!(!world.connection.is_active(key));
}

#[test]
fn closing_flushes_and_has_a_deadline() {
    let (mut world, key) = World::connected();
    world.emit(key, r#"["1"]"#);
    assert_eq!(world.steps(), [sent(r#"42["1"]"#)]);
    world.emit(key, r#"["2"]"#);
    world.connection.close(world.now);
    assert_eq!(world.steps(), []);
    assert_eq!(world.events(), ["disconnect 0 io client disconnect"]);
    // The server takes nothing.
    world.pass(Duration::from_secs(5));
    assert_eq!(world.steps(), [Do::Close, Do::End]);
    assert_eq!(world.events(), ["closed"]);
    world.connection.connect(key, world.now);
    world.connection.close(world.now);
    assert_eq!(world.steps(), []);
    assert_eq!(world.events(), [""; 0]);
}

#[test]
fn a_client_that_waits_to_try_again_closes_at_once() {
    let mut world = World::new(&[WebSocket]);
    let key = world.join("/");
    let _ = world.steps();
    world.ends(WebSocket);
    let _ = (world.steps(), world.events());
    let ask = Manner {
        ack: Some(None),
        ..Manner::default()
    };
    world.emit_as(key, r#"["x"]"#, ask);
    world.connection.close(world.now);
    let told = ["no ack 0 0 socket has been disconnected", "closed"];
    assert_eq!(world.events(), told);
    assert_eq!(world.connection.next_timeout(), None);
}

#[test]
fn what_belongs_to_an_earlier_session_is_passed_over() {
    let (mut world, _) = World::connected();
    let before = world.epoch;
    world.ends(WebSocket);
    let _ = (world.steps(), world.events());
    world.pass(Duration::from_secs(1));
    assert_eq!(world.steps(), [Do::Open]);
    let _ = world.events();
    world.connection.handle_text(before, "garbage", world.now);
    let end = TransportEnd::Closed;
    world
        .connection
        .handle_transport_end(before, WebSocket, end, world.now);
    assert_eq!(world.steps(), []);
    assert_eq!(world.events(), [""; 0]);
}
