//! An event as C reads it: its texts end with a NUL. They are made when the event is taken, but for
//! those that few ask for.

mod view;

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use sori_core::embed::{Handshake, Response, ServerTicket};
use sori_core::server::pull::{
    PulledEvent, RawEvent, SocketIdentity, SocketKey, SseEvent, WebSocketEvent,
};

use crate::handshake::Request;
use crate::kind::sori_event_kind;
use crate::pointer::sori_text;
use crate::shelf;
use crate::status::guard_or;
use crate::texts::{Text, Texts};

use sori_event_kind::*;

/// One event. Opaque; what its functions give lives until it is freed.
#[derive(Debug)]
pub struct sori_event {
    kind: sori_event_kind,
    socket: Option<Arc<SocketIdentity>>,
    pub(crate) ack: Option<u64>,
    pub(crate) is_timed_out: bool,
    is_recovered: bool,
    is_binary: bool,
    close_code: u16,
    pub(crate) token: u64,
    pub(crate) texts: Texts,
    /// Whom it speaks of, for those who ask.
    socket_id: Lazy,
    namespace: Lazy,
    /// Where a broadcast was answered, or a client wants to be.
    pub(crate) asked_namespace: Option<Arc<str>>,
    /// With a NUL behind it.
    data: Vec<u8>,
    request: Option<Box<Request>>,
    pub(crate) attachments: Vec<Bytes>,
    rooms: Box<[Box<[u8]>]>,
    pub(crate) answers: Box<[Answer]>,
    /// The answer that another server waits for.
    pub(crate) ticket: Option<Box<ServerTicket>>,
}

#[derive(Debug)]
pub(crate) struct Answer {
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
    pub(crate) fn empty(kind: sori_event_kind) -> sori_event {
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
            rooms: Box::default(),
            answers: Box::default(),
            ticket: None,
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
            } => sori_event::of(SORI_EVENT_ACK, socket).with_answer(id, &data, attachments),
            PulledEvent::BroadcastAnswer {
                namespace,
                socket,
                id,
                data,
                attachments,
            } => {
                let mut event = sori_event::empty(SORI_EVENT_BROADCAST_ANSWER);
                event.socket = socket;
                event.asked_namespace = Some(namespace);
                event.with_answer(id, &data, attachments)
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
            PulledEvent::ServerMessage { .. }
            | PulledEvent::ServerAnswers { .. }
            | PulledEvent::Sockets { .. }
            | PulledEvent::ServerCount { .. } => sori_event::of_cluster(event),
            PulledEvent::WebSocket { socket, event } => sori_event::of_websocket(socket, event),
            PulledEvent::Raw { socket, event } => sori_event::of_raw(socket, event),
            PulledEvent::Sse { socket, event } => sori_event::of_sse(socket, event),
            PulledEvent::Handshake { ticket, handshake } => {
                sori_event::question(SORI_EVENT_HANDSHAKE, ticket, &handshake)
            }
            PulledEvent::WebSocketHandshake {
                ticket,
                namespace,
                handshake,
            } => {
                let mut event =
                    sori_event::question(SORI_EVENT_WEBSOCKET_HANDSHAKE, ticket, &handshake);
                event.asked_namespace = Some(namespace);
                event
            }
            PulledEvent::SseHandshake {
                ticket,
                namespace,
                handshake,
            } => {
                let mut event = sori_event::question(SORI_EVENT_SSE_HANDSHAKE, ticket, &handshake);
                event.asked_namespace = Some(namespace);
                event
            }
            PulledEvent::Closed => sori_event::empty(SORI_EVENT_CLOSED),
        }
    }

    fn with_answer(mut self, id: u64, data: &str, attachments: Vec<Bytes>) -> sori_event {
        self.texts = Texts::with_room_for(data.len());
        self.texts.put(Text::Args, data);
        self.ack = Some(id);
        self.attachments = attachments;
        self
    }

    /// Of a client that waits for a decision.
    fn question(kind: sori_event_kind, ticket: u64, handshake: &Handshake) -> sori_event {
        let mut event = sori_event::empty(kind);
        event.token = ticket;
        event.request = Some(Box::new(Request::new(handshake)));
        event
    }

    fn of_sse(socket: Arc<SocketIdentity>, event: SseEvent) -> sori_event {
        match event {
            SseEvent::Open { handshake } => {
                let mut event = sori_event::of(SORI_EVENT_SSE_OPEN, socket);
                event.request = Some(Box::new(Request::new(&handshake)));
                event
            }
            SseEvent::Closed { rooms } => {
                let mut event = sori_event::of(SORI_EVENT_SSE_CLOSE, socket);
                event.rooms = rooms.iter().map(|room| terminated(room)).collect();
                event
            }
        }
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

    pub(crate) fn ticket(&self) -> Option<&ServerTicket> {
        self.ticket.as_deref()
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
    pub(crate) fn new(response: Response) -> Answer {
        Answer {
            args: terminated(&response.data),
            attachments: response.attachments,
        }
    }
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

/// Gives an event back. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_free(event: *mut sori_event) {
    guard_or((), || {
        if !event.is_null() {
            // SAFETY: from sori_server_poll(), and given back once.
            unsafe { shelf::take_back(event) };
        }
        Some(())
    });
}
