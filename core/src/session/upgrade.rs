//! A WebSocket on its way to replace polling: probed, not yet current.

use std::time::{Duration, Instant};

use super::heartbeat::deadline;

/// How often an idle poll is looked for once the probe is confirmed: engine.io's check interval. Until
/// then the poll is held, so that a client whose server closes meanwhile is told so by it.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// The candidate's progress and the no-ops that move the client off polling.
///
/// The client sends `5` only after its last poll has been answered, so once the probe is confirmed
/// an idle poll must not be held for long.
#[derive(Debug)]
pub(super) struct Probe {
    give_up_at: Instant,
    /// When the last `2probe` came; the checks count from it.
    confirmed_at: Option<Instant>,
    /// `3probe` is still to be written.
    pub(super) reply_owed: bool,
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
            confirmed_at: None,
            reply_owed: false,
            noop: Noop::None,
        }
    }

    /// `2probe` came; `poll_pending` says whether a poll is waiting now.
    pub(super) fn handle_ping(&mut self, poll_pending: bool, now: Instant) {
        self.reply_owed = true;
        self.confirmed_at = Some(now);
        if poll_pending {
            self.noop = Noop::At(next_check(now, now));
        }
    }

    /// A poll began.
    pub(super) fn handle_poll(&mut self, now: Instant) {
        if let Some(confirmed_at) = self.confirmed_at {
            self.noop = Noop::At(next_check(confirmed_at, now));
        }
    }

    /// The poll has been answered.
    pub(super) fn handle_poll_over(&mut self) {
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

/// The first check after `now`. Those that would find no poll are not waited for.
fn next_check(confirmed_at: Instant, now: Instant) -> Instant {
    let since = now.saturating_duration_since(confirmed_at);
    let done = since.as_millis() / CHECK_INTERVAL.as_millis();
    // An upgrade that takes so long has timed out.
    let next = u32::try_from(done).unwrap_or(u32::MAX).saturating_add(1);
    deadline(confirmed_at, CHECK_INTERVAL.saturating_mul(next))
}
