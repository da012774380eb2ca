//! Functions that handle a client's events: any `Fn(Socket, arguments…)`, with an [`Ack`] last when
//! wanted.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::ack::Ack;
use super::socket::Socket;
use crate::arguments::handler::{for_each_arity, impl_handler};
pub(super) use crate::arguments::outcome::guard;
use crate::arguments::{Arguments, decode};
pub use crate::arguments::{Async, BoxError, HandlerError, Plain, Settled, WithAck, WithoutAck};

/// A function that handles an event of the server.
///
/// It takes the [`Socket`], then up to six arguments of any types that serde deserialises, by
/// position, then an [`Ack`] if it wants to answer. It returns `()` or `Result<(), E>`, or a future
/// of either that is `Send`. `M` tells the shapes apart and is inferred; argument types of closures
/// have to be written out.
///
/// The handlers of one socket run one after another, in the order in which its events came, async
/// ones to their end. On a client with a thread of its own a handler must not block: it would hold
/// up all that the client does.
#[diagnostic::on_unimplemented(
    message = "this function cannot handle an event",
    note = "a handler is `Fn(Socket, A, B, …)` or `Fn(Socket, A, B, …, Ack)` with at most six \
            arguments that implement `DeserializeOwned`, plain or async (its future is `Send`), and \
            returns `()` or `Result<(), E>`"
)]
pub trait Handler<M>: Send + Sync + 'static {
    #[doc(hidden)]
    fn call(&self, incoming: &mut Incoming<'_>) -> Result<Called, HandlerError>;
}

/// An event on its way to its handlers.
#[derive(Debug)]
pub struct Incoming<'a> {
    pub(super) socket: &'a Socket,
    pub(super) data: &'a str,
    pub(super) attachments: &'a [Bytes],
    /// Taken by the first handler that wants it.
    pub(super) ack: Option<u64>,
}

impl Incoming<'_> {
    fn arguments<T: Arguments>(&self) -> Result<T, HandlerError> {
        decode::event_arguments(self.data, self.attachments).map_err(HandlerError::Arguments)
    }
}

/// What a handler may return: a [`Settled`] value, or a future of one. `K` tells the two apart and
/// is inferred.
pub trait Outcome<K> {
    #[doc(hidden)]
    fn into_called(self) -> Called;
}

impl<O: Settled> Outcome<Plain> for O {
    fn into_called(self) -> Called {
        Called::Done(self.settle())
    }
}

impl<F> Outcome<Async> for F
where
    F: Future + Send + 'static,
    F::Output: Settled,
{
    fn into_called(self) -> Called {
        Called::Later(Box::pin(async move { self.await.settle() }))
    }
}

/// How far a call of a handler has come.
pub enum Called {
    /// It has ended.
    Done(Result<(), BoxError>),
    /// It goes on.
    Later(Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>),
}

impl fmt::Debug for Called {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Called::Done(_) => "Done",
            Called::Later(_) => "Later",
        })
    }
}

/// Calls a handler and waits for its end.
pub(super) async fn run(
    call: impl FnOnce() -> Result<Called, HandlerError>,
) -> Result<(), HandlerError> {
    match guard(call)?? {
        Called::Done(result) => result.map_err(HandlerError::Failed),
        Called::Later(mut running) => {
            std::future::poll_fn(|cx| match guard(|| running.as_mut().poll(cx)) {
                Ok(polled) => polled.map(|result| result.map_err(HandlerError::Failed)),
                Err(panicked) => Poll::Ready(Err(panicked)),
            })
            .await
        }
    }
}

for_each_arity!(impl_handler);
