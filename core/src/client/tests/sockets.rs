//! Socket.IO packets: acks, attachments, recovery, and what breaks the protocol.

use super::*;
use TransportKind::WebSocket;

fn ask(timeout: Option<Duration>) -> Manner {
    Manner {
        volatile: false,
        ack: Some(timeout),
    }
}

#[test]
fn acks_come_to_their_answer_or_their_timeout_once() {
    let (mut world, key) = World::connected();
    let second = Some(Duration::from_secs(1));
    for id in 0..2 {
        assert_eq!(world.emit_as(key, r#"["x"]"#, ask(second)), Some(id));
    }
    assert_eq!(world.steps(), [sent(r#"420["x"] 421["x"]"#)]);
    world.text("431[1]");
    assert_eq!(world.events(), ["ack 0 1 [1]"]);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.events(), ["no ack 0 0 operation has timed out"]);
    world.text("430[0]");
    world.text("431[1]");
    world.text("437[1]");
    world.text("43[1]");
    world.pass(Duration::from_secs(1));
    assert_eq!(world.events(), [""; 0]);
}

#[test]
fn an_ack_that_times_out_takes_its_waiting_event_with_it() {
    let mut world = World::new(&[WebSocket]);
    let key = world.join("/");
    let second = Some(Duration::from_secs(1));
    world.emit_as(key, r#"["x"]"#, ask(second));
    world.emit_as(key, r#"["y"]"#, ask(None));
    let _ = world.steps();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.events(), ["no ack 0 0 operation has timed out"]);
    world.open_websocket();
    world.text(OPEN);
    let _ = world.steps();
    world.written();
    world.text(r#"40{"sid":"a"}"#);
    assert_eq!(world.steps(), [sent(r#"421["y"]"#)]);
}

#[test]
fn attachments_belong_to_the_packet_that_announced_them() {
    let (mut world, _) = World::connected();
    world.text(r#"452-["x",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#);
    world.binary(b"one");
    assert_eq!(world.events(), [""; 0]);
    world.binary(b"two");
    let events = world.events();
    assert_eq!(events.len(), 1);
    assert!(events[0].ends_with(r#" b"one" b"two""#), "{events:?}");
    // Of a namespace that nobody asked for they are taken and passed over.
    world.text(r#"451-/other,["x",{"_placeholder":true,"num":0}]"#);
    world.binary(b"three");
    world.text(r#"42["y"]"#);
    assert_eq!(world.events(), [r#"message 0 ["y"]"#]);
}

#[test]
fn packets_that_break_the_protocol_end_the_connection() {
    let cases: [&[&str]; 8] = [
        &["4"],
        &["4x"],
        &["42"],
        &["42[1"],
        &["42{}"],
        &[r#"42["disconnect"]"#],
        &[r#"4511-["x"]"#],
        &[r#"451-["x",{"_placeholder":true,"num":0}]"#, r#"42["y"]"#],
    ];
    for case in cases {
        let (mut world, _) = World::connected();
        case.iter().for_each(|text| world.text(text));
        assert_eq!(world.steps(), [Do::Close, Do::End], "{case:?}");
        let events = world.events();
        assert_eq!(events.len(), 1, "{events:?}");
        assert!(
            events[0].starts_with("disconnect 0 parse error: "),
            "{events:?}"
        );
    }
    let (mut world, _) = World::connected();
    world.binary(b"unannounced");
    assert_eq!(world.steps(), [Do::Close, Do::End]);
    for garbage in ["", "x", "0{}", OPEN] {
        let (mut world, _) = World::connected();
        world.text(garbage);
        assert_eq!(world.steps(), [Do::Close, Do::End], "{garbage:?}");
        assert!(world.events()[0].starts_with("disconnect 0 transport error: "));
    }
}

#[test]
fn a_socket_comes_back_with_what_the_server_knows_it_by() {
    let mut world = World::new(&[WebSocket]);
    let key = world.connection.socket("/");
    world.connection.set_auth(key, Some(r#"{"token":1}"#));
    world.connection.connect(key, world.now);
    let _ = world.steps();
    world.open_websocket();
    world.text(OPEN);
    assert_eq!(world.steps(), [sent(r#"40{"token":1}"#)]);
    world.text(r#"40{"sid":"a","pid":"p"}"#);
    world.text(r#"42["x","first"]"#);
    world.text(r#"42["x",1]"#);
    world.text("42[\"offset\"]");
    assert_eq!(world.events().len(), 4);
    world.ends(WebSocket);
    let _ = (world.steps(), world.events());
    world.pass(Duration::from_secs(1));
    let _ = (world.steps(), world.events());
    world.open_websocket();
    world.text(OPEN);
    let connect = r#"40{"pid":"p","offset":"first","token":1}"#;
    assert_eq!(world.steps(), [sent(connect)]);
    // What it missed comes before the CONNECT, and is told behind it.
    world.text(r#"42["x","second"]"#);
    world.text(r#"40{"sid":"a","pid":"p"}"#);
    let told = ["reconnect 1", "recover 0 a", r#"message 0 ["x","second"]"#];
    assert_eq!(world.events(), told);
    // The next time it is another one for the server.
    world.ends(WebSocket);
    let _ = (world.steps(), world.events());
    world.pass(Duration::from_secs(1));
    let _ = (world.steps(), world.events());
    world.open_websocket();
    world.text(OPEN);
    let connect = r#"40{"pid":"p","offset":"second","token":1}"#;
    assert_eq!(world.steps(), [sent(connect)]);
    world.text(r#"40{"sid":"b","pid":"q"}"#);
    assert_eq!(world.events(), ["reconnect 1", "connect 0 b"]);
}

#[test]
fn events_before_the_connect_are_kept_up_to_a_limit() {
    let mut world = World::with(&[WebSocket], |config| {
        config.max_queued_bytes = 10_000;
        config.max_payload = 10_000;
    });
    world.join("/");
    let _ = world.steps();
    world.open_websocket();
    world.text(OPEN);
    let _ = world.steps();
    for _ in 0..1_000 {
        world.text(r#"42["x"]"#);
    }
    assert_eq!(world.steps(), [Do::Close, Do::End]);
    let events = world.events();
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0].contains("too many events"), "{events:?}");
}

#[test]
fn volatile_events_leave_at_once_or_not_at_all() {
    let (mut world, key) = World::connected();
    let volatile = Manner {
        volatile: true,
        ack: None,
    };
    world.emit_as(key, r#"["1"]"#, volatile);
    assert_eq!(world.steps(), [sent(r#"42["1"]"#)]);
    world.emit_as(key, r#"["2"]"#, volatile);
    world.written();
    assert_eq!(world.steps(), []);
    world.ends(WebSocket);
    let _ = world.steps();
    world.emit_as(key, r#"["3"]"#, volatile);
    world.pass(Duration::from_secs(1));
    let _ = world.steps();
    world.open_websocket();
    world.text(OPEN);
    let _ = world.steps();
    world.written();
    world.text(r#"40{"sid":"b"}"#);
    assert_eq!(world.steps(), []);
}

#[test]
fn a_server_of_socket_io_2_is_told_from_others() {
    let mut world = World::new(&[WebSocket]);
    world.join("/");
    let _ = world.steps();
    world.open_websocket();
    world.text(OPEN);
    let _ = world.steps();
    world.text("40");
    let told = "error 0 the server speaks the protocol of Socket.IO 2";
    assert_eq!(world.events(), [told]);
}
