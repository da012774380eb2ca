//! One Engine.IO connection's life: transports, heartbeat, upgrade, buffering. No IO, no clock.
//!
//! What carries the connection, and how far its life has come, are two questions:
//!
//! ```text
//!  Carrier
//!          handle_candidate                    `5`
//!  Polling ────────────────────► Probing ──────────────► Link
//!     ▲                             │      Upgraded
//!     └── candidate gone, packet ───┘
//!         other than `2probe`/`5`,
//!         upgrade_timeout: CloseProbe
//!
//!  Phase
//!        close()              queue and `1` / close frame taken,
//!                             transport gone, close_timeout
//!  Open ─────────► Closing ─────────────────────────────────────► Closed
//!    │                                                              ▲
//!    └── abort(), `1`, ping timeout, parse error, overlap, ─────────┘
//!        transport gone
//! ```
//!
//! The outbox belongs to the connection, not to a transport. So an upgrade moves nothing: a packet
//! leaves by whatever carries the connection when it is taken, once and in order.

mod allowance;
mod ending;
mod heartbeat;
mod outbox;
mod receive;
mod transmit;
mod types;
mod upgrade;

use std::borrow::Cow;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::allowance::Allowance;
pub use self::allowance::SharedAllowance;
use self::heartbeat::{Beat, Heartbeat};
pub(crate) use self::outbox::Outbox;
pub use self::types::{
    Event, Opening, PollError, Received, Settings, Transmit, TransportClosed, UpgradeError,
};
use self::upgrade::Probe;
use crate::config::TransportKind;
use crate::error::DisconnectReason;
use crate::proto::engine::{OpenPacket, Revision, frames};
use crate::proto::websocket::Frame;

/// One connection's life, whichever transports carry it.
///
/// # Calling order
///
/// After any input (`handle_*`, [`send`](Session::send), [`close`](Session::close),
/// [`abort`](Session::abort)), at the latest at the end of the turn:
/// 1. [`poll_transmit`](Session::poll_transmit) until it gives `None`, or until the transport takes
///    no more: what is not taken waits here, and [`queued_bytes`](Session::queued_bytes) tells how
///    much it is;
/// 2. [`poll_event`](Session::poll_event) until it gives `None`. `Closed` of a graceful close comes
///    only after step 1 has taken the last bytes;
/// 3. [`next_timeout`](Session::next_timeout) says when
///    [`handle_timeout`](Session::handle_timeout) is wanted. It may be called late or too early.
///
/// After [`Event::Closed`] the session can be dropped; inputs are still allowed and do nothing.
///
/// `now` never goes backwards, and is read once per turn of the driver's loop.
#[derive(Debug)]
pub struct Session {
    settings: Arc<Settings>,
    outbox: Outbox,
    heartbeat: Heartbeat,
    allowance: Allowance,
    shared_allowance: Option<Arc<SharedAllowance>>,
    carrier: Carrier,
    /// What the current link is, or the candidate, or the last of them.
    link: TransportKind,
    phase: Phase,
    poll: Poll,
    is_posting: bool,
    close_probe_owed: bool,
    close_websocket_owed: bool,
    probed_untold: bool,
    upgraded_untold: bool,
    /// A ping of the client has not been answered (protocol 3). Of several only the last counts.
    pong_owed: bool,
}

#[derive(Debug)]
enum Carrier {
    Polling,
    Probing(Box<Probe>),
    /// A WebSocket, or a stream of WebTransport.
    Link,
}

#[derive(Debug)]
enum Phase {
    Open,
    Closing(Box<Closing>),
    /// `Some` until the event has been told.
    Closed(Option<Box<Ending>>),
}

#[derive(Debug)]
struct Closing {
    reason: DisconnectReason,
    give_up_at: Instant,
    /// The poll that will carry the close packet began after the close did.
    is_poll_late: bool,
}

#[derive(Debug)]
struct Ending {
    reason: DisconnectReason,
    description: Option<Cow<'static, str>>,
}

/// The client's GET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Poll {
    None,
    /// Waits for packets.
    Pending,
    /// Polling is over; the GET that was pending gets a last `6`.
    OwesNoop,
    /// The same with a last `1`.
    OwesClose,
}

