//! A WebSocket on its way to replace polling: probed, not yet current.

use std::time::{Duration, Instant};

use super::heartbeat::deadline;

/// How long a poll that comes after the first no-op waits for its own, unless a message answers it.
/// Equals engine.io's check interval; without it a client could be made to poll without pause.
const NOOP_DELAY: Duration = Duration::from_millis(100);

/// The candidate's progress and the no-ops that move the client off polling.
///
/// The client sends `5` only after its last poll has been answered, so once the probe is confirmed
/// an idle poll must not be held.
#[derive(Debug)]
pub(super) struct Probe {
    give_up_at: Instant,
    /// `2probe` came.
    confirmed: bool,
    /// `3probe` is still to be written.
    pub(super) reply_owed: bool,
    /// A first no-op went out; later ones are delayed.
    noop_sent: bool,
    noop: Noop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Noop {
    None,
    At(Instant),
    Due,
}

impl Probe {
    pub(super) fn start(now: Instant, upgrade_timeout: Duration) -> Probe {
        Probe {
            give_up_at: deadline(now, upgrade_timeout),
            confirmed: false,
            reply_owed: false,
            noop_sent: false,
            noop: Noop::None,
        }
    }

    /// `2probe` came; `poll_pending` says whether a poll is waiting now.
    pub(super) fn handle_ping(&mut self, poll_pending: bool) {
        self.reply_owed = true;
        if !self.confirmed && poll_pending {
            self.noop = Noop::Due;
        }
        self.confirmed = true;
    }

    /// A poll began.
    pub(super) fn handle_poll(&mut self, now: Instant) {
        if self.confirmed {
            self.noop = if self.noop_sent {
                Noop::At(now + NOOP_DELAY)
            } else {
                Noop::Due
            };
        }
    }

    /// Messages answered the poll: no no-op is wanted.
    pub(super) fn handle_poll_over(&mut self) {
        self.noop = Noop::None;
    }

    /// The pending poll is being answered with a no-op.
    pub(super) fn handle_noop_sent(&mut self) {
        self.noop_sent = true;
        self.noop = Noop::None;
    }

    /// Returns whether the client took too long; the candidate is then to be dropped.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> bool {
        if matches!(self.noop, Noop::At(at) if at <= now) {
            self.noop = Noop::Due;
        }
        self.give_up_at <= now
    }

    pub(super) fn is_noop_due(&self) -> bool {
        self.noop == Noop::Due
    }

    pub(super) fn next_timeout(&self) -> Instant {
        match self.noop {
            Noop::At(at) => at.min(self.give_up_at),
            Noop::None | Noop::Due => self.give_up_at,
        }
    }
}
