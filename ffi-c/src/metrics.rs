//! A server's counters, as a C struct and as Prometheus reads them.

use std::ffi::c_char;
use std::mem::offset_of;

use sori_core::server::pull::PullServer;

use crate::pointer::{self, Extensible};
use crate::server::sori_server;
use crate::status::{Failure, guard, sori_status};

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

/// Writes the server's counters as Prometheus reads them (text format 0.0.4), for a page of one's own;
/// options.metrics_path has the server's listener serve them. Stores as much as there is room for in
/// `text`, with a NUL behind it, and in `*length` how long all of it is, without the NUL: if that is not
/// below `capacity`, ask again with more room. `text` may be NULL if `capacity` is 0. Each of `labels` is
/// written "name=value" and stands on every sample, by which the servers of one program are told apart; a
/// name is letters, digits and underscores, and begins with no digit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_prometheus(
    server: *const sori_server,
    labels: *const *const c_char,
    label_count: usize,
    text: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, labels) = unsafe {
            (
                sori_server::borrow(server)?,
                pointer::texts(labels, label_count, "labels")?,
            )
        };
        if text.is_null() && capacity > 0 {
            return Err(Failure::null("text"));
        }
        let labels: Vec<_> = labels.into_iter().map(label).collect::<Result<_, _>>()?;
        let written = server.engine().metrics().to_prometheus_with(&labels);
        // SAFETY: the header's rules.
        unsafe { pointer::write(length, written.len(), "length") }?;
        if let Some(room) = capacity.checked_sub(1) {
            let stored = written.len().min(room);
            // SAFETY: there is room for that and the NUL, and `text` is not NULL, as seen above.
            unsafe {
                text.cast::<u8>()
                    .copy_from_nonoverlapping(written.as_ptr(), stored);
                text.add(stored).write(0);
            }
        }
        Ok(())
    })
}

fn label(label: &str) -> Result<(&str, &str), Failure> {
    let (name, value) = label
        .split_once('=')
        .ok_or_else(|| Failure::invalid("a label is written \"name=value\""))?;
    let is_name = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
    if name.is_empty() || name.as_bytes()[0].is_ascii_digit() || !name.bytes().all(is_name) {
        return Err(Failure::invalid(
            "a label's name is letters, digits and underscores, and begins with no digit",
        ));
    }
    Ok((name, value))
}
