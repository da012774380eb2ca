//! A server's counters as a C struct.

use std::mem::offset_of;

use sori_core::server::pull::PullServer;

use crate::pointer::Extensible;

/// A server's counters at one moment.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct sori_metrics {
    /// sizeof(sori_metrics).
    pub size: usize,
    /// Connections open now.
    pub connections: u64,
    /// Connections opened since the start.
    pub opened: u64,
    /// Connections refused because of max_connections or max_connections_per_address.
    pub refused: u64,
    /// Messages received from clients.
    pub received: u64,
    /// Messages queued to clients; a broadcast counts once per receiver.
    pub sent: u64,
    /// Volatile messages dropped because a client was not ready for them.
    pub dropped_volatile: u64,
    /// Connections closed because they read too slowly.
    pub closed_slow: u64,
    /// Times that reading paused because too many events waited for sori_server_poll().
    pub paused: u64,
    /// Namespaces that there are.
    pub namespaces: u64,
    /// Sockets that lost their connection and may come back; none where Redis keeps them.
    pub recovery_sockets: u64,
    /// Packets kept for them.
    pub recovery_packets: u64,
    /// Bytes of those packets.
    pub recovery_bytes: u64,
    /// Messages dropped because a client's queue was full.
    pub dropped_full: u64,
    /// Messages for the other servers of the cluster.
    pub cluster_published: u64,
    /// Messages that came over its Redis, the server's own that come back among them.
    pub cluster_received: u64,
    /// Those that were dropped because they are malformed or of an unknown kind.
    pub cluster_refused: u64,
    /// Messages for other servers that were dropped because too much waited to go out.
    pub cluster_dropped: u64,
    /// Connections of HTTP open now.
    pub http_connections: u64,
    /// Connections of HTTP refused because of max_http_connections.
    pub refused_http: u64,
}

// SAFETY: repr(C), the size first, integers only.
unsafe impl Extensible for sori_metrics {
    const FIRST_SIZE: usize = offset_of!(sori_metrics, paused) + size_of::<u64>();

    fn defaults() -> sori_metrics {
        sori_metrics::default()
    }
}

impl sori_metrics {
    pub(crate) fn of(server: &PullServer) -> sori_metrics {
        let metrics = server.engine().metrics();
        sori_metrics {
            size: size_of::<sori_metrics>(),
            connections: metrics.connections,
            opened: metrics.opened,
            refused: metrics.refused,
            received: metrics.received,
            sent: metrics.sent,
            dropped_volatile: metrics.dropped_volatile,
            closed_slow: metrics.closed_slow,
            paused: metrics.paused,
            namespaces: metrics.namespaces,
            recovery_sockets: metrics.recovery_sockets,
            recovery_packets: metrics.recovery_packets,
            recovery_bytes: metrics.recovery_bytes,
            dropped_full: metrics.dropped_full,
            cluster_published: metrics.cluster_published,
            cluster_received: metrics.cluster_received,
            cluster_refused: metrics.cluster_refused,
            cluster_dropped: metrics.cluster_dropped,
            http_connections: metrics.http_connections,
            refused_http: metrics.refused_http,
        }
    }
}
