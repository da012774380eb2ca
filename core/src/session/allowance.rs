//! How many messages a client may still send: an allowance that is spent by each and comes back as
//! time goes by.

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
        let price = Duration::from_secs(1) / limit.per_second.max(1);
        let owed = self
            .whole_at
            .map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        let owes = owed + price;
        if owes > price.saturating_mul(limit.burst) {
            return false;
        }
        self.whole_at = now.checked_add(owes);
        true
    }
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
    fn who_keeps_to_the_rate_is_never_refused() {
        let (mut allowance, start) = (Allowance::default(), Instant::now());
        for n in 0..1_000 {
            assert!(allowance.spend(LIMIT, start + Duration::from_millis(100 * n)));
        }
    }
}
