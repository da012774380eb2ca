//! The connection's thread: connects, does what waits in the queue, hears what comes, and begins anew
//! when the connection is lost.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Client, Pipeline, PushInfo, PushKind, RedisError, RedisResult, Value,
    cmd, pipe,
};
use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::queue::{MOST_AT_ONCE, Order, Queue, Work};
use super::reading::Places;
use super::recalling;
use crate::adapter::{Listener, Publication, Record, Subscription};
use crate::proto::cluster::Post;
use crate::trace::tell;

/// How long connecting, and then each answer, may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// A connection that is not used for so long is asked whether it is still there.
const QUIET: Duration = Duration::from_secs(10);

/// How long what was said before the end is still tried.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What Redis is asked for where a channel is meant.
#[derive(Clone, Copy, Debug)]
pub(super) enum Channels {
    /// `SUBSCRIBE` and `PUBLISH`.
    Plain,
    /// `SSUBSCRIBE` and `SPUBLISH`, of Redis 7. There are no patterns of these.
    Sharded,
}

/// What Redis is asked for where more than bytes and a channel are meant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ways {
    pub(super) channels: Channels,
    /// About how many entries a stream keeps.
    pub(super) max_entries: u64,
}

/// Runs until the queue is closed.
pub(super) async fn run(
    client: &Client,
    ways: Ways,
    queue: &Arc<Queue>,
    listener: &Arc<dyn Listener>,
    places: Option<&Places>,
) {
    let mut pauses = Pauses::default();
    while !queue.is_closed() {
        let began = Instant::now();
        match connect(client, queue, listener, places).await {
            Ok((connection, lost)) => {
                let link = Link { connection, ways };
                tell!(info, "cluster connected");
                listener.connected(Ok(()));
                queue.connect();
                if let Some(places) = places {
                    places.set_posting(true, &**listener);
                }
                let ended = serve(link, queue, listener, &lost, places).await;
                for recall in queue.disconnect() {
                    listener.replayed(recall.token, false);
                }
                if let Some(places) = places {
                    places.set_posting(false, &**listener);
                }
                let Err(error) = ended else {
                    return;
                };
                report(&error, &**listener);
            }
            Err(error) => report(&error, &**listener),
        }
        rest(queue, pauses.after(began)).await;
    }
}

/// From one failed attempt to the next, each longer than that before: a connection that is made and fails at once,
/// because what is asked for is refused, is no more of a success than none.
#[derive(Debug)]
pub(super) struct Pauses(Duration);

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

impl Default for Pauses {
    fn default() -> Pauses {
        Pauses(FIRST_PAUSE)
    }
}

impl Pauses {
    /// The pause after an attempt that failed now. One that lasted begins anew with short ones.
    pub(super) fn after(&mut self, began: Instant) -> Duration {
        if began.elapsed() > PATIENCE {
            *self = Pauses::default();
        }
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST_PAUSE);
        pause
    }
}

pub(super) fn report(error: &RedisError, listener: &dyn Listener) {
    tell!(warn, %error, "cluster connection lost");
    listener.connected(Err(&error.to_string()));
}

/// Waits a while; not after the end.
async fn rest(queue: &Queue, pause: Duration) {
    let until = Instant::now() + pause;
    while !queue.is_closed() {
        if timeout_at(until, queue.changed()).await.is_err() {
            return;
        }
    }
}

/// A connection, and what is told when it is lost.
async fn connect(
    client: &Client,
    queue: &Arc<Queue>,
    listener: &Arc<dyn Listener>,
    places: Option<&Places>,
) -> RedisResult<(MultiplexedConnection, Arc<Notify>)> {
    let lost = Arc::new(Notify::new());
    let (queue, listener, told) = (Arc::clone(queue), Arc::clone(listener), Arc::clone(&lost));
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE))
        // Within the connection's own task: while a message is being delivered no more are read.
        .set_push_sender(
            move |push: PushInfo| -> Result<(), std::convert::Infallible> {
                if push.kind == PushKind::Disconnection {
                    told.notify_one();
                } else if !queue.is_closed() {
                    deliver(push, &*listener);
                }
                Ok(())
            },
        );
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    // Before anything is subscribed: whoever counts this node counts on its reading on from here.
    if let Some(places) = places {
        places.find(&mut connection).await?;
    }
    Ok((connection, lost))
}

