//! Engine.IO without Socket.IO: messages that mean nothing to the engine, over every way of
//! transport; the tokens of what is sent; ids and first messages that the application chooses.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use sori::Config;
use sori::config::{InitialPacket, Protocol};
use sori::server::{Refusal, Request, Upgrade};

use crate::support::engine::*;

fn raw_config() -> Config {
    let mut config = config();
    config.protocol = Protocol::EngineIo;
    config
}

fn rig() -> Rig {
    Rig::with(raw_config())
}

fn conn_of(rig: &Rig, client: &Client) -> ConnId {
    rig.wait(|log| log.by_sid.get(&client.sid).copied())
}

fn send(rig: &Rig, client: &Client, message: Raw<'_>, token: Option<u64>) {
    send_raw(&rig.engine, conn_of(rig, client), message, token);
}

fn send_volatile(rig: &Rig, client: &Client, token: u64) {
    rig.engine.execute(Command::Send {
        conn: conn_of(rig, client),
        message: Raw::Text("volatile"),
        volatile: true,
        compress: true,
        token: Some(token),
    });
}

/// What the application has heard by now: all that was told before the client's last word.
fn lines_up_to_now(rig: &Rig, client: &mut Client) -> Vec<String> {
    client.send("4now");
    let mut lines = rig.wait_lines(client, |lines| {
        lines.last().is_some_and(|l| l == "text now")
    });
    lines.pop();
    lines
}

#[test]
fn messages_cross_as_they_are_over_every_way() {
    let rig = rig();
    rig.app.echoes_raw.store(true, Ordering::Relaxed);
    for way in EVERY_WAY {
        let mut client = rig.open(way);
        // Socket.IO would close a client for each of these.
        for text in [
            "0",
            "",
            "1",
            "9\u{0}ä",
            "51-[{\"_placeholder\":true,\"num\":0}]",
        ] {
            client.send(&format!("4{text}"));
            assert_eq!(client.next(), format!("4{text}"), "{way:?}");
        }
        for bytes in [&[][..], &[4, 0, 255], &[0x1e]] {
            client.send_binary(bytes);
            assert_eq!(client.next(), format!("b{}", base64(bytes)), "{way:?}");
        }
    }
}

#[test]
fn bytes_keep_their_form_for_clients_of_protocol_3() {
    let mut config = raw_config();
    config.allow_eio3 = true;
    let rig = Rig::with(config);
    rig.app.echoes_raw.store(true, Ordering::Relaxed);
    let mut wire = Wire::connect(rig.address);
    let request = upgrade_request("").replace("EIO=4", "EIO=3");
    wire.send(request.as_bytes());
    assert_eq!(wire.read_answer().status, 101);
    assert!(wire.read_text().starts_with('0'));
    wire.send_frame(TEXT, b"4hi");
    assert_eq!(wire.read_text(), "4hi");
    wire.send_frame(BINARY, &[4, 1, 2]);
    assert_eq!(wire.read_frame(), (BINARY, vec![4, 1, 2]));
    wire.send_frame(TEXT, b"b4AQI=");
    assert_eq!(wire.read_frame(), (BINARY, vec![4, 1, 2]));
}

#[test]
fn bytes_are_text_for_clients_without_binary() {
    let rig = rig();
    rig.app.echoes_raw.store(true, Ordering::Relaxed);
    let mut wire = Wire::connect(rig.address);
    wire.send(
        upgrade_request("")
            .replace("EIO=4", "EIO=4&b64=1")
            .as_bytes(),
    );
    assert_eq!(wire.read_answer().status, 101);
    assert!(wire.read_text().starts_with('0'));
    wire.send_frame(TEXT, b"bAQI=");
    assert_eq!(wire.read_frame(), (TEXT, b"bAQI=".to_vec()));
    wire.send_frame(BINARY, &[1, 2]);
    assert_eq!(wire.read_frame(), (TEXT, b"bAQI=".to_vec()));
    // What is no base64 is no packet: "parse error".
    wire.send_frame(TEXT, b"b!");
    assert_eq!(wire.read_frame().0, CLOSE);
}

#[test]
fn nobody_has_to_join_a_namespace() {
    let mut config = raw_config();
    config.connect_timeout = Duration::ZERO;
    let rig = Rig::with(config);
    rig.app.echoes_raw.store(true, Ordering::Relaxed);
    for way in EVERY_WAY {
        let mut client = rig.open(way);
        client.send("4still here");
        assert_eq!(client.next(), "4still here");
    }
}

