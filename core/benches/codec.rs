//! Nanoseconds for each hot step of the codecs: `cargo bench --bench codec`.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use sori::proto::engine::{self, frames, v3};
use sori::proto::socket::{self, PacketType};
use sori::proto::websocket::deflate::{
    DeflateClass, DeflateOptions, DeflatePool, Deflater, InflatePool, negotiate,
};
use sori::proto::websocket::{Decoder, Frame, Limits, Role, mask};
use sori::proto::webtransport::{Packer, Unpacker};
use sori::proto::{handshake, jsonp, msgpack};

const LIMITS: Limits = Limits {
    max_message: 1 << 20,
    max_fragments: 16_384,
};
/// All ASCII, so that ASCII text stays text whether it is masked or not: a decoder can be given the
/// same buffer over and over, which masks it back every other time.
const KEY: [u8; 4] = [0x11, 0x5f, 0x03, 0x68];
const EVENT: &str = r#"2["msg",{"comment":"hello world"}]"#;

fn main() {
    decode_masked_text_35_bytes();
    decode_masked_text(1 << 10);
    decode_masked_text(64 << 10);
    decode_masked_binary(64 << 10);
    decode_masked_text_64_kib_in_chunks();

    webtransport_records(35);
    webtransport_records(64 << 10);

    let payload = EVENT.as_bytes();
    measure("Frame::text, 35 bytes", || {
        Frame::text(&[b"4", black_box(payload)])
    });
    let kibibyte = [b'x'; 1 << 10];
    measure("Frame::text, 1 KiB", || {
        Frame::text(&[black_box(&kibibyte)])
    });
    let frame = Frame::text(&[payload]);
    drop(frame.clone());
    measure("Frame::clone", || black_box(&frame).clone());

    measure("socket::decode, event of 34 bytes", || {
        socket::decode(black_box(EVENT), 10)
    });
    let large = format!(r#"2["msg",{{"comment":"{}"}}]"#, "hello world ".repeat(85));
    measure("socket::decode, one string of 1 KiB", || {
        socket::decode(black_box(&large), 10)
    });
    let row = r#"{"id":12345,"name":"somebody","tags":["a","b"],"ok":true,"x":-1.5e3},"#;
    let rows = format!(r#"2["rows",{}null]"#, row.repeat(14));
    measure("socket::decode, objects of 1 KiB", || {
        socket::decode(black_box(&rows), 10)
    });
    let data = &EVENT[1..];
    measure("socket::event_name", || {
        socket::event_name(black_box(data)).map(|name| name.len())
    });
    measure("socket::event_args", || {
        socket::event_args(black_box(data)).len()
    });
    measure("socket::encode_frame, 35 bytes", || {
        let data = [black_box(data).as_bytes()];
        socket::encode_frame(PacketType::Event, 0, "/", None, &data)
    });
    measure("socket::encode_frame, namespace and ack", || {
        let data = [black_box(data).as_bytes()];
        socket::encode_frame(PacketType::Event, 0, "/admin", Some(1234), &data)
    });

    measure("engine::decode_text", || {
        engine::decode_text(black_box("42[\"msg\"]"))
    });
    let poll = [
        frames::PING,
        Frame::text(&[b"4", payload]),
        Frame::binary(&[&kibibyte]),
    ];
    let mut body = Vec::new();
    measure("engine::encode_payload, 1 KiB binary", || {
        body.clear();
        engine::encode_payload(black_box(&poll), &mut body);
        body.len()
    });
    let body = String::from_utf8(body).unwrap_or_default();
    measure("engine::decode_payload, 1 KiB binary", || {
        engine::decode_payload(black_box(&body))
            .filter(|packet| packet.is_ok())
            .count()
    });

    engine_v3(&poll);
    engine_v3_websocket(&kibibyte);
    handshakes();
    for len in [100, 1 << 10, 16 << 10] {
        deflate(len);
    }
    compressed_broadcast(2 << 10);
    msgpack();
}

fn engine_v3(poll: &[Frame]) {
    let mut body = Vec::new();
    measure("v3::encode_payload_text, 1 KiB binary", || {
        body.clear();
        v3::encode_payload_text(black_box(poll), &mut body);
        body.len()
    });
    let text = String::from_utf8(body.clone()).unwrap_or_default();
    measure("v3::decode_payload_text, 1 KiB binary", || {
        v3::decode_payload_text(black_box(&text)).count()
    });
    measure("v3::encode_payload_binary, 1 KiB binary", || {
        body.clear();
        v3::encode_payload_binary(black_box(poll), &mut body);
        body.len()
    });
    measure("v3::decode_payload_binary, 1 KiB binary", || {
        v3::decode_payload_binary(black_box(&body)).count()
    });
    let mut script = Vec::new();
    measure("jsonp::encode, the text body", || {
        script.clear();
        jsonp::encode(black_box(text.as_bytes()), "0", &mut script);
        script.len()
    });
}

fn engine_v3_websocket(kibibyte: &[u8]) {
    measure("v3::decode_text", || {
        v3::decode_text(black_box("42[\"msg\"]")).is_ok()
    });
    let typed = v3::binary_frame(&[kibibyte]);
    measure("v3::binary_frame, 1 KiB", || {
        v3::binary_frame(&[black_box(kibibyte)])
    });
    measure("v3::decode_binary, 1 KiB", || {
        v3::decode_binary(black_box(typed.payload_ref())).is_ok()
    });
    let base64 = v3::base64_frame(kibibyte);
    measure("v3::base64_frame, 1 KiB", || {
        v3::base64_frame(black_box(kibibyte))
    });
    let text = String::from_utf8_lossy(base64.payload_ref()).into_owned();
    measure("v3::decode_text, 1 KiB of base64", || {
        v3::decode_text(black_box(&text)).is_ok()
    });
    let form = format!("d={}", "1%3A4%22%0A".repeat(93));
    measure("jsonp::decode_post, 1 KiB", || {
        jsonp::decode_post(black_box(form.as_bytes())).map(|body| body.len())
    });
}

fn handshakes() {
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    measure("handshake::check_upgrade", || {
        let (upgrade, version) = (Some("websocket"), Some("13"));
        handshake::check_upgrade("GET", upgrade, Some(black_box(key)), version).is_ok()
    });
    measure("handshake::switching_protocols", || {
        handshake::switching_protocols(black_box(key), &[])
    });
    let offer = "permessage-deflate; client_max_window_bits";
    let options = DeflateOptions::default();
    measure("deflate::negotiate", || {
        negotiate(black_box(offer), &options).is_ok()
    });
}

/// Chat messages one after another, so that context helps as it does in life.
fn chat(len: usize) -> Vec<Frame> {
    let message = |i: usize| {
        let row = |k: usize| {
            let (id, user) = ((i * 31 + k) * 7919 % 10_007, (i + k) % 37);
            format!("{{\"id\":{id},\"from\":\"user{user}\",\"text\":\"hello there\"}},")
        };
        let text: String = (0..=len / 40).map(row).collect();
        Frame::text(&[b"42[\"chat\",[", &text.as_bytes()[..len - 11]])
    };
    (0..64).map(message).collect()
}

/// A message to many who keep their context: compressed once for all, and for each of them.
fn compressed_broadcast(len: usize) {
    const RECEIVERS: usize = 1_000;
    let class = DeflateClass {
        window_bits: 15,
        no_context: false,
    };
    let messages = chat(len);
    let mut pool = DeflatePool::new(&DeflateOptions::default());
    let mut receivers: Vec<Deflater> = (0..RECEIVERS).map(|_| Deflater::new(class)).collect();
    let mut next = messages.iter().cycle();
    let once = time(|| {
        if let Some(frame) = next.next() {
            let compressed = pool.compress(class.window_bits, frame);
            for deflater in &mut receivers {
                black_box(deflater.share(frame, &compressed, &pool));
            }
        }
    });
    let each = time(|| {
        if let Some(frame) = next.next() {
            for deflater in &mut receivers {
                black_box(deflater.compress(frame, &mut pool));
            }
        }
    });
    let name = format!("broadcast of {len} bytes, each receiver");
    print(&format!("{name}, compressed once"), once / RECEIVERS as f64);
    print(&format!("{name}, one by one"), each / RECEIVERS as f64);
}

/// Both ways, with and without context.
fn deflate(len: usize) {
    let messages = chat(len);
    for no_context in [true, false] {
        let class = DeflateClass {
            window_bits: 15,
            no_context,
        };
        let name = if no_context { "no context" } else { "context" };
        let mut pool = DeflatePool::new(&DeflateOptions {
            threshold: 0,
            ..DeflateOptions::default()
        });
        let mut deflater = Deflater::new(class);
        let mut next = messages.iter().cycle();
        let mut inflaters = InflatePool::new();
        let mut peer = Decoder::with_deflate(Role::Client, class);
        let deflating = time(|| {
            black_box(next.next().map(|frame| deflater.compress(frame, &mut pool)));
        });
        // A decoder and its messages from the first on, over and over.
        deflater.release();
        let sent: Vec<Frame> = messages
            .iter()
            .map(|frame| deflater.compress(frame, &mut pool))
            .collect();
        let bytes: usize = sent.iter().map(Frame::len).sum();
        let inflating = time(|| {
            if !no_context {
                peer = Decoder::with_deflate(Role::Client, class);
            }
            for frame in &sent {
                let mut chunk = frame.as_bytes().to_vec();
                let mut feed = peer.feed_with(&mut chunk, &LIMITS, &mut inflaters);
                assert!(matches!(feed.next(), Ok(Some(_))));
            }
        });
        let count = messages.len();
        print(
            &format!("deflate {len} bytes, {name}, to {}", bytes / count),
            deflating,
        );
        print(
            &format!("inflate {len} bytes, {name}"),
            inflating / count as f64,
        );
    }
}

fn msgpack() {
    let data = &EVENT[1..];
    let none: [&[u8]; 0] = [];
    let encode = |data: &str| msgpack::encode(PacketType::Event, "/", None, data, &none);
    measure("msgpack::encode, event of 34 bytes", || {
        encode(black_box(data))
    });
    let file = r#"["file",{"_placeholder":true,"num":0}]"#;
    let bytes = [[7_u8; 1 << 10]];
    let encode_file = |data: &str| msgpack::encode(PacketType::Event, "/", None, data, &bytes);
    measure("msgpack::encode, 1 KiB binary", || {
        encode_file(black_box(file))
    });
    if let Ok(frame) = encode_file(file) {
        measure("msgpack::decode, 1 KiB binary", || {
            msgpack::decode(black_box(frame.payload_ref()), 10).is_ok()
        });
    }
    let row = r#"{"id":12345,"name":"somebody","tags":["a","b"],"ok":true,"x":-1.5e3},"#;
    let rows = format!(r#"["rows",{}null]"#, row.repeat(14));
    measure("msgpack::encode, objects of 1 KiB", || {
        encode(black_box(&rows))
    });
    for (name, data) in [("event of 34 bytes", data), ("objects of 1 KiB", &rows)] {
        if let Ok(frame) = encode(data) {
            measure(&format!("msgpack::decode, {name}"), || {
                msgpack::decode(black_box(frame.payload_ref()), 10).is_ok()
            });
        }
    }
}

/// Sixteen frames a chunk, as a busy connection brings them.
fn decode_masked_text_35_bytes() {
    let payload = format!("4{EVENT}");
    assert_eq!(payload.len(), 35);
    let mut chunk: Vec<u8> = (0..16)
        .flat_map(|_| masked(0x81, payload.as_bytes()))
        .collect();
    let mut decoder = Decoder::new(Role::Server);
    let nanoseconds = time(|| assert_eq!(decode(&mut decoder, &mut chunk), 16));
    print("decode masked text, 35 bytes", nanoseconds / 16.0);
}

fn decode_masked_text(len: usize) {
    decode_one(
        &format!("decode masked text, {} KiB", len >> 10),
        masked(0x81, &vec![b'x'; len]),
    );
}

fn decode_masked_binary(len: usize) {
    let name = format!("decode masked binary, {} KiB", len >> 10);
    decode_one(&name, masked(0x82, &vec![0xf7; len]));
}

fn decode_one(name: &str, mut frame: Vec<u8>) {
    let mut decoder = Decoder::new(Role::Server);
    print(
        name,
        time(|| assert_eq!(decode(&mut decoder, &mut frame), 1)),
    );
}

fn decode_masked_text_64_kib_in_chunks() {
    let mut frame = masked(0x81, &vec![b'x'; 64 << 10]);
    let mut decoder = Decoder::new(Role::Server);
    let nanoseconds = time(|| {
        let messages: usize = frame
            .chunks_mut(1024)
            .map(|c| decode(&mut decoder, c))
            .sum();
        assert_eq!(messages, 1);
    });
    print("decode masked text, 64 KiB in 1 KiB chunks", nanoseconds);
}

/// Messages found in the chunk.
fn decode(decoder: &mut Decoder, chunk: &mut [u8]) -> usize {
    let mut feed = decoder.feed(black_box(chunk), &LIMITS);
    let mut messages = 0;
    while let Ok(Some(message)) = feed.next() {
        black_box(message);
        messages += 1;
    }
    messages
}

fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    match payload.len() {
        len @ 0..=125 => frame.extend([first, 0x80 | len as u8]),
        len @ 126..=0xffff => {
            frame.extend([first, 0xfe]);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.extend([first, 0xff]);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend(KEY);
    let start = frame.len();
    frame.extend(payload);
    mask::apply(&mut frame[start..], KEY);
    frame
}

/// A packet to its record, and back to a frame.
fn webtransport_records(len: usize) {
    let frame = Frame::text(&[&vec![b'x'; len]]);
    let (mut packer, mut unpacker) = (Packer::default(), Unpacker::default());
    let (mut records, mut frames) = (Vec::new(), Vec::new());
    measure(&format!("Packer::pack, {len} bytes"), || {
        records.clear();
        packer.pack(black_box(frame.as_bytes()), &mut records);
    });
    measure(&format!("Unpacker::unpack, {len} bytes"), || {
        frames.clear();
        unpacker.unpack(black_box(&records), &mut frames);
    });
}

fn measure<T>(name: &str, mut step: impl FnMut() -> T) {
    print(name, time(|| drop(black_box(step()))));
}

fn print(name: &str, nanoseconds: f64) {
    println!("{name:<46} {nanoseconds:>10.1} ns");
}

/// Nanoseconds for one `step`: the best of several rounds, each long enough for the clock.
fn time(mut step: impl FnMut()) -> f64 {
    let mut count = 1_u32;
    loop {
        let elapsed = round(count, &mut step);
        if elapsed > Duration::from_millis(10) {
            break;
        }
        count *= 2;
    }
    let rounds = (0..15).map(|_| round(count, &mut step));
    rounds.min().unwrap_or_default().as_secs_f64() * 1e9 / f64::from(count)
}

fn round(count: u32, step: &mut impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..count {
        step();
    }
    start.elapsed()
}
