//! What many clients answer to a broadcast: all of it at the end.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use super::broadcast::Broadcast;
use super::decode;
use super::encode::Encoded;
use super::error::AckError;
use super::namespace::NamespaceState;
use crate::embed::{AckRequest, BroadcastAck};
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
                if namespace.expect(id, sender) {
                    broadcast.send(&event, Some(AckRequest { id, timeout }));
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
        Pin::new(&mut self.receiver).poll(cx).map(|outcome| {
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
        })
    }
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
