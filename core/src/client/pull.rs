//! A client whose application fetches its events instead of being called: what faces without
//! closures, and programs with an event loop of their own, build on.

use std::sync::Arc;
#[cfg(unix)]
use std::sync::OnceLock;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError};

use super::config::Config;
use super::driver::{Application, Shared};
use super::event::{Event, SocketKey};
use super::sockets::Manner;
use super::thread::Thread;
use crate::embed::Payload;
use crate::error::Error;
#[cfg(unix)]
use crate::pull::Signal;
use crate::pull::Space;

/// A client on a thread of its own, and the queue of its events. Every method may be called from
/// any thread.
///
/// The queue takes what has happened even when it is full, but the client stops reading then; so it
/// holds at most `max_pending_events` events or 64 MiB, plus what one read brought.
#[derive(Debug)]
pub struct PullClient {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    thread: Thread,
}

#[derive(Debug)]
struct Queue {
    sender: Sender<Item>,
    receiver: Receiver<Item>,
    space: Space,
    #[cfg(unix)]
    signal: OnceLock<Signal>,
}

#[derive(Debug)]
enum Item {
    Event(Event),
    /// Nothing comes any more. It stays in the queue, so that everybody who waits learns of it.
    End,
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
        let (sender, receiver) = crossbeam_channel::unbounded();
        let queue = Arc::new(Queue {
            sender,
            receiver,
            space: Space::new(config.max_pending_events),
            #[cfg(unix)]
            signal: OnceLock::new(),
        });
        let shared = Shared::new(url, config)?;
        let thread = Thread::start(Arc::clone(&shared), Arc::clone(&queue) as _)?;
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
        if self.queue.space.is_resume_due() {
            self.shared.wake();
        }
        taken.map(|()| events.len() - before)
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

impl Application for Queue {
    fn handle(&self, event: Event) {
        self.space.take(event.size());
        self.send(Item::Event(event));
    }

    fn is_ready(&self) -> bool {
        self.space.is_left()
    }
}

impl Queue {
    fn take(
        &self,
        events: &mut Vec<Event>,
        most: usize,
        timeout: Option<Duration>,
    ) -> Result<(), Error> {
        let mut next = if most == 0 { None } else { self.wait(timeout) };
        let before = events.len();
        let mut outcome = Ok(());
        while let Some(item) = next {
            let is_last = match item {
                Item::Event(event) => {
                    self.space.give_back(event.size());
                    let is_last = matches!(event, Event::Closed);
                    events.push(event);
                    is_last
                }
                Item::End => {
                    if events.len() == before {
                        outcome = Err(Error::Closed);
                    }
                    true
                }
            };
            if is_last {
                self.send(Item::End);
                break;
            }
            next = match events.len() - before < most {
                true => self.receiver.try_recv().ok(),
                false => None,
            };
        }
        self.lower_signal();
        outcome
    }

    fn wait(&self, timeout: Option<Duration>) -> Option<Item> {
        match (self.receiver.try_recv(), timeout) {
            (Ok(item), _) => Some(item),
            (Err(TryRecvError::Empty), Some(timeout)) if !timeout.is_zero() => {
                self.receiver.recv_timeout(timeout).ok()
            }
            (Err(TryRecvError::Empty), None) => self.receiver.recv().ok(),
            (Err(_), _) => None,
        }
    }

    fn send(&self, item: Item) {
        // The receiver lives as long as the sender: the send cannot fail.
        let _ = self.sender.send(item);
        #[cfg(unix)]
        {
            // Either the one who sets the signal sees the item, or this thread sees the signal.
            fence(Ordering::SeqCst);
            if let Some(signal) = self.signal.get() {
                signal.raise();
            }
        }
    }

    #[cfg(unix)]
    fn descriptor(&self) -> Result<std::os::fd::BorrowedFd<'_>, Error> {
        if self.signal.get().is_none() {
            let during = |error| Error::Io("cannot make a descriptor".to_owned(), error);
            // If another thread was first, its signal is the one, and this one is dropped.
            let _ = self.signal.set(Signal::new().map_err(during)?);
            self.raise_if_waiting();
        }
        match self.signal.get() {
            Some(signal) => Ok(signal.descriptor()),
            None => Err(Error::Closed),
        }
    }

    #[cfg(unix)]
    fn lower_signal(&self) {
        if let Some(signal) = self.signal.get()
            && self.receiver.is_empty()
        {
            signal.lower();
            self.raise_if_waiting();
        }
    }

    #[cfg(not(unix))]
    fn lower_signal(&self) {}

    /// What came in after the look may have found the signal raised still.
    #[cfg(unix)]
    fn raise_if_waiting(&self) {
        fence(Ordering::SeqCst);
        if !self.receiver.is_empty()
            && let Some(signal) = self.signal.get()
        {
            signal.raise();
        }
    }
}
