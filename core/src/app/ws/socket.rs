//! One client's plain WebSocket.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::Message;
use super::broadcast::Broadcast;
use super::endpoint::State;
use crate::app::broadcast::{Rooms, with_rooms};
use crate::app::data::DataMap;
use crate::embed::websocket::{self, Control, Gauge};
use crate::embed::{Command, ConnId, Handshake, SocketRef};
use crate::server::Engine;

/// A client's WebSocket. Clones are handles on the same one; they may be kept, sent to other threads
/// and used at any time: on one that is closed, every call does nothing.
#[derive(Clone)]
pub struct Socket {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    endpoint: Arc<State>,
    conn: ConnId,
    handshake: Arc<Handshake>,
    gauge: Arc<Gauge>,
    is_open: AtomicBool,
    data: Mutex<DataMap>,
}

impl Socket {
    pub(super) fn new(
        engine: &Engine,
        endpoint: &Arc<State>,
        conn: ConnId,
        handshake: Arc<Handshake>,
        gauge: &Arc<Gauge>,
    ) -> Socket {
        Socket {
            inner: Arc::new(Inner {
                engine: engine.clone(),
                endpoint: Arc::clone(endpoint),
                conn,
                handshake,
                gauge: Arc::clone(gauge),
                is_open: AtomicBool::new(true),
                data: Mutex::default(),
            }),
        }
    }

    pub(super) fn conn(&self) -> ConnId {
        self.inner.conn
    }

    pub(super) fn set_closed(&self) {
        self.inner.is_open.store(false, Ordering::Release);
    }

    pub(super) fn endpoint(&self) -> &Arc<State> {
        &self.inner.endpoint
    }

    /// The HTTP request that opened it: URL and query, headers, the peer's address.
    pub fn handshake(&self) -> &Handshake {
        &self.inner.handshake
    }

    /// Whether it has not come to its end.
    pub fn is_open(&self) -> bool {
        self.inner.is_open.load(Ordering::Acquire)
    }

    /// Sends a message: text (`&str`) or bytes (`&[u8]`). It is compressed if that was agreed on and
    /// it is long enough.
    pub fn send<'a>(&self, message: impl Into<Message<'a>>) {
        let message = message.into();
        if self.is_open() {
            let Inner {
                engine,
                conn,
                gauge,
                ..
            } = &*self.inner;
            engine.send_message(*conn, message.kind(), message.as_bytes(), gauge);
        }
    }

    /// Sends a ping; of the payload at most 125 bytes are sent.
    pub fn ping(&self, payload: &[u8]) {
        self.ask(websocket::Command::Ping(Control {
            data: payload,
            token: None,
            gauge: Some(&self.inner.gauge),
        }));
    }

    /// Closes it behind what was sent before. A code that RFC 6455 §7.4 does not let programs send
    /// becomes 1000; of the reason at most 123 bytes are sent.
    pub fn close(&self, code: u16, reason: &str) {
        let is_valid = crate::proto::websocket::is_valid_close_code(code);
        let code = Some(if is_valid { code } else { 1000 });
        self.ask(websocket::Command::Close { code, reason });
    }

    /// Drops the connection at once.
    pub fn terminate(&self) {
        self.ask(websocket::Command::Terminate);
    }

    /// Stops reading from the client, but for a few messages that are read already: TCP pushes
    /// back, and nothing is lost.
    pub fn pause(&self) {
        self.ask(websocket::Command::Pause);
    }

    /// Goes on reading.
    pub fn resume(&self) {
        self.ask(websocket::Command::Resume);
    }

    /// Bytes that have been sent and that the system has not yet taken.
    pub fn queued_bytes(&self) -> usize {
        match self.is_open() {
            true => self.inner.gauge.queued_bytes(),
            // What was sent too late is counted and goes nowhere.
            false => 0,
        }
    }

    /// Puts it into `rooms`.
    pub fn join(&self, rooms: impl Rooms) {
        let socket = self.reference();
        with_rooms(rooms, |rooms| {
            self.inner.engine.execute(Command::Join { socket, rooms });
        });
    }

    /// Takes it out of `rooms`.
    pub fn leave(&self, rooms: impl Rooms) {
        let socket = self.reference();
        with_rooms(rooms, |rooms| {
            self.inner.engine.execute(Command::Leave { socket, rooms });
        });
    }

    /// Addresses the members of `rooms`, but not this one.
    pub fn to(&self, rooms: impl Rooms) -> Broadcast {
        self.broadcast().to(rooms)
    }

    /// Addresses every client of the endpoint but this one.
    pub fn broadcast(&self) -> Broadcast {
        Broadcast::new(&self.inner.engine, &self.inner.endpoint).but(self.inner.conn)
    }

    /// Keeps `value` for this client, in place of the value of the same type kept before.
    pub fn set_data<T: Any + Send + Sync>(&self, value: T) {
        // The value before may do anything when it is dropped: not under the lock.
        let before = self.inner.data.lock().insert(value);
        drop(before);
    }

    /// The value of that type kept for this client.
    pub fn data<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.inner.data.lock().find()
    }

    fn reference(&self) -> SocketRef {
        SocketRef {
            conn: self.inner.conn,
            namespace: self.inner.endpoint.group,
        }
    }

    fn ask(&self, command: websocket::Command<'_>) {
        if self.is_open() {
            let conn = self.inner.conn;
            let command = Command::WebSocket { conn, command };
            self.inner.engine.execute(command);
        }
    }
}

impl PartialEq for Socket {
    fn eq(&self, other: &Socket) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for Socket {}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("conn", &self.inner.conn)
            .finish_non_exhaustive()
    }
}
