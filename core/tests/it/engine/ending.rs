//! How WebSockets end: close frames, broken frames, resets, and streams that just stop.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sori::server::Upgrade;

use crate::support::engine::*;

#[test]
fn a_close_frame_is_answered_with_its_code() {
    let rig = Rig::new();
    let cases: [(&[u8], &[u8]); 3] = [
        (b"", b""),
        (b"\x03\xe9going away", b"\x03\xe9"),
        (b"\x0f\xa0", b"\x0f\xa0"),
    ];
    for (sent, answered) in cases {
        for way in [Way::WebSocket, Way::Upgraded] {
            let mut client = rig.join(way);
            client.wire().send_frame(CLOSE, sent);
            assert_eq!(client.wire().read_close(), answered);
            client.wire().expect_end();
            let lines = rig.wait_closed(&client);
            assert_eq!(lines[lines.len() - 1], "close transport close in /");
        }
    }
}

#[test]
fn a_broken_frame_is_answered_with_what_is_wrong() {
    let rig = Rig::new();
    let cases: [(&[u8], u16, &str); 7] = [
        (b"\x81\x01x", 1002, "MASK must be set"),
        (b"\xc1\x80aaaa", 1002, "RSV1 must be clear"),
        (b"\x83\x80aaaa", 1002, "invalid opcode 3"),
        (b"\x80\x80aaaa", 1002, "invalid opcode 0"),
        (b"\x09\x80aaaa", 1002, "FIN must be set"),
        (b"\x88\x82aaaa\x62\x8c", 1002, "invalid status code 1005"),
        (b"\x81\x81\0\0\0\0\xff", 1007, "invalid UTF-8 sequence"),
    ];
    for (bytes, code, message) in cases {
        let mut client = rig.join(Way::WebSocket);
        // What comes behind it is not looked at.
        let behind = [bytes, &frame(TEXT, br#"42["echo"]"#), &[0x41; 100_000]].concat();
        client.wire().send(&behind);
        assert_eq!(client.wire().read_close(), code.to_be_bytes(), "{message}");
        client.wire().expect_end();
        let lines = rig.wait_closed(&client);
        let close = format!("close transport error: Invalid WebSocket frame: {message} in /");
        assert_eq!(lines, ["open websocket", "connect /", &close]);
    }
}

#[test]
fn what_comes_before_the_end_of_the_stream_is_heard() {
    let rig = Rig::new();
    for ending in [Vec::new(), frame(CLOSE, b""), frame(TEXT, b"1")] {
        let mut client = rig.join(Way::WebSocket);
        let last = frame(TEXT, br#"42["last"]"#);
        client.wire().send(&[last, ending].concat());
        client.wire().finish();
        client.wire().read_to_end();
        let lines = rig.wait_closed(&client);
        let expected = [
            "open websocket",
            "connect /",
            r#"message / ["last"]"#,
            "close transport close in /",
        ];
        assert_eq!(lines, expected);
    }
}

#[test]
fn a_reset_in_the_middle_of_a_frame_ends_the_connection_alone() {
    let rig = Rig::new();
    let mut good = rig.join(Way::WebSocket);
    for _ in 0..20 {
        let client = {
            let mut client = rig.join(Way::WebSocket);
            rig.emit(&client, r#"["unread"]"#);
            client.wire().wait_readable();
            client.wire().send(&frame(TEXT, br#"42["cut"]"#)[..9]);
            // Closed with bytes unread, the stream is reset.
            let carrier = Carrier::WebSocket(Wire::connect(rig.address));
            drop(std::mem::replace(&mut client.carrier, carrier));
            client
        };
        let lines = rig.wait_closed(&client);
        assert_eq!(
            lines,
            ["open websocket", "connect /", "close transport close in /"]
        );
        good.expect_nothing();
    }
}

#[test]
fn pings_are_answered_by_the_newest_pong_however_many_they_are() {
    let rig = Rig::new();
    let mut client = rig.join(Way::WebSocket);
    let mut flood = Vec::new();
    for n in 0..20_000u32 {
        flood.extend(frame(PING, &n.to_be_bytes()));
    }
    client.wire().send(&flood);
    client.send(r#"42["echo"]"#);
    let mut newest = None;
    let mut pongs = 0;
    let mut has_echo = false;
    while newest != Some(19_999) || !has_echo {
        match client.wire().read_frame() {
            (PONG, payload) => {
                let n = u32::from_be_bytes(payload.try_into().expect("four bytes"));
                assert!(newest < Some(n), "{newest:?}, then {n}");
                newest = Some(n);
                pongs += 1;
            }
            (first_byte, _) => {
                assert_eq!(first_byte, TEXT);
                has_echo = true;
            }
        }
    }
    assert!(pongs < 20_000, "many pings are answered at once");
    client.expect_nothing();
}

#[test]
fn who_does_not_answer_a_close_frame_is_dropped_soon() {
    let rig = Rig::new();
    let mut client = rig.join(Way::WebSocket);
    let conn = rig.socket(&client).conn;
    rig.engine.execute(Command::Close {
        conn,
        discard: false,
    });
    let start = Instant::now();
    assert_eq!(client.wire().read_close(), b"");
    // Pings are no answer, and get none.
    client.wire().send_frame(PING, b"?");
    client.wire().expect_end();
    assert!(start.elapsed() < Duration::from_secs(4));
}

#[test]
fn a_graceful_close_waits_for_a_reader_that_takes_its_time() {
    const EVENTS: usize = 12;
    let mut config = config();
    config.ping_interval = Duration::from_millis(2_300);
    let rig = Rig::with(config);
    let mut clock = rig.join(Way::WebSocket);
    let mut client = rig.join(Way::WebSocket);
    let conn = rig.socket(&client).conn;
    let event = format!(r#"["{}"]"#, "x".repeat(1_000_000));
    for _ in 0..EVENTS {
        rig.emit(&client, &event);
    }
    rig.engine.execute(Command::Close {
        conn,
        discard: false,
    });
    rig.wait_closed(&client);
    // Longer than a peer is given that has nothing left to take.
    assert_eq!(clock.next(), "2");
    for n in 0..EVENTS {
        let (_, payload) = client
            .wire()
            .try_read_frame()
            .unwrap_or_else(|| panic!("event {n}"));
        assert_eq!(payload.len(), event.len() + 2);
    }
    assert_eq!(client.wire().read_close(), b"");
}

#[test]
fn who_says_goodbye_and_reads_nothing_is_dropped_all_the_same() {
    let rig = Rig::new();
    let event = format!(r#"["{}"]"#, "x".repeat(1_000_000));
    let farewells = [frame(CLOSE, b""), b"\xff\xff".to_vec()];
    let mut clients = farewells.map(|farewell| {
        let mut client = rig.join(Way::WebSocket);
        for _ in 0..12 {
            rig.emit(&client, &event);
        }
        client.wire().send(&farewell);
        rig.wait_closed(&client);
        client
    });
    for client in &mut clients {
        client.wire().wait_until_reset();
    }
}

#[test]
fn what_was_said_before_the_engine_closed_arrives() {
    let rig = Rig::of_one_shard();
    let mut clients = EVERY_WAY.map(|way| rig.join(way));
    clients[1].polling().begin_poll();
    clients[1].expect_pending(&rig);
    rig.broadcast(&[], &[], r#"["bye"]"#);
    rig.engine.close();
    for client in &mut clients {
        assert_eq!(client.next(), r#"42["bye"]"#);
    }
}

#[test]
fn a_client_that_polls_fetches_what_it_is_to_be_told_while_there_is_time() {
    let rig = Rig::of_one_shard();
    let mut client = rig.join(Way::Polling);
    rig.emit(&client, r#"["last"]"#);
    rig.engine.close_within(PATIENCE);
    assert_eq!(client.next(), r#"42["last"]"#);
    // A poll that finds nothing but the end has a no-op before it, as with engine.io.
    while client.next() != "1" {}
    let took = rig.close();
    assert!(took < PATIENCE / 2, "{took:?}");
}

#[test]
fn an_engine_closes_soon_although_some_take_nothing() {
    let rig = Rig::new();
    let event = format!(r#"["{}"]"#, "x".repeat(1_000_000));
    let clients = EVERY_WAY.map(|way| {
        let client = rig.join(way);
        for _ in 0..12 {
            rig.emit(&client, &event);
        }
        let conn = rig.socket(&client).conn;
        rig.engine.execute(Command::Close {
            conn,
            discard: false,
        });
        client
    });
    let took = rig.close();
    assert!(took < Duration::from_secs(4), "{took:?}");
    drop(clients);
}

/// A WebSocket that somebody else has upgraded and the engine has taken on as request `number`.
fn taken_on(rig: &Rig, number: u64, query: &str) -> Wire {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    let url = format!("/socket.io/?EIO=4&transport=websocket{query}");
    let upgrade = Upgrade {
        request: RequestId(number),
        answer: Bytes::new(),
        head: Bytes::new(),
        handshake: None,
        deflate: None,
        sid: None,
        address: None,
    };
    rig.engine.attach(&url, stream, upgrade);
    Wire::over(peer)
}

fn drop_stream(rig: &Rig, client: &Client, request: u64) {
    let SocketRef { conn, .. } = rig.socket(client);
    let request = RequestId(request);
    rig.engine.execute(Command::DropStream { conn, request });
}

#[test]
fn a_stream_that_is_dropped_ends_its_connection_without_a_close_frame() {
    let rig = Rig::new();
    let mut wire = taken_on(&rig, 900, "");
    let sid = sid_of(&wire.read_text());
    wire.send_frame(TEXT, b"40");
    assert!(wire.read_text().starts_with("40{"));
    let mut client = rig.join(Way::WebSocket);
    client.sid = sid;
    client.carrier = Carrier::WebSocket(wire);
    // Another's request names nothing of it.
    drop_stream(&rig, &client, 901);
    client.expect_nothing();
    drop_stream(&rig, &client, 900);
    assert_eq!(client.wire().read_to_end(), b"");
    let lines = rig.wait_closed(&client);
    assert_eq!(lines[lines.len() - 1], "close transport close in /");
}

#[test]
fn a_candidate_that_is_dropped_leaves_its_session_where_it_was() {
    let rig = Rig::new();
    let mut client = rig.join(Way::Polling);
    let mut wire = taken_on(&rig, 900, &format!("&sid={}", client.sid));
    wire.send_frame(TEXT, b"2probe");
    assert_eq!(wire.read_text(), "3probe");
    drop_stream(&rig, &client, 900);
    assert_eq!(wire.read_to_end(), b"");
    client.send(r#"42["echo","still polling"]"#);
    assert_eq!(client.next(), r#"42["echo","still polling"]"#);
}
