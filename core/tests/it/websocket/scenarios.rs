//! The life of plain WebSockets over real sockets, with the engine as the server and as the client.

use sori::proto::websocket::Role;

use crate::support::engine::*;
use crate::support::steady::Steady;
use crate::support::websocket::*;

const FIN_LESS_TEXT: u8 = 0x01;
const FIN_LESS_BINARY: u8 = 0x02;
const MORE: u8 = 0x00;
const LAST: u8 = 0x80;

/// Payload of a close frame.
fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

#[test]
fn messages_pass_both_ways_whole_and_in_pieces() {
    for role in BOTH_ROLES {
        let rig = Rig::new();
        let group = Group::new(&rig);
        let mut peer = group.open(role);
        peer.wire.send_frame(TEXT, "häi".as_bytes());
        peer.wire.send_frame(BINARY, &[0, 255]);
        peer.wire.send_frame(FIN_LESS_TEXT, b"one");
        peer.wire.send_frame(MORE, b" two");
        peer.wire.send_frame(PING, b"between");
        peer.wire.send_frame(LAST, b" three");
        let lines = group.wait_line(&peer, "text one two three");
        let expected = [
            "open group 1",
            "text häi",
            "binary [00, ff]",
            "ping between",
            "text one two three",
        ];
        assert_eq!(lines, expected, "{role:?}");
        assert_eq!(peer.wire.read_frame(), (PONG, b"between".to_vec()));

        group.send(&peer, text("först"));
        group.send(&peer, binary(&[1; 70_000]));
        group.send(&peer, text("").with_token(3));
        assert_eq!(peer.wire.read_text(), "först");
        assert_eq!(peer.wire.read_frame(), (BINARY, vec![1; 70_000]));
        assert_eq!(peer.wire.read_frame(), (TEXT, Vec::new()));
        group.wait_line(&peer, "sent 3");
        assert_eq!(peer.gauge.queued_bytes(), 0);
    }
}

#[test]
fn fragments_that_are_sent_stay_one_message_whatever_else_is_sent() {
    for role in BOTH_ROLES {
        let rig = Rig::new();
        let group = Group::new(&rig);
        let mut peer = group.open(role);
        group.send(&peer, binary(b"a").unfinished());
        group.broadcast(&[], None, "to all");
        let ping = websocket::Control {
            data: b"p",
            token: Some(1),
            gauge: Some(&peer.gauge),
        };
        group.ask(&peer, websocket::Command::Ping(ping));
        group.send(&peer, text("b").unfinished());
        group.send(&peer, text("c"));
        group.send(&peer, text("next"));
        let frames: Vec<_> = (0..6).map(|_| peer.wire.read_frame()).collect();
        let expected = [
            (FIN_LESS_BINARY, "a"),
            (PING, "p"),
            (MORE, "b"),
            (LAST, "c"),
            (TEXT, "to all"),
            (TEXT, "next"),
        ];
        let expected = expected.map(|(first, payload)| (first, payload.as_bytes().to_vec()));
        assert_eq!(frames, expected, "{role:?}");
        group.wait_line(&peer, "sent 1");
        group.settle(&peer);
        assert_eq!(peer.gauge.queued_bytes(), 0);
    }
}

#[test]
fn every_ping_is_answered_unless_the_settings_say_no() {
    for (auto_pong, role) in [(true, Role::Server), (false, Role::Client)] {
        let rig = Rig::new();
        let group = Group::with(&rig, |settings| settings.auto_pong = auto_pong);
        let mut peer = group.open(role);
        let wire = &mut peer.wire;
        for n in 0..100 {
            wire.send_frame(PING, format!("{n}").as_bytes());
        }
        wire.send_frame(PONG, b"unasked");
        let lines = group.wait_line(&peer, "pong unasked");
        assert_eq!(lines.len(), 102);
        group.send(&peer, text("end"));
        if auto_pong {
            for n in 0..100 {
                let pong = (PONG, format!("{n}").into_bytes());
                assert_eq!(peer.wire.read_frame(), pong);
            }
        }
        assert_eq!(peer.wire.read_text(), "end");
    }
}

