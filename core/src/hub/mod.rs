//! The hub knows meaning: namespaces, the sockets in them, their rooms, and who a broadcast
//! reaches. It knows no IO; every call answers at once, from any thread.
//!
//! # Order
//! A broadcast takes a snapshot of its targets when it is called ([`Namespace::select`]): member
//! lists are copy-on-write, one per shard, so that the call costs the number of rooms and shards,
//! whatever the rooms' sizes. `join` then `emit` reaches the socket; `emit` then `leave` still does.
//!
//! # Locks
//! Rooms and sockets lie behind striped locks, held for a few lines. A room's lock may be taken
//! under a socket's lock, never the other way round: so a socket's own list of rooms and the
//! rooms' lists of members always agree.

mod ack;
mod client;
mod members;
mod namespace;
mod recovery;
mod sid;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

pub use ack::{BroadcastAck, BroadcastAcks, Response};
pub use client::{Client, Incoming, Violation};
pub use members::{ShardTargets, Slot, Targets};
pub use namespace::{Namespace, RoomMembers};
pub use recovery::{Away, Recovery, RecoverySettings};
pub use sid::new_sid;

/// One connection of an engine: its shard, its place there, and which tenant of that place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId {
    /// Index of the owning shard.
    pub shard: u8,
    /// Place on that shard.
    pub slot: Slot,
}

/// A namespace of an engine; the numbers count up from 0, which is `/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NamespaceId(pub u32);

/// A connection's socket in one namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SocketRef {
    /// The connection it runs over.
    pub conn: ConnId,
    /// The namespace it is in.
    pub namespace: NamespaceId,
}

/// All namespaces of one engine.
#[derive(Debug)]
pub struct Hub {
    shards: usize,
    recovery: Option<RecoverySettings>,
    index: RwLock<Index>,
}

#[derive(Debug, Default)]
struct Index {
    by_id: Vec<Arc<Namespace>>,
    by_name: HashMap<Arc<str>, NamespaceId>,
}

impl Hub {
    /// A hub for an engine of `shards` IO threads, with the namespace `/`.
    pub fn new(shards: usize, recovery: Option<RecoverySettings>) -> Hub {
        let hub = Hub {
            shards,
            recovery,
            index: RwLock::default(),
        };
        hub.register("/");
        hub
    }

    /// The namespace of that name, made if it is new. A missing leading `/` is added.
    pub fn register(&self, name: &str) -> Arc<Namespace> {
        let name: Arc<str> = if name.starts_with('/') {
            name.into()
        } else {
            format!("/{name}").into()
        };
        if let Some(known) = self.lookup(&name) {
            return known;
        }
        let mut index = self.index.write();
        if let Some(id) = index.by_name.get(&name) {
            return Arc::clone(&index.by_id[id.0 as usize]);
        }
        let id = NamespaceId(index.by_id.len() as u32);
        let namespace = Arc::new(Namespace::new(
            id,
            Arc::clone(&name),
            self.shards,
            self.recovery,
        ));
        index.by_id.push(Arc::clone(&namespace));
        index.by_name.insert(name, id);
        namespace
    }

    /// A new namespace that has no name, so that no client can ask for it.
    pub fn open_group(&self) -> Arc<Namespace> {
        let mut index = self.index.write();
        let id = NamespaceId(index.by_id.len() as u32);
        let group = Arc::new(Namespace::new(id, "".into(), self.shards, None));
        index.by_id.push(Arc::clone(&group));
        group
    }

    /// The namespace of that exact name, if it is registered.
    pub fn lookup(&self, name: &str) -> Option<Arc<Namespace>> {
        let index = self.index.read();
        let id = index.by_name.get(name)?;
        Some(Arc::clone(&index.by_id[id.0 as usize]))
    }

    /// The namespace with that id, if there is one.
    pub fn namespace(&self, id: NamespaceId) -> Option<Arc<Namespace>> {
        self.index.read().by_id.get(id.0 as usize).cloned()
    }

    /// Every namespace, in the order of their ids.
    pub fn namespaces(&self) -> Vec<Arc<Namespace>> {
        self.index.read().by_id.clone()
    }
}
