//! Socket.IO packets, by golden bytes and at random, with serde_json as the judge of JSON.

use proptest::prelude::*;
use sori::proto::DecodeError;
use sori::proto::socket::{
    Packet, PacketType, decode, encode, encode_frame, event_args, event_name,
};
use sori::proto::websocket::Frame;

const MAX_ATTACHMENTS: u32 = 10;

fn packet<'a>(kind: PacketType, data: Option<&'a str>) -> Packet<'a> {
    Packet {
        kind,
        attachments: 0,
        namespace: "/",
        id: None,
        data,
    }
}

fn encoded(packet: &Packet<'_>) -> String {
    let Packet {
        kind,
        attachments,
        namespace,
        id,
        data,
    } = *packet;
    let mut out = Vec::new();
    encode(
        kind,
        attachments,
        namespace,
        id,
        data.unwrap_or_default().as_bytes(),
        &mut out,
    );
    String::from_utf8(out).expect("a packet is text")
}

fn refusal_of(text: &str) -> DecodeError {
    decode(text, MAX_ATTACHMENTS).expect_err(text)
}

#[test]
fn decodes_and_encodes_every_type() {
    use PacketType::*;
    let binary = r#"["m",{"_placeholder":true,"num":0}]"#;
    let table = [
        ("0", packet(Connect, None)),
        (r#"0{"sid":"x"}"#, packet(Connect, Some(r#"{"sid":"x"}"#))),
        (
            "0/admin,",
            Packet {
                namespace: "/admin",
                ..packet(Connect, None)
            },
        ),
        (
            r#"0/admin,{"token":"t"}"#,
            Packet {
                namespace: "/admin",
                ..packet(Connect, Some(r#"{"token":"t"}"#))
            },
        ),
        ("1", packet(Disconnect, None)),
        (
            "1/admin,",
            Packet {
                namespace: "/admin",
                ..packet(Disconnect, None)
            },
        ),
        (r#"2["m",1]"#, packet(Event, Some(r#"["m",1]"#))),
        (
            r#"212["m",1]"#,
            Packet {
                id: Some(12),
                ..packet(Event, Some(r#"["m",1]"#))
            },
        ),
        (
            r#"2/admin,0["m"]"#,
            Packet {
                namespace: "/admin",
                id: Some(0),
                ..packet(Event, Some(r#"["m"]"#))
            },
        ),
        (
            "312[1]",
            Packet {
                id: Some(12),
                ..packet(Ack, Some("[1]"))
            },
        ),
        (
            "31",
            Packet {
                id: Some(1),
                ..packet(Ack, None)
            },
        ),
        (
            r#"4/nope,{"message":"Invalid namespace"}"#,
            Packet {
                namespace: "/nope",
                ..packet(ConnectError, Some(r#"{"message":"Invalid namespace"}"#))
            },
        ),
        (r#"4"text""#, packet(ConnectError, Some(r#""text""#))),
        (
            r#"51-["m",{"_placeholder":true,"num":0}]"#,
            Packet {
                attachments: 1,
                ..packet(BinaryEvent, Some(binary))
            },
        ),
        (
            r#"510-/a,7["m",{"_placeholder":true,"num":0}]"#,
            Packet {
                attachments: 10,
                namespace: "/a",
                id: Some(7),
                ..packet(BinaryEvent, Some(binary))
            },
        ),
        (
            r#"61-18446744073709551615[{"_placeholder":true,"num":0}]"#,
            Packet {
                attachments: 1,
                id: Some(u64::MAX),
                ..packet(BinaryAck, Some(r#"[{"_placeholder":true,"num":0}]"#))
            },
        ),
    ];
    for (text, packet) in table {
        assert_eq!(decode(text, MAX_ATTACHMENTS), Ok(packet), "{text}");
        assert_eq!(encoded(&packet), text);
    }
}

#[test]
fn a_namespace_ends_at_the_comma_or_at_the_end() {
    let bare = Packet {
        namespace: "/admin",
        ..packet(PacketType::Connect, None)
    };
    assert_eq!(decode("0/admin", MAX_ATTACHMENTS), Ok(bare));
    let query = Packet {
        namespace: "/a?token=x",
        ..packet(PacketType::Connect, None)
    };
    assert_eq!(decode("0/a?token=x,", MAX_ATTACHMENTS), Ok(query));
    let root = packet(PacketType::Event, Some("[\"a\"]"));
    assert_eq!(decode("2/,[\"a\"]", MAX_ATTACHMENTS), Ok(root));
}

#[test]
fn refuses_what_socket_io_parser_refuses() {
    let cases = [
        ("", DecodeError::EmptyPacket),
        ("7", DecodeError::UnknownPacketType('7')),
        ("999", DecodeError::UnknownPacketType('9')),
        ("\u{fc}", DecodeError::UnknownPacketType('\u{fc}')),
        ("\u{130}", DecodeError::UnknownPacketType('\u{130}')),
        ("5", DecodeError::IllegalAttachments),
        ("51", DecodeError::IllegalAttachments),
        ("5-[\"a\"]", DecodeError::IllegalAttachments),
        ("50-[\"a\"]", DecodeError::IllegalAttachments),
        ("5x-[\"a\"]", DecodeError::IllegalAttachments),
        ("5+1-[\"a\"]", DecodeError::IllegalAttachments),
        ("511-[\"a\"]", DecodeError::TooManyAttachments),
        (
            "599999999999999999999-[\"a\"]",
            DecodeError::TooManyAttachments,
        ),
        ("218446744073709551616[\"a\"]", DecodeError::IllegalAckId),
        ("442[\"some\",\"data\"", DecodeError::InvalidPayload),
        ("0/admin,\"invalid\"", DecodeError::InvalidPayload),
        ("0[]", DecodeError::InvalidPayload),
        ("1/admin,{}", DecodeError::InvalidPayload),
        ("2/admin,\"invalid", DecodeError::InvalidPayload),
        ("2/admin,{}", DecodeError::InvalidPayload),
        ("2[]", DecodeError::InvalidPayload),
        ("2[{\"toString\":\"foo\"}]", DecodeError::InvalidPayload),
        ("2[true,\"foo\"]", DecodeError::InvalidPayload),
        ("2[null,\"bar\"]", DecodeError::InvalidPayload),
        ("2[\"a\"] x", DecodeError::InvalidPayload),
        ("2[\"a\",]", DecodeError::InvalidPayload),
        ("3{}", DecodeError::InvalidPayload),
        ("3null", DecodeError::InvalidPayload),
        ("4[]", DecodeError::InvalidPayload),
        ("41x", DecodeError::InvalidPayload),
        // Not refused by socket.io-parser, but there is no name to dispatch by.
        ("2", DecodeError::InvalidPayload),
        ("51-", DecodeError::InvalidPayload),
    ];
    for (text, error) in cases {
        assert_eq!(refusal_of(text), error, "{text}");
    }
}

#[test]
fn refuses_reserved_event_names_however_they_are_written() {
    for name in [
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
        "\\u0063onnect",
    ] {
        assert_eq!(
            refusal_of(&format!("2[\"{name}\",1]")),
            DecodeError::InvalidPayload,
            "{name}"
        );
        assert_eq!(
            refusal_of(&format!("51-[ \"{name}\"]")),
            DecodeError::InvalidPayload,
            "{name}"
        );
        assert!(
            decode(&format!("3[\"{name}\"]"), MAX_ATTACHMENTS).is_ok(),
            "{name} in an ack"
        );
    }
}

#[test]
fn says_what_is_wrong_in_the_words_of_socket_io_parser() {
    assert_eq!(refusal_of("999").to_string(), "unknown packet type 9");
    assert_eq!(refusal_of("5").to_string(), "Illegal attachments");
    assert_eq!(refusal_of("511-[]").to_string(), "too many attachments");
    assert_eq!(refusal_of("2{}").to_string(), "invalid payload");
}

#[test]
fn deep_nesting_neither_overflows_the_stack_nor_is_refused() {
    const DEPTH: usize = 1_000_000;
    let open = format!("2[\"a\",{}", "[".repeat(DEPTH));
    assert_eq!(refusal_of(&open), DecodeError::InvalidPayload);
    let closed = format!("{open}{}]", "]".repeat(DEPTH));
    assert!(decode(&closed, MAX_ATTACHMENTS).is_ok());
    let objects = format!("3[{}1{}]", "{\"a\":".repeat(DEPTH), "}".repeat(DEPTH));
    assert!(decode(&objects, MAX_ATTACHMENTS).is_ok());
    let crossed = format!("3[{}{}]", "[".repeat(DEPTH), "}".repeat(DEPTH));
    assert_eq!(refusal_of(&crossed), DecodeError::InvalidPayload);
}

#[test]
fn gives_the_name_of_an_event() {
    let name = |data| event_name(data).map(|name| name.into_owned());
    assert_eq!(name(r#"["msg",1]"#).as_deref(), Some("msg"));
    assert_eq!(name(r#" [ "msg" ] "#).as_deref(), Some("msg"));
    assert_eq!(name(r#"[""]"#).as_deref(), Some(""));
    assert_eq!(name("[-1.5e3,1]").as_deref(), Some("-1.5e3"));
    assert_eq!(
        name(r#"["a\n\"\\\/\b\f\r\t\u00fcz"]"#).as_deref(),
        Some("a\n\"\\/\u{8}\u{c}\r\t\u{fc}z")
    );
    assert_eq!(name(r#"["\ud83d\ude00!"]"#).as_deref(), Some("\u{1f600}!"));
    assert_eq!(name(r#"["\ud83d!","x"]"#).as_deref(), Some("\u{fffd}!"));
    assert_eq!(name(r#"["\ud83d\u0041"]"#).as_deref(), Some("\u{fffd}A"));
    assert_eq!(name(r#"["\ude00"]"#).as_deref(), Some("\u{fffd}"));
    assert_eq!(name("[null]"), None);
    assert_eq!(name("[]"), None);
    assert_eq!(name("{}"), None);
}

#[test]
fn a_plain_event_name_is_borrowed() {
    let borrowed = |data| matches!(event_name(data), Some(std::borrow::Cow::Borrowed(_)));
    assert!(borrowed(r#"["msg"]"#));
    assert!(borrowed("[1]"));
}

#[test]
fn gives_the_arguments_of_an_event_as_raw_text() {
    assert_eq!(event_args(r#"["a",1,2]"#), "1,2");
    assert_eq!(event_args(r#"["a"]"#), "");
    assert_eq!(
        event_args(r#" [ "a" , {"b": [1]} , 2 ] "#),
        r#"{"b": [1]} , 2"#
    );
    assert_eq!(event_args(r#"["a\"]",[]]"#), "[]");
    assert_eq!(event_args("[7,null]"), "null");
    assert_eq!(event_args("[7]"), "");
}

#[test]
fn encodes_a_packet_as_one_frame() {
    let frame = encode_frame(PacketType::Event, 0, "/", Some(12), &[b"[\"msg\",", b"1]"]);
    assert_eq!(frame, Frame::text(&[b"4212[\"msg\",1]"]));
    let frame = encode_frame(PacketType::BinaryAck, 2, "/admin", Some(0), &[b"[]"]);
    assert_eq!(frame, Frame::text(&[b"462-/admin,0[]"]));
    let frame = encode_frame(PacketType::Connect, 0, "/", None, &[]);
    assert_eq!(frame.as_bytes(), b"\x81\x0240");
}

/// JSON values, written with random whitespace between tokens.
fn json() -> impl Strategy<Value = String> {
    let space = || prop_oneof![4 => Just(""), 1 => Just(" "), 1 => Just("\r\n\t")];
    let string = prop::collection::vec(
        prop_oneof![
            "[a-z \u{e4}\u{1f600}]{1,9}",
            Just("\\\"".to_owned()),
            Just("\\\\".to_owned()),
            Just("\\n".to_owned()),
            "\\\\u[0-9a-fA-F]{4}",
        ],
        0..5,
    )
    .prop_map(|pieces| format!("\"{}\"", pieces.concat()));
    let leaf = prop_oneof![
        string.clone(),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?",
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        let array = (prop::collection::vec(inner.clone(), 0..5), space())
            .prop_map(|(items, s)| format!("[{s}{}{s}]", items.join(&format!("{s},{s}"))));
        let object = (
            prop::collection::vec((string.clone(), inner), 0..5),
            space(),
        )
            .prop_map(|(members, s)| {
                let members: Vec<_> = members
                    .iter()
                    .map(|(key, value)| format!("{key}{s}:{s}{value}"))
                    .collect();
                format!("{{{s}{}{s}}}", members.join(&format!("{s},")))
            });
        prop_oneof![array, object]
    })
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

proptest! {
    #[test]
    fn takes_all_json(value in json()) {
        prop_assert!(is_json(&value));
        let text = format!("3[{value}]");
        prop_assert!(decode(&text, MAX_ATTACHMENTS).is_ok(), "{}", text);
    }

    #[test]
    fn agrees_with_serde_json_on_damaged_json(
        value in json(),
        damage in prop::collection::vec(
            (any::<prop::sample::Index>(), "[\\[\\]{}:,\"\\\\eE0-9.+\\- \x01ntfu\u{e4}]?"), 1..4),
    ) {
        let mut text: Vec<String> = value.chars().map(String::from).collect();
        for (place, replacement) in damage {
            let at = place.index(text.len());
            text[at] = replacement;
        }
        let array = format!("[{}]", text.concat());
        // What has nothing to escape is looked at in another way.
        let simple = array.replace(|c: char| c == '\\' || c.is_ascii_control(), "a");
        for array in [array, simple] {
            let is_taken = decode(&format!("3{array}"), MAX_ATTACHMENTS).is_ok();
            prop_assert_eq!(is_taken, is_json(&array), "{}", array);
        }
    }

    #[test]
    fn agrees_with_serde_json_on_any_text(text in "[\\[\\]{}:,\"\\\\eE0-2.\\- a]{0,12}") {
        let array = format!("[{text}]");
        let is_taken = decode(&format!("3{array}"), MAX_ATTACHMENTS).is_ok();
        prop_assert_eq!(is_taken, is_json(&array), "{}", array);
    }

    #[test]
    fn name_and_arguments_are_what_serde_json_reads(
        name in "\\PC{0,20}", args in prop::collection::vec(json(), 0..4),
    ) {
        let mut data = format!("[{}", serde_json::to_string(&name).expect("a string"));
        for arg in &args {
            data.push_str(&format!(" , {arg}"));
        }
        data.push_str(" ]");
        prop_assert_eq!(event_name(&data), Some(name.into()));
        prop_assert_eq!(event_args(&data), args.join(" , "));
    }

    #[test]
    fn packets_survive_the_round_trip(
        kind in prop_oneof![
            Just(PacketType::Event), Just(PacketType::Ack),
            Just(PacketType::BinaryEvent), Just(PacketType::BinaryAck),
        ],
        attachments in 1..=MAX_ATTACHMENTS,
        namespace in "/([a-z?=/-]{1,10})?",
        id in any::<Option<u64>>(),
        args in json(),
    ) {
        let data = format!("[\"event\",{args}]");
        let attachments = if kind.is_binary() { attachments } else { 0 };
        let sent = Packet { kind, attachments, namespace: &namespace, id, data: Some(&data) };
        let text = encoded(&sent);
        prop_assert_eq!(decode(&text, MAX_ATTACHMENTS), Ok(sent));
        let frame = encode_frame(kind, attachments, &namespace, id, &[data.as_bytes()]);
        prop_assert_eq!(frame, Frame::text(&[b"4", text.as_bytes()]));
    }

    #[test]
    fn any_text_is_decoded_or_refused(text in "[0-6]?(\\PC|[0-9/,\\-\\[\\]\"]){0,40}") {
        if let Some(data) = decode(&text, MAX_ATTACHMENTS).ok().and_then(|packet| packet.data) {
            let _ = event_name(data);
            let _ = event_args(data);
            prop_assert!(is_json(data));
        }
        // Text that was not decoded first must not panic either.
        let _ = event_name(&text);
        let _ = event_args(&text);
    }
}
