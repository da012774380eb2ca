//! Whether a client has a connection: opening it, losing it, waiting and trying again. No IO, no
//! clock.
//!
//! ```text
//!           a socket is wanted             session open
//!  Idle ─────────────────────► Connecting ─────────────► Open
//!   ▲                            │    ▲                   │
//!   │ no more attempts,          │    │ back-off          │ session over
//!   │ nobody wants it            ▼    │                   │
//!   └───────────────────────── Waiting ◄──────────────────┘
//!
//!  close(): Closing, then Closed
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::event::{DisconnectReason, Event, SocketKey};
use super::reconnect::{Backoff, Reconnection};
use super::session::{Ending, Received, Session, Settings, Transmit, TransportEnd};
use super::sockets::{Full, Limits, Manner, Room, Sockets};
use crate::config::TransportKind;
use crate::embed::Payload;
use crate::proto::engine::{self, Packet};

/// A client without its IO. After each input: [`Connection::poll_step`] until it gives nothing,
/// [`Connection::poll_event`] until it gives nothing, then [`Connection::next_timeout`].
#[derive(Debug)]
pub(crate) struct Connection {
    rules: Rules,
    phase: Phase,
    session: Option<Session>,
    /// Counts sessions: what belongs to an earlier one is passed over.
    epoch: Epoch,
    sockets: Sockets,
    backoff: Backoff,
    events: VecDeque<Event>,
}

/// The settings that decide what a connection does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) session: Settings,
    pub(crate) reconnection: Option<Reconnection>,
    pub(crate) limits: Limits,
    pub(crate) max_queued_bytes: usize,
    pub(crate) close_timeout: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Connecting,
    Open,
    Waiting { until: Instant },
    Closing,
    Closed,
}

/// A session's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Epoch(u64);

/// What the driver is to do for a session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Do this.
    Transmit(Epoch, Transmit),
    /// The session is over: drop its transports, once what was sent over its WebSocket is out.
    End(Epoch),
}

impl Connection {
    pub(crate) fn new(rules: Rules, seed: u64) -> Connection {
        Connection {
            phase: Phase::Idle,
            session: None,
            epoch: Epoch::default(),
            sockets: Sockets::new(rules.limits),
            backoff: Backoff::new(rules.reconnection.unwrap_or_default(), seed),
            events: VecDeque::new(),
            rules,
        }
    }
}

/// What the application does.
impl Connection {
    /// The socket of that namespace; it is not asked for yet.
    pub(crate) fn socket(&mut self, namespace: &str) -> SocketKey {
        self.sockets.socket(namespace)
    }

    pub(crate) fn set_auth(&mut self, key: SocketKey, auth: Option<&str>) {
        self.sockets.set_auth(key, auth);
    }

    /// Asks for the socket's namespace, and for a connection if there is none.
    pub(crate) fn connect(&mut self, key: SocketKey, now: Instant) {
        if matches!(self.phase, Phase::Closing | Phase::Closed) {
            return;
        }
        self.sockets.ask(key);
        // One that is being closed is waited for: see `handle_ending`.
        if self.phase == Phase::Idle && self.session.is_none() {
            self.open(now);
        }
        self.settle(now);
    }

    /// Takes the socket out of its namespace; without any socket the connection is closed.
    pub(crate) fn disconnect(&mut self, key: SocketKey, now: Instant) {
        self.sockets.leave(key);
        self.settle(now);
    }

    pub(crate) fn emit(
        &mut self,
        key: SocketKey,
        payload: &Payload<'_>,
        manner: Manner,
        now: Instant,
    ) -> Result<Option<u64>, Full> {
        let room = self.room();
        let emitted = self.sockets.emit(key, payload, manner, room, now);
        self.settle(now);
        emitted
    }

    pub(crate) fn answer(
        &mut self,
        key: SocketKey,
        id: u64,
        payload: &Payload<'_>,
        now: Instant,
    ) -> Result<(), Full> {
        let room = self.room();
        let answered = self.sockets.answer(key, id, payload, room);
        self.settle(now);
        answered
    }

