//! One Engine.IO session as a client lives it: handshake, heartbeat, upgrade, closing. No IO, no
//! clock.
//!
//! ```text
//!  Carrier                                    websocket open      `3probe`
//!  Polling ──► Candidate::Opening ──► Candidate::Probing ──► Candidate::Draining ──► WebSocket
//!     ▲                │                      │                      │        GET and POST done: `5`
//!     └────────────────┴──── candidate gone ──┴──────────────────────┘
//!
//!  Phase
//!  Opening ──── open packet ───► Open ──── close() ───► Closing ──── queue taken ───► Closed
//!     └───────── transport gone, a broken rule, time is up ──────────────────────────────┘
//! ```
//!
//! The queue belongs to the session, not to a transport: an upgrade moves nothing, and each packet
//! leaves once, in order.

use std::collections::VecDeque;
use std::mem;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Deserialize;

use super::DisconnectReason;
use crate::config::TransportKind;
use crate::proto::engine::Packet;

/// An Engine.IO packet that the client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outgoing {
    /// With its type digit.
    Text(String),
    /// A binary message.
    Binary(Bytes),
}

impl Outgoing {
    /// What it counts against the limit of the queue.
    pub(crate) fn size(&self) -> usize {
        match self {
            Outgoing::Text(text) => text.len(),
            Outgoing::Binary(bytes) => bytes.len(),
        }
    }

    /// What it takes in the body of a POST.
    fn body_size(&self) -> usize {
        match self {
            Outgoing::Text(text) => text.len(),
            Outgoing::Binary(bytes) => 1 + bytes.len().div_ceil(3) * 4,
        }
    }
}

/// What is to be done for the session, in this order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Transmit {
    /// Open a WebSocket, with the session's id in its query once there is one.
    OpenWebSocket,
    /// Ask by a GET. Ends with `handle_poll_done`.
    Poll,
    /// Send by a POST. Ends with `handle_written`.
    Post(Vec<Outgoing>),
    /// Send over the WebSocket. Ends with `handle_written` if the WebSocket carries the session.
    WebSocket(Vec<Outgoing>),
    /// Close the WebSocket, behind what was sent over it. It is heard of no more.
    CloseWebSocket,
}

/// What a packet is to the application.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received<'a> {
    /// Nothing.
    Nothing,
    /// The session is open.
    Opened,
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) reason: DisconnectReason,
    pub(crate) description: Option<String>,
}

/// A transport ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TransportEnd {
    /// The server closed it.
    Closed,
    /// It failed; the text says how, for people.
    Failed(String),
}

/// One session. After each input: [`Session::poll_transmit`] until it gives nothing, then
/// [`Session::poll_ending`], then [`Session::next_timeout`].
#[derive(Debug)]
pub(crate) struct Session {
    sid: Option<String>,
    carrier: Carrier,
    phase: Phase,
    may_upgrade: bool,
    polling: Polling,
    /// A batch is on its way over the WebSocket that carries the session.
    is_writing: bool,
    queue: VecDeque<Outgoing>,
    queued_bytes: usize,
    owed: VecDeque<Transmit>,
    heartbeat: Duration,
    /// When the next ping is overdue.
    ping_due: Option<Instant>,
    max_payload: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carrier {
    Polling,
    /// Polling, while a WebSocket is tried.
    Upgrading(Candidate),
    WebSocket,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Candidate {
    Opening { until: Instant },
    Probing { until: Instant },
    Draining { until: Instant },
}

impl Candidate {
    fn until(self) -> Instant {
        match self {
            Candidate::Opening { until }
            | Candidate::Probing { until }
            | Candidate::Draining { until } => until,
        }
    }
}

#[derive(Debug)]
enum Phase {
    Opening { until: Instant },
    Open,
    Closing { until: Instant },
    Closed { untold: Option<Ending> },
}

#[derive(Debug, Default)]
struct Polling {
    has_get: bool,
    has_post: bool,
    /// The `1` has been queued.
    said_goodbye: bool,
}

/// The JSON of an open packet.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Opening {
    sid: String,
    #[serde(default)]
    upgrades: Vec<String>,
    ping_interval: u64,
    ping_timeout: u64,
    #[serde(default)]
    max_payload: usize,
}

/// How a session begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// The transport of the handshake.
    pub(crate) first: TransportKind,
    /// Whether a polling session tries a WebSocket, if the server offers it.
    pub(crate) may_upgrade: bool,
    /// How long the handshake, and later the upgrade, may take.
    pub(crate) timeout: Duration,
}

