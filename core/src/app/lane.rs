//! The order of one socket's events: each waits until the handlers of the one before have ended.
//!
//! ```text
//!            plain, or done at once
//!  event ──► handlers ───────────────────────────► next event, inline, nothing kept
//!                └─ pending ──► a task drives it ─► the events that queued meanwhile, one by one
//! ```
//! Everything here happens on the shard of the socket's connection.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Poll;

use bytes::Bytes;

use super::decode;
use super::error::HandlerError;
use super::handler::{AnyEvent, Incoming};
use super::outcome::{self, Called, Running, guard};
use super::registered::{Handlers, View};
use super::socket::Socket;
use crate::embed::{Command, PlainEvent};
use crate::error::DisconnectReason;
use crate::trace::Span;

/// What handlers are called for.
#[derive(Debug)]
pub(super) enum Job<'a> {
    Connect,
    Message(Message<'a>),
    Disconnect(DisconnectReason),
}

/// An event of the client.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) data: Cow<'a, str>,
    pub(super) attachments: Vec<Bytes>,
    pub(super) ack: Option<u64>,
}

impl Job<'_> {
    fn into_owned(self) -> Job<'static> {
        match self {
            Job::Connect => Job::Connect,
            Job::Disconnect(reason) => Job::Disconnect(reason),
            Job::Message(message) => Job::Message(Message {
                data: Cow::Owned(message.data.into_owned()),
                attachments: message.attachments,
                ack: message.ack,
            }),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Job::Message(message) => {
                message.data.len() + message.attachments.iter().map(Bytes::len).sum::<usize>()
            }
            Job::Connect | Job::Disconnect(_) => 0,
        }
    }
}

/// The jobs that wait for a pending handler.
#[derive(Debug, Default)]
pub(super) struct Lane {
    queue: VecDeque<Job<'static>>,
    bytes: usize,
    /// So much waits that its connection is not read.
    is_behind: bool,
}

/// What the lane does with a job that comes while a handler is pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Queued {
    Kept,
    /// Kept, and from now on the connection is not read.
    Behind,
    /// Not kept: there is too much already.
    Overflow,
}

impl Lane {
    fn push(&mut self, job: Job<'static>, limits: Limits) -> Queued {
        let bytes = self.bytes + job.bytes();
        let may_refuse = matches!(job, Job::Message(_)) && !self.queue.is_empty();
        if may_refuse && (self.queue.len() >= limits.events || bytes > limits.bytes) {
            return Queued::Overflow;
        }
        self.bytes = bytes;
        self.queue.push_back(job);
        let is_behind = self.queue.len() >= BEHIND_EVENTS || bytes >= BEHIND_BYTES;
        if is_behind && !std::mem::replace(&mut self.is_behind, true) {
            return Queued::Behind;
        }
        Queued::Kept
    }

    /// The next job, and whether with it the lane has caught up.
    fn pop(&mut self) -> Option<(Job<'static>, bool)> {
        let job = self.queue.pop_front()?;
        self.bytes -= job.bytes();
        let has_little = self.queue.len() <= BEHIND_EVENTS / 2 && self.bytes <= BEHIND_BYTES / 2;
        let caught_up = self.is_behind && has_little;
        if caught_up {
            self.is_behind = false;
        }
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
        Some((job, caught_up))
    }

    pub(super) fn is_behind(&self) -> bool {
        self.is_behind
    }
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    events: usize,
    bytes: usize,
}

/// Waiting events of one socket from which on its connection is not read.
const BEHIND_EVENTS: usize = 256;
/// Waiting bytes of one socket from which on its connection is not read.
const BEHIND_BYTES: usize = 1 << 20;

/// Does a job now, or queues it behind the handlers that are pending.
pub(super) fn deliver(socket: &Socket, job: Job<'_>) {
    if socket.is_busy() {
        return queue(socket, job.into_owned());
    }
    let running = run(socket, job);
    if !running.is_empty() {
        go_on(socket, running);
    }
}

/// A socket whose events are heard, kept with its connection. None of them takes a lock or counts a
/// reference but for the handle that its handler is given.
pub(super) struct Listener {
    socket: Socket,
    handlers: View<Handlers>,
}

impl Listener {
    pub(super) fn new(socket: Socket) -> Listener {
        let handlers = socket.namespace_state().handlers.view();
        Listener { socket, handlers }
    }
}