fn deliver(push: PushInfo, listener: &dyn Listener) {
    let mut parts = push.data.into_iter().map(|part| match part {
        Value::BulkString(bytes) => bytes,
        _ => Vec::new(),
    });
    let mut next = || parts.next().unwrap_or_default();
    let (subscription, channel) = match push.kind {
        PushKind::Message | PushKind::SMessage => {
            let channel = next();
            (channel.clone(), channel)
        }
        PushKind::PMessage => (next(), next()),
        // Subscriptions are confirmed.
        _ => return,
    };
    let payload = next();
    if let (Ok(subscription), Ok(channel)) = (
        std::str::from_utf8(&subscription),
        std::str::from_utf8(&channel),
    ) {
        listener.deliver(subscription, channel, Bytes::from(payload));
    }
}

/// Does what waits, until the queue is closed and empty.
///
/// # Errors
/// The connection is lost.
async fn serve(
    mut link: Link,
    queue: &Queue,
    listener: &Arc<dyn Listener>,
    lost: &Notify,
    places: Option<&Places>,
) -> RedisResult<()> {
    let mut ask_at = Instant::now() + QUIET;
    // One run at a time, beside what is posted: it may take many answers.
    let mut recalling = None;
    loop {
        if recalling.is_none()
            && let Some(places) = places
        {
            let recalls = queue.take_recalls();
            let connection = link.connection.clone();
            recalling = (!recalls.is_empty())
                .then(|| Box::pin(recalling::run(connection, places, recalls, &**listener)));
        }
        let work = queue.take();
        let is_last = work.is_last;
        if !work.is_empty() {
            let executing = link.execute(work, queue, listener);
            if queue.is_closed() {
                // Who is not heard in this time is not heard.
                let _ = timeout(LAST_WORDS, executing).await;
            } else {
                beside(&mut recalling, executing).await?;
            }
            ask_at = Instant::now() + QUIET;
            if !is_last {
                continue;
            }
        }
        if is_last {
            return Ok(());
        }
        tokio::select! {
            () = queue.changed() => {}
            recalled = beside(&mut recalling, std::future::pending()) => recalled?,
            () = lost.notified() => return Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()),
            () = sleep_until(ask_at) => {
                let () = cmd("PING").exec_async(&mut link.connection).await?;
                ask_at = Instant::now() + QUIET;
            }
        }
    }
}

/// Ends with `work`, or when `recalling` does, which goes on beside it.
///
/// # Errors
/// Those of either.
async fn beside<R: Future<Output = RedisResult<()>>>(
    recalling: &mut Option<Pin<Box<R>>>,
    work: impl Future<Output = RedisResult<()>>,
) -> RedisResult<()> {
    let mut work = pin!(work);
    poll_fn(|cx| {
        if let Some(running) = recalling
            && let Poll::Ready(recalled) = running.as_mut().poll(cx)
        {
            *recalling = None;
            recalled?;
        }
        work.as_mut().poll(cx)
    })
    .await
}

/// A connection, and how it is spoken to.
struct Link {
    connection: MultiplexedConnection,
    ways: Ways,
}

impl Link {
    async fn execute(
        &mut self,
        work: Work,
        queue: &Queue,
        listener: &Arc<dyn Listener>,
    ) -> RedisResult<()> {
        let (channels, patterns) = by_kind(&work.subscribe);
        // Patterns first: who counts the nodes counts those who hear all.
        if !patterns.is_empty() {
            self.connection.psubscribe(&patterns).await?;
        }
        match self.ways.channels {
            _ if channels.is_empty() => {}
            Channels::Plain => self.connection.subscribe(&channels).await?,
            Channels::Sharded => self.of_each("SSUBSCRIBE", &channels).await?,
        }
        let (channels, patterns) = by_kind(&work.unsubscribe);
        match self.ways.channels {
            _ if channels.is_empty() => {}
            Channels::Plain => self.connection.unsubscribe(&channels).await?,
            Channels::Sharded => self.of_each("SUNSUBSCRIBE", &channels).await?,
        }
        if !patterns.is_empty() {
            self.connection.punsubscribe(&patterns).await?;
        }
        self.post(&work.posts)
            .await
            .inspect_err(|_| work.posts.iter().for_each(|_| queue.drop_one()))?;
        self.count(work.counts, listener).await
    }