impl Session {
    pub(crate) fn start(settings: Settings, now: Instant) -> Session {
        let mut session = Session {
            sid: None,
            carrier: match settings.first {
                TransportKind::Polling => Carrier::Polling,
                TransportKind::WebSocket | TransportKind::WebTransport => Carrier::WebSocket,
            },
            phase: Phase::Opening {
                until: now + settings.timeout,
            },
            may_upgrade: settings.may_upgrade,
            polling: Polling::default(),
            is_writing: false,
            queue: VecDeque::new(),
            queued_bytes: 0,
            owed: VecDeque::new(),
            heartbeat: settings.timeout,
            ping_due: None,
            max_payload: 0,
        };
        if settings.first == TransportKind::WebSocket {
            session.owed.push_back(Transmit::OpenWebSocket);
        }
        session
    }
}

/// Inputs.
impl Session {
    /// The WebSocket is open: as the first transport, or as the candidate of an upgrade.
    pub(crate) fn handle_websocket_open(&mut self) {
        if let Carrier::Upgrading(Candidate::Opening { until }) = self.carrier {
            self.carrier = Carrier::Upgrading(Candidate::Probing { until });
            let probe = vec![Outgoing::Text("2probe".to_owned())];
            self.owed.push_back(Transmit::WebSocket(probe));
        }
    }

    /// A packet came over `from`. Anything but messages and the opening is dealt with here.
    pub(crate) fn handle_packet<'a>(
        &mut self,
        from: TransportKind,
        packet: Packet<'a>,
        now: Instant,
    ) -> Received<'a> {
        if from != self.transport() {
            self.handle_candidate_packet(packet);
            return Received::Nothing;
        }
        match (&self.phase, packet) {
            (Phase::Opening { .. }, Packet::Open(json)) => return self.open(json, now),
            (Phase::Opening { .. }, _) => self.fail("a packet before the handshake"),
            (Phase::Closed { .. }, _) => {}
            (_, Packet::Text(text)) if self.is_open() => return Received::Text(text),
            (_, Packet::Binary(bytes)) if self.is_open() => return Received::Binary(bytes),
            (_, Packet::Ping(_)) => {
                self.ping_due = Some(now + self.heartbeat);
                self.push(Outgoing::Text("3".to_owned()));
            }
            (_, Packet::Close) => self.end(DisconnectReason::TransportClose, None),
            (_, Packet::Open(_)) => self.fail("a second handshake"),
            (_, _) => {}
        }
        Received::Nothing
    }

    /// The GET is answered, and its packets have been handled.
    pub(crate) fn handle_poll_done(&mut self) {
        self.polling.has_get = false;
        if self.sid.is_none() {
            self.fail("an answer without a handshake");
        }
        self.finish_draining();
    }

    /// The POST is answered, or the frames have been written.
    pub(crate) fn handle_written(&mut self, over: TransportKind) {
        match over {
            TransportKind::Polling => {
                self.polling.has_post = false;
                self.finish_draining();
            }
            TransportKind::WebSocket if self.carrier == Carrier::WebSocket => {
                self.is_writing = false;
            }
            TransportKind::WebSocket | TransportKind::WebTransport => {}
        }
    }

    /// A transport ended. If it was the candidate, the session goes on over polling.
    pub(crate) fn handle_transport_end(&mut self, from: TransportKind, end: TransportEnd) {
        if from != self.transport() {
            if self.is_upgrading() {
                self.carrier = Carrier::Polling;
            }
            return;
        }
        match end {
            TransportEnd::Closed => self.end(DisconnectReason::TransportClose, None),
            TransportEnd::Failed(why) => self.end(DisconnectReason::TransportError, Some(why)),
        }
    }

    /// What came over `from` were no Engine.IO packets.
    pub(crate) fn handle_garbage(&mut self, from: TransportKind, what: &str) {
        if from == self.transport() {
            self.fail(what);
        } else {
            self.give_up_upgrade();
        }
    }

    /// Time has passed.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        match self.phase {
            Phase::Opening { until } if until <= now => self.fail("timeout"),
            Phase::Closing { until } if until <= now => self.finish_closing(),
            _ => {}
        }
        if let Carrier::Upgrading(candidate) = self.carrier
            && candidate.until() <= now
        {
            self.give_up_upgrade();
        }
        if self.ping_due.is_some_and(|due| due <= now) {
            self.end(DisconnectReason::PingTimeout, None);
        }
    }

    /// Queues a message. Dropped unless the session is open.
    pub(crate) fn send(&mut self, packet: Outgoing) {
        if self.is_open() {
            self.push(packet);
        }
    }

    /// Ends the session once what is queued has been taken, at the latest after `patience`.
    pub(crate) fn close(&mut self, patience: Duration, now: Instant) {
        match self.phase {
            Phase::Opening { .. } => self.end(DisconnectReason::IoClientDisconnect, None),
            Phase::Open => {
                self.give_up_upgrade();
                self.phase = Phase::Closing {
                    until: now + patience,
                };
            }
            Phase::Closing { .. } | Phase::Closed { .. } => {}
        }
    }

    /// Ends the session at once, for a reason of the layer above.
    pub(crate) fn abort(&mut self, reason: DisconnectReason, description: Option<String>) {
        self.end(reason, description);
    }
}

