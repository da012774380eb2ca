//! One shard of an engine: its connections on one IO thread, and the loop that takes turns.
//!
//! ```text
//!  inbox ──► tasks ─┐
//!  timers ──────────┼──► sessions, hub ──► dirty connections ──► one write each ──► wait
//!  readers ─────────┘
//! ```
//! A turn does every waiting task, then writes what has gathered for each connection. The tasks
//! that read from streams run between turns (`look.rs`): they write what a connection alone is
//! answered, and else mark connections dirty, so that what arrives together leaves together.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::compression::Compression;
use super::http;
use super::inbox::Inbox;
use super::own::{Ask, To};
use super::table::{Table, Tenant};
use super::task::Task;
use super::threads::Running;
use super::timers::Timers;
use super::websocket::MaskKeys;
use super::{Engine, ShardHandle, own};
use crate::embed::{Event, RequestId};
use crate::hub::{ConnId, NamespaceId, Slot};
use crate::proto::websocket::Limits;
use crate::trace::tell;
use crate::transport::LinkId;

/// A shard's state. Only its own thread ever touches it.
pub(super) struct Shard {
    pub(super) index: u8,
    pub(super) engine: Engine,
    pub(super) now: Instant,
    pub(super) connections: Table,
    pub(super) limits: Limits,
    /// Connections with something to write, in the order in which they came to have it.
    pub(super) dirty: Vec<Slot>,
    pub(super) timers: Timers<Timer>,
    /// Byte feeds by the request that brought them.
    pub(super) feeds: HashMap<RequestId, (Slot, LinkId)>,
    pub(super) next_link: u32,
    pub(super) next_mark: u64,
    /// Every stream is read into this buffer; only what is incomplete is copied out of it.
    pub(super) buffer: Box<[u8]>,
    pub(super) cork: Vec<u8>,
    /// Asked of this shard on its own thread after its last look for them: done before all else.
    pub(super) own_tasks: own::Asked,
    pub(super) compression: Compression,
    pub(super) mask_keys: MaskKeys,
    /// Connections that are not read until the application is ready again.
    paused: Vec<Slot>,
    /// A turn is under way, or a look: who becomes dirty is seen to at its end.
    pub(super) is_at_work: bool,
    /// Up to this tick the next turn may wait, for all that it knows.
    pub(super) waits_until: u64,
    /// Events are done with when they have been told; see [`Application::gathers`].
    ///
    /// [`Application::gathers`]: super::Application::gathers
    pub(super) application_gathers: bool,
    /// Every HTTP connection served here holds a receiver, and ends when told.
    http: watch::Sender<()>,
    /// Set once the shard is stopping: HTTP connections are given until then.
    pub(super) stops_by: Option<Instant>,
}

/// What a shard waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Connection(Slot),
    Broadcast(NamespaceId, u64),
    Cluster(NamespaceId, u64),
    Return(u64),
    Echo,
}

/// How a turn of the loop ended.
enum Turn {
    /// Tasks are left.
    Unfinished,
    /// Until the next deadline, if there is one, only others can bring work.
    Done(Option<Instant>),
    /// The shard has ended.
    Last,
}

pub(super) const BUFFER_SIZE: usize = 256 * 1024;

/// So many tasks at most are done before what they led to is written and streams are read.
const TASKS_PER_TURN: usize = 1_024;

/// The life of shard `index`, on one of `threads`.
pub(super) async fn run(engine: Engine, index: u8, threads: Arc<Running>) {
    let departure = Departure {
        engine,
        index,
        threads: Some(threads),
    };
    let engine = &departure.engine;
    let shard = Rc::new(RefCell::new(Shard::new(engine.clone(), index)));
    take_turns(&shard, &departure.handle().inbox).await;
    drop(shard);
    if let Some(rest) = engine.shared.application.finish(index) {
        // What takes longer than connections were given is dropped.
        let _ = tokio::time::timeout(engine.time_to_finish(), rest).await;
    }
}

/// A shard that will have ended when this is dropped, even by a panic.
struct Departure {
    engine: Engine,
    index: u8,
    threads: Option<Arc<Running>>,
}

impl Departure {
    fn handle(&self) -> &ShardHandle {
        &self.engine.shared.shards[usize::from(self.index)]
    }
}

impl Drop for Departure {
    fn drop(&mut self) {
        // Without one of its shards an engine cannot go on.
        self.engine.close();
        self.handle().ended.come();
        // This thread goes on until the task has ended; another must not wait for what it did.
        self.threads = None;
        thread_ended(&self.engine);
    }
}

