//! A bus within a process, for tests of clusters: any number of servers, and nodes that are played.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::{
    Adapter, Bus, ClusterSettings, Entry, Listener, Offset, Publication, Recall, Record,
    Subscription,
};
use crate::error::Error;

/// A bus within a process. Servers that are built with clones of it form a cluster; a test can
/// publish as if it were a node, and see what is published.
///
/// Messages are delivered on the thread that publishes them, before it goes on.
#[derive(Clone, Debug, Default)]
pub struct StubBus {
    settings: ClusterSettings,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    nodes: Mutex<HashMap<u64, Node>>,
    next: AtomicU64,
    log: Mutex<Vec<Publication>>,
    entries: Mutex<Vec<Entry>>,
    records: Mutex<HashMap<Box<str>, Record>>,
    is_mute: AtomicBool,
}

struct Node {
    listener: Arc<dyn Listener>,
    subscriptions: Vec<Subscription>,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.subscriptions.fmt(f)
    }
}

/// One node's end of the bus.
#[derive(Debug)]
struct End {
    id: u64,
    shared: Weak<Shared>,
}

impl StubBus {
    /// A bus whose nodes have agreed on `settings`.
    pub fn new(settings: ClusterSettings) -> StubBus {
        StubBus {
            settings,
            shared: Arc::default(),
        }
    }

    /// Publishes a message.
    pub fn publish(&self, publication: Publication) {
        self.shared.publish(publication);
    }

    /// Adds an entry to a stream, and gives its offset. All nodes read all streams.
    pub fn append(&self, entry: Entry) -> String {
        self.shared.append(entry, None)
    }

    /// What has been added to streams, whoever did.
    pub fn entries(&self) -> Vec<Entry> {
        self.shared.entries.lock().clone()
    }

    /// The records that are kept, by their names. They are kept for ever.
    pub fn records(&self) -> Vec<Record> {
        let records = self.shared.records.lock();
        let mut records: Vec<_> = records.values().cloned().collect();
        records.sort_by(|one, other| one.key.cmp(&other.key));
        records
    }

    /// From now on nothing comes back to who appends it, or it does again.
    pub fn set_echoes(&self, is_on: bool) {
        self.shared.is_mute.store(!is_on, Ordering::SeqCst);
        let nodes = self.shared.nodes.lock();
        let listeners: Vec<_> = nodes
            .values()
            .map(|node| Arc::clone(&node.listener))
            .collect();
        drop(nodes);
        for listener in listeners {
            listener.echoes(is_on);
        }
    }

    /// Takes what has been published since it was asked last, whoever did.
    pub fn take_log(&self) -> Vec<Publication> {
        std::mem::take(&mut self.shared.log.lock())
    }

    /// Adds a node that hears `subscriptions` and is counted, and says nothing.
    pub fn add_node(&self, listener: Arc<dyn Listener>, subscriptions: Vec<Subscription>) {
        let bus = self.join(listener);
        bus.subscribe(subscriptions);
    }

    fn join(&self, listener: Arc<dyn Listener>) -> End {
        let id = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let node = Node {
            listener,
            subscriptions: Vec::new(),
        };
        self.shared.nodes.lock().insert(id, node);
        End {
            id,
            shared: Arc::downgrade(&self.shared),
        }
    }
}

impl Adapter for StubBus {
    fn start(&self, listener: Arc<dyn Listener>) -> Result<Arc<dyn Bus>, Error> {
        let end = self.join(Arc::clone(&listener));
        listener.echoes(!self.shared.is_mute.load(Ordering::SeqCst));
        Ok(Arc::new(end))
    }

    fn settings(&self) -> ClusterSettings {
        self.settings.clone()
    }
}

impl Shared {
    fn publish(&self, publication: Publication) {
        let Publication { channel, bytes } = &publication;
        let mut heard: Vec<(Arc<dyn Listener>, Box<str>)> = Vec::new();
        for node in self.nodes.lock().values() {
            for subscription in &node.subscriptions {
                if fits(subscription, channel) {
                    heard.push((Arc::clone(&node.listener), subscription.name().into()));
                }
            }
        }
        for (listener, subscription) in heard {
            listener.deliver(&subscription, channel, bytes.clone());
        }
        self.log.lock().push(publication);
    }
}

impl Shared {
    fn save(&self, record: Record) {
        let mut records = self.records.lock();
        match record.value {
            None => drop(records.remove(&record.key)),
            Some(_) if record.replaces && !records.contains_key(&record.key) => {}
            Some(_) => drop(records.insert(record.key.clone(), record)),
        }
    }

