//! What many clients answer to a broadcast: all of it at the end, or each when it comes.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot};

use super::broadcast::Broadcast;
use super::decode;
use super::encode::Encoded;
use super::error::{AckError, ArgumentError};
use super::namespace::NamespaceState;
use super::socket::Socket;
use crate::embed::{AckRequest, BroadcastAck, Response, Telling};
use crate::error::Error;

/// What clients answered to a broadcast, in the order in which their answers came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answers<R> {
    /// The answers.
    pub received: Vec<R>,
    /// How many answered something that is not an `R`.
    pub undecodable: usize,
    /// Whether somebody had not answered when the time was up, or had gone.
    pub timed_out: bool,
}

/// A broadcast that is sent when this is awaited, and then waits for the clients' answers.
///
/// # Examples
/// ```no_run
/// # use std::time::Duration;
/// # async fn example(server: sori::Server) -> Result<(), sori::AckError> {
/// let votes = server
///     .to("jury")
///     .emit_with_ack::<u8>("vote", "act three")
///     .timeout(Duration::from_secs(30))
///     .await?;
/// let sum: u32 = votes.received.into_iter().map(u32::from).sum();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "the event is sent when this is awaited"]
pub struct PendingAnswers<R> {
    broadcast: Broadcast,
    event: Result<Encoded, Error>,
    timeout: Option<Duration>,
    answer: PhantomData<fn() -> R>,
}

impl<R> PendingAnswers<R> {
    pub(super) fn new(broadcast: Broadcast, event: Result<Encoded, Error>) -> PendingAnswers<R> {
        PendingAnswers {
            broadcast,
            event,
            timeout: None,
            answer: PhantomData,
        }
    }

    /// How long to wait for the last answer. Default:
    /// [`Config::broadcast_ack_timeout`](crate::Config::broadcast_ack_timeout).
    pub fn timeout(mut self, timeout: Duration) -> PendingAnswers<R> {
        self.timeout = Some(timeout);
        self
    }
}

impl<R: DeserializeOwned> PendingAnswers<R> {
    /// Sends the event, and gives each answer when it comes, with the socket that it came from if
    /// that is one of this server.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a reserved name, and for arguments that cannot be JSON.
    ///
    /// # Examples
    /// ```no_run
    /// # use std::time::Duration;
    /// # async fn example(server: sori::Server) -> sori::Result {
    /// let mut votes = server
    ///     .to("jury")
    ///     .emit_with_ack::<u8>("vote", "act three")
    ///     .timeout(Duration::from_secs(30))
    ///     .stream()?;
    /// while let Some(vote) = votes.next().await {
    ///     if let (Some(socket), Ok(points)) = (vote.socket, vote.value) {
    ///         server.emit("voted", (socket.id(), points))?;
    ///     }
    /// }
    /// server.emit("all voted", votes.is_complete())
    /// # }
    /// ```
    pub fn stream(self) -> Result<AnswerStream<R>, Error> {
        let PendingAnswers {
            broadcast,
            event,
            timeout,
            ..
        } = self;
        let event = event?;
        let namespace = Arc::clone(broadcast.namespace_state());
        let id = namespace.hub().next_ack();
        let (sender, receiver) = mpsc::unbounded_channel();
        let is_complete = broadcast.is_to_nobody();
        // To nobody, the sender goes here: the stream ends at once.
        if !is_complete && namespace.waiting.expect(id, Recipient::ForEach(sender)) {
            let ack = AckRequest {
                id,
                timeout,
                telling: Telling::OneByOne,
            };
            broadcast.send(&event, Some(ack));
        }
        Ok(AnswerStream {
            namespace,
            id,
            receiver,
            is_complete,
            answer: PhantomData,
        })
    }
}

impl<R: DeserializeOwned> IntoFuture for PendingAnswers<R> {
    type Output = Result<Answers<R>, AckError>;
    type IntoFuture = AnswersFuture<R>;

    /// Sends the event.
    fn into_future(self) -> AnswersFuture<R> {
        let PendingAnswers {
            broadcast,
            event,
            timeout,
            ..
        } = self;
        let namespace = Arc::clone(broadcast.namespace_state());
        let id = namespace.hub().next_ack();
        let (sender, receiver) = oneshot::channel();
        let mut failed = None;
        match event {
            Err(error) => failed = Some(error),
            Ok(_) if broadcast.is_to_nobody() => {
                let nobody = BroadcastAck {
                    responses: Vec::new(),
                    timed_out: false,
                };
                // The receiver is still here: it is returned below.
                let _ = sender.send(nobody);
            }
            Ok(event) => {
                if namespace.waiting.expect(id, Recipient::ForAll(sender)) {
                    let ack = AckRequest {
                        id,
                        timeout,
                        telling: Telling::Together,
                    };
                    broadcast.send(&event, Some(ack));
                }
            }
        }
        AnswersFuture {
            namespace,
            id,
            receiver,
            failed,
            answer: PhantomData,
        }
    }
}

