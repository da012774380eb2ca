//! A bus for one server on which a test plays Redis: nothing comes back, and nothing is answered, before the test says so.

use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sori::Error;
use sori::adapter::{
    Adapter, Bus, ClusterSettings, Entry, Format, Listener, Publication, Recall, Record,
    Subscription,
};

use super::app::PATIENCE;

#[derive(Clone, Default)]
pub(crate) struct HeldBus(Arc<Shared>);

#[derive(Default)]
struct Shared {
    requests_timeout: OnceLock<Duration>,
    listener: OnceLock<Arc<dyn Listener>>,
    held: Mutex<Held>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Held {
    entries: Vec<Entry>,
    recalls: Vec<Recall>,
    records: Vec<Record>,
}

impl std::fmt::Debug for HeldBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.held.lock().unwrap().fmt(f)
    }
}

impl HeldBus {
    /// What is not answered in this time is given up.
    pub(crate) fn with_timeout(timeout: Duration) -> HeldBus {
        let bus = HeldBus::default();
        bus.0.requests_timeout.set(timeout).unwrap();
        bus
    }

    pub(crate) fn listener(&self) -> &dyn Listener {
        &**self.0.listener.get().unwrap()
    }

    /// The next entry that the server has added.
    pub(crate) fn entry(&self) -> Entry {
        self.next(|held| &mut held.entries)
    }

    /// The next recall that the server has asked for.
    pub(crate) fn recalled(&self) -> Recall {
        self.next(|held| &mut held.recalls)
    }

    /// The next record that the server has saved or removed.
    pub(crate) fn record(&self) -> Record {
        self.next(|held| &mut held.records)
    }

    pub(crate) fn is_idle(&self) -> bool {
        let held = self.0.held.lock().unwrap();
        held.entries.is_empty() && held.recalls.is_empty() && held.records.is_empty()
    }

    fn next<T>(&self, list: impl Fn(&mut Held) -> &mut Vec<T>) -> T {
        let until = Instant::now() + PATIENCE;
        let mut held = self.0.held.lock().unwrap();
        loop {
            if !list(&mut held).is_empty() {
                return list(&mut held).remove(0);
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "nothing came: {held:?}");
            held = self.0.changed.wait_timeout(held, left).unwrap().0;
        }
    }

    fn hold(&self, change: impl FnOnce(&mut Held)) {
        change(&mut self.0.held.lock().unwrap());
        self.0.changed.notify_all();
    }
}

impl Adapter for HeldBus {
    fn start(&self, listener: Arc<dyn Listener>) -> Result<Arc<dyn Bus>, Error> {
        listener.echoes(true);
        assert!(self.0.listener.set(listener).is_ok());
        Ok(Arc::new(self.clone()))
    }

    fn settings(&self) -> ClusterSettings {
        let timeout = self.0.requests_timeout.get();
        ClusterSettings {
            format: Format::Streams,
            requests_timeout: timeout.copied().unwrap_or(Duration::from_secs(600)),
            ..ClusterSettings::default()
        }
    }
}

impl Bus for HeldBus {
    fn publish(&self, _: Publication) {}

    fn append(&self, entry: Entry) {
        self.hold(|held| held.entries.push(entry));
    }

    fn subscribe(&self, _: Vec<Subscription>) {}

    fn unsubscribe(&self, _: Vec<Subscription>) {}

    fn count(&self, _: &str, _: u64) {}

    fn save(&self, record: Record) {
        self.hold(|held| held.records.push(record));
    }

    fn recall(&self, recall: Recall) -> bool {
        self.hold(|held| held.recalls.push(recall));
        true
    }

    fn close(&self) {}
}

/// An entry of another server: an event for those in `rooms`.
pub(crate) fn entry_of_another(rooms: &[&str], event: &str) -> Entry {
    let event: serde_json::Value = serde_json::from_str(event).unwrap();
    let data = serde_json::json!({
        "packet": { "type": 2, "data": event, "nsp": "/" },
        "opts": { "rooms": rooms, "except": [], "flags": {} },
    });
    let field = |name: &str, value: String| (name.into(), Bytes::from(value));
    Entry {
        stream: "socket.io".into(),
        fields: vec![
            field("uid", "another".into()),
            field("nsp", "/".into()),
            field("type", "3".into()),
            field("data", data.to_string()),
        ],
    }
}
