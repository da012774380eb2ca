//! Compressed messages: the examples of RFC 7692, what is refused, and both directions beside a plain
//! zlib stream as the peer.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use proptest::collection::vec;
use proptest::prelude::*;
use sori::proto::websocket::deflate::{
    DeflateClass, DeflateOptions, DeflatePool, Deflater, InflatePool,
};
use sori::proto::websocket::{Decoder, Error, Frame, Limits, Opcode, Role};

use crate::support::wire::{Owned, masked, raw_frame};

const LIMITS: Limits = Limits {
    max_message: 1 << 20,
    max_fragments: 100,
};
const CONTEXT: DeflateClass = DeflateClass {
    window_bits: 15,
    no_context: false,
};
const NO_CONTEXT: DeflateClass = DeflateClass {
    no_context: true,
    ..CONTEXT
};
/// RFC 7692 §7.2.3.1
const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
const COMPRESSED_TEXT: u8 = 0xc1;

/// What a decoder of this class makes of each chunk, up to the first error.
fn receive<'a>(
    class: DeflateClass,
    chunks: impl IntoIterator<Item = &'a [u8]>,
    limits: &Limits,
) -> Result<Vec<Owned>, Error> {
    let mut decoder = Decoder::with_deflate(Role::Server, class);
    let mut pool = InflatePool::new();
    let mut messages = Vec::new();
    for chunk in chunks {
        let mut chunk = chunk.to_vec();
        let mut feed = decoder.feed_with(&mut chunk, limits, &mut pool);
        while let Some(message) = feed.next()? {
            messages.push(message.into());
        }
    }
    Ok(messages)
}

/// A compressed text message in one frame, whatever its length.
fn compressed(payload: &[u8]) -> Vec<u8> {
    let mut frame = masked(Opcode::Text, true, payload);
    frame[0] |= 0x40;
    frame
}

fn text(text: &str) -> Owned {
    Owned::Text(text.into())
}

fn pool_at(threshold: usize) -> DeflatePool {
    DeflatePool::new(&DeflateOptions {
        threshold,
        ..DeflateOptions::default()
    })
}

#[test]
fn inflates_the_examples_of_the_rfc() {
    let once = [
        &HELLO[..],
        // §7.2.3.3: a block that is not compressed
        &[
            0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00,
        ],
        // §7.2.3.4: a block that says it is the last
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        // §7.2.3.5: two blocks
        &[
            0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
        ],
    ];
    for payload in once {
        for class in [CONTEXT, NO_CONTEXT] {
            let twice = [compressed(payload), compressed(payload)].concat();
            assert_eq!(
                receive(class, [&twice[..]], &LIMITS),
                Ok(vec![text("Hello"), text("Hello")]),
                "{payload:x?} {class:?}"
            );
        }
    }
    // §7.2.3.6: nothing
    assert_eq!(
        receive(CONTEXT, [&compressed(&[0])[..]], &LIMITS),
        Ok(vec![text("")])
    );
}

#[test]
fn a_message_refers_to_the_one_before_it() {
    // RFC 7692 §7.2.3.2
    let stream = [
        compressed(&HELLO),
        compressed(&[0xf2, 0x00, 0x11, 0x00, 0x00]),
    ]
    .concat();
    assert_eq!(
        receive(CONTEXT, [&stream[..]], &LIMITS),
        Ok(vec![text("Hello"), text("Hello")])
    );
    assert_eq!(
        receive(NO_CONTEXT, [&stream[..]], &LIMITS),
        Err(Error::InvalidDeflate)
    );
}

#[test]
fn joins_fragments_before_it_inflates() {
    let mut stream = raw_frame(0x41, 3, &[], &HELLO[..3]);
    stream.extend(masked(Opcode::Ping, true, b"between"));
    stream.extend(masked(Opcode::Continuation, true, &HELLO[3..]));
    stream.extend(masked(Opcode::Text, true, b"plain"));
    stream.extend(masked(Opcode::Text, false, b"pl"));
    stream.extend(masked(Opcode::Continuation, true, b"ain"));
    let expected = vec![
        Owned::Ping(b"between".to_vec()),
        text("Hello"),
        text("plain"),
        text("plain"),
    ];
    assert_eq!(
        receive(CONTEXT, [&stream[..]], &LIMITS),
        Ok(expected.clone())
    );
    assert_eq!(receive(CONTEXT, stream.chunks(1), &LIMITS), Ok(expected));
}

