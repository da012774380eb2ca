//! Socket.IO packets as MessagePack by golden bytes, which are those of npm socket.io-msgpack-parser
//! 3.0.2, and at random.

use proptest::collection::vec;
use proptest::prelude::*;
use sori::proto::DecodeError;
use sori::proto::msgpack::{Packet, decode, encode};
use sori::proto::socket::{self, PacketType};
use sori::proto::websocket::Opcode;

const NONE: [&[u8]; 0] = [];

/// Bytes from hex digits with spaces between.
fn hex(digits: &str) -> Vec<u8> {
    let byte = |digits| u8::from_str_radix(digits, 16).expect("hex");
    digits.split_whitespace().map(byte).collect()
}

fn packet<'a>(
    kind: PacketType,
    namespace: &'a str,
    id: Option<u64>,
    data: &str,
    attachments: &[&'a [u8]],
) -> Packet<'a> {
    Packet {
        kind,
        namespace: namespace.into(),
        id,
        data: (!data.is_empty()).then(|| data.into()),
        attachments: attachments.to_vec(),
    }
}

fn event(data: &str) -> Packet<'static> {
    packet(PacketType::Event, "/", None, data, &[])
}

/// `{type: 2, data, nsp: "/"}` around the given bytes.
fn event_bytes(data: &[u8]) -> Vec<u8> {
    let mut bytes = hex("83 a4 74 79 70 65 02 a4 64 61 74 61");
    bytes.extend_from_slice(data);
    bytes.extend(hex("a3 6e 73 70 a1 2f"));
    bytes
}

/// The JSON that an event's one argument becomes.
fn argument(bytes: &str) -> Result<String, DecodeError> {
    let bytes = event_bytes(&[hex("92 a1 61"), hex(bytes)].concat());
    let data = decode(&bytes, 10)?.data.expect("an event has data");
    let inner = data
        .strip_prefix("[\"a\",")
        .and_then(|data| data.strip_suffix(']'));
    Ok(inner.expect("one argument").into())
}

