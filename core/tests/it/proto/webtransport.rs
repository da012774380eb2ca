//! Records of WebTransport: golden bytes both ways, and whatever bytes, cut however.

use proptest::collection::vec;
use proptest::prelude::*;
use sori::proto::DecodeError;
use sori::proto::websocket::{Decoder, Frame, Limits, Message, Role};
use sori::proto::webtransport::{FirstPacket, Form, Header, Packer, Unpacker};

/// Headers in their shortest form.
const HEADERS: &[(Form, u64, &[u8])] = &[
    (Form::Text, 0, &[0x00]),
    (Form::Text, 1, &[0x01]),
    (Form::Binary, 3, &[0x83]),
    (Form::Text, 125, &[0x7d]),
    (Form::Text, 126, &[0x7e, 0x00, 0x7e]),
    (Form::Binary, 126, &[0xfe, 0x00, 0x7e]),
    (Form::Text, 65_535, &[0x7e, 0xff, 0xff]),
    (Form::Text, 65_536, &[0x7f, 0, 0, 0, 0, 0, 1, 0, 0]),
    (Form::Binary, 65_536, &[0xff, 0, 0, 0, 0, 0, 1, 0, 0]),
    (
        Form::Binary,
        u64::MAX,
        &[0xff, 255, 255, 255, 255, 255, 255, 255, 255],
    ),
];

#[test]
fn a_stream_begins_with_an_open_packet() {
    let upgrade = |sid: &str| FirstPacket::Upgrade { sid: sid.into() };
    let cases: &[(&[u8], FirstPacket)] = &[
        (b"\x010", FirstPacket::Open),
        (b"\x0c0{\"sid\":\"a\"}", upgrade("a")),
        (b"\x110{\"sid\":\"\\u00e4\"}", upgrade("ä")),
        (b"\x7e\x00\x010", FirstPacket::Open),
    ];
    for (bytes, first) in cases {
        for cut in 0..bytes.len() {
            assert_eq!(FirstPacket::decode(&bytes[..cut]), Ok(None), "{first:?}");
        }
        let expected = Ok(Some((first.clone(), bytes.len())));
        assert_eq!(FirstPacket::decode(bytes), expected);
        let followed = [bytes, &b"\x012"[..]].concat();
        assert_eq!(FirstPacket::decode(&followed), expected);
    }
}

#[test]
fn a_stream_that_begins_with_anything_else_is_none() {
    use DecodeError::{EmptyPacket, InvalidPayload, UnknownPacketType};
    let cases: &[(&[u8], DecodeError)] = &[
        (b"\x00", EmptyPacket),
        (b"\x012", UnknownPacketType('2')),
        (b"\x810", InvalidPayload),
        (b"\x020{", InvalidPayload),
        (b"\x0a0{\"sid\":1}", InvalidPayload),
        (b"\x030{}", InvalidPayload),
        // Announced, and never sent.
        (b"\x7e\x04\x01", InvalidPayload),
        (b"\x7f\xff\xff\xff\xff\xff\xff\xff\xff", InvalidPayload),
    ];
    for (bytes, error) in cases {
        assert_eq!(FirstPacket::decode(bytes), Err(*error), "{bytes:02x?}");
    }
}

#[test]
fn headers_are_these_bytes_and_no_fewer() {
    for &(form, length, bytes) in HEADERS {
        let header = Header { form, length };
        let mut encoded = Vec::new();
        header.encode(&mut encoded);
        assert_eq!(encoded, bytes, "{header:?}");
        assert_eq!(Header::decode(bytes), Some((header, bytes.len())));
        assert_eq!(Header::size(bytes[0]), bytes.len());
        for cut in 0..bytes.len() {
            assert_eq!(Header::decode(&bytes[..cut]), None, "{header:?} to {cut}");
        }
    }
}