#[test]
fn a_decoder_without_a_pool_makes_its_own() {
    let mut decoder = Decoder::with_deflate(Role::Server, CONTEXT);
    let mut chunk = compressed(&HELLO);
    let mut feed = decoder.feed(&mut chunk, &LIMITS);
    assert_eq!(
        feed.next().map(|message| message.map(Owned::from)),
        Ok(Some(text("Hello")))
    );
    assert_eq!(feed.next(), Ok(None));
}

#[test]
fn rsv1_stands_on_the_first_frame_of_a_message_only() {
    let error = |frames: &[u8]| receive(CONTEXT, [frames], &LIMITS).expect_err("a broken rule");
    let begun = raw_frame(0x41, 3, &[], &HELLO[..3]);
    let then = |frame: Vec<u8>| [begun.clone(), frame].concat();
    assert_eq!(
        error(&then(raw_frame(0xc0, 4, &[], &HELLO[3..]))),
        Error::UnexpectedRsv1
    );
    assert_eq!(error(&raw_frame(0xc0, 0, &[], b"")), Error::UnexpectedRsv1);
    assert_eq!(error(&raw_frame(0xc9, 0, &[], b"")), Error::UnexpectedRsv1);
    assert_eq!(error(&raw_frame(0x49, 0, &[], b"")), Error::ExpectedFin);
    assert_eq!(
        error(&raw_frame(0xc3, 0, &[], b"")),
        Error::InvalidOpcode(3)
    );
    assert_eq!(error(&raw_frame(0xf1, 0, &[], b"")), Error::UnexpectedRsv23);
    assert_eq!(error(&then(compressed(&HELLO))), Error::InvalidOpcode(1));
    let mut decoder = Decoder::new(Role::Server);
    let mut chunk = compressed(&HELLO);
    assert_eq!(
        decoder.feed(&mut chunk, &LIMITS).next(),
        Err(Error::UnexpectedRsv1)
    );
}

#[test]
fn refuses_what_is_not_deflate() {
    for payload in [&[0x07][..], b"garbage", &[0x00, 0x01, 0x02, 0x03, 0x04]] {
        for class in [CONTEXT, NO_CONTEXT] {
            let error = receive(class, [&compressed(payload)[..]], &LIMITS);
            assert_eq!(error, Err(Error::InvalidDeflate), "{payload:x?}");
        }
    }
    let error = Error::InvalidDeflate;
    assert_eq!((error.close_code(), error.code()), (1007, "Z_DATA_ERROR"));
    assert_eq!(
        receive(
            CONTEXT,
            [&compressed(&peer(CONTEXT, [&b"\xff"[..]])[0])[..]],
            &LIMITS
        ),
        Err(Error::InvalidUtf8)
    );
}

#[test]
fn stops_inflating_at_the_limit() {
    for len in [0, 1, 4095, 4096, 4097, 100_000] {
        let payload = vec![b'x'; len];
        let [ref message] = peer(CONTEXT, [&payload[..]])[..] else {
            panic!("one message")
        };
        let at = |max_message| {
            let limits = Limits {
                max_message,
                ..LIMITS
            };
            receive(CONTEXT, [&compressed(message)[..]], &limits).map(|messages| messages.len())
        };
        // The compressed bytes count too; these are fewer from the second length on.
        let exact = len.max(message.len());
        assert_eq!(at(exact), Ok(1), "{len} bytes");
        if len > message.len() {
            assert_eq!(at(len - 1), Err(Error::MessageTooBig), "{len} bytes");
        }
        assert_eq!(at(0), Ok(1), "{len} bytes without a limit");
    }
}

#[test]
fn the_frames_of_a_broadcast_fit_every_connection_of_the_class() {
    let event = format!(
        "42[\"rows\",{}]",
        "{\"id\":1,\"name\":\"somebody\"},".repeat(100)
    );
    let frame = Frame::text(&[event.as_bytes()]);
    let mut pool = pool_at(1024);
    let shared = pool.compress(15, &frame);
    assert!(shared.is_compressed());
    assert_eq!(shared.opcode(), Opcode::Text);
    assert_eq!(shared.as_bytes()[0], COMPRESSED_TEXT);
    assert!(shared.len() < frame.len() / 10, "{} bytes", shared.len());
    assert_eq!(pool.compress(15, &frame), shared, "nothing is carried over");
    assert_eq!(
        Deflater::new(NO_CONTEXT).compress(&frame, &mut pool),
        shared
    );
}

