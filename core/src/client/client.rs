//! A client whose events are handled by functions.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::config::Config;
use super::driver::{self, Application, Shared};
use super::event::{Event, SocketKey};
use super::handler::{HandlerError, guard};
use super::pull::check_namespace;
use super::reconnect::Reconnection;
use super::seat::Seat;
use super::socket::Socket;
use super::thread::Thread;
use super::wait::wait;
use crate::config::TransportKind;
use crate::error::Error;
use crate::pull::Space;

/// One connection to a Socket.IO server, for all the namespaces that are wanted of it. Clones are
/// handles on the same client; when the last one is dropped, it is closed.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    face: Arc<Face>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.change(|connection, now| connection.close(now));
    }
}

/// How a client's connection is coming back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconnecting {
    /// An attempt begins; the first is 1.
    Attempt(u32),
    /// That attempt succeeded.
    Done(u32),
    /// There will be no further attempt.
    Failed,
}

impl Client {
    /// A client of the server at `url`: its scheme, host and port, and perhaps a query.
    ///
    /// # Examples
    /// ```no_run
    /// use sori::client::{Client, Socket};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::builder("http://127.0.0.1:3000").start()?;
    /// let chat = client.socket("/")?;
    /// chat.on("said", |_: Socket, who: String, text: String| println!("{who}: {text}"));
    /// chat.connect().wait()?;
    /// chat.emit("say", "hello")?;
    /// let people: u32 = chat.emit_with_ack("count", ()).wait()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            url: url.into(),
            config: Config::default(),
        }
    }

    /// The socket of that namespace, for example `/`; the same at each call.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a name that does not begin with `/`.
    pub fn socket(&self, namespace: &str) -> Result<Socket, Error> {
        check_namespace(namespace)?;
        let Inner { shared, face } = &*self.inner;
        let key = shared.look().socket(namespace);
        let seat = face.seat(key);
        Ok(Socket::new(shared, seat, key, namespace))
    }

    /// Tells `hook` how the connection is coming back. It must not block.
    pub fn on_reconnecting(&self, hook: impl Fn(Reconnecting) + Send + Sync + 'static) {
        *self.inner.face.on_reconnecting.write() = Some(Arc::new(hook));
    }

    /// Tells `hook` of handlers that failed: on which socket, at which event.
    pub fn on_error(&self, hook: impl Fn(&Socket, &str, &HandlerError) + Send + Sync + 'static) {
        *self.inner.face.on_error.write() = Some(Arc::new(hook));
    }

    /// What carries the connection now, if there is one.
    pub fn transport(&self) -> Option<TransportKind> {
        self.inner.shared.look().transport()
    }

    /// Disconnects every socket and closes the connection, without waiting; what was sent before
    /// still leaves. Nothing can be done with the client after.
    pub fn close(&self) {
        self.inner
            .shared
            .change(|connection, now| connection.close(now));
    }

    /// Waits until the client has been closed and its handlers have ended.
    pub async fn closed(&self) {
        let mut closed = self.inner.face.closed.subscribe();
        // The sender is in `face`, and outlives this.
        let _ = closed.wait_for(|is_closed| *is_closed).await;
    }

    /// Blocks the thread until the client has been closed. Not for handlers, nor for async code.
    pub fn wait(&self) {
        wait(self.closed());
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// The settings of a client that is to be. [`Config`] says what they mean, and their defaults.
#[derive(Clone, Debug)]
#[must_use = "a client is made by start or spawn"]
pub struct ClientBuilder {
    url: String,
    config: Config,
}

impl ClientBuilder {
    /// All settings at once.
    pub fn config(mut self, config: Config) -> ClientBuilder {
        self.config = config;
        self
    }

    /// Path under which the server listens. Default `/socket.io/`.
    pub fn path(mut self, path: impl Into<String>) -> ClientBuilder {
        self.config.path = path.into();
        self
    }

    /// Adds a field to the query of every request.
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> ClientBuilder {
        self.config.query.push((name.into(), value.into()));
        self
    }

    /// Adds a header to every request.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> ClientBuilder {
        self.config.extra_headers.push((name.into(), value.into()));
        self
    }

    /// The transports to use; the first is that of the handshake.
    pub fn transports(mut self, kinds: impl IntoIterator<Item = TransportKind>) -> ClientBuilder {
        self.config.transports = kinds.into_iter().collect();
        self
    }

    /// How to come back; `None` does not.
    pub fn reconnection(mut self, how: impl Into<Option<Reconnection>>) -> ClientBuilder {
        self.config.reconnection = how.into();
        self
    }

    /// How long connecting may take. Default 20 s.
    pub fn timeout(mut self, timeout: Duration) -> ClientBuilder {
        self.config.timeout = timeout;
        self
    }

    /// Trusts the certificates in `pem` beside those of the system.
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> ClientBuilder {
        self.config.root_certificates.push(pem.into());
        self
    }

    /// Starts the client on a thread of its own, where its handlers run too.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a URL or settings that cannot work, [`Error::Io`] if the system gives
    /// no thread.
    pub fn start(self) -> Result<Client, Error> {
        let (client, face) = self.prepare()?;
        Thread::start(driver::run(Arc::clone(&client.inner.shared), face))?;
        Ok(client)
    }

    /// Starts the client as a task of the tokio runtime in which this is called; its handlers run
    /// there too.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a URL or settings that cannot work, and outside of a runtime.
    pub fn spawn(self) -> Result<Client, Error> {
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|_| Error::Misuse("there is no tokio runtime: use start".to_owned()))?;
        let (client, face) = self.prepare()?;
        runtime.spawn(driver::run(Arc::clone(&client.inner.shared), face));
        Ok(client)
    }

    fn prepare(self) -> Result<(Client, Arc<Face>), Error> {
        let most_events = self.config.max_pending_events;
        let patience = self.config.close_timeout;
        let shared = Shared::new(&self.url, self.config)?;
        let face = Arc::new_cyclic(|me| Face {
            me: Weak::clone(me),
            shared: Arc::clone(&shared),
            seats: RwLock::default(),
            lanes: Mutex::default(),
            space: Space::new(most_events),
            patience,
            on_reconnecting: RwLock::default(),
            on_error: RwLock::default(),
            closed: watch::Sender::new(false),
        });
        let inner = Arc::new(Inner {
            shared,
            face: Arc::clone(&face),
        });
        Ok((Client { inner }, face))
    }
}

