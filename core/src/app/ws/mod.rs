//! Plain WebSockets beside Socket.IO: text and bytes, rooms, broadcasts that are framed once.
//!
//! An [`Endpoint`] is a path of the server's listeners under which clients open WebSockets of no
//! protocol but RFC 6455. They are carried by the same IO threads, and rooms are the same.
//!
//! ```no_run
//! use sori::ws::{Message, Socket};
//!
//! # fn main() -> Result<(), sori::Error> {
//! let server = sori::Server::builder().build()?;
//! let feed = server.websockets("/feed");
//! feed.on_open(|socket: &Socket| socket.join("all"));
//! feed.on_message(|socket: &Socket, message: Message<'_>| socket.to("all").send(message));
//! server.listen("127.0.0.1:3000")?;
//! server.wait();
//! # Ok(())
//! # }
//! ```
//!
//! # Order
//! Handlers are plain functions that run on the IO thread of their connection, in the order of its
//! events: `on_open` first, `on_close` last, which is called for each that `on_open` was called for.
//! They must not block. What takes longer belongs on a thread or a runtime of the application's;
//! [`Socket::pause`] holds a client back meanwhile. A client's close is answered behind what handlers
//! have sent to the messages before it.
//!
//! # When it is too much
//! [`WebSocketSettings`] has the limits: of messages that come in, and of bytes that wait for a
//! client that reads slowly, over which it is closed (1008) or passed over. A handler that panics
//! ends its connection (1011) and nothing else.

mod broadcast;
mod endpoint;
mod router;
mod socket;

pub use broadcast::Broadcast;
pub use endpoint::{Admission, Endpoint, Refusal};
pub(super) use router::Endpoints;
pub use socket::Socket;

pub use crate::config::{Overflow, WebSocketSettings};
use crate::embed::websocket::MessageKind;

/// A whole message, text or bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

impl Message<'_> {
    /// The payload.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes,
        }
    }

    fn kind(&self) -> MessageKind {
        match self {
            Message::Text(_) => MessageKind::Text,
            Message::Binary(_) => MessageKind::Binary,
        }
    }
}

impl<'a> From<&'a str> for Message<'a> {
    fn from(text: &'a str) -> Message<'a> {
        Message::Text(text)
    }
}

impl<'a> From<&'a String> for Message<'a> {
    fn from(text: &'a String) -> Message<'a> {
        Message::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Message<'a> {
    fn from(bytes: &'a [u8]) -> Message<'a> {
        Message::Binary(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Message<'a> {
    fn from(bytes: &'a Vec<u8>) -> Message<'a> {
        Message::Binary(bytes)
    }
}

impl<'a> From<&'a bytes::Bytes> for Message<'a> {
    fn from(bytes: &'a bytes::Bytes) -> Message<'a> {
        Message::Binary(bytes)
    }
}

/// How a WebSocket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close<'a> {
    /// The peer's close code (RFC 6455 §7.4); 1005 if its frame had none, 1006 if there was no
    /// frame, or the peer broke the protocol.
    pub code: u16,
    /// The peer's reason.
    pub reason: &'a str,
}