/// Does an event now, or queues it. Says whether it is JSON: if not, nothing has come of it. Of an event
/// that waits or is watched all is checked before; handlers that take its arguments check it by that.
pub(super) fn hear(listener: &mut Listener, event: PlainEvent<'_>) -> bool {
    let Listener { socket, handlers } = listener;
    let socket = &*socket;
    let namespace = socket.namespace_state();
    if socket.is_busy() || namespace.is_watched() || socket.was_ended_here() {
        return hear_checked(socket, &event);
    }
    let mut calls = Calls::new(socket);
    let mut incoming = Incoming {
        socket,
        behind_name: event.behind_name(),
        attachments: &[],
        ack: event.ack(),
    };
    let shared = namespace.handlers.seen_by(handlers).get(event.name());
    let own = socket.handlers_of(event.name());
    if shared.is_none() && own.is_none() {
        return match namespace.fallbacks.is_empty() {
            true => event.is_valid(),
            false => hear_checked(socket, &event),
        };
    }
    let mut is_valid = false;
    for list in [shared, own.as_ref()].into_iter().flatten() {
        for handler in list.iter() {
            let call = || handler(&mut incoming);
            // An error may be that of a handler that has not come to its arguments.
            is_valid = calls.call_unless(event.name(), call, || !is_valid && !event.is_valid());
            if !is_valid {
                return false;
            }
        }
    }
    if !calls.pending.is_empty() {
        go_on(socket, calls.pending);
    }
    is_valid || event.is_valid()
}

/// As [`hear`], with all of the event checked before anything comes of it.
fn hear_checked(socket: &Socket, event: &PlainEvent<'_>) -> bool {
    let is_valid = event.is_valid();
    if is_valid {
        let message = Message {
            data: event.data().into(),
            attachments: Vec::new(),
            ack: event.ack(),
        };
        deliver(socket, Job::Message(message));
    }
    is_valid
}

/// Lets what is left of a job's handlers go on by themselves.
fn go_on(socket: &Socket, running: Vec<Pending>) {
    socket.set_busy(true);
    let shard = socket.reference().conn.shard;
    socket.router().begin_work(shard);
    socket
        .engine()
        .spawn_local(shard, drive(socket.clone(), running));
}

fn queue(socket: &Socket, job: Job<'static>) {
    let config = socket.engine().config();
    let limits = Limits {
        events: config.max_pending_events,
        bytes: config.max_queued_bytes,
    };
    match socket.with_lane(|lane| lane.push(job, limits)) {
        Queued::Kept => {}
        Queued::Behind => socket.router().fell_behind(),
        Queued::Overflow => {
            socket.router().report(socket, "", &HandlerError::Overflow);
            socket.engine().execute(Command::Close {
                conn: socket.reference().conn,
                discard: true,
            });
        }
    }
}

/// Drives pending handlers to their end, then does what queued up meanwhile.
async fn drive(socket: Socket, mut running: Vec<Pending>) {
    let mut in_a_row = 0;
    loop {
        end_of(&socket, running).await;
        running = loop {
            let Some((job, caught_up)) = socket.with_lane(Lane::pop) else {
                socket.set_busy(false);
                socket.router().end_work(socket.reference().conn.shard);
                return;
            };
            if caught_up {
                socket.router().caught_up(socket.engine());
            }
            let running = run(&socket, job);
            if !running.is_empty() {
                break running;
            }
            in_a_row += 1;
            if in_a_row % JOBS_IN_A_ROW == 0 {
                tokio::task::yield_now().await;
            }
        };
    }
}

/// Jobs done before the shard's other tasks get their turn.
const JOBS_IN_A_ROW: usize = 64;

/// A handler that has not ended.
struct Pending {
    event: Box<str>,
    running: Running,
    span: Span,
}

