//! A look at a connection's stream by the task that reads it, and what it led to. What the connection
//! alone is answered is written before the task waits again; whatever concerns others, too, waits for
//! the end of the shard's turn, so that each of them is written to once.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::ReadBuf;

use super::own::{self, Texts, To};
use super::shard::{BUFFER_SIZE, Shard};
use super::table::Tenant;
use crate::embed::websocket;
use crate::hub::{NamespaceId, Slot};
use crate::transport::{LinkId, Source};

/// What a reader does after a look at its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Continue,
    /// The buffer was filled: let others run first.
    Yield,
    Stop,
}

/// Looks until the stream has no more. If it panics, the connection is given up.
pub(super) fn look(
    shard: &RefCell<Shard>,
    index: u32,
    link: LinkId,
    cx: &mut Context<'_>,
    stream: &mut impl Source,
) -> Poll<Flow> {
    let looked_at = Cell::new(None);
    let looked = catch_unwind(AssertUnwindSafe(|| {
        let mut shard = shard.borrow_mut();
        let Some(slot) = shard.connections.slot_of_link(index, link) else {
            return Poll::Ready(Flow::Stop);
        };
        looked_at.set(Some(slot));
        let _attending = own::attend(&shard.handle().inbox);
        loop {
            let flow = shard.look_once(slot, link, cx, stream);
            if flow != Poll::Ready(Flow::Continue) {
                return flow;
            }
        }
    }));
    looked.unwrap_or_else(|_| {
        let mut shard = shard.borrow_mut();
        shard.is_at_work = false;
        shard.keep_own_tasks();
        if let Some(slot) = looked_at.get() {
            shard.give_up(slot);
        }
        shard.handle().inbox.wake();
        Poll::Ready(Flow::Stop)
    })
}

impl Shard {
    fn look_once(
        &mut self,
        slot: Slot,
        link: LinkId,
        cx: &mut Context<'_>,
        stream: &mut impl Source,
    ) -> Poll<Flow> {
        self.is_at_work = true;
        let dirty_before = self.dirty.len();
        let flow = match self.connections.tenant_mut(slot) {
            Some(Tenant::Session(_)) => self.poll_link(cx, slot, link, stream),
            Some(Tenant::WebSocket(_)) => self.poll_websocket(cx, slot, stream),
            None => Poll::Ready(Flow::Stop),
        };
        if flow.is_ready() && !self.answer_at_once(slot) {
            self.handle_own_tasks();
        }
        if dirty_before == 0 && self.dirty[..] == [slot] && self.writes_at_once() {
            self.flush_dirty();
            self.handle_own_tasks();
        }
        self.is_at_work = false;
        let is_turn_due = self.dirty.len() > dirty_before
            || self.timers.next_tick() < self.waits_until
            || (self.application_gathers && flow.is_ready());
        if is_turn_due {
            self.handle().inbox.wake();
        }
        flow
    }

    /// Whether nothing but its writing would be left for the end of a turn.
    fn writes_at_once(&self) -> bool {
        !self.application_gathers && !self.is_stopping()
    }

    /// Writes what was said to a connection whose stream is being read from where it lies, if that is all
    /// that has been asked and the connection has nothing else to write. Whether it has been done.
    fn answer_at_once(&mut self, slot: Slot) -> bool {
        if !self.own_tasks.is_empty() {
            return false;
        }
        let mut is_drained = false;
        let is_done = own::answer(slot, |texts, frames| match texts.to {
            To::Socket(namespace) => self.answer_socket(texts, namespace, frames),
            To::WebSocket => self.answer_websocket(texts, frames, &mut is_drained),
        });
        if is_drained {
            self.tell_websocket(slot, websocket::Event::Drain);
        }
        is_done && !own::is_waiting()
    }

    fn answer_socket(&mut self, texts: &Texts, namespace: NamespaceId, frames: &[u8]) -> bool {
        let limit = self.engine.config().max_queued_bytes;
        let counters = &self.engine.shared.shards[usize::from(self.index)].counters;
        let Some(connection) = self.connections.get_mut(texts.slot) else {
            return false;
        };
        let may_write = frames.len() <= limit
            && !connection.is_dirty
            && connection.takes_frames_together()
            && connection.client.is_in(namespace);
        let is_written = may_write
            && connection
                .link
                .as_mut()
                .is_some_and(|link| link.write_at_rest(frames));
        if is_written {
            counters.sent.add(texts.count);
        }
        is_written
    }

    /// One look at a link's stream by the task that reads it.
    pub(super) fn poll_link(
        &mut self,
        cx: &mut Context<'_>,
        slot: Slot,
        id: LinkId,
        stream: &mut impl Source,
    ) -> Poll<Flow> {
        let Some(connection) = self.connections.get_mut(slot) else {
            return Poll::Ready(Flow::Stop);
        };
        let Some(link) = connection.link_mut(id) else {
            return Poll::Ready(Flow::Stop);
        };
        link.set_reader(cx.waker());
        let is_ending = link.is_ending();
        if link.has_backlog() {
            stream.drain(cx, link, &mut self.cork);
            self.touch(slot);
        }
        if !is_ending && self.pause(slot) {
            return Poll::Pending;
        }
        let mut buffer = ReadBuf::new(&mut self.buffer);
        let Poll::Ready(read) = stream.poll_read(cx, &mut buffer) else {
            return Poll::Pending;
        };
        // Most looks find nothing, and need not know the time.
        self.now = Instant::now();
        match read.map(|()| buffer.filled().len()) {
            Err(error) => {
                self.handle_stream_end(slot, id, Some(error));
                Poll::Ready(Flow::Stop)
            }
            Ok(0) => {
                self.handle_stream_end(slot, id, None);
                Poll::Ready(Flow::Stop)
            }
            Ok(n) => {
                self.handle_bytes(slot, id, n);
                Poll::Ready(if n == BUFFER_SIZE {
                    Flow::Yield
                } else {
                    Flow::Continue
                })
            }
        }
    }
}
