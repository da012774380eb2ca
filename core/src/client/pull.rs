//! A client whose application fetches its events instead of being called: what faces without
//! closures, and programs with an event loop of their own, build on.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use super::config::Config;
use super::driver::{self, Application, Shared};
use super::event::{Event, SocketKey};
use super::queue::{Queue, Queued};
use super::sockets::Manner;
use super::thread::Thread;
use crate::embed::Payload;
use crate::error::Error;

/// A client on a thread of its own, and the queue of its events. Every method may be called from
/// any thread.
///
/// From [`Config::max_pending_events`] (or 64 MiB) that wait on, the client reads no more until some
/// are taken.
#[derive(Debug)]
pub struct PullClient {
    shared: Arc<Shared>,
    queue: Arc<Queue<Event>>,
    thread: Thread,
}

/// Dropping it closes the connection and waits for the thread.
impl Drop for PullClient {
    fn drop(&mut self) {
        self.close();
        self.thread.join();
    }
}

impl PullClient {
    /// Starts a client of the server at `url`. It connects once a socket is asked to.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a URL or settings that cannot work, [`Error::Io`] if the system gives
    /// no thread.
    pub fn start(url: &str, config: Config) -> Result<PullClient, Error> {
        let queue = Arc::new(Queue::new(config.max_pending_events));
        let shared = Shared::new(url, config)?;
        let life = driver::run(Arc::clone(&shared), Arc::clone(&queue) as _);
        let thread = Thread::start(life)?;
        Ok(PullClient {
            shared,
            queue,
            thread,
        })
    }

    /// The socket of that namespace; the same at each call.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a name that does not begin with `/`.
    pub fn socket(&self, namespace: &str) -> Result<SocketKey, Error> {
        check_namespace(namespace)?;
        Ok(self.shared.look().socket(namespace))
    }

    /// What the server is given when the socket connects, from the next time on: a JSON object; the
    /// caller vouches for its validity.
    pub fn set_auth(&self, socket: SocketKey, auth: Option<&str>) {
        self.shared.look().set_auth(socket, auth);
    }

    /// Lets the socket connect, and come back when it loses its connection.
    /// [`Event::Connect`] or [`Event::ConnectError`] follows. Does nothing if it is at it.
    pub fn connect(&self, socket: SocketKey) {
        self.shared
            .change(|connection, now| connection.connect(socket, now));
    }

    /// Disconnects the socket. [`Event::Disconnect`] follows if it was connected.
    pub fn disconnect(&self, socket: SocketKey) {
        self.shared
            .change(|connection, now| connection.disconnect(socket, now));
    }

    /// Sends an event: at once, or when the socket is connected. A volatile one is dropped unless
    /// it can leave at once.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Closed`].
    pub fn emit(
        &self,
        socket: SocketKey,
        payload: &Payload<'_>,
        volatile: bool,
    ) -> Result<(), Error> {
        let manner = Manner {
            volatile,
            ack: None,
        };
        emit(&self.shared, socket, payload, manner).map(|_| ())
    }

    /// Sends an event that asks for an answer, and gives the ack's id. [`Event::Ack`] follows. A
    /// `timeout` of `None` waits for as long as the socket is connected.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Closed`].
    pub fn emit_with_ack(
        &self,
        socket: SocketKey,
        payload: &Payload<'_>,
        volatile: bool,
        timeout: Option<Duration>,
    ) -> Result<u64, Error> {
        let manner = Manner {
            volatile,
            ack: Some(timeout),
        };
        let id = emit(&self.shared, socket, payload, manner)?;
        id.ok_or_else(|| Error::Misuse("no such socket".to_owned()))
    }

    /// Answers an [`Event::Message`] that carries an ack. Does nothing if the socket is not
    /// connected any more.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Closed`].
    pub fn answer(&self, socket: SocketKey, ack: u64, payload: &Payload<'_>) -> Result<(), Error> {
        answer(&self.shared, socket, ack, payload)
    }

    /// Appends up to `most` events to `events`, waiting up to `timeout` (`None`: for ever) for the
    /// first. Gives how many it appended.
    ///
    /// # Errors
    /// [`Error::Closed`] once [`Event::Closed`] has been taken.
    pub fn poll(
        &self,
        events: &mut Vec<Event>,
        most: usize,
        timeout: Option<Duration>,
    ) -> Result<usize, Error> {
        let before = events.len();
        let taken = self.queue.take(events, most, timeout);
        if self.queue.is_resume_due() {
            self.shared.wake();
        }
        taken.map(|()| events.len() - before)
    }

    /// The next event; nothing once [`Event::Closed`] has been taken. One task may wait at a time.
    ///
    /// # Cancel safety
    /// Dropped, it has taken no event.
    pub async fn next(&self) -> Option<Event> {
        let event = poll_fn(|cx| self.queue.poll_next(cx)).await;
        if self.queue.is_resume_due() {
            self.shared.wake();
        }
        event
    }

    /// A descriptor that is readable while events wait, to be watched and not read from. It lives
    /// as long as the client.
    ///
    /// # Errors
    /// [`Error::Io`] if the system has no descriptor left.
    #[cfg(unix)]
    pub fn descriptor(&self) -> Result<std::os::fd::BorrowedFd<'_>, Error> {
        self.queue.descriptor()
    }

    /// Disconnects every socket and closes the connection; [`Event::Closed`] is the last event.
    pub fn close(&self) {
        self.shared.change(|connection, now| connection.close(now));
    }

    /// Whether [`PullClient::close`] was called.
    pub fn is_closing(&self) -> bool {
        self.shared.look().is_closing()
    }

    /// Whether the socket is connected.
    pub fn is_connected(&self, socket: SocketKey) -> bool {
        self.shared.look().is_connected(socket)
    }

    /// The namespace of a socket that [`PullClient::socket`] gave.
    pub fn namespace(&self, socket: SocketKey) -> Option<Arc<str>> {
        self.shared.look().namespace(socket)
    }
}

/// # Errors
/// [`Error::Misuse`]
pub(super) fn check_namespace(name: &str) -> Result<(), Error> {
    match name.starts_with('/') && !name.contains(',') {
        true => Ok(()),
        false => Err(Error::Misuse(format!(
            "{name:?} is no namespace: it begins with '/' and has no comma"
        ))),
    }
}

/// # Errors
/// [`Error::Full`], [`Error::Closed`].
pub(super) fn emit(
    shared: &Shared,
    socket: SocketKey,
    payload: &Payload<'_>,
    manner: Manner,
) -> Result<Option<u64>, Error> {
    shared.change(|connection, now| match connection.is_closing() {
        true => Err(Error::Closed),
        false => connection
            .emit(socket, payload, manner, now)
            .map_err(|_| Error::Full),
    })
}

/// # Errors
/// [`Error::Full`], [`Error::Closed`].
pub(super) fn answer(
    shared: &Shared,
    socket: SocketKey,
    ack: u64,
    payload: &Payload<'_>,
) -> Result<(), Error> {
    shared.change(|connection, now| match connection.is_closing() {
        true => Err(Error::Closed),
        false => connection
            .answer(socket, ack, payload, now)
            .map_err(|_| Error::Full),
    })
}

impl Queued for Event {
    fn size(&self) -> usize {
        Event::size(self)
    }

    fn is_last(&self) -> bool {
        matches!(self, Event::Closed)
    }
}

impl Application for Queue<Event> {
    fn handle(&self, event: Event) {
        self.push(event);
    }

    fn is_ready(&self) -> bool {
        self.has_space()
    }
}
