//! Gathers what happens to plain WebSockets, on the threads where it happens, until JavaScript takes
//! it all at once.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use sori::embed::websocket::{self, Failure, Gauge};
use sori::embed::{ConnId, Event};
use sori::server::{Application, Engine};

use super::records::{Kind, Records};

/// Most records and bytes that may wait for JavaScript before the engine stops reading.
const MOST_WAITING: usize = 65_536;
const MOST_WAITING_BYTES: usize = 16 * 1024 * 1024;

/// So many connections may be open that JavaScript has not been told of, because it asked nothing of
/// them: it need not be woken for each. A broadcast that comes meanwhile is copied for each of them.
const MOST_UNTOLD: usize = 16;

/// Instead of a close code: the peer has been told.
const TOLD: u16 = 0;
/// Instead of a close code: the stream is gone, of which ws says nothing but `close`.
const OF_THE_STREAM: u16 = 1;

/// What a `close` event says when the peer's close frame had no code (RFC 6455 §7.1.5).
const NO_CODE: u16 = 1005;

/// Wakes the JavaScript thread.
pub(super) type Wake = Box<dyn Fn() + Send + Sync>;

/// The engine's application, as far as its threads see it.
#[derive(Default)]
pub(super) struct Sink {
    state: Mutex<State>,
    /// What waits, for a look without the lock. It changes under it.
    waiting: AtomicUsize,
    waiting_bytes: AtomicUsize,
    /// Whether JavaScript has been woken for what waits.
    is_woken: AtomicBool,
    wake: OnceLock<Wake>,
}

#[derive(Debug, Default)]
struct State {
    gathered: Gathered,
    ids: Ids,
    /// JavaScript has asked something of connections that it does not know to be open.
    is_open_awaited: bool,
}

impl State {
    /// What JavaScript is to be woken for.
    fn waiting(&self) -> usize {
        let Gathered { records, opened } = &self.gathered;
        let untold = opened.len();
        let is_told = self.is_open_awaited || untold >= MOST_UNTOLD;
        records.len() + if is_told { untold } else { 0 }
    }
}

/// Everything since the last time.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) records: Records,
    pub(super) opened: Vec<Opened>,
}

/// A connection that is open, with the number JavaScript gave it.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) id: u32,
    pub(super) conn: ConnId,
    pub(super) gauge: Arc<Gauge>,
}

/// JavaScript's numbers by shard, then by the connection's place there. Events of a connection come
/// in order, so whoever has the place is the one meant.
#[derive(Debug, Default)]
struct Ids(Vec<Vec<u32>>);

impl Ids {
    fn set(&mut self, conn: ConnId, id: u32) {
        let (shard, place) = (usize::from(conn.shard), conn.slot.index as usize);
        if self.0.len() <= shard {
            self.0.resize_with(shard + 1, Vec::new);
        }
        let places = &mut self.0[shard];
        if places.len() <= place {
            places.resize(place + 1, u32::MAX);
        }
        places[place] = id;
    }

    fn of(&self, conn: ConnId) -> u32 {
        let places = self.0.get(usize::from(conn.shard));
        let id = places.and_then(|places| places.get(conn.slot.index as usize));
        id.copied().unwrap_or(u32::MAX)
    }
}

impl Sink {
    /// Says how the JavaScript thread is woken.
    pub(super) fn set_wake(&self, wake: Wake) {
        // Set once, right after the sink is made.
        let _ = self.wake.set(wake);
    }

    /// Takes all that has gathered, in exchange for something empty.
    pub(super) fn take(&self, engine: &Engine, empty: Gathered) -> Gathered {
        self.is_woken.store(false, Ordering::SeqCst);
        let mut state = self.state.lock();
        let gathered = std::mem::replace(&mut state.gathered, empty);
        state.is_open_awaited = false;
        let was_full = !self.is_ready();
        self.waiting.store(0, Ordering::Relaxed);
        self.waiting_bytes.store(0, Ordering::Relaxed);
        drop(state);
        if was_full {
            engine.resume();
        }
        gathered
    }

    fn write(&self, work: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        work(&mut state);
        self.waiting.store(state.waiting(), Ordering::Relaxed);
        self.waiting_bytes
            .store(state.gathered.records.payload_bytes(), Ordering::Relaxed);
    }

    /// JavaScript is to be woken for connections that open, and for those that have.
    pub(super) fn await_open(&self) {
        self.write(|state| state.is_open_awaited = true);
        self.flush();
    }

    fn record(&self, conn: ConnId, kind: Kind, upper: u16, payload: &[u8]) {
        self.write(|state| {
            let id = state.ids.of(conn);
            state.gathered.records.push(kind, id, upper, payload);
        });
    }

