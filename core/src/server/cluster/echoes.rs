//! Broadcasts that can be missed, where a stream keeps them: clients of all servers have them in the order in which
//! they stand in the stream, with the offset by which they come back. So those of this server wait until they come
//! back from the bus.
//!
//! ```text
//! say ──append──► stream ──read──► deliver, with the offset
//!   └─ waiting ───────────────────► deliver, without one: the bus is lost, or the time is up
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::missable::Missable;
use super::{Cluster, recipients, value};
use crate::adapter::Entry;
use crate::embed::{AckRequest, Audience, Payload, Reach};
use crate::hub::{ConnId, Namespace};
use crate::proto::cluster::{Post, Streams};
use crate::server::frames::Frames;
use crate::server::task::{Outgoing, Task};
use crate::server::{Batch, Engine};

/// What this server has added to streams and waits for.
#[derive(Debug, Default)]
pub(super) struct Echoes {
    /// Held while an entry is given its number and goes to the bus, so that both are in one order. Taken
    /// before the other.
    order: Mutex<()>,
    /// Held while what has waited is delivered.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether entries come back.
    is_on: bool,
    next: u64,
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// Whether somebody looks at the time.
    is_watched: bool,
    overdue: Option<Overdue>,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    since: Instant,
    stream: Box<str>,
    bytes: usize,
    said: Missable,
}

/// Something was delivered that has not come back and still may: who is on the way back to this server would then
/// miss it.
#[derive(Clone, Copy, Debug)]
struct Overdue {
    /// The last of what was.
    number: u64,
    /// For so long it is reckoned with.
    until: Instant,
}

/// Beyond it nothing waits any more.
const MOST_WAITING_BYTES: usize = 16 * 1024 * 1024;

/// So many of those who wait are looked through for one who goes.
const MOST_HASTENED: usize = 256;

/// Whether a broadcast can be missed: it wants no answer, may not be dropped and reaches all servers.
fn can_be_missed(audience: Audience<'_>, volatile: bool, ack: Option<AckRequest>) -> bool {
    !volatile && ack.is_none() && audience.reach == Reach::Cluster
}

impl Batch<'_> {
    /// Says a broadcast by way of the stream if it can be missed and a stream keeps what is. False if it is
    /// to be said as any other.
    pub(in crate::server) fn say_by_stream(
        &mut self,
        namespace: &Namespace,
        audience: Audience<'_>,
        payload: &Payload<'_>,
        volatile: bool,
        ack: Option<AckRequest>,
    ) -> bool {
        let Some(cluster) = self.shared.recovers_everywhere() else {
            return false;
        };
        // Plain WebSockets are in a group without a name, and in no cluster.
        if namespace.name().is_empty() || !can_be_missed(audience, volatile, ack) {
            return false;
        }
        let Some(event) = value(payload) else {
            return false;
        };
        // What comes back is delivered by another thread: behind all that was asked for before.
        self.hand_over();
        let said = Missable {
            namespace: namespace.name().into(),
            recipients: recipients(audience),
            event,
        };
        cluster.say_by_stream(self.engine, said);
        true
    }

    /// The same of an event for one socket, which may be lost without the application's knowing.
    pub(in crate::server) fn emit_by_stream(
        &mut self,
        namespace: &Namespace,
        conn: ConnId,
        payload: &Payload<'_>,
        volatile: bool,
        ack: Option<AckRequest>,
    ) -> bool {
        if self.shared.recovers_everywhere().is_none() {
            return false;
        }
        let mut sid = namespace.sid_of(conn);
        if sid.is_none() {
            namespace.with_former(conn, |former| sid = Some(Arc::clone(&former.away.sid)));
        }
        let Some(sid) = sid else {
            return false;
        };
        let audience = Audience {
            rooms: &[&*sid],
            except: &[],
            reach: Reach::Cluster,
        };
        self.say_by_stream(namespace, audience, payload, volatile, ack)
    }

    /// The application disconnects a socket, which does not come back: what was said to it before reaches it now.
    pub(in crate::server) fn hasten_echoes(&mut self, namespace: &Namespace, conn: ConnId) {
        let Some(cluster) = self.shared.recovers_everywhere() else {
            return;
        };
        let state = cluster.echoes.state.lock();
        let last = state.waiting.len().saturating_sub(MOST_HASTENED);
        let said = state.waiting.range(last..).map(|waiting| &waiting.said);
        let mut said = said
            .filter(|said| *said.namespace == *namespace.name())
            .peekable();
        if said.peek().is_none() {
            return;
        }
        let rooms = namespace.rooms_of(conn);
        for said in said.filter(|said| said.concerns(&rooms)) {
            let frames = self.engine.encode_missable(said, None);
            let task = Task::Send {
                slot: conn.slot,
                namespace: namespace.id(),
                outgoing: Outgoing {
                    frames: Frames::from_raw(frames),
                    volatile: false,
                },
                ack: None,
            };
            self.push(conn.shard, task);
        }
    }
}

impl Engine {
    /// Time has passed for what this server has added to streams.
    pub(in crate::server) fn expire_echoes(&self, now: Instant) {
        if let Some(cluster) = &self.shared.cluster {
            cluster.expire_echoes(self, now);
        }
    }
}

