//! Where session, hub and transport meet: time passes, streams end, what the session wants written is
//! written, and what became of it is told. What comes in is in `reading.rs`.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::shard::{Shard, Timer};
use crate::config::TransportKind;
use crate::embed::{Event, RequestId, SocketRef};
use crate::error::DisconnectReason;
use crate::hub::Slot;
use crate::proto::websocket::Frame;
use crate::session::{Event as SessionEvent, Transmit, TransportClosed};
use crate::trace::tell;
use crate::transport::{Cork, LinkId, polling};

/// How long a peer has to answer a close frame before its stream is dropped.
pub(super) const CLOSE_ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Inputs.
impl Shard {
    /// A link's stream has ended, by an error or because the peer closed it.
    pub(super) fn handle_stream_end(
        &mut self,
        slot: Slot,
        id: LinkId,
        error: Option<std::io::Error>,
    ) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(slot) else {
            return;
        };
        let Some(link) = connection.link_mut(id) else {
            return;
        };
        link.close_outlet(now);
        let kind = link.kind;
        let cause = match error {
            // A reset is how many clients go: to the application it is a close like another.
            None => TransportClosed::ByPeer,
            Some(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                TransportClosed::ByPeer
            }
            Some(error) => TransportClosed::Error(error.to_string().into()),
        };
        let is_current = connection.link.as_ref().is_some_and(|link| link.id == id);
        let is_probing = connection.session.is_upgrading();
        if is_current || is_probing {
            connection.session.handle_transport_closed(kind, cause);
        }
        self.touch(slot);
    }

    /// Time has passed for a connection.
    pub(super) fn handle_timeout(&mut self, slot: Slot) {
        let conn = self.conn_id(slot);
        let now = self.now;
        let Some(connection) = self.connections.get_mut(slot) else {
            // A plain WebSocket has no clock but that of its end.
            self.touch(slot);
            return;
        };
        let has_pinged = connection.session.handle_timeout(now);
        if connection.is_paused {
            connection.session.assume_heartbeat(now);
        }
        if connection
            .connect_deadline
            .is_some_and(|deadline| deadline <= now)
        {
            connection.connect_deadline = None;
            if connection.client.is_idle() {
                connection.session.close(DisconnectReason::ForcedClose, now);
            }
        }
        let mut expired = Vec::new();
        while let Some(ack) = connection.client.poll_expired_ack(now) {
            expired.push(ack);
        }
        if has_pinged && self.engine.is_told_heartbeats() {
            self.tell(Event::Ping { conn });
        }
        for (namespace, id) in expired {
            self.tell(Event::AckTimeout {
                socket: SocketRef { conn, namespace },
                id,
            });
        }
        self.touch(slot);
    }

    /// Ends a connection whose peer broke a rule outside of its packets.
    pub(super) fn fail(&mut self, slot: Slot, description: Box<str>) {
        let give_up_at = self.now + CLOSE_ANSWER_TIMEOUT;
        if let Some(connection) = self.connections.get_mut(slot) {
            let transport = connection.session.transport();
            let cause = TransportClosed::Error(String::from(description).into());
            connection.session.handle_transport_closed(transport, cause);
            if let Some(link) = &mut connection.link {
                let farewell = Frame::close(None, "");
                link.control.end_broken(farewell, give_up_at);
            }
            self.touch(slot);
        }
    }

    /// Drops a connection's WebSocket, as if its peer had gone.
    pub(super) fn drop_stream(&mut self, slot: Slot, request: RequestId) {
        let connection = self.connections.get_mut(slot);
        if let Some(link) = connection.and_then(|connection| connection.link_of(request)) {
            self.handle_stream_end(slot, link, None);
        }
    }

    /// Closes a connection from this side.
    pub(super) fn close(&mut self, slot: Slot, reason: DisconnectReason, discard: bool) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(slot) else {
            return;
        };
        if discard {
            connection.is_closed_gently = false;
            connection.session.abort(reason);
            if let Some(link) = &mut connection.link {
                link.drop_queued();
                link.end_by(now + CLOSE_ANSWER_TIMEOUT);
            }
        } else {
            connection.is_closed_gently = true;
            connection.session.close(reason, now);
        }
        self.touch(slot);
    }
}