    /// Disconnects every socket and closes the connection; [`Event::Closed`] is the last event.
    pub(crate) fn close(&mut self, now: Instant) {
        if self.is_closing() {
            return;
        }
        for key in 0.. {
            let key = SocketKey(key);
            if self.sockets.namespace(key).is_none() {
                break;
            }
            self.sockets.leave(key);
        }
        self.sockets.abandon_acks();
        self.phase = Phase::Closing;
        self.settle(now);
        if self.session.is_none() {
            self.finish();
        }
    }
}

/// What the driver tells.
impl Connection {
    pub(crate) fn handle_websocket_open(&mut self, epoch: Epoch) {
        if let Some(session) = self.session_of(epoch) {
            session.handle_websocket_open();
        }
    }

    /// A text message over the WebSocket.
    pub(crate) fn handle_text(&mut self, epoch: Epoch, text: &str, now: Instant) {
        match engine::decode_text(text) {
            Ok(packet) => self.handle_packet(epoch, TransportKind::WebSocket, packet, now),
            Err(error) => {
                self.handle_garbage(epoch, TransportKind::WebSocket, &error.to_string(), now);
            }
        }
    }

    /// A binary message over the WebSocket.
    pub(crate) fn handle_binary(&mut self, epoch: Epoch, bytes: &[u8], now: Instant) {
        let packet = Packet::Binary(bytes);
        self.handle_packet(epoch, TransportKind::WebSocket, packet, now);
    }

    /// The body of the answer to a GET.
    pub(crate) fn handle_poll(&mut self, epoch: Epoch, body: &str, now: Instant) {
        for packet in engine::decode_payload(body) {
            match packet {
                Ok(packet) => {
                    let packet = packet.as_packet();
                    self.handle_packet(epoch, TransportKind::Polling, packet, now);
                }
                Err(error) => {
                    let what = error.to_string();
                    self.handle_garbage(epoch, TransportKind::Polling, &what, now);
                }
            }
        }
        if let Some(session) = self.session_of(epoch) {
            session.handle_poll_done();
        }
        self.settle(now);
    }

    /// A POST is answered, or frames are written.
    pub(crate) fn handle_written(&mut self, epoch: Epoch, over: TransportKind) {
        if let Some(session) = self.session_of(epoch) {
            session.handle_written(over);
        }
    }

    pub(crate) fn handle_transport_end(
        &mut self,
        epoch: Epoch,
        from: TransportKind,
        end: TransportEnd,
        now: Instant,
    ) {
        if let Some(session) = self.session_of(epoch) {
            session.handle_transport_end(from, end);
        }
        self.settle(now);
    }

    /// Time has passed.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.sockets.handle_timeout(now);
        if let Some(session) = &mut self.session {
            session.handle_timeout(now);
        }
        if let Phase::Waiting { until } = self.phase
            && until <= now
        {
            self.events.push_back(Event::ReconnectAttempt {
                attempt: self.backoff.attempts(),
            });
            self.open(now);
        }
        self.settle(now);
    }

    pub(crate) fn poll_step(&mut self, now: Instant) -> Option<Step> {
        let session = self.session.as_mut()?;
        if let Some(transmit) = session.poll_transmit() {
            return Some(Step::Transmit(self.epoch, transmit));
        }
        let ending = session.poll_ending()?;
        let over = self.epoch;
        self.session = None;
        self.handle_ending(ending, now);
        Some(Step::End(over))
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let waiting = match self.phase {
            Phase::Waiting { until } => Some(until),
            _ => None,
        };
        let session = self.session.as_ref().and_then(Session::next_timeout);
        [waiting, session, self.sockets.next_timeout()]
            .into_iter()
            .flatten()
            .min()
    }
}