impl Session {
    /// Begins a connection whose handshake came over `transport`, and queues its open packet.
    ///
    /// Over polling the handshake is itself a GET: call [`handle_poll`](Session::handle_poll) next.
    /// In protocol 4 the first ping is due `ping_interval` after `now`. In protocol 3 the client
    /// pings; its first is awaited for `ping_interval` and `ping_timeout` together.
    pub fn open(opening: Opening<'_>, settings: Arc<Settings>, now: Instant) -> Session {
        let Opening {
            sid,
            transport,
            revision,
            offers_webtransport,
        } = opening;
        let can_upgrade = transport == TransportKind::Polling && settings.allow_upgrades;
        let has_webtransport = offers_webtransport && revision == Revision::V4;
        let upgrades: &[&str] = match (settings.serves_websocket, has_webtransport) {
            _ if !can_upgrade => &[],
            (true, true) => &["websocket", "webtransport"],
            (true, false) => &["websocket"],
            (false, true) => &["webtransport"],
            (false, false) => &[],
        };
        let mut outbox = Outbox::default();
        outbox.push(open_frame(sid, upgrades, &settings));
        Session {
            heartbeat: match revision {
                Revision::V3 => Heartbeat::listen(now, settings.patience()),
                Revision::V4 => Heartbeat::start(now, settings.ping_interval),
            },
            settings,
            outbox,
            allowance: Allowance::default(),
            shared_allowance: None,
            carrier: match transport {
                TransportKind::Polling => Carrier::Polling,
                TransportKind::WebSocket | TransportKind::WebTransport => Carrier::Link,
            },
            link: transport,
            phase: Phase::Open,
            poll: Poll::None,
            is_posting: false,
            close_probe_owed: false,
            close_websocket_owed: false,
            probed_untold: false,
            upgraded_untold: false,
            pong_owed: false,
        }
    }
}

/// Inputs.
impl Session {
    /// A GET arrived and waits for its answer, [`Transmit::Poll`].
    ///
    /// # Errors
    /// The GET is to be refused at once, as the error says. With [`PollError::Overlap`] the session
    /// has closed, and the earlier GET gets its `1` by [`Transmit::Poll`].
    pub fn handle_poll(&mut self, now: Instant) -> Result<(), PollError> {
        self.check_polling()?;
        if self.poll == Poll::Pending {
            self.fail_transport("overlap from client");
            return Err(PollError::Overlap);
        }
        self.poll = Poll::Pending;
        if let Phase::Closing(closing) = &mut self.phase {
            closing.is_poll_late = true;
        }
        if let Carrier::Probing(probe) = &mut self.carrier {
            probe.handle_poll(now);
        }
        Ok(())
    }

    /// The client dropped the pending GET: "transport error", unless the session is closing and
    /// waits for a poll anyway. Does nothing if the GET has been answered.
    pub fn handle_poll_closed(&mut self, _now: Instant) {
        let was_pending = mem::replace(&mut self.poll, Poll::None) == Poll::Pending;
        if was_pending && self.is_open() {
            self.fail_transport("poll connection closed prematurely");
        }
    }

    /// A POST begins; its packets follow by [`handle_packet`](Session::handle_packet), then
    /// [`handle_post_end`](Session::handle_post_end).
    ///
    /// # Errors
    /// The POST is to be refused at once, as the error says.
    pub fn handle_post_start(&mut self, _now: Instant) -> Result<(), PollError> {
        self.check_polling()?;
        if self.is_posting {
            self.fail_transport("data request overlap from client");
            return Err(PollError::Overlap);
        }
        self.is_posting = true;
        Ok(())
    }

    /// The running POST is over, whether it brought its packets or not.
    pub fn handle_post_end(&mut self) {
        self.is_posting = false;
    }

    /// A WebSocket that names this session arrived: the candidate for an upgrade, to be probed.
    ///
    /// # Errors
    /// The new WebSocket is to be closed; the session goes on as it was.
    pub fn handle_websocket(&mut self, now: Instant) -> Result<(), UpgradeError> {
        self.handle_candidate(TransportKind::WebSocket, now)
    }

