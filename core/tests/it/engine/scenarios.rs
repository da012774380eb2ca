//! What a Socket.IO client does in its life, over every way of transport.

use std::time::Duration;

use bytes::Bytes;

use crate::support::engine::*;
use crate::support::steady::Steady;

#[test]
fn a_websocket_handshake_is_answered_byte_for_byte() {
    let rig = Rig::new();
    let mut wire = Wire::connect(rig.address);
    wire.send(upgrade_request("").as_bytes());
    let answer = wire.read_answer();
    let headers: Vec<_> = answer.headers.iter().filter(|(n, _)| n != "date").collect();
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(answer.status, 101);
    assert_eq!(
        headers,
        [
            &header("upgrade", "websocket"),
            &header("connection", "Upgrade"),
            &header("sec-websocket-accept", ACCEPT),
        ]
    );
    let open = wire.read_text();
    let sid = sid_of(&open);
    assert_eq!(
        open,
        format!(
            r#"0{{"sid":"{sid}","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}}"#
        )
    );
}

#[test]
fn a_polling_handshake_is_answered_byte_for_byte() {
    let rig = Rig::new();
    let mut wire = Wire::connect(rig.address);
    wire.request("GET", "/socket.io/?EIO=4&transport=polling", "");
    let answer = wire.read_answer();
    let sid = sid_of(&answer.body);
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        format!(
            r#"0{{"sid":"{sid}","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}}"#
        )
    );
    let header = |name| answer.header(name);
    assert_eq!(header("content-type"), Some("text/plain; charset=UTF-8"));
    assert_eq!(header("content-length"), Some("118"));
    assert_eq!(header("cache-control"), Some("no-store"));
    assert_eq!(header("x-xss-protection"), None);
    assert!(header("date").is_some());
}

