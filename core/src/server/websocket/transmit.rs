//! What goes to the peers of plain WebSockets: what the application asks for is queued, and leaves at
//! the end of the turn.

use std::time::{Duration, Instant};

use super::connection::{Press, WebSocket};
use super::receive::tell;
use super::task::{Ask, Broadcast, Outgoing};
use crate::config::Overflow;
use crate::embed::Event as EngineEvent;
use crate::embed::websocket::{Event, Failure};
use crate::hub::Slot;
use crate::proto::websocket::Frame;
use crate::server::driver::{CLOSE_ANSWER_TIMEOUT, feed_writer};
use crate::server::own::Texts;
use crate::server::shard::{Shard, Timer};
use crate::server::table::Tenant;
use crate::transport::Cork;

/// The peer's code when its close frame had none (RFC 6455 §7.4.1).
const NO_CODE: u16 = 1005;
/// The code of a connection that ended without the peer's close frame.
const ABNORMAL: u16 = 1006;
const GOING_AWAY: u16 = 1001;
pub(super) const POLICY_VIOLATION: u16 = 1008;

/// Inputs.
impl Shard {
    /// Does what the application asks of one plain WebSocket.
    pub(in crate::server) fn ask_websocket(&mut self, slot: Slot, ask: Ask) {
        let now = self.now;
        let Some(websocket) = self.connections.websocket_mut(slot) else {
            return;
        };
        match ask {
            Ask::Send(outgoing) => self.send_to_websocket(slot, outgoing, false),
            Ask::Raw(outgoing) => self.send_to_websocket(slot, outgoing, true),
            Ask::Close(farewell) => {
                let deadline = websocket.close_deadline(now);
                websocket.close(&farewell, deadline, &mut self.mask_keys);
            }
            Ask::End => websocket.end(now),
            Ask::Terminate => websocket.terminate(now),
            Ask::Reset => {
                websocket.link.reset();
                websocket.terminate(now);
            }
            Ask::Pause => websocket.is_held = true,
            Ask::Resume => {
                websocket.is_held = false;
                websocket.link.wake_reader();
                for bytes in websocket.take_unread() {
                    self.handle_websocket_feed(slot, bytes);
                }
            }
        }
        self.touch(slot);
    }

    fn send_to_websocket(&mut self, slot: Slot, outgoing: Outgoing, is_raw: bool) {
        let Outgoing {
            frame,
            compress,
            token,
            counted,
        } = outgoing;
        let has_room = self.make_room(slot, frame.len());
        let Shard {
            connections,
            compression,
            mask_keys: keys,
            ..
        } = self;
        let Some(websocket) = connections.websocket_mut(slot) else {
            return;
        };
        if has_room && is_raw {
            websocket.outbox.push(frame, token, counted);
        } else if has_room {
            let mut press = Press { compression, keys };
            websocket.send(frame, compress, token, counted, &mut press);
            self.handle().counters.sent.increment();
        } else {
            websocket.outbox.uncount(counted);
            if let Some(token) = token {
                self.tell_websocket(slot, Event::Sent { token, ok: false });
            }
        }
    }

    /// Sends to one peer what was said to it in a row.
    pub(in crate::server) fn send_messages(&mut self, texts: &Texts, frames: &[u8]) {
        for frame in Frame::split(frames) {
            let outgoing = Outgoing {
                counted: frame.len(),
                frame,
                compress: true,
                token: None,
            };
            self.send_to_websocket(texts.slot, outgoing, false);
        }
        self.touch(texts.slot);
    }

    /// Writes it from where it lies, if the peer has nothing else to take. Whether it has been done, and
    /// in `is_drained` whether the application is to be told that nothing waits any more.
    pub(in crate::server) fn answer_websocket(
        &mut self,
        texts: &Texts,
        frames: &[u8],
        is_drained: &mut bool,
    ) -> bool {
        let counters = &self.engine.shared.shards[usize::from(self.index)].counters;
        let Some(websocket) = self.connections.websocket_mut(texts.slot) else {
            return false;
        };
        let is_written =
            websocket.takes_frames_as_they_are() && websocket.link.write_at_rest(frames);
        if is_written {
            counters.sent.add(texts.count);
            websocket.outbox.pass_counted(frames.len());
            let taken = websocket.link.taken_bytes();
            websocket
                .outbox
                .set_taken(taken, websocket.settings.high_water);
            *is_drained = websocket.outbox.take_drained() && websocket.is_open();
        }
        is_written
    }

