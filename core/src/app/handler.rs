//! Functions that handle events: any `Fn(Socket, arguments…)`, with an [`Ack`] last when wanted.

use std::any::TypeId;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::ack::Ack;
use super::data::DataMap;
use super::decode::{self, Arguments};
use super::error::HandlerError;
use super::outcome::{Called, Outcome};
use super::socket::Socket;
use crate::arguments::handler::{for_each_arity, impl_handler};
pub use crate::arguments::{AnyEvent, WithAck, WithoutAck};

/// A function that handles an event.
///
/// It takes the [`Socket`], then a [`State`](super::State) if it wants one, then up to six arguments
/// of any types that serde deserialises, by position, then an [`Ack`] if it wants to answer. It returns `()` or `Result<(), E>`, or a
/// future of either. `M` tells the shapes apart and is inferred; argument types of closures have
/// to be written out.
///
/// A plain handler runs on the IO thread of its connection: while it runs, the other connections
/// of that thread wait, so it must be short and must not block. An async handler's future stays on
/// that thread as well (it need not be `Send`) and must not block either; work that does belongs
/// on a thread pool. While it is pending, the later events of its socket wait for it, and no
/// others.
#[diagnostic::on_unimplemented(
    message = "this function cannot handle an event",
    note = "a handler is `Fn(Socket, A, B, …)` or `Fn(Socket, A, B, …, Ack)` with at most six \
            arguments that implement `DeserializeOwned`, plain or async, and returns `()` or \
            `Result<(), E>`",
    note = "the `Socket` is always there and comes first, a `State` behind it, the `Ack` last; a type of \
            your own has `#[derive(serde::Deserialize)]`; an answer is sent by an `Ack`, not returned"
)]
pub trait Handler<M>: Send + Sync + 'static {
    #[doc(hidden)]
    fn call(&self, incoming: &mut Incoming<'_>) -> Result<Called, HandlerError>;

    /// The name of the type of the [`State`](super::State) that it takes and the server has not.
    #[doc(hidden)]
    fn missing_state(&self, has: &dyn Fn(TypeId) -> bool) -> Option<&'static str> {
        let _ = has;
        None
    }
}

/// A handler whose types are forgotten.
pub(super) type EventHandler =
    dyn Fn(&mut Incoming<'_>) -> Result<Called, HandlerError> + Send + Sync;

/// Forgets a handler's types.
///
/// # Panics
/// It takes a state that the server has not.
#[track_caller]
pub(super) fn forget_types<M>(
    handler: impl Handler<M>,
    event: &str,
    state: &DataMap,
) -> Arc<EventHandler> {
    if let Some(missing) = handler.missing_state(&|wanted| state.has(wanted)) {
        panic!(
            "a handler of \"{event}\" takes State<{missing}>, which ServerBuilder::state was not given"
        );
    }
    Arc::new(move |incoming| handler.call(incoming))
}

/// An event on its way to its handlers.
#[derive(Debug)]
pub struct Incoming<'a> {
    pub(super) socket: &'a Socket,
    /// What stands behind the event's name.
    pub(super) behind_name: &'a str,
    pub(super) attachments: &'a [Bytes],
    /// Taken by the first handler that wants it.
    pub(super) ack: Option<u64>,
}

impl Incoming<'_> {
    pub(super) fn arguments<T: Arguments>(&self) -> Result<T, HandlerError> {
        decode::arguments_behind(self.behind_name, self.attachments)
            .map_err(HandlerError::Arguments)
    }
}

for_each_arity!(impl_handler);
