//! A bus over Redis: one connection (RESP3) on a thread of its own, found again whenever it is lost, and one
//! more that reads streams, where there are any.

mod connection;
mod queue;
mod reading;
mod recalling;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::redis::{Client, ProtocolVersion};
use tokio::runtime::Builder;

use super::{
    Adapter, Bus, ClusterSettings, Entry, Format, Listener, Publication, Recall, Record,
    StreamSettings, Subscription,
};
use crate::error::Error;
use crate::proto::cluster::{Post, Streams};
use crate::thread;
use connection::{Channels, Ways};
use queue::{Order, Queue};
use reading::Places;

/// A cluster of servers that meet over Redis 6 or later, in a wire format of
/// `@socket.io/redis-adapter` or `@socket.io/redis-streams-adapter`, that of the former's `createAdapter` unless [`Redis::format`] says otherwise: Sori
/// servers in whatever language, Node servers with that package, and processes that speak through
/// `@socket.io/redis-emitter`.
///
/// While Redis is away, this server's own clients are served as ever. What is meant for the others
/// waits, up to [`Redis::max_pending_bytes`], and is dropped beyond it; what they said meanwhile is
/// lost, unless it stands in a stream ([`Format::Streams`]), as is what was under way when the connection
/// broke.
///
/// # Examples
/// ```no_run
/// use sori::Server;
/// use sori::adapter::Redis;
///
/// # fn main() -> Result<(), sori::Error> {
/// let server = Server::builder()
///     .adapter(Redis::new("redis://127.0.0.1:6379"))
///     .build()?;
/// server.emit("hello", "to the clients of all servers")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Redis {
    url: String,
    settings: ClusterSettings,
    max_pending_bytes: usize,
}

impl Redis {
    /// The Redis at `url`: `redis://[user[:password]@]host[:port][/database]`, `rediss://…` behind TLS
    /// (feature `redis-tls`; the system's certificates vouch for it), or `unix:///path/of/the.sock`.
    pub fn new(url: impl Into<String>) -> Redis {
        Redis {
            url: url.into(),
            settings: ClusterSettings::default(),
            max_pending_bytes: MAX_PENDING_BYTES,
        }
    }

    /// The wire format; default [`Format::Classic`]. All nodes must have the same.
    pub fn format(mut self, format: Format) -> Redis {
        self.settings.format = format;
        self
    }

    /// What stands before the names of all channels (`key`, in sharded formats `channelPrefix`); default
    /// `socket.io`. All nodes must have the same.
    pub fn key(mut self, key: impl Into<String>) -> Redis {
        self.settings.key = key.into();
        self
    }

    /// What [`Format::Streams`] needs besides. All nodes must have the same name and count.
    pub fn streams(mut self, streams: StreamSettings) -> Redis {
        self.settings.streams = streams;
        self
    }

    /// How long other servers may take to answer; default 5 s.
    pub fn requests_timeout(mut self, timeout: Duration) -> Redis {
        self.settings.requests_timeout = timeout;
        self
    }

    /// Whether replies go to the server that asked alone instead of all
    /// (`publishOnSpecificResponseChannel`); default no.
    pub fn answers_privately(mut self, answers_privately: bool) -> Redis {
        self.settings.answers_privately = answers_privately;
        self
    }

    /// How many bytes may wait to be published; default 16 MiB.
    pub fn max_pending_bytes(mut self, bytes: usize) -> Redis {
        self.max_pending_bytes = bytes;
        self
    }
}

const MAX_PENDING_BYTES: usize = 16 * 1024 * 1024;

/// Without the URL, which may have a password.
impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Adapter for Redis {
    fn start(&self, listener: Arc<dyn Listener>) -> Result<Arc<dyn Bus>, Error> {
        let client = Client::open(&*self.url)
            .map_err(|error| Error::Misuse(format!("no URL of a Redis: {error}")))?;
        let info = client.get_connection_info().clone();
        // So that one connection publishes and is subscribed.
        let settings = info.redis_settings().clone();
        let info = info.set_redis_settings(settings.set_protocol(ProtocolVersion::RESP3));
        let client = Client::open(info)
            .map_err(|error| Error::Misuse(format!("no URL of a Redis: {error}")))?;

        let during = |error| Error::Io("cannot start the thread of the cluster".to_owned(), error);
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(during)?;
        let streams = &self.settings.streams;
        if streams.session_prefix.is_empty() {
            // Clients say what stands behind it.
            let rule = "session_prefix must not be empty";
            return Err(Error::Misuse(rule.to_owned()));
        }
        let (channels, places) = match self.settings.format {
            Format::Classic => (Channels::Plain, None),
            Format::Sharded(_) => (Channels::Sharded, None),
            Format::Streams => {
                let wire = Streams::new(&self.settings.key, &streams.name, streams.count);
                let channels = match streams.sharded_channels {
                    true => Channels::Sharded,
                    false => Channels::Plain,
                };
                (
                    channels,
                    Some(Places::new(wire.streams(), streams.read_count)),
                )
            }
        };
        let ways = Ways {
            channels,
            max_entries: streams.max_entries,
        };
        let queue = Arc::new(Queue::new(self.max_pending_bytes));
        let end = Arc::clone(&queue);
        thread::start("sori-redis".to_owned(), move || {
            let places = places.as_ref();
            let serving = connection::run(&client, ways, &queue, &listener, places);
            runtime.block_on(async {
                match places {
                    Some(places) => {
                        let reading = reading::run(&client, places, &queue, &listener);
                        tokio::join!(serving, reading);
                    }
                    None => serving.await,
                }
            });
        })
        .map_err(during)?;
        Ok(Arc::new(RedisBus(end)))
    }

    fn settings(&self) -> ClusterSettings {
        self.settings.clone()
    }
}

/// The engine's end. Dropped, it closes the connection.
#[derive(Debug)]
struct RedisBus(Arc<Queue>);

impl Bus for RedisBus {
    fn publish(&self, publication: Publication) {
        self.0.post(Order::Post(Post::Publication(publication)));
    }

    fn append(&self, entry: Entry) {
        self.0.post(Order::Post(Post::Entry(entry)));
    }

    fn save(&self, record: Record) {
        self.0.post(Order::Save(record));
    }

    fn recall(&self, recall: Recall) -> bool {
        self.0.recall(recall)
    }

    fn subscribe(&self, subscriptions: Vec<Subscription>) {
        self.0.wish(subscriptions, true);
    }

    fn unsubscribe(&self, subscriptions: Vec<Subscription>) {
        self.0.wish(subscriptions, false);
    }

    fn count(&self, channel: &str, token: u64) {
        self.0.count(channel, token);
    }

    fn dropped(&self) -> u64 {
        self.0.dropped()
    }

    fn close(&self) {
        self.0.close();
    }
}

impl Drop for RedisBus {
    fn drop(&mut self) {
        self.0.close();
    }
}
