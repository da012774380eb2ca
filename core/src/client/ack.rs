//! Acks both ways: [`Ack`] answers the server's event, [`PendingAck`] waits for the server's answer.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use super::socket::Socket;
use super::wait::wait;
use crate::arguments::decode;
use crate::arguments::encode::Encoded;
use crate::arguments::{AckError, Anything};
use crate::embed::Response;
use crate::error::Error;

/// The answer that the server may have asked for. It is sent once, from any thread, at any time;
/// dropped, the server is told nothing.
///
/// The first handler of an event that takes an `Ack` is given the server's; further ones are given
/// one that nobody waits for.
///
/// `R` is the answer's type, if it is settled: that of a [`TypedEvent`](crate::client::TypedEvent).
#[derive(Debug)]
#[must_use = "the server waits for an answer"]
pub struct Ack<R = Anything> {
    socket: Socket,
    id: Option<u64>,
    answer: PhantomData<fn(R)>,
}

impl<R> Ack<R> {
    pub(super) fn new(socket: Socket, id: Option<u64>) -> Ack<R> {
        Ack {
            socket,
            id,
            answer: PhantomData,
        }
    }

    /// Whether the server asked for an answer. If not, [`Ack::send`] does nothing.
    pub fn is_wanted(&self) -> bool {
        self.id.is_some()
    }

    fn answer(self, arguments: impl Serialize) -> Result<(), Error> {
        match self.id {
            None => Ok(()),
            Some(id) => self.socket.answer(id, &Encoded::answer(&arguments)?),
        }
    }
}

impl Ack {
    /// Answers. A tuple is several arguments, `()` none, anything else one.
    ///
    /// # Errors
    /// [`Error::Misuse`] for arguments that cannot be JSON, [`Error::Full`], [`Error::Closed`].
    pub fn send(self, arguments: impl Serialize) -> Result<(), Error> {
        self.answer(arguments)
    }
}

impl<R: Serialize> Ack<R> {
    /// Answers. A tuple is several arguments, `()` none, anything else one.
    ///
    /// # Errors
    /// As that of an ack whose answer's type is not settled.
    pub fn send(self, answer: R) -> Result<(), Error> {
        self.answer(answer)
    }
}

/// What comes to the one who waits for an ack.
pub(super) type Answered = Result<Response, AckError>;

/// An event that is sent when this is awaited, or waited for, and then waits for the server's
/// answer.
///
/// # Examples
/// ```no_run
/// # use std::time::Duration;
/// # use sori::client::{AckError, Socket};
/// # async fn example(socket: Socket) -> Result<(), AckError> {
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

    /// How long to wait for the answer, time without a connection included. Without it: until it
    /// comes, or the connection over which the event went is lost.
    pub fn timeout(mut self, timeout: Duration) -> PendingAck<R> {
        self.timeout = Some(timeout);
        self
    }
}

impl<R: DeserializeOwned> PendingAck<R> {
    /// Sends the event and blocks the thread until the answer is there. Not for handlers, nor for
    /// async code.
    ///
    /// # Errors
    /// [`AckError`]
    pub fn wait(self) -> Result<R, AckError> {
        wait(self.into_future())
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
        let (sender, receiver) = oneshot::channel();
        let id = match event.and_then(|event| socket.ask(&event, timeout)) {
            Ok((id, answer)) => return AckFuture::new(socket, Some(id), answer),
            Err(error) => {
                // The receiver is still here.
                let _ = sender.send(Err(AckError::Emit(error)));
                None
            }
        };
        AckFuture::new(socket, id, receiver)
    }
}

/// The wait for the server's answer. Dropped, the answer is ignored when it comes.
pub struct AckFuture<R> {
    socket: Socket,
    id: Option<u64>,
    receiver: oneshot::Receiver<Answered>,
    answer: PhantomData<fn() -> R>,
}

impl<R> AckFuture<R> {
    fn new(socket: Socket, id: Option<u64>, receiver: oneshot::Receiver<Answered>) -> AckFuture<R> {
        AckFuture {
            socket,
            id,
            receiver,
            answer: PhantomData,
        }
    }
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
        if let Some(id) = self.id {
            self.socket.forget_ack(id);
        }
    }
}

impl<R> fmt::Debug for AckFuture<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AckFuture")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
