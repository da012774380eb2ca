//! Acks both ways: [`Ack`] answers a client's event, [`PendingAck`] waits for a client's answer.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use super::decode;
use super::encode::Encoded;
use super::error::AckError;
use super::socket::Socket;
use crate::embed::{AckRequest, Command, Response, Telling};
use crate::error::Error;

/// The answer that a client may have asked for. It is sent once, from any thread, at any time;
/// dropped, the client is told nothing.
///
/// The first handler of an event that takes an `Ack` is given the client's; further ones are given
/// one that nobody waits for.
#[derive(Debug)]
#[must_use = "the client waits for an answer"]
pub struct Ack {
    socket: Socket,
    id: Option<u64>,
}

impl Ack {
    pub(super) fn new(socket: Socket, id: Option<u64>) -> Ack {
        Ack { socket, id }
    }

    /// Whether the client asked for an answer. If not, [`Ack::send`] does nothing.
    pub fn is_wanted(&self) -> bool {
        self.id.is_some()
    }

    /// Answers. A tuple is several arguments, `()` none, anything else one.
    ///
    /// # Errors
    /// [`Error::Misuse`] for arguments that cannot be JSON.
    pub fn send(self, arguments: impl Serialize) -> Result<(), Error> {
        let Some(id) = self.id else {
            return Ok(());
        };
        let encoded = Encoded::answer(&arguments)?;
        if self.socket.is_connected() {
            let namespace = self.socket.namespace_state().hub();
            let socket = self.socket.reference();
            let engine = self.socket.engine();
            engine.answer_event(namespace, socket, id, &encoded.payload());
        }
        Ok(())
    }
}

/// What comes to the one who waits for an ack.
pub(super) type Answered = Result<Response, AckError>;

/// An event that is sent when this is awaited, and then waits for the client's answer.
///
/// # Examples
/// ```no_run
/// # use std::time::Duration;
/// # async fn example(socket: sori::Socket) -> Result<(), sori::AckError> {
/// let sum: i64 = socket
///     .emit_with_ack("add", (1, 2))
///     .timeout(Duration::from_secs(5))
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "the event is sent when this is awaited"]
pub struct PendingAck<R> {
    socket: Socket,
    event: Result<Encoded, Error>,
    timeout: Option<Duration>,
    answer: PhantomData<fn() -> R>,
}

impl<R> PendingAck<R> {
    pub(super) fn new(socket: Socket, event: Result<Encoded, Error>) -> PendingAck<R> {
        PendingAck {
            socket,
            event,
            timeout: None,
            answer: PhantomData,
        }
    }

    /// How long to wait for the answer. Without it: until the socket is disconnected.
    pub fn timeout(mut self, timeout: Duration) -> PendingAck<R> {
        self.timeout = Some(timeout);
        self
    }
}

impl<R: DeserializeOwned> IntoFuture for PendingAck<R> {
    type Output = Result<R, AckError>;
    type IntoFuture = AckFuture<R>;

    /// Sends the event.
    fn into_future(self) -> AckFuture<R> {
        let PendingAck {
            socket,
            event,
            timeout,
            ..
        } = self;
        let id = socket.next_ack();
        let (sender, receiver) = oneshot::channel();
        match event {
            Err(error) => {
                // The receiver is still here: it is returned below.
                let _ = sender.send(Err(AckError::Emit(error)));
            }
            Ok(event) => {
                if socket.expect_ack(id, sender) {
                    socket.namespace_state().announce(Some(&socket), &event);
                    socket.engine().execute(Command::Emit {
                        socket: socket.reference(),
                        payload: event.payload(),
                        volatile: false,
                        ack: Some(AckRequest {
                            id,
                            timeout,
                            telling: Telling::default(),
                        }),
                    });
                }
            }
        }
        AckFuture {
            socket,
            id,
            receiver,
            answer: PhantomData,
        }
    }
}

/// The wait for one client's answer. Dropped, the answer is ignored when it comes.
pub struct AckFuture<R> {
    socket: Socket,
    id: u64,
    receiver: oneshot::Receiver<Answered>,
    answer: PhantomData<fn() -> R>,
}

impl<R: DeserializeOwned> Future for AckFuture<R> {
    type Output = Result<R, AckError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.receiver).poll(cx).map(|received| {
            let response = received.map_err(|_| AckError::Disconnected)??;
            decode::answer(&response.data, &response.attachments).map_err(AckError::Decode)
        })
    }
}

impl<R> Drop for AckFuture<R> {
    fn drop(&mut self) {
        self.socket.forget_ack(self.id);
    }
}

impl<R> fmt::Debug for AckFuture<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AckFuture")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
