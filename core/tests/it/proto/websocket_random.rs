//! The WebSocket codec under random input, and beside tungstenite as an independent peer.
//!
//! A failing case prints its seed and its smallest form.

use std::io::{self, Cursor, Read, Write};

use proptest::collection::vec;
use proptest::prelude::*;
use sori::proto::websocket::{Frame, Limits, Opcode, Role};
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame as PeerFrame};
use tungstenite::protocol::{Role as PeerRole, WebSocket};
use tungstenite::{Bytes, Message};

use crate::support::wire::{Owned, decode_all, masked};

const LIMITS: Limits = Limits {
    max_message: 1 << 20,
    max_fragments: 64,
};

fn payload() -> impl Strategy<Value = Vec<u8>> {
    let long = (any::<u8>(), 65_500..65_600_usize);
    prop_oneof![
        4 => vec(any::<u8>(), 0..200),
        1 => long.prop_map(|(seed, len)| (0..len).map(|i| seed.wrapping_add(i as u8)).collect()),
    ]
}

fn control_payload() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..=125)
}

fn message() -> impl Strategy<Value = Owned> {
    prop_oneof![
        4 => "\\PC{0,150}".prop_map(Owned::Text),
        4 => payload().prop_map(Owned::Binary),
        1 => control_payload().prop_map(Owned::Ping),
        1 => control_payload().prop_map(Owned::Pong),
        1 => Just(Owned::Close(None)),
        1 => (3000..5000_u16, "[a-z]{0,123}").prop_map(|close| Owned::Close(Some(close))),
    ]
}

/// A message as its frames, data messages cut at the given places.
fn frames_of(message: &Owned, cuts: &[prop::sample::Index]) -> Vec<Vec<u8>> {
    let (opcode, payload) = match message {
        Owned::Text(text) => (Opcode::Text, text.as_bytes()),
        Owned::Binary(bytes) => (Opcode::Binary, &bytes[..]),
        Owned::Ping(bytes) => return vec![masked(Opcode::Ping, true, bytes)],
        Owned::Pong(bytes) => return vec![masked(Opcode::Pong, true, bytes)],
        Owned::Close(None) => return vec![masked(Opcode::Close, true, &[])],
        Owned::Close(Some((code, reason))) => {
            let payload = [&code.to_be_bytes(), reason.as_bytes()].concat();
            return vec![masked(Opcode::Close, true, &payload)];
        }
    };
    let mut ends: Vec<usize> = cuts
        .iter()
        .map(|cut| cut.index(payload.len() + 1))
        .collect();
    ends.sort_unstable();
    ends.push(payload.len());
    let mut start = 0;
    let last = ends.len() - 1;
    ends.iter()
        .enumerate()
        .map(|(i, &end)| {
            let opcode = if i == 0 { opcode } else { Opcode::Continuation };
            let piece = &payload[std::mem::replace(&mut start, end)..end];
            masked(opcode, i == last, piece)
        })
        .collect()
}

/// Splits `stream` into chunks of the given sizes, over and over.
fn chunks<'a>(mut stream: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    for &size in sizes.iter().cycle() {
        if stream.is_empty() {
            break;
        }
        let (chunk, rest) = stream.split_at(size.min(stream.len()));
        chunks.push(chunk);
        stream = rest;
    }
    chunks
}

