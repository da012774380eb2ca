//! Functions that handle events: any `Fn(Socket, arguments…)`, with an [`Ack`] last when wanted.

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::ack::Ack;
use super::decode::{self, Arguments};
use super::error::HandlerError;
use super::outcome::{Called, Outcome};
use super::socket::Socket;
pub use crate::arguments::AnyEvent;

/// A function that handles an event.
///
/// It takes the [`Socket`], then up to six arguments of any types that serde deserialises, by
/// position, then an [`Ack`] if it wants to answer. It returns `()` or `Result<(), E>`, or a
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
            `Result<(), E>`"
)]
pub trait Handler<M>: Send + Sync + 'static {
    #[doc(hidden)]
    fn call(&self, incoming: &mut Incoming<'_>) -> Result<Called, HandlerError>;
}

/// A handler whose types are forgotten.
pub(super) type EventHandler =
    dyn Fn(&mut Incoming<'_>) -> Result<Called, HandlerError> + Send + Sync;

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

    fn take_ack(&mut self) -> Ack {
        Ack::new(self.socket.clone(), self.ack.take())
    }
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
                let ack = incoming.take_ack();
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