    /// As [`Session::handle_websocket`], for a link of another `kind` too.
    ///
    /// # Errors
    /// The new link is to be closed; the session goes on as it was.
    pub fn handle_candidate(
        &mut self,
        kind: TransportKind,
        now: Instant,
    ) -> Result<(), UpgradeError> {
        match self.carrier {
            _ if !self.is_open() => Err(UpgradeError::Closed),
            Carrier::Link => Err(UpgradeError::AlreadyUpgraded),
            Carrier::Probing(_) => Err(UpgradeError::AlreadyProbing),
            // Its `CloseProbe` would hit the new one.
            Carrier::Polling if self.close_probe_owed => Err(UpgradeError::AlreadyProbing),
            Carrier::Polling if !self.settings.allows(kind) => Err(UpgradeError::NotAllowed),
            Carrier::Polling => {
                let probe = Probe::start(now, self.settings.upgrade_timeout);
                self.carrier = Carrier::Probing(Box::new(probe));
                self.link = kind;
                Ok(())
            }
        }
    }

    /// A transport ended. If it was the candidate, the session goes on over polling; if it carried
    /// the connection, the session is closed. Over polling this is for errors of a whole request,
    /// such as "invalid content".
    pub fn handle_transport_closed(&mut self, from: TransportKind, cause: TransportClosed) {
        if from != TransportKind::Polling {
            self.close_probe_owed = false;
            self.close_websocket_owed = false;
        }
        if from != self.transport() {
            if self.is_upgrading() {
                self.carrier = Carrier::Polling;
            }
            return;
        }
        if self.poll == Poll::Pending {
            self.poll = match cause {
                TransportClosed::ByPeer => Poll::OwesNoop,
                TransportClosed::Error(_) => Poll::OwesClose,
            };
        }
        match cause {
            TransportClosed::ByPeer => self.finish(DisconnectReason::TransportClose, None),
            TransportClosed::Error(description) => {
                self.finish(DisconnectReason::TransportError, Some(description));
            }
        }
    }

    /// Time has passed: pings, ping timeout, upgrade timeout, the upgrade's no-op, close timeout. Says
    /// whether a ping has been queued.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        let mut has_pinged = false;
        match &self.phase {
            Phase::Open => has_pinged = self.beat(now),
            Phase::Closing(closing) if closing.give_up_at <= now => {
                let reason = closing.reason;
                self.fail(reason, None);
            }
            Phase::Closing(_) => self.beat_while_closing(now),
            Phase::Closed(_) => {}
        }
        if let Carrier::Probing(probe) = &mut self.carrier
            && probe.handle_timeout(now)
        {
            self.give_up_upgrade();
        }
        has_pinged
    }

    /// What the peer sends is left unread for now, and its heartbeat may lie among it: that counts as
    /// having come.
    pub fn assume_heartbeat(&mut self, now: Instant) {
        self.heartbeat = match self.heartbeat.is_listening() {
            true => Heartbeat::listen(now, self.settings.patience()),
            false => Heartbeat::start(now, self.settings.ping_interval),
        };
    }

    /// From now on until it has closed its messages are paid from `allowance` too, which other
    /// sessions may hold as well.
    pub fn share(&mut self, allowance: Arc<SharedAllowance>) {
        self.shared_allowance = Some(allowance);
    }

    /// Queues a pre-encoded message: a text frame that begins with `4`, or a binary frame in the
    /// form that the client's WebSockets want.
    /// Dropped when closing or closed.
    #[inline]
    pub fn send(&mut self, frame: Frame) {
        if self.is_open() {
            self.outbox.push(frame);
        }
    }
}

/// Outputs.
impl Session {
    /// The next event. See [`Session`] for the calling order.
    pub fn poll_event(&mut self) -> Option<Event> {
        if mem::take(&mut self.probed_untold) {
            return Some(Event::Probed);
        }
        if mem::take(&mut self.upgraded_untold) {
            return Some(Event::Upgraded);
        }
        let Phase::Closed(untold) = &mut self.phase else {
            return None;
        };
        let Ending {
            reason,
            description,
        } = *untold.take()?;
        Some(Event::Closed {
            reason,
            description,
        })
    }

