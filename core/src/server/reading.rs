//! What a link of an Engine.IO connection brings: bytes become messages, messages become packets, and
//! these are the session's and the hub's.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use super::Engine;
use super::driver::CLOSE_ANSWER_TIMEOUT;
use super::incoming::{Peer, count, receive};
use super::shard::Shard;
use crate::config::{Parser, Protocol, TransportKind};
use crate::embed::{self, ConnId, Event, RequestId, SocketRef};
use crate::error::DisconnectReason;
use crate::hub::{Client, Kept, NamespaceId, Slot, Violation};
use crate::proto::DecodeError;
use crate::proto::engine::{self, Packet, PayloadPacket, Revision, v3};
use crate::proto::socket::PlainEvent;
use crate::proto::websocket::{self, Frame, Message};
use crate::session::{Event as SessionEvent, Received, Session, TransportClosed};
use crate::transport::{Control, Link, LinkId};

impl Shard {
    /// `n` bytes of a link lie in the buffer.
    pub(super) fn handle_bytes(&mut self, slot: Slot, id: LinkId, n: usize) {
        let conn = self.conn_id(slot);
        let Shard {
            connections,
            buffer,
            limits,
            engine,
            now,
            compression,
            ..
        } = self;
        let Some(connection) = connections.get_mut(slot) else {
            return;
        };
        let (link, is_probe) = match (&mut connection.link, &mut connection.probe) {
            (Some(link), _) if link.id == id => (link, false),
            (_, Some(probe)) if probe.id == id => (&mut **probe, true),
            _ => return,
        };
        let Link {
            decoder,
            control,
            request,
            kind,
            ..
        } = link;
        if control.is_deaf() {
            return;
        }
        let mut reading = Reading {
            engine,
            conn,
            now: *now,
            revision: connection.dialect.revision,
            sid: &connection.sid,
            session: &mut connection.session,
            client: &mut connection.client,
            fault: &mut connection.fault,
            control,
            request: *request,
            kind: *kind,
            candidacy: match is_probe {
                true => Candidacy::Probe,
                false => Candidacy::None,
            },
            is_plain: true,
            are_packets_text: {
                let config = engine.config();
                config.protocol == Protocol::SocketIo && config.parser == Parser::Json
            },
        };
        let mut feed = decoder.feed_with(&mut buffer[..n], limits, &mut compression.inflate);
        loop {
            match feed.next() {
                Ok(None) => break,
                Ok(Some(message)) => {
                    if reading.take_message(message).is_break() {
                        break;
                    }
                }
                Err(error) => {
                    reading.fail(error);
                    break;
                }
            }
        }
        let is_plain = reading.is_plain;
        if reading.candidacy == Candidacy::Promoted {
            connection.promote_probe();
        }
        // What handlers say to messages marks the connection itself.
        if !is_plain {
            self.touch(slot);
        }
    }
}

/// A look at what one link has brought, with the parts of its connection that have to do with it.
struct Reading<'c> {
    engine: &'c Engine,
    conn: ConnId,
    now: Instant,
    revision: Revision,
    sid: &'c Arc<str>,
    session: &'c mut Session,
    client: &'c mut Client,
    fault: &'c mut Option<Box<str>>,
    control: &'c mut Control,
    request: RequestId,
    kind: TransportKind,
    candidacy: Candidacy,
    /// Nothing has come but messages, which owe no answer and bring no deadline nearer.
    is_plain: bool,
    /// It speaks Socket.IO, in text.
    are_packets_text: bool,
}

/// Whether the link is to carry the connection, or already does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Candidacy {
    /// It carries it.
    None,
    /// It is being probed.
    Probe,
    /// It carries it from here on.
    Promoted,
}

