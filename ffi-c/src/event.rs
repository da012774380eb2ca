//! An event as C reads it: its texts end with a NUL. They are made when the event is taken, but for
//! those that few ask for.

use std::ffi::c_void;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use sori_core::embed::Response;
use sori_core::server::pull::{PulledEvent, RawEvent, SocketIdentity, SocketKey, WebSocketEvent};

use crate::handshake::Request;
use crate::kind::sori_event_kind;
use crate::pointer::{sori_bytes, sori_text};
use crate::socket::sori_socket;
use crate::status::guard_or;
use crate::texts::{Text, Texts};

use sori_event_kind::*;

/// One event. Opaque; what its functions give lives until it is freed.
#[derive(Debug)]
pub struct sori_event {
    kind: sori_event_kind,
    socket: Option<Arc<SocketIdentity>>,
    ack: Option<u64>,
    is_timed_out: bool,
    is_recovered: bool,
    is_binary: bool,
    close_code: u16,
    token: u64,
    texts: Texts,
    /// Whom it speaks of, for those who ask.
    socket_id: Lazy,
    namespace: Lazy,
    /// Where a broadcast was answered, or a client wants to be.
    asked_namespace: Option<Arc<str>>,
    /// With a NUL behind it.
    data: Vec<u8>,
    request: Option<Box<Request>>,
    attachments: Vec<Bytes>,
    rooms: Vec<Box<[u8]>>,
    answers: Vec<Answer>,
}

#[derive(Debug)]
struct Answer {
    args: Box<[u8]>,
    attachments: Vec<Bytes>,
}

/// A text that is made when it is first asked for, with its NUL.
#[derive(Debug, Default)]
struct Lazy(OnceLock<Box<[u8]>>);

impl Lazy {
    fn view(&self, text: &str) -> sori_text {
        sori_text::of(self.0.get_or_init(|| terminated(text)))
    }
}

/// `text` with a NUL behind it.
pub(crate) fn terminated(text: &str) -> Box<[u8]> {
    let mut bytes = Vec::with_capacity(text.len() + 1);
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(0);
    bytes.into()
}

impl sori_event {
    fn empty(kind: sori_event_kind) -> sori_event {
        sori_event {
            kind,
            socket: None,
            ack: None,
            is_timed_out: false,
            is_recovered: false,
            is_binary: false,
            close_code: 0,
            token: 0,
            texts: Texts::default(),
            socket_id: Lazy::default(),
            namespace: Lazy::default(),
            asked_namespace: None,
            data: Vec::new(),
            request: None,
            attachments: Vec::new(),
            rooms: Vec::new(),
            answers: Vec::new(),
        }
    }

    fn of(kind: sori_event_kind, socket: Arc<SocketIdentity>) -> sori_event {
        let mut event = sori_event::empty(kind);
        event.socket = Some(socket);
        event
    }

    /// The name of the namespace it speaks of.
    fn namespace_name(&self) -> Option<&str> {
        let socket = self.socket.as_ref().map(|socket| &socket.namespace);
        Some(socket.or(self.asked_namespace.as_ref())?)
    }

