//! What all handlers share, as an argument of theirs.

use std::any::{Any, TypeId, type_name};
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::ack::Ack;
use super::error::HandlerError;
use super::handler::{Handler, Incoming};
use super::outcome::{Called, Outcome};
use super::socket::Socket;
use crate::arguments::handler::for_each_arity;
use crate::arguments::{Fits, WithAck, WithoutAck};

/// The value of type `T` that the server was built with
/// ([`ServerBuilder::state`](crate::ServerBuilder::state)), as the argument of a handler between the
/// [`Socket`] and what the client sent. Other handlers have [`Socket::state`].
///
/// A handler that takes one which the builder was not given cannot be registered: it panics at once,
/// and not when the first client comes.
///
/// # Examples
/// ```no_run
/// # use std::sync::atomic::{AtomicU64, Ordering};
/// use sori::{Server, Socket, State};
///
/// #[derive(Default)]
/// struct Words(AtomicU64);
///
/// # fn main() -> sori::Result {
/// let server = Server::builder().state(Words::default()).build()?;
/// server.of("/").on("say", |socket: Socket, words: State<Words>, text: String| {
///     words.0.fetch_add(1, Ordering::Relaxed);
///     socket.broadcast().emit("said", text)
/// });
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct State<T>(Arc<T>);

impl<T> State<T> {
    /// The value, to keep.
    pub fn into_inner(self) -> Arc<T> {
        self.0
    }
}

impl<T> Clone for State<T> {
    fn clone(&self) -> State<T> {
        State(Arc::clone(&self.0))
    }
}

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Marks handlers that take a [`State`].
#[derive(Debug)]
pub struct WithState<T>(PhantomData<fn(T)>);

impl<S, T, W, K, R, A> Fits<S> for (WithState<T>, W, K, R, A) where (W, K, R, A): Fits<S> {}

impl Incoming<'_> {
    fn state<T: Any + Send + Sync>(&self) -> Result<State<T>, HandlerError> {
        let missing = || HandlerError::Failed(format!("no state {}", type_name::<T>()).into());
        self.socket.state().map(State).ok_or_else(missing)
    }
}

fn missing<T: Any>(has: &dyn Fn(TypeId) -> bool) -> Option<&'static str> {
    (!has(TypeId::of::<T>())).then(type_name::<T>)
}

macro_rules! impl_handler_with_state {
    ($($T:ident)*) => {
        #[allow(non_snake_case)]
        impl<F, R, K, V, $($T),*> Handler<(WithState<V>, WithoutAck, K, R, ($($T,)*))> for F
        where
            F: Fn(Socket, State<V>, $($T),*) -> R + Send + Sync + 'static,
            R: Outcome<K>,
            V: Any + Send + Sync,
            $($T: DeserializeOwned,)*
        {
            fn call(&self, incoming: &mut Incoming<'_>) -> Result<Called, HandlerError> {
                let ($($T,)*) = incoming.arguments()?;
                let state = incoming.state()?;
                Ok(self(incoming.socket.clone(), state, $($T),*).into_called())
            }

            fn missing_state(&self, has: &dyn Fn(TypeId) -> bool) -> Option<&'static str> {
                missing::<V>(has)
            }
        }

        #[allow(non_snake_case)]
        impl<F, R, K, V, Answer, $($T),*>
            Handler<(WithState<V>, WithAck<Answer>, K, R, ($($T,)*))> for F
        where
            F: Fn(Socket, State<V>, $($T,)* Ack<Answer>) -> R + Send + Sync + 'static,
            R: Outcome<K>,
            V: Any + Send + Sync,
            $($T: DeserializeOwned,)*
        {
            fn call(&self, incoming: &mut Incoming<'_>) -> Result<Called, HandlerError> {
                let ($($T,)*) = incoming.arguments()?;
                let state = incoming.state()?;
                let ack = Ack::new(incoming.socket.clone(), incoming.ack.take());
                Ok(self(incoming.socket.clone(), state, $($T,)* ack).into_called())
            }

            fn missing_state(&self, has: &dyn Fn(TypeId) -> bool) -> Option<&'static str> {
                missing::<V>(has)
            }
        }
    };
}

for_each_arity!(impl_handler_with_state);
