//! An event of a WebSocket client as C reads it.

use sori_core::client::{WebSocketEvent, WebSocketMessage};

use crate::event::terminated;
use crate::pointer::{sori_bytes, sori_text};
use crate::status::guard_or;

/// What an event of a WebSocket client says. New kinds may be added: free and ignore those you do not
/// know.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum sori_websocket_client_event_kind {
    /// No event: what a NULL pointer is.
    SORI_WEBSOCKET_CLIENT_NONE = 0,
    /// It is open: sori_websocket_client_event_protocol(). What was sent meanwhile leaves at once.
    SORI_WEBSOCKET_CLIENT_OPEN = 1,
    /// A message of the server, in UTF-8: sori_websocket_client_event_data().
    SORI_WEBSOCKET_CLIENT_TEXT = 2,
    /// A message of the server, of bytes: sori_websocket_client_event_data().
    SORI_WEBSOCKET_CLIENT_BINARY = 3,
    /// The server's answer to a ping: sori_websocket_client_event_data().
    SORI_WEBSOCKET_CLIENT_PONG = 4,
    /// It was open and is closed: sori_websocket_client_event_code(),
    /// sori_websocket_client_event_reason(). It comes back if its options allow.
    SORI_WEBSOCKET_CLIENT_CLOSED = 5,
    /// The server could not be reached, or did not agree: sori_websocket_client_event_reason(). It is
    /// tried again if the options allow.
    SORI_WEBSOCKET_CLIENT_UNREACHABLE = 6,
    /// There will be no further attempt. The last event.
    SORI_WEBSOCKET_CLIENT_ENDED = 7,
}

use sori_websocket_client_event_kind::*;

/// One event of a WebSocket client. Opaque; what its functions give lives until it is freed.
#[derive(Debug)]
pub struct sori_websocket_client_event {
    kind: sori_websocket_client_event_kind,
    code: u16,
    /// A message, a pong's payload, a subprotocol or a reason, with a NUL behind it: no kind has two
    /// of them.
    content: Box<[u8]>,
}

impl sori_websocket_client_event {
    pub(crate) fn new(event: WebSocketEvent) -> sori_websocket_client_event {
        let mut code = 0;
        let (kind, content) = match event {
            WebSocketEvent::Open { protocol } => (
                SORI_WEBSOCKET_CLIENT_OPEN,
                terminated(&protocol.unwrap_or_default()),
            ),
            WebSocketEvent::Message(WebSocketMessage::Text(text)) => {
                (SORI_WEBSOCKET_CLIENT_TEXT, terminated(&text))
            }
            WebSocketEvent::Message(WebSocketMessage::Binary(bytes)) => {
                (SORI_WEBSOCKET_CLIENT_BINARY, followed_by_nul(&bytes))
            }
            WebSocketEvent::Pong(payload) => {
                (SORI_WEBSOCKET_CLIENT_PONG, followed_by_nul(&payload))
            }
            WebSocketEvent::Closed { code: of, reason } => {
                code = of;
                (SORI_WEBSOCKET_CLIENT_CLOSED, terminated(&reason))
            }
            WebSocketEvent::Unreachable(why) => {
                (SORI_WEBSOCKET_CLIENT_UNREACHABLE, terminated(&why))
            }
            WebSocketEvent::Ended => (SORI_WEBSOCKET_CLIENT_ENDED, terminated("")),
        };
        sori_websocket_client_event {
            kind,
            code,
            content,
        }
    }

    fn is(&self, kinds: &[sori_websocket_client_event_kind]) -> bool {
        kinds.contains(&self.kind)
    }
}

fn followed_by_nul(bytes: &[u8]) -> Box<[u8]> {
    [bytes, b"\0"].concat().into()
}

/// # Safety
/// `event` is NULL or an event.
unsafe fn look<T>(
    event: *const sori_websocket_client_event,
    otherwise: T,
    look: impl FnOnce(&'static sori_websocket_client_event) -> Option<T>,
) -> T {
    // SAFETY: the caller's promise. No longer than until the event is freed: the header's rule.
    guard_or(otherwise, || look(unsafe { event.as_ref() }?))
}

/// The content as a text, of an event of one of these kinds.
///
/// # Safety
/// `event` is NULL or an event.
unsafe fn text(
    event: *const sori_websocket_client_event,
    kinds: &[sori_websocket_client_event_kind],
) -> sori_text {
    let view = |event: &'static sori_websocket_client_event| {
        event.is(kinds).then(|| sori_text::of(&event.content))
    };
    // SAFETY: the caller's promise.
    unsafe { look(event, sori_text::EMPTY, view) }
}

/// What the event says; SORI_WEBSOCKET_CLIENT_NONE for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_websocket_client_event_kind_of(
    event: *const sori_websocket_client_event,
) -> sori_websocket_client_event_kind {
    // SAFETY: the header's rules.
    unsafe { look(event, SORI_WEBSOCKET_CLIENT_NONE, |event| Some(event.kind)) }
}

/// SORI_WEBSOCKET_CLIENT_OPEN: the subprotocol that the server chose; empty if it chose none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_websocket_client_event_protocol(
    event: *const sori_websocket_client_event,
) -> sori_text {
    // SAFETY: the header's rules.
    unsafe { text(event, &[SORI_WEBSOCKET_CLIENT_OPEN]) }
}

/// SORI_WEBSOCKET_CLIENT_TEXT, _BINARY, _PONG: what came, with a NUL behind it that does not
/// count. Empty, with NULL for its data, for other kinds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_websocket_client_event_data(
    event: *const sori_websocket_client_event,
) -> sori_bytes {
    let kinds = [
        SORI_WEBSOCKET_CLIENT_TEXT,
        SORI_WEBSOCKET_CLIENT_BINARY,
        SORI_WEBSOCKET_CLIENT_PONG,
    ];
    let view = |event: &'static sori_websocket_client_event| {
        let (_nul, data) = event.content.split_last()?;
        event.is(&kinds).then(|| sori_bytes::of(data))
    };
    // SAFETY: the header's rules.
    unsafe { look(event, sori_bytes::EMPTY, view) }
}

/// SORI_WEBSOCKET_CLIENT_CLOSED: the code of the server's close frame; 1005 if that has none, 1006 if
/// there was none. 0 for other kinds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_websocket_client_event_code(
    event: *const sori_websocket_client_event,
) -> u16 {
    // SAFETY: the header's rules.
    unsafe { look(event, 0, |event| Some(event.code)) }
}

/// SORI_WEBSOCKET_CLIENT_CLOSED: the reason of the server's close frame, or what failed; often empty.
/// SORI_WEBSOCKET_CLIENT_UNREACHABLE: why, for people.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_websocket_client_event_reason(
    event: *const sori_websocket_client_event,
) -> sori_text {
    let kinds = [
        SORI_WEBSOCKET_CLIENT_CLOSED,
        SORI_WEBSOCKET_CLIENT_UNREACHABLE,
    ];
    // SAFETY: the header's rules.
    unsafe { text(event, &kinds) }
}

/// Gives an event back. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_websocket_client_event_free(event: *mut sori_websocket_client_event) {
    guard_or((), || {
        if !event.is_null() {
            // SAFETY: from sori_websocket_client_poll(), and given back once.
            drop(unsafe { Box::from_raw(event) });
        }
        Some(())
    });
}
