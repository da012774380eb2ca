//! The counters in the text format that Prometheus scrapes (exposition format 0.0.4).

use std::fmt::Write as _;

use super::Metrics;

/// What a scrape is told the answer is.
#[cfg(feature = "server")]
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Metrics {
    /// The counters as Prometheus reads them, for a route of one's own; the engine's listener serves
    /// them under [`Config::metrics_path`](crate::Config::metrics_path).
    ///
    /// # Examples
    /// ```
    /// let text = sori::metrics::Metrics::default().to_prometheus();
    /// assert!(text.contains("\n# TYPE sori_connections gauge\nsori_connections 0\n"));
    /// ```
    pub fn to_prometheus(&self) -> String {
        self.to_prometheus_with(&[])
    }

    /// The same with labels on every sample, by which the engines of one process are told apart. Names
    /// are the caller's to keep to Prometheus' rules (`[a-zA-Z_][a-zA-Z0-9_]*`); values may be any text.
    ///
    /// # Examples
    /// ```
    /// let text = sori::metrics::Metrics::default().to_prometheus_with(&[("server", "chat")]);
    /// assert!(text.contains("\nsori_connections{server=\"chat\"} 0\n"));
    /// ```
    pub fn to_prometheus_with(&self, labels: &[(&str, &str)]) -> String {
        // Named in full: whoever adds a counter finds this list.
        let Metrics {
            connections,
            opened,
            refused,
            http_connections,
            refused_http,
            received,
            sent,
            dropped_volatile,
            dropped_full,
            closed_slow,
            paused,
            namespaces,
            recovery_sockets,
            recovery_packets,
            recovery_bytes,
            cluster_published,
            cluster_received,
            cluster_refused,
            cluster_dropped,
        } = *self;
        let rows = [
            ("connections", "gauge", "Connections open now.", connections),
            (
                "connections_opened_total",
                "counter",
                "Connections opened.",
                opened,
            ),
            (
                "connections_refused_total",
                "counter",
                "Connections refused because there were too many.",
                refused,
            ),
            (
                "http_connections",
                "gauge",
                "Connections of HTTP open now.",
                http_connections,
            ),
            (
                "http_connections_refused_total",
                "counter",
                "Connections of HTTP refused because there were too many.",
                refused_http,
            ),
            (
                "messages_received_total",
                "counter",
                "Messages received.",
                received,
            ),
            (
                "messages_sent_total",
                "counter",
                "Messages queued to connections; a broadcast counts for each receiver.",
                sent,
            ),
            (
                "volatile_dropped_total",
                "counter",
                "Volatile messages dropped because a client was not ready for them.",
                dropped_volatile,
            ),
            (
                "messages_dropped_full_total",
                "counter",
                "Messages dropped because a client's queue was full.",
                dropped_full,
            ),
            (
                "connections_closed_slow_total",
                "counter",
                "Connections closed because they read too slowly.",
                closed_slow,
            ),
            (
                "reading_paused_total",
                "counter",
                "Times that a connection was not read because the application was behind.",
                paused,
            ),
            (
                "namespaces",
                "gauge",
                "Namespaces that there are.",
                namespaces,
            ),
            (
                "recovery_sockets",
                "gauge",
                "Sockets that lost their connection and may come back.",
                recovery_sockets,
            ),
            (
                "recovery_packets",
                "gauge",
                "Packets kept for sockets that may come back.",
                recovery_packets,
            ),
            (
                "recovery_bytes",
                "gauge",
                "Bytes of the packets kept for sockets that may come back.",
                recovery_bytes,
            ),
            (
                "cluster_messages_published_total",
                "counter",
                "Messages for the other servers of the cluster.",
                cluster_published,
            ),
            (
                "cluster_messages_received_total",
                "counter",
                "Messages that came over the cluster's bus.",
                cluster_received,
            ),
            (
                "cluster_messages_refused_total",
                "counter",
                "Messages of other servers dropped because they are malformed or unknown.",
                cluster_refused,
            ),
            (
                "cluster_messages_dropped_total",
                "counter",
                "Messages for other servers dropped because too much waited to go out.",
                cluster_dropped,
            ),
        ];
        let labels = braced(labels);
        let mut text = String::new();
        for (name, kind, help, value) in rows {
            // Writing to a string does not fail.
            let _ = write!(
                text,
                "# HELP sori_{name} {help}\n# TYPE sori_{name} {kind}\nsori_{name}{labels} {value}\n"
            );
        }
        text
    }
}

/// Labels as they stand behind a name; nothing for none.
fn braced(labels: &[(&str, &str)]) -> String {
    let escaped = |value: &str| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        value.replace('\n', "\\n")
    };
    let pair = |(name, value): &(&str, &str)| format!("{name}=\"{}\"", escaped(value));
    let pairs: Vec<String> = labels.iter().map(pair).collect();
    match pairs.is_empty() {
        true => String::new(),
        false => format!("{{{}}}", pairs.join(",")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_labels_are_escaped() {
        assert_eq!(braced(&[]), "");
        let labels = [("a", "b"), ("path", "C:\\x \"y\"\n")];
        assert_eq!(braced(&labels), r#"{a="b",path="C:\\x \"y\"\n"}"#);
    }
}
