//! One namespace of the server, as the application holds it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::oneshot;

use super::ack::{Answered, PendingAck};
use super::driver::Shared;
use super::event::{ConnectError, DisconnectReason, SocketKey};
use super::handler::{Handler, Outcome};
use super::pull;
use super::seat::{Connected, Seat};
use super::sockets::Manner;
use super::wait::wait;
use crate::arguments::AnyEvent;
use crate::arguments::encode::Encoded;
use crate::error::Error;

/// One namespace of the server. Clones are handles on the same socket; they may be kept, sent to
/// other threads and used at any time.
///
/// Give it its handlers, then let it [`connect`](Socket::connect).
#[derive(Clone)]
pub struct Socket {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    seat: Arc<Seat>,
    key: SocketKey,
    namespace: Arc<str>,
}

/// Handlers.
impl Socket {
    /// Calls `handler` for events of that name.
    ///
    /// # Examples
    /// ```no_run
    /// # use sori::client::{Ack, Socket};
    /// # fn example(socket: Socket) {
    /// socket.on("said", |_: Socket, who: String, text: String| println!("{who}: {text}"));
    /// socket.on("add", |_: Socket, a: i64, b: i64, ack: Ack| ack.send(a + b));
    /// socket.on("tick", |socket: Socket| async move { socket.emit("tock", ()) });
    /// # }
    /// ```
    pub fn on<M>(&self, event: &str, handler: impl Handler<M>) {
        self.inner
            .seat
            .add(event, Arc::new(move |incoming| handler.call(incoming)));
    }

    /// Calls `handler` for every event, before the event's own handlers.
    pub fn on_any<F>(&self, handler: F)
    where
        F: Fn(&Socket, AnyEvent<'_>) + Send + Sync + 'static,
    {
        self.inner.seat.add_any(Arc::new(handler));
    }

    /// Calls `handler` each time the socket is connected: also when it comes back.
    pub fn on_connect<F, R, K>(&self, handler: F)
    where
        F: Fn(Socket) -> R + Send + Sync + 'static,
        R: Outcome<K>,
    {
        let handler = move |socket| handler(socket).into_called();
        self.inner.seat.add_connect(Arc::new(handler));
    }

    /// Calls `handler` each time the socket could not be connected.
    pub fn on_connect_error<F, R, K>(&self, handler: F)
    where
        F: Fn(Socket, ConnectError) -> R + Send + Sync + 'static,
        R: Outcome<K>,
    {
        let handler = move |socket, error| handler(socket, error).into_called();
        self.inner.seat.add_connect_error(Arc::new(handler));
    }

    /// Calls `handler` each time the socket is disconnected.
    pub fn on_disconnect<F, R, K>(&self, handler: F)
    where
        F: Fn(Socket, DisconnectReason) -> R + Send + Sync + 'static,
        R: Outcome<K>,
    {
        let handler = move |socket, reason| handler(socket, reason).into_called();
        self.inner.seat.add_disconnect(Arc::new(handler));
    }

    /// Takes away the handlers of that event.
    pub fn off(&self, event: &str) {
        self.inner.seat.remove(event);
    }
}

/// Its connection.
impl Socket {
    /// Lets it connect, and come back when it loses its connection, as the client's settings say.
    /// Does nothing if it is at it. What comes of it may be awaited, or left alone.
    pub fn connect(&self) -> Connecting {
        let (sender, receiver) = oneshot::channel();
        if self.is_connected() {
            // The receiver is still here.
            let _ = sender.send(Ok(()));
        } else {
            self.inner.seat.await_connect(sender);
            self.inner
                .shared
                .change(|connection, now| connection.connect(self.inner.key, now));
        }
        Connecting { receiver }
    }

    /// Disconnects it: it does not come back by itself. What was sent before still leaves.
    pub fn disconnect(&self) {
        self.inner
            .shared
            .change(|connection, now| connection.disconnect(self.inner.key, now));
    }

    /// What the server is given when the socket connects, from the next time on: anything that is a
    /// JSON object.
    ///
    /// # Errors
    /// [`Error::Misuse`] if it is none.
    pub fn set_auth(&self, auth: impl Serialize) -> Result<(), Error> {
        let json = serde_json::to_string(&auth)
            .map_err(|error| Error::Misuse(format!("auth cannot be JSON: {error}")))?;
        if !json.starts_with('{') {
            return Err(Error::Misuse("auth must be a JSON object".to_owned()));
        }
        let key = self.inner.key;
        self.inner.shared.look().set_auth(key, Some(&json));
        Ok(())
    }

