//! An endpoint of server-sent events: its clients, their rooms, its history and its heartbeat. What
//! the faces make of it, handlers or events to be fetched, is theirs.

mod members;

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::Poll;

use bytes::Bytes;
use parking_lot::Mutex;

pub(crate) use members::Audience;

use super::Engine;
use crate::config::EventStreamSettings;
use crate::error::Error;
use crate::proto::event_stream::{self, Fields, HEARTBEAT};
use crate::trace::tell;
use crate::transport::{EventStream, event_stream};
use members::Members;

/// The clients at one path. Who it is that a number stands for, the caller knows; a client that is
/// gone is sent nothing. It does not hold the engine.
#[derive(Debug)]
pub(crate) struct Endpoint {
    path: Box<str>,
    settings: EventStreamSettings,
    members: Mutex<Members>,
    is_beating: AtomicBool,
    slow: AtomicU64,
}

impl Endpoint {
    pub(crate) fn new(path: &str, settings: EventStreamSettings) -> Arc<Endpoint> {
        Arc::new(Endpoint {
            path: path.into(),
            settings,
            members: Mutex::default(),
            is_beating: AtomicBool::new(false),
            slow: AtomicU64::new(0),
        })
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn len(&self) -> usize {
        self.members.lock().len()
    }

    /// Whether it takes no more clients.
    pub(crate) fn is_full(&self) -> bool {
        let limit = self.settings.max_clients;
        limit.is_some_and(|limit| self.len() >= limit)
    }

    /// How many streams have been ended because their clients read too slowly.
    pub(crate) fn closed_slow(&self) -> u64 {
        self.slow.load(Ordering::Relaxed)
    }

    /// Takes on a client with a number that no other has. What it is sent waits until
    /// [`Endpoint::open`]. `on_end` is called when the stream is dropped, on the thread that does
    /// it. Called on a shard.
    pub(crate) fn add(
        self: &Arc<Endpoint>,
        engine: &Engine,
        id: u64,
        on_end: impl FnOnce() + Send + Sync + 'static,
    ) -> EventStream {
        let (writer, stream) = event_stream(on_end);
        // Its first bytes tell the client that it is connected.
        let _ = writer.push(&Bytes::from_static(HEARTBEAT), usize::MAX);
        self.members.lock().add(id, writer);
        if !self.is_beating.swap(true, Ordering::AcqRel) {
            tokio::task::spawn_local(beat(Arc::downgrade(self), engine.clone()));
        }
        stream
    }

    /// A client has its rooms: it is sent what it missed since the event `last`, then what came
    /// meanwhile.
    pub(crate) fn open(&self, id: u64, last: Option<&str>) {
        let limit = self.settings.max_queued_bytes;
        self.members.lock().open(id, last, limit);
    }

    /// A client is gone. Gives the rooms it was in.
    pub(crate) fn remove(&self, id: u64) -> Vec<Arc<str>> {
        self.members.lock().remove(id)
    }

    /// Sends to one client.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a name or an id that would not arrive as it is.
    pub(crate) fn send(&self, id: u64, event: &Fields<'_>) -> Result<(), Error> {
        let bytes = encode(event)?;
        let limit = self.settings.max_queued_bytes;
        let is_slow = self.members.lock().send(id, &bytes, limit);
        self.count_slow(usize::from(is_slow));
        Ok(())
    }

    /// Sends to everybody in the audience: encoded once, and shared by reference. It is kept for
    /// those who come back if it has an id.
    ///
    /// # Errors
    /// As [`Endpoint::send`].
    pub(crate) fn broadcast(&self, audience: Audience, event: &Fields<'_>) -> Result<(), Error> {
        let bytes = encode(event)?;
        let mut members = self.members.lock();
        let slow = members.broadcast(&audience, &bytes, self.settings.max_queued_bytes);
        if let Some(id) = event.id {
            members.keep(id, audience, bytes, self.settings.history);
        }
        drop(members);
        self.count_slow(slow);
        Ok(())
    }

    pub(crate) fn join<'a>(&self, id: u64, rooms: impl IntoIterator<Item = &'a str>) {
        let mut members = self.members.lock();
        rooms.into_iter().for_each(|room| members.join(id, room));
    }

    pub(crate) fn leave<'a>(&self, id: u64, rooms: impl IntoIterator<Item = &'a str>) {
        let mut members = self.members.lock();
        rooms.into_iter().for_each(|room| members.leave(id, room));
    }

    pub(crate) fn rooms_of(&self, id: u64) -> Vec<Arc<str>> {
        self.members.lock().rooms_of(id)
    }

    /// Ends one stream behind what waits for it.
    pub(crate) fn close_one(&self, id: u64) {
        self.members.lock().close_one(id);
    }

    /// Ends every stream behind what waits for it.
    pub(crate) fn close(&self) {
        self.members.lock().close();
    }

    fn count_slow(&self, slow: usize) {
        if slow > 0 {
            self.slow.fetch_add(slow as u64, Ordering::Relaxed);
            tell!(
                warn,
                clients = slow,
                path = &*self.path,
                "slow reader closed"
            );
        }
    }
}

fn encode(event: &Fields<'_>) -> Result<Bytes, Error> {
    let encoded = event_stream::encode(event);
    encoded
        .map(Bytes::from)
        .map_err(|error| Error::Misuse(error.to_string()))
}

/// The heartbeat of an endpoint's streams, on the shard of its first client; at the engine's end it
/// ends them.
async fn beat(endpoint: Weak<Endpoint>, engine: Engine) {
    let mut closing = std::pin::pin!(engine.closing());
    loop {
        let mut sleep = std::pin::pin!(tokio::time::sleep(engine.config().ping_interval));
        let is_closing = poll_fn(|cx| {
            if closing.as_mut().poll(cx).is_ready() {
                return Poll::Ready(true);
            }
            sleep.as_mut().poll(cx).map(|()| false)
        });
        let is_closing = is_closing.await;
        let Some(endpoint) = endpoint.upgrade() else {
            return;
        };
        if is_closing {
            endpoint.close();
            return;
        }
        let members = endpoint.members.lock();
        members.beat(&Bytes::from_static(HEARTBEAT));
    }
}
