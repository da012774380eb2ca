//! An event of a client as C reads it.

use bytes::Bytes;
use sori_core::client::{AckError, ConnectError, Event, PullClient, SocketKey};
use sori_core::embed::Response;
use sori_core::proto::socket::{event_args, event_name};

use crate::client::sori_client_socket;
use crate::event::terminated;
use crate::pointer::{sori_bytes, sori_text};
use crate::status::guard_or;

/// What an event of a client says. New kinds may be added: free and ignore those you do not know.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum sori_client_event_kind {
    /// No event: what a NULL pointer is.
    SORI_CLIENT_NONE = 0,
    /// A socket is connected: sori_client_event_socket_id(), sori_client_event_is_recovered(). What
    /// was emitted meanwhile leaves at once.
    SORI_CLIENT_CONNECT = 1,
    /// A socket could not be connected: sori_client_event_reason(). If
    /// sori_client_event_is_refused() the server refused it, perhaps with sori_client_event_args(),
    /// and it is not tried again; otherwise there is no connection, and the client tries again if
    /// its options allow.
    SORI_CLIENT_CONNECT_ERROR = 2,
    /// An event of the server: sori_client_event_name(), sori_client_event_args(),
    /// sori_client_event_attachment(). If sori_client_event_has_ack(), the server waits for
    /// sori_client_answer().
    SORI_CLIENT_MESSAGE = 3,
    /// The server's answer to sori_client_emit_with_ack(): sori_client_event_ack(),
    /// sori_client_event_args(), sori_client_event_attachment().
    SORI_CLIENT_ACK = 4,
    /// No answer comes to sori_client_emit_with_ack(): sori_client_event_ack(),
    /// sori_client_event_reason(), "operation has timed out" or "socket has been disconnected".
    SORI_CLIENT_ACK_ERROR = 5,
    /// A socket is disconnected: sori_client_event_reason(), sori_client_event_description(). It
    /// comes back by itself, if the client's options allow, unless the reason is "io server
    /// disconnect" or "io client disconnect".
    SORI_CLIENT_DISCONNECT = 6,
    /// The client tries to come back: sori_client_event_attempt().
    SORI_CLIENT_RECONNECT_ATTEMPT = 7,
    /// The client is back at the server: sori_client_event_attempt(). SORI_CLIENT_CONNECT of its
    /// sockets follows.
    SORI_CLIENT_RECONNECT = 8,
    /// The client gave up after as many attempts as its options allow. sori_client_connect() begins
    /// anew.
    SORI_CLIENT_RECONNECT_FAILED = 9,
    /// The client is closed. The last event.
    SORI_CLIENT_CLOSED = 10,
}

use sori_client_event_kind::*;

/// One event of a client. Opaque; what its functions give lives until it is freed.
#[derive(Debug)]
pub struct sori_client_event {
    kind: sori_client_event_kind,
    socket: sori_client_socket,
    ack: Option<u64>,
    attempt: u32,
    is_recovered: bool,
    is_refused: bool,
    namespace: Box<[u8]>,
    /// A socket's id, an event's name, or a reason: no kind has two of them.
    word: Box<[u8]>,
    /// Arguments, or a description.
    text: Box<[u8]>,
    attachments: Vec<Bytes>,
}

impl sori_client_event {
    fn empty(kind: sori_client_event_kind) -> sori_client_event {
        sori_client_event {
            kind,
            socket: 0,
            ack: None,
            attempt: 0,
            is_recovered: false,
            is_refused: false,
            namespace: terminated(""),
            word: terminated(""),
            text: terminated(""),
            attachments: Vec::new(),
        }
    }

    fn of(
        kind: sori_client_event_kind,
        socket: SocketKey,
        client: &PullClient,
    ) -> sori_client_event {
        let namespace = client.namespace(socket).unwrap_or_default();
        sori_client_event {
            socket: socket.0,
            namespace: terminated(&namespace),
            ..sori_client_event::empty(kind)
        }
    }

