//! What C reads from an event, one function for each thing.

use std::ffi::c_void;
use std::sync::atomic::Ordering;

use super::{look, sori_event};
use crate::kind::sori_event_kind;
use crate::pointer::{sori_bytes, sori_text};
use crate::socket::sori_socket;
use crate::status::guard_or;
use crate::texts::Text;

/// What the event says; SORI_EVENT_NONE for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_kind_of(event: *const sori_event) -> sori_event_kind {
    // SAFETY: the header's rules.
    let none = sori_event_kind::SORI_EVENT_NONE;
    unsafe { look(event, none, |event| Some(event.kind)) }
}

/// The socket it speaks of; 0 for kinds that speak of none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_socket(event: *const sori_event) -> sori_socket {
    // SAFETY: the header's rules.
    unsafe { look(event, 0, |event| Some(event.socket()?.0)) }
}

/// What sori_server_set_user_data() was last given for the socket, also in the socket's
/// SORI_EVENT_DISCONNECT; NULL if nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_user_data(event: *const sori_event) -> *mut c_void {
    let data = |event: &sori_event| Some(event.socket.as_ref()?.user_data.load(Ordering::Acquire));
    // SAFETY: the header's rules.
    unsafe { look(event, std::ptr::null_mut(), data) }
}

/// The socket's id, which its client knows too: 20 characters; of a client of server-sent events empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_socket_id(event: *const sori_event) -> sori_text {
    // SAFETY: the header's rules.
    unsafe {
        look(event, sori_text::EMPTY, |event| {
            Some(event.socket_id.view(&event.socket.as_ref()?.sid))
        })
    }
}

/// The namespace's name, for example "/".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_namespace(event: *const sori_event) -> sori_text {
    // SAFETY: the header's rules.
    unsafe {
        look(event, sori_text::EMPTY, |event| {
            Some(event.namespace.view(event.namespace_name()?))
        })
    }
}

/// SORI_EVENT_CONNECT: the JSON object that the client sent as `auth`; empty if it sent none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_auth(event: *const sori_event) -> sori_text {
    // SAFETY: the header's rules.
    unsafe { text(event, Text::Auth) }
}

/// SORI_EVENT_CONNECT: whether the client lost its connection a while ago and comes back, once it is
/// accepted, with its id, its rooms and what it missed. It is a new sori_socket all the same.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_is_recovered(event: *const sori_event) -> bool {
    // SAFETY: the header's rules.
    unsafe { look(event, false, |event| Some(event.is_recovered)) }
}

/// SORI_EVENT_CONNECT: what sori_server_set_recovery_data() was last given for the socket that comes
/// back; empty if nothing, or if it is no socket that comes back.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_recovery_data(event: *const sori_event) -> sori_text {
    // SAFETY: the header's rules.
    unsafe { text(event, Text::RecoveryData) }
}

/// SORI_EVENT_RAW_SENT: the token that sori_server_raw_send() was given. SORI_EVENT_HANDSHAKE,
/// SORI_EVENT_WEBSOCKET_HANDSHAKE and SORI_EVENT_SSE_HANDSHAKE: the ticket for the call that allows and
/// the one that denies. SORI_EVENT_SERVER_COUNT: the number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_token(event: *const sori_event) -> u64 {
    // SAFETY: the header's rules.
    unsafe { look(event, 0, |event| Some(event.token)) }
}

/// SORI_EVENT_MESSAGE, SORI_EVENT_SERVER_MESSAGE: the event's name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_name(event: *const sori_event) -> sori_text {
    // SAFETY: the header's rules.
    unsafe { text(event, Text::Name) }
}

/// SORI_EVENT_MESSAGE, SORI_EVENT_SERVER_MESSAGE and the answers to acks: the arguments, a valid JSON
/// array; SORI_EVENT_SOCKETS: the sockets. Binary ones stand as
/// {"_placeholder":true,"num":N} for the attachment at index N; a client can write any N.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_args(event: *const sori_event) -> sori_text {
    // SAFETY: the header's rules.
    unsafe { text(event, Text::Args) }
}

/// SORI_EVENT_MESSAGE and the answers to acks: how many binary attachments came with it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_attachment_count(event: *const sori_event) -> usize {
    // SAFETY: the header's rules.
    unsafe { look(event, 0, |event| Some(event.attachments.len())) }
}

/// The attachment at `index`; empty past the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_attachment(
    event: *const sori_event,
    index: usize,
) -> sori_bytes {
    let attachment = |event: &sori_event| event.attachments.get(index).map(|b| sori_bytes::of(b));
    // SAFETY: the header's rules.
    unsafe { look(event, sori_bytes::EMPTY, attachment) }
}