    /// Sends to every target once. No allocation and no copy of the payload per receiver, and each
    /// form of it is compressed once.
    pub(in crate::server) fn broadcast_to_websockets(&mut self, broadcast: &Broadcast) {
        let Broadcast {
            targets,
            except,
            frame,
            compress,
        } = broadcast;
        self.next_mark += 1;
        let mark = self.next_mark;
        let left_out = targets.except.iter().flat_map(|list| list.iter());
        for slot in left_out.chain(except) {
            if let Some(websocket) = self.connections.websocket_mut(*slot) {
                websocket.broadcast_mark = mark;
            }
        }
        let mut sent = 0;
        for slot in targets.include.iter().flat_map(|list| list.iter()) {
            let Some(websocket) = self.connections.websocket_mut(*slot) else {
                continue;
            };
            if std::mem::replace(&mut websocket.broadcast_mark, mark) == mark
                || !self.make_room(*slot, frame.len())
            {
                continue;
            }
            let Shard {
                connections,
                compression,
                mask_keys: keys,
                dirty,
                ..
            } = self;
            if let Some(websocket) = connections.websocket_mut(*slot) {
                websocket.send_shared(frame, *compress, &mut Press { compression, keys });
                sent += 1;
                if !std::mem::replace(&mut websocket.is_dirty, true) {
                    dirty.push(*slot);
                }
            }
        }
        self.handle().counters.sent.add(sent);
    }

    /// Whether `bytes` more may be queued, by the policy for slow readers.
    fn make_room(&mut self, slot: Slot, bytes: usize) -> bool {
        let Some(websocket) = self.connections.websocket_mut(slot) else {
            return false;
        };
        if !websocket.is_open() {
            return false;
        }
        !websocket.is_full_for(bytes) || self.make_room_at_slow(slot, bytes)
    }

    /// What was queued in this turn has not been written yet, which is not the peer's fault: only
    /// what is left then counts.
    #[cold]
    fn make_room_at_slow(&mut self, slot: Slot, bytes: usize) -> bool {
        self.flush(slot);
        let give_up_at = self.now + CLOSE_ANSWER_TIMEOUT;
        let Some(websocket) = self.connections.websocket_mut(slot) else {
            return false;
        };
        if !websocket.is_open() {
            return false;
        }
        if !websocket.is_full_for(bytes) {
            return true;
        }
        match websocket.settings.overflow {
            Overflow::Drop => self.handle().counters.dropped_volatile.increment(),
            Overflow::Close => {
                let failed = websocket.outbox.fail();
                websocket.link.drop_queued();
                websocket.has_failed = true;
                let farewell = Frame::close(Some(POLICY_VIOLATION), "");
                websocket.finish(&farewell, give_up_at, &mut self.mask_keys);
                for (token, ok) in failed {
                    self.tell_websocket(slot, Event::Sent { token, ok });
                }
                self.tell_websocket(slot, Event::Failed(Failure::SlowReader));
                self.handle().counters.closed_slow.increment();
                self.touch(slot);
            }
        }
        false
    }

    /// The engine closes.
    pub(in crate::server) fn close_websocket(
        &mut self,
        slot: Slot,
        deadline: Instant,
        discard: bool,
    ) {
        if let Some(websocket) = self.connections.websocket_mut(slot) {
            let farewell = Frame::close(Some(GOING_AWAY), "");
            let mut failed = Vec::new();
            if discard {
                failed = websocket.outbox.fail();
                websocket.link.drop_queued();
            }
            websocket.close(&farewell, deadline, &mut self.mask_keys);
            websocket.link.end_by(deadline);
            websocket.is_held = false;
            websocket.link.wake_reader();
            for (token, ok) in failed {
                self.tell_websocket(slot, Event::Sent { token, ok });
            }
            self.touch(slot);
        }
    }

    /// The engine's time is over.
    pub(in crate::server) fn terminate_websocket(&mut self, slot: Slot) {
        let now = self.now;
        if let Some(websocket) = self.connections.websocket_mut(slot) {
            websocket.terminate(now);
            self.touch(slot);
        }
    }