    pub(crate) fn new(event: Event, client: &PullClient) -> sori_client_event {
        let of = |kind, socket| sori_client_event::of(kind, socket, client);
        match event {
            Event::Connect {
                socket,
                sid,
                recovered,
            } => sori_client_event {
                word: terminated(&sid),
                is_recovered: recovered,
                ..of(SORI_CLIENT_CONNECT, socket)
            },
            Event::ConnectError { socket, error } => {
                let event = sori_client_event {
                    word: terminated(&error.to_string()),
                    ..of(SORI_CLIENT_CONNECT_ERROR, socket)
                };
                match error {
                    ConnectError::Refused { data, .. } => sori_client_event {
                        is_refused: true,
                        text: terminated(&data.unwrap_or_default()),
                        ..event
                    },
                    ConnectError::Unreachable(_) => event,
                }
            }
            Event::Message {
                socket,
                ack,
                data,
                attachments,
            } => sori_client_event {
                ack,
                word: terminated(&event_name(&data).unwrap_or_default()),
                text: terminated(&format!("[{}]", event_args(&data))),
                attachments,
                ..of(SORI_CLIENT_MESSAGE, socket)
            },
            Event::Ack {
                socket,
                id,
                answer: Ok(Response { data, attachments }),
            } => sori_client_event {
                ack: Some(id),
                text: terminated(&data),
                attachments,
                ..of(SORI_CLIENT_ACK, socket)
            },
            Event::Ack {
                socket,
                id,
                answer: Err(error),
            } => sori_client_event {
                ack: Some(id),
                word: terminated(&AckError::to_string(&error)),
                ..of(SORI_CLIENT_ACK_ERROR, socket)
            },
            Event::Disconnect {
                socket,
                reason,
                description,
            } => sori_client_event {
                word: terminated(reason.as_str()),
                text: terminated(&description.unwrap_or_default()),
                ..of(SORI_CLIENT_DISCONNECT, socket)
            },
            Event::ReconnectAttempt { attempt } => sori_client_event {
                attempt,
                ..sori_client_event::empty(SORI_CLIENT_RECONNECT_ATTEMPT)
            },
            Event::Reconnect { attempt } => sori_client_event {
                attempt,
                ..sori_client_event::empty(SORI_CLIENT_RECONNECT)
            },
            Event::ReconnectFailed => sori_client_event::empty(SORI_CLIENT_RECONNECT_FAILED),
            Event::Closed => sori_client_event::empty(SORI_CLIENT_CLOSED),
        }
    }

    fn is(&self, kinds: &[sori_client_event_kind]) -> bool {
        kinds.contains(&self.kind)
    }
}

/// # Safety
/// `event` is NULL or an event.
unsafe fn look<T>(
    event: *const sori_client_event,
    otherwise: T,
    look: impl FnOnce(&'static sori_client_event) -> Option<T>,
) -> T {
    // SAFETY: the caller's promise. No longer than until the event is freed: the header's rule.
    guard_or(otherwise, || look(unsafe { event.as_ref() }?))
}

/// A text that the event has if it is of one of these kinds.
///
/// # Safety
/// `event` is NULL or an event.
unsafe fn text(
    event: *const sori_client_event,
    kinds: &[sori_client_event_kind],
    field: impl FnOnce(&'static sori_client_event) -> &'static [u8],
) -> sori_text {
    let view = |event: &'static sori_client_event| {
        let is_there = kinds.is_empty() || event.is(kinds);
        is_there.then(|| sori_text::of(field(event)))
    };
    // SAFETY: the caller's promise.
    unsafe { look(event, sori_text::EMPTY, view) }
}

/// What the event says; SORI_CLIENT_NONE for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_event_kind_of(
    event: *const sori_client_event,
) -> sori_client_event_kind {
    // SAFETY: the header's rules.
    unsafe { look(event, SORI_CLIENT_NONE, |event| Some(event.kind)) }
}

/// The socket it speaks of; 0, which is a socket too, for kinds that speak of none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_event_socket(
    event: *const sori_client_event,
) -> sori_client_socket {
    // SAFETY: the header's rules.
    unsafe { look(event, 0, |event| Some(event.socket)) }
}

/// The name of the socket's namespace; empty for kinds that speak of no socket.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_event_namespace(event: *const sori_client_event) -> sori_text {
    // SAFETY: the header's rules.
    unsafe { text(event, &[], |event| &event.namespace) }
}

/// SORI_CLIENT_CONNECT: the socket's id on the server.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_event_socket_id(event: *const sori_client_event) -> sori_text {
    // SAFETY: the header's rules.
    unsafe { text(event, &[SORI_CLIENT_CONNECT], |event| &event.word) }
}