#[test]
fn a_close_by_the_peer_is_answered_with_its_code_and_reason() {
    let cases = [
        (
            close_payload(1000, "bye"),
            "closing 1000 bye",
            "close 1000 bye",
        ),
        (close_payload(4999, ""), "closing 4999 ", "close 4999 "),
        (Vec::new(), "closing 0 ", "close 1005 "),
    ];
    for role in BOTH_ROLES {
        for (payload, closing, close) in &cases {
            let rig = Rig::new();
            let group = Group::new(&rig);
            let mut peer = group.open(role);
            peer.wire.send_frame(TEXT, b"last");
            peer.wire.send_frame(CLOSE, payload);
            peer.wire.send_frame(TEXT, b"too late");
            assert_eq!(peer.wire.read_close(), *payload);
            peer.wire.expect_end();
            // Only the peer's end of the stream ends the connection.
            assert_eq!(rig.engine.metrics().connections, 1);
            peer.wire.finish();
            let lines = group.wait_closed(&peer);
            assert_eq!(lines, ["text last", closing, close], "{role:?}");
        }
    }
}

#[test]
fn a_close_by_the_application_leaves_behind_what_is_queued() {
    for role in BOTH_ROLES {
        let rig = Rig::new();
        let group = Group::new(&rig);
        let mut peer = group.open(role);
        let mut batch = rig.engine.batch();
        let conn = peer.conn;
        let close = websocket::Command::Close {
            code: Some(3001),
            reason: "done",
        };
        for command in [
            websocket::Command::Send(text("before").with_token(1)),
            close,
            websocket::Command::Send(text("after").with_token(2)),
        ] {
            batch.execute(Command::WebSocket { conn, command });
        }
        drop(batch);
        assert_eq!(peer.wire.read_text(), "before");
        assert_eq!(peer.wire.read_close(), close_payload(3001, "done"));
        // Until the peer closes, what it says is heard.
        peer.wire.send_frame(TEXT, b"still here");
        peer.wire.send_frame(PING, b"unanswered");
        peer.wire.send_frame(CLOSE, &close_payload(1000, "ok"));
        peer.wire.expect_end();
        peer.wire.finish();
        let mut lines = group.wait_closed(&peer);
        lines.sort();
        let expected = [
            "close 1000 ok",
            "closing 1000 ok",
            "ping unanswered",
            "sent 1",
            "text still here",
            "unsent 2",
        ];
        assert_eq!(lines, expected, "{role:?}");
    }
}

#[test]
fn a_peer_that_does_not_close_is_given_up() {
    for role in BOTH_ROLES {
        let rig = Rig::new();
        let group = Group::with(&rig, |settings| {
            settings.close_timeout = std::time::Duration::from_millis(50);
        });
        let mut peer = group.open(role);
        group.close(&peer, 1000, "");
        assert_eq!(group.wait_closed(&peer), ["close 1006 "], "{role:?}");
        assert_eq!(peer.wire.read_close(), close_payload(1000, ""));
        peer.wire.expect_end();

        // Nor is one that closes, and then keeps its half of the stream.
        let mut peer = group.open(role);
        peer.wire.send_frame(CLOSE, b"");
        assert_eq!(group.wait_closed(&peer), ["closing 0 ", "close 1005 "]);
    }
}

#[test]
fn terminate_drops_the_stream_at_once() {
    for role in BOTH_ROLES {
        let rig = Rig::new();
        let group = Group::new(&rig);
        let mut peer = group.open(role);
        group.ask(&peer, websocket::Command::Terminate);
        assert_eq!(group.wait_closed(&peer), ["close 1006 "], "{role:?}");
        peer.wire.expect_end();
    }
}