/// Outputs.
impl Shard {
    /// Writes what the session wants written, tells the application what became of it, and lets the
    /// connection go once all is over.
    pub(super) fn flush_session(&mut self, slot: Slot) {
        if self.flush_messages(slot) {
            return;
        }
        loop {
            let Some(connection) = self.connections.get_mut(slot) else {
                return;
            };
            if let Some(event) = connection.session.poll_event() {
                self.handle_session_event(slot, event);
                continue;
            }
            let Some(transmit) = connection.session.poll_transmit() else {
                break;
            };
            self.transmit(slot, transmit);
        }
        self.flush_links(slot);
        self.tell_sent(slot);
        self.settle(slot);
    }

    /// Writes the messages of a connection that has nothing else to write and no deadline that moved, as
    /// most have that a broadcast reaches. Whether that was all there was to do.
    fn flush_messages(&mut self, slot: Slot) -> bool {
        let Shard {
            connections,
            engine,
            cork,
            ..
        } = self;
        let Some(connection) = connections.get_mut(slot) else {
            return true;
        };
        connection.is_dirty = false;
        let is_touched = mem::take(&mut connection.is_touched);
        if is_touched || connection.tokens.is_some() || !connection.takes_frames_together() {
            return false;
        }
        let (session, Some(link)) = (&mut connection.session, &mut connection.link) else {
            return false;
        };
        let Some(first) = session.poll_message() else {
            return true;
        };
        let mut next = session.poll_message();
        if next.is_none() && link.write_frame_at_rest(&first) {
            return true;
        }
        let mut feed = feed_writer(engine);
        let mut cork = Cork {
            buffer: cork,
            feed: &mut feed,
        };
        link.write(&first, &mut cork);
        while let Some(frame) = next {
            link.write(&frame, &mut cork);
            next = session.poll_message();
        }
        link.flush(&mut cork);
        true
    }

    fn transmit(&mut self, slot: Slot, transmit: Transmit) {
        let Shard {
            connections,
            engine,
            compression,
            cork,
            now,
            ..
        } = self;
        let now = *now;
        let Some(connection) = connections.get_mut(slot) else {
            return;
        };
        match transmit {
            Transmit::WebSocket(first) => {
                let Some(link) = &mut connection.link else {
                    return;
                };
                let mut feed = feed_writer(engine);
                let mut cork = Cork {
                    buffer: cork,
                    feed: &mut feed,
                };
                let mut next = Some(first);
                while let Some(frame) = next {
                    let frame = match (&mut link.deflater, &engine.config().per_message_deflate) {
                        (Some(deflater), Some(options))
                            if frame.payload_ref().len() >= options.threshold =>
                        {
                            compression.compress(&frame, deflater, options)
                        }
                        _ => frame,
                    };
                    link.write(&frame, &mut cork);
                    next = connection.session.poll_message();
                }
            }
            Transmit::Pong => {
                if let Some(link) = &mut connection.link {
                    link.control.beat();
                }
            }
            Transmit::Probe(frame) => {
                if let Some(mut probe) = connection.probe.take() {
                    // The cork may hold bytes of the other link.
                    let mut buffer = Vec::new();
                    let mut feed = feed_writer(engine);
                    let mut cork = Cork {
                        buffer: &mut buffer,
                        feed: &mut feed,
                    };
                    probe.write(&frame, &mut cork);
                    probe.flush(&mut cork);
                    connection.probe = Some(probe);
                }
            }
            Transmit::Poll(frames) => {
                if let Some(poll) = connection.poll.take() {
                    let answer =
                        polling::payload_answer(&frames, &connection.dialect, poll.legacy_browser);
                    engine.answer(poll.responder, answer);
                }
            }
            Transmit::CloseWebSocket => {
                // The time to take what is queued; the time to answer begins when it is out.
                let patience = if connection.is_closed_gently {
                    engine.config().close_timeout.max(CLOSE_ANSWER_TIMEOUT)
                } else {
                    CLOSE_ANSWER_TIMEOUT
                };
                let deadline = now.checked_add(patience).unwrap_or(now);
                if let Some(link) = &mut connection.link {
                    let farewell = Frame::close(None, "");
                    link.control.end_after_peer(farewell, deadline);
                    // A reader that is paused has the peer's answer to read.
                    link.wake_reader();
                }
            }
            Transmit::CloseProbe => {
                if let Some(probe) = &mut connection.probe {
                    let farewell = Frame::close(None, "");
                    let deadline = now + CLOSE_ANSWER_TIMEOUT;
                    probe.control.end_with(farewell, deadline);
                }
            }
        }
    }

