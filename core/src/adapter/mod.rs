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
pub use crate::proto::cluster::{Entry, Offset, Publication, SocketDetails, SubscriptionMode};

/// What carries messages between the nodes of a cluster: on channels, to those who hear them at the moment,
/// and with [`Format::Streams`] in streams, which are kept for a while. No call waits: what cannot go out at once
/// is queued within a bound, and dropped beyond it.
pub trait Bus: Debug + Send + Sync + 'static {
    /// Sends a message to all who hear its channel, perhaps this node among them. Those of one
    /// thread arrive in order, as long as the bus is connected.
    fn publish(&self, publication: Publication);

    /// Adds an entry to a stream. Those of one thread stand in it in order, and before what is published
    /// later only if who reads both takes the stream first. [`Listener::read`] has each in turn, on all nodes.
    fn append(&self, entry: Entry);

    /// From now on messages of these channels are heard, also after the bus was lost and found again;
    /// once, however often it was wanted.
    fn subscribe(&self, subscriptions: Vec<Subscription>);

    /// They are heard no more.
    fn unsubscribe(&self, subscriptions: Vec<Subscription>);

    /// Asks how many nodes have subscribed to exactly this channel;
    /// [`Listener::counted`] answers, perhaps before this returns.
    fn count(&self, channel: &str, token: u64);

    /// Keeps a record for a while, or removes it; behind what was appended before. Of a bus that keeps nothing
    /// sockets come back only where they were lost.
    fn save(&self, record: Record) {
        let _ = record;
    }

    /// Takes a record, and then reads what stands in a stream behind an offset. False if the bus cannot, at
    /// present at least; else [`Listener::recalled`], [`Listener::replay`] and, at the end of all,
    /// [`Listener::replayed`] tell what comes of it, perhaps before this returns.
    fn recall(&self, recall: Recall) -> bool {
        let _ = recall;
        false
    }

    /// How many messages have been dropped because too much waited to go out.
    fn dropped(&self) -> u64 {
        0
    }

    /// Ends it. Nothing comes any more once this returns, but for what is being delivered.
    fn close(&self);
}

/// What a bus keeps under a name for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its name.
    pub key: Box<str>,
    /// What is kept; `None` removes it.
    pub value: Option<Bytes>,
    /// For how long.
    pub lifetime: Duration,
    /// Only in the place of a record that is still there.
    pub replaces: bool,
}

/// A record that is taken, so that nobody else has it, and what a stream has had since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recall {
    /// By which the answers name it.
    pub token: u64,
    /// The record's name.
    pub key: Box<str>,
    /// The stream.
    pub stream: Box<str>,
    /// The entry behind which it is read. If the stream does not have it any more, the recall comes to nothing.
    pub offset: Offset,
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

    /// An entry stands in a stream, which has given it the offset: each once, in the stream's order, also what
    /// was added while the bus was lost.
    fn read(&self, offset: &str, entry: Entry) {
        let _ = (offset, entry);
    }

    /// Whether what this node appends comes back to it by [`Listener::read`] soon: told at the beginning if it
    /// does, and when it changes. Where it is never told, it does not.
    fn echoes(&self, is_on: bool) {
        let _ = is_on;
    }

    /// The record of a [`Recall`], which had so long to live. It is nobody else's now.
    fn recalled(&self, token: u64, record: Bytes, left: Duration) {
        let _ = (token, record, left);
    }

    /// An entry that stands behind the offsets of these recalls, in the stream's order.
    fn replay(&self, tokens: &[u64], offset: &str, entry: &Entry) {
        let _ = (tokens, offset, entry);
    }

    /// A recall is over. If it is complete, its entries end with the last one that [`Listener::read`] was given:
    /// the next it is given follows. Else there was no such record or entry, or the bus failed.
    fn replayed(&self, token: u64, is_complete: bool) {
        let _ = (token, is_complete);
    }

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
    /// `createAdapter` of `@socket.io/redis-streams-adapter` 0.3: broadcasts go through a stream, so that
    /// nothing is lost while a node has lost Redis for a moment. [`ClusterSettings::streams`] says more. With
    /// [`recovery`](crate::config::Config::recovery) sockets come back to any node, and what can be missed reaches
    /// clients in the stream's order.
    Streams,
}

/// What the nodes of a cluster have agreed on about their streams; with [`Format::Streams`], and of
/// no meaning otherwise. The defaults are those of `@socket.io/redis-streams-adapter`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSettings {
    /// The stream's name, or what the names of several begin with (`streamName`). Default `socket.io`.
    pub name: String,
    /// How many streams the namespaces are spread over (`streamCount`). Default 1.
    pub count: u32,
    /// About how many entries a stream keeps (`maxLen`). Default 10,000.
    pub max_entries: u64,
    /// Most entries that are read at once (`readCount`). Default 100.
    pub read_count: u32,
    /// What stands before the private ids of sockets that may come back, in the names of their records
    /// (`sessionKeyPrefix`); not empty. Default `sio:session:`.
    pub session_prefix: String,
    /// Whether what does not go through a stream goes over sharded channels (`useShardedPubSub`). Default
    /// no.
    pub sharded_channels: bool,
}

impl Default for StreamSettings {
    fn default() -> StreamSettings {
        StreamSettings {
            name: "socket.io".to_owned(),
            count: 1,
            max_entries: 10_000,
            read_count: 100,
            session_prefix: "sio:session:".to_owned(),
            sharded_channels: false,
        }
    }
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
    /// package; in the other formats they always do. All nodes must be able to hear them there. Default no.
    pub answers_privately: bool,
    /// What [`Format::Streams`] needs besides.
    pub streams: StreamSettings,
}

impl Default for ClusterSettings {
    fn default() -> ClusterSettings {
        ClusterSettings {
            format: Format::default(),
            key: "socket.io".to_owned(),
            requests_timeout: Duration::from_secs(5),
            answers_privately: false,
            streams: StreamSettings::default(),
        }
    }
}