impl Cluster {
    fn say_by_stream(&self, engine: &Engine, said: Missable) {
        let post = said.with_message(|namespace, message| {
            let post = self.wire.write(&self.node, namespace, message);
            post.filter(|post| matches!(post, Post::Entry(_)))
        });
        let (Some((Post::Entry(mut entry), said)), Some(bus)) = (post, self.bus.get()) else {
            return;
        };
        self.counters.published.increment_shared();
        let _order = self.echoes.order.lock();
        let mut state = self.echoes.state.lock();
        let number = state.next;
        state.next += 1;
        Streams::set_number(&mut entry, number);
        let bytes = size(&entry);
        if state.is_on && state.bytes + bytes <= MOST_WAITING_BYTES {
            state.bytes += bytes;
            state.waiting.push_back(Waiting {
                number,
                since: Instant::now(),
                stream: entry.stream.clone(),
                bytes,
                said,
            });
            let is_watched = std::mem::replace(&mut state.is_watched, true);
            drop(state);
            bus.append(entry);
            if !is_watched {
                self.watch_echoes(engine, self.requests_timeout);
            }
        } else {
            self.give_up_waiting(engine, &mut state, |_| true);
            self.deliver_late(engine, &mut state, number, &said);
            drop(state);
            bus.append(entry);
        }
    }

    /// What is said from now on comes back, or nothing that waits does.
    pub(super) fn set_echoes(&self, engine: &Engine, is_on: bool) {
        let mut state = self.echoes.state.lock();
        state.is_on = is_on;
        if let Some(overdue) = &mut state.overdue {
            // What could not go out goes now.
            overdue.until = self.reckoned_with();
        }
        if !is_on {
            self.give_up_waiting(engine, &mut state, |_| true);
        }
    }

    /// An entry of this server stands in its stream. If it still waits it is delivered, behind those that went
    /// to the stream before and never will be there.
    pub(super) fn hear_echo(&self, engine: &Engine, offset: &str, entry: &Entry) {
        let Some(number) = Streams::number(entry) else {
            return;
        };
        let mut state = self.echoes.state.lock();
        while let Some(waiting) = state.take_up_to(number, &entry.stream) {
            let offset = Some(offset).filter(|_| waiting.number == number);
            self.deliver(engine, &waiting.said, offset);
        }
        if state
            .overdue
            .is_some_and(|overdue| overdue.number <= number)
        {
            state.overdue = None;
        }
    }

    /// Whether who comes back now gets all that is said: not while the bus is lost, nor while something that was
    /// delivered already may still come from the stream.
    pub(super) fn can_bring_back(&self) -> bool {
        let state = self.echoes.state.lock();
        let is_due = |overdue: Overdue| overdue.until > Instant::now();
        state.is_on && !state.overdue.is_some_and(is_due)
    }

    fn reckoned_with(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.requests_timeout).unwrap_or(now)
    }

    fn expire_echoes(&self, engine: &Engine, now: Instant) {
        let mut state = self.echoes.state.lock();
        let patience = self.requests_timeout;
        let is_late = |waiting: &Waiting| now.saturating_duration_since(waiting.since) >= patience;
        self.give_up_waiting(engine, &mut state, is_late);
        let oldest = state.waiting.front().map(|waiting| waiting.since);
        state.is_watched = oldest.is_some();
        drop(state);
        if let Some(since) = oldest {
            let been_waiting = now.saturating_duration_since(since);
            self.watch_echoes(engine, patience.saturating_sub(been_waiting));
        }
    }

    fn watch_echoes(&self, engine: &Engine, wait: Duration) {
        let now = Instant::now();
        let at = now.checked_add(wait).unwrap_or(now);
        engine.batch().push(0, Task::EchoDeadline { at });
    }

    /// Delivers what has waited longest, as long as it is such, without an offset.
    fn give_up_waiting(
        &self,
        engine: &Engine,
        state: &mut State,
        is_such: impl Fn(&Waiting) -> bool,
    ) {
        while state.waiting.front().is_some_and(&is_such)
            && let Some(waiting) = state.take(0)
        {
            self.deliver_late(engine, state, waiting.number, &waiting.said);
        }
        if !state.is_on || state.overdue.is_some() {
            engine.give_up_returns();
        }
    }

    fn deliver_late(&self, engine: &Engine, state: &mut State, number: u64, said: &Missable) {
        let until = self.reckoned_with();
        state.overdue = Some(Overdue { number, until });
        self.deliver(engine, said, None);
    }
}

impl State {
    /// What has waited longest of what went to a stream, if its number is at most `number`.
    fn take_up_to(&mut self, number: u64, stream: &str) -> Option<Waiting> {
        let of_stream = |waiting: &Waiting| *waiting.stream == *stream;
        let at = self.waiting.iter().position(of_stream)?;
        match self.waiting[at].number <= number {
            true => self.take(at),
            false => None,
        }
    }

    fn take(&mut self, at: usize) -> Option<Waiting> {
        let waiting = self.waiting.remove(at)?;
        self.bytes -= waiting.bytes;
        Some(waiting)
    }
}

fn size(entry: &Entry) -> usize {
    let sizes = entry.fields.iter();
    sizes.map(|(name, value)| name.len() + value.len()).sum()
}
