//! The WebSocket codec by golden bytes: what is taken, what is refused, and with which error.

use sori::proto::websocket::{
    Decoder, Error, Frame, Limits, Message, Opcode, Role, encode_header, is_valid_close_code,
};

use crate::support::wire::{Owned, decode_all, masked, raw_frame};

const LIMITS: Limits = Limits {
    max_message: 1 << 20,
    max_fragments: 100,
};

fn server_receives(bytes: &[u8]) -> Result<Vec<Owned>, Error> {
    decode_all(Role::Server, [bytes], &LIMITS)
}

fn refusal_of(bytes: &[u8]) -> Error {
    server_receives(bytes).expect_err("the bytes break a rule")
}

fn text(text: &str) -> Owned {
    Owned::Text(text.into())
}

#[test]
fn decodes_the_examples_of_the_rfc() {
    // RFC 6455 §5.7
    let masked_text = [
        0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
    ];
    assert_eq!(server_receives(&masked_text), Ok(vec![text("Hello")]));
    let masked_pong = [
        0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
    ];
    assert_eq!(
        server_receives(&masked_pong),
        Ok(vec![Owned::Pong(b"Hello".to_vec())])
    );
    let from_server = b"\x81\x05Hello\x01\x03Hel\x80\x02lo\x89\x05Hello";
    assert_eq!(
        decode_all(Role::Client, [&from_server[..]], &LIMITS),
        Ok(vec![
            text("Hello"),
            text("Hello"),
            Owned::Ping(b"Hello".to_vec())
        ])
    );
}

#[test]
fn decodes_a_masked_frame_in_place() {
    let mut chunk = masked(Opcode::Text, true, b"in place");
    let place = chunk.as_ptr_range();
    let mut decoder = Decoder::new(Role::Server);
    let mut feed = decoder.feed(&mut chunk, &LIMITS);
    let Ok(Some(Message::Text(text))) = feed.next() else {
        panic!("a text message")
    };
    assert_eq!(text, "in place");
    assert!(place.contains(&text.as_ptr()), "the text lies in the chunk");
    assert_eq!(feed.next(), Ok(None));
}

#[test]
fn holds_no_buffer_while_nothing_is_unfinished() {
    assert!(size_of::<Decoder>() <= 64, "{} bytes", size_of::<Decoder>());
    let mut decoder = Decoder::new(Role::Server);
    let idle = format!("{decoder:?}");
    assert!(idle.contains("assembly: None"));
    let mut stream = masked(Opcode::Text, false, b"one ");
    stream.extend(masked(Opcode::Ping, true, b"between"));
    stream.extend(masked(Opcode::Continuation, true, b"two"));
    for byte in stream {
        let mut chunk = [byte];
        let mut feed = decoder.feed(&mut chunk, &LIMITS);
        while feed.next().expect("valid").is_some() {}
    }
    assert!(format!("{decoder:?}").contains("header_len: 0"));
    assert!(format!("{decoder:?}").contains("assembly: None"));
}

#[test]
fn decodes_each_form_of_length_at_its_edges() {
    for len in [0, 1, 125, 126, 127, 0xffff, 0x1_0000] {
        let payload = vec![b'x'; len];
        let frame = masked(Opcode::Binary, true, &payload);
        assert_eq!(
            server_receives(&frame),
            Ok(vec![Owned::Binary(payload)]),
            "{len} bytes"
        );
    }
}

/// RFC 6455 §5.2 asks the shortest form of who sends. Like npm `ws` the codec takes the others, which
/// mean nothing else to anybody; Autobahn's cases send none. A control frame has no other form.
#[test]
fn accepts_a_length_in_a_longer_form_than_needed() {
    let long = vec![b'x'; 0xffff];
    for payload in [&b""[..], b"abc", &long] {
        let length = payload.len() as u64;
        let mut frames = raw_frame(0x82, 127, &length.to_be_bytes(), payload);
        let mut expected = vec![Owned::Binary(payload.to_vec())];
        if let Ok(short @ 0..126) = u16::try_from(length) {
            frames.extend(raw_frame(0x82, 126, &short.to_be_bytes(), payload));
            expected.push(Owned::Binary(payload.to_vec()));
        }
        assert_eq!(server_receives(&frames), Ok(expected), "{length} bytes");
    }
    let ping = raw_frame(0x89, 126, &3_u16.to_be_bytes(), b"abc");
    assert_eq!(refusal_of(&ping), Error::InvalidControlLength(126));
}