    fn handle_websocket(&self, conn: ConnId, event: websocket::Event<'_>) {
        use websocket::Event as Happened;
        match event {
            Happened::Open { request, gauge, .. } => self.write(|state| {
                let (id, gauge) = (request.0 as u32, Arc::clone(gauge));
                state.ids.set(conn, id);
                state.gathered.opened.push(Opened { id, conn, gauge });
            }),
            Happened::Text(text) => self.record(conn, Kind::Text, 0, text.as_bytes()),
            Happened::RawText(text) => self.record(conn, Kind::Text, 0, text),
            Happened::Binary(bytes) => self.record(conn, Kind::Binary, 0, bytes),
            Happened::Ping(payload) => self.record(conn, Kind::Ping, 0, payload),
            Happened::Pong(payload) => self.record(conn, Kind::Pong, 0, payload),
            Happened::CloseFrame { code, reason } => {
                self.record(conn, Kind::CloseFrame, code.unwrap_or(NO_CODE), reason);
            }
            Happened::Failed(failure) => {
                let (close_code, text) = described(failure);
                self.record(conn, Kind::Failed, close_code, text.as_bytes());
            }
            Happened::Sent { token, ok } => self.write(|state| {
                let (id, number) = (state.ids.of(conn), token as u32);
                let records = &mut state.gathered.records;
                records.push_number(Kind::Sent, id, ok.into(), number);
            }),
            Happened::Drain => self.record(conn, Kind::Drain, 0, &[]),
            Happened::Ended => self.record(conn, Kind::Ended, 0, &[]),
            // The peer's code and reason came with its close frame.
            Happened::Closed { .. } => self.record(conn, Kind::Closed, 0, &[]),
        }
    }
}

/// RFC 6455 §7.4.1: what a peer is told that sends too much.
const POLICY_VIOLATION: u16 = 1008;

fn too_many(what: &str) -> (u16, String) {
    (
        POLICY_VIOLATION,
        format!("SORI_ERR_TOO_MANY_MESSAGES\n{what}"),
    )
}

/// The close code that the peer is to be told, or why it is not; code and message of the error.
fn described(failure: Failure<'_>) -> (u16, String) {
    match failure {
        Failure::Protocol(error) => (error.close_code(), format!("{}\n{error}", error.code())),
        Failure::SlowReader => {
            let message = "The peer reads too slowly for what is sent to it";
            (TOLD, format!("SORI_ERR_SLOW_READER\n{message}"))
        }
        Failure::TooManyMessages => too_many("too many messages"),
        Failure::TooManyOfAddress => too_many("too many messages from this address"),
        Failure::PingFlood => (OF_THE_STREAM, "EPIPE\nping flood".to_owned()),
        Failure::Io(error) => {
            let code = match error.kind() {
                ErrorKind::ConnectionReset => "ECONNRESET",
                ErrorKind::TimedOut => "ETIMEDOUT",
                ErrorKind::BrokenPipe => "EPIPE",
                ErrorKind::HostUnreachable => "EHOSTUNREACH",
                _ => "EIO",
            };
            (OF_THE_STREAM, format!("{code}\nread {code}"))
        }
    }
}

impl Application for Sink {
    fn handle(&self, _engine: &Engine, event: Event<'_>) {
        match event {
            Event::WebSocket { conn, event } => self.handle_websocket(conn, event),
            Event::FeedWrite { request, bytes } => self.write(|state| {
                let (id, records) = (request.0 as u32, &mut state.gathered.records);
                records.push(Kind::Feed, id, 0, bytes);
            }),
            Event::FeedEnd { request, discard } => self.write(|state| {
                let (id, records) = (request.0 as u32, &mut state.gathered.records);
                records.push(Kind::FeedEnd, id, discard.into(), &[]);
            }),
            // A stream that did not become a connection is over all the same.
            Event::Forget { request } => self.write(|state| {
                let (id, records) = (request.0 as u32, &mut state.gathered.records);
                records.push(Kind::FeedEnd, id, 1, &[]);
                records.push(Kind::Closed, id, 0, &[]);
            }),
            // This engine has no clients of Socket.IO.
            _ => {}
        }
    }

    fn flush(&self) {
        if self.waiting.load(Ordering::Relaxed) > 0
            && !self.is_woken.swap(true, Ordering::SeqCst)
            && let Some(wake) = self.wake.get()
        {
            wake();
        }
    }

    fn is_ready(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) < MOST_WAITING
            && self.waiting_bytes.load(Ordering::Relaxed) < MOST_WAITING_BYTES
    }
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink")
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}
