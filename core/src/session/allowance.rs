//! How many messages a client may still send: an allowance that is spent by each and comes back as
//! time goes by. Several sessions may spend from one together.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::config::RateLimit;

/// What a client has spent, as the moment at which it will all have come back (the generic cell
/// rate algorithm). So an idle client needs no upkeep.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    whole_at: Option<Instant>,
}

impl Allowance {
    /// Spends one message. False if nothing is left, and then nothing is spent.
    pub(super) fn spend(&mut self, limit: RateLimit, now: Instant) -> bool {
        let owed = self
            .whole_at
            .map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        let Some(owes) = spend(limit, owed) else {
            return false;
        };
        self.whole_at = now.checked_add(owes);
        true
    }
}

/// What is owed after one more message, if one more may be sent.
fn spend(limit: RateLimit, owed: Duration) -> Option<Duration> {
    let price = Duration::from_secs(1) / limit.per_second.max(1);
    let owes = owed + price;
    (owes <= price.saturating_mul(limit.burst)).then_some(owes)
}

/// One allowance for several sessions, on whatever threads they live.
#[derive(Debug)]
pub struct SharedAllowance {
    limit: Option<RateLimit>,
    start: Instant,
    /// Nanoseconds from `start` to the moment at which everything spent will have come back.
    whole_at: AtomicU64,
}

impl SharedAllowance {
    /// Without a limit there is always something left.
    pub fn new(limit: Option<RateLimit>, now: Instant) -> SharedAllowance {
        SharedAllowance {
            limit,
            start: now,
            whole_at: AtomicU64::new(0),
        }
    }

    /// Spends one message. False if nothing is left, and then nothing is spent.
    pub fn spend(&self, now: Instant) -> bool {
        let Some(limit) = self.limit else {
            return true;
        };
        let now = self.since_start(now);
        let spent = |whole_at: u64| {
            let owed = Duration::from_nanos(whole_at.saturating_sub(now));
            let owes = spend(limit, owed)?;
            Some(now.saturating_add(nanoseconds(owes)))
        };
        // The number stands for itself: no other memory is read because of it.
        let order = Ordering::Relaxed;
        self.whole_at.fetch_update(order, order, spent).is_ok()
    }

    /// Whether everything spent has come back.
    pub fn is_whole(&self, now: Instant) -> bool {
        self.whole_at.load(Ordering::Relaxed) <= self.since_start(now)
    }

    fn since_start(&self, now: Instant) -> u64 {
        nanoseconds(now.saturating_duration_since(self.start))
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: RateLimit = RateLimit {
        per_second: 10,
        burst: 3,
    };

    fn spend(allowance: &mut Allowance, times: usize, now: Instant) -> usize {
        (0..times).filter(|_| allowance.spend(LIMIT, now)).count()
    }

    #[test]
    fn a_burst_passes_and_no_more() {
        let (mut allowance, now) = (Allowance::default(), Instant::now());
        assert_eq!(spend(&mut allowance, 5, now), 3);
    }

    #[test]
    fn what_was_spent_comes_back_at_the_rate_and_never_more_than_a_burst() {
        let (mut allowance, start) = (Allowance::default(), Instant::now());
        let after = |ms| start + Duration::from_millis(ms);
        assert_eq!(spend(&mut allowance, 3, start), 3);
        assert_eq!(spend(&mut allowance, 1, after(99)), 0);
        assert_eq!(spend(&mut allowance, 2, after(100)), 1);
        assert_eq!(spend(&mut allowance, 9, after(100_000)), 3);
    }

    #[test]
    fn what_is_shared_is_spent_by_all_together_and_comes_back_alike() {
        let start = Instant::now();
        let shared = SharedAllowance::new(Some(LIMIT), start);
        assert!(shared.is_whole(start));
        let spent = std::thread::scope(|scope| {
            let spenders: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..5).filter(|_| shared.spend(start)).count()))
                .collect();
            let spent = spenders.into_iter().map(|spender| spender.join());
            spent.map(|spent| spent.unwrap_or_default()).sum::<usize>()
        });
        assert_eq!(spent, 3);
        let after = |ms| start + Duration::from_millis(ms);
        assert!(!shared.spend(after(99)));
        assert!(shared.spend(after(100)));
        assert!(!shared.is_whole(after(399)));
        assert!(shared.is_whole(after(400)));
        assert!(SharedAllowance::new(None, start).spend(start));
    }

    #[test]
    fn who_keeps_to_the_rate_is_never_refused() {
        let (mut allowance, start) = (Allowance::default(), Instant::now());
        for n in 0..1_000 {
            assert!(allowance.spend(LIMIT, start + Duration::from_millis(100 * n)));
        }
    }
}