#[test]
fn joins_fragments_and_hands_out_control_frames_between_them() {
    let mut stream = masked(Opcode::Text, false, "gr\u{fc}".as_bytes());
    stream.extend(masked(Opcode::Ping, true, b"p"));
    stream.extend(masked(Opcode::Continuation, false, b""));
    stream.extend(masked(Opcode::Pong, true, b""));
    stream.extend(masked(Opcode::Continuation, true, b"n"));
    stream.extend(masked(Opcode::Close, true, b"\x03\xe8bye"));
    let expected = vec![
        Owned::Ping(b"p".to_vec()),
        Owned::Pong(vec![]),
        text("gr\u{fc}n"),
        Owned::Close(Some((1000, "bye".into()))),
    ];
    assert_eq!(server_receives(&stream), Ok(expected.clone()));
    assert_eq!(
        decode_all(Role::Server, stream.chunks(1), &LIMITS),
        Ok(expected)
    );
}

#[test]
fn a_character_may_be_cut_by_fragments_but_not_by_the_end() {
    let mut stream = masked(Opcode::Text, false, b"\xc3");
    stream.extend(masked(Opcode::Continuation, true, b"\xbc"));
    assert_eq!(server_receives(&stream), Ok(vec![text("\u{fc}")]));
    let mut cut = masked(Opcode::Text, false, b"a");
    cut.extend(masked(Opcode::Continuation, true, b"\xc3"));
    assert_eq!(refusal_of(&cut), Error::InvalidUtf8);
}

#[test]
fn a_close_frame_without_payload_has_no_code() {
    assert_eq!(
        server_receives(&masked(Opcode::Close, true, b"")),
        Ok(vec![Owned::Close(None)])
    );
}

#[test]
fn refuses_each_broken_rule_with_its_error() {
    let key = [0; 4];
    let cases: [(&[u8], Error); 17] = [
        (&[0x91, 0x80], Error::UnexpectedRsv23),
        (&[0xa1, 0x80], Error::UnexpectedRsv23),
        (&[0xc1, 0x80], Error::UnexpectedRsv1),
        (&[0x83, 0x80], Error::InvalidOpcode(3)),
        (&[0x8b, 0x80], Error::InvalidOpcode(11)),
        (&[0x80, 0x80], Error::InvalidOpcode(0)),
        (&[0x09, 0x80], Error::ExpectedFin),
        (&[0x89, 0xfe], Error::InvalidControlLength(126)),
        (&[0x8a, 0xff], Error::InvalidControlLength(127)),
        (&[0x88, 0x81], Error::InvalidControlLength(1)),
        (&[0x81, 0x00], Error::ExpectedMask),
        (
            &[0x82, 0xff, 0, 0x20, 0, 0, 0, 0, 0, 0],
            Error::UnsupportedLength,
        ),
        (
            &masked(Opcode::Close, true, b"\x03\xed"),
            Error::InvalidCloseCode(1005),
        ),
        (
            &masked(Opcode::Close, true, b"\x00\x00"),
            Error::InvalidCloseCode(0),
        ),
        (
            &masked(Opcode::Close, true, b"\x03\xe8\xff"),
            Error::InvalidUtf8,
        ),
        (&masked(Opcode::Text, true, b"\xff"), Error::InvalidUtf8),
        (
            &[&[0x82, 0xff, 0, 0x1f], &[0xff; 6][..], &key].concat(),
            Error::MessageTooBig,
        ),
    ];
    for (bytes, error) in cases {
        assert_eq!(refusal_of(bytes), error, "{bytes:02x?}");
    }
    assert_eq!(
        decode_all(
            Role::Client,
            [&masked(Opcode::Text, true, b"")[..]],
            &LIMITS
        ),
        Err(Error::UnexpectedMask)
    );
}