/// Outputs.
impl Session {
    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit> {
        if let Some(owed) = self.owed.pop_front() {
            return Some(owed);
        }
        if matches!(self.phase, Phase::Closed { .. }) {
            return None;
        }
        match self.carrier {
            Carrier::WebSocket => self.poll_websocket(),
            Carrier::Polling
            | Carrier::Upgrading(Candidate::Opening { .. } | Candidate::Probing { .. }) => {
                self.poll_polling()
            }
            Carrier::Upgrading(Candidate::Draining { .. }) => None,
        }
    }

    /// How it ended; told once.
    pub(crate) fn poll_ending(&mut self) -> Option<Ending> {
        match &mut self.phase {
            Phase::Closed { untold } => untold.take(),
            _ => None,
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let phase = match self.phase {
            Phase::Opening { until } | Phase::Closing { until } => Some(until),
            Phase::Open => None,
            Phase::Closed { .. } => return None,
        };
        let upgrade = match self.carrier {
            Carrier::Upgrading(candidate) => Some(candidate.until()),
            Carrier::Polling | Carrier::WebSocket => None,
        };
        [phase, upgrade, self.ping_due].into_iter().flatten().min()
    }
}

/// Queries.
impl Session {
    pub(crate) fn transport(&self) -> TransportKind {
        match self.carrier {
            Carrier::Polling | Carrier::Upgrading(_) => TransportKind::Polling,
            Carrier::WebSocket => TransportKind::WebSocket,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// The id the server gave.
    pub(crate) fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    /// A message sent now would leave at once.
    pub(crate) fn is_writable(&self) -> bool {
        let is_free = match self.carrier {
            Carrier::WebSocket => !self.is_writing,
            Carrier::Polling => !self.polling.has_post,
            Carrier::Upgrading(candidate) => {
                !matches!(candidate, Candidate::Draining { .. }) && !self.polling.has_post
            }
        };
        self.is_open() && self.queue.is_empty() && is_free
    }

    /// Bytes of what waits to leave.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    fn is_upgrading(&self) -> bool {
        matches!(self.carrier, Carrier::Upgrading(_))
    }
}

/// Private parts.
impl Session {
    fn open(&mut self, json: &str, now: Instant) -> Received<'static> {
        let Phase::Opening { until } = self.phase else {
            return Received::Nothing;
        };
        let Ok(opening) = serde_json::from_str::<Opening>(json) else {
            self.fail("an invalid handshake");
            return Received::Nothing;
        };
        // Longer than a week is as good as for ever, and cannot overflow.
        let patience = opening.ping_interval.saturating_add(opening.ping_timeout);
        self.heartbeat = Duration::from_millis(patience).min(LONGEST_HEARTBEAT);
        self.ping_due = Some(now + self.heartbeat);
        self.max_payload = opening.max_payload;
        self.sid = Some(opening.sid);
        self.phase = Phase::Open;
        let offers = opening.upgrades.iter().any(|name| name == "websocket");
        if self.carrier == Carrier::Polling && self.may_upgrade && offers {
            // As long as the handshake itself had.
            let until = until.max(now + MOST_UPGRADE);
            self.carrier = Carrier::Upgrading(Candidate::Opening { until });
            self.owed.push_back(Transmit::OpenWebSocket);
        }
        Received::Opened
    }