/// The wait for a broadcast's answers. Dropped, the answers are ignored when they come.
pub struct AnswersFuture<R> {
    namespace: Arc<NamespaceState>,
    id: u64,
    receiver: oneshot::Receiver<BroadcastAck>,
    failed: Option<Error>,
    answer: PhantomData<fn() -> R>,
}

impl<R: DeserializeOwned> Future for AnswersFuture<R> {
    /// [`AckError::Disconnected`] if the server closed meanwhile.
    type Output = Result<Answers<R>, AckError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(AckError::Emit(error)));
        }
        Pin::new(&mut self.receiver).poll(cx).map(gathered)
    }
}

/// What came, decoded.
pub(super) fn gathered<R: DeserializeOwned>(
    outcome: Result<BroadcastAck, oneshot::error::RecvError>,
) -> Result<Answers<R>, AckError> {
    let outcome = outcome.map_err(|_| AckError::Disconnected)?;
    let mut answers = Answers {
        received: Vec::with_capacity(outcome.responses.len()),
        undecodable: 0,
        timed_out: outcome.timed_out,
    };
    for response in outcome.responses {
        match decode::answer(&response.data, &response.attachments) {
            Ok(answer) => answers.received.push(answer),
            Err(_) => answers.undecodable += 1,
        }
    }
    Ok(answers)
}

impl<R> Drop for AnswersFuture<R> {
    fn drop(&mut self) {
        self.namespace.forget(self.id);
    }
}

impl<R> fmt::Debug for AnswersFuture<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswersFuture")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What one client answered to a broadcast.
#[derive(Debug)]
#[non_exhaustive]
pub struct Answer<R> {
    /// Who answered; `None` for a client of another server of the cluster, which does not tell
    /// whose answer it is.
    pub socket: Option<Socket>,
    /// The answer, or what is wrong with it as an `R`.
    pub value: Result<R, ArgumentError>,
}

/// The answers to a broadcast in the order in which they come. It ends when all who were asked have
/// answered, when the time is up, or when the server closes; dropped, no more answers are waited
/// for. What has come and is not taken waits: at most one answer of each client that was asked.
///
/// Answers of clients that [`Socket::disconnect`] was called for meanwhile are passed over.
pub struct AnswerStream<R> {
    namespace: Arc<NamespaceState>,
    id: u64,
    receiver: mpsc::UnboundedReceiver<Told>,
    is_complete: bool,
    answer: PhantomData<fn() -> R>,
}

impl<R: DeserializeOwned> AnswerStream<R> {
    /// The next answer; `None` at the end.
    ///
    /// # Cancel safety
    /// Dropped before it is done, it has taken nothing.
    pub async fn next(&mut self) -> Option<Answer<R>> {
        std::future::poll_fn(|cx| self.poll_answer(cx)).await
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Option<Answer<R>>> {
        let told = std::task::ready!(self.receiver.poll_recv(cx));
        Poll::Ready(match told {
            Some(Told::Answer(socket, response)) => Some(Answer {
                socket,
                value: decode::answer(&response.data, &response.attachments),
            }),
            Some(Told::End(outcome)) => {
                self.is_complete = !outcome.timed_out;
                None
            }
            None => None,
        })
    }
}

impl<R> AnswerStream<R> {
    /// Whether all who were asked have answered. Before the end, false.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }
}

impl<R: DeserializeOwned> Stream for AnswerStream<R> {
    type Item = Answer<R>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Answer<R>>> {
        self.poll_answer(cx)
    }
}

impl<R> Drop for AnswerStream<R> {
    fn drop(&mut self) {
        self.namespace.forget(self.id);
    }
}

impl<R> fmt::Debug for AnswerStream<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerStream")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Who waits for a broadcast's answers.
pub(super) enum Recipient {
    /// For all of them.
    ForAll(oneshot::Sender<BroadcastAck>),
    /// For each. Unbounded: each client that was asked answers once.
    ForEach(mpsc::UnboundedSender<Told>),
}

/// What a stream of answers is told.
pub(super) enum Told {
    /// An answer.
    Answer(Option<Socket>, Response),
    /// No more come.
    End(BroadcastAck),
}