#[test]
fn refuses_a_new_message_inside_a_fragmented_one() {
    for opcode in [Opcode::Text, Opcode::Binary] {
        let mut stream = masked(Opcode::Text, false, b"");
        stream.extend(masked(opcode, true, b""));
        assert_eq!(refusal_of(&stream), Error::InvalidOpcode(opcode as u8));
    }
}

#[test]
fn reports_the_first_of_several_broken_rules() {
    // Everything wrong at once, then each put right in the order of the checks.
    let order = [
        ([0x7f, 0x7f], Error::UnexpectedRsv23),
        ([0x4f, 0x7f], Error::UnexpectedRsv1),
        ([0x0f, 0x7f], Error::InvalidOpcode(15)),
        ([0x08, 0x7f], Error::ExpectedFin),
        ([0x88, 0x7f], Error::InvalidControlLength(127)),
        ([0x88, 0x01], Error::InvalidControlLength(1)),
        ([0x88, 0x02], Error::ExpectedMask),
    ];
    for (start, error) in order {
        assert_eq!(refusal_of(&start), error, "{start:02x?}");
    }
}

#[test]
fn reports_messages_before_the_frame_that_breaks_a_rule() {
    let mut chunk = masked(Opcode::Text, true, b"fine");
    chunk.extend([0x83, 0x80]);
    let mut decoder = Decoder::new(Role::Server);
    let mut feed = decoder.feed(&mut chunk, &LIMITS);
    assert_eq!(feed.next(), Ok(Some(Message::Text("fine"))));
    assert_eq!(feed.next(), Err(Error::InvalidOpcode(3)));
}

#[test]
fn refuses_a_message_over_the_limit_by_its_header_alone() {
    let limits = Limits {
        max_message: 10,
        max_fragments: 0,
    };
    let fits = masked(Opcode::Binary, true, &[7; 10]);
    assert_eq!(
        decode_all(Role::Server, [&fits[..]], &limits),
        Ok(vec![Owned::Binary(vec![7; 10])])
    );
    let over = masked(Opcode::Binary, true, &[7; 11]);
    assert_eq!(
        decode_all(Role::Server, [&over[..6]], &limits),
        Err(Error::MessageTooBig)
    );
    let mut fragments = masked(Opcode::Binary, false, &[7; 6]);
    fragments.extend(&masked(Opcode::Continuation, true, &[7; 5])[..6]);
    assert_eq!(
        decode_all(Role::Server, [&fragments[..]], &limits),
        Err(Error::MessageTooBig)
    );
}

#[test]
fn control_frames_do_not_count_towards_the_limits() {
    let limits = Limits {
        max_message: 2,
        max_fragments: 2,
    };
    let mut stream = masked(Opcode::Binary, false, b"a");
    stream.extend(masked(Opcode::Ping, true, b"a long ping"));
    stream.extend(masked(Opcode::Continuation, true, b"b"));
    let expected = vec![
        Owned::Ping(b"a long ping".to_vec()),
        Owned::Binary(b"ab".to_vec()),
    ];
    assert_eq!(
        decode_all(Role::Server, [&stream[..]], &limits),
        Ok(expected)
    );
}

#[test]
fn refuses_the_fragment_after_the_last_allowed_even_when_empty() {
    let limits = Limits {
        max_message: 0,
        max_fragments: 3,
    };
    let mut stream = masked(Opcode::Binary, false, b"");
    stream.extend(masked(Opcode::Continuation, false, b""));
    let mut at_limit = stream.clone();
    at_limit.extend(masked(Opcode::Continuation, true, b""));
    assert_eq!(
        decode_all(Role::Server, [&at_limit[..]], &limits),
        Ok(vec![Owned::Binary(vec![])])
    );
    stream.extend(masked(Opcode::Continuation, false, b""));
    stream.extend(masked(Opcode::Continuation, true, b""));
    assert_eq!(
        decode_all(Role::Server, [&stream[..]], &limits),
        Err(Error::TooManyFragments)
    );
}