    fn recall(&self, recall: &Recall, listener: &dyn Listener) {
        let Recall {
            token,
            key,
            stream,
            offset,
        } = recall;
        let record = self.records.lock().remove(key);
        let Some((value, lifetime)) =
            record.and_then(|record| Some((record.value?, record.lifetime)))
        else {
            return listener.replayed(*token, false);
        };
        listener.recalled(*token, value, lifetime);
        let entries = self.entries.lock().clone();
        let placed = (1..).map(offset_of).zip(entries);
        let mut is_there = false;
        for (at, entry) in placed.filter(|(_, entry)| entry.stream == *stream) {
            match Offset::read(&at) {
                Some(place) if place > *offset => listener.replay(&[*token], &at, &entry),
                place => is_there |= place == Some(*offset),
            }
        }
        listener.replayed(*token, is_there);
    }

    /// `author` is the node that adds it, if one does.
    fn append(&self, entry: Entry, author: Option<u64>) -> String {
        let mut entries = self.entries.lock();
        entries.push(entry.clone());
        let offset = offset_of(entries.len());
        drop(entries);
        let deaf = author.filter(|_| self.is_mute.load(Ordering::SeqCst));
        let nodes = self.nodes.lock();
        let hearing = nodes.iter().filter(|(id, _)| Some(**id) != deaf);
        let listeners: Vec<_> = hearing
            .map(|(_, node)| Arc::clone(&node.listener))
            .collect();
        drop(nodes);
        for listener in listeners {
            listener.read(&offset, entry.clone());
        }
        offset
    }
}

/// In the form that Redis gives them.
fn offset_of(place: usize) -> String {
    format!("{place}-0")
}

impl Bus for End {
    fn publish(&self, publication: Publication) {
        if let Some(shared) = self.shared.upgrade() {
            shared.publish(publication);
        }
    }

    fn append(&self, entry: Entry) {
        if let Some(shared) = self.shared.upgrade() {
            shared.append(entry, Some(self.id));
        }
    }

    fn save(&self, record: Record) {
        if let Some(shared) = self.shared.upgrade() {
            shared.save(record);
        }
    }

    fn recall(&self, recall: Recall) -> bool {
        let Some(shared) = self.shared.upgrade() else {
            return false;
        };
        let nodes = shared.nodes.lock();
        let listener = nodes.get(&self.id).map(|node| Arc::clone(&node.listener));
        drop(nodes);
        let Some(listener) = listener else {
            return false;
        };
        shared.recall(&recall, &*listener);
        true
    }

    fn subscribe(&self, subscriptions: Vec<Subscription>) {
        if let Some(shared) = self.shared.upgrade()
            && let Some(node) = shared.nodes.lock().get_mut(&self.id)
        {
            for subscription in subscriptions {
                if !node.subscriptions.contains(&subscription) {
                    node.subscriptions.push(subscription);
                }
            }
        }
    }

    fn unsubscribe(&self, subscriptions: Vec<Subscription>) {
        if let Some(shared) = self.shared.upgrade()
            && let Some(node) = shared.nodes.lock().get_mut(&self.id)
        {
            node.subscriptions
                .retain(|known| !subscriptions.contains(known));
        }
    }

    fn count(&self, channel: &str, token: u64) {
        let Some(shared) = self.shared.upgrade() else {
            return;
        };
        let wanted = Subscription::Channel(channel.into());
        let nodes = shared.nodes.lock();
        let subscribed = nodes
            .values()
            .filter(|node| node.subscriptions.contains(&wanted));
        let count = subscribed.count();
        let listener = nodes.get(&self.id).map(|node| Arc::clone(&node.listener));
        drop(nodes);
        if let Some(listener) = listener {
            listener.counted(token, Some(count));
        }
    }

    fn close(&self) {
        if let Some(shared) = self.shared.upgrade() {
            let node = shared.nodes.lock().remove(&self.id);
            drop(node);
        }
    }
}

/// Patterns of the formats are a text with a `*` behind it.
fn fits(subscription: &Subscription, channel: &str) -> bool {
    match subscription {
        Subscription::Channel(name) => **name == *channel,
        Subscription::Pattern(pattern) => pattern
            .strip_suffix('*')
            .is_some_and(|start| channel.starts_with(&start.replace('\\', ""))),
    }
}