#[test]
fn encodes_and_decodes_every_type() {
    use PacketType::*;
    let file = r#"["file",{"_placeholder":true,"num":0}]"#;
    let attachment: &[&[u8]] = &[&[1, 2, 3]];
    let cases = [
        (
            packet(Connect, "/", None, r#"{"sid":"abc"}"#, &[]),
            "83 a4 74 79 70 65 00 a4 64 61 74 61 81 a3 73 69 64 a3 61 62 63 a3 6e 73 70 a1 2f",
        ),
        (
            packet(Disconnect, "/", None, "", &[]),
            "82 a4 74 79 70 65 01 a3 6e 73 70 a1 2f",
        ),
        (
            packet(Event, "/admin", Some(12), r#"["hello",1]"#, &[]),
            "84 a4 74 79 70 65 02 a4 64 61 74 61 92 a5 68 65 6c 6c 6f 01 a2 69 64 0c \
             a3 6e 73 70 a6 2f 61 64 6d 69 6e",
        ),
        (
            packet(Ack, "/", Some(300), "[]", &[]),
            "84 a4 74 79 70 65 03 a4 64 61 74 61 90 a2 69 64 cd 01 2c a3 6e 73 70 a1 2f",
        ),
        (
            packet(ConnectError, "/", None, r#"{"message":"no"}"#, &[]),
            "83 a4 74 79 70 65 04 a4 64 61 74 61 81 a7 6d 65 73 73 61 67 65 a2 6e 6f \
             a3 6e 73 70 a1 2f",
        ),
        (
            packet(BinaryEvent, "/", None, file, attachment),
            "83 a4 74 79 70 65 02 a4 64 61 74 61 92 a4 66 69 6c 65 c4 03 01 02 03 \
             a3 6e 73 70 a1 2f",
        ),
        (
            packet(
                BinaryAck,
                "/",
                Some(1),
                r#"[{"_placeholder":true,"num":0}]"#,
                attachment,
            ),
            "84 a4 74 79 70 65 03 a4 64 61 74 61 91 c4 03 01 02 03 a2 69 64 01 a3 6e 73 70 a1 2f",
        ),
    ];
    for (packet, bytes) in cases {
        let bytes = hex(bytes);
        assert_eq!(decode(&bytes, 10), Ok(packet.clone()));
        let data = packet.data.as_deref().unwrap_or_default();
        let frame = encode(
            packet.kind,
            &packet.namespace,
            packet.id,
            data,
            &packet.attachments,
        );
        let frame = frame.expect("the data is JSON");
        assert_eq!(frame.opcode(), Opcode::Binary);
        assert_eq!(frame.payload_ref(), bytes);
    }
}

#[test]
fn decodes_what_clients_add_and_leave_undefined() {
    // options: { compress: true }, id: undefined
    let bytes = hex(
        "85 a4 74 79 70 65 02 a4 64 61 74 61 97 a5 68 65 6c 6c 6f 01 ff \
         cb 3f f8 00 00 00 00 00 00 c3 c0 a2 c3 a9 a7 6f 70 74 69 6f 6e 73 81 a8 63 6f 6d 70 72 65 \
         73 73 c3 a2 69 64 d4 00 00 a3 6e 73 70 a1 2f",
    );
    assert_eq!(
        decode(&bytes, 10),
        Ok(event("[\"hello\",1,-1,1.5,true,null,\"é\"]"))
    );
    // data: undefined
    let bytes =
        hex("83 a4 74 79 70 65 00 a4 64 61 74 61 d4 00 00 a3 6e 73 70 a6 2f 61 64 6d 69 6e");
    let connect = packet(PacketType::Connect, "/admin", None, "", &[]);
    assert_eq!(decode(&bytes, 10), Ok(connect));
    // The keys in another order, as acks have them.
    let bytes = hex("84 a2 69 64 0c a4 74 79 70 65 03 a4 64 61 74 61 90 a3 6e 73 70 a1 2f");
    let ack = packet(PacketType::Ack, "/", Some(12), "[]", &[]);
    assert_eq!(decode(&bytes, 10), Ok(ack));
}

#[test]
fn what_comes_inline_looks_as_if_it_had_come_as_text() {
    // ["file", Buffer, { a: ArrayBuffer }]
    let bytes = event_bytes(&hex(
        "93 a4 66 69 6c 65 c4 03 01 02 03 81 a1 61 c7 01 00 04",
    ));
    let packet = decode(&bytes, 2).expect("two attachments are allowed");
    let data = r#"["file",{"_placeholder":true,"num":0},{"a":{"_placeholder":true,"num":1}}]"#;
    assert_eq!(packet.attachments, [&[1, 2, 3][..], &[4]]);
    let text = format!("52-{data}");
    assert_eq!(Ok(packet.as_socket()), socket::decode(&text, 10));
    assert_eq!(decode(&bytes, 1), Err(DecodeError::TooManyAttachments));
}

#[test]
fn writes_what_json_lacks_as_javascript_does() {
    let cases = [
        (
            "d7 00 00 00 01 1f 71 fb 04 cb",
            "\"2009-02-13T23:31:30.123Z\"",
        ),
        ("d7 00 7f ff ff ff ff ff ff ff", "null"),
        // The timestamps of the MessagePack specification, 4, 8 and 12 bytes
        ("d6 ff 00 00 00 01", "\"1970-01-01T00:00:01.000Z\""),
        (
            "d7 ff 1d cd 65 00 00 00 00 01",
            "\"1970-01-01T00:00:01.125Z\"",
        ),
        (
            "c7 0c ff 07 5b ca 00 ff ff ff ff ff ff ff ff",
            "\"1969-12-31T23:59:59.123Z\"",
        ),
        ("d4 00 00", "null"),
        ("82 a1 75 d4 00 00 a1 76 01", "{\"v\":1}"),
        ("82 a1 76 01 a1 75 d4 00 00", "{\"v\":1}"),
        ("81 a1 75 d4 00 00", "{}"),
        ("cb 7f f8 00 00 00 00 00 00", "null"),
        ("cb ff f0 00 00 00 00 00 00", "null"),
        ("cb 80 00 00 00 00 00 00 00", "0"),
        ("cb 40 08 00 00 00 00 00 00", "3"),
        ("cb 7e 37 e4 3c 88 00 75 9c", "1e+300"),
        ("ca 3f 00 00 00", "0.5"),
        ("cf ff ff ff ff ff ff ff ff", "18446744073709551615"),
        ("d3 80 00 00 00 00 00 00 00", "-9223372036854775808"),
        ("d3 00 00 00 00 00 00 00 05", "5"),
        ("a4 22 5c 0a 01", r#""\"\\\n\u0001""#),
        ("a3 ff 61 ed", "\"\u{fffd}a\u{fffd}\""),
        ("82 01 c0 ff c0", r#"{"1":null,"-1":null}"#),
        ("de 00 01 a1 61 dc 00 00", r#"{"a":[]}"#),
        ("d5 07 61 62", r#"[7,{"_placeholder":true,"num":0}]"#),
        ("c7 02 05 61 62", r#"[5,{"_placeholder":true,"num":0}]"#),
        ("d7 ff 00", ""),
    ];
    for (bytes, json) in cases {
        let got = argument(bytes);
        let expected = match json {
            "" => Err(DecodeError::InvalidMsgpack),
            json => Ok(json.into()),
        };
        assert_eq!(got, expected, "{bytes}");
    }
}

#[test]
fn encodes_numbers_and_lengths_in_their_shortest_form() {
    let numbers = concat!(
        r#"["n",127,128,255,256,65535,65536,4294967295,4294967296,-32,-33,-128,-129,-32768,-32769,"#,
        "-2147483648,-2147483649,9007199254740991]"
    );
    let expected = hex(
        "dc 00 12 a1 6e 7f cc 80 cc ff cd 01 00 cd ff ff ce 00 01 00 00 ce ff ff ff ff \
         cf 00 00 00 01 00 00 00 00 e0 d0 df d0 80 d1 ff 7f d1 80 00 d2 ff ff 7f ff d2 80 00 00 00 \
         d3 ff ff ff ff 7f ff ff ff cf 00 1f ff ff ff ff ff ff",
    );
    let frame = encode(PacketType::Event, "/", None, numbers, &NONE).expect("JSON");
    assert_eq!(frame.payload_ref(), event_bytes(&expected));
    assert_eq!(decode(frame.payload_ref(), 0), Ok(event(numbers)));
    for (json, bytes) in [
        ("1.0", "01"),
        ("1e3", "cd 03 e8"),
        ("-0", "00"),
        ("-0.0", "00"),
        ("0.1", "cb 3f b9 99 99 99 99 99 9a"),
        ("1e999", "cb 7f f0 00 00 00 00 00 00"),
        ("18446744073709551615", "cf ff ff ff ff ff ff ff ff"),
        ("18446744073709551616", "cb 43 f0 00 00 00 00 00 00"),
        ("-9223372036854775808", "d3 80 00 00 00 00 00 00 00"),
        (r#""\u00e9\ud83d\ude00""#, "a6 c3 a9 f0 9f 98 80"),
        (" { } ", "80"),
    ] {
        let frame = encode(
            PacketType::Event,
            "/",
            None,
            &format!("[\"n\",{json}]"),
            &NONE,
        );
        let expected = event_bytes(&[hex("92 a1 6e"), hex(bytes)].concat());
        assert_eq!(frame.expect("JSON").payload_ref(), expected, "{json}");
    }
    for len in [31, 32, 255, 256, 65_535, 65_536] {
        let data = format!(
            "[\"{}\",{{\"_placeholder\":true,\"num\":0}}]",
            "x".repeat(len)
        );
        let attachment = vec![7; len];
        let frame = encode(PacketType::BinaryEvent, "/", None, &data, &[&attachment]);
        let frame = frame.expect("JSON");
        let attachments = [&attachment[..]];
        let expected = packet(PacketType::BinaryEvent, "/", None, &data, &attachments);
        assert_eq!(decode(frame.payload_ref(), 1), Ok(expected), "{len} bytes");
    }
}

#[test]
fn only_a_placeholder_with_an_attachment_is_replaced() {
    let encode = |data: &str, attachments: &[&[u8]]| {
        let frame = encode(PacketType::BinaryEvent, "/", None, data, attachments).expect("JSON");
        frame.payload_ref().to_vec()
    };
    for written in [
        r#"["a",{"num":0,"_placeholder":true}]"#,
        r#"["a", { "_placeholder" : true , "num" : 0 } ]"#,
    ] {
        assert_eq!(
            encode(written, &[b"x"]),
            event_bytes(&hex("92 a1 61 c4 01 78")),
            "{written}"
        );
    }
    for object in [
        r#"["a",{"_placeholder":true,"num":1}]"#,
        r#"["a",{"_placeholder":false,"num":0}]"#,
        r#"["a",{"_placeholder":true,"num":0,"x":1}]"#,
        r#"["a",{"num":0,"num":0}]"#,
        r#"["a",{"_placeholder":true,"num":-1}]"#,
        r#"["a",{"_placeholder":true,"num":"0"}]"#,
    ] {
        let bytes = encode(object, &[b"x"]);
        let without = encode(object, &[]);
        assert_eq!(bytes, without, "{object}");
        assert_eq!(decode(&bytes, 0), Ok(event(object)), "{object}");
    }
}

#[test]
fn refuses_packets_that_break_a_rule() {
    use DecodeError::*;
    let with = |fields: &str| decode(&hex(fields), 10).map(drop);
    let (event, name) = ("a4 74 79 70 65 02", "a3 6e 73 70 a1 2f");
    let cases = [
        ("".into(), InvalidMsgpack),
        ("90".into(), InvalidMsgpack),
        ("c1".into(), InvalidMsgpack),
        (format!("82 {event} {name}"), InvalidPayload),
        (
            format!("83 {event} {name} a4 64 61 74 61 90 00"),
            InvalidMsgpack,
        ),
        (format!("83 {event} {name} a4 64 61 74 61"), InvalidMsgpack),
        (
            format!("83 {event} {name} a4 64 61 74 61 90"),
            InvalidPayload,
        ),
        (
            format!("83 {event} {name} a4 64 61 74 61 91 c0"),
            InvalidPayload,
        ),
        (
            format!("83 {event} {name} a4 64 61 74 61 c4 01 61"),
            InvalidPayload,
        ),
        // "connect" is a reserved name
        (
            format!("83 {event} {name} a4 64 61 74 61 91 a7 63 6f 6e 6e 65 63 74"),
            InvalidPayload,
        ),
        (
            format!("82 {event} a4 64 61 74 61 91 a1 61"),
            IllegalNamespace,
        ),
        (format!("82 {event} a3 6e 73 70 01"), IllegalNamespace),
        (format!("83 {event} {name} a2 69 64 c0"), IllegalAckId),
        (format!("83 {event} {name} a2 69 64 ff"), IllegalAckId),
        (format!("81 {name}"), UnknownPacketType('?')),
        (
            format!("82 a4 74 79 70 65 05 {name}"),
            UnknownPacketType('5'),
        ),
        (
            format!("82 a4 74 79 70 65 c0 {name}"),
            UnknownPacketType('?'),
        ),
        (
            format!("82 a4 74 79 70 65 cc ff {name}"),
            UnknownPacketType('?'),
        ),
        // An ack and a connect error without data, a disconnect and a connect with the wrong data
        (format!("82 a4 74 79 70 65 03 {name}"), InvalidPayload),
        (format!("82 a4 74 79 70 65 04 {name}"), InvalidPayload),
        (
            format!("83 a4 74 79 70 65 01 {name} a4 64 61 74 61 80"),
            InvalidPayload,
        ),
        (
            format!("83 a4 74 79 70 65 00 {name} a4 64 61 74 61 90"),
            InvalidPayload,
        ),
        (
            format!("83 a4 74 79 70 65 00 {name} a4 64 61 74 61 81 a1 61 c4 00"),
            InvalidPayload,
        ),
        // Keys that are no text
        (format!("82 01 02 {name}"), InvalidMsgpack),
        (
            format!("83 {event} {name} a4 64 61 74 61 92 a1 61 81 90 01"),
            InvalidMsgpack,
        ),
    ];
    for (bytes, error) in cases {
        assert_eq!(with(&bytes), Err(error), "{bytes}");
    }
    for data in ["", "[", "[1] 2", "{\"a\"}", "[\"a\",nul]"] {
        let encoded = encode(PacketType::Event, "/", None, data, &NONE).map(drop);
        let expected = if data.is_empty() {
            Ok(())
        } else {
            Err(InvalidPayload)
        };
        assert_eq!(encoded, expected, "{data}");
    }
}

#[test]
fn declared_lengths_and_depth_cost_nothing() {
    // Each declares far more than there is.
    for head in [
        "dd ff ff ff ff",
        "df ff ff ff ff",
        "c6 ff ff ff ff",
        "db ff ff ff ff",
        "c9 ff ff ff ff 00",
    ] {
        assert_eq!(
            argument(&format!("{head} c0 c0")),
            Err(DecodeError::InvalidMsgpack),
            "{head}"
        );
    }
    let nested = |depth: usize| {
        let data = [&hex("92 a1 61")[..], &vec![0x91; depth], &[0xc0]].concat();
        let bytes = event_bytes(&data);
        decode(&bytes, 10).map(|packet| packet.data)
    };
    let json = |depth| format!("[\"a\",{}null{}]", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(nested(511), Ok(Some(json(511))));
    for depth in [512, 1_000_000] {
        assert_eq!(nested(depth), Err(DecodeError::InvalidMsgpack));
    }
    // What is passed over may be as deep as it likes.
    let mut skipped = hex("84 a4 74 79 70 65 02 a4 64 61 74 61 91 a1 61 a3 6e 73 70 a1 2f a1 78");
    skipped.extend(vec![0x91; 1_000_000]);
    skipped.push(0xc0);
    assert_eq!(decode(&skipped, 10), Ok(event("[\"a\"]")));
    // And so may what we send.
    let frame = encode(PacketType::Event, "/", None, &json(1_000_000), &NONE).expect("JSON");
    assert!(frame.len() > 1_000_000);
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        // Few digits, which serde_json reads without rounding.
        any::<i16>().prop_map(|number| (f64::from(number) / 64.0).into()),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 60, 20, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..20).prop_map(Into::into),
            vec((any::<String>(), inner), 0..20)
                .prop_map(|entries| { serde_json::Value::Object(entries.into_iter().collect()) }),
        ]
    })
}

/// As JavaScript sees it: one kind of number.
fn as_javascript(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Number(number) => number.as_f64().into(),
        serde_json::Value::Array(values) => values.iter().map(as_javascript).collect(),
        serde_json::Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| (key.clone(), as_javascript(value)))
            .collect(),
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn json_comes_back(argument in json(), id in any::<Option<u64>>(), namespace in "/[a-z]{0,40}") {
        let value = serde_json::json!(["name", argument]);
        let data = value.to_string();
        let frame = encode(PacketType::Event, &namespace, id, &data, &NONE).expect("JSON");
        let packet = decode(frame.payload_ref(), 0).expect("what we sent");
        prop_assert_eq!((packet.kind, &*packet.namespace, packet.id), (PacketType::Event, &*namespace, id));
        let text = packet.data.expect("data");
        prop_assert!(text.len() <= 6 * frame.len());
        let back = serde_json::from_str(&text).expect("JSON");
        prop_assert_eq!(as_javascript(&back), as_javascript(&value));
        let again = encode(PacketType::Event, &namespace, id, &text, &NONE).expect("JSON");
        prop_assert_eq!(again, frame);
    }

    #[test]
    fn a_number_comes_back(number in prop::num::f64::ANY) {
        let data = serde_json::json!(["name", number]).to_string();
        let frame = encode(PacketType::Event, "/", None, &data, &NONE).expect("JSON");
        let back = decode(frame.payload_ref(), 0).expect("what we sent").data.expect("data");
        let text = back.strip_prefix("[\"name\",").and_then(|rest| rest.strip_suffix(']'));
        let expected = if number.is_finite() { number } else { f64::NAN };
        // `null` is no number either.
        let back: f64 = text.expect("one argument").parse().unwrap_or(f64::NAN);
        prop_assert!(back == expected || (back.is_nan() && expected.is_nan()), "{back}");
    }

    #[test]
    fn attachments_come_back(attachments in vec(vec(any::<u8>(), 0..300), 1..10)) {
        let places: Vec<_> = (0..attachments.len())
            .map(|num| serde_json::json!({"_placeholder": true, "num": num}))
            .collect();
        let data = serde_json::json!(["name", {"files": places}]).to_string();
        let frame = encode(PacketType::BinaryEvent, "/", None, &data, &attachments).expect("JSON");
        let packet = decode(frame.payload_ref(), 10).expect("what we sent");
        prop_assert_eq!(packet.kind, PacketType::BinaryEvent);
        prop_assert_eq!(packet.data.as_deref(), Some(&*data));
        prop_assert_eq!(packet.attachments, attachments.iter().map(|a| &a[..]).collect::<Vec<_>>());
    }

    #[test]
    fn any_value_becomes_json_or_is_refused(bytes in vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes, 10);
        let message = event_bytes(&[&[0x92, 0xa1, b'a'][..], &bytes].concat());
        // Often cut short or too long; what is taken must be JSON.
        for end in [message.len(), message.len() - 6] {
            if let Ok(packet) = decode(&message[..end], 10) {
                let data = packet.data.expect("an event has data");
                prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&data).is_ok(), "{}", data);
            }
        }
    }

    /// Bytes that are mostly well-formed reach further than noise does.
    #[test]
    fn damaged_packets_become_json_or_are_refused(
        argument in json(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let data = serde_json::json!(["name", argument]).to_string();
        let frame = encode(PacketType::Event, "/", None, &data, &NONE).expect("JSON");
        let mut bytes = frame.payload_ref().to_vec();
        for (place, byte) in damage {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(packet) = decode(&bytes, 10) {
            let len = packet.data.as_ref().map_or(0, String::len);
            prop_assert!(len <= 6 * bytes.len() + 50 * packet.attachments.len(), "{} bytes", len);
            if let Some(data) = &packet.data {
                prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(data).is_ok(), "{}", data);
            }
        }
    }
}