#[test]
fn a_message_after_a_fragmented_one_starts_its_counts_anew() {
    let limits = Limits {
        max_message: 4,
        max_fragments: 2,
    };
    let mut stream = Vec::new();
    for _ in 0..5 {
        stream.extend(masked(Opcode::Binary, false, b"ab"));
        stream.extend(masked(Opcode::Continuation, true, b"cd"));
    }
    let expected = vec![Owned::Binary(b"abcd".to_vec()); 5];
    assert_eq!(
        decode_all(Role::Server, [&stream[..]], &limits),
        Ok(expected.clone())
    );
    assert_eq!(
        decode_all(Role::Server, stream.chunks(3), &limits),
        Ok(expected)
    );
}

#[test]
fn a_huge_announced_length_allocates_only_what_arrives() {
    let limits = Limits {
        max_message: 0,
        max_fragments: 0,
    };
    let mut decoder = Decoder::new(Role::Server);
    // 2^53 - 1 bytes announced, five sent: reserving the announcement would abort the process.
    let header = [
        0x82, 0xff, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4,
    ];
    let mut chunk = [&header[..], b"hello"].concat();
    assert_eq!(decoder.feed(&mut chunk, &limits).next(), Ok(None));
}

#[test]
fn a_large_message_in_small_chunks_arrives_whole() {
    let limits = Limits {
        max_message: 100 << 20,
        max_fragments: 0,
    };
    let payload: Vec<u8> = (0..100 << 20).map(|i: u32| (i % 251) as u8).collect();
    let mut stream = masked(Opcode::Binary, true, &payload);
    let mut decoder = Decoder::new(Role::Server);
    let mut whole = 0;
    for chunk in stream.chunks_mut(1024) {
        let mut feed = decoder.feed(chunk, &limits);
        while let Some(message) = feed.next().expect("valid") {
            assert!(message == Message::Binary(&payload), "the payload as sent");
            whole += 1;
        }
    }
    assert_eq!(whole, 1);
}

#[test]
fn errors_carry_the_codes_and_words_of_ws() {
    let table = [
        (
            Error::ExpectedFin,
            1002,
            "WS_ERR_EXPECTED_FIN",
            "FIN must be set",
        ),
        (
            Error::ExpectedMask,
            1002,
            "WS_ERR_EXPECTED_MASK",
            "MASK must be set",
        ),
        (
            Error::UnexpectedMask,
            1002,
            "WS_ERR_UNEXPECTED_MASK",
            "MASK must be clear",
        ),
        (
            Error::InvalidCloseCode(1005),
            1002,
            "WS_ERR_INVALID_CLOSE_CODE",
            "invalid status code 1005",
        ),
        (
            Error::InvalidControlLength(126),
            1002,
            "WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH",
            "invalid payload length 126",
        ),
        (
            Error::InvalidOpcode(7),
            1002,
            "WS_ERR_INVALID_OPCODE",
            "invalid opcode 7",
        ),
        (
            Error::UnexpectedRsv1,
            1002,
            "WS_ERR_UNEXPECTED_RSV_1",
            "RSV1 must be clear",
        ),
        (
            Error::UnexpectedRsv23,
            1002,
            "WS_ERR_UNEXPECTED_RSV_2_3",
            "RSV2 and RSV3 must be clear",
        ),
        (
            Error::InvalidUtf8,
            1007,
            "WS_ERR_INVALID_UTF8",
            "invalid UTF-8 sequence",
        ),
    ];
    for (error, close, code, words) in table {
        assert_eq!((error.close_code(), error.code()), (close, code));
        assert_eq!(
            error.to_string(),
            format!("Invalid WebSocket frame: {words}")
        );
    }
    let whole = [
        (
            Error::UnsupportedLength,
            1009,
            "WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH",
            "Unsupported WebSocket frame: payload length > 2^53 - 1",
        ),
        (
            Error::MessageTooBig,
            1009,
            "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH",
            "Max payload size exceeded",
        ),
        (
            Error::TooManyFragments,
            1008,
            "WS_ERR_TOO_MANY_BUFFERED_PARTS",
            "Too many message fragments",
        ),
    ];
    for (error, close, code, words) in whole {
        assert_eq!((error.close_code(), error.code()), (close, code));
        assert_eq!(error.to_string(), words);
    }
}

