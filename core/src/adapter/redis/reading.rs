//! The reader of streams: a connection of its own, because waiting for an entry blocks it. It reads on from where
//! it was, also after it was lost.

use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, ErrorKind, RedisResult, Value, cmd};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::connection::{PATIENCE, Pauses, report};
use super::queue::Queue;
use crate::adapter::{Entry, Listener, Offset};

/// So long Redis waits for an entry before it says that there is none.
const BLOCK: Duration = Duration::from_secs(5);

/// How far each stream has been read.
#[derive(Debug)]
pub(super) struct Places {
    names: Vec<Box<str>>,
    /// The offsets of the last entries read, in the order of the names; empty before the first connection.
    read: Mutex<Vec<String>>,
    /// Tells the reader that it can begin.
    found: Notify,
    read_count: u32,
    /// Only the bus's thread looks at it.
    working: Mutex<Working>,
}

/// Which of the two connections work, as far as is known: that which reads comes after the other. Entries come back
/// while both do.
#[derive(Clone, Copy, Debug)]
struct Working {
    posting: bool,
    reading: bool,
}

impl Default for Working {
    fn default() -> Working {
        Working {
            posting: false,
            reading: true,
        }
    }
}

impl Working {
    fn both(self) -> bool {
        self.posting && self.reading
    }
}

impl Places {
    pub(super) fn new(names: Vec<Box<str>>, read_count: u32) -> Places {
        Places {
            names,
            read: Mutex::default(),
            found: Notify::new(),
            read_count: read_count.max(1),
            working: Mutex::default(),
        }
    }

    /// The connection that adds entries works, or no more.
    pub(super) fn set_posting(&self, works: bool, listener: &dyn Listener) {
        self.change(listener, |working| working.posting = works);
    }

    fn set_reading(&self, works: bool, listener: &dyn Listener) {
        self.change(listener, |working| working.reading = works);
    }

    fn change(&self, listener: &dyn Listener, change: impl FnOnce(&mut Working)) {
        let mut working = self.working.lock();
        let before = working.both();
        change(&mut working);
        let now = working.both();
        drop(working);
        if now != before {
            listener.echoes(now);
        }
    }

    /// The last entry of a stream that has been read, or the one behind which is read on.
    pub(super) fn read_up_to(&self, stream: &str) -> Option<Offset> {
        let at = self.names.iter().position(|name| **name == *stream)?;
        Offset::read(self.read.lock().get(at)?)
    }

    /// Where the streams end now, if it is not known yet from where to read.
    ///
    /// # Errors
    /// The connection is lost, or a name is not one of a stream.
    pub(super) async fn find(&self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        if !self.read.lock().is_empty() {
            return Ok(());
        }
        let mut ends = Vec::with_capacity(self.names.len());
        for name in &self.names {
            let mut last = cmd("XREVRANGE");
            last.arg(&**name).arg("+").arg("-").arg("COUNT").arg(1);
            let last: Value = last.query_async(connection).await?;
            let last = entries(name, last).pop();
            ends.push(last.map_or_else(|| "0-0".to_owned(), |(offset, _)| offset));
        }
        *self.read.lock() = ends;
        self.found.notify_one();
        Ok(())
    }
}

/// Runs until the queue is closed.
pub(super) async fn run(
    client: &Client,
    places: &Places,
    queue: &Queue,
    listener: &Arc<dyn Listener>,
) {
    let reading = async {
        places.found.notified().await;
        let mut pauses = Pauses::default();
        loop {
            let began = Instant::now();
            let Err(error) = follow(client, places, &**listener).await;
            places.set_reading(false, &**listener);
            report(&error, &**listener);
            tokio::time::sleep(pauses.after(began)).await;
        }
    };
    tokio::select! {
        () = queue.closed() => {}
        () = reading => {}
    }
}

/// Reads until the connection is lost.
async fn follow(
    client: &Client,
    places: &Places,
    listener: &dyn Listener,
) -> RedisResult<std::convert::Infallible> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(None);
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    places.set_reading(true, listener);
    loop {
        let mut read = cmd("XREAD");
        read.arg("COUNT").arg(places.read_count);
        read.arg("BLOCK")
            .arg(BLOCK.as_millis() as u64)
            .arg("STREAMS");
        for name in &places.names {
            read.arg(&**name);
        }
        read.arg(&*places.read.lock());
        let asked = Instant::now();
        let answer = read.query_async(&mut connection);
        let answer = timeout(BLOCK + PATIENCE, answer).await;
        let Ok(answer) = answer else {
            return Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into());
        };
        // Redis waits before it says that nothing has come; what does not would be asked again at once, for ever.
        let is_quiet = matches!(&answer, Ok(Value::Nil)) && asked.elapsed() >= BLOCK / 2;
        if !deliver(answer?, places, listener) && !is_quiet {
            return Err((ErrorKind::Parse, "XREAD was answered without an entry").into());
        }
    }
}

/// Gives what has been read, and keeps where to read on. False if there was nothing behind what is known.
fn deliver(answer: Value, places: &Places, listener: &dyn Listener) -> bool {
    let Value::Map(streams) = answer else {
        return false;
    };
    let mut is_further = false;
    for (name, found) in streams {
        let name = text(name);
        let Some(at) = places.names.iter().position(|known| **known == *name) else {
            continue;
        };
        for (offset, entry) in entries(&name, found) {
            let is_new = {
                let read = &mut places.read.lock()[at];
                let (new, known) = (Offset::read(&offset), Offset::read(read));
                let is_new = new.is_some() && new > known;
                if is_new {
                    read.clone_from(&offset);
                }
                is_new
            };
            if is_new {
                listener.read(&offset, entry);
                is_further = true;
            }
        }
    }
    is_further
}

/// The entries of `[[offset, [name, value, …]], …]`.
pub(super) fn entries(stream: &str, answer: Value) -> Vec<(String, Entry)> {
    let entry = |value| {
        let mut parts = array(value).into_iter();
        let (offset, fields) = (parts.next()?, parts.next()?);
        let mut fields = array(fields).into_iter();
        let mut pairs = Vec::new();
        while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
            pairs.push((text(name).into(), Bytes::from(bytes(value))));
        }
        let entry = Entry {
            stream: stream.into(),
            fields: pairs,
        };
        Some((text(offset), entry))
    };
    array(answer).into_iter().filter_map(entry).collect()
}

fn array(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        _ => Vec::new(),
    }
}

fn bytes(value: Value) -> Vec<u8> {
    match value {
        Value::BulkString(bytes) => bytes,
        _ => Vec::new(),
    }
}

fn text(value: Value) -> String {
    String::from_utf8(bytes(value)).unwrap_or_default()
}
