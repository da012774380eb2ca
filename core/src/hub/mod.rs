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
mod directory;
mod members;
mod namespace;
mod recovery;
mod sid;
mod watch;

pub use ack::{Answered, BroadcastAck, BroadcastAcks, Claim, Relay, Response, Telling};
pub use client::{Client, Incoming, Kept, Violation};
pub use directory::Hub;
pub use members::{ShardTargets, Slot, Targets};
pub use namespace::{Namespace, RoomMembers};
pub use recovery::{Away, Former, Recovery, RecoverySettings};
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
