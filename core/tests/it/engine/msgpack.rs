//! Socket.IO as MessagePack, over every way of transport: each packet is one binary message.

use bytes::Bytes;
use sori::config::{Parser, RecoverySettings};
use sori::proto::msgpack;
use sori::proto::socket::PacketType;

use crate::support::engine::*;

const PLACEHOLDER: &str = r#"{"_placeholder":true,"num":0}"#;

fn rig() -> Rig {
    let mut config = config();
    config.parser = Parser::MessagePack;
    Rig::with(config)
}

/// A packet as text: kind, namespace, id, data, attachments.
type Heard = (PacketType, String, Option<u64>, String, Vec<Vec<u8>>);

fn say(client: &mut Client, kind: PacketType, namespace: &str, id: Option<u64>, data: &str) {
    say_with(client, (kind, namespace, id, data), &[]);
}

fn say_with(
    client: &mut Client,
    (kind, namespace, id, data): (PacketType, &str, Option<u64>, &str),
    attachments: &[&[u8]],
) {
    let frame = msgpack::encode(kind, namespace, id, data, attachments).expect("JSON");
    client.send_binary(frame.payload_ref());
}

fn hear(client: &mut Client) -> Heard {
    use base64::Engine as _;
    let message = client.next();
    let digits = message.strip_prefix('b').expect("a binary message");
    let bytes = base64::engine::general_purpose::STANDARD.decode(digits);
    let bytes = bytes.expect("base64");
    let packet = msgpack::decode(&bytes, 10).expect("a packet");
    let attachments = packet.attachments.iter().map(|bytes| bytes.to_vec());
    (
        packet.kind,
        packet.namespace.into_owned(),
        packet.id,
        packet.data.clone().unwrap_or_default(),
        attachments.collect(),
    )
}

fn join(rig: &Rig, way: Way) -> (Client, String) {
    let mut client = rig.open(way);
    say(&mut client, PacketType::Connect, "/", None, "");
    let (kind, _, _, data, _) = hear(&mut client);
    assert_eq!(kind, PacketType::Connect);
    (client, sid_of(&data))
}