    fn handle_session_event(&mut self, slot: Slot, event: SessionEvent) {
        let conn = self.conn_id(slot);
        if let SessionEvent::Closed { .. } = event {
            self.tell_sent(slot);
        }
        let Some(connection) = self.connections.get_mut(slot) else {
            return;
        };
        match event {
            // Dealt with where the upgrade came: before the bytes behind it.
            SessionEvent::Probed | SessionEvent::Upgraded => {}
            SessionEvent::Closed {
                reason,
                description,
            } => {
                connection.is_over = true;
                connection.tokens = None;
                let sid = Arc::clone(&connection.sid);
                let hub = &self.engine.shared.hub;
                let unanswered: Vec<_> = connection
                    .client
                    .pending()
                    .inspect(|name| self.engine.forget_return(conn, name))
                    .filter_map(|name| hub.lookup(name))
                    .collect();
                let namespaces = connection.client.leave_all();
                let fault = connection.fault.take();
                if let Some(poll) = connection
                    .poll
                    .take_if(|_| !connection.session.has_pending_poll())
                {
                    self.engine
                        .answer(poll.responder, polling::empty_answer(400));
                }
                if let Some(post) = connection.post.take() {
                    self.engine
                        .answer(post.responder, polling::empty_answer(400));
                }
                for namespace in unanswered {
                    if let Some(store) = namespace.recovery() {
                        store.lock().forget(conn);
                    }
                }
                self.engine.shared.registry.remove(&sid);
                self.handle().counters.closed.increment();
                tell!(debug, sid = &*sid, %reason, "connection closed");
                let description = description.as_deref().or(fault.as_deref());
                self.tell(Event::Close {
                    conn,
                    reason,
                    description,
                    namespaces: &namespaces,
                });
                for namespace in namespaces {
                    namespace.remove_for_now(conn, self.now);
                    self.engine.record_lost(&namespace, conn);
                    let id = namespace.id();
                    drop(namespace);
                    self.engine.shared.hub.retire(id);
                }
            }
        }
    }

    fn flush_links(&mut self, slot: Slot) {
        let Shard {
            connections,
            engine,
            cork,
            now,
            ..
        } = self;
        let end_by = *now + CLOSE_ANSWER_TIMEOUT;
        let Some(connection) = connections.get_mut(slot) else {
            return;
        };
        let mut feed = feed_writer(engine);
        let mut cork = Cork {
            buffer: cork,
            feed: &mut feed,
        };
        if let Some(link) = &mut connection.link {
            link.flush(&mut cork);
            if link.is_out() {
                link.end_by(end_by);
            }
        }
        if let Some(probe) = &mut connection.probe {
            probe.flush(&mut cork);
        }
    }

    /// Drops links that are over, and the connection with the last of them; else sees to it that
    /// its next deadline is waited for.
    fn settle(&mut self, slot: Slot) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(slot) else {
            return;
        };
        if connection.has_nothing_over(now) {
            self.wait_for_deadline(slot);
            return;
        }
        let candidate = connection.probe.take_if(|probe| probe.is_over(now));
        let failed = candidate.as_ref().map(|probe| probe.request);
        let over = [
            connection.link.take_if(|link| link.is_over(now)),
            candidate.map(|probe| *probe),
        ];
        let is_gone = connection.is_over && connection.link.is_none() && connection.probe.is_none();
        let lost = connection.link.is_none()
            && connection.session.transport() != TransportKind::Polling
            && !connection.is_over;
        debug_assert!(!lost, "a link is dropped only after its session has closed");
        if !is_gone {
            self.wait_for_deadline(slot);
        }
        for link in over.into_iter().flatten() {
            link.wake_reader();
            if link.is_feed() {
                self.feeds.remove(&link.request);
                self.tell(Event::FeedEnd {
                    request: link.request,
                    discard: false,
                });
            }
        }
        if let Some(request) = failed {
            self.tell(Event::Forget { request });
        }
        if is_gone {
            self.connections.remove(slot);
        }
    }

    fn wait_for_deadline(&mut self, slot: Slot) {
        let Some(connection) = self.connections.get_mut(slot) else {
            return;
        };
        if let Some(deadline) = connection.next_deadline() {
            let tick = self.timers.tick(deadline);
            if connection.wakes_at.is_none_or(|known| tick < known) {
                connection.wakes_at = Some(self.timers.set(deadline, Timer::Connection(slot)));
            }
        }
    }
}

/// Gives a feed's bytes to the application.
pub(super) fn feed_writer(engine: &super::Engine) -> impl FnMut(RequestId, &[u8]) {
    |request, bytes| {
        engine
            .shared
            .application
            .handle(engine, Event::FeedWrite { request, bytes })
    }
}