/// Queries.
impl Connection {
    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing | Phase::Closed)
    }

    pub(crate) fn is_connected(&self, key: SocketKey) -> bool {
        self.sockets.is_connected(key)
    }

    pub(crate) fn is_active(&self, key: SocketKey) -> bool {
        self.sockets.is_active(key)
    }

    pub(crate) fn sid(&self, key: SocketKey) -> Option<Arc<str>> {
        self.sockets.sid(key)
    }

    pub(crate) fn namespace(&self, key: SocketKey) -> Option<Arc<str>> {
        self.sockets.namespace(key)
    }

    /// What carries the connection, while there is one.
    pub(crate) fn transport(&self) -> Option<TransportKind> {
        self.session
            .as_ref()
            .filter(|session| session.is_open())
            .map(Session::transport)
    }

    /// The id of the session, while there is one.
    pub(crate) fn session_sid(&self) -> Option<&str> {
        self.session.as_ref()?.sid()
    }

    /// Bytes that wait to be sent.
    pub(crate) fn waiting_bytes(&self) -> usize {
        let session = self.session.as_ref().map_or(0, Session::queued_bytes);
        session + self.sockets.unsent_bytes()
    }

    fn session_of(&mut self, epoch: Epoch) -> Option<&mut Session> {
        self.session.as_mut().filter(|_| epoch == self.epoch)
    }

    fn room(&self) -> Room {
        let queued = self.waiting_bytes();
        Room {
            is_writable: self.session.as_ref().is_some_and(Session::is_writable),
            bytes: self.rules.max_queued_bytes.saturating_sub(queued),
            is_empty: queued == 0,
        }
    }
}

/// Private parts.
impl Connection {
    fn open(&mut self, now: Instant) {
        self.epoch.0 += 1;
        self.session = Some(Session::start(self.rules.session, now));
        self.phase = Phase::Connecting;
    }

    fn handle_packet(
        &mut self,
        epoch: Epoch,
        from: TransportKind,
        packet: Packet<'_>,
        now: Instant,
    ) {
        let Some(session) = self.session_of(epoch) else {
            return;
        };
        let taken = match session.handle_packet(from, packet, now) {
            Received::Nothing => Ok(()),
            Received::Opened => {
                self.opened();
                Ok(())
            }
            Received::Text(text) => self.sockets.handle_text(text),
            Received::Binary(bytes) => self.sockets.handle_binary(bytes),
        };
        if let (Err(violation), Some(session)) = (taken, &mut self.session) {
            session.abort(DisconnectReason::ParseError, Some(violation));
        }
        self.settle(now);
    }

    fn handle_garbage(&mut self, epoch: Epoch, from: TransportKind, what: &str, now: Instant) {
        if let Some(session) = self.session_of(epoch) {
            session.handle_garbage(from, what);
        }
        self.settle(now);
    }

    fn opened(&mut self) {
        if self.phase != Phase::Connecting {
            return;
        }
        self.phase = Phase::Open;
        if self.backoff.attempts() > 0 {
            self.events.push_back(Event::Reconnect {
                attempt: self.backoff.attempts(),
            });
        }
        self.backoff.reset();
        self.sockets.handle_open();
    }

    fn handle_ending(&mut self, ending: Ending, now: Instant) {
        let Ending {
            reason,
            description,
        } = ending;
        self.sockets.handle_end(reason, description.as_deref());
        self.gather_events();
        if self.phase == Phase::Closing {
            self.finish();
            return;
        }
        if !self.sockets.is_any_active() {
            self.phase = Phase::Idle;
        } else if !reason.may_reconnect() {
            // It was closed because nobody wanted it, and somebody does by now.
            self.open(now);
        } else if self.rules.reconnection.is_none() {
            self.sockets.give_up();
            self.phase = Phase::Idle;
        } else if let Some(wait) = self.backoff.next() {
            self.phase = Phase::Waiting { until: now + wait };
        } else {
            self.events.push_back(Event::ReconnectFailed);
            self.sockets.give_up();
            self.phase = Phase::Idle;
        }
    }

    fn finish(&mut self) {
        self.phase = Phase::Closed;
        self.gather_events();
        self.events.push_back(Event::Closed);
    }

    /// Takes to the session, and to the application, what the sockets have for them; closes a
    /// connection that no socket wants.
    fn settle(&mut self, now: Instant) {
        self.gather_events();
        if let Some(session) = &mut self.session {
            while let Some(packet) = self.sockets.poll_packet() {
                session.send(packet);
            }
            if !self.sockets.is_any_active() {
                session.close(self.rules.close_timeout, now);
            }
        } else if !self.sockets.is_any_active() && matches!(self.phase, Phase::Waiting { .. }) {
            self.phase = Phase::Idle;
            self.backoff.reset();
        }
    }

    fn gather_events(&mut self) {
        while let Some(event) = self.sockets.poll_event() {
            self.events.push_back(event);
        }
    }
}