    pub(crate) fn new(event: PulledEvent) -> sori_event {
        match event {
            PulledEvent::Connect {
                socket,
                auth,
                recovered,
                kept,
                handshake,
            } => {
                let auth = auth.unwrap_or_default();
                let mut event = sori_event::of(SORI_EVENT_CONNECT, socket);
                event.texts.put(Text::Auth, &auth);
                if let Some(kept) = kept {
                    event.texts.put(Text::RecoveryData, &kept);
                }
                event.is_recovered = recovered;
                event.request = handshake.map(|handshake| Box::new(Request::new(&handshake)));
                event
            }
            PulledEvent::Message {
                socket,
                ack,
                data,
                attachments,
            } => {
                let mut event = sori_event::of(SORI_EVENT_MESSAGE, socket);
                event.texts = Texts::of_message(data);
                event.ack = ack;
                event.attachments = attachments;
                event
            }
            PulledEvent::Ack {
                socket,
                id,
                data,
                attachments,
            } => sori_event::of_answer(SORI_EVENT_ACK, socket, id, &data, attachments),
            PulledEvent::BroadcastAnswer {
                socket,
                id,
                data,
                attachments,
            } => {
                let kind = SORI_EVENT_BROADCAST_ANSWER;
                sori_event::of_answer(kind, socket, id, &data, attachments)
            }
            PulledEvent::AckTimeout { socket, id } => {
                let mut event = sori_event::of(SORI_EVENT_ACK_TIMEOUT, socket);
                event.ack = Some(id);
                event
            }
            PulledEvent::Disconnect {
                socket,
                reason,
                description,
                rooms,
            } => {
                let description = description.unwrap_or_default();
                let mut event = sori_event::of(SORI_EVENT_DISCONNECT, socket);
                event.texts.put(Text::Reason, reason.as_str());
                event.texts.put(Text::Description, &description);
                event.rooms = rooms.iter().map(|room| terminated(room)).collect();
                event
            }
            PulledEvent::BroadcastAck {
                namespace,
                id,
                outcome,
            } => {
                let mut event = sori_event::empty(SORI_EVENT_BROADCAST_ACK);
                event.asked_namespace = Some(namespace);
                event.ack = Some(id);
                event.is_timed_out = outcome.timed_out;
                event.answers = outcome.responses.into_iter().map(Answer::new).collect();
                event
            }
            PulledEvent::WebSocket { socket, event } => sori_event::of_websocket(socket, event),
            PulledEvent::Raw { socket, event } => sori_event::of_raw(socket, event),
            PulledEvent::Handshake { ticket, handshake } => {
                let mut event = sori_event::empty(SORI_EVENT_HANDSHAKE);
                event.token = ticket;
                event.request = Some(Box::new(Request::new(&handshake)));
                event
            }
            PulledEvent::WebSocketHandshake {
                ticket,
                namespace,
                handshake,
            } => {
                let mut event = sori_event::empty(SORI_EVENT_WEBSOCKET_HANDSHAKE);
                event.token = ticket;
                event.asked_namespace = Some(namespace);
                event.request = Some(Box::new(Request::new(&handshake)));
                event
            }
            PulledEvent::Closed => sori_event::empty(SORI_EVENT_CLOSED),
        }
    }

    fn of_answer(
        kind: sori_event_kind,
        socket: Arc<SocketIdentity>,
        id: u64,
        data: &str,
        attachments: Vec<Bytes>,
    ) -> sori_event {
        let mut event = sori_event::of(kind, socket);
        event.texts = Texts::with_room_for(data.len());
        event.texts.put(Text::Args, data);
        event.ack = Some(id);
        event.attachments = attachments;
        event
    }

    fn of_raw(socket: Arc<SocketIdentity>, event: RawEvent) -> sori_event {
        match event {
            RawEvent::Open { handshake, .. } => {
                let mut event = sori_event::of(SORI_EVENT_RAW_OPEN, socket);
                event.request = handshake.map(|handshake| Box::new(Request::new(&handshake)));
                event
            }
            RawEvent::Message { data, is_binary } => {
                let mut event = sori_event::of(SORI_EVENT_RAW_MESSAGE, socket);
                event.is_binary = is_binary;
                event.data = data;
                event.data.push(0);
                event
            }
            RawEvent::Upgrade => sori_event::of(SORI_EVENT_RAW_UPGRADE, socket),
            RawEvent::Sent(token) => {
                let mut event = sori_event::of(SORI_EVENT_RAW_SENT, socket);
                event.token = token;
                event
            }
            RawEvent::Close {
                reason,
                description,
            } => {
                let description = description.unwrap_or_default();
                let mut event = sori_event::of(SORI_EVENT_RAW_CLOSE, socket);
                event.texts.put(Text::Reason, reason.as_str());
                event.texts.put(Text::Description, &description);
                event
            }
        }
    }

