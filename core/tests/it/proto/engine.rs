//! Engine.IO packets and polling payloads, by golden bytes and at random.

use proptest::collection::vec;
use proptest::prelude::*;
use sori::proto::DecodeError;
use sori::proto::engine::{
    OpenPacket, Packet, base64_frame, decode_base64, decode_payload, decode_text, encode_payload,
    frames, message_frame,
};
use sori::proto::websocket::Frame;

/// Every packet of a body, up to the first error.
#[derive(Debug, PartialEq)]
struct Decoded {
    packets: Vec<String>,
    error: Option<DecodeError>,
}

fn decode(body: &str) -> Decoded {
    let mut decoded = Decoded {
        packets: Vec::new(),
        error: None,
    };
    for packet in decode_payload(body) {
        match packet {
            Ok(packet) => decoded.packets.push(format!("{:?}", packet.as_packet())),
            Err(error) => decoded.error = Some(error),
        }
    }
    decoded
}

fn packets(packets: &[Packet<'_>]) -> Decoded {
    Decoded {
        packets: packets.iter().map(|p| format!("{p:?}")).collect(),
        error: None,
    }
}

fn body_of(frames: &[Frame]) -> String {
    let mut body = Vec::new();
    encode_payload(frames, &mut body);
    String::from_utf8(body).expect("a polling body is text")
}

#[test]
fn decodes_every_type() {
    assert_eq!(decode_text("0{}"), Ok(Packet::Open("{}")));
    assert_eq!(decode_text("1"), Ok(Packet::Close));
    assert_eq!(decode_text("2"), Ok(Packet::Ping("")));
    assert_eq!(decode_text("2probe"), Ok(Packet::Ping("probe")));
    assert_eq!(decode_text("3"), Ok(Packet::Pong("")));
    assert_eq!(decode_text("3probe"), Ok(Packet::Pong("probe")));
    assert_eq!(decode_text("4hello"), Ok(Packet::Text("hello")));
    assert_eq!(decode_text("4"), Ok(Packet::Text("")));
    assert_eq!(decode_text("5"), Ok(Packet::Upgrade));
    assert_eq!(decode_text("6"), Ok(Packet::Noop));
}

#[test]
fn refuses_what_is_no_packet() {
    assert_eq!(decode_text(""), Err(DecodeError::EmptyPacket));
    assert_eq!(
        decode_text("9zzz"),
        Err(DecodeError::UnknownPacketType('9'))
    );
    assert_eq!(
        decode_text("bAQID"),
        Err(DecodeError::UnknownPacketType('b'))
    );
    assert_eq!(
        decode_text("\u{1f600}"),
        Err(DecodeError::UnknownPacketType('\u{1f600}'))
    );
}

#[test]
fn decodes_the_body_of_a_real_poll() {
    let body = "42[\"m\",1]\x1e4312[1]\x1e451-[\"m\",{\"_placeholder\":true,\"num\":0}]\x1ebAQID";
    let expected = packets(&[
        Packet::Text("2[\"m\",1]"),
        Packet::Text("312[1]"),
        Packet::Text("51-[\"m\",{\"_placeholder\":true,\"num\":0}]"),
        Packet::Binary(&[1, 2, 3]),
    ]);
    assert_eq!(decode(body), expected);
}

#[test]
fn encodes_the_body_of_a_real_poll() {
    let sent = [
        message_frame(&[b"2[\"m\"", b",1]"]),
        message_frame(&[b"312[1]"]),
        message_frame(&[b"51-[\"m\",{\"_placeholder\":true,\"num\":0}]"]),
        Frame::binary(&[&[1, 2, 3]]),
    ];
    assert_eq!(
        body_of(&sent),
        "42[\"m\",1]\x1e4312[1]\x1e451-[\"m\",{\"_placeholder\":true,\"num\":0}]\x1ebAQID"
    );
}

#[test]
fn appends_a_body_after_what_is_there() {
    let mut out = b"before ".to_vec();
    encode_payload([&frames::NOOP, &frames::CLOSE], &mut out);
    assert_eq!(out, b"before 6\x1e1");
}

#[test]
fn control_frames_leave_no_trace_in_a_body() {
    let mixed = [
        Frame::ping(b"x"),
        frames::PING,
        Frame::close(None, ""),
        frames::NOOP,
    ];
    assert_eq!(body_of(&mixed), "2\x1e6");
    assert_eq!(body_of(&[]), "");
}

#[test]
fn refuses_a_body_at_its_first_bad_packet() {
    let error = |body: &str| decode(body).error;
    assert_eq!(error(""), Some(DecodeError::EmptyPacket));
    assert_eq!(error("\x1e"), Some(DecodeError::EmptyPacket));
    assert_eq!(error("4a\x1e"), Some(DecodeError::EmptyPacket));
    assert_eq!(error("b!"), Some(DecodeError::InvalidBase64));
    assert_eq!(error("bA"), Some(DecodeError::InvalidBase64));
    let stopped = decode("4a\x1e9\x1e4b");
    assert_eq!(stopped.packets, ["Text(\"a\")"]);
    assert_eq!(stopped.error, Some(DecodeError::UnknownPacketType('9')));
}

#[test]
fn takes_base64_with_and_without_padding() {
    for body in ["bAQI=", "bAQI"] {
        assert_eq!(decode(body), packets(&[Packet::Binary(&[1, 2])]), "{body}");
    }
    assert_eq!(decode("b"), packets(&[Packet::Binary(&[])]));
}

#[test]
fn encodes_the_packets_that_never_change() {
    let bodies = [
        frames::PING,
        frames::PONG,
        frames::PONG_PROBE,
        frames::NOOP,
        frames::CLOSE,
    ]
    .map(|frame| body_of(&[frame]));
    assert_eq!(bodies, ["2", "3", "3probe", "6", "1"]);
    assert_eq!(frames::PONG_PROBE, Frame::text(&[b"3probe"]));
}

#[test]
fn encodes_the_open_packet_in_the_key_order_of_engine_io() {
    let open = OpenPacket {
        sid: "lv_VI97HAXpY6yYWAAAC",
        upgrades: &["websocket"],
        ping_interval_ms: 25_000,
        ping_timeout_ms: 20_000,
        max_payload: 1_000_000,
    };
    let expected = concat!(
        "0{\"sid\":\"lv_VI97HAXpY6yYWAAAC\",\"upgrades\":[\"websocket\"],",
        "\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}"
    );
    assert_eq!(expected.len(), 118);
    assert_eq!(open.to_frame(), Frame::text(&[expected.as_bytes()]));
}

#[test]
fn escapes_what_the_open_packet_carries() {
    let open = OpenPacket {
        sid: "a\"\\\n\u{fc}",
        upgrades: &[],
        ping_interval_ms: 1,
        ping_timeout_ms: 2,
        max_payload: 3,
    };
    let frame = open.to_frame();
    let json: serde_json::Value =
        serde_json::from_slice(&frame.payload_ref()[1..]).expect("valid JSON");
    assert_eq!(json["sid"], "a\"\\\n\u{fc}");
    assert_eq!(json["upgrades"], serde_json::json!([]));
}

proptest! {
    #[test]
    fn a_body_gives_back_its_frames(
        messages in vec(prop_oneof![
            "[^\x1e]{0,40}".prop_map(Ok),
            vec(any::<u8>(), 0..40).prop_map(Err),
        ], 1..10),
    ) {
        let sent: Vec<Frame> = messages.iter().map(|message| match message {
            Ok(text) => message_frame(&[text.as_bytes()]),
            Err(bytes) => Frame::binary(&[bytes]),
        }).collect();
        let expected: Vec<Packet<'_>> = messages.iter().map(|message| match message {
            Ok(text) => Packet::Text(text),
            Err(bytes) => Packet::Binary(bytes),
        }).collect();
        prop_assert_eq!(decode(&body_of(&sent)), packets(&expected));
    }

    #[test]
    fn any_text_is_decoded_or_refused(body in "(\\PC|[0-6b\x1e=+/]){0,80}") {
        let decoded = decode(&body);
        let parts = body.split('\x1e').count();
        prop_assert!(decoded.error.is_some() || decoded.packets.len() == parts);
    }
}

#[test]
fn a_binary_message_as_text_has_a_b_in_front() {
    assert_eq!(base64_frame(&[1, 2, 3]).as_bytes(), b"\x81\x05bAQID");
    assert_eq!(base64_frame(&[]).as_bytes(), b"\x81\x01b");
    assert_eq!(decode_base64("bAQID"), Some(Ok(vec![1, 2, 3])));
    assert_eq!(decode_base64("bAQ"), Some(Ok(vec![1])));
    assert_eq!(decode_base64("b"), Some(Ok(vec![])));
    assert_eq!(decode_base64("b!"), Some(Err(DecodeError::InvalidBase64)));
    assert_eq!(decode_base64("4b"), None);
    assert_eq!(decode_base64(""), None);
}
