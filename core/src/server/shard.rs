//! One IO thread: a current-thread runtime, its connections, and the loop that takes turns.
//!
//! ```text
//!  inbox ──► tasks ─┐
//!  timers ──────────┼──► sessions, hub ──► dirty connections ──► one write each ──► wait
//!  readers ─────────┘
//! ```
//! A turn does every waiting task, then writes what has gathered for each connection. The tasks
//! that read from streams run between turns and only mark connections dirty: what arrives together
//! is answered together.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;
use tokio::runtime::{Builder, LocalOptions};

use super::connection::Table;
use super::http;
use super::task::{PollingRequest, Task};
use super::timers::Timers;
use super::{Engine, ShardHandle};
use crate::embed::{Event, RequestId};
use crate::error::Error;
use crate::hub::{ConnId, NamespaceId, Slot};
use crate::proto::websocket::Limits;
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
    pub(super) next_link: u64,
    pub(super) next_mark: u64,
    /// Every stream is read into this buffer; only what is incomplete is copied out of it.
    pub(super) buffer: Box<[u8]>,
    pub(super) cork: Vec<u8>,
    /// Connections that are not read until the application is ready again.
    paused: Vec<(Slot, LinkId)>,
    /// POSTs that are not taken until the application is ready again.
    pub(super) parked: Vec<PollingRequest>,
    is_stopping: bool,
}

/// What a shard waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Connection(Slot),
    Broadcast(NamespaceId, u64),
}

/// What a reader does after a look at its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Continue,
    /// The buffer was filled: let others run first.
    Yield,
    Stop,
}

const BUFFER_SIZE: usize = 256 * 1024;

/// Starts the thread of shard `index`.
pub(super) fn spawn(engine: Engine, index: u8) -> Result<JoinHandle<()>, Error> {
    let during = |error| Error::Io("cannot start an IO thread".to_owned(), error);
    // Made here so that a failure reaches the caller, used on the thread alone.
    let mut builder = Builder::new_current_thread();
    builder.enable_io().enable_time();
    let probe = builder
        .build_local(LocalOptions::default())
        .map_err(during)?;
    drop(probe);
    std::thread::Builder::new()
        .name(format!("sori-{index}"))
        .spawn(move || {
            let Ok(runtime) = builder.build_local(LocalOptions::default()) else {
                return;
            };
            runtime.block_on(run(engine, index));
        })
        .map_err(during)
}

async fn run(engine: Engine, index: u8) {
    let shard = Rc::new(RefCell::new(Shard::new(engine.clone(), index)));
    let inbox = &engine.shared.shards[usize::from(index)].inbox;
    let mut sleep = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
    while let Some(wait_until) = take_turn(&shard) {
        let mut notified = std::pin::pin!(inbox.notified());
        if let Some(deadline) = wait_until.map(tokio::time::Instant::from_std)
            && sleep.deadline() != deadline
        {
            sleep.as_mut().reset(deadline);
        }
        poll_fn(|cx| {
            if notified.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            if wait_until.is_some() {
                sleep.as_mut().poll(cx)
            } else {
                Poll::Pending
            }
        })
        .await;
    }
    drop(shard);
    if let Some(rest) = engine.shared.application.finish(index) {
        // What takes longer than connections were given is dropped with the runtime.
        let _ = tokio::time::timeout(engine.config().close_timeout, rest).await;
    }
    if engine.shared.live_shards.fetch_sub(1, Ordering::AcqRel) == 1 {
        engine.shared.application.handle(&engine, Event::Closed);
        engine.shared.application.flush();
    }
}