#[test]
fn what_breaks_the_protocol_is_told_and_ends_the_connection_abnormally() {
    // First byte, second byte without the mask, rest; the error; the code in the close frame.
    let cases: &[(u8, &[u8], &str, u16)] = &[
        (0xb1, b"", "WS_ERR_UNEXPECTED_RSV_2_3", 1002),
        (0xc1, b"", "WS_ERR_UNEXPECTED_RSV_1", 1002),
        (0x83, b"", "WS_ERR_INVALID_OPCODE", 1002),
        (0x80, b"", "WS_ERR_INVALID_OPCODE", 1002),
        (0x09, b"", "WS_ERR_EXPECTED_FIN", 1002),
        (0x88, b"x", "WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH", 1002),
        (0x88, &[0x03, 0xed], "WS_ERR_INVALID_CLOSE_CODE", 1002),
        (0x81, b"\xff", "WS_ERR_INVALID_UTF8", 1007),
        (0x88, b"\x03\xe8\xff", "WS_ERR_INVALID_UTF8", 1007),
        (0x82, &[0; 101], "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH", 1009),
    ];
    for role in BOTH_ROLES {
        let rig = Rig::new();
        let group = Group::with(&rig, |settings| {
            settings.max_payload = 100;
            settings.max_fragments = 2;
        });
        for (first, payload, error, code) in cases {
            let mut peer = group.open(role);
            let bad = |first, payload: &[u8]| match role {
                Role::Server => frame(first, payload),
                Role::Client => unmasked_frame(first, payload),
            };
            let bytes = [bad(TEXT, b"good"), bad(*first, payload), bad(TEXT, b"lost")].concat();
            peer.wire.send(&bytes);
            assert_eq!(peer.wire.read_close(), close_payload(*code, ""));
            peer.wire.expect_end();
            peer.wire.finish();
            let failed = format!("failed {error}");
            let expected = ["text good", &failed, "close 1006 "];
            assert_eq!(group.wait_closed(&peer), expected, "{role:?} {first:#x}");
        }
        let mut peer = group.open(role);
        for first in [FIN_LESS_TEXT, MORE, MORE] {
            peer.wire.send_frame(first, b"");
        }
        assert_eq!(peer.wire.read_close(), close_payload(1008, ""));
        peer.wire.finish();
        let failed = "failed WS_ERR_TOO_MANY_BUFFERED_PARTS";
        assert_eq!(group.wait_closed(&peer), [failed, "close 1006 "]);
    }
}

#[test]
fn who_should_mask_must_and_who_should_not_must_not() {
    let cases = [
        (
            Role::Server,
            unmasked_frame(TEXT, b"x"),
            "WS_ERR_EXPECTED_MASK",
        ),
        (Role::Client, frame(TEXT, b"x"), "WS_ERR_UNEXPECTED_MASK"),
    ];
    for (role, bytes, error) in cases {
        let rig = Rig::new();
        let group = Group::new(&rig);
        let mut peer = group.open(role);
        peer.wire.send(&bytes);
        assert_eq!(peer.wire.read_close(), close_payload(1002, ""));
        peer.wire.finish();
        let failed = format!("failed {error}");
        assert_eq!(group.wait_closed(&peer), [&failed, "close 1006 "]);
    }
}

