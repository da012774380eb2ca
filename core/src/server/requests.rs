//! Long polling on a shard, and the bytes of feeds: what the application or the listener brings.

use bytes::Bytes;

use super::connection::{Connection, PendingPoll, PendingPost};
use super::driver::feed_writer;
use super::incoming::{Peer, receive};
use super::shard::Shard;
use super::task::{Opening, PollingKind, PollingRequest, Responder, Task};
use super::{Engine, Refusal};
use crate::config::TransportKind;
use crate::embed::{Answer, Event, RequestId};
use crate::hub::Slot;
use crate::proto::DecodeError;
use crate::proto::engine::{self, PayloadPacket, Revision, v3};
use crate::proto::jsonp;
use crate::session::{PollError, TransportClosed};
use crate::transport::{Cork, polling};

impl Shard {
    pub(super) fn handle_request(&mut self, request: PollingRequest) {
        let PollingRequest {
            request,
            responder,
            kind,
            legacy_browser,
        } = request;
        match kind {
            PollingKind::Handshake {
                handshake,
                dialect,
                sid,
                address,
            } => {
                let share = match self.may_open(sid.as_ref(), address) {
                    Ok(share) => share,
                    Err(refusal) => {
                        self.engine.answer(responder, refused(refusal));
                        return;
                    }
                };
                let slot = self.open(Opening {
                    request,
                    transport: TransportKind::Polling,
                    link: None,
                    dialect,
                    handshake,
                    sid,
                    share,
                });
                self.handle_poll(
                    slot,
                    PendingPoll {
                        request,
                        responder,
                        legacy_browser,
                    },
                );
                // The open packet goes alone, whatever the application does at once.
                self.flush(slot);
                self.enter_root(slot);
            }
            PollingKind::Poll(slot) => {
                self.handle_poll(
                    slot,
                    PendingPoll {
                        request,
                        responder,
                        legacy_browser,
                    },
                );
            }
            PollingKind::Post {
                slot,
                body,
                is_octet_stream,
            } => {
                let post = PendingPost {
                    responder,
                    body,
                    is_octet_stream,
                    legacy_browser,
                };
                self.handle_post(slot, post);
            }
            PollingKind::Other => self.engine.answer(responder, polling::empty_answer(500)),
        }
    }

    /// The client of a request is gone: if it was the pending poll, that is how the client closed.
    pub(super) fn handle_request_closed(&mut self, slot: Option<Slot>, request: RequestId) {
        let now = self.now;
        let Some(slot) = slot else { return };
        let Some(connection) = self.connections.get_mut(slot) else {
            return;
        };
        if connection
            .poll
            .take_if(|poll| poll.request == request)
            .is_some()
        {
            connection.session.handle_poll_closed(now);
            self.touch(slot);
        }
    }

    fn handle_poll(&mut self, slot: Slot, poll: PendingPoll) {
        let now = self.now;
        // A client that comes when its time is up is too late, whether the timers have come to it
        // or not.
        let is_due = |connection: &mut Connection| {
            let due = connection.session.next_timeout();
            due.is_some_and(|due| due <= now)
        };
        if self.connections.get_mut(slot).is_some_and(is_due) {
            self.handle_timeout(slot);
        }
        let Some(connection) = self.connections.get_mut(slot) else {
            self.engine.answer(poll.responder, unknown_sid());
            return;
        };
        match connection.session.handle_poll(now) {
            Ok(()) => connection.poll = Some(Box::new(poll)),
            Err(error) => self.refuse(error, poll.responder),
        }
        self.touch(slot);
    }