#[test]
fn knows_the_close_codes_that_may_be_sent() {
    let allowed: Vec<u16> = (0..=u16::MAX)
        .filter(|&code| is_valid_close_code(code))
        .collect();
    let expected: Vec<u16> = (1000..=1003)
        .chain(1007..=1014)
        .chain(3000..=4999)
        .collect();
    assert_eq!(allowed, expected);
}

#[test]
fn encodes_headers_of_each_form() {
    let mut out = [0; 10];
    let mut header = |opcode, fin, rsv1, len| {
        let size = encode_header(opcode, fin, rsv1, len, &mut out);
        out[..size].to_vec()
    };
    assert_eq!(header(Opcode::Text, true, false, 0), [0x81, 0]);
    assert_eq!(header(Opcode::Binary, true, true, 125), [0xc2, 125]);
    assert_eq!(
        header(Opcode::Continuation, false, false, 126),
        [0, 126, 0, 126]
    );
    assert_eq!(
        header(Opcode::Text, true, false, 0xffff),
        [0x81, 126, 0xff, 0xff]
    );
    assert_eq!(
        header(Opcode::Text, true, false, 0x1_0000),
        [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]
    );
}

#[test]
fn encodes_frames_from_parts() {
    assert_eq!(Frame::text(&[b"4", b"hello"]).as_bytes(), b"\x81\x064hello");
    assert_eq!(Frame::text(&[]).as_bytes(), b"\x81\x00");
    assert_eq!(
        Frame::binary(&[&[1, 2], &[], &[3]]).as_bytes(),
        b"\x82\x03\x01\x02\x03"
    );
    assert_eq!(Frame::ping(b"a").as_bytes(), b"\x89\x01a");
    assert_eq!(Frame::pong(b"").as_bytes(), b"\x8a\x00");
    assert_eq!(Frame::close(None, "ignored").as_bytes(), b"\x88\x00");
    assert_eq!(Frame::close(Some(1000), "").as_bytes(), b"\x88\x02\x03\xe8");
    assert_eq!(
        Frame::close(Some(1001), "bye").as_bytes(),
        b"\x88\x05\x03\xe9bye"
    );
}

#[test]
fn frames_give_back_what_they_carry() {
    for len in [0, 1, 125, 126, 0xffff, 0x1_0000] {
        let payload = vec![b'y'; len];
        let frame = Frame::binary(&[&payload]);
        assert_eq!(frame.opcode(), Opcode::Binary);
        assert_eq!(frame.payload_ref(), payload);
        assert_eq!(frame.payload(), payload);
        assert_eq!(frame.len(), frame.as_bytes().len());
        assert_eq!(frame.clone().into_bytes(), frame.as_bytes());
    }
}

#[test]
fn clones_and_payloads_share_the_frame() {
    let frame = Frame::text(&[b"shared"]);
    assert_eq!(frame.clone().as_bytes().as_ptr(), frame.as_bytes().as_ptr());
    assert_eq!(frame.payload().as_ptr(), frame.payload_ref().as_ptr());
}

#[test]
fn cuts_control_payloads_to_what_a_frame_may_carry() {
    assert_eq!(Frame::ping(&[1; 126]).payload_ref(), [1; 125]);
    assert_eq!(Frame::pong(&[1; 126]).payload_ref(), [1; 125]);
    // 122 bytes, then a character of two bytes that does not fit in 123.
    let reason = "r".repeat(122) + "\u{fc}";
    let frame = Frame::close(Some(1000), &reason);
    assert_eq!(&frame.payload_ref()[2..], "r".repeat(122).as_bytes());
    let exact = "r".repeat(121) + "\u{fc}";
    assert_eq!(
        &Frame::close(Some(1000), &exact).payload_ref()[2..],
        exact.as_bytes()
    );
}

#[test]
#[should_panic(expected = "the length differs")]
fn a_static_frame_must_be_complete() {
    let _ = Frame::from_static(b"\x81\x05four");
}
