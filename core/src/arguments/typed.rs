//! Events whose arguments and answer the compiler knows.

use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::decode::Arguments;
use super::handler::{WithAck, WithoutAck};

/// An event's name together with the arguments and the answer that belong to it, written like a
/// function's type: `fn(String, u32)`, or `fn(i64, i64) -> i64` with an answer. Both sides share
/// the constant, and neither can mistake it.
///
/// # Examples
/// ```no_run
/// use sori::{Ack, Server, Socket, TypedEvent};
///
/// const SAID: TypedEvent<fn(String, String)> = TypedEvent::new("said");
/// const ADD: TypedEvent<fn(i64, i64) -> i64> = TypedEvent::new("add");
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::builder().build()?;
/// let chat = server.of("/");
/// chat.on_event(SAID, |socket: Socket, who: String, text: String| {
///     socket.broadcast().emit_event(SAID, (who, text))
/// });
/// chat.on_event(ADD, |_: Socket, a: i64, b: i64, ack: Ack<i64>| ack.send(a + b));
///
/// let sums = chat.all().emit_event_with_ack(ADD, (1, 2)).await?;
/// let sum: Option<&i64> = sums.received.first();
/// # Ok(())
/// # }
/// ```
///
/// A handler that takes something else does not compile:
/// ```compile_fail
/// # use sori::{Server, Socket, TypedEvent};
/// const SAID: TypedEvent<fn(String, String)> = TypedEvent::new("said");
/// # let server = Server::builder().build().unwrap();
/// server.of("/").on_event(SAID, |_: Socket, who: String| println!("{who}"));
/// ```
pub struct TypedEvent<S> {
    name: &'static str,
    signature: PhantomData<S>,
}

impl<S: Signature> TypedEvent<S> {
    /// The event of that name.
    pub const fn new(name: &'static str) -> TypedEvent<S> {
        TypedEvent {
            name,
            signature: PhantomData,
        }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<S> Clone for TypedEvent<S> {
    fn clone(&self) -> TypedEvent<S> {
        *self
    }
}

impl<S> Copy for TypedEvent<S> {}

impl<S> fmt::Debug for TypedEvent<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedEvent").field(&self.name).finish()
    }
}

/// What an event carries: implemented for `fn` types of up to six arguments, all of which serde can
/// read and write. Without `->` the answer, if one is asked for, is empty; a tuple answers with
/// several arguments.
pub trait Signature {
    /// The arguments as a handler takes them.
    type Arguments: Arguments;
    /// The arguments as `emit_event` takes them: `()` for none, the one, or a tuple of several.
    type Sent;
    /// The answer.
    type Answer: Serialize + DeserializeOwned;

    #[doc(hidden)]
    fn spread(sent: &Self::Sent) -> impl Serialize;
}

macro_rules! signature {
    ($($T:ident)*; $sent:ty, $given:ident, $spread:expr) => {
        impl<Answer, $($T),*> Signature for fn($($T),*) -> Answer
        where
            Answer: Serialize + DeserializeOwned,
            $($T: Serialize + DeserializeOwned,)*
        {
            type Arguments = ($($T,)*);
            type Sent = $sent;
            type Answer = Answer;

            fn spread($given: &$sent) -> impl Serialize {
                $spread
            }
        }
    };
}

signature!(; (), _none, ());
signature!(A; A, one, (one,));
signature!(A B; (A, B), all, all);
signature!(A B C; (A, B, C), all, all);
signature!(A B C D; (A, B, C, D), all, all);
signature!(A B C D E; (A, B, C, D, E), all, all);
signature!(A B C D E G; (A, B, C, D, E, G), all, all);

/// Tells that a handler, by what marks it, takes what an event of signature `S` carries.
#[diagnostic::on_unimplemented(
    message = "this handler does not take what the event carries",
    note = "a handler of `TypedEvent<fn(A, B) -> R>` takes `Socket, A, B`, and then `Ack<R>` if it \
            wants to answer"
)]
pub trait Fits<S> {}

impl<S, K, R> Fits<S> for (WithoutAck, K, R, S::Arguments) where S: Signature {}

impl<S, K, R> Fits<S> for (WithAck<S::Answer>, K, R, S::Arguments) where S: Signature {}