    /// Whether it is connected.
    pub fn is_connected(&self) -> bool {
        self.inner.shared.look().is_connected(self.inner.key)
    }

    /// Whether it is connected or will be by itself, if the server lets it.
    pub fn is_active(&self) -> bool {
        self.inner.shared.look().is_active(self.inner.key)
    }

    /// Its id on the server, while it is connected.
    pub fn id(&self) -> Option<Arc<str>> {
        self.inner.shared.look().sid(self.inner.key)
    }

    /// Whether it was away and came back as the same socket, with all it missed.
    pub fn is_recovered(&self) -> bool {
        self.inner.seat.is_recovered()
    }

    /// Its namespace's name.
    pub fn namespace_name(&self) -> &str {
        &self.inner.namespace
    }
}

/// Sending.
impl Socket {
    /// Sends an event: at once, or when the socket is connected. A tuple is several arguments, `()`
    /// none, anything else one; [`Binary`](crate::client::Binary) is sent as an attachment.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a reserved name, and for arguments that cannot be JSON; [`Error::Full`]
    /// if too much waits; [`Error::Closed`].
    pub fn emit(&self, event: &str, arguments: impl Serialize) -> Result<(), Error> {
        self.send(&Encoded::event(event, &arguments)?, Manner::default())
    }

    /// Sends an event unless it would have to wait: for a connection, or behind others.
    ///
    /// # Errors
    /// As [`Socket::emit`].
    pub fn emit_volatile(&self, event: &str, arguments: impl Serialize) -> Result<(), Error> {
        let manner = Manner {
            volatile: true,
            ack: None,
        };
        self.send(&Encoded::event(event, &arguments)?, manner)
    }

    /// Sends an event, when the result is awaited, and waits for the server's answer: its first
    /// argument, or a tuple of several.
    pub fn emit_with_ack<R>(&self, event: &str, arguments: impl Serialize) -> PendingAck<R> {
        PendingAck::new(self.clone(), Encoded::event(event, &arguments))
    }

    fn send(&self, event: &Encoded, manner: Manner) -> Result<(), Error> {
        let Inner { shared, key, .. } = &*self.inner;
        pull::emit(shared, *key, &event.payload(), manner).map(|_| ())
    }
}

/// For the rest of the client.
impl Socket {
    pub(super) fn new(
        shared: &Arc<Shared>,
        seat: Arc<Seat>,
        key: SocketKey,
        namespace: &str,
    ) -> Socket {
        Socket {
            inner: Arc::new(Inner {
                shared: Arc::clone(shared),
                seat,
                key,
                namespace: namespace.into(),
            }),
        }
    }

    /// Sends an event and gives the way by which its answer comes.
    pub(super) fn ask(
        &self,
        event: &Encoded,
        timeout: Option<Duration>,
    ) -> Result<(u64, oneshot::Receiver<Answered>), Error> {
        let Inner {
            shared, seat, key, ..
        } = &*self.inner;
        let manner = Manner {
            volatile: false,
            ack: Some(timeout),
        };
        seat.expect_ack(|| {
            let id = pull::emit(shared, *key, &event.payload(), manner)?;
            // Every socket that the application holds is one of the client's.
            id.ok_or(Error::Closed)
        })
    }

    pub(super) fn forget_ack(&self, id: u64) {
        self.inner.seat.forget_ack(id);
    }

    pub(super) fn answer(&self, id: u64, answer: &Encoded) -> Result<(), Error> {
        let Inner { shared, key, .. } = &*self.inner;
        pull::answer(shared, *key, id, &answer.payload())
    }
}

impl PartialEq for Socket {
    fn eq(&self, other: &Socket) -> bool {
        Arc::ptr_eq(&self.inner.seat, &other.inner.seat)
    }
}

impl Eq for Socket {}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("namespace", &self.inner.namespace)
            .finish_non_exhaustive()
    }
}

/// What comes of [`Socket::connect`]: the socket is connected, or the first attempt failed. Further
/// attempts go on all the same, if the client's settings allow.
#[derive(Debug)]
pub struct Connecting {
    receiver: oneshot::Receiver<Connected>,
}

impl Connecting {
    /// Blocks the thread until it is known. Not for handlers, nor for async code.
    ///
    /// # Errors
    /// [`ConnectError`]
    pub fn wait(self) -> Result<(), ConnectError> {
        wait(self)
    }
}

impl Future for Connecting {
    type Output = Result<(), ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.receiver).poll(cx).map(|received| {
            received.unwrap_or_else(|_| Err(ConnectError::Unreachable("disconnected".to_owned())))
        })
    }
}
