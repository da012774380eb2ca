//! What makes one cluster of several servers: the bus that carries their messages, and what is asked
//! over it.
//!
//! ```text
//! server/cluster ──publish, subscribe, count──► Bus        a driver, for example to Redis
//!        ▲                                       │
//!        └──────────── Listener ◄────────────────┘         on the driver's own thread
//! ```
//! A [`Bus`] knows channels and bytes and nothing of what they mean; the formats are in
//! [`proto::cluster`](crate::proto::cluster).

#[cfg(feature = "redis")]
mod redis;
mod requests;
mod stub;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

#[cfg(feature = "redis")]
pub use self::redis::Redis;
pub use requests::{Asked, Finished, Requests};
pub use stub::StubBus;

use crate::error::Error;
pub use crate::proto::cluster::{Publication, SocketDetails, SubscriptionMode};

/// What carries messages between the nodes of a cluster. No call waits: what cannot go out at once
/// is queued within a bound, and dropped beyond it.
pub trait Bus: Debug + Send + Sync + 'static {
    /// Sends a message to all who hear its channel, perhaps this node among them. Those of one
    /// thread arrive in order, as long as the bus is connected.
    fn publish(&self, publication: Publication);

    /// From now on messages of these channels are heard, also after the bus was lost and found again;
    /// once, however often it was wanted.
    fn subscribe(&self, subscriptions: Vec<Subscription>);

    /// They are heard no more.
    fn unsubscribe(&self, subscriptions: Vec<Subscription>);

    /// Asks how many nodes have subscribed to exactly this channel;
    /// [`Listener::counted`] answers, perhaps before this returns.
    fn count(&self, channel: &str, token: u64);

    /// How many messages have been dropped because too much waited to go out.
    fn dropped(&self) -> u64 {
        0
    }

    /// Ends it. Nothing comes any more once this returns, but for what is being delivered.
    fn close(&self);
}

/// A channel, or all that fit a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subscription {
    /// Exactly this channel.
    Channel(Box<str>),
    /// Redis's glob patterns: `*` stands for anything, and `\` takes the meaning of what follows.
    Pattern(Box<str>),
}

impl Subscription {
    /// The channel's name, or the pattern.
    pub fn name(&self) -> &str {
        match self {
            Subscription::Channel(name) | Subscription::Pattern(name) => name,
        }
    }
}

/// Who hears what comes over a bus.
pub trait Listener: Send + Sync {
    /// A message came on `channel` because of the subscription of that name; by each that it fits.
    fn deliver(&self, subscription: &str, channel: &str, bytes: Bytes);

    /// The answer to [`Bus::count`]; `None` if nobody knows.
    fn counted(&self, token: u64, nodes: Option<usize>);

    /// The bus is connected, or is no more or cannot be; then why. It is tried again by itself.
    fn connected(&self, state: Result<(), &str>) {
        let _ = state;
    }
}

/// The way into a cluster, which a server is built with.
pub trait Adapter: Debug + Send + Sync + 'static {
    /// Starts the bus. It need not be connected when this returns.
    ///
    /// # Errors
    /// [`Error::Misuse`] for settings that cannot work, [`Error::Io`] if no thread can be had.
    fn start(&self, listener: Arc<dyn Listener>) -> Result<Arc<dyn Bus>, Error>;

    /// What its nodes have agreed on.
    fn settings(&self) -> ClusterSettings;
}

/// The wire format that the nodes of a cluster speak: that of a Node package.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// `createAdapter` of `@socket.io/redis-adapter`, which `@socket.io/redis-emitter` speaks too.
    #[default]
    Classic,
    /// `createShardedAdapter` of `@socket.io/redis-adapter`, over the sharded channels of Redis 7. A
    /// broadcast to one room is carried to those nodes alone that have members of it, as the mode says.
    Sharded(SubscriptionMode),
}

/// What the nodes of a cluster have agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSettings {
    /// What is said how. Default [`Format::Classic`].
    pub format: Format,
    /// Before the names of all channels. Default `socket.io`, as that of `@socket.io/redis-adapter`.
    pub key: String,
    /// How long the other nodes have to answer what is asked of them. Default 5 s.
    pub requests_timeout: Duration,
    /// Whether replies go to the node that asked alone, `publishOnSpecificResponseChannel` of the npm
    /// package; with [`Format::Sharded`] they always do. All nodes must be able to hear them there. Default no.
    pub answers_privately: bool,
}

impl Default for ClusterSettings {
    fn default() -> ClusterSettings {
        ClusterSettings {
            format: Format::default(),
            key: "socket.io".to_owned(),
            requests_timeout: Duration::from_secs(5),
            answers_privately: false,
        }
    }
}