    fn handle_candidate_packet(&mut self, packet: Packet<'_>) {
        match (self.carrier, packet) {
            (Carrier::Upgrading(Candidate::Probing { until }), Packet::Pong("probe")) => {
                self.carrier = Carrier::Upgrading(Candidate::Draining { until });
                self.finish_draining();
            }
            // What polling still had to say after the upgrade.
            (Carrier::WebSocket | Carrier::Polling, _) => {}
            (Carrier::Upgrading(_), _) => self.give_up_upgrade(),
        }
    }

    /// Once nothing is on its way over polling any more, the WebSocket takes over.
    fn finish_draining(&mut self) {
        if !matches!(self.carrier, Carrier::Upgrading(Candidate::Draining { .. }))
            || self.polling.has_get
            || self.polling.has_post
        {
            return;
        }
        self.carrier = Carrier::WebSocket;
        let upgrade = vec![Outgoing::Text("5".to_owned())];
        self.is_writing = true;
        self.owed.push_back(Transmit::WebSocket(upgrade));
    }

    fn give_up_upgrade(&mut self) {
        if self.is_upgrading() {
            self.carrier = Carrier::Polling;
            self.owed.push_back(Transmit::CloseWebSocket);
        }
    }

    fn poll_websocket(&mut self) -> Option<Transmit> {
        if self.is_writing {
            return None;
        }
        if self.queue.is_empty() {
            if matches!(self.phase, Phase::Closing { .. }) {
                self.finish_closing();
                return self.owed.pop_front();
            }
            return None;
        }
        self.is_writing = true;
        self.queued_bytes = 0;
        Some(Transmit::WebSocket(mem::take(&mut self.queue).into()))
    }

    fn poll_polling(&mut self) -> Option<Transmit> {
        let is_closing = matches!(self.phase, Phase::Closing { .. });
        if is_closing && self.queue.is_empty() && !self.polling.has_post {
            if self.polling.said_goodbye {
                self.finish_closing();
                return self.owed.pop_front();
            }
            self.polling.said_goodbye = true;
            self.push(Outgoing::Text("1".to_owned()));
        }
        if !self.queue.is_empty() && !self.polling.has_post {
            self.polling.has_post = true;
            return Some(Transmit::Post(self.take_body()));
        }
        if !self.polling.has_get && !is_closing {
            self.polling.has_get = true;
            return Some(Transmit::Poll);
        }
        None
    }

    /// As many packets as the server takes in one body, at least one.
    fn take_body(&mut self) -> Vec<Outgoing> {
        let mut size = 0;
        let mut body = Vec::new();
        while let Some(packet) = self.queue.front() {
            // The separator counts too.
            size += packet.body_size() + usize::from(!body.is_empty());
            if !body.is_empty() && self.max_payload > 0 && size > self.max_payload {
                break;
            }
            self.queued_bytes -= packet.size();
            body.extend(self.queue.pop_front());
        }
        body
    }

    fn push(&mut self, packet: Outgoing) {
        self.queued_bytes += packet.size();
        self.queue.push_back(packet);
    }

    fn finish_closing(&mut self) {
        self.end(DisconnectReason::IoClientDisconnect, None);
    }

    fn fail(&mut self, why: &str) {
        self.end(DisconnectReason::TransportError, Some(why.to_owned()));
    }

    fn end(&mut self, reason: DisconnectReason, description: Option<String>) {
        let reason = match self.phase {
            Phase::Closed { .. } => return,
            Phase::Closing { .. } => DisconnectReason::IoClientDisconnect,
            Phase::Opening { .. } | Phase::Open => reason,
        };
        if self.carrier != Carrier::Polling {
            self.owed.push_back(Transmit::CloseWebSocket);
        }
        self.phase = Phase::Closed {
            untold: Some(Ending {
                reason,
                description,
            }),
        };
        self.ping_due = None;
        self.queue.clear();
        self.queued_bytes = 0;
    }
}

const LONGEST_HEARTBEAT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// An upgrade that takes longer is given up: the session has polling.
const MOST_UPGRADE: Duration = Duration::from_secs(10);
