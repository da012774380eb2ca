//! What a handler may return: nothing, a `Result`, or a future of either; and how its future is driven.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::error::{BoxError, HandlerError};
pub(super) use crate::arguments::outcome::guard;
pub use crate::arguments::{Async, Plain, Settled};

/// What a handler may return: a [`Settled`] value (a plain handler), or a future of one (an async
/// handler). `K` tells the two apart and is inferred.
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
    F: Future + 'static,
    F::Output: Settled,
{
    fn into_called(self) -> Called {
        Called::Later(Box::pin(async move { self.await.settle() }))
    }
}

/// A handler's future. It stays on the thread of its shard.
pub(super) type Running = Pin<Box<dyn Future<Output = Result<(), BoxError>>>>;

/// How far a call of a handler has come.
pub enum Called {
    /// It has ended.
    Done(Result<(), BoxError>),
    /// It goes on.
    Later(Pin<Box<dyn Future<Output = Result<(), BoxError>>>>),
}

impl std::fmt::Debug for Called {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Called::Done(_) => "Done",
            Called::Later(_) => "Later",
        })
    }
}

/// Calls a handler and, if it is async, takes it to its first wait: most never have one, and then
/// need no task. Gives what is left to do.
pub(super) fn start(
    call: impl FnOnce() -> Result<Called, HandlerError>,
) -> Result<Option<Running>, HandlerError> {
    match guard(call)?? {
        Called::Done(result) => result.map(|()| None).map_err(HandlerError::Failed),
        Called::Later(mut running) => {
            // Whoever drives it on polls it again, with a waker that wakes.
            let mut cx = Context::from_waker(Waker::noop());
            match poll(&mut running, &mut cx) {
                Poll::Ready(result) => result.map(|()| None),
                Poll::Pending => Ok(Some(running)),
            }
        }
    }
}

/// Polls a handler's future; a panic ends it as an error.
pub(super) fn poll(running: &mut Running, cx: &mut Context<'_>) -> Poll<Result<(), HandlerError>> {
    match guard(|| running.as_mut().poll(cx)) {
        Ok(polled) => polled.map(|result| result.map_err(HandlerError::Failed)),
        Err(panicked) => Poll::Ready(Err(panicked)),
    }
}