impl Reading<'_> {
    /// Breaks when nothing is to be read behind the message.
    fn take_message(&mut self, message: Message<'_>) -> ControlFlow<()> {
        match (message, self.revision) {
            (Message::Text(text), Revision::V4) => match engine::decode_base64(text) {
                None => self.take_packet(engine::decode_text(text)),
                Some(decoded) => {
                    let packet = decoded.as_deref().map(Packet::Binary);
                    self.take_packet(packet.map_err(|error| *error));
                }
            },
            (Message::Text(text), Revision::V3) => {
                let decoded = v3::decode_text(text);
                let packet = decoded.as_ref().map(PayloadPacket::as_packet);
                self.take_packet(packet.map_err(|error| *error));
            }
            (Message::Binary(bytes), Revision::V4) => self.take_packet(Ok(Packet::Binary(bytes))),
            (Message::Binary(bytes), Revision::V3) => self.take_packet(v3::decode_binary(bytes)),
            (Message::Ping(payload), _) => {
                self.is_plain = false;
                self.control.answer_ping(payload);
            }
            (Message::Close(frame), _) => {
                self.is_plain = false;
                let code = frame.map(|frame| frame.code);
                self.control
                    .end_with(Frame::close(code, ""), self.give_up_at());
                self.close_transport(TransportClosed::ByPeer);
                return ControlFlow::Break(());
            }
            // Of a decoder that checks text, all text has been checked.
            (Message::Pong(_) | Message::UncheckedText(_), _) => {}
        }
        ControlFlow::Continue(())
    }

    fn take_packet(&mut self, packet: Result<Packet<'_>, DecodeError>) {
        let Ok(packet) = packet else {
            self.is_plain = false;
            self.session.handle_decode_error(self.kind, self.now);
            return;
        };
        let received = self.session.handle_packet(self.kind, packet, self.now);
        match received {
            Received::Text(text) if self.are_packets_text => {
                if let Some((namespace, kept, event)) = self.client.plain_event(text) {
                    if !hear(self.engine, self.conn, namespace, kept, event) {
                        self.refuse_payload();
                    }
                    return;
                }
            }
            Received::Text(_) | Received::Binary(_) => {}
            Received::Heartbeat => self.is_plain = false,
            Received::Nothing => {
                self.is_plain = false;
                self.notice_upgrade();
                return;
            }
        }
        let peer = Peer {
            conn: self.conn,
            sid: self.sid,
            session: self.session,
            client: self.client,
        };
        // The session of one that broke a rule is closing, and receives nothing more.
        if let Some(broken) = receive(self.engine, peer, received, self.now) {
            self.is_plain = false;
            *self.fault = broken.fault;
        }
    }

    /// What came is no JSON.
    #[cold]
    fn refuse_payload(&mut self) {
        self.is_plain = false;
        let reason = DisconnectReason::ForcedClose;
        self.session.close(reason, self.now);
        let violation = Violation::Packet(DecodeError::InvalidPayload);
        *self.fault = Some(violation.to_string().into());
    }

    /// How the upgrade goes is told before what comes behind it.
    fn notice_upgrade(&mut self) {
        let application = &self.engine.shared.application;
        // The end of a session is the driver's to tell.
        while self.candidacy == Candidacy::Probe
            && !self.session.is_closed()
            && let Some(event) = self.session.poll_event()
        {
            let (conn, request, transport) = (self.conn, self.request, self.kind);
            let event = match event {
                SessionEvent::Probed => Event::Probed { conn },
                SessionEvent::Upgraded => {
                    self.candidacy = Candidacy::Promoted;
                    Event::Upgraded {
                        conn,
                        request,
                        transport,
                    }
                }
                SessionEvent::Closed { .. } => return,
            };
            application.handle(self.engine, event);
        }
    }

    /// The peer broke the WebSocket protocol.
    fn fail(&mut self, error: websocket::Error) {
        self.is_plain = false;
        let farewell = Frame::close(Some(error.close_code()), "");
        let give_up_at = self.give_up_at();
        match self.candidacy {
            Candidacy::Probe => self.control.end_with(farewell, give_up_at),
            Candidacy::None | Candidacy::Promoted => self.control.end_broken(farewell, give_up_at),
        }
        self.close_transport(TransportClosed::Error(error.to_string().into()));
    }

    fn close_transport(&mut self, cause: TransportClosed) {
        self.session.handle_transport_closed(self.kind, cause);
    }

    fn give_up_at(&self) -> Instant {
        self.now + CLOSE_ANSWER_TIMEOUT
    }
}

/// Gives the application an event that it is the first to parse. Whether it is JSON.
#[inline]
fn hear(
    engine: &Engine,
    conn: ConnId,
    namespace: NamespaceId,
    kept: &mut Kept,
    event: PlainEvent<'_>,
) -> bool {
    count(engine, conn);
    let socket = SocketRef { conn, namespace };
    let event = embed::PlainEvent::new(socket, event);
    engine.shared.application.hear(engine, event, kept)
}