async fn take_turns(shard: &Rc<RefCell<Shard>>, inbox: &Inbox) {
    let mut sleep = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
    loop {
        // Its state is not used any more but to let go of what is in it.
        let turn = catch_unwind(AssertUnwindSafe(|| take_turn(shard)));
        let wait_until = match turn {
            Ok(Turn::Unfinished) => {
                tokio::task::yield_now().await;
                continue;
            }
            Ok(Turn::Done(wait_until)) => wait_until,
            Ok(Turn::Last) => return,
            Err(_) => {
                let mut shard = shard.borrow_mut();
                shard.keep_own_tasks();
                return shard.abandon();
            }
        };
        let mut notified = std::pin::pin!(inbox.notified());
        if let Some(deadline) = wait_until.map(tokio::time::Instant::from_std)
            && sleep.deadline() != deadline
        {
            sleep.as_mut().reset(deadline);
        }
        let mut has_waited = false;
        poll_fn(|cx| {
            let is_due = notified.as_mut().poll(cx).is_ready()
                || (wait_until.is_some() && sleep.as_mut().poll(cx).is_ready());
            if is_due {
                return Poll::Ready(());
            }
            has_waited = true;
            Poll::Pending
        })
        .await;
        if !has_waited {
            // Who brings tasks without pause must not keep the readers from running.
            tokio::task::yield_now().await;
        }
    }
}

/// One of the engine's shards or listeners is at its end. The last one says so.
pub(super) fn thread_ended(engine: &Engine) {
    if engine.shared.live_shards.fetch_sub(1, Ordering::AcqRel) == 1 {
        // Who waits for the end must hear of it, whatever the application does.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            engine.turn_down_all();
            tell!(info, "closed");
            if let Some(cluster) = &engine.shared.cluster {
                cluster.close();
            }
            engine.shared.application.handle(engine, Event::Closed);
            engine.shared.application.flush();
        }));
        engine.shared.over.come();
    }
}

/// Does what waits, then writes what it led to.
fn take_turn(shard: &Rc<RefCell<Shard>>) -> Turn {
    let mut this = shard.borrow_mut();
    this.now = Instant::now();
    let engine = this.engine.clone();
    let inbox = &engine.shared.shards[usize::from(this.index)].inbox;
    inbox.begin_turn();
    let attending = own::attend(inbox);
    this.is_at_work = true;
    let mut is_unfinished = true;
    let mut done = 0;
    while done < TASKS_PER_TURN {
        this.handle_own_tasks();
        let Some(task) = inbox.pop() else {
            is_unfinished = false;
            break;
        };
        done += task.count();
        match task {
            Task::Accepted(accepted) if !this.is_stopping() => {
                http::serve(engine.clone(), this.index, *accepted, this.http.subscribe());
            }
            Task::TurnAway(accepted) if !this.is_stopping() => http::turn_away(*accepted),
            Task::Accepted(_) | Task::TurnAway(_) => {}
            #[cfg(feature = "tower")]
            Task::Mounted(mounted) if this.is_stopping() && !engine.has_time_to_finish() => {
                http::mounted::turn_down(*mounted);
            }
            #[cfg(feature = "tower")]
            Task::Mounted(mounted) => {
                let stop = this.http.subscribe();
                http::mounted::serve(engine.clone(), this.index, *mounted, stop);
            }
            Task::Attach(attach) => this.attach(*attach, shard),
            Task::AttachWebSocket(attach) => this.attach_websocket(*attach, shard),
            Task::Resume => this.resume(),
            Task::Stop(stop) => this.stop(stop),
            task => this.handle_task(task),
        }
    }
    this.handle_timers();
    this.flush_dirty();
    if this.stops_by.is_some_and(|at| at <= this.now) {
        this.cut();
    }
    engine.shared.application.flush();
    this.is_at_work = false;
    this.keep_own_tasks();
    drop(attending);
    this.waits_until = this.timers.next_tick();
    if is_unfinished || !this.own_tasks.is_empty() {
        return Turn::Unfinished;
    }
    let next = this.timers.next();
    match this.stops_by {
        Some(at) => {
            if this.connections.is_empty() {
                this.stop_http();
            }
            let is_served = this.connections.is_empty() && this.http.receiver_count() == 0;
            if is_served || at <= this.now {
                Turn::Last
            } else {
                Turn::Done(Some(next.map_or(at, |next| next.min(at))))
            }
        }
        None => Turn::Done(next),
    }
}

impl Shard {
    fn new(engine: Engine, index: u8) -> Shard {
        let now = Instant::now();
        Shard {
            index,
            now,
            connections: Table::default(),
            limits: Limits {
                max_message: engine.config().max_payload,
                max_fragments: MAX_FRAGMENTS,
            },
            dirty: Vec::new(),
            timers: Timers::new(now),
            feeds: HashMap::new(),
            next_link: 0,
            next_mark: 0,
            buffer: vec![0; BUFFER_SIZE].into_boxed_slice(),
            cork: Vec::new(),
            own_tasks: own::Asked::default(),
            compression: Compression::default(),
            mask_keys: MaskKeys::new(),
            paused: Vec::new(),
            is_at_work: false,
            waits_until: u64::MAX,
            application_gathers: engine.shared.application.gathers(),
            http: watch::Sender::new(()),
            stops_by: None,
            engine,
        }
    }

    pub(super) fn handle(&self) -> &ShardHandle {
        &self.engine.shared.shards[usize::from(self.index)]
    }

