//! Engine.IO protocol 3 by golden bytes, which are those of engine.io 6 for the same packets, and at
//! random.

use proptest::collection::vec;
use proptest::prelude::*;
use sori::proto::DecodeError;
use sori::proto::engine::v3::{self, BinarySupport, BodyForm};
use sori::proto::engine::{Packet, PayloadPacket, frames, message_frame};
use sori::proto::websocket::{Frame, Opcode};

/// Every packet of a body, and the error that ended it.
#[derive(Debug, PartialEq)]
struct Decoded {
    packets: Vec<String>,
    error: Option<DecodeError>,
}

fn collect<'a>(payload: impl Iterator<Item = Result<PayloadPacket<'a>, DecodeError>>) -> Decoded {
    let mut decoded = Decoded {
        packets: Vec::new(),
        error: None,
    };
    for packet in payload {
        assert_eq!(decoded.error, None, "nothing comes after an error");
        match packet {
            Ok(packet) => decoded.packets.push(format!("{:?}", packet.as_packet())),
            Err(error) => decoded.error = Some(error),
        }
    }
    decoded
}

fn text_body(body: &str) -> Decoded {
    collect(v3::decode_payload_text(body))
}

fn binary_body(body: &[u8]) -> Decoded {
    collect(v3::decode_payload_binary(body))
}