type ReconnectingHook = dyn Fn(Reconnecting) + Send + Sync;
type ErrorHook = dyn Fn(&Socket, &str, &HandlerError) + Send + Sync;

/// Takes a client's events to the seats of its sockets.
struct Face {
    me: Weak<Face>,
    shared: Arc<Shared>,
    /// By key.
    seats: RwLock<Vec<Arc<Seat>>>,
    /// The tasks in which handlers run, one for each socket.
    lanes: Mutex<JoinSet<()>>,
    /// Of all lanes together.
    space: Space,
    patience: Duration,
    on_reconnecting: RwLock<Option<Arc<ReconnectingHook>>>,
    on_error: RwLock<Option<Arc<ErrorHook>>>,
    closed: watch::Sender<bool>,
}

impl Application for Face {
    fn handle(&self, event: Event) {
        match event {
            Event::Ack { socket, id, answer } => self.seat(socket).take_answer(id, answer),
            Event::Connect { socket, .. }
            | Event::ConnectError { socket, .. }
            | Event::Message { socket, .. }
            | Event::Disconnect { socket, .. } => {
                self.space.take(event.size());
                let seat = self.seat(socket);
                seat.enqueue(event, || self.open_lane(&seat, socket));
            }
            Event::ReconnectAttempt { attempt } => self.tell(Reconnecting::Attempt(attempt)),
            Event::Reconnect { attempt } => self.tell(Reconnecting::Done(attempt)),
            Event::ReconnectFailed => self.tell(Reconnecting::Failed),
            Event::Closed => {
                for seat in self.seats.read().iter() {
                    seat.close();
                }
            }
        }
    }

    fn is_ready(&self) -> bool {
        self.space.is_left()
    }

    fn finish(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut lanes = std::mem::take(&mut *self.lanes.lock());
        let me = Weak::clone(&self.me);
        let patience = self.patience;
        Box::pin(async move {
            let all = async { while lanes.join_next().await.is_some() {} };
            // A handler that goes on for longer is dropped with its lane.
            let _ = tokio::time::timeout(patience, all).await;
            if let Some(face) = me.upgrade() {
                for seat in face.seats.read().iter() {
                    seat.forget_handlers();
                }
                face.closed.send_replace(true);
            }
        })
    }
}

impl Face {
    fn seat(&self, key: SocketKey) -> Arc<Seat> {
        let at = key.0 as usize;
        if let Some(seat) = self.seats.read().get(at) {
            return Arc::clone(seat);
        }
        let mut seats = self.seats.write();
        while seats.len() <= at {
            seats.push(Arc::default());
        }
        Arc::clone(&seats[at])
    }

    /// Called by the driver, and so within its runtime.
    fn open_lane(&self, seat: &Arc<Seat>, key: SocketKey) -> mpsc::UnboundedSender<Event> {
        let (sender, mut events) = mpsc::unbounded_channel::<Event>();
        let namespace = self.shared.look().namespace(key).unwrap_or_default();
        let socket = Socket::new(&self.shared, Arc::clone(seat), key, &namespace);
        let seat = Arc::clone(seat);
        let me = Weak::clone(&self.me);
        self.lanes.lock().spawn(async move {
            while let Some(event) = events.recv().await {
                let size = event.size();
                let report = |event: &str, error: &HandlerError| {
                    if let Some(face) = me.upgrade() {
                        face.report(&socket, event, error);
                    }
                };
                seat.dispatch(&socket, event, report).await;
                let Some(face) = me.upgrade() else { return };
                face.space.give_back(size);
                if face.space.is_resume_due() {
                    face.shared.wake();
                }
            }
        });
        sender
    }

    fn tell(&self, stage: Reconnecting) {
        let hook = self.on_reconnecting.read().clone();
        if let Some(hook) = hook {
            // The panic hook has been told of it.
            let _ = guard(|| hook(stage));
        }
    }

    fn report(&self, socket: &Socket, event: &str, error: &HandlerError) {
        let hook = self.on_error.read().clone();
        if let Some(hook) = hook {
            // The panic hook has been told of it.
            let _ = guard(|| hook(socket, event, error));
        }
    }
}
