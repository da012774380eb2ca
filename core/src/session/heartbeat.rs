//! The heartbeat. In protocol 4 the server pings: when the next ping is due, and how long its pong may
//! take. In protocol 3 the client does, and is waited for.

use std::time::{Duration, Instant};

/// The longest delay a deadline is set to; anything longer would overflow an [`Instant`].
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// `now + delay`, for any delay an application may have configured.
pub(super) fn deadline(now: Instant, delay: Duration) -> Instant {
    now + delay.min(FOREVER)
}

/// One timer, read as "ping due" or as "pong overdue" by what is being waited for.
///
/// ```text
///   Resting ── interval over: ping ──► Waiting ── other packet: timer set anew ──► Refreshed
///      ▲                                  │                                          │
///      └──────────── pong ────────────────┴──────────────────────────────────────────┘
///
///   Listening (protocol 3) ── ping: timer set anew ──► Listening
/// ```
#[derive(Debug)]
pub(super) struct Heartbeat {
    due: Instant,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Resting,
    Waiting,
    Refreshed,
    Listening,
}

/// What a due heartbeat asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    NotDue,
    Ping,
    TimedOut,
}

impl Heartbeat {
    pub(super) fn start(now: Instant, ping_interval: Duration) -> Heartbeat {
        Heartbeat {
            due: deadline(now, ping_interval),
            phase: Phase::Resting,
        }
    }

    /// A heartbeat that the client beats, at the latest every `patience`.
    pub(super) fn listen(now: Instant, patience: Duration) -> Heartbeat {
        Heartbeat {
            due: deadline(now, patience),
            phase: Phase::Listening,
        }
    }

    /// Whether the pings are the client's, and the pongs ours.
    pub(super) fn is_listening(&self) -> bool {
        self.phase == Phase::Listening
    }

    /// A pong rests the heartbeat for a whole interval, asked for or not.
    pub(super) fn handle_pong(&mut self, now: Instant, ping_interval: Duration) {
        *self = Heartbeat::start(now, ping_interval);
    }

    /// Any other packet shows that the client lives: it may buy one more timeout per ping, no more,
    /// since a client that never answers pings must not stay for ever.
    #[inline]
    pub(super) fn handle_other(&mut self, now: Instant, ping_timeout: Duration) {
        if self.phase == Phase::Waiting {
            self.due = deadline(now, ping_timeout);
            self.phase = Phase::Refreshed;
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, ping_timeout: Duration) -> Beat {
        if now < self.due {
            return Beat::NotDue;
        }
        if self.phase != Phase::Resting {
            return Beat::TimedOut;
        }
        // Timers are coarse: a ping that is a little late is not given that much more time.
        let is_punctual = now - self.due <= ping_timeout / 16;
        let pinged = if is_punctual { self.due } else { now };
        self.due = deadline(pinged, ping_timeout);
        self.phase = Phase::Waiting;
        Beat::Ping
    }

    #[inline]
    pub(super) fn due(&self) -> Instant {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(25);
    const TIMEOUT: Duration = Duration::from_secs(20);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_ping_that_is_a_little_late_does_not_move_the_timeout() {
        let start = Instant::now();
        let due = start + INTERVAL;
        for (late, timed_out_at) in [
            (SECOND, due + TIMEOUT),
            (SECOND * 2, due + SECOND * 2 + TIMEOUT),
        ] {
            let mut heartbeat = Heartbeat::start(start, INTERVAL);
            assert_eq!(heartbeat.handle_timeout(due + late, TIMEOUT), Beat::Ping);
            assert_eq!(heartbeat.due(), timed_out_at);
        }
    }

    #[test]
    fn pings_when_the_interval_is_over_and_not_before() {
        let start = Instant::now();
        let mut heartbeat = Heartbeat::start(start, INTERVAL);
        assert_eq!(
            heartbeat.handle_timeout(start + INTERVAL - SECOND, TIMEOUT),
            Beat::NotDue
        );
        assert_eq!(
            heartbeat.handle_timeout(start + INTERVAL, TIMEOUT),
            Beat::Ping
        );
        assert_eq!(heartbeat.due(), start + INTERVAL + TIMEOUT);
    }

    #[test]
    fn a_packet_refreshes_the_timeout_once_per_ping() {
        let start = Instant::now();
        let mut heartbeat = Heartbeat::start(start, INTERVAL);
        heartbeat.handle_other(start + SECOND, TIMEOUT);
        assert_eq!(
            heartbeat.due(),
            start + INTERVAL,
            "a resting heartbeat is not moved"
        );

        let pinged = start + INTERVAL;
        heartbeat.handle_timeout(pinged, TIMEOUT);
        heartbeat.handle_other(pinged + SECOND, TIMEOUT);
        heartbeat.handle_other(pinged + SECOND * 2, TIMEOUT);
        assert_eq!(heartbeat.due(), pinged + SECOND + TIMEOUT);
        assert_eq!(
            heartbeat.handle_timeout(heartbeat.due(), TIMEOUT),
            Beat::TimedOut
        );
    }

    #[test]
    fn a_listening_heartbeat_times_out_unless_it_is_beaten() {
        let start = Instant::now();
        let mut heartbeat = Heartbeat::listen(start, INTERVAL + TIMEOUT);
        heartbeat.handle_other(start + SECOND, TIMEOUT);
        assert_eq!(heartbeat.due(), start + INTERVAL + TIMEOUT);
        assert_eq!(
            heartbeat.handle_timeout(heartbeat.due(), TIMEOUT),
            Beat::TimedOut
        );
    }

    #[test]
    fn any_configured_delay_gives_a_deadline() {
        let now = Instant::now();
        assert!(deadline(now, Duration::MAX) > now);
    }
}