    pub(super) fn conn_id(&self, slot: Slot) -> ConnId {
        ConnId {
            shard: self.index,
            slot,
        }
    }

    pub(super) fn tell(&self, event: Event<'_>) {
        self.engine.shared.application.handle(&self.engine, event);
    }

    /// The connection has something to write, or a deadline that moved: look at it in this turn.
    pub(super) fn touch(&mut self, slot: Slot) {
        if let Some(tenant) = self.connections.tenant_mut(slot)
            && tenant.mark_dirty()
        {
            self.dirty.push(slot);
            if !self.is_at_work {
                self.handle().inbox.wake();
            }
        }
    }

    /// Does what has been asked of this shard on its own thread while it was at work.
    pub(super) fn handle_own_tasks(&mut self) {
        let mut asked = std::mem::take(&mut self.own_tasks);
        loop {
            if asked.is_empty() {
                if !own::is_waiting() {
                    break;
                }
                own::take(&mut asked);
            }
            self.handle_each(&mut asked);
            asked.frames.clear();
        }
        if asked.capacity() <= KEPT_CAPACITY {
            self.own_tasks = asked;
        }
    }

    fn handle_each(&mut self, asked: &mut own::Asked) {
        let mut frames = &asked.frames[..];
        for ask in asked.asks.drain(..) {
            match ask {
                Ask::Task(task) => self.handle_task(task),
                Ask::Texts(texts) => {
                    let (said, rest) = frames.split_at(texts.len);
                    frames = rest;
                    match texts.to {
                        To::Socket(namespace) => self.send_texts(&texts, namespace, said),
                        To::WebSocket => self.send_messages(&texts, said),
                    }
                }
            }
        }
    }

    /// Leaves for the next turn what has been asked since.
    pub(super) fn keep_own_tasks(&mut self) {
        if own::is_waiting() {
            let mut asked = own::Asked::default();
            own::take(&mut asked);
            self.own_tasks.append(asked);
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stops_by.is_some()
    }

    /// Whether the application wants no events of a connection at present. What it brings is then
    /// left alone until [`Shard::resume`], which cannot come before this returns.
    pub(super) fn pause(&mut self, slot: Slot) -> bool {
        let conn = self.conn_id(slot);
        if self.engine.shared.application.is_ready_for(conn) {
            return false;
        }
        self.now = Instant::now();
        let now = self.now;
        if let Some(tenant) = self.connections.tenant_mut(slot)
            && tenant.pause(now)
        {
            self.paused.push(slot);
            self.handle().counters.paused.increment();
        }
        true
    }

    /// Writes what is queued for a connection, and sees to what became of it.
    pub(super) fn flush(&mut self, slot: Slot) {
        match self.connections.tenant_mut(slot) {
            Some(Tenant::Session(_)) => self.flush_session(slot),
            Some(Tenant::WebSocket(_)) => self.flush_websocket(slot),
            None => {}
        }
    }

    pub(super) fn flush_dirty(&mut self) {
        // What is flushed may make others dirty: they are flushed in this turn too.
        let mut at = 0;
        while at < self.dirty.len() {
            self.flush(self.dirty[at]);
            at += 1;
        }
        self.dirty.clear();
        self.compression.end_turn();
        if self.dirty.capacity() > KEPT_CAPACITY {
            self.dirty = Vec::new();
        }
        if self.cork.capacity() > KEPT_CAPACITY * 64 {
            self.cork = Vec::new();
        }
    }

    fn handle_timers(&mut self) {
        while let Some((tick, timer)) = self.timers.pop_due(self.now) {
            match timer {
                Timer::Connection(slot) => {
                    if let Some(tenant) = self.connections.tenant_mut(slot)
                        && tenant.wakes_at(tick)
                    {
                        self.handle_timeout(slot);
                    }
                }
                Timer::Broadcast(namespace, id) => self.expire_broadcast(namespace, id),
                Timer::Cluster(namespace, id) => self.engine.expire_request(namespace, id),
                Timer::Return(token) => self.engine.decide_return(token, false),
                Timer::Echo => self.engine.expire_echoes(self.now),
            }
        }
    }

    fn resume(&mut self) {
        for slot in std::mem::take(&mut self.paused) {
            let Some(tenant) = self.connections.tenant_mut(slot) else {
                continue;
            };
            tenant.resume();
            let Some(connection) = self.connections.get_mut(slot) else {
                continue;
            };
            let Some(post) = connection.post.take() else {
                continue;
            };
            if !self.pause(slot) {
                self.take_post(slot, *post);
            } else if let Some(connection) = self.connections.get_mut(slot) {
                connection.post = Some(post);
            }
        }
    }

    /// HTTP connections end after the request they are at.
    pub(super) fn stop_http(&self) {
        self.http.send_replace(());
    }
}

/// Most fragments of one message (ws's limit).
const MAX_FRAGMENTS: u32 = 16_384;

/// Entries that a shard's lists may keep room for between turns.
const KEPT_CAPACITY: usize = 4_096;

impl std::fmt::Debug for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shard")
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}
