//! Long polling on a shard, and the bytes of feeds: what the application or the listener brings.

use bytes::Bytes;

use super::connection::PendingPoll;
use super::incoming::deliver;
use super::shard::Shard;
use super::task::{PollingKind, PollingRequest, Responder};
use crate::config::TransportKind;
use crate::embed::{Answer, RequestId};
use crate::hub::Slot;
use crate::proto::engine;
use crate::session::{PollError, Received, TransportClosed};
use crate::transport::{Cork, polling};

impl Shard {
    pub(super) fn handle_request(&mut self, request: PollingRequest) {
        if let PollingKind::Post { slot, .. } = request.kind
            && !self.engine.shared.application.is_ready_for(self.conn_id(slot))
        {
            // The client sends no other before this one is answered: so TCP pushes back here too.
            self.parked.push(request);
            self.handle().counters.paused.increment();
            return;
        }
        let PollingRequest { request, responder, kind, legacy_browser } = request;
        match kind {
            PollingKind::Handshake => {
                let slot = self.open(request, TransportKind::Polling, None);
                self.handle_poll(
                    slot,
                    PendingPoll {
                        request,
                        responder,
                        legacy_browser,
                    },
                );
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
                let answer = self.handle_post(slot, &body, is_octet_stream, legacy_browser);
                self.engine.answer(responder, answer);
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

    fn handle_post(
        &mut self,
        slot: Slot,
        body: &[u8],
        is_octet_stream: bool,
        legacy_browser: bool,
    ) -> Answer {
        let conn = self.conn_id(slot);
        let now = self.now;
        let engine = self.engine.clone();
        let Some(connection) = self.connections.get_mut(slot) else {
            return unknown_sid();
        };
        if let Err(error) = connection.session.handle_post_start(now) {
            self.touch(slot);
            return refusal(error);
        }
        if is_octet_stream {
            // Protocol 4 has no binary payloads.
            let cause = TransportClosed::Error("invalid content".into());
            connection
                .session
                .handle_transport_closed(TransportKind::Polling, cause);
            self.touch(slot);
            return polling::empty_answer(400);
        }
        let body = String::from_utf8_lossy(body);
        for packet in engine::decode_payload(&body) {
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
            let incoming = match received {
                Received::Nothing => continue,
                Received::Text(text) => connection
                    .client
                    .handle_text(text, engine.config().max_attachments),
                Received::Binary(bytes) => connection.client.handle_binary(bytes),
            };
            engine.shared.shards[usize::from(conn.shard)]
                .counters
                .received
                .increment();
            if let Some(broken) = deliver(&engine, conn, &mut connection.session, incoming, now) {
                connection.fault = broken.fault;
                break;
            }
        }
        connection.session.handle_post_end();
        self.touch(slot);
        polling::ok_answer(legacy_browser)
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
            return;
        };
        for chunk in bytes.chunks(self.buffer.len()) {
            self.buffer[..chunk.len()].copy_from_slice(chunk);
            self.handle_bytes(slot, link, chunk.len());
        }
    }

    /// The application has written bytes of a feed: it may be given more.
    pub(super) fn handle_feed_written(&mut self, request: RequestId, bytes: usize) {
        let Some((slot, id)) = self.feeds.get(&request).copied() else {
            return;
        };
        let engine = self.engine.clone();
        let Some(connection) = self.connections.get_mut(slot) else {
            return;
        };
        let Some(link) = connection.link_mut(id) else {
            return;
        };
        link.feed_written(bytes);
        let mut feed = super::driver::feed_writer(&engine);
        link.flush_backlog(&mut Cork {
            buffer: &mut self.cork,
            feed: &mut feed,
        });
        self.touch(slot);
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
    let refusal = super::Refusal::UnknownSid;
    polling::error_answer(refusal.status(), refusal.code(), refusal.message())
}