    /// Each channel in a command of its own: in a Redis Cluster those of one command must be of one slot.
    async fn of_each(&mut self, command: &str, channels: &[&str]) -> RedisResult<()> {
        for some in channels.chunks(MOST_AT_ONCE) {
            let mut pipe = pipe();
            for channel in some {
                pipe.cmd(command).arg(*channel).ignore();
            }
            pipe.exec_async(&mut self.connection).await?;
        }
        Ok(())
    }

    async fn post(&mut self, posts: &[Order]) -> RedisResult<()> {
        if posts.is_empty() {
            return Ok(());
        }
        let command = match self.ways.channels {
            Channels::Plain => "PUBLISH",
            Channels::Sharded => "SPUBLISH",
        };
        let mut pipe = pipe();
        for post in posts {
            match post {
                Order::Save(record) => save(&mut pipe, record),
                Order::Post(Post::Publication(Publication { channel, bytes })) => {
                    pipe.cmd(command).arg(&**channel).arg(&**bytes).ignore();
                }
                Order::Post(Post::Entry(entry)) => {
                    pipe.cmd("XADD").arg(&*entry.stream);
                    pipe.arg("MAXLEN").arg("~").arg(self.ways.max_entries);
                    pipe.arg("*");
                    for (name, value) in &entry.fields {
                        pipe.arg(&**name).arg(&**value);
                    }
                    pipe.ignore();
                }
            }
        }
        pipe.exec_async(&mut self.connection).await
    }

    async fn count(
        &mut self,
        counts: Vec<(Box<str>, u64)>,
        listener: &Arc<dyn Listener>,
    ) -> RedisResult<()> {
        if counts.is_empty() {
            return Ok(());
        }
        let what = match self.ways.channels {
            Channels::Plain => "NUMSUB",
            Channels::Sharded => "SHARDNUMSUB",
        };
        let mut pipe = pipe();
        for (channel, _) in &counts {
            pipe.cmd("PUBSUB").arg(what).arg(&**channel);
        }
        let answers: RedisResult<Vec<Value>> = pipe.query_async(&mut self.connection).await;
        for (at, (_, token)) in counts.iter().enumerate() {
            let answer = answers.as_ref().ok().and_then(|answers| answers.get(at));
            listener.counted(*token, answer.and_then(subscribers));
        }
        answers.map(drop)
    }
}

fn save(pipe: &mut Pipeline, record: &Record) {
    let Record {
        key,
        value,
        lifetime,
        replaces,
    } = record;
    match value {
        Some(value) => {
            pipe.cmd("SET").arg(&**key).arg(&**value);
            // Redis takes no lifetime of nothing.
            pipe.arg("PX").arg(lifetime.as_millis().max(1) as u64);
            if *replaces {
                pipe.arg("XX");
            }
        }
        None => {
            pipe.cmd("DEL").arg(&**key);
        }
    }
    pipe.ignore();
}

fn by_kind(subscriptions: &[Subscription]) -> (Vec<&str>, Vec<&str>) {
    let (mut channels, mut patterns) = (Vec::new(), Vec::new());
    for subscription in subscriptions {
        match subscription {
            Subscription::Channel(name) => channels.push(&**name),
            Subscription::Pattern(name) => patterns.push(&**name),
        }
    }
    (channels, patterns)
}

/// The number in `[channel, number]`, which may come as a map.
fn subscribers(answer: &Value) -> Option<usize> {
    let number = match answer {
        Value::Array(parts) => parts.get(1)?,
        Value::Map(entries) => &entries.first()?.1,
        _ => return None,
    };
    match number {
        Value::Int(number) => usize::try_from(*number).ok(),
        _ => None,
    }
}