#[test]
fn leaves_alone_what_gains_nothing() {
    let mut pool = pool_at(10);
    let unchanged = [
        Frame::text(&[b"short"]),
        Frame::binary(&[b"0123456789abcdef"]),
        Frame::ping(&[b'x'; 100]),
        Frame::close(Some(1000), &"x".repeat(100)),
    ];
    for frame in unchanged {
        assert_eq!(pool.compress(15, &frame), frame);
        assert_eq!(Deflater::new(NO_CONTEXT).compress(&frame, &mut pool), frame);
    }
    let once = pool.compress(15, &Frame::text(&[&[b'x'; 100]]));
    assert!(once.is_compressed());
    assert_eq!(
        pool.compress(15, &once),
        once,
        "what is compressed stays so"
    );
    let control = Frame::ping(b"x");
    assert_eq!(
        Deflater::new(CONTEXT).compress(&control, &mut pool),
        control
    );
}

#[test]
fn a_repeated_message_gets_small_and_an_empty_one_is_a_zero() {
    let mut pool = pool_at(0);
    let mut deflater = Deflater::new(CONTEXT);
    let [hello, empty] = [Frame::text(&[b"Hello"]), Frame::text(&[])];
    let sent = [&hello, &hello, &empty, &empty, &empty, &hello]
        .map(|frame| deflater.compress(frame, &mut pool));
    assert_eq!(sent[0].payload_ref(), HELLO);
    // RFC 7692 §7.2.3.2 takes five bytes for it.
    assert!(sent[1].len() <= 2 + 5, "{:?}", sent[1]);
    // §7.2.3.6
    for frame in &sent[2..5] {
        assert_eq!(frame.as_bytes(), [COMPRESSED_TEXT, 1, 0]);
    }
    let stream: Vec<u8> = sent.into_iter().flat_map(Frame::into_bytes).collect();
    let expected: [&[u8]; 6] = [b"Hello", b"Hello", b"", b"", b"", b"Hello"];
    assert_eq!(unpack(CONTEXT, &stream), expected);
}

#[test]
fn a_deflater_that_gave_up_its_memory_goes_on() {
    let mut pool = pool_at(0);
    let mut deflater = Deflater::new(CONTEXT);
    let hello = Frame::text(&[b"Hello"]);
    let mut sent = Vec::new();
    for _ in 0..3 {
        sent.extend(deflater.compress(&hello, &mut pool).into_bytes());
        deflater.release();
    }
    assert_eq!(sent, [&[COMPRESSED_TEXT, 7][..], &HELLO].concat().repeat(3));
    sent.extend(deflater.compress(&hello, &mut pool).into_bytes());
    sent.extend(deflater.compress(&hello, &mut pool).into_bytes());
    assert_eq!(unpack(CONTEXT, &sent), vec![b"Hello"; 5]);
}

#[test]
fn a_broadcast_and_messages_of_its_own_mix_on_one_connection() {
    let mut pool = pool_at(0);
    let event = |i: usize| format!("42[\"event\",{{\"number\":{i},\"text\":\"some text\"}}]");
    for class in [CONTEXT, NO_CONTEXT] {
        let mut deflater = Deflater::new(class);
        let (mut sent, mut expected) = (Vec::new(), Vec::new());
        for i in 0..100 {
            let frame = Frame::text(&[event(i).as_bytes()]);
            let wire = if i % 3 == 0 {
                let shared = pool.compress(class.window_bits, &frame);
                deflater.share(&frame, &shared, &pool)
            } else {
                deflater.compress(&frame, &mut pool)
            };
            sent.extend(wire.into_bytes());
            expected.push(event(i).into_bytes());
        }
        assert_eq!(unpack(class, &sent), expected);
    }
}

/// The payloads as a peer's zlib compresses them, by one stream or a new one each.
fn peer<'a>(class: DeflateClass, payloads: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let bits = class.window_bits.max(9);
    let new = || Compress::new_with_window_bits(Compression::default(), false, bits);
    let mut stream = new();
    let mut compress = |payload: &[u8]| {
        if class.no_context {
            stream = new();
        }
        let mut out = Vec::with_capacity(payload.len() * 2 + 100);
        stream
            .compress_vec(payload, &mut out, FlushCompress::Sync)
            .expect("valid");
        out.truncate(out.len().saturating_sub(4));
        if out.is_empty() { vec![0] } else { out }
    };
    payloads.into_iter().map(&mut compress).collect()
}