    /// When [`handle_timeout`](Session::handle_timeout) is wanted; `None` once closed.
    #[inline]
    pub fn next_timeout(&self) -> Option<Instant> {
        let due = match &self.phase {
            Phase::Open => self.heartbeat.due(),
            Phase::Closing(closing) if self.transport() == TransportKind::Polling => {
                closing.give_up_at.min(self.heartbeat.due())
            }
            Phase::Closing(closing) => closing.give_up_at,
            Phase::Closed(_) => return None,
        };
        match &self.carrier {
            Carrier::Probing(probe) => Some(due.min(probe.next_timeout())),
            Carrier::Polling | Carrier::Link => Some(due),
        }
    }
}

/// Queries.
impl Session {
    /// What carries the connection now; during an upgrade still polling.
    #[inline]
    pub fn transport(&self) -> TransportKind {
        match self.carrier {
            Carrier::Polling | Carrier::Probing(_) => TransportKind::Polling,
            Carrier::Link => self.link,
        }
    }

    /// A candidate WebSocket is attached.
    pub fn is_upgrading(&self) -> bool {
        matches!(self.carrier, Carrier::Probing(_))
    }

    /// Neither closing nor closed: messages go both ways.
    #[inline]
    pub fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Over; [`Event::Closed`] is told or about to be.
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed(_))
    }

    /// A message sent now would leave at once. Volatile messages are dropped otherwise.
    pub fn is_writable(&self) -> bool {
        let has_way_out = match self.carrier {
            Carrier::Link => true,
            Carrier::Polling | Carrier::Probing(_) => self.poll == Poll::Pending,
        };
        self.is_open() && self.outbox.is_empty() && has_way_out
    }

    /// Bytes of the encoded frames that wait to be taken.
    #[inline]
    pub fn queued_bytes(&self) -> usize {
        self.outbox.bytes()
    }

    /// How many frames were queued since the session began.
    pub fn queued_frames(&self) -> u64 {
        self.outbox.pushed()
    }

    /// How many of [`queued_frames`](Session::queued_frames) have been taken, in order.
    pub fn taken_frames(&self) -> u64 {
        self.outbox.taken()
    }

    /// A GET waits for [`Transmit::Poll`].
    pub fn has_pending_poll(&self) -> bool {
        self.poll != Poll::None
    }
}

/// Private parts.
impl Session {
    /// Whether a ping has been queued.
    fn beat(&mut self, now: Instant) -> bool {
        let beat = self
            .heartbeat
            .handle_timeout(now, self.settings.ping_timeout);
        match beat {
            Beat::NotDue => {}
            Beat::Ping => {
                self.outbox.release();
                self.outbox.push(frames::PING);
            }
            Beat::TimedOut => self.fail(DisconnectReason::PingTimeout, None),
        }
        beat == Beat::Ping
    }

    /// A client that polls no more is not waited for longer than its heartbeat says, and then it is
    /// the reason of the end. It is sent no pings. A WebSocket may be busy with its last bytes.
    fn beat_while_closing(&mut self, now: Instant) {
        if self.transport() != TransportKind::Polling {
            return;
        }
        let beat = self
            .heartbeat
            .handle_timeout(now, self.settings.ping_timeout);
        if beat == Beat::TimedOut {
            if let Phase::Closing(closing) = &mut self.phase {
                closing.reason = DisconnectReason::PingTimeout;
            }
            self.fail(DisconnectReason::PingTimeout, None);
        }
    }

    fn check_polling(&self) -> Result<(), PollError> {
        match self.carrier {
            _ if self.is_closed() => Err(PollError::Closed),
            Carrier::Link => Err(PollError::NotPolling),
            Carrier::Polling | Carrier::Probing(_) => Ok(()),
        }
    }
}

fn open_frame(sid: &str, upgrades: &[&str], settings: &Settings) -> Frame {
    OpenPacket {
        sid,
        upgrades,
        ping_interval_ms: milliseconds(settings.ping_interval),
        ping_timeout_ms: milliseconds(settings.ping_timeout),
        max_payload: settings.max_payload,
    }
    .to_frame()
}

fn milliseconds(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_session_is_small() {
        assert!(
            size_of::<Session>() <= 200,
            "{} bytes",
            size_of::<Session>()
        );
    }
}