/// Does all that waits. Gives when the next deadline is due, or nothing when the shard has ended.
fn take_turn(shard: &Rc<RefCell<Shard>>) -> Option<Option<Instant>> {
    let mut this = shard.borrow_mut();
    this.now = Instant::now();
    let engine = this.engine.clone();
    let inbox = &engine.shared.shards[usize::from(this.index)].inbox;
    inbox.begin_turn();
    while let Some(task) = inbox.pop() {
        match task {
            Task::Accepted(stream) if !this.is_stopping => http::serve(engine.clone(), stream),
            Task::Accepted(_) => {}
            Task::Attach(attach) => this.attach(*attach, shard),
            Task::Resume => this.resume(),
            Task::Stop => this.stop(),
            task => this.handle_task(task),
        }
    }
    this.handle_timers();
    this.flush_dirty();
    engine.shared.application.flush();
    if this.is_stopping && this.connections.is_empty() {
        return None;
    }
    Some(this.timers.next())
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
            paused: Vec::new(),
            parked: Vec::new(),
            is_stopping: false,
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
        if let Some(connection) = self.connections.get_mut(slot)
            && !connection.is_dirty
        {
            connection.is_dirty = true;
            self.dirty.push(slot);
            self.handle().inbox.wake();
        }
    }

    fn flush_dirty(&mut self) {
        // What is flushed may make others dirty: they are flushed in this turn too.
        let mut at = 0;
        while at < self.dirty.len() {
            self.flush(self.dirty[at]);
            at += 1;
        }
        self.dirty.clear();
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
                    if let Some(connection) = self.connections.get_mut(slot)
                        && connection.wakes_at == Some(tick)
                    {
                        connection.wakes_at = None;
                        self.handle_timeout(slot);
                    }
                }
                Timer::Broadcast(namespace, id) => self.expire_broadcast(namespace, id),
            }
        }
    }

    fn resume(&mut self) {
        for request in std::mem::take(&mut self.parked) {
            self.handle_request(request);
        }
        for (slot, link) in std::mem::take(&mut self.paused) {
            if let Some(connection) = self.connections.get_mut(slot)
                && let Some(link) = connection.link_mut(link)
            {
                link.wake_reader();
            }
        }
    }

    fn stop(&mut self) {
        self.is_stopping = true;
        for slot in self.connections.slots() {
            self.close(slot, crate::DisconnectReason::ServerShuttingDown, true);
        }
    }

    /// One look at a link's stream by the task that reads it.
    fn poll_link(
        &mut self,
        cx: &mut Context<'_>,
        slot: Slot,
        id: LinkId,
        stream: &mut OwnedReadHalf,
    ) -> Poll<Flow> {
        self.now = Instant::now();
        let conn = self.conn_id(slot);
        let Some(connection) = self.connections.get_mut(slot) else {
            return Poll::Ready(Flow::Stop);
        };
        let Some(link) = connection.link_mut(id) else {
            return Poll::Ready(Flow::Stop);
        };
        link.set_reader(cx.waker());
        if link.has_backlog() {
            while link.has_backlog() && stream.as_ref().poll_write_ready(cx).is_ready() {
                flush_backlog(link, &mut self.cork);
            }
            self.touch(slot);
        } else if !link.is_ending() && !self.engine.shared.application.is_ready_for(conn) {
            self.paused.push((slot, id));
            self.handle().counters.paused.increment();
            // The application may have become ready in between, and its resume gone by.
            if !self.engine.shared.application.is_ready_for(conn) {
                return Poll::Pending;
            }
            self.paused.pop();
        }
        let mut buffer = ReadBuf::new(&mut self.buffer);
        match Pin::new(stream).poll_read(cx, &mut buffer) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => {
                self.handle_stream_end(slot, id, Some(error));
                Poll::Ready(Flow::Stop)
            }
            Poll::Ready(Ok(())) => match buffer.filled().len() {
                0 => {
                    self.handle_stream_end(slot, id, None);
                    Poll::Ready(Flow::Stop)
                }
                n => {
                    self.handle_bytes(slot, id, n);
                    Poll::Ready(if n == BUFFER_SIZE {
                        Flow::Yield
                    } else {
                        Flow::Continue
                    })
                }
            },
        }
    }
}

/// Reads a link's stream until either is over.
pub(super) async fn read_link(
    shard: Rc<RefCell<Shard>>,
    slot: Slot,
    id: LinkId,
    mut stream: OwnedReadHalf,
) {
    loop {
        match poll_fn(|cx| shard.borrow_mut().poll_link(cx, slot, id, &mut stream)).await {
            Flow::Continue => {}
            Flow::Yield => tokio::task::yield_now().await,
            Flow::Stop => return,
        }
    }
}

/// A TCP link's backlog goes nowhere but to its stream.
fn flush_backlog(link: &mut crate::transport::Link, cork: &mut Vec<u8>) {
    let mut feed = |_: RequestId, _: &[u8]| {};
    link.flush_backlog(&mut crate::transport::Cork {
        buffer: cork,
        feed: &mut feed,
    });
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