/// The payloads of server frames, compressed ones inflated by one zlib stream or a new one each.
fn unpack(class: DeflateClass, mut stream: &[u8]) -> Vec<Vec<u8>> {
    let bits = class.window_bits.max(9);
    let new = || Decompress::new_with_window_bits(false, bits);
    let mut inflater = new();
    let mut payloads = Vec::new();
    while let &[first, second, ref rest @ ..] = stream {
        let (len, rest) = match second {
            126 => (
                usize::from(u16::from_be_bytes([rest[0], rest[1]])),
                &rest[2..],
            ),
            127 => panic!("no test makes such a frame"),
            len => (usize::from(len), rest),
        };
        let (payload, rest) = rest.split_at(len);
        stream = rest;
        if first & 0x40 == 0 {
            payloads.push(payload.to_vec());
            continue;
        }
        if class.no_context {
            inflater = new();
        }
        let message = [payload, &[0, 0, 0xff, 0xff]].concat();
        let mut out = Vec::with_capacity(1 << 20);
        inflater
            .decompress_vec(&message, &mut out, FlushDecompress::Sync)
            .expect("a zlib peer takes it");
        payloads.push(out);
    }
    payloads
}

fn class() -> impl Strategy<Value = DeflateClass> {
    (8..=15_u8, any::<bool>()).prop_map(|(window_bits, no_context)| DeflateClass {
        window_bits,
        no_context,
    })
}

/// Much that repeats, near and far, and some noise.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => (any::<u8>(), 1..2000_usize).prop_map(|(seed, len)| {
            (0..len).map(|i| (i * usize::from(seed) % 251) as u8).collect::<Vec<u8>>()
        }),
        2 => Just(b"{\"id\":12345,\"name\":\"somebody\"}".to_vec()),
        1 => vec(any::<u8>(), 0..300),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn inflates_what_zlib_sends(
        class in class(),
        payloads in vec(payload(), 0..12),
        size in 1..5000_usize,
    ) {
        let stream: Vec<u8> = peer(class, payloads.iter().map(|p| &p[..]))
            .iter()
            .flat_map(|payload| {
                let mut frame = masked(Opcode::Binary, true, payload);
                frame[0] |= 0x40;
                frame
            })
            .collect();
        let expected: Vec<Owned> = payloads.into_iter().map(Owned::Binary).collect();
        prop_assert_eq!(receive(class, [&stream[..]], &LIMITS), Ok(expected.clone()));
        prop_assert_eq!(receive(class, stream.chunks(size), &LIMITS), Ok(expected));
    }

    #[test]
    fn zlib_inflates_what_we_send(
        class in class(),
        payloads in vec(payload(), 0..12),
        threshold in 0..100_usize,
        level in 0..=9_u8,
        history in prop_oneof![Just(0), 1..100_usize, Just(4096), Just(1 << 20)],
    ) {
        let mut pool = DeflatePool::new(&DeflateOptions { threshold, level, history, ..DeflateOptions::default() });
        let mut deflater = Deflater::new(class);
        let stream: Vec<u8> = payloads
            .iter()
            .flat_map(|payload| deflater.compress(&Frame::binary(&[payload]), &mut pool).into_bytes())
            .collect();
        prop_assert_eq!(unpack(class, &stream), payloads);
    }

    #[test]
    fn arbitrary_bytes_are_inflated_or_refused_within_the_limit(
        class in class(),
        payloads in vec(vec(any::<u8>(), 0..200), 1..5),
    ) {
        let limits = Limits { max_message: 5000, ..LIMITS };
        let stream: Vec<u8> = payloads.iter().flat_map(|payload| compressed(payload)).collect();
        let whole = receive(class, [&stream[..]], &limits);
        prop_assert_eq!(receive(class, stream.chunks(7), &limits), whole);
    }

    /// Bytes that are mostly well-formed reach further than noise does.
    #[test]
    fn damaged_messages_are_inflated_or_refused_within_the_limit(
        class in class(),
        payloads in vec(payload(), 1..5),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let limits = Limits { max_message: 5000, ..LIMITS };
        let mut messages = peer(class, payloads.iter().map(|p| &p[..]));
        for (place, byte) in damage {
            let message = &mut messages[0];
            let at = place.index(message.len());
            message[at] = byte;
        }
        let stream: Vec<u8> = messages.iter().flat_map(|payload| compressed(payload)).collect();
        let whole = receive(class, [&stream[..]], &limits);
        for message in whole.iter().flatten() {
            prop_assert!(matches!(message, Owned::Text(text) if text.len() <= 5000));
        }
        prop_assert_eq!(receive(class, stream.chunks(7), &limits), whole);
    }
}