    fn of_websocket(socket: Arc<SocketIdentity>, event: WebSocketEvent) -> sori_event {
        match event {
            WebSocketEvent::Open { handshake } => {
                let mut event = sori_event::of(SORI_EVENT_WEBSOCKET_OPEN, socket);
                event.request = handshake.map(|handshake| Box::new(Request::new(&handshake)));
                event
            }
            WebSocketEvent::Message { data, is_binary } => {
                let mut event = sori_event::of(SORI_EVENT_WEBSOCKET_MESSAGE, socket);
                event.is_binary = is_binary;
                event.data = data;
                event.data.push(0);
                event
            }
            WebSocketEvent::Pong(payload) => {
                let mut event = sori_event::of(SORI_EVENT_WEBSOCKET_PONG, socket);
                event.data = payload.into();
                event.data.push(0);
                event
            }
            WebSocketEvent::Drain => sori_event::of(SORI_EVENT_WEBSOCKET_DRAIN, socket),
            WebSocketEvent::Closed {
                code,
                reason,
                description,
                rooms,
            } => {
                let description = description.unwrap_or_default();
                let mut event = sori_event::of(SORI_EVENT_WEBSOCKET_CLOSE, socket);
                event.close_code = code;
                event.texts.put(Text::Reason, &reason);
                event.texts.put(Text::Description, &description);
                event.rooms = rooms.iter().map(|room| terminated(room)).collect();
                event
            }
        }
    }
}

impl sori_event {
    pub(crate) fn kind(&self) -> sori_event_kind {
        self.kind
    }

    /// The socket's key; nothing for kinds that speak of none.
    pub(crate) fn socket(&self) -> Option<SocketKey> {
        Some(self.socket.as_ref()?.key)
    }

    pub(crate) fn namespace(&self) -> &[u8] {
        self.namespace_name().unwrap_or_default().as_bytes()
    }

    pub(crate) fn name(&self) -> &[u8] {
        self.texts.bytes(Text::Name)
    }

    /// The HTTP request behind it, if it has one.
    pub(crate) fn request(&self) -> Option<&Request> {
        self.request.as_deref()
    }
}

impl Answer {
    fn new(response: Response) -> Answer {
        Answer {
            args: terminated(&response.data),
            attachments: response.attachments,
        }
    }
}

/// # Safety
/// `event` is NULL or an event.
unsafe fn text(event: *const sori_event, text: Text) -> sori_text {
    // SAFETY: the caller's promise.
    guard_or(sori_text::EMPTY, || {
        unsafe { event.as_ref() }?.texts.view(text)
    })
}

/// # Safety
/// `event` is NULL or an event.
pub(crate) unsafe fn look<T>(
    event: *const sori_event,
    otherwise: T,
    look: impl FnOnce(&'static sori_event) -> Option<T>,
) -> T {
    // SAFETY: the caller's promise. No longer than until the event is freed: the header's rule.
    guard_or(otherwise, || look(unsafe { event.as_ref() }?))
}

/// What the event says; SORI_EVENT_NONE for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_kind_of(event: *const sori_event) -> sori_event_kind {
    // SAFETY: the header's rules.
    unsafe { look(event, SORI_EVENT_NONE, |event| Some(event.kind)) }
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

/// The socket's id, which its client knows too: 20 characters.
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

/// SORI_EVENT_RAW_SENT: the token that sori_server_raw_send() was given. SORI_EVENT_HANDSHAKE and
/// SORI_EVENT_WEBSOCKET_HANDSHAKE: the ticket for the call that allows and the one that denies.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_token(event: *const sori_event) -> u64 {
    // SAFETY: the header's rules.
    unsafe { look(event, 0, |event| Some(event.token)) }
}

/// SORI_EVENT_MESSAGE: the event's name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_name(event: *const sori_event) -> sori_text {
    // SAFETY: the header's rules.
    unsafe { text(event, Text::Name) }
}

/// SORI_EVENT_MESSAGE and the answers to acks: the arguments, a valid JSON array. Binary ones stand as
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

/// SORI_EVENT_BROADCAST_ACK: how many sockets answered.
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

/// SORI_EVENT_BROADCAST_ACK: whether somebody had not answered when the time was up.
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

/// SORI_EVENT_DISCONNECT: how many rooms the socket was in.
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

/// Gives an event back. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_free(event: *mut sori_event) {
    guard_or((), || {
        if !event.is_null() {
            // SAFETY: from sori_server_poll(), and given back once.
            drop(unsafe { Box::from_raw(event) });
        }
        Some(())
    });
}