    pub(in crate::server) fn tell_websocket(&self, slot: Slot, event: Event<'_>) {
        tell(&self.engine, self.conn_id(slot), event);
    }
}

/// Outputs.
impl Shard {
    /// Writes what is queued for a plain WebSocket, tells the application what became of it, and lets
    /// the connection go once all is over.
    pub(in crate::server) fn flush_websocket(&mut self, slot: Slot) {
        let conn = self.conn_id(slot);
        let Shard {
            connections,
            engine,
            cork,
            now,
            mask_keys,
            ..
        } = self;
        let Some(websocket) = connections.websocket_mut(slot) else {
            return;
        };
        websocket.is_dirty = false;
        websocket.expire_parting(*now, mask_keys);
        let mut feed = feed_writer(engine);
        let mut cork = Cork {
            buffer: cork,
            feed: &mut feed,
        };
        while let Some(frame) = websocket.outbox.pop() {
            websocket.link.write(&frame, &mut cork);
        }
        websocket.link.flush(&mut cork);
        drop(feed);
        let taken = websocket.link.taken_bytes();
        let high_water = websocket.settings.high_water;
        websocket.outbox.set_taken(taken, high_water);
        while let Some((token, ok)) = websocket.outbox.pop_receipt() {
            tell(engine, conn, Event::Sent { token, ok });
        }
        if websocket.outbox.take_drained() && websocket.is_open() {
            tell(engine, conn, Event::Drain);
        }
        self.settle_websocket(slot);
    }

    /// Drops a plain WebSocket whose stream is over; else sees to it that its deadline is waited for.
    fn settle_websocket(&mut self, slot: Slot) {
        let (conn, now) = (self.conn_id(slot), self.now);
        let Some(websocket) = self.connections.websocket_mut(slot) else {
            return;
        };
        if !websocket.is_over(now) {
            let deadline = websocket.parting_deadline();
            if let Some(deadline) = deadline.or(websocket.link.deadline()) {
                let tick = self.timers.tick(deadline);
                if websocket.wakes_at.is_none_or(|known| tick < known) {
                    websocket.wakes_at = Some(self.timers.set(deadline, Timer::Connection(slot)));
                }
            }
            return;
        }
        let Some(Tenant::WebSocket(mut websocket)) = self.connections.remove(slot) else {
            return;
        };
        for (token, ok) in websocket.outbox.fail() {
            self.tell_websocket(slot, Event::Sent { token, ok });
        }
        let (code, reason) = match websocket.closed_by.take() {
            None => (ABNORMAL, Box::default()),
            Some(close) => (close.code.unwrap_or(NO_CODE), close.reason),
        };
        self.handle().counters.closed.increment();
        let group = std::sync::Arc::clone(&websocket.group);
        websocket.link.wake_reader();
        let request = websocket.link.request;
        let feed = self.feeds.remove(&request);
        // The gauge is at rest before the application hears of the end.
        let discard = websocket.link.is_closed();
        drop(websocket);
        let reason = &*reason;
        self.tell_websocket(slot, Event::Closed { code, reason });
        group.remove(conn);
        if feed.is_some() {
            self.tell(EngineEvent::FeedEnd { request, discard });
        }
    }
}

impl WebSocket {
    /// Drops the stream.
    pub(super) fn terminate(&mut self, now: Instant) {
        self.link.close_outlet(now);
        self.link.wake_reader();
    }

    /// When a peer that is to close, from now or from before, is given up.
    pub(super) fn close_deadline(&self, now: Instant) -> Instant {
        let timeout = self.settings.close_timeout;
        let deadline = self.link.deadline();
        deadline.unwrap_or_else(|| now.checked_add(timeout).unwrap_or(now + FAR))
    }

    /// Whether its stream is done with. What a feed was given is written first, if there is time.
    fn is_over(&self, now: Instant) -> bool {
        let is_late = self.link.deadline().is_some_and(|deadline| deadline <= now);
        let is_written = !self.link.is_feed() || self.link.backlog_bytes() == 0;
        self.link.is_over(now) && (is_written || is_late)
    }
}

/// As good as never.
const FAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
