//! Typed events on the server's side; see [`TypedEvent`].

use std::borrow::Borrow;

use super::ack::PendingAck;
use super::answers::PendingAnswers;
use super::broadcast::Broadcast;
use super::handler::Handler;
use super::namespace::Namespace;
use super::socket::Socket;
use crate::arguments::{Fits, Signature, TypedEvent};
use crate::error::Error;

impl Namespace {
    /// As [`Namespace::on`], for an event whose arguments and answer the compiler knows.
    ///
    /// # Panics
    /// As [`Namespace::on`].
    #[track_caller]
    pub fn on_event<S: Signature, M: Fits<S>>(
        &self,
        event: TypedEvent<S>,
        handler: impl Handler<M>,
    ) {
        self.on(event.name(), handler);
    }

    /// As [`Namespace::emit`], for an event whose arguments the compiler knows.
    ///
    /// # Errors
    /// As [`Namespace::emit`].
    pub fn emit_event<S: Signature>(
        &self,
        event: TypedEvent<S>,
        arguments: impl Borrow<S::Sent>,
    ) -> Result<(), Error> {
        self.all().emit_event(event, arguments)
    }
}

impl Socket {
    /// As [`Socket::on`], for an event whose arguments and answer the compiler knows.
    ///
    /// # Panics
    /// As [`Namespace::on`].
    #[track_caller]
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
    ///
    /// # Examples
    /// ```no_run
    /// use sori::TypedEvent;
    ///
    /// const TICK: TypedEvent<fn()> = TypedEvent::new("tick");
    /// const SCORE: TypedEvent<fn(u32)> = TypedEvent::new("score");
    /// const MOVE: TypedEvent<fn(String, String)> = TypedEvent::new("move");
    ///
    /// # fn example(socket: sori::Socket) -> sori::Result {
    /// socket.emit_event(TICK, ())?;
    /// socket.emit_event(SCORE, 7)?;
    /// let arguments = ("e2".to_owned(), "e4".to_owned());
    /// socket.emit_event(MOVE, &arguments)?;
    /// socket.emit_event(MOVE, arguments)
    /// # }
    /// ```
    pub fn emit_event<S: Signature>(
        &self,
        event: TypedEvent<S>,
        arguments: impl Borrow<S::Sent>,
    ) -> Result<(), Error> {
        self.emit(event.name(), S::spread(arguments.borrow()))
    }

    /// As [`Socket::emit_with_ack`], for an event whose arguments and answer the compiler knows.
    pub fn emit_event_with_ack<S: Signature>(
        &self,
        event: TypedEvent<S>,
        arguments: impl Borrow<S::Sent>,
    ) -> PendingAck<S::Answer> {
        self.emit_with_ack(event.name(), S::spread(arguments.borrow()))
    }
}

impl Broadcast {
    /// As [`Broadcast::emit`], for an event whose arguments the compiler knows.
    ///
    /// # Errors
    /// As [`Broadcast::emit`].
    pub fn emit_event<S: Signature>(
        self,
        event: TypedEvent<S>,
        arguments: impl Borrow<S::Sent>,
    ) -> Result<(), Error> {
        self.emit(event.name(), S::spread(arguments.borrow()))
    }

    /// As [`Broadcast::emit_with_ack`], for an event whose arguments and answer the compiler knows.
    pub fn emit_event_with_ack<S: Signature>(
        self,
        event: TypedEvent<S>,
        arguments: impl Borrow<S::Sent>,
    ) -> PendingAnswers<S::Answer> {
        self.emit_with_ack(event.name(), S::spread(arguments.borrow()))
    }
}
