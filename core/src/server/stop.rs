//! How an engine comes to its end: at once, or within a time in which what has been said still
//! arrives.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Engine;
use super::driver::CLOSE_ANSWER_TIMEOUT;
use super::http::unless;
use super::requests::turn_down;
use super::shard::Shard;
use super::task::Task;
use crate::error::DisconnectReason;
use crate::hub::Slot;
use crate::trace::tell;

/// How a shard stops.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stop {
    /// What is queued is dropped; peers are given a moment to answer their close frame.
    Now,
    /// What is queued leaves first; at this moment what is left is dropped.
    By(Instant),
}

impl Engine {
    /// Closes every connection ("server shutting down") and stops listening. What is queued for
    /// peers that read slowly is dropped. [`Event::Closed`](crate::embed::Event::Closed) follows
    /// when all is done. Further calls do nothing.
    pub fn close(&self) {
        self.stop(Stop::Now);
    }

    /// As [`Engine::close`], but what is queued for peers leaves first, and the application's work
    /// (see [`Application::finish`](super::Application::finish)) has the same time: after `time`
    /// nothing is waited for any longer.
    pub fn close_within(&self, time: Duration) {
        let deadline = Instant::now().checked_add(time);
        self.stop(deadline.map_or(Stop::Now, Stop::By));
    }

    fn stop(&self, stop: Stop) {
        if self.shared.is_closing.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Stop::By(deadline) = stop {
            // Set once: only the first call comes here.
            let _ = self.shared.finish_by.set(deadline);
        }
        tell!(info, "closing");
        self.shared.closing.notify_waiters();
        for shard in &self.shared.shards {
            shard.inbox.push(Task::Stop(stop));
            shard.inbox.wake();
        }
    }

    /// Waits for the end of the engine after [`Engine::close`], and of its threads if no other engine
    /// runs on them. Not to be called from an event of any of those.
    pub fn join(&self) {
        self.shared.over.block();
        let listeners = std::mem::take(&mut *self.shared.listeners.lock());
        for thread in listeners {
            // A panic has been reported by the panic hook already.
            let _ = thread.join();
        }
        self.shared.threads.join();
    }

    /// Drives `work` on the shard that calls, until it is done or the shard has ended.
    pub(crate) fn spawn_local(&self, shard: u8, work: impl Future<Output = ()> + 'static) {
        let engine = self.clone();
        // In a box at once: whatever holds it on its way into the task is then small, and moves
        // nothing but a pointer.
        let work = Box::pin(work);
        tokio::task::spawn_local(async move {
            let ended = engine.shared.shards[usize::from(shard)].ended.wait();
            unless(ended, work).await;
        });
    }

    /// Ends when the engine begins to close.
    pub(crate) async fn closing(&self) {
        let mut told = std::pin::pin!(self.shared.closing.notified());
        told.as_mut().enable();
        if !self.is_closing() {
            told.await;
        }
    }

    /// What came too late for a shard is let go, streams above all.
    pub(super) fn turn_down_all(&self) {
        for shard in &self.shared.shards {
            while let Some(task) = shard.inbox.pop() {
                turn_down(self, task);
            }
        }
    }

    /// For those who have just asked something of a shard that may have ended meanwhile.
    pub(super) fn turn_down_if_ended(&self) {
        if self.shared.live_shards.load(Ordering::Acquire) == 0 {
            self.turn_down_all();
        }
    }

    /// Whether what is queued leaves before the end.
    pub(super) fn has_time_to_finish(&self) -> bool {
        self.shared.finish_by.get().is_some()
    }

    /// How long the application may work on when the connections of a shard are over.
    pub(super) fn time_to_finish(&self) -> Duration {
        match self.shared.finish_by.get() {
            Some(deadline) => deadline.saturating_duration_since(Instant::now()),
            None => self.config().close_timeout,
        }
    }
}

impl Shard {
    pub(super) fn stop(&mut self, stop: Stop) {
        // What the application said before it closed the engine is still sent.
        self.flush_dirty();
        let (stops_by, discard) = match stop {
            Stop::Now => (self.now + CLOSE_ANSWER_TIMEOUT, true),
            Stop::By(deadline) => (deadline, false),
        };
        self.stops_by = Some(stops_by);
        // Else clients on long polling fetch what they are still to be told over theirs.
        if discard {
            self.stop_http();
        }
        for slot in self.connections.slots() {
            self.close(slot, DisconnectReason::ServerShuttingDown, discard);
            self.close_websocket(slot, stops_by, discard);
        }
    }

    /// The time to stop is over: what is left goes.
    pub(super) fn cut(&mut self) {
        for slot in self.connections.slots() {
            self.cut_off(slot);
        }
        self.flush_dirty();
    }

    /// A turn has panicked, and the shard ends: its connections go, and each that can be is told of.
    pub(super) fn abandon(&mut self) {
        tell!(error, shard = self.index, "shard panicked");
        for slot in self.connections.slots() {
            let _ = catch_unwind(AssertUnwindSafe(|| {
                self.cut_off(slot);
                self.flush(slot);
            }));
        }
    }

    /// The task that reads a connection has panicked: the connection goes, and no other.
    pub(super) fn give_up(&mut self, slot: Slot) {
        tell!(error, shard = self.index, "reader panicked");
        self.fail(slot, "internal error".into());
        if let Some(connection) = self.connections.get_mut(slot) {
            connection.drop_links(self.now);
        }
        self.terminate_websocket(slot);
    }

    fn cut_off(&mut self, slot: Slot) {
        self.close(slot, DisconnectReason::ServerShuttingDown, true);
        if let Some(connection) = self.connections.get_mut(slot) {
            connection.drop_links(self.now);
        }
        self.terminate_websocket(slot);
    }
}
