//! How long to wait before the next attempt to connect: exponential, with jitter, as in
//! socket.io-client.

use std::time::Duration;

/// Whether and how a client that lost its connection, or got none, tries again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reconnection {
    /// Wait before the first attempt; each further one waits twice as long. Default 1 s.
    pub delay: Duration,
    /// Longest wait. Default 5 s.
    pub delay_max: Duration,
    /// How far a wait may be off its mark at random, from 0 (not at all) to 1. Default 0.5.
    pub randomization_factor: f64,
    /// Attempts in a row before the client gives up. Default: no limit.
    pub attempts: Option<u32>,
}

impl Default for Reconnection {
    fn default() -> Reconnection {
        Reconnection {
            delay: Duration::from_secs(1),
            delay_max: Duration::from_secs(5),
            randomization_factor: 0.5,
            attempts: None,
        }
    }
}

/// The attempts since there was a connection.
#[derive(Debug)]
pub(crate) struct Backoff {
    settings: Reconnection,
    attempts: u32,
    random: Random,
}

impl Backoff {
    pub(crate) fn new(settings: Reconnection, seed: u64) -> Backoff {
        Backoff {
            settings,
            attempts: 0,
            random: Random(seed),
        }
    }

    /// How long to wait for the next attempt; nothing when it is time to give up, and then the
    /// count begins anew.
    pub(crate) fn next(&mut self) -> Option<Duration> {
        let Reconnection {
            delay,
            delay_max,
            randomization_factor,
            attempts,
        } = self.settings;
        if attempts.is_some_and(|most| self.attempts >= most) {
            self.reset();
            return None;
        }
        let exact = delay.as_secs_f64() * 2_f64.powi(self.attempts.min(MOST_DOUBLINGS) as i32);
        let off = 1.0 + (self.random.next() * 2.0 - 1.0) * randomization_factor.clamp(0.0, 1.0);
        self.attempts = self.attempts.saturating_add(1);
        let wait = Duration::try_from_secs_f64((exact * off).min(delay_max.as_secs_f64()));
        Some(wait.unwrap_or(delay_max))
    }

    /// The number of the attempt that [`Backoff::next`] gave the wait for; the first is 1.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// There is a connection.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }
}

/// No delay is so short that it matters beyond.
const MOST_DOUBLINGS: u32 = 31;

/// SplitMix64: spreads the returns of many clients, and guards no secret.
#[derive(Debug)]
struct Random(u64);

impl Random {
    /// Between 0 and 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let exact = Reconnection {
            randomization_factor: 0.0,
            ..Reconnection::default()
        };
        let mut backoff = Backoff::new(exact, 1);
        let waits: Vec<_> = (0..5)
            .map(|_| backoff.next().unwrap().as_millis())
            .collect();
        assert_eq!(waits, [1_000, 2_000, 4_000, 5_000, 5_000]);
        assert_eq!(backoff.attempts(), 5);
        backoff.reset();
        assert_eq!(backoff.next(), Some(Duration::from_secs(1)));
    }

    #[test]
    fn jitter_stays_within_its_factor_and_differs_between_clients() {
        let mut firsts = Vec::new();
        for seed in 0..200 {
            let mut backoff = Backoff::new(Reconnection::default(), seed);
            let first = backoff.next().unwrap();
            assert!((500..=1_500).contains(&first.as_millis()), "seed {seed}");
            for _ in 0..50 {
                assert!(backoff.next().unwrap() <= Duration::from_secs(5));
            }
            firsts.push(first);
        }
        firsts.sort();
        firsts.dedup();
        assert_eq!(firsts.len(), 200);
        assert!(firsts[0].as_millis() < 600 && firsts[199].as_millis() > 1_400);
    }

    #[test]
    fn it_gives_up_after_so_many_attempts_and_may_begin_anew() {
        let few = Reconnection {
            attempts: Some(2),
            ..Reconnection::default()
        };
        let mut backoff = Backoff::new(few, 1);
        for _ in 0..2 {
            assert!(backoff.next().is_some());
            assert!(backoff.next().is_some());
            assert_eq!(backoff.next(), None);
        }
    }

    #[test]
    fn settings_out_of_proportion_do_no_harm() {
        for delay in [Duration::ZERO, Duration::MAX] {
            let odd = Reconnection {
                delay,
                randomization_factor: f64::INFINITY,
                ..Reconnection::default()
            };
            let mut backoff = Backoff::new(odd, 1);
            for _ in 0..100 {
                assert!(backoff.next().unwrap() <= Duration::from_secs(5));
            }
            let endless = Reconnection {
                delay_max: Duration::MAX,
                ..odd
            };
            assert!(Backoff::new(endless, 1).next().is_some());
        }
    }
}