/// Waits for all of `running`, which go on side by side.
async fn end_of(socket: &Socket, mut running: Vec<Pending>) {
    poll_fn(|cx| {
        running.retain_mut(|pending| {
            let Pending {
                event,
                running,
                span,
            } = pending;
            span.within(|| match outcome::poll(running, cx) {
                Poll::Pending => true,
                Poll::Ready(result) => {
                    if let Err(error) = result {
                        socket.router().report(socket, event, &error);
                    }
                    false
                }
            })
        });
        if running.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// Calls the handlers of a job; gives those that have not ended. Does not allocate unless one of
/// them is pending, or its arguments demand it.
fn run(socket: &Socket, job: Job<'_>) -> Vec<Pending> {
    let mut calls = Calls::new(socket);
    let namespace = socket.namespace_state();
    match job {
        Job::Connect => {
            for handler in namespace.on_connect.all().iter() {
                calls.call("connect", || Ok(handler(socket.clone())));
            }
        }
        Job::Message(message) => run_message(&mut calls, &message),
        Job::Disconnect(reason) => {
            for handler in namespace.on_disconnecting.all().iter() {
                calls.call("disconnecting", || Ok(handler(socket.clone(), reason)));
            }
            for handler in namespace.on_disconnect.all().iter() {
                calls.call("disconnect", || Ok(handler(socket.clone(), reason)));
            }
            // They may hold the socket itself, which would then never be freed.
            for handler in socket.take_handlers() {
                calls.call("disconnect", || Ok(handler(socket.clone(), reason)));
            }
        }
    }
    calls.pending
}

fn run_message(calls: &mut Calls<'_>, message: &Message<'_>) {
    let socket = calls.socket;
    // After the application has disconnected a socket, it hears nothing more of it.
    if socket.was_ended_here() {
        return;
    }
    let Some((name, behind_name)) = decode::split_name(&message.data) else {
        return;
    };
    let event = AnyEvent {
        name: &name,
        data: &message.data,
        attachments: &message.attachments,
    };
    for watcher in socket.namespace_state().on_any.all().iter() {
        if let Err(error) = guard(|| watcher(socket, event)) {
            socket.router().report(socket, &name, &error);
        }
    }
    if !socket.namespace_state().lets_through(socket, event) {
        return;
    }
    let mut incoming = Incoming {
        socket,
        behind_name,
        attachments: &message.attachments,
        ack: message.ack,
    };
    let shared = socket.namespace_state().handlers_of(&name);
    let own = socket.handlers_of(&name);
    for handler in shared.iter().chain(&own).flat_map(|list| list.iter()) {
        calls.call(&name, || handler(&mut incoming));
    }
    let fallbacks = socket.namespace_state().fallbacks.all();
    if shared.is_none() && own.is_none() && !fallbacks.is_empty() {
        let with_name = format!(",{}{behind_name}", serde_json::Value::from(&*name));
        incoming.behind_name = &with_name;
        for handler in fallbacks.iter() {
            calls.call(&name, || handler(&mut incoming));
        }
    }
}

/// The calls of one job's handlers.
struct Calls<'s> {
    socket: &'s Socket,
    pending: Vec<Pending>,
}

impl<'s> Calls<'s> {
    fn new(socket: &'s Socket) -> Calls<'s> {
        Calls {
            socket,
            pending: Vec::new(),
        }
    }

    fn call(&mut self, event: &str, call: impl FnOnce() -> Result<Called, HandlerError>) {
        self.call_unless(event, call, || false);
    }

    /// Calls a handler and reports its error, unless the error is `void`: nothing has happened then, and
    /// it says so by false.
    #[inline]
    fn call_unless(
        &mut self,
        event: &str,
        call: impl FnOnce() -> Result<Called, HandlerError>,
        is_void: impl FnOnce() -> bool,
    ) -> bool {
        let socket = self.socket;
        let span = Span::handler(event, socket.id(), socket.namespace_name());
        let started = span.within(|| match outcome::start(call) {
            Ok(running) => Some(running),
            Err(_) if is_void() => None,
            Err(error) => {
                socket.router().report(socket, event, &error);
                Some(None)
            }
        });
        let Some(started) = started else {
            return false;
        };
        if let Some(running) = started {
            self.pending.push(Pending {
                event: event.into(),
                running,
                span,
            });
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: usize) -> Job<'static> {
        Job::Message(Message {
            data: "x".repeat(bytes).into(),
            attachments: Vec::new(),
            ack: None,
        })
    }

    const WIDE: Limits = Limits {
        events: usize::MAX,
        bytes: usize::MAX,
    };

    #[test]
    fn a_lane_falls_behind_once_and_catches_up_once() {
        let mut lane = Lane::default();
        let answers: Vec<_> = (0..BEHIND_EVENTS + 2)
            .map(|_| lane.push(message(1), WIDE))
            .collect();
        let behind: Vec<_> = answers
            .iter()
            .enumerate()
            .filter(|(_, answer)| **answer == Queued::Behind)
            .map(|(at, _)| at)
            .collect();
        assert_eq!(behind, [BEHIND_EVENTS - 1]);
        let mut caught_up = 0;
        while let Some((_, has)) = lane.pop() {
            caught_up += usize::from(has);
        }
        assert_eq!((caught_up, lane.bytes, lane.is_behind), (1, 0, false));
    }

    #[test]
    fn a_lane_refuses_messages_past_its_limits_but_never_the_disconnect() {
        let limits = Limits {
            events: 2,
            bytes: 10,
        };
        let mut lane = Lane::default();
        assert_eq!(lane.push(message(100), limits), Queued::Kept);
        assert_eq!(lane.push(message(1), limits), Queued::Overflow);
        lane.pop();
        assert_eq!(lane.push(message(1), limits), Queued::Kept);
        assert_eq!(lane.push(message(1), limits), Queued::Kept);
        assert_eq!(lane.push(message(1), limits), Queued::Overflow);
        let end = Job::Disconnect(DisconnectReason::TransportClose);
        assert_eq!(lane.push(end, limits), Queued::Kept);
    }
}