proptest! {
    #[test]
    fn any_chunking_of_a_stream_gives_the_same_messages(
        messages in vec((message(), vec(any::<prop::sample::Index>(), 0..4)), 0..8),
        sizes in vec(1..40_usize, 1..20),
    ) {
        let stream = messages.iter().flat_map(|(message, cuts)| frames_of(message, cuts));
        let stream = stream.collect::<Vec<_>>().concat();
        let expected: Vec<Owned> = messages.into_iter().map(|(message, _)| message).collect();
        prop_assert_eq!(decode_all(Role::Server, [&stream[..]], &LIMITS), Ok(expected.clone()));
        prop_assert_eq!(decode_all(Role::Server, chunks(&stream, &sizes), &LIMITS), Ok(expected));
    }

    #[test]
    fn arbitrary_bytes_end_the_same_way_in_any_chunking(
        bytes in vec(any::<u8>(), 0..400),
        sizes in vec(1..10_usize, 1..8),
    ) {
        for role in [Role::Server, Role::Client] {
            let whole = decode_all(role, [&bytes[..]], &LIMITS);
            prop_assert_eq!(decode_all(role, chunks(&bytes, &sizes), &LIMITS), whole);
        }
    }

    /// Bytes that are mostly well-formed reach further into the decoder than noise does.
    #[test]
    fn a_damaged_stream_ends_the_same_way_in_any_chunking(
        messages in vec((message(), vec(any::<prop::sample::Index>(), 0..4)), 1..5),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        sizes in vec(1..40_usize, 1..20),
    ) {
        let stream = messages.iter().flat_map(|(message, cuts)| frames_of(message, cuts));
        let mut stream = stream.collect::<Vec<_>>().concat();
        for (place, byte) in damage {
            let at = place.index(stream.len());
            stream[at] = byte;
        }
        let whole = decode_all(Role::Server, [&stream[..]], &LIMITS);
        prop_assert_eq!(decode_all(Role::Server, chunks(&stream, &sizes), &LIMITS), whole);
    }

    #[test]
    fn decodes_what_a_tungstenite_client_sends(messages in vec(message(), 0..6)) {
        let mut peer = WebSocket::from_raw_socket(Wire::default(), PeerRole::Client, None);
        let mut expected = Vec::new();
        for message in messages {
            let is_close = matches!(message, Owned::Close(_));
            peer.write(to_peer(&message)).expect("the peer encodes");
            expected.push(message);
            if is_close {
                break;
            }
        }
        peer.flush().expect("the peer writes");
        let stream = &peer.get_ref().sent;
        prop_assert_eq!(decode_all(Role::Server, [&stream[..]], &LIMITS), Ok(expected));
    }

    #[test]
    fn decodes_fragments_that_tungstenite_encodes(pieces in vec(payload(), 1..6)) {
        let mut stream = Vec::new();
        for (i, piece) in pieces.iter().enumerate() {
            let kind = if i == 0 { Data::Binary } else { Data::Continue };
            let is_last = i == pieces.len() - 1;
            let frame = PeerFrame::message(piece.clone(), OpCode::Data(kind), is_last);
            frame.format(&mut stream).expect("the peer encodes");
        }
        prop_assert_eq!(
            decode_all(Role::Client, [&stream[..]], &LIMITS),
            Ok(vec![Owned::Binary(pieces.concat())])
        );
    }

    #[test]
    fn a_tungstenite_client_decodes_our_frames(messages in vec(message(), 0..6)) {
        let stream: Vec<u8> = messages.iter().flat_map(|m| to_frame(m).into_bytes()).collect();
        let wire = Wire { to_read: Cursor::new(stream), ..Wire::default() };
        let mut peer = WebSocket::from_raw_socket(wire, PeerRole::Client, None);
        for message in messages {
            let is_close = matches!(message, Owned::Close(_));
            prop_assert_eq!(peer.read().expect("the peer decodes"), to_peer(&message));
            if is_close {
                break;
            }
        }
    }
}

#[test]
fn our_frames_are_byte_for_byte_those_of_tungstenite() {
    let encode = |frame: PeerFrame| {
        let mut bytes = Vec::new();
        frame.format(&mut bytes).expect("the peer encodes");
        bytes
    };
    for len in [0, 1, 125, 126, 65_535, 65_536] {
        let payload = vec![b'z'; len];
        let peer = PeerFrame::message(payload.clone(), OpCode::Data(Data::Text), true);
        assert_eq!(
            Frame::text(&[&payload]).as_bytes(),
            encode(peer),
            "{len} bytes"
        );
    }
    assert_eq!(
        Frame::ping(b"p").as_bytes(),
        encode(PeerFrame::ping(&b"p"[..]))
    );
    assert_eq!(
        Frame::pong(b"").as_bytes(),
        encode(PeerFrame::pong(&b""[..]))
    );
    assert_eq!(
        Frame::close(None, "").as_bytes(),
        encode(PeerFrame::close(None))
    );
}

/// The peer's connection: what it reads is set beforehand, what it writes is kept apart.
#[derive(Default)]
struct Wire {
    to_read: Cursor<Vec<u8>>,
    sent: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.to_read.read(buffer)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sent.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn to_frame(message: &Owned) -> Frame {
    match message {
        Owned::Text(text) => Frame::text(&[text.as_bytes()]),
        Owned::Binary(bytes) => Frame::binary(&[bytes]),
        Owned::Ping(bytes) => Frame::ping(bytes),
        Owned::Pong(bytes) => Frame::pong(bytes),
        Owned::Close(None) => Frame::close(None, ""),
        Owned::Close(Some((code, reason))) => Frame::close(Some(*code), reason),
    }
}

fn to_peer(message: &Owned) -> Message {
    match message {
        Owned::Text(text) => Message::text(text.as_str()),
        Owned::Binary(bytes) => Message::binary(Bytes::copy_from_slice(bytes)),
        Owned::Ping(bytes) => Message::Ping(Bytes::copy_from_slice(bytes)),
        Owned::Pong(bytes) => Message::Pong(Bytes::copy_from_slice(bytes)),
        Owned::Close(close) => Message::Close(close.as_ref().map(|(code, reason)| CloseFrame {
            code: (*code).into(),
            reason: reason.as_str().into(),
        })),
    }
}
