//! Functions that handle a client's events: any `Fn(Socket, arguments…)`, with an [`Ack`] last when
//! wanted.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::ack::Ack;
use super::socket::Socket;
use crate::arguments::decode::{self};
use crate::arguments::{ArgumentError, Arguments};

/// Any error a handler may end with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a handler did not run to its end. Given to the hook of
/// [`Client::on_error`](super::Client::on_error); the server is told nothing.
#[derive(Debug)]
#[non_exhaustive]
pub enum HandlerError {
    /// The server's arguments are not those that the handler takes; it was not called.
    Arguments(ArgumentError),
    /// The handler ended with this error.
    Failed(BoxError),
    /// The handler panicked with this message. The client goes on.
    Panicked(String),
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandlerError::Arguments(error) => error.fmt(f),
            HandlerError::Failed(error) => error.fmt(f),
            HandlerError::Panicked(message) => write!(f, "the handler panicked: {message}"),
        }
    }
}

impl std::error::Error for HandlerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            HandlerError::Arguments(error) => Some(error),
            HandlerError::Failed(error) => Some(&**error),
            HandlerError::Panicked(_) => None,
        }
    }
}

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

/// What a handler may end with: `()` or `Result<(), E>`, where `E` is any error, or text.
pub trait Settled {
    #[doc(hidden)]
    fn settle(self) -> Result<(), BoxError>;
}

impl Settled for () {
    fn settle(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<E: Into<BoxError>> Settled for Result<(), E> {
    fn settle(self) -> Result<(), BoxError> {
        self.map_err(Into::into)
    }
}

/// What a handler may return: a [`Settled`] value, or a future of one. `K` tells the two apart and
/// is inferred.
pub trait Outcome<K> {
    #[doc(hidden)]
    fn into_called(self) -> Called;
}

/// Marks handlers that are done when they return.
#[derive(Debug)]
pub enum Plain {}

/// Marks handlers that return a future.
#[derive(Debug)]
pub enum Async {}

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

/// Runs what others wrote; a panic becomes an error.
pub(super) fn guard<R>(work: impl FnOnce() -> R) -> Result<R, HandlerError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| HandlerError::Panicked(words(&*panic)))
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

/// Marks handlers that take no [`Ack`].
#[derive(Debug)]
pub enum WithoutAck {}

/// Marks handlers that take an [`Ack`].
#[derive(Debug)]
pub enum WithAck {}

macro_rules! handlers {
    ($($T:ident)*) => {
        #[allow(non_snake_case)]
        impl<F, R, K, $($T),*> Handler<(WithoutAck, K, R, ($($T,)*))> for F
        where
            F: Fn(Socket, $($T),*) -> R + Send + Sync + 'static,
            R: Outcome<K>,
            $($T: DeserializeOwned,)*
        {
            fn call(&self, incoming: &mut Incoming<'_>) -> Result<Called, HandlerError> {
                let ($($T,)*) = incoming.arguments()?;
                Ok(self(incoming.socket.clone(), $($T),*).into_called())
            }
        }

        #[allow(non_snake_case)]
        impl<F, R, K, $($T),*> Handler<(WithAck, K, R, ($($T,)*))> for F
        where
            F: Fn(Socket, $($T,)* Ack) -> R + Send + Sync + 'static,
            R: Outcome<K>,
            $($T: DeserializeOwned,)*
        {
            fn call(&self, incoming: &mut Incoming<'_>) -> Result<Called, HandlerError> {
                let ($($T,)*) = incoming.arguments()?;
                let ack = Ack::new(incoming.socket.clone(), incoming.ack.take());
                Ok(self(incoming.socket.clone(), $($T,)* ack).into_called())
            }
        }
    };
}

handlers!();
handlers!(A);
handlers!(A B);
handlers!(A B C);
handlers!(A B C D);
handlers!(A B C D E);
handlers!(A B C D E G);