#[test]
fn a_client_lives_the_same_life_over_every_way() {
    let rig = Rig::new();
    for way in EVERY_WAY {
        let mut client = rig.open(way);
        client.send(r#"40{"token":"ä"}"#);
        let sid = sid_of(&client.next());
        assert_eq!(sid.len(), 20);
        assert_ne!(sid, client.sid);

        client.send(r#"42["echo",1,"ü",{"a":[]}]"#);
        assert_eq!(client.next(), r#"42["echo",1,"ü",{"a":[]}]"#);
        client.send(r#"427["ask","x"]"#);
        assert_eq!(client.next(), r#"437["x"]"#);
        client.send("41");

        let opened = match way {
            Way::WebSocket => vec!["open websocket"],
            Way::Polling => vec!["open polling"],
            Way::Upgraded => vec!["open polling", "probed", "upgraded"],
        };
        let mut expected = opened;
        expected.extend([
            r#"connect / {"token":"ä"}"#,
            r#"message / ["echo",1,"ü",{"a":[]}]"#,
            r#"message / 7 ["ask","x"]"#,
            "leave /",
        ]);
        let lines = rig.wait_lines(&client, |lines| lines.len() == expected.len());
        assert_eq!(lines, expected, "{way:?}");

        client.send("1");
        expected.push("close transport close");
        assert_eq!(rig.wait_closed(&client), expected, "{way:?}");
    }
}

#[test]
fn binary_goes_both_ways_over_every_way() {
    let rig = Rig::new();
    let placeholder = |n| format!(r#"{{"_placeholder":true,"num":{n}}}"#);
    for way in EVERY_WAY {
        let mut client = rig.join(way);
        let event = format!(r#"["echo",{},{}]"#, placeholder(0), placeholder(1));
        client.send(&format!("452-{event}"));
        client.send_binary(&[1, 2, 3]);
        client.send_binary(&[]);
        let echoed: Vec<String> = (0..3).map(|_| client.next()).collect();
        assert_eq!(echoed, [&format!("452-{event}"), "bAQID", "b"], "{way:?}");

        client.send(&format!(r#"451-9["ask",{}]"#, placeholder(0)));
        client.send_binary(&[0xff; 300]);
        assert_eq!(client.next(), format!("461-9[{}]", placeholder(0)));
        assert_eq!(client.next(), format!("b{}", base64(&[0xff; 300])));

        let lines = rig.wait_lines(&client, |lines| lines.len() >= 4);
        let heard = format!("message / {event} +010203 +");
        assert!(lines.contains(&heard), "{way:?}: {lines:?}");
    }
}

#[test]
fn the_server_is_answered_and_told_when_it_is_not() {
    let rig = Rig::new();
    for way in EVERY_WAY {
        let mut client = rig.join(way);
        let socket = rig.socket(&client);
        let ask = |id: u64, timeout| {
            rig.engine.execute(Command::Emit {
                socket,
                payload: Payload {
                    json: br#"["q",{"_placeholder":true,"num":0}]"#,
                    attachments: vec![Bytes::from_static(b"abc")],
                },
                volatile: false,
                ack: Some(AckRequest {
                    id,
                    timeout,
                    telling: Telling::default(),
                }),
            });
        };
        let question = |id: u64| format!(r#"451-{id}["q",{{"_placeholder":true,"num":0}}]"#);
        ask(70, None);
        assert_eq!(
            [client.next(), client.next()],
            [question(70), "bYWJj".into()]
        );
        client.send("4370[true]");
        ask(71, Some(Duration::from_millis(5)));
        assert_eq!(
            [client.next(), client.next()],
            [question(71), "bYWJj".into()]
        );
        let heard = |lines: &[String]| lines.last().is_some_and(|l| l == "ack timeout / 71");
        let lines = rig.wait_lines(&client, heard);
        assert_eq!(lines[lines.len() - 2], "ack / 70 [true]", "{way:?}");
        client.send("4371[]");
        client.expect_nothing();
    }
}

#[test]
fn namespaces_of_one_connection_are_apart() {
    let rig = Rig::new();
    for way in EVERY_WAY {
        let mut client = rig.join(way);
        client.send(r#"40/nope,{"x":1}"#);
        assert_eq!(client.next(), r#"44/nope,{"message":"Invalid namespace"}"#);
        let chat = client.enter("/chat");
        client.send("40/mute");
        client.send(r#"42/chat,["echo",1]"#);
        assert_eq!(client.next(), r#"42/chat,["echo",1]"#);

        let namespace = rig.engine.hub().lookup("/chat").expect("it is registered");
        let socket = namespace.find(&chat).expect("the socket is there");
        rig.engine.execute(Command::Disconnect { socket });
        assert_eq!(client.next(), "41/chat,");
        assert_eq!(namespace.len(), 0);
        emit(&rig.engine, socket, json(r#"["lost"]"#));
        client.expect_nothing();

        assert_ne!(client.enter("/chat"), chat);
        client.send("41/chat");
        client.expect_nothing();
        client.send("1");
        let lines = rig.wait_closed(&client);
        assert_eq!(lines[lines.len() - 1], "close transport close in /");
        assert!(lines.contains(&"leave /chat".to_owned()), "{lines:?}");
    }
}

#[test]
fn a_packet_out_of_place_ends_the_connection() {
    let cases = [
        ("42[\"a\"]", "close forced close"),
        ("40/nope,\"", "close forced close: invalid payload"),
        ("4", "close forced close: "),
        ("9", "close parse error"),
        ("2", "close transport error: invalid heartbeat direction"),
    ];
    let rig = Rig::new();
    for (packet, close) in cases {
        let mut client = rig.open(Way::WebSocket);
        client.send(packet);
        let lines = rig.wait_closed(&client);
        assert_eq!(lines.len(), 2, "{packet}: {lines:?}");
        assert!(lines[1].starts_with(close), "{packet}: {lines:?}");
        assert_eq!(client.wire().read_close(), b"");
        client.wire().send_frame(CLOSE, b"");
        client.wire().expect_end();
    }
}

#[test]
fn the_application_closes_a_connection_and_what_it_said_arrives_first() {
    let rig = Rig::new();
    for way in EVERY_WAY {
        let mut client = rig.join(way);
        let socket = rig.socket(&client);
        rig.emit(&client, r#"["last words"]"#);
        rig.engine.execute(Command::Close {
            conn: socket.conn,
            discard: false,
        });
        assert_eq!(client.next(), r#"42["last words"]"#, "{way:?}");
        match way {
            Way::Polling => assert!(["1", "6"].contains(&client.next().as_str())),
            _ => assert_eq!(client.wire().read_close(), b""),
        }
        let lines = rig.wait_closed(&client);
        assert_eq!(lines[lines.len() - 1], "close forced close in /");
    }
}

#[test]
fn an_independent_client_is_served() {
    use tungstenite::Message;

    let rig = Rig::new();
    let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", rig.address);
    let stream = Steady::connect(rig.address);
    let (mut client, _) = tungstenite::client(url, stream).expect("a handshake");
    let open = client.read().expect("the open packet");
    assert!(open.into_text().expect("text").starts_with("0{"));
    client.send(Message::text("40")).expect("a living peer");
    client.read().expect("the answer to CONNECT");
    let long = "ä".repeat(300_000);
    let event = format!(r#"42["echo","{long}"]"#);
    client
        .send(Message::text(event.as_str()))
        .expect("a living peer");
    let echo = client.read().expect("the echo").into_text().expect("text");
    assert_eq!(echo.as_str(), event);
    client
        .send(Message::Ping(Bytes::from_static(b"?")))
        .expect("a living peer");
    let pong = client.read().expect("a pong");
    assert_eq!(pong, Message::Pong(Bytes::from_static(b"?")));
    client.close(None).expect("a living peer");
    while client.read().is_ok() {}
}

#[test]
fn connections_are_dealt_out_to_all_shards() {
    let rig = Rig::new();
    for way in [Way::Polling, Way::WebSocket, Way::Upgraded] {
        let clients: Vec<_> = (0..4).map(|_| rig.join(way)).collect();
        let shards = clients.iter().map(|client| rig.socket(client).conn.shard);
        let mut shards: Vec<_> = shards.collect();
        shards.sort_unstable();
        assert_eq!(shards, [0, 0, 1, 1], "{way:?}");
    }
}
