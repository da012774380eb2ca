//! Settings of endpoints of server-sent events.

/// The settings of an endpoint of server-sent events.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EventStreamSettings {
    /// Most bytes that wait for one client; a single event may be larger. Default 1 MiB.
    pub max_queued_bytes: usize,
    /// Most clients at once; more are answered 503. Default: no limit.
    pub max_clients: Option<usize>,
    /// How many of the last broadcasts with an id are kept for clients that come back. Default 0.
    pub history: usize,
}

impl Default for EventStreamSettings {
    fn default() -> EventStreamSettings {
        EventStreamSettings {
            max_queued_bytes: 1024 * 1024,
            max_clients: None,
            history: 0,
        }
    }
}
