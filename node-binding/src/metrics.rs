//! An engine's counters as JavaScript sees them.

use napi_derive::napi;
use sori::metrics::Metrics as Native;

/// The counters under the names that Rust has for them.
#[napi(object)]
#[derive(Default)]
pub struct Metrics {
    pub connections: f64,
    pub opened: f64,
    pub refused: f64,
    pub received: f64,
    pub sent: f64,
    pub dropped_volatile: f64,
    pub dropped_full: f64,
    pub closed_slow: f64,
    pub paused: f64,
    pub namespaces: f64,
    pub recovery_sockets: f64,
    pub recovery_packets: f64,
    pub recovery_bytes: f64,
}

impl From<Native> for Metrics {
    fn from(metrics: Native) -> Metrics {
        // Exact up to 2^53, which no counter of a process comes to.
        let number = |count: u64| count as f64;
        Metrics {
            connections: number(metrics.connections),
            opened: number(metrics.opened),
            refused: number(metrics.refused),
            received: number(metrics.received),
            sent: number(metrics.sent),
            dropped_volatile: number(metrics.dropped_volatile),
            dropped_full: number(metrics.dropped_full),
            closed_slow: number(metrics.closed_slow),
            paused: number(metrics.paused),
            namespaces: number(metrics.namespaces),
            recovery_sockets: number(metrics.recovery_sockets),
            recovery_packets: number(metrics.recovery_packets),
            recovery_bytes: number(metrics.recovery_bytes),
        }
    }
}

/// The text that Prometheus reads. `labels`: a name, then its value, and so on.
pub(crate) fn prometheus(metrics: &Native, labels: &[String]) -> String {
    let labels: Vec<(&str, &str)> = labels
        .chunks_exact(2)
        .map(|pair| (pair[0].as_str(), pair[1].as_str()))
        .collect();
    metrics.to_prometheus_with(&labels)
}
