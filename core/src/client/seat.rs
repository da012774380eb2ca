//! What a client keeps for one of its sockets: the handlers, the acks that are waited for, and the
//! lane in which its events wait for their handlers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::ack::Answered;
use super::event::{ConnectError, DisconnectReason, Event};
use super::handler::{Called, HandlerError, Incoming, guard, run};
use super::socket::Socket;
use crate::arguments::{AnyEvent, decode};
use crate::error::Error;

/// A handler whose types are forgotten.
pub(super) type EventHandler =
    dyn Fn(&mut Incoming<'_>) -> Result<Called, HandlerError> + Send + Sync;
type AnyHandler = dyn Fn(&Socket, AnyEvent<'_>) + Send + Sync;
type ConnectHandler = dyn Fn(Socket) -> Called + Send + Sync;
type ConnectErrorHandler = dyn Fn(Socket, ConnectError) -> Called + Send + Sync;
type DisconnectHandler = dyn Fn(Socket, DisconnectReason) -> Called + Send + Sync;

/// What comes to the one who waits for a connection.
pub(super) type Connected = Result<(), ConnectError>;

/// One socket's handlers and who waits for it.
#[derive(Default)]
pub(super) struct Seat {
    handlers: Mutex<Handlers>,
    acks: Mutex<HashMap<u64, oneshot::Sender<Answered>>>,
    connecting: Mutex<Vec<oneshot::Sender<Connected>>>,
    is_recovered: AtomicBool,
    lane: Mutex<Option<mpsc::UnboundedSender<Event>>>,
}

/// Copied when it is changed, so that none is locked while it runs.
#[derive(Clone, Default)]
struct Handlers {
    by_event: HashMap<String, Vec<Arc<EventHandler>>>,
    any: Vec<Arc<AnyHandler>>,
    connect: Vec<Arc<ConnectHandler>>,
    connect_error: Vec<Arc<ConnectErrorHandler>>,
    disconnect: Vec<Arc<DisconnectHandler>>,
}

/// What the application changes.
impl Seat {
    pub(super) fn add(&self, event: &str, handler: Arc<EventHandler>) {
        let mut handlers = self.handlers.lock();
        handlers
            .by_event
            .entry(event.to_owned())
            .or_default()
            .push(handler);
    }

    pub(super) fn add_any(&self, handler: Arc<AnyHandler>) {
        self.handlers.lock().any.push(handler);
    }

    pub(super) fn add_connect(&self, handler: Arc<ConnectHandler>) {
        self.handlers.lock().connect.push(handler);
    }

    pub(super) fn add_connect_error(&self, handler: Arc<ConnectErrorHandler>) {
        self.handlers.lock().connect_error.push(handler);
    }

    pub(super) fn add_disconnect(&self, handler: Arc<DisconnectHandler>) {
        self.handlers.lock().disconnect.push(handler);
    }

    pub(super) fn remove(&self, event: &str) {
        // What a handler holds may do anything when it is dropped: not under the lock.
        let removed = self.handlers.lock().by_event.remove(event);
        drop(removed);
    }

    pub(super) fn is_recovered(&self) -> bool {
        self.is_recovered.load(Ordering::Acquire)
    }

    pub(super) fn await_connect(&self, waiting: oneshot::Sender<Connected>) {
        let mut connecting = self.connecting.lock();
        // Those who gave up.
        connecting.retain(|waiting| !waiting.is_closed());
        connecting.push(waiting);
    }

    /// Runs `emit`, which gives the id of an ack, and waits for its answer. The lock is held over
    /// it, against the rule for locks: the answer may come before it returns. `emit` locks the
    /// connection, under which nobody locks this.
    pub(super) fn expect_ack(
        &self,
        emit: impl FnOnce() -> Result<u64, Error>,
    ) -> Result<(u64, oneshot::Receiver<Answered>), Error> {
        let (sender, receiver) = oneshot::channel();
        let mut acks = self.acks.lock();
        let id = emit()?;
        acks.insert(id, sender);
        Ok((id, receiver))
    }

    pub(super) fn forget_ack(&self, id: u64) {
        self.acks.lock().remove(&id);
    }
}

/// What the driver tells.
impl Seat {
    pub(super) fn take_answer(&self, id: u64, answer: Answered) {
        let waiting = self.acks.lock().remove(&id);
        if let Some(waiting) = waiting {
            // Who waited may have given up.
            let _ = waiting.send(answer);
        }
    }

    /// Puts an event into the socket's lane; `open` makes the lane.
    pub(super) fn enqueue(
        &self,
        event: Event,
        open: impl FnOnce() -> mpsc::UnboundedSender<Event>,
    ) {
        self.note(&event);
        let mut lane = self.lane.lock();
        // The lane's task ends after its sender does.
        let _ = lane.get_or_insert_with(open).send(event);
    }

    /// What is known before handlers run.
    fn note(&self, event: &Event) {
        let outcome = match event {
            Event::Connect { recovered, .. } => {
                self.is_recovered.store(*recovered, Ordering::Release);
                Ok(())
            }
            Event::ConnectError { error, .. } => Err(error.clone()),
            Event::Disconnect { .. } => {
                self.is_recovered.store(false, Ordering::Release);
                return;
            }
            _ => return,
        };
        let connecting = std::mem::take(&mut *self.connecting.lock());
        for waiting in connecting {
            let _ = waiting.send(outcome.clone());
        }
    }

    /// Nothing comes any more: the lane's task ends once it has done what waits.
    pub(super) fn close(&self) {
        self.lane.lock().take();
        let connecting = std::mem::take(&mut *self.connecting.lock());
        drop(connecting);
        let acks = std::mem::take(&mut *self.acks.lock());
        drop(acks);
    }

    /// Takes away what may hold the client itself.
    pub(super) fn forget_handlers(&self) {
        let handlers = std::mem::take(&mut *self.handlers.lock());
        drop(handlers);
    }

    /// Runs the handlers of an event, one after another. `report` is told of those that fail.
    pub(super) async fn dispatch(
        &self,
        socket: &Socket,
        event: Event,
        report: impl Fn(&str, &HandlerError),
    ) {
        match event {
            Event::Connect { .. } => {
                let handlers = self.handlers.lock().connect.clone();
                for handler in handlers {
                    settle("connect", &report, || Ok(handler(socket.clone()))).await;
                }
            }
            Event::ConnectError { error, .. } => {
                let handlers = self.handlers.lock().connect_error.clone();
                for handler in handlers {
                    let call = || Ok(handler(socket.clone(), error.clone()));
                    settle("connect_error", &report, call).await;
                }
            }
            Event::Disconnect { reason, .. } => {
                let handlers = self.handlers.lock().disconnect.clone();
                for handler in handlers {
                    let call = || Ok(handler(socket.clone(), reason));
                    settle("disconnect", &report, call).await;
                }
            }
            Event::Message {
                ack,
                data,
                attachments,
                ..
            } => {
                let name = decode::event_name(&data).unwrap_or_default();
                let (any, own) = {
                    let handlers = self.handlers.lock();
                    let own = handlers.by_event.get(&*name).cloned();
                    (handlers.any.clone(), own.unwrap_or_default())
                };
                for handler in any {
                    let event = AnyEvent {
                        name: &name,
                        data: &data,
                        attachments: &attachments,
                    };
                    if let Err(error) = guard(|| handler(socket, event)) {
                        report(&name, &error);
                    }
                }
                let mut incoming = Incoming {
                    socket,
                    data: &data,
                    attachments: &attachments,
                    ack,
                };
                for handler in own {
                    settle(&name, &report, || handler(&mut incoming)).await;
                }
            }
            _ => {}
        }
    }
}

async fn settle(
    event: &str,
    report: &impl Fn(&str, &HandlerError),
    call: impl FnOnce() -> Result<Called, HandlerError>,
) {
    if let Err(error) = run(call).await {
        report(event, &error);
    }
}