    fn handle_post(&mut self, slot: Slot, post: PendingPost) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(slot) else {
            self.engine.answer(post.responder, unknown_sid());
            return;
        };
        if let Err(error) = connection.session.handle_post_start(now) {
            self.refuse(error, post.responder);
        } else if post.is_octet_stream && connection.dialect.revision == Revision::V4 {
            // Protocol 4 has no binary payloads.
            let cause = TransportClosed::Error("invalid content".into());
            connection
                .session
                .handle_transport_closed(TransportKind::Polling, cause);
            self.engine
                .answer(post.responder, polling::empty_answer(400));
        } else if self.pause(slot) {
            if let Some(connection) = self.connections.get_mut(slot) {
                connection.post = Some(Box::new(post));
            }
        } else {
            self.take_post(slot, post);
        }
        self.touch(slot);
    }

    /// The packets of a POST that has been let in.
    pub(super) fn take_post(&mut self, slot: Slot, post: PendingPost) {
        let Some(connection) = self.connections.get_mut(slot) else {
            return;
        };
        let revision = connection.dialect.revision;
        let is_form = connection.dialect.jsonp.is_some();
        let text = match is_form {
            true => jsonp::decode_post(&post.body),
            false => Some(String::from_utf8_lossy(&post.body)),
        };
        match (revision, text) {
            (Revision::V3, _) if post.is_octet_stream && !is_form => {
                self.take_packets(slot, v3::decode_payload_binary(&post.body));
            }
            (Revision::V3, Some(text)) => self.take_packets(slot, v3::decode_payload_text(&text)),
            (Revision::V4, Some(text)) => self.take_packets(slot, engine::decode_payload(&text)),
            // A form without packets.
            (_, None) => self.take_packets(slot, std::iter::empty()),
        }
        self.engine
            .answer(post.responder, polling::ok_answer(post.legacy_browser));
        self.touch(slot);
    }

    /// The packets of a POST, and its end.
    fn take_packets<'b>(
        &mut self,
        slot: Slot,
        packets: impl Iterator<Item = Result<PayloadPacket<'b>, DecodeError>>,
    ) {
        let conn = self.conn_id(slot);
        let now = self.now;
        let engine = self.engine.clone();
        let Some(connection) = self.connections.get_mut(slot) else {
            return;
        };
        for packet in packets {
            let Ok(packet) = packet else {
                connection
                    .session
                    .handle_decode_error(TransportKind::Polling, now);
                break;
            };
            let received =
                connection
                    .session
                    .handle_packet(TransportKind::Polling, packet.as_packet(), now);
            let Connection {
                sid,
                session,
                client,
                ..
            } = &mut *connection;
            let peer = Peer {
                conn,
                sid,
                session,
                client,
            };
            if let Some(broken) = receive(&engine, peer, received, now) {
                connection.fault = broken.fault;
                break;
            }
        }
        connection.session.handle_post_end();
    }

    fn refuse(&self, error: PollError, responder: Responder) {
        self.engine.answer(responder, refusal(error));
    }

    /// Bytes of a feed came, or its stream is over.
    pub(super) fn handle_feed(&mut self, request: RequestId, bytes: Option<Bytes>) {
        let Some((slot, link)) = self.feeds.get(&request).copied() else {
            return;
        };
        let Some(bytes) = bytes else {
            self.feeds.remove(&request);
            self.handle_stream_end(slot, link, None);
            self.handle_websocket_feed_end(slot);
            return;
        };
        if self.connections.websocket_mut(slot).is_some() {
            self.handle_websocket_feed(slot, bytes);
            return;
        }
        for chunk in bytes.chunks(self.buffer.len()) {
            self.buffer[..chunk.len()].copy_from_slice(chunk);
            self.handle_bytes(slot, link, chunk.len());
        }
    }

    /// The peer has ended its half of a feed's stream, and can still be written to.
    pub(super) fn handle_feed_ended(&mut self, request: RequestId) {
        if let Some((slot, _)) = self.feeds.get(&request) {
            self.handle_websocket_end(*slot, None);
        }
    }

    /// The application has written bytes of a feed: it may be given more.
    pub(super) fn handle_feed_written(&mut self, request: RequestId, bytes: usize) {
        let Some((slot, id)) = self.feeds.get(&request).copied() else {
            return;
        };
        let engine = self.engine.clone();
        let tenant = self.connections.tenant_mut(slot);
        let Some(link) = tenant.and_then(|tenant| tenant.link_mut(id)) else {
            return;
        };
        link.feed_written(bytes);
        let mut feed = feed_writer(&engine);
        link.flush_backlog(&mut Cork {
            buffer: &mut self.cork,
            feed: &mut feed,
        });
        self.touch(slot);
    }
}

/// A task that came when its shard had ended: who waits for an answer gets one.
pub(super) fn turn_down(engine: &Engine, task: Task) {
    match task {
        Task::Request(request) => engine.answer(request.responder, polling::empty_answer(503)),
        Task::Attach(attach) => {
            let request = attach.request;
            let event = Event::Forget { request };
            engine.shared.application.handle(engine, event);
        }
        Task::AttachWebSocket(attach) => {
            let request = attach.upgrade.request;
            let event = Event::Forget { request };
            engine.shared.application.handle(engine, event);
        }
        #[cfg(feature = "tower")]
        Task::Mounted(mounted) => super::http::mounted::turn_down(*mounted),
        _ => {}
    }
}

fn refusal(error: PollError) -> Answer {
    match error {
        PollError::Overlap => polling::empty_answer(400),
        PollError::NotPolling => polling::error_answer(400, 3, "Bad request"),
        PollError::Closed => unknown_sid(),
    }
}

fn unknown_sid() -> Answer {
    refused(Refusal::UnknownSid)
}

/// What a client is told whose request is refused.
pub(super) fn refused(refusal: Refusal) -> Answer {
    polling::error_answer(refusal.status(), refusal.code(), refusal.message())
}
