//! A shard's deadlines: a heap of coarse times. Entries are not taken back; one that comes too
//! early finds nothing due and is set anew.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// What is waited for is told apart by `K`.
#[derive(Debug)]
pub(super) struct Timers<K> {
    epoch: Instant,
    heap: BinaryHeap<Reverse<(u64, K)>>,
}

/// Deadlines are rounded up to this, so that many fire in one turn.
const TICK: Duration = Duration::from_millis(1);

const TICKS_PER_SECOND: u64 = 1_000;

/// About a century.
const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

impl<K: Ord> Timers<K> {
    pub(super) fn new(now: Instant) -> Timers<K> {
        Timers {
            epoch: now,
            heap: BinaryHeap::new(),
        }
    }

    /// Wants to be told of `key` at `at`. Gives the tick, by which the caller knows what it waits
    /// for already.
    pub(super) fn set(&mut self, at: Instant, key: K) -> u64 {
        let tick = self.tick(at);
        self.heap.push(Reverse((tick, key)));
        tick
    }

    /// The tick at which `at` comes up.
    pub(super) fn tick(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.epoch);
        // In 64 bits, as this is computed with each flush.
        since
            .as_secs()
            .saturating_mul(TICKS_PER_SECOND)
            .saturating_add(u64::from(
                since.subsec_nanos().div_ceil(TICK.subsec_nanos()),
            ))
    }

    /// The next key whose time has come, with its tick.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(u64, K)> {
        let Reverse((tick, _)) = self.heap.peek()?;
        if self.instant(*tick) > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }

    /// When the next key comes up.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap
            .peek()
            .map(|Reverse((tick, _))| self.instant(*tick))
    }

    /// The tick at which the next key comes up; the last of all if there is none.
    #[inline]
    pub(super) fn next_tick(&self) -> u64 {
        self.heap
            .peek()
            .map_or(u64::MAX, |Reverse((tick, _))| *tick)
    }

    fn instant(&self, tick: u64) -> Instant {
        let since = Duration::from_millis(tick.saturating_mul(TICK.as_millis() as u64));
        // A time that the clock cannot name is as good as never.
        self.epoch.checked_add(since).unwrap_or(self.epoch + FAR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_months_away_is_not_in_the_past() {
        let start = Instant::now();
        let mut timers = Timers::new(start);
        let away = Duration::from_secs(90 * 24 * 60 * 60);
        timers.set(start + away, 'a');
        assert_eq!(timers.next(), Some(start + away));
        assert_eq!(timers.pop_due(start + away / 2), None);
        assert_eq!(timers.pop_due(start + away).map(|(_, key)| key), Some('a'));
    }

    #[test]
    fn keys_come_up_in_order_and_never_early() {
        let start = Instant::now();
        let mut timers = Timers::new(start);
        timers.set(start + Duration::from_millis(30), 'b');
        timers.set(start + Duration::from_millis(10), 'a');
        assert_eq!(timers.pop_due(start + Duration::from_millis(9)), None);
        assert_eq!(timers.next(), Some(start + Duration::from_millis(10)));
        assert_eq!(
            timers.pop_due(start + Duration::from_millis(40)),
            Some((10, 'a'))
        );
        assert_eq!(
            timers.pop_due(start + Duration::from_millis(40)),
            Some((30, 'b'))
        );
        assert_eq!(timers.pop_due(start + Duration::from_millis(40)), None);
    }
}