/// Whether the event carries an ack's id: SORI_EVENT_MESSAGE if the client waits for an answer, and
/// all kinds that tell of an ack.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_has_ack(event: *const sori_event) -> bool {
    // SAFETY: the header's rules.
    unsafe { look(event, false, |event| Some(event.ack.is_some())) }
}

/// The ack's id; 0, which can be an id too, if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_ack(event: *const sori_event) -> u64 {
    // SAFETY: the header's rules.
    unsafe { look(event, 0, |event| event.ack) }
}

/// SORI_EVENT_BROADCAST_ACK, SORI_EVENT_SERVER_ANSWERS: how many sockets or servers answered.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_answer_count(event: *const sori_event) -> usize {
    // SAFETY: the header's rules.
    unsafe { look(event, 0, |event| Some(event.answers.len())) }
}

/// The JSON array of the arguments of one answer; empty past the last. Its binary ones are among
/// that answer's attachments.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_answer_args(
    event: *const sori_event,
    index: usize,
) -> sori_text {
    let args = |event: &sori_event| Some(sori_text::of(&event.answers.get(index)?.args));
    // SAFETY: the header's rules.
    unsafe { look(event, sori_text::EMPTY, args) }
}

/// How many attachments came with one answer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_answer_attachment_count(
    event: *const sori_event,
    index: usize,
) -> usize {
    let count = |event: &sori_event| Some(event.answers.get(index)?.attachments.len());
    // SAFETY: the header's rules.
    unsafe { look(event, 0, count) }
}

/// One attachment of one answer; empty past the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_answer_attachment(
    event: *const sori_event,
    index: usize,
    attachment: usize,
) -> sori_bytes {
    let bytes = |event: &sori_event| {
        let attachments = &event.answers.get(index)?.attachments;
        Some(sori_bytes::of(attachments.get(attachment)?))
    };
    // SAFETY: the header's rules.
    unsafe { look(event, sori_bytes::EMPTY, bytes) }
}

/// SORI_EVENT_BROADCAST_ACK, SORI_EVENT_SERVER_ANSWERS, SORI_EVENT_SOCKETS: whether somebody had not
/// answered when the time was up.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_is_timed_out(event: *const sori_event) -> bool {
    // SAFETY: the header's rules.
    unsafe { look(event, false, |event| Some(event.is_timed_out)) }
}

/// SORI_EVENT_DISCONNECT: why, in Socket.IO's words, for example "transport close".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_reason(event: *const sori_event) -> sori_text {
    // SAFETY: the header's rules.
    unsafe { text(event, Text::Reason) }
}

/// SORI_EVENT_DISCONNECT: more about why, for people; often empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_description(event: *const sori_event) -> sori_text {
    // SAFETY: the header's rules.
    unsafe { text(event, Text::Description) }
}

/// SORI_EVENT_DISCONNECT, SORI_EVENT_WEBSOCKET_CLOSE, SORI_EVENT_SSE_CLOSE: how many rooms the socket
/// was in.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_room_count(event: *const sori_event) -> usize {
    // SAFETY: the header's rules.
    unsafe { look(event, 0, |event| Some(event.rooms.len())) }
}

/// A room the socket was in, the one named like its id first unless it had left that; empty past
/// the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_room(event: *const sori_event, index: usize) -> sori_text {
    let room = |event: &sori_event| Some(sori_text::of(event.rooms.get(index)?));
    // SAFETY: the header's rules.
    unsafe { look(event, sori_text::EMPTY, room) }
}

/// SORI_EVENT_WEBSOCKET_MESSAGE, SORI_EVENT_WEBSOCKET_PONG, SORI_EVENT_RAW_MESSAGE: what came, with a
/// NUL behind it that does not count. Text is UTF-8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_data(event: *const sori_event) -> sori_bytes {
    let data = |event: &sori_event| Some(sori_bytes::of(event.data.split_last()?.1));
    // SAFETY: the header's rules.
    unsafe { look(event, sori_bytes::EMPTY, data) }
}

/// SORI_EVENT_WEBSOCKET_MESSAGE, SORI_EVENT_RAW_MESSAGE: whether it is bytes, and not text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_is_binary(event: *const sori_event) -> bool {
    // SAFETY: the header's rules.
    unsafe { look(event, false, |event| Some(event.is_binary)) }
}

/// SORI_EVENT_WEBSOCKET_CLOSE: the code that the peer closed with; 1005 if it gave none, 1006 if the
/// connection broke off or the peer broke the protocol.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_close_code(event: *const sori_event) -> u16 {
    // SAFETY: the header's rules.
    unsafe { look(event, 0, |event| Some(event.close_code)) }
}

/// # Safety
/// `event` is NULL or an event.
unsafe fn text(event: *const sori_event, text: Text) -> sori_text {
    // SAFETY: the caller's promise.
    guard_or(sori_text::EMPTY, || {
        unsafe { event.as_ref() }?.texts.view(text)
    })
}