/// SORI_CLIENT_CONNECT: whether the socket was away and is the one it was before, with its id and its
/// rooms; the events it missed follow.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_event_is_recovered(event: *const sori_client_event) -> bool {
    // SAFETY: the header's rules.
    unsafe { look(event, false, |event| Some(event.is_recovered)) }
}

/// SORI_CLIENT_CONNECT_ERROR: whether the server refused the socket.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_event_is_refused(event: *const sori_client_event) -> bool {
    // SAFETY: the header's rules.
    unsafe { look(event, false, |event| Some(event.is_refused)) }
}

/// SORI_CLIENT_MESSAGE: the event's name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_event_name(event: *const sori_client_event) -> sori_text {
    // SAFETY: the header's rules.
    unsafe { text(event, &[SORI_CLIENT_MESSAGE], |event| &event.word) }
}

/// SORI_CLIENT_MESSAGE, SORI_CLIENT_ACK: the arguments, a valid JSON array. Binary ones stand as
/// {"_placeholder":true,"num":N} for the attachment at index N; a server can write any N.
/// SORI_CLIENT_CONNECT_ERROR: the JSON that the server sent with its refusal; empty if it sent none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_event_args(event: *const sori_client_event) -> sori_text {
    let kinds = [
        SORI_CLIENT_MESSAGE,
        SORI_CLIENT_ACK,
        SORI_CLIENT_CONNECT_ERROR,
    ];
    // SAFETY: the header's rules.
    unsafe { text(event, &kinds, |event| &event.text) }
}

/// SORI_CLIENT_MESSAGE, SORI_CLIENT_ACK: how many binary attachments came with it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_event_attachment_count(
    event: *const sori_client_event,
) -> usize {
    // SAFETY: the header's rules.
    unsafe { look(event, 0, |event| Some(event.attachments.len())) }
}

/// The attachment at `index`; empty past the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_event_attachment(
    event: *const sori_client_event,
    index: usize,
) -> sori_bytes {
    let attachment =
        |event: &sori_client_event| event.attachments.get(index).map(|b| sori_bytes::of(b));
    // SAFETY: the header's rules.
    unsafe { look(event, sori_bytes::EMPTY, attachment) }
}

/// Whether the event carries an ack's id: SORI_CLIENT_MESSAGE if the server waits for an answer,
/// SORI_CLIENT_ACK and SORI_CLIENT_ACK_ERROR.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_event_has_ack(event: *const sori_client_event) -> bool {
    // SAFETY: the header's rules.
    unsafe { look(event, false, |event| Some(event.ack.is_some())) }
}

/// The ack's id; 0, which can be an id too, if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_event_ack(event: *const sori_client_event) -> u64 {
    // SAFETY: the header's rules.
    unsafe { look(event, 0, |event| event.ack) }
}

/// Why: SORI_CLIENT_CONNECT_ERROR, SORI_CLIENT_ACK_ERROR, and SORI_CLIENT_DISCONNECT, there in
/// Socket.IO's words, for example "transport close".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_event_reason(event: *const sori_client_event) -> sori_text {
    let kinds = [
        SORI_CLIENT_CONNECT_ERROR,
        SORI_CLIENT_ACK_ERROR,
        SORI_CLIENT_DISCONNECT,
    ];
    // SAFETY: the header's rules.
    unsafe { text(event, &kinds, |event| &event.word) }
}

/// SORI_CLIENT_DISCONNECT: more about why, for people; often empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_event_description(
    event: *const sori_client_event,
) -> sori_text {
    // SAFETY: the header's rules.
    unsafe { text(event, &[SORI_CLIENT_DISCONNECT], |event| &event.text) }
}

/// SORI_CLIENT_RECONNECT_ATTEMPT, SORI_CLIENT_RECONNECT: how often the client has tried since it last
/// had a connection.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_event_attempt(event: *const sori_client_event) -> u32 {
    // SAFETY: the header's rules.
    unsafe { look(event, 0, |event| Some(event.attempt)) }
}

/// Gives an event back. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_event_free(event: *mut sori_client_event) {
    guard_or((), || {
        if !event.is_null() {
            // SAFETY: from sori_client_poll(), and given back once.
            drop(unsafe { Box::from_raw(event) });
        }
        Some(())
    });
}
