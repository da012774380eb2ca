//! A client of plain WebSocket servers, without Socket.IO.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};

use super::config::{Config, Endpoint, LONGEST, push_field};
use super::driver::seed;
use super::io::stream::Dialer;
use super::io::websocket::{self, CloseFrame, Incoming, Message};
use super::queue::{Queue, Queued};
use super::reconnect::{Backoff, Reconnection};
use super::thread::Thread;
use crate::error::Error;

/// A WebSocket to one server, and the events that wait. Every method may be called from any thread.
///
/// Messages that are sent without a connection wait for it, up to [`Config::max_queued_bytes`]. From
/// [`Config::max_pending_events`] (or 64 MiB) that wait for the application on, nothing more is read.
/// Pings of the server are answered unseen.
///
/// # Examples
/// ```no_run
/// use sori::client::{WebSocket, WebSocketEvent, WebSocketMessage};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let socket = WebSocket::builder("ws://127.0.0.1:3000/feed").start()?;
/// socket.send("hello")?;
/// while let Some(event) = socket.wait_next(None) {
///     if let WebSocketEvent::Message(WebSocketMessage::Text(text)) = event {
///         println!("{text}");
///         socket.close(1000, "enough")?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct WebSocket {
    shared: Arc<Shared>,
    thread: Option<Thread>,
}

/// A message, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebSocketMessage {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Bytes),
}

impl WebSocketMessage {
    fn size(&self) -> usize {
        match self {
            WebSocketMessage::Text(text) => text.len(),
            WebSocketMessage::Binary(bytes) => bytes.len(),
        }
    }
}

impl From<&str> for WebSocketMessage {
    fn from(text: &str) -> WebSocketMessage {
        WebSocketMessage::Text(text.to_owned())
    }
}

impl From<String> for WebSocketMessage {
    fn from(text: String) -> WebSocketMessage {
        WebSocketMessage::Text(text)
    }
}

impl From<Bytes> for WebSocketMessage {
    fn from(bytes: Bytes) -> WebSocketMessage {
        WebSocketMessage::Binary(bytes)
    }
}

impl From<Vec<u8>> for WebSocketMessage {
    fn from(bytes: Vec<u8>) -> WebSocketMessage {
        WebSocketMessage::Binary(bytes.into())
    }
}

/// What has happened to a [`WebSocket`], in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebSocketEvent {
    /// It is open.
    Open {
        /// The subprotocol that the server chose.
        protocol: Option<String>,
    },
    /// A message of the server.
    Message(WebSocketMessage),
    /// The server's answer to a ping, with its payload.
    Pong(Bytes),
    /// It was open and is closed.
    Closed {
        /// Of the close frame; 1005 if that has none, 1006 if there was none (RFC 6455 §7.1.5).
        code: u16,
        /// The close frame's, or what failed.
        reason: String,
    },
    /// The server could not be reached, or did not agree; the text says why.
    Unreachable(String),
    /// There will be no further attempt. The last event.
    Ended,
}

impl Queued for WebSocketEvent {
    fn size(&self) -> usize {
        match self {
            WebSocketEvent::Message(message) => message.size(),
            WebSocketEvent::Pong(payload) => payload.len(),
            _ => 0,
        }
    }

    fn is_last(&self) -> bool {
        matches!(self, WebSocketEvent::Ended)
    }
}

/// Dropping it closes it, as [`WebSocket::close`] does; one with a thread of its own is waited for.
impl Drop for WebSocket {
    fn drop(&mut self) {
        // Closed before is closed.
        let _ = self.close(1000, "");
        if let Some(thread) = &self.thread {
            thread.join();
        }
    }
}

impl WebSocket {
    /// A client of the server at `url`: its scheme, host, port, path and query. It does not come
    /// back by itself unless it is told to.
    pub fn builder(url: impl Into<String>) -> WebSocketBuilder {
        WebSocketBuilder {
            url: url.into(),
            protocols: Vec::new(),
            config: Config {
                reconnection: None,
                ..Config::default()
            },
        }
    }

    /// Sends a message: at once, or when it is open.
    ///
    /// # Errors
    /// [`Error::Full`] if too much waits, [`Error::Closed`].
    pub fn send(&self, message: impl Into<WebSocketMessage>) -> Result<(), Error> {
        let message = message.into();
        let size = message.size();
        let message = match message {
            WebSocketMessage::Text(text) => Message::text(text),
            WebSocketMessage::Binary(bytes) => Message::binary(bytes),
        };
        self.shared.push(message, size)
    }