#[test]
fn the_application_hears_the_heartbeat() {
    let rig = rig();
    let mut client = rig.open(Way::WebSocket);
    client.send("3");
    assert_eq!(
        lines_up_to_now(&rig, &mut client),
        ["open websocket", "heartbeat"]
    );
}

#[test]
fn where_socket_io_is_spoken_heartbeats_are_told_once_asked_for() {
    let rig = Rig::with(config());
    let mut client = rig.open(Way::WebSocket);
    client.send("3");
    client.send("40");
    assert!(client.next().starts_with("40"));
    rig.engine.tell_heartbeats();
    client.send("3");
    let lines = rig.wait_lines(&client, |lines| lines.iter().any(|l| l == "heartbeat"));
    assert_eq!(lines.iter().filter(|l| *l == "heartbeat").count(), 1);
}

#[test]
fn who_asks_is_told_when_all_that_was_queued_is_handed_over() {
    let rig = rig();
    let mut client = rig.open(Way::Polling);
    let conn = conn_of(&rig, &client);
    send(&rig, &client, Raw::Text("a"), None);
    rig.engine.batch().ask_sent(conn, 7);
    assert_eq!(lines_up_to_now(&rig, &mut client), ["open polling"]);
    assert_eq!(client.next(), "4a");
    let mut expected = vec!["open polling", "text now", "sent 7"];
    rig.wait_lines(&client, |lines| lines == expected);
    // Nothing waits now.
    rig.engine.batch().ask_sent(conn, 8);
    expected.push("sent 8");
    rig.wait_lines(&client, |lines| lines == expected);
}

#[test]
fn a_token_is_told_when_its_message_is_handed_over() {
    let rig = rig();
    let mut client = rig.open(Way::WebSocket);
    send(&rig, &client, Raw::Text("a"), Some(1));
    send(&rig, &client, Raw::Binary(b"b"), None);
    send(&rig, &client, Raw::Text("c"), Some(u64::MAX));
    assert_eq!(
        [client.next(), client.next(), client.next()],
        ["4a", "bYg==", "4c"]
    );
    let expected = ["open websocket", "sent 1", &format!("sent {}", u64::MAX)];
    rig.wait_lines(&client, |lines| lines == expected);
}

#[test]
fn a_message_for_a_polling_client_waits_for_its_poll() {
    let rig = rig();
    let mut client = rig.open(Way::Polling);
    send(&rig, &client, Raw::Text("a"), Some(1));
    send_volatile(&rig, &client, 2);
    assert_eq!(lines_up_to_now(&rig, &mut client), ["open polling"]);
    assert_eq!(client.next(), "4a");
    // The volatile one was dropped: nothing more had to leave for it.
    let expected = ["open polling", "text now", "sent 1", "sent 2"];
    rig.wait_lines(&client, |lines| lines == expected);
    client.send("4x");
    send(&rig, &client, Raw::Text("b"), None);
    assert_eq!(client.next(), "4b");
}

#[test]
fn a_message_that_a_slow_peer_has_not_taken_is_not_told() {
    let mut config = raw_config();
    config.max_queued_bytes = 64 << 20;
    let rig = Rig::with(config);
    let mut client = rig.open(Way::WebSocket);
    // More than the sockets' buffers take.
    let large = "x".repeat(32 << 20);
    send(&rig, &client, Raw::Text(&large), Some(1));
    send(&rig, &client, Raw::Text("behind"), Some(2));
    assert_eq!(lines_up_to_now(&rig, &mut client), ["open websocket"]);
    assert_eq!(client.next().len(), 1 + large.len());
    assert_eq!(client.next(), "4behind");
    let expected = ["open websocket", "text now", "sent 1", "sent 2"];
    rig.wait_lines(&client, |lines| lines == expected);
}

#[test]
fn tokens_of_what_never_left_go_with_the_connection() {
    let rig = rig();
    let client = rig.open(Way::Polling);
    let conn = conn_of(&rig, &client);
    send(&rig, &client, Raw::Text("a"), Some(1));
    rig.engine.execute(Command::Close {
        conn,
        discard: true,
    });
    // To one that is gone nothing is sent, and nothing is told.
    send(&rig, &client, Raw::Text("b"), Some(2));
    assert_eq!(
        rig.wait_closed(&client),
        ["open polling", "close forced close"]
    );
}