/// What a receiver makes of frames: whether each message is text, and its bytes.
fn messages(frames: &mut [u8], most: usize) -> Vec<(bool, Vec<u8>)> {
    let mut decoder = Decoder::new(Role::Client);
    let limits = Limits {
        max_message: most,
        max_fragments: 1,
    };
    let mut feed = decoder.feed(frames, &limits);
    let mut messages = Vec::new();
    while let Ok(Some(message)) = feed.next() {
        messages.push(match message {
            Message::Text(text) => (true, text.as_bytes().to_vec()),
            Message::Binary(bytes) => (false, bytes.to_vec()),
            other => panic!("{other:?} of records"),
        });
    }
    messages
}

fn unpack(pieces: &[&[u8]]) -> Vec<u8> {
    let (mut unpacker, mut frames) = (Unpacker::default(), Vec::new());
    for piece in pieces {
        let before = frames.len();
        unpacker.unpack(piece, &mut frames);
        assert!(frames.len() - before <= Unpacker::most(piece.len()));
    }
    frames
}

/// `bytes` cut into pieces.
fn cut<'b>(bytes: &'b [u8], places: &[prop::sample::Index]) -> Vec<&'b [u8]> {
    let mut ends: Vec<usize> = places.iter().map(|at| at.index(bytes.len() + 1)).collect();
    ends.extend([0, bytes.len()]);
    ends.sort_unstable();
    ends.windows(2)
        .map(|ends| &bytes[ends[0]..ends[1]])
        .collect()
}

#[test]
fn records_become_frames_and_frames_records() {
    let records = b"\x060{\"a\"}\x83\x01\x02\xff\x052hell\x00\x80";
    let frames = b"\x81\x060{\"a\"}\x82\x03\x01\x02\xff\x81\x052hell\x81\x00\x81\x00";
    assert_eq!(unpack(&[records]), frames);
    let mut packed = Vec::new();
    Packer::default().pack(&frames[..frames.len() - 4], &mut packed);
    assert_eq!(packed, records[..records.len() - 2]);
}

#[test]
fn a_length_in_a_longer_form_than_need_be_is_read_all_the_same() {
    let records = [&b"\x7e\x00\x02hi\xff\x00\x00\x00\x00\x00\x00\x00\x01!"[..]];
    assert_eq!(unpack(&records), b"\x81\x02hi\x82\x01!");
}

#[test]
fn of_control_frames_only_the_close_has_a_meaning() {
    let (mut packer, mut records) = (Packer::default(), Vec::new());
    packer.pack(Frame::pong(b"pong").as_bytes(), &mut records);
    assert!(records.is_empty() && !packer.is_closed());
    packer.pack(Frame::text(&[b"4x"]).as_bytes(), &mut records);
    packer.pack(Frame::close(Some(1009), "too big").as_bytes(), &mut records);
    packer.pack(Frame::text(&[b"4late"]).as_bytes(), &mut records);
    assert_eq!(records, b"\x024x");
    assert!(packer.is_closed());
}

proptest! {
    #[test]
    fn what_is_packed_comes_out_as_it_was(
        sent in vec(prop_oneof!["\\PC{1,150}".prop_map(|text| (true, text.into_bytes())),
            vec(any::<u8>(), 1..70_000).prop_map(|bytes| (false, bytes))], 0..5),
        places in vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut frames = Vec::new();
        for (is_text, payload) in &sent {
            let frame = match is_text {
                true => Frame::text(&[payload]),
                false => Frame::binary(&[payload]),
            };
            frames.extend_from_slice(frame.as_bytes());
        }
        let (mut packer, mut records) = (Packer::default(), Vec::new());
        for piece in cut(&frames, &places) {
            packer.pack(piece, &mut records);
        }
        let mut unpacked = unpack(&cut(&records, &places));
        prop_assert!(unpacked == frames);
        prop_assert_eq!(messages(&mut unpacked, 1 << 20), sent);
    }

    #[test]
    fn no_bytes_make_it_panic_or_hold_much(
        records in vec(any::<u8>(), 0..2_000),
        places in vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let whole = unpack(&[&records]);
        let mut pieces = unpack(&cut(&records, &places));
        prop_assert_eq!(&pieces, &whole);
        let heard = messages(&mut pieces, 100);
        prop_assert!(heard.iter().all(|(_, bytes)| bytes.len() <= 100));
        Packer::default().pack(&records, &mut Vec::new());
    }
}
