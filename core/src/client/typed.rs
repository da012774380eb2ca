//! Typed events on the client's side; see [`TypedEvent`].

use std::borrow::Borrow;

use super::ack::PendingAck;
use super::handler::Handler;
use super::socket::Socket;
use crate::arguments::{Fits, Signature, TypedEvent};
use crate::error::Error;

impl Socket {
    /// As [`Socket::on`], for an event whose arguments and answer the compiler knows.
    pub fn on_event<S: Signature, M: Fits<S>>(
        &self,
        event: TypedEvent<S>,
        handler: impl Handler<M>,
    ) {
        self.on(event.name(), handler);
    }

    /// As [`Socket::emit`], for an event whose arguments the compiler knows.
    ///
    /// # Errors
    /// As [`Socket::emit`].
    pub fn emit_event<S: Signature>(
        &self,
        event: TypedEvent<S>,
        arguments: impl Borrow<S::Sent>,
    ) -> Result<(), Error> {
        self.emit(event.name(), S::spread(arguments.borrow()))
    }

    /// As [`Socket::emit_with_ack`], for an event whose arguments and answer the compiler knows.
    ///
    /// # Examples
    /// ```no_run
    /// use sori::client::{AckError, Socket, TypedEvent};
    ///
    /// const ADD: TypedEvent<fn(i64, i64) -> i64> = TypedEvent::new("add");
    ///
    /// # async fn example(socket: Socket) -> Result<(), AckError> {
    /// let sum = socket.emit_event_with_ack(ADD, (1, 2)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn emit_event_with_ack<S: Signature>(
        &self,
        event: TypedEvent<S>,
        arguments: impl Borrow<S::Sent>,
    ) -> PendingAck<S::Answer> {
        self.emit_with_ack(event.name(), S::spread(arguments.borrow()))
    }
}