    /// Sends a ping; [`WebSocketEvent::Pong`] follows.
    ///
    /// # Errors
    /// [`Error::Misuse`] for more than 125 bytes; [`Error::Full`], [`Error::Closed`].
    pub fn ping(&self, payload: impl Into<Bytes>) -> Result<(), Error> {
        let payload = payload.into();
        if payload.len() > MOST_CONTROL {
            return Err(Error::Misuse("a ping has at most 125 bytes".to_owned()));
        }
        let size = payload.len();
        self.shared.push(Message::Ping(payload), size)
    }

    /// Closes it, behind what was sent, for which there is [`Config::close_timeout`], and for good;
    /// [`WebSocketEvent::Ended`] is the last event.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a code that may not be sent (RFC 6455 §7.4) or a reason of more than
    /// 123 bytes; [`Error::Closed`] if it was closed before.
    pub fn close(&self, code: u16, reason: &str) -> Result<(), Error> {
        if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
            return Err(Error::Misuse(format!("{code} is no code to close with")));
        }
        if reason.len() > MOST_CONTROL - 2 {
            return Err(Error::Misuse(
                "the reason to close has at most 123 bytes".to_owned(),
            ));
        }
        let mut outbox = self.shared.outbox.lock();
        if outbox.closed_at.is_some() {
            return Err(Error::Closed);
        }
        outbox.closed_at = Some(Instant::now());
        outbox.messages.push_back(Message::Close(Some(CloseFrame {
            code: code.into(),
            reason: reason.into(),
        })));
        drop(outbox);
        self.shared.changed.notify_one();
        Ok(())
    }

    /// The next event; nothing once [`WebSocketEvent::Ended`] has been taken. One task may wait at a
    /// time.
    ///
    /// # Cancel safety
    /// Dropped, it has taken no event.
    pub async fn next(&self) -> Option<WebSocketEvent> {
        let event = poll_fn(|cx| self.shared.queue.poll_next(cx)).await;
        self.resume();
        event
    }

    /// Blocks the thread for the next event, up to `timeout` (`None`: for ever). Nothing when the
    /// time is up, and once [`WebSocketEvent::Ended`] has been taken.
    pub fn wait_next(&self, timeout: Option<Duration>) -> Option<WebSocketEvent> {
        let mut events = Vec::with_capacity(1);
        // That it is over is told by nothing coming.
        let _ = self.poll(&mut events, 1, timeout);
        events.pop()
    }

    /// Appends up to `most` events to `events`, waiting up to `timeout` (`None`: for ever) for the
    /// first. Gives how many it appended.
    ///
    /// # Errors
    /// [`Error::Closed`] once [`WebSocketEvent::Ended`] has been taken.
    pub fn poll(
        &self,
        events: &mut Vec<WebSocketEvent>,
        most: usize,
        timeout: Option<Duration>,
    ) -> Result<usize, Error> {
        let before = events.len();
        let taken = self.shared.queue.take(events, most, timeout);
        self.resume();
        taken.map(|()| events.len() - before)
    }

    /// A descriptor that is readable while events wait, to be watched and not read from. It lives
    /// as long as this.
    ///
    /// # Errors
    /// [`Error::Io`] if the system has no descriptor left.
    #[cfg(unix)]
    pub fn descriptor(&self) -> Result<std::os::fd::BorrowedFd<'_>, Error> {
        self.shared.queue.descriptor()
    }

    fn resume(&self) {
        if self.shared.queue.is_resume_due() {
            self.shared.resume.notify_one();
        }
    }
}

/// The settings of a WebSocket that is to be. [`Config`] says what they mean, and their defaults.
#[derive(Clone, Debug)]
#[must_use = "a WebSocket is made by start or spawn"]
pub struct WebSocketBuilder {
    url: String,
    protocols: Vec<String>,
    config: Config,
}

impl WebSocketBuilder {
    /// All settings at once. Those that only Socket.IO knows are passed over.
    pub fn config(mut self, config: Config) -> WebSocketBuilder {
        self.config = config;
        self
    }

    /// Offers a subprotocol; those offered first are preferred.
    pub fn protocol(mut self, protocol: impl Into<String>) -> WebSocketBuilder {
        self.protocols.push(protocol.into());
        self
    }

