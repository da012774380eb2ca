//! Counters of an engine. Each shard counts for itself; a snapshot adds the shards up.

mod prometheus;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::hub::Recovery;

#[cfg(feature = "server")]
pub(crate) use prometheus::CONTENT_TYPE;

/// One shard's counters. Written by the shard alone unless it says otherwise, read by anybody.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections opened.
    pub opened: Counter,
    /// Connections closed.
    pub closed: Counter,
    /// Connections refused because of `max_connections` or `max_connections_per_address`. Written by any thread.
    pub refused: Counter,
    /// Connections of HTTP refused because of `max_http_connections`. Written by any thread.
    pub refused_http: Counter,
    /// Engine.IO messages received.
    pub received: Counter,
    /// Frames queued to connections; a broadcast counts once per receiver.
    pub sent: Counter,
    /// Volatile frames dropped because a connection was not writable.
    pub dropped_volatile: Counter,
    /// Connections closed because they read too slowly.
    pub closed_slow: Counter,
    /// Frames dropped because a connection's queue was full.
    pub dropped_full: Counter,
    /// Times that reading paused because the application was behind.
    pub paused: Counter,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts one more.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Counts `n` more. For counters that one thread writes: a plain load and store do.
    pub fn add(&self, n: u64) {
        self.0.store(
            self.0.load(Ordering::Relaxed).wrapping_add(n),
            Ordering::Relaxed,
        );
    }

    /// Counts one more, on a counter that several threads write.
    pub fn increment_shared(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of all shards, and what is kept for recovery, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Metrics {
    /// Connections open now.
    pub connections: u64,
    /// Connections opened since the start.
    pub opened: u64,
    /// Connections refused because of `max_connections` or `max_connections_per_address`.
    pub refused: u64,
    /// Connections of HTTP open now, on the engine's own listeners.
    pub http_connections: u64,
    /// Connections of HTTP refused because of `max_http_connections`.
    pub refused_http: u64,
    /// Engine.IO messages received.
    pub received: u64,
    /// Frames queued to connections; a broadcast counts once per receiver.
    pub sent: u64,
    /// Volatile frames dropped because a connection was not writable.
    pub dropped_volatile: u64,
    /// Connections closed because they read too slowly.
    pub closed_slow: u64,
    /// Frames dropped because a connection's queue was full.
    pub dropped_full: u64,
    /// Times that reading paused because the application was behind.
    pub paused: u64,
    /// Namespaces that there are.
    pub namespaces: u64,
    /// Sockets that lost their connection and may come back; none where Redis keeps them.
    pub recovery_sockets: u64,
    /// Packets kept for them.
    pub recovery_packets: u64,
    /// Bytes of those packets.
    pub recovery_bytes: u64,
    /// Messages for the other servers of the cluster.
    pub cluster_published: u64,
    /// Messages that came over its bus, one's own that come back among them.
    pub cluster_received: u64,
    /// Those that were dropped because they are malformed or of an unknown kind.
    pub cluster_refused: u64,
    /// Messages for other servers that were dropped because too much waited to go out.
    pub cluster_dropped: u64,
}

impl Metrics {
    /// Adds the shards up.
    pub fn sum<'a>(shards: impl IntoIterator<Item = &'a Counters>) -> Metrics {
        shards
            .into_iter()
            .fold(Metrics::default(), |sum, shard| Metrics {
                connections: sum.connections
                    + shard.opened.value().saturating_sub(shard.closed.value()),
                opened: sum.opened + shard.opened.value(),
                refused: sum.refused + shard.refused.value(),
                refused_http: sum.refused_http + shard.refused_http.value(),
                received: sum.received + shard.received.value(),
                sent: sum.sent + shard.sent.value(),
                dropped_volatile: sum.dropped_volatile + shard.dropped_volatile.value(),
                closed_slow: sum.closed_slow + shard.closed_slow.value(),
                dropped_full: sum.dropped_full + shard.dropped_full.value(),
                paused: sum.paused + shard.paused.value(),
                ..sum
            })
    }

    /// Adds what a namespace keeps for those who may come back.
    pub fn add_recovery(&mut self, store: &mut Recovery, now: Instant) {
        self.recovery_sockets += store.away(now) as u64;
        let (packets, bytes) = store.size();
        self.recovery_packets += packets as u64;
        self.recovery_bytes += bytes as u64;
    }
}