#[test]
fn text_goes_unchecked_if_the_settings_say_so() {
    let rig = Rig::new();
    let group = Group::with(&rig, |settings| settings.skip_utf8_validation = true);
    let mut peer = group.open(Role::Server);
    peer.wire.send_frame(TEXT, b"\xff");
    peer.wire.send_frame(CLOSE, b"\x03\xe8\xfe");
    assert_eq!(peer.wire.read_close(), b"\x03\xe8\xfe");
    peer.wire.finish();
    let lines = group.wait_closed(&peer);
    let expected = [
        "raw text [ff]",
        "closing 1000 \u{fffd}",
        "close 1000 \u{fffd}",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_peer_that_ends_its_half_still_gets_what_is_queued() {
    for role in BOTH_ROLES {
        let rig = Rig::new();
        let group = Group::new(&rig);
        let mut peer = group.open(role);
        // More than the system takes at once.
        let sent = group.stuff(&peer, 100_000);
        peer.wire.finish();
        group.wait_line(&peer, "ended");
        let mut received = 0;
        while let Some((first, payload)) = peer.wire.try_read_frame() {
            if first == BINARY {
                assert_eq!(payload.len(), 100_000);
                received += 1;
            }
        }
        assert_eq!(received, sent, "{role:?}");
        let lines = group.wait_closed(&peer);
        assert_eq!(lines.last().map(String::as_str), Some("close 1006 "));
        let is_unsent = |line: &String| line.starts_with("unsent");
        assert!(!lines.iter().any(is_unsent), "{lines:?}");
    }
}

#[test]
fn a_reset_ends_the_connection_alone() {
    let rig = Rig::new();
    let group = Group::new(&rig);
    let mut other = group.open(Role::Server);
    let mut peer = group.open(Role::Server);
    group.send(&peer, text("unread"));
    peer.wire.wait_readable();
    // Closed with bytes unread, it is reset.
    peer.wire = Wire::over(pair().0);
    assert_eq!(group.wait_closed(&peer), ["failed Io", "close 1006 "]);
    group.send(&other, text("alive"));
    assert_eq!(other.wire.read_text(), "alive");
}

#[test]
fn a_paused_connection_is_not_read_until_it_is_resumed() {
    for role in BOTH_ROLES {
        let rig = Rig::new();
        let group = Group::new(&rig);
        let mut peer = group.open(role);
        group.ask(&peer, websocket::Command::Pause);
        group.settle(&peer);
        peer.wire.send_frame(TEXT, b"unheard");
        peer.wire.send_frame(CLOSE, b"");
        // It is written to all the same.
        group.send(&peer, text("to a paused one"));
        assert_eq!(peer.wire.read_text(), "to a paused one");
        let lines = group.wait_lines(&peer, |_| true);
        assert_eq!(lines, ["open group 1"], "{role:?}");
        group.ask(&peer, websocket::Command::Resume);
        peer.wire.read_close();
        peer.wire.finish();
        let expected = ["text unheard", "closing 0 ", "close 1005 "];
        assert_eq!(group.wait_closed(&peer), expected);
    }
}

#[test]
fn rooms_and_broadcasts_are_those_of_the_group() {
    let rig = Rig::new();
    let (group, other_group) = (Group::new(&rig), Group::new(&rig));
    let mut peers: Vec<Peer> = (0..6).map(|n| group.open(BOTH_ROLES[n % 2])).collect();
    let mut stranger = other_group.open(Role::Server);
    for peer in &peers[..4] {
        group.join(peer, "four");
    }
    other_group.join(&stranger, "four");
    group.broadcast(&[], None, "all");
    group.broadcast(&["four"], Some(&peers[1]), "but one");
    group.broadcast(&["nobody"], None, "unheard");
    for (n, peer) in peers.iter_mut().enumerate() {
        assert_eq!(peer.wire.read_text(), "all");
        if n < 4 && n != 1 {
            assert_eq!(peer.wire.read_text(), "but one");
        }
        group.send(peer, text("end"));
        assert_eq!(peer.wire.read_text(), "end");
    }
    other_group.send(&stranger, text("end"));
    assert_eq!(stranger.wire.read_text(), "end");
}

#[test]
fn what_comes_behind_the_handshake_is_heard_and_the_answer_goes_first() {
    let rig = Rig::new();
    let group = Group::new(&rig);
    let mut upgrade = group.upgrade(Role::Server);
    upgrade.answer = bytes::Bytes::from_static(b"HTTP/1.1 101 Switching Protocols\r\n\r\n");
    upgrade.head = bytes::Bytes::from(frame(TEXT, b"early"));
    let mut peer = group.open_with(upgrade);
    group.send(&peer, text("welcome").with_token(5));
    assert_eq!(peer.wire.read_answer().status, 101);
    assert_eq!(peer.wire.read_text(), "welcome");
    let lines = group.wait_line(&peer, "sent 5");
    assert_eq!(lines, ["open group 1", "text early", "sent 5"]);
}

#[test]
fn an_engine_that_closes_says_going_away() {
    let rig = Rig::new();
    let group = Group::new(&rig);
    let mut peers: Vec<Peer> = (0..50).map(|n| group.open(BOTH_ROLES[n % 2])).collect();
    rig.engine.close();
    for peer in &mut peers {
        assert_eq!(peer.wire.read_close(), close_payload(1001, ""));
        peer.wire.send_frame(CLOSE, &close_payload(1001, ""));
        peer.wire.expect_end();
        peer.wire.finish();
    }
    for peer in &peers {
        assert_eq!(group.wait_closed(peer), ["closing 1001 ", "close 1001 "]);
    }
}

#[test]
fn an_engine_closes_soon_although_peers_hold_on() {
    let rig = Rig::new();
    let group = Group::new(&rig);
    let mut half_closed = group.open(Role::Server);
    half_closed.wire.send_frame(CLOSE, b"");
    half_closed.wire.read_close();
    let mut broken = group.open(Role::Server);
    broken.wire.send(b"\xff\xff");
    broken.wire.read_close();
    let stuffed = group.open(Role::Client);
    group.stuff(&stuffed, 100_000);
    let paused = group.open(Role::Server);
    group.ask(&paused, websocket::Command::Pause);
    let waiting = group.open(Role::Server);
    group.close(&waiting, 1000, "");
    // Far less than the close timeout of each of them.
    assert!(rig.close() < PATIENCE);
    assert_eq!(
        group.wait_closed(&half_closed),
        ["closing 0 ", "close 1005 "]
    );
}

#[test]
fn a_close_code_that_must_not_be_sent_is_not() {
    let rig = Rig::new();
    let group = Group::new(&rig);
    for code in [0, 999, 1005, 1006, 5000] {
        let mut peer = group.open(Role::Server);
        group.close(&peer, code, "unsaid");
        assert_eq!(peer.wire.read_close(), b"");
        peer.wire.finish();
        group.wait_closed(&peer);
    }
}

#[test]
fn engine_io_and_websockets_live_on_one_engine() {
    let rig = Rig::of_one_shard();
    let group = Group::new(&rig);
    let mut clients = EVERY_WAY.map(|way| rig.join(way));
    let mut peer = group.open(Role::Server);
    group.broadcast(&[], None, "to plain ones");
    rig.broadcast(&[], &[], r#"["to sockets"]"#);
    assert_eq!(peer.wire.read_text(), "to plain ones");
    for client in &mut clients {
        assert_eq!(client.next(), r#"42["to sockets"]"#);
    }
    // A group has no name: no client can join it, whatever it asks for.
    let client = &mut clients[0];
    client.enter("/1");
    rig.broadcast(&[], &[], r#"["again"]"#);
    assert_eq!(client.next(), r#"42["again"]"#);
    group.send(&peer, text("end"));
    assert_eq!(peer.wire.read_text(), "end");
    // Commands of one kind for a connection of the other do nothing.
    let conn = rig.socket(client).conn;
    rig.engine.execute(Command::WebSocket {
        conn,
        command: websocket::Command::Terminate,
    });
    let conn = peer.conn;
    rig.engine.execute(Command::Close {
        conn,
        discard: true,
    });
    client.expect_nothing();
    group.send(&peer, text("alive"));
    assert_eq!(peer.wire.read_text(), "alive");
}

#[test]
fn tungstenite_as_the_server_understands_us() {
    let rig = Rig::new();
    let group = Group::new(&rig);
    let upgrade = group.upgrade(Role::Client);
    let request = upgrade.request;
    let (ours, theirs) = pair();
    rig.engine.attach_websocket(theirs, upgrade);
    let (conn, gauge) = rig.wait(|log| log.websockets.get(&request).cloned());
    let wire = Wire::over(pair().0);
    let peer = Peer { wire, conn, gauge };
    let role = tungstenite::protocol::Role::Server;
    let mut server = tungstenite::WebSocket::from_raw_socket(Steady::over(ours), role, None);
    for length in [0, 5, 125, 126, 65_535, 65_536, 200_000] {
        let bytes: Vec<u8> = (0..length).map(|n| (n * 7) as u8).collect();
        group.send(&peer, binary(&bytes));
        let heard = server.read().expect("a message").into_data();
        assert!(heard == bytes, "{length}");
        server
            .send(tungstenite::Message::text("x".repeat(length)))
            .expect("it is read");
    }
    group.wait_line(&peer, "text of 200000");
    group.close(&peer, 1000, "done");
    let closing = server.read().expect("a close frame");
    assert!(matches!(closing, tungstenite::Message::Close(Some(frame)) if frame.reason == "done"));
    // It says that it is closed once both frames have gone.
    while server.read().is_ok() {}
    drop(server);
    let lines = group.wait_closed(&peer);
    assert_eq!(
        lines[lines.len() - 2..],
        ["closing 1000 done", "close 1000 done"]
    );
}
