//! What a client's message asks for, and who is told of it.

use std::sync::Arc;
use std::time::Instant;

use super::cluster::{Asking, ReturnTicket};
use crate::config::{Config, Parser, Protocol, TransportKind};
use crate::embed::{Event, Raw, SocketRef, Telling};
use crate::error::DisconnectReason;
use crate::hub::{Answered, Claim, Client, ConnId, Incoming, Response, Violation, new_sid};
use crate::proto::DecodeError;
use crate::session::{Received, Session};

/// A peer broke the Socket.IO protocol; its session is closing.
#[derive(Debug)]
pub(super) struct Broken {
    /// What is wrong with its packet, if it is the packet.
    pub(super) fault: Option<Box<str>>,
}

/// Whose message it is.
pub(super) struct Peer<'c> {
    pub(super) conn: ConnId,
    pub(super) sid: &'c Arc<str>,
    pub(super) session: &'c mut Session,
    pub(super) client: &'c mut Client,
}

/// Takes a message that the session let through, over whichever transport it came.
pub(super) fn receive(
    engine: &super::Engine,
    peer: Peer<'_>,
    received: Received<'_>,
    now: Instant,
) -> Option<Broken> {
    let Config {
        protocol,
        parser,
        max_attachments,
        ..
    } = *engine.config();
    if protocol == Protocol::EngineIo {
        receive_raw(engine, peer.conn, received);
        return None;
    }
    let incoming = match received {
        Received::Nothing => return None,
        Received::Heartbeat => {
            if engine.is_told_heartbeats() {
                tell_heartbeat(engine, peer.conn);
            }
            return None;
        }
        Received::Text(text) => match parser {
            Parser::Json => peer.client.handle_text(text, max_attachments),
            Parser::MessagePack => Err(Violation::Packet(DecodeError::InvalidMsgpack)),
        },
        Received::Binary(bytes) => match parser {
            Parser::Json => peer.client.handle_binary(bytes),
            Parser::MessagePack => peer.client.handle_message_pack(bytes, max_attachments),
        },
    };
    count(engine, peer.conn);
    deliver(engine, peer, incoming, now)
}

/// Gives the application a message as it is.
fn receive_raw(engine: &super::Engine, conn: ConnId, received: Received<'_>) {
    let message = match received {
        Received::Nothing => return,
        Received::Heartbeat => {
            tell_heartbeat(engine, conn);
            return;
        }
        Received::Text(text) => Raw::Text(text),
        Received::Binary(bytes) => Raw::Binary(bytes),
    };
    count(engine, conn);
    let event = Event::Raw { conn, message };
    engine.shared.application.handle(engine, event);
}

fn tell_heartbeat(engine: &super::Engine, conn: ConnId) {
    let event = Event::Heartbeat { conn };
    engine.shared.application.handle(engine, event);
}

#[inline]
pub(super) fn count(engine: &super::Engine, conn: ConnId) {
    engine.shared.shards[usize::from(conn.shard)]
        .counters
        .received
        .increment();
}

/// Gives the application what a message asks for.
pub(super) fn deliver(
    engine: &super::Engine,
    peer: Peer<'_>,
    incoming: Result<Incoming<'_>, Violation>,
    now: Instant,
) -> Option<Broken> {
    let Peer {
        conn,
        sid: session_id,
        session,
        client,
    } = peer;
    let joining;
    let event = match incoming {
        Ok(Incoming::Nothing) => return None,
        Ok(Incoming::Event {
            namespace,
            ack,
            data,
            attachments,
        }) => Event::Message {
            socket: SocketRef { conn, namespace },
            ack,
            data,
            attachments,
        },
        Ok(Incoming::Ack {
            namespace,
            id,
            data,
            attachments,
        }) => {
            let socket = SocketRef { conn, namespace };
            deliver_ack(engine, socket, id, data, attachments)?
        }
        Ok(Incoming::Connect { namespace, auth }) => {
            joining = (namespace, auth);
            let (namespace, auth) = (&*joining.0, joining.1.as_deref());
            let fixed = client.fixed_sid(namespace, session_id);
            if fixed.is_none()
                && Asking::read(namespace, auth, |asking| engine.ask_return(conn, asking))
                    == Some(true)
            {
                // The event follows when it is known who it is.
                return None;
            }
            let claimed = match fixed {
                None => claim(engine, conn, namespace, auth, now),
                Some(_) => None,
            };
            let recovered = claimed.is_some();
            let kept = recovered
                .then(|| engine.shared.hub.lookup(namespace)?.kept(conn))
                .flatten();
            let sid = claimed.or(fixed).unwrap_or_else(new_sid);
            Event::Connect {
                conn,
                namespace,
                sid,
                auth,
                recovered,
                kept,
            }
        }
        Ok(Incoming::Disconnect { namespace }) => {
            let event = Event::Leave {
                socket: SocketRef {
                    conn,
                    namespace: namespace.id(),
                },
            };
            engine.shared.application.handle(engine, event);
            namespace.remove(conn);
            let id = namespace.id();
            drop(namespace);
            engine.shared.hub.retire(id);
            return None;
        }
        Err(Violation::State) => {
            let reason = match session.transport() {
                TransportKind::Polling => DisconnectReason::ForcedServerClose,
                TransportKind::WebSocket | TransportKind::WebTransport => {
                    DisconnectReason::ForcedClose
                }
            };
            session.close(reason, now);
            return Some(Broken { fault: None });
        }
        Err(violation) => {
            session.close(DisconnectReason::ForcedClose, now);
            return Some(Broken {
                fault: Some(violation.to_string().into()),
            });
        }
    };
    engine.shared.application.handle(engine, event);
    None
}

/// The id of the socket that a client says it was, if it can be that socket again.
fn claim(
    engine: &super::Engine,
    conn: ConnId,
    namespace: &str,
    auth: Option<&str>,
    now: Instant,
) -> Option<Arc<str>> {
    let namespace = engine.shared.hub.lookup(namespace)?;
    let store = namespace.recovery()?;
    if engine.shared.recovers_everywhere().is_some() {
        return None;
    }
    let ReturnTicket { pid, offset } = ReturnTicket::read(auth?)?;
    store.lock().claim(conn, &pid, &offset, now)
}

/// Acks of broadcasts are gathered, or told one by one; the others are the application's.
fn deliver_ack<'a>(
    engine: &super::Engine,
    socket: SocketRef,
    id: u64,
    data: std::borrow::Cow<'a, str>,
    attachments: Vec<bytes::Bytes>,
) -> Option<Event<'a>> {
    let namespace = engine.shared.hub.namespace(socket.namespace)?;
    let acks = namespace.broadcast_acks();
    let response = match acks.claim(id, socket.conn) {
        Claim::Foreign => {
            return Some(Event::Ack {
                socket,
                id,
                data,
                attachments,
            });
        }
        Claim::Void => return None,
        Claim::Due(Telling::Together) => Some(Response {
            data: data.into(),
            attachments,
        }),
        Claim::Due(Telling::OneByOne) => {
            let answer = Event::BroadcastAnswer {
                namespace: socket.namespace,
                conn: Some(socket.conn),
                id,
                data,
                attachments,
            };
            engine.shared.application.handle(engine, answer);
            None
        }
    };
    match acks.answer(id, socket.conn, response) {
        Answered::Nothing => None,
        Answered::Complete(outcome) => Some(Event::BroadcastAck {
            namespace: socket.namespace,
            id,
            outcome,
        }),
        Answered::Relay(relay, response) => {
            engine.relay_ack(namespace.name(), &relay, response);
            None
        }
    }
}
