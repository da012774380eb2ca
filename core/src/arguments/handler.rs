//! The shapes that handlers of events have, the same on both sides: the socket, arguments by position,
//! an ack last when wanted.

use std::marker::PhantomData;

/// Marks handlers that take no `Ack`.
#[derive(Debug)]
pub enum WithoutAck {}

/// Marks handlers that take an `Ack<R>`.
#[derive(Debug)]
pub struct WithAck<R>(PhantomData<fn() -> R>);

/// The answer of an ack whose type is not settled: anything that serde serialises.
#[derive(Debug)]
pub enum Anything {}

/// Implements the `Handler` of the module it is used in for functions of that module's `Socket` and
/// `Ack`, with these arguments between them.
macro_rules! impl_handler {
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
        impl<F, R, K, Answer, $($T),*> Handler<(WithAck<Answer>, K, R, ($($T,)*))> for F
        where
            F: Fn(Socket, $($T,)* Ack<Answer>) -> R + Send + Sync + 'static,
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

/// Uses a macro with each number of arguments that a handler may take.
macro_rules! for_each_arity {
    ($use:ident) => {
        $use!();
        $use!(A);
        $use!(A B);
        $use!(A B C);
        $use!(A B C D);
        $use!(A B C D E);
        $use!(A B C D E G);
    };
}

pub(crate) use {for_each_arity, impl_handler};
