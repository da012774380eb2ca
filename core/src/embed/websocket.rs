//! Plain WebSockets at the waist: what their peers do, and what the application asks of them.
//!
//! A plain WebSocket is a connection beside those of Engine.IO, without a session. Every one belongs
//! to a *group*, which is a namespace of the hub that no Socket.IO client can name: so rooms are
//! those of [`Command::Join`](super::Command::Join) and its kin, with the group as the namespace, and
//! broadcasts know the same [`Audience`].
//!
//! ```text
//!            Text, Binary, Ping, Pong, Sent, Drain           CloseFrame, Failed, Ended
//!   Open ───────────────────────────────────────── OPEN ───────────────────────────────► CLOSING ──► Closed
//!                                                   │ Close, Terminate                        ▲
//!                                                   └─────────────────────────────────────────┘
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Audience, Handshake, RequestId};
use crate::hub::{ConnId, NamespaceId};
use crate::proto::websocket::Error as ProtocolError;
#[cfg(feature = "server")]
use crate::proto::websocket::Opcode;

/// What a plain WebSocket's peer did, or what became of something sent to it.
#[derive(Debug)]
pub enum Event<'a> {
    /// The connection is open and a member of its group.
    Open {
        /// The request that opened it, as the application or the engine's listener numbered it.
        request: RequestId,
        /// The group it is in.
        group: NamespaceId,
        /// The request, if it is known.
        handshake: Option<&'a Arc<Handshake>>,
        /// How much waits for the peer; to be kept for what is sent.
        gauge: &'a Arc<Gauge>,
    },
    /// A whole text message.
    Text(&'a str),
    /// A whole text message that was not checked, as
    /// [`skip_utf8_validation`](crate::config::WebSocketSettings::skip_utf8_validation) asks.
    RawText(&'a [u8]),
    /// A whole binary message.
    Binary(&'a [u8]),
    /// A ping. Its pong, if the settings want one, is queued already.
    Ping(&'a [u8]),
    /// A pong.
    Pong(&'a [u8]),
    /// The peer's close frame. The engine answers it; no message follows.
    CloseFrame {
        /// The peer's code, if it gave one.
        code: Option<u16>,
        /// Its reason; UTF-8 unless the settings skip the check.
        reason: &'a [u8],
    },
    /// What ends the connection, if it is not a close. At most once, before [`Event::Closed`].
    Failed(Failure<'a>),
    /// What was sent with this token has been given to the system, or never will be. What still has
    /// no answer when [`Event::Closed`] comes, or is sent after it, has failed.
    Sent {
        /// The token.
        token: u64,
        /// Whether the system has taken it.
        ok: bool,
    },
    /// The queue, having been longer than
    /// [`high_water`](crate::config::WebSocketSettings::high_water), is empty again.
    Drain,
    /// The peer has ended its half of the stream without a close frame.
    Ended,
    /// The connection is over. Its last event; it is in its rooms until the event is handled.
    Closed {
        /// The peer's close code; 1005 if its frame had none, 1006 if there was no frame, or if the
        /// peer broke the protocol.
        code: u16,
        /// The reason in the peer's close frame.
        reason: &'a [u8],
    },
}

impl Event<'_> {
    /// What answers the peer's end, if that is what happened, for an application that
    /// [answers](crate::config::WebSocketSettings::application_answers) and has nothing more to say.
    #[cfg_attr(not(feature = "server"), expect(dead_code, reason = "no IO, no peer"))]
    pub(crate) fn answer(&self) -> Option<Command<'_>> {
        match *self {
            Event::CloseFrame { code, reason } => Some(Command::Close {
                code,
                reason: std::str::from_utf8(reason).unwrap_or_default(),
            }),
            // The peer is told the error's code all the same.
            Event::Failed(
                Failure::Protocol(_) | Failure::TooManyMessages | Failure::TooManyOfAddress,
            ) => Some(Command::Close {
                code: None,
                reason: "",
            }),
            Event::Ended => Some(Command::End),
            _ => None,
        }
    }
}

/// Why a connection ends that neither side closed.
#[derive(Clone, Copy, Debug)]
pub enum Failure<'a> {
    /// The peer broke the protocol or a limit; it is told by a close frame with the error's code.
    Protocol(ProtocolError),
    /// The peer pings without taking the pongs: dropped at once.
    PingFlood,
    /// The peer reads too slowly for what is sent to it: closed with 1008.
    SlowReader,
    /// The peer has sent more messages than [`rate_limit`](crate::config::WebSocketSettings::rate_limit)
    /// lets it: closed with 1008.
    TooManyMessages,
    /// All clients of the peer's address together have: closed with 1008.
    TooManyOfAddress,
    /// The stream failed.
    Io(&'a std::io::Error),
}

/// What the application asks of a plain WebSocket. Nothing is asked of one that is gone.
#[derive(Debug)]
pub enum Command<'a> {
    /// Sends a message, or a fragment of one.
    Send(Message<'a>),
    /// Sends a ping; what is over 125 bytes is cut off.
    Ping(Control<'a>),
    /// Sends a pong nobody asked for; what is over 125 bytes is cut off.
    Pong(Control<'a>),
    /// Sends bytes as they are: complete frames, for applications that mask by themselves. Nothing
    /// checks them.
    Raw(Control<'a>),
    /// Closes: what is queued leaves first, then a close frame. The peer is given
    /// [`close_timeout`](crate::config::WebSocketSettings::close_timeout) to answer.
    Close {
        /// A code for which [`is_valid_close_code`](crate::proto::websocket::is_valid_close_code)
        /// holds. Without one, or with another, the frame is empty.
        code: Option<u16>,
        /// At most 123 bytes of UTF-8; more are cut off. Without a code there is none.
        reason: &'a str,
    },
    /// Ends the stream, without a close frame, when what is queued has left.
    End,
    /// Drops the stream at once.
    Terminate,
    /// Drops the stream at once and has the system tell the peer by a reset, if it can.
    Reset,
    /// Stops reading: TCP pushes back. A few messages that were read already still come.
    Pause,
    /// Goes on reading.
    Resume,
}

/// A message to one peer.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Its type. Of fragments that of the first counts.
    pub kind: MessageKind,
    /// Whether the message ends here. Until it does, what else is sent to this peer goes on with it,
    /// whatever its type, and broadcasts wait for its end.
    pub fin: bool,
    /// Whether it may be compressed, if that was agreed on. Fragments are not compressed.
    pub compress: bool,
    /// The payload. Text must be UTF-8.
    pub data: &'a [u8],
    /// Answered by [`Event::Sent`].
    pub token: Option<u64>,
    /// The connection's gauge, which then shows the message at once, not only when its shard has got
    /// it.
    pub gauge: Option<&'a Gauge>,
}

/// A ping or a pong to one peer.
#[derive(Clone, Copy, Debug)]
pub struct Control<'a> {
    /// The payload.
    pub data: &'a [u8],
    /// Answered by [`Event::Sent`].
    pub token: Option<u64>,
    /// As in [`Message::gauge`].
    pub gauge: Option<&'a Gauge>,
}

/// What a message consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// UTF-8 text.
    Text,
    /// Bytes.
    Binary,
}

impl MessageKind {
    #[cfg(feature = "server")]
    pub(crate) fn opcode(self) -> Opcode {
        match self {
            MessageKind::Text => Opcode::Text,
            MessageKind::Binary => Opcode::Binary,
        }
    }
}

/// A message to many peers of one group: framed once, and compressed once for each window size.
#[derive(Clone, Copy, Debug)]
pub struct Broadcast<'a> {
    /// To whose members.
    pub group: NamespaceId,
    /// To whom of them.
    pub audience: Audience<'a>,
    /// One who is left out, in most cases the sender.
    pub except: Option<ConnId>,
    /// Its type.
    pub kind: MessageKind,
    /// Whether it may be compressed for those with whom that was agreed on.
    pub compress: bool,
    /// The payload. Text must be UTF-8.
    pub data: &'a [u8],
}

/// How many bytes wait for one peer, framing included: sent by the application and not yet taken by
/// the system. Readable on any thread.
#[derive(Debug, Default)]
pub struct Gauge(AtomicUsize);

impl Gauge {
    /// Bytes that wait. When the connection is over, nothing but what was sent by this gauge
    /// afterwards.
    pub fn queued_bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    #[cfg_attr(not(feature = "server"), expect(dead_code, reason = "no IO, no queue"))]
    pub(crate) fn raise(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    #[cfg_attr(not(feature = "server"), expect(dead_code, reason = "no IO, no queue"))]
    pub(crate) fn lower(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}
