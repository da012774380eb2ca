//! What stands between an event and its handlers, and who sees what is sent.

use std::sync::Arc;

use super::encode::Encoded;
use super::error::{BoxError, HandlerError};
use super::handler::AnyEvent;
use super::namespace::{Namespace, NamespaceState};
use super::outcome::guard;
use super::socket::Socket;

/// Decides whether an event goes on to its handlers.
pub(super) type Interceptor = dyn Fn(&Socket, AnyEvent<'_>) -> Result<(), BoxError> + Send + Sync;
/// Sees an event that is sent: to one socket, or by a broadcast.
pub(super) type OutgoingWatcher = dyn Fn(Option<&Socket>, AnyEvent<'_>) + Send + Sync;

impl Namespace {
    /// Lets `interceptor` decide about every event of a client before its handlers run, after the
    /// interceptors registered before it. With the first error the event is dropped, and the hook of
    /// [`Server::on_error`](crate::Server::on_error) is told; the socket stays connected.
    ///
    /// # Examples
    /// ```no_run
    /// # fn example(chat: &sori::Namespace) {
    /// chat.intercept(|socket, event| match event.name() {
    ///     "admin" if socket.data::<bool>().is_none() => Err("not an admin"),
    ///     _ => Ok(()),
    /// });
    /// # }
    /// ```
    pub fn intercept<E: Into<BoxError>>(
        &self,
        interceptor: impl Fn(&Socket, AnyEvent<'_>) -> Result<(), E> + Send + Sync + 'static,
    ) {
        let interceptor = move |socket: &Socket, event: AnyEvent<'_>| {
            interceptor(socket, event).map_err(Into::into)
        };
        self.state().interceptors.push(Arc::new(interceptor));
    }

    /// Calls `watcher` with every event that is sent in the namespace, whatever its name and before
    /// it is sent: with the socket it is for, or once with none for a broadcast. Answers to acks are
    /// no events. A watcher that panics is passed over.
    pub fn on_any_outgoing(
        &self,
        watcher: impl Fn(Option<&Socket>, AnyEvent<'_>) + Send + Sync + 'static,
    ) {
        self.state().on_any_outgoing.push(Arc::new(watcher));
    }
}

impl NamespaceState {
    /// Whether somebody sees its events before their handlers.
    pub(super) fn is_watched(&self) -> bool {
        !self.on_any.is_empty() || !self.interceptors.is_empty()
    }

    /// Whether an event may go on to its handlers.
    pub(super) fn lets_through(&self, socket: &Socket, event: AnyEvent<'_>) -> bool {
        for interceptor in self.interceptors.all().iter() {
            let decided = guard(|| interceptor(socket, event));
            let error = match decided {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => HandlerError::Failed(error),
                Err(panicked) => panicked,
            };
            socket.router().report(socket, event.name, &error);
            return false;
        }
        true
    }

    /// Tells the watchers of an event that is about to be sent.
    pub(super) fn announce(&self, socket: Option<&Socket>, event: &Encoded) {
        let watchers = self.on_any_outgoing.all();
        if watchers.is_empty() {
            return;
        }
        event.with_event(|event| {
            for watcher in watchers.iter() {
                // The panic hook has been told of it.
                let _ = guard(|| watcher(socket, event));
            }
        });
    }
}
