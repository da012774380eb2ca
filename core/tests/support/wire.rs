//! A peer's side of the wire, for the tests of the WebSocket codec: frames by hand, and what a
//! decoder makes of them.

use sori::proto::websocket::{Decoder, Error, Limits, Message, Opcode, Role, mask};

/// A message that outlives its chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owned {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
}

impl From<Message<'_>> for Owned {
    fn from(message: Message<'_>) -> Self {
        match message {
            Message::Text(text) => Self::Text(text.into()),
            Message::UncheckedText(_) => unreachable!("text is checked unless asked"),
            Message::Binary(bytes) => Self::Binary(bytes.into()),
            Message::Ping(bytes) => Self::Ping(bytes.into()),
            Message::Pong(bytes) => Self::Pong(bytes.into()),
            Message::Close(frame) => {
                Self::Close(frame.map(|f| (f.code, String::from_utf8_lossy(f.reason).into())))
            }
        }
    }
}

/// Everything that a new decoder finds in these chunks.
pub(crate) fn decode_all<'a>(
    role: Role,
    chunks: impl IntoIterator<Item = &'a [u8]>,
    limits: &Limits,
) -> Result<Vec<Owned>, Error> {
    let mut decoder = Decoder::new(role);
    let mut messages = Vec::new();
    for chunk in chunks {
        let mut chunk = chunk.to_vec();
        let mut feed = decoder.feed(&mut chunk, limits);
        while let Some(message) = feed.next()? {
            messages.push(message.into());
        }
    }
    Ok(messages)
}

/// A client's frame in the shortest form.
pub(crate) fn masked(opcode: Opcode, fin: bool, payload: &[u8]) -> Vec<u8> {
    let first = opcode as u8 | if fin { 0x80 } else { 0 };
    match payload.len() {
        len @ 0..=125 => raw_frame(first, len as u8, &[], payload),
        len @ 126..=0xffff => raw_frame(first, 126, &(len as u16).to_be_bytes(), payload),
        len => raw_frame(first, 127, &(len as u64).to_be_bytes(), payload),
    }
}

/// A client's frame with a header by hand.
pub(crate) fn raw_frame(first: u8, len: u8, extended_len: &[u8], payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0xa1, 0x5f, 0x03, 0xe8];
    let mut frame = vec![first, 0x80 | len];
    frame.extend(extended_len);
    frame.extend(KEY);
    let start = frame.len();
    frame.extend(payload);
    mask::apply(&mut frame[start..], KEY);
    frame
}