#[test]
fn a_gentle_close_lets_what_was_sent_arrive() {
    let rig = rig();
    for way in EVERY_WAY {
        let mut client = rig.open(way);
        let conn = conn_of(&rig, &client);
        send(&rig, &client, Raw::Text("bye"), Some(1));
        rig.engine.execute(Command::Close {
            conn,
            discard: false,
        });
        assert_eq!(client.next(), "4bye");
        if way == Way::Polling {
            assert_eq!([client.next(), client.next()], ["6", "1"]);
        }
        let lines = rig.wait_closed(&client);
        assert_eq!(lines[lines.len() - 2..], ["sent 1", "close forced close"]);
    }
}

#[test]
fn the_first_message_comes_right_behind_the_open_packet() {
    let mut config = raw_config();
    config.allow_eio3 = true;
    config.initial_packet = Some(InitialPacket::Text("welcome".to_owned()));
    let rig = Rig::with(config.clone());
    for query in ["EIO=4", "EIO=3"] {
        let mut wire = Wire::connect(rig.address);
        wire.request("GET", &format!("/socket.io/?{query}&transport=polling"), "");
        let body = wire.read_answer().body;
        let (open, first) = match query {
            "EIO=4" => body.split_once('\x1e').expect("two packets"),
            _ => body.rsplit_once("8:").expect("two packets"),
        };
        assert!(open.contains(r#"{"sid":""#), "{body:?}");
        assert_eq!(first, "4welcome");
    }
    let mut client = rig.open(Way::WebSocket);
    assert_eq!(client.next(), "4welcome");

    config.initial_packet = Some(InitialPacket::Binary(Bytes::from_static(&[1, 2, 3])));
    let rig = Rig::with(config);
    let mut client = rig.open(Way::WebSocket);
    assert_eq!(client.next(), "bAQID");
}

#[test]
fn an_id_that_the_application_chooses_is_the_sessions_as_long_as_it_is_nobody_elses() {
    const POLLING: &str = "/socket.io/?EIO=4&transport=polling";
    let rig = rig();
    let ask = |number, sid: &str| {
        rig.engine.request(Request {
            request: RequestId(number),
            method: "GET",
            url: POLLING,
            content_type: None,
            user_agent: None,
            body: Bytes::new(),
            handshake: None,
            sid: Some(sid.into()),
            address: None,
        });
        rig.wait(|log| log.answers.get(&RequestId(number)).cloned())
    };
    let body = ask(1, "user:1 ü").body;
    assert!(
        body.starts_with(r#"0{"sid":"user:1 ü","#.as_bytes()),
        "{body:?}"
    );
    let url = format!("{POLLING}&sid=user%3A1%20%C3%BC");
    assert!(rig.engine.verify("GET", &url, false).is_ok());

    for (number, sid) in [(2, "user:1 ü"), (3, "")] {
        let answer = ask(number, sid);
        assert_eq!(answer.status, 400);
        assert_eq!(answer.body, r#"{"code":3,"message":"Bad request"}"#);
    }
    let attach = |number, sid: &str| {
        let upgrade = Upgrade {
            request: RequestId(number),
            answer: Bytes::new(),
            head: Bytes::new(),
            handshake: None,
            sid: Some(sid.into()),
            address: None,
            deflate: None,
        };
        let url = "/socket.io/?EIO=4&transport=websocket";
        rig.engine.attach_feed(url, upgrade);
    };
    attach(4, "user:1 ü");
    rig.wait(|log| log.forgotten.contains(&RequestId(4)).then_some(()));
    attach(5, "user:2");
    let conn = rig.wait(|log| log.by_sid.get("user:2").copied());
    rig.engine.execute(Command::Close {
        conn,
        discard: true,
    });
    rig.wait(|log| {
        let lines = log.lines_of("user:2");
        lines.last()?.starts_with("close").then_some(())
    });
    let url = format!("{POLLING}&sid=user:2");
    let verdict = rig.engine.verify("GET", &url, false);
    assert_eq!(verdict, Err(Refusal::UnknownSid));
    assert_eq!(ask(6, "user:2").status, 200);
}
