//! How an engine comes to its end: at once, or within a time in which what has been said still
//! arrives.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Engine;
use super::driver::CLOSE_ANSWER_TIMEOUT;
use super::shard::Shard;
use super::task::Task;
use crate::error::DisconnectReason;

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
        self.shared.closing.notify_waiters();
        for shard in &self.shared.shards {
            shard.inbox.push(Task::Stop(stop));
            shard.inbox.wake();
        }
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
        self.stop_http();
        for slot in self.connections.slots() {
            self.close(slot, DisconnectReason::ServerShuttingDown, discard);
            self.close_websocket(slot, stops_by, discard);
        }
    }

    /// The time to stop is over: what is left goes.
    pub(super) fn cut(&mut self) {
        for slot in self.connections.slots() {
            self.close(slot, DisconnectReason::ServerShuttingDown, true);
            if let Some(connection) = self.connections.get_mut(slot) {
                connection.drop_links(self.now);
            }
            self.terminate_websocket(slot);
        }
        self.flush_dirty();
    }
}