    /// Adds a header to the request.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> WebSocketBuilder {
        self.config.extra_headers.push((name.into(), value.into()));
        self
    }

    /// How to come back; `None`, the default, does not.
    pub fn reconnection(mut self, how: impl Into<Option<Reconnection>>) -> WebSocketBuilder {
        self.config.reconnection = how.into();
        self
    }

    /// Trusts the certificates in `pem` beside those of the system.
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> WebSocketBuilder {
        self.config.root_certificates.push(pem.into());
        self
    }

    /// Connects, on a thread of its own.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a URL or settings that cannot work, [`Error::Io`] if the system gives
    /// no thread.
    pub fn start(self) -> Result<WebSocket, Error> {
        let shared = self.prepare()?;
        let thread = Thread::start(run(Arc::clone(&shared)))?;
        Ok(WebSocket {
            shared,
            thread: Some(thread),
        })
    }

    /// Connects, as a task of the tokio runtime in which this is called.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a URL or settings that cannot work, and outside of a runtime.
    pub fn spawn(self) -> Result<WebSocket, Error> {
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|_| Error::Misuse("there is no tokio runtime: use start".to_owned()))?;
        let shared = self.prepare()?;
        runtime.spawn(run(Arc::clone(&shared)));
        Ok(WebSocket {
            shared,
            thread: None,
        })
    }

    fn prepare(self) -> Result<Arc<Shared>, Error> {
        let WebSocketBuilder {
            url,
            protocols,
            config,
        } = self;
        config.validate()?;
        let is_token = |it: &String| {
            !it.is_empty()
                && it
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && byte != b',')
        };
        if !protocols.iter().all(is_token) {
            return Err(Error::Misuse(
                "a subprotocol is printable ASCII without commas".to_owned(),
            ));
        }
        let endpoint = Endpoint::parse(&url, &config.extra_headers)?;
        let mut query = endpoint.query.clone();
        for (name, value) in &config.query {
            push_field(&mut query, name, value);
        }
        let mark = if query.is_empty() { "" } else { "?" };
        let target = format!("{}{mark}{query}", endpoint.path);
        Ok(Arc::new(Shared {
            dialer: Arc::new(Dialer::new(Arc::new(endpoint), &config)?),
            target,
            protocols,
            outbox: Mutex::default(),
            changed: Notify::new(),
            resume: Notify::new(),
            queue: Queue::new(config.max_pending_events),
            config,
        }))
    }
}

/// What the handle and the task share.
struct Shared {
    dialer: Arc<Dialer>,
    target: String,
    protocols: Vec<String>,
    config: Config,
    outbox: Mutex<Outbox>,
    /// The outbox has.
    changed: Notify,
    /// The queue has space again.
    resume: Notify,
    queue: Queue<WebSocketEvent>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// What waits to be sent.
#[derive(Debug, Default)]
struct Outbox {
    messages: VecDeque<Message>,
    bytes: usize,
    /// When it was closed: a close frame is the last message then.
    closed_at: Option<Instant>,
}

impl Shared {
    fn push(&self, message: Message, size: usize) -> Result<(), Error> {
        let mut outbox = self.outbox.lock();
        if outbox.closed_at.is_some() {
            return Err(Error::Closed);
        }
        let size = size + COST;
        if outbox.bytes > 0 && outbox.bytes + size > self.config.max_queued_bytes {
            return Err(Error::Full);
        }
        outbox.bytes += size;
        outbox.messages.push_back(message);
        drop(outbox);
        self.changed.notify_one();
        Ok(())
    }

    fn is_closing(&self) -> bool {
        self.outbox.lock().closed_at.is_some()
    }

    /// Takes all that waits.
    fn take_batch(&self) -> Vec<Message> {
        let mut outbox = self.outbox.lock();
        outbox.bytes = 0;
        std::mem::take(&mut outbox.messages).into()
    }