#[test]
fn a_client_lives_the_same_life_over_every_way() {
    use PacketType::*;
    let rig = rig();
    for way in EVERY_WAY {
        let mut client = rig.open(way);
        say(&mut client, Connect, "/", None, r#"{"token":"ä"}"#);
        let (kind, namespace, _, data, _) = hear(&mut client);
        assert_eq!((kind, namespace.as_str()), (Connect, "/"));
        assert_eq!(sid_of(&data).len(), 20);

        say(
            &mut client,
            Event,
            "/",
            None,
            r#"["echo",1,"ü",{"a":[]},null]"#,
        );
        let echoed = r#"["echo",1,"ü",{"a":[]},null]"#.to_owned();
        assert_eq!(hear(&mut client), (Event, "/".into(), None, echoed, vec![]));

        let data = format!(r#"["echo",{PLACEHOLDER}]"#);
        say_with(&mut client, (BinaryEvent, "/", None, &data), &[&[0, 255]]);
        let expected = (BinaryEvent, "/".into(), None, data, vec![vec![0, 255]]);
        assert_eq!(hear(&mut client), expected);

        let data = format!(r#"["ask",{PLACEHOLDER}]"#);
        say_with(&mut client, (BinaryEvent, "/", Some(7), &data), &[&[1]]);
        let answer = format!("[{PLACEHOLDER}]");
        let expected = (BinaryAck, "/".into(), Some(7), answer, vec![vec![1]]);
        assert_eq!(hear(&mut client), expected);

        say(&mut client, Connect, "/nope", None, "");
        let error = r#"{"message":"Invalid namespace"}"#.to_owned();
        let expected = (ConnectError, "/nope".into(), None, error, vec![]);
        assert_eq!(hear(&mut client), expected);
        say(&mut client, Disconnect, "/", None, "");

        let mut expected = match way {
            Way::WebSocket => vec!["open websocket"],
            Way::Polling => vec!["open polling"],
            Way::Upgraded => vec!["open polling", "probed", "upgraded"],
        };
        expected.extend([
            r#"connect / {"token":"ä"}"#,
            r#"message / ["echo",1,"ü",{"a":[]},null]"#,
            r#"message / ["echo",{"_placeholder":true,"num":0}] +00ff"#,
            r#"message / 7 ["ask",{"_placeholder":true,"num":0}] +01"#,
            "connect /nope",
            "leave /",
        ]);
        rig.wait_lines(&client, |lines| lines == expected);
    }
}

#[test]
fn acks_and_broadcasts_reach_everybody_in_the_same_form() {
    let rig = rig();
    let mut clients: Vec<Client> = EVERY_WAY.map(|way| join(&rig, way).0).into();
    rig.engine.execute(Command::Broadcast {
        namespace: ROOT,
        audience: Audience::default(),
        payload: Payload {
            json: format!(r#"["news",{PLACEHOLDER}]"#).as_bytes(),
            attachments: vec![Bytes::from_static(&[9])],
        },
        volatile: false,
        ack: Some(AckRequest {
            id: 5,
            timeout: None,
            telling: Telling::default(),
        }),
    });
    for (at, client) in clients.iter_mut().enumerate() {
        let (kind, _, id, data, attachments) = hear(client);
        assert_eq!((kind, id), (PacketType::BinaryEvent, Some(5)));
        assert_eq!(data, format!(r#"["news",{PLACEHOLDER}]"#));
        assert_eq!(attachments, [[9]]);
        say(client, PacketType::Ack, "/", Some(5), &format!("[{at}]"));
    }
    let (_, mut answers, timed_out) = rig.wait(|log| log.broadcast_acks.first().cloned());
    answers.sort();
    assert_eq!(
        (answers.join(" "), timed_out),
        ("[0] [1] [2]".into(), false)
    );
}

#[test]
fn a_client_that_is_disconnected_is_told() {
    let rig = rig();
    let (mut client, _) = join(&rig, Way::WebSocket);
    let socket = rig.socket(&client);
    rig.engine.execute(Command::Disconnect { socket });
    assert_eq!(hear(&mut client).0, PacketType::Disconnect);
}

#[test]
fn what_is_no_packet_costs_its_sender_the_connection() {
    let rig = rig();
    let too_many = {
        let bytes: [&[u8]; 11] = [&[1]; 11];
        let names: Vec<String> = (0..11)
            .map(|num| format!(r#"{{"_placeholder":true,"num":{num}}}"#))
            .collect();
        let data = format!(r#"["x",{}]"#, names.join(","));
        msgpack::encode(PacketType::BinaryEvent, "/", None, &data, &bytes).expect("JSON")
    };
    let bad: [&[u8]; 6] = [
        b"",
        &[0xc1],
        // A map of 2^32 - 1 entries that are not there.
        &[0xdf, 0xff, 0xff, 0xff, 0xff],
        // `{"type":9,"nsp":"/"}`
        &[
            0x82, 0xa4, b't', b'y', b'p', b'e', 9, 0xa3, b'n', b's', b'p', 0xa1, b'/',
        ],
        too_many.payload_ref(),
        // Right but for one byte too many.
        &[
            0x82, 0xa4, b't', b'y', b'p', b'e', 0, 0xa3, b'n', b's', b'p', 0xa1, b'/', 0,
        ],
    ];
    for bytes in bad {
        for way in [Way::WebSocket, Way::Polling] {
            let mut client = rig.open(way);
            client.send_binary(bytes);
            if way == Way::Polling {
                assert_eq!([client.next(), client.next()], ["6", "1"]);
            }
            let lines = rig.wait_closed(&client);
            let last = lines.last().expect("its end");
            assert!(
                last.starts_with("close forced close: "),
                "{bytes:?}: {last}"
            );
        }
    }
    let (mut client, _) = join(&rig, Way::WebSocket);
    client.send(r#"42["echo"]"#);
    let lines = rig.wait_closed(&client);
    assert!(
        lines.last().is_some_and(|l| l.ends_with(" in /")),
        "{lines:?}"
    );
}

#[test]
fn what_was_missed_comes_back_in_the_same_form() {
    let mut config = config();
    config.parser = Parser::MessagePack;
    config.recovery = Some(RecoverySettings::default());
    let rig = Rig::with(config);
    let mut client = rig.open(Way::WebSocket);
    say(&mut client, PacketType::Connect, "/", None, "");
    let joined = hear(&mut client).3;
    let pid = joined
        .split(r#""pid":""#)
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let pid = pid.expect("a private id").to_owned();
    rig.broadcast(&[], &[], r#"["seen"]"#);
    let seen = hear(&mut client).3;
    let offset = seen.rsplit('"').nth(1).expect("an offset").to_owned();
    client.wire().finish();
    rig.wait_closed(&client);
    rig.engine.execute(Command::Broadcast {
        namespace: ROOT,
        audience: Audience::default(),
        payload: Payload {
            json: format!(r#"["missed",{PLACEHOLDER}]"#).as_bytes(),
            attachments: vec![Bytes::from_static(&[7])],
        },
        volatile: false,
        ack: None,
    });
    let mut back = rig.open(Way::WebSocket);
    let auth = format!(r#"{{"pid":"{pid}","offset":"{offset}"}}"#);
    say(&mut back, PacketType::Connect, "/", None, &auth);
    let (kind, _, _, data, attachments) = hear(&mut back);
    assert_eq!(
        (kind, attachments),
        (PacketType::BinaryEvent, vec![vec![7]])
    );
    assert!(data.starts_with(r#"["missed","#), "{data}");
    let (kind, _, _, data, _) = hear(&mut back);
    assert_eq!(
        (kind, sid_of(&data)),
        (PacketType::Connect, sid_of(&joined))
    );
}