fn packets(packets: &[Packet<'_>]) -> Decoded {
    Decoded {
        packets: packets.iter().map(|p| format!("{p:?}")).collect(),
        error: None,
    }
}

fn refused(error: DecodeError) -> Decoded {
    Decoded {
        packets: Vec::new(),
        error: Some(error),
    }
}

fn as_text(frames: &[Frame]) -> String {
    let mut body = Vec::new();
    v3::encode_payload_text(frames, &mut body);
    String::from_utf8(body).expect("a text body is text")
}

fn as_binary(frames: &[Frame]) -> Vec<u8> {
    let mut body = Vec::new();
    v3::encode_payload_binary(frames, &mut body);
    body
}

#[test]
fn a_text_body_counts_utf16_code_units() {
    let cases: [(&[Frame], &str, &[Packet<'_>]); 3] = [
        (
            &[message_frame(&[b"hello"]), frames::PONG],
            "6:4hello1:3",
            &[Packet::Text("hello"), Packet::Pong("")],
        ),
        (
            &[message_frame(&["a€😀".as_bytes()]), message_frame(&[b"b"])],
            "5:4a€😀2:4b",
            &[Packet::Text("a€😀"), Packet::Text("b")],
        ),
        (
            &[message_frame(&[b"a"]), Frame::binary(&[&[1, 2, 3, 4]])],
            "2:4a10:b4AQIDBA==",
            &[Packet::Text("a"), Packet::Binary(&[1, 2, 3, 4])],
        ),
    ];
    for (sent, body, received) in cases {
        assert_eq!(as_text(sent), body);
        assert_eq!(text_body(body), packets(received));
    }
}

#[test]
fn a_binary_body_counts_bytes() {
    let cases: [(&[Frame], &[u8], &[Packet<'_>]); 3] = [
        (
            &[
                message_frame(&["a€😀".as_bytes()]),
                Frame::binary(&[&[1, 2, 3]]),
            ],
            b"\x00\x09\xff4a\xe2\x82\xac\xf0\x9f\x98\x80\x01\x04\xff\x04\x01\x02\x03",
            &[Packet::Text("a€😀"), Packet::Binary(&[1, 2, 3])],
        ),
        (
            &[Frame::binary(&[&[7; 12]])],
            b"\x01\x01\x03\xff\x04\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07",
            &[Packet::Binary(&[7; 12])],
        ),
        (
            &[Frame::binary(&[])],
            b"\x01\x01\xff\x04",
            &[Packet::Binary(&[])],
        ),
    ];
    for (sent, body, received) in cases {
        assert_eq!(as_binary(sent), body);
        assert_eq!(binary_body(body), packets(received));
    }
}

#[test]
fn a_body_of_nothing_has_its_own_form() {
    assert_eq!(as_text(&[]), "0:");
    assert_eq!(as_text(&[Frame::ping(b"x")]), "0:");
    assert_eq!(text_body("0:"), packets(&[]));
    assert_eq!(text_body("0:1:30:"), packets(&[Packet::Pong("")]));
    assert_eq!(as_binary(&[]), b"");
    assert_eq!(as_binary(&[Frame::close(None, "")]), b"");
    assert_eq!(binary_body(b""), packets(&[]));
}

#[test]
fn a_body_is_binary_only_when_there_is_binary_and_the_client_takes_it() {
    let text = [message_frame(&[b"a"])];
    let mixed = [message_frame(&[b"a"]), Frame::binary(&[&[1]])];
    let encode = |frames: &[Frame], support| {
        let mut body = Vec::new();
        let form = v3::encode_payload(frames, support, &mut body);
        (form, body)
    };
    assert_eq!(
        encode(&text, BinarySupport::Raw),
        (BodyForm::Text, b"2:4a".to_vec())
    );
    assert_eq!(
        encode(&mixed, BinarySupport::Base64),
        (BodyForm::Text, b"2:4a6:b4AQ==".to_vec())
    );
    assert_eq!(
        encode(&mixed, BinarySupport::Raw),
        (
            BodyForm::Binary,
            b"\x00\x02\xff4a\x01\x02\xff\x04\x01".to_vec()
        )
    );
}

#[test]
fn refuses_a_text_body_whose_lengths_do_not_add_up() {
    for body in [
        "4hello",
        ":4a",
        "x:4a",
        "3:4a",
        "2:4a3",
        "-1:4a",
        "+2:4a",
        " 2:4a",
        "2.0:4a",
        "99999999999999999999999:4a",
        "1:😀",
        "2:4😀",
    ] {
        let decoded = text_body(body);
        assert_eq!(decoded.error, Some(DecodeError::IllegalLength), "{body}");
    }
    assert_eq!(text_body(""), refused(DecodeError::EmptyPacket));
    assert_eq!(
        text_body("1:9"),
        refused(DecodeError::UnknownPacketType('9'))
    );
    assert_eq!(text_body("1:b"), refused(DecodeError::EmptyPacket));
    assert_eq!(
        text_body("3:b2A"),
        refused(DecodeError::UnknownPacketType('2'))
    );
    assert_eq!(text_body("3:b4!"), refused(DecodeError::InvalidBase64));
    let stopped = text_body("2:4a9:4b2:4c");
    assert_eq!(stopped.packets, ["Text(\"a\")"]);
    assert_eq!(stopped.error, Some(DecodeError::IllegalLength));
}

#[test]
fn refuses_a_binary_body_whose_lengths_do_not_add_up() {
    for body in [
        &b"\x00"[..],
        b"\x00\x01",
        b"\x00\xff4",
        b"\x00\x02\xff4",
        b"\x00\x0a\xff4aaaaaaaaaaaaa",
        b"\x01\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\xff",
    ] {
        assert_eq!(
            binary_body(body),
            refused(DecodeError::IllegalLength),
            "{body:?}"
        );
    }
    assert_eq!(
        binary_body(b"\x00\x00\xff"),
        refused(DecodeError::EmptyPacket)
    );
    assert_eq!(
        binary_body(b"\x01\x00\xff"),
        refused(DecodeError::EmptyPacket)
    );
    assert_eq!(
        binary_body(b"\x01\x02\xff\x02a"),
        refused(DecodeError::UnknownPacketType('\x02'))
    );
    assert_eq!(
        binary_body(b"\x00\x03\xff4\xc3("),
        refused(DecodeError::InvalidUtf8)
    );
}

#[test]
fn half_a_surrogate_pair_becomes_the_replacement_character() {
    assert_eq!(
        binary_body(b"\x00\x07\xff4\xed\xa0\x80x\xc3\xa9"),
        packets(&[Packet::Text("\u{fffd}xé")])
    );
    assert_eq!(
        binary_body(b"\x00\x05\xffb4\xed\xa0\x80"),
        refused(DecodeError::InvalidBase64)
    );
    assert_eq!(
        binary_body(b"\x00\x04\xff2\xed\xa0\x80"),
        refused(DecodeError::InvalidUtf8)
    );
}

#[test]
fn a_websocket_carries_binary_behind_its_type() {
    let frame = v3::binary_frame(&[&[1], &[2, 3]]);
    assert_eq!(frame, Frame::binary(&[&[4, 1, 2, 3]]));
    assert_eq!(
        v3::decode_binary(frame.payload_ref()),
        Ok(Packet::Binary(&[1, 2, 3]))
    );
    assert_eq!(v3::decode_binary(&[]), Err(DecodeError::EmptyPacket));
    assert_eq!(
        v3::decode_binary(b"4a"),
        Err(DecodeError::UnknownPacketType('4'))
    );
}

#[test]
fn a_websocket_without_binary_carries_base64() {
    let frame = v3::base64_frame(&[1, 2, 3]);
    assert_eq!(frame, Frame::text(&[b"b4AQID"]));
    let packet = v3::decode_text("b4AQID").expect("a packet");
    assert_eq!(packet.as_packet(), Packet::Binary(&[1, 2, 3]));
    let packet = v3::decode_text("2probe").expect("a packet");
    assert_eq!(packet.as_packet(), Packet::Ping("probe"));
    assert_eq!(v3::decode_text("").err(), Some(DecodeError::EmptyPacket));
}

#[test]
fn a_body_of_many_packets_takes_linear_time() {
    // Quadratic work on these would take minutes.
    let count = 200_000;
    assert_eq!(text_body(&"1:2".repeat(count)).packets.len(), count);
    assert_eq!(text_body(&"0:".repeat(count)), packets(&[]));
    assert_eq!(text_body(&"2:4é".repeat(count)).packets.len(), count);
    assert_eq!(
        binary_body(&b"\x00\x01\xff2".repeat(count)).packets.len(),
        count
    );
    assert_eq!(
        text_body(&"9".repeat(1 << 20)),
        refused(DecodeError::IllegalLength)
    );
    assert_eq!(
        binary_body(&[0; 1 << 20]),
        refused(DecodeError::IllegalLength)
    );
}

/// Text messages are `Ok`, binary ones `Err`.
type Messages = Vec<Result<String, Vec<u8>>>;

fn messages() -> impl Strategy<Value = Messages> {
    vec(
        prop_oneof![
            any::<String>().prop_map(Ok),
            vec(any::<u8>(), 0..40).prop_map(Err),
        ],
        0..10,
    )
}

fn sent_and_received(messages: &Messages) -> (Vec<Frame>, Decoded) {
    let sent = messages.iter().map(|message| match message {
        Ok(text) => message_frame(&[text.as_bytes()]),
        Err(bytes) => Frame::binary(&[bytes]),
    });
    let received: Vec<Packet<'_>> = messages
        .iter()
        .map(|message| match message {
            Ok(text) => Packet::Text(text),
            Err(bytes) => Packet::Binary(bytes),
        })
        .collect();
    (sent.collect(), packets(&received))
}

proptest! {
    #[test]
    fn a_body_gives_back_its_frames(messages in messages()) {
        let (sent, received) = sent_and_received(&messages);
        prop_assert_eq!(&text_body(&as_text(&sent)), &received);
        prop_assert_eq!(&binary_body(&as_binary(&sent)), &received);
    }

    #[test]
    fn a_text_length_is_that_of_javascript(text in any::<String>()) {
        let body = as_text(&[Frame::text(&[text.as_bytes()])]);
        prop_assert_eq!(body, format!("{}:{text}", text.encode_utf16().count()));
    }

    #[test]
    fn any_body_is_decoded_or_refused(
        text in "([0-9]{1,2}:|\\PC|[0-6b:=+/]){0,60}",
        bytes in vec(prop_oneof![any::<u8>(), Just(0), Just(1), Just(0xff), 0..10_u8], 0..60),
    ) {
        text_body(&text);
        binary_body(&bytes);
    }

    #[test]
    fn a_websocket_message_comes_back(bytes in vec(any::<u8>(), 0..200)) {
        let frame = v3::binary_frame(&[&bytes]);
        prop_assert_eq!(v3::decode_binary(frame.payload_ref()), Ok(Packet::Binary(&bytes)));
        let frame = v3::base64_frame(&bytes);
        prop_assert_eq!(frame.opcode(), Opcode::Text);
        let text = std::str::from_utf8(frame.payload_ref()).expect("text");
        let packet = v3::decode_text(text).expect("a packet");
        prop_assert_eq!(packet.as_packet(), Packet::Binary(&bytes));
    }
}