    async fn tell(&self, event: WebSocketEvent) {
        while !self.queue.has_space() {
            self.resume.notified().await;
        }
        self.queue.push(event);
    }
}

/// One WebSocket's life: attempt after attempt.
async fn run(shared: Arc<Shared>) {
    let mut backoff = Backoff::new(shared.config.reconnection.unwrap_or_default(), seed());
    loop {
        match open(&shared).await {
            Err(why) => shared.queue.push(WebSocketEvent::Unreachable(why)),
            Ok(None) => {}
            Ok(Some((socket, protocol))) => {
                backoff.reset();
                shared.queue.push(WebSocketEvent::Open { protocol });
                let closed = carry(&shared, socket).await;
                shared.queue.push(closed);
            }
        }
        if shared.is_closing() || shared.config.reconnection.is_none() {
            break;
        }
        let Some(wait) = backoff.next() else { break };
        let closing = wait_for_close(&shared);
        if tokio::time::timeout(wait, closing).await.is_ok() {
            break;
        }
    }
    // Nothing that is still sent would go anywhere.
    shared.outbox.lock().closed_at.get_or_insert(Instant::now());
    shared.queue.push(WebSocketEvent::Ended);
}

async fn wait_for_close(shared: &Shared) {
    while !shared.is_closing() {
        shared.changed.notified().await;
    }
}

/// Nothing if it was closed meanwhile, and has nothing else to say or no time left to.
async fn open(shared: &Arc<Shared>) -> Result<Option<(websocket::Socket, Option<String>)>, String> {
    let Shared {
        dialer,
        target,
        protocols,
        config,
        ..
    } = &**shared;
    let opening = websocket::open(dialer, target, protocols, config.max_payload);
    let opening = tokio::time::timeout(config.timeout, opening);
    tokio::select! {
        opened = opening => opened.unwrap_or_else(|_| Err("timeout".to_owned())).map(Some),
        () = wait_for_idle_close(shared) => Ok(None),
    }
}

/// Waits until it is closed and has nothing else to say, or no more time to say it.
async fn wait_for_idle_close(shared: &Shared) {
    wait_for_close(shared).await;
    // Nothing is added behind the close frame.
    if shared.outbox.lock().messages.len() > 1 {
        wait_for_close_timeout(shared).await;
    }
}

/// Waits until it is closed and was given its time to send what is queued.
async fn wait_for_close_timeout(shared: &Shared) {
    wait_for_close(shared).await;
    let closed_at = shared.outbox.lock().closed_at;
    if let Some(closed_at) = closed_at {
        sleep_until(closed_at + shared.config.close_timeout.min(LONGEST)).await;
    }
}

/// Carries messages both ways until the WebSocket is closed; gives how.
async fn carry(shared: &Arc<Shared>, socket: websocket::Socket) -> WebSocketEvent {
    let (sender, outgoing) = mpsc::channel(1);
    let (written, mut has_written) = mpsc::channel(1);
    let end = Mutex::new(None);
    let came = |incoming: Incoming| {
        let end = &end;
        async move {
            let event = match incoming {
                Incoming::Text(text) => {
                    WebSocketEvent::Message(WebSocketMessage::Text(text.as_str().to_owned()))
                }
                Incoming::Binary(bytes) => WebSocketEvent::Message(WebSocketMessage::Binary(bytes)),
                Incoming::Control(Message::Pong(payload)) => WebSocketEvent::Pong(payload),
                Incoming::Control(_) => return,
                Incoming::Closed { code, reason } => {
                    *end.lock() = Some(WebSocketEvent::Closed { code, reason });
                    return;
                }
                Incoming::Failed(reason) => {
                    *end.lock() = Some(WebSocketEvent::Closed { code: 1006, reason });
                    return;
                }
            };
            shared.tell(event).await;
        }
    };
    let tell_written = || async {
        // Its receiver lives as long as this.
        let _ = written.send(()).await;
    };
    let pump = async {
        loop {
            let batch = shared.take_batch();
            if batch.is_empty() {
                shared.changed.notified().await;
                continue;
            }
            let is_last = matches!(batch.last(), Some(Message::Close(_)));
            let write =
                async { sender.send(batch).await.is_ok() && has_written.recv().await.is_some() };
            tokio::select! {
                is_written = write => if !is_written || is_last { break },
                () = wait_for_close_timeout(shared) => return,
            }
        }
        // The end of `outgoing`: the WebSocket says goodbye, if it has not.
        drop(sender);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = websocket::run(socket, outgoing, came, tell_written) => {}
        () = pump => {}
    }
    let end = end.lock().take();
    // The server did not take what was queued, or answer our close frame, in time.
    end.unwrap_or(WebSocketEvent::Closed {
        code: 1006,
        reason: String::new(),
    })
}

/// RFC 6455 §5.5.
const MOST_CONTROL: usize = 125;

/// What a message costs beside its payload.
const COST: usize = 64;
