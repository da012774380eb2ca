//! One wake-up for a burst of pushes. The wake-up is where latency bugs live, so the rule stands
//! alone, and a test tries every interleaving of it.
//!
//! A producer pushes, then rings; only the one who rings a silent bell wakes the consumer. The
//! consumer silences the bell, then drains. A push before the silencing is seen by the drain; one
//! after it rings again.

#[cfg(sori_loom)]
use loom::sync::atomic::{AtomicBool, Ordering};
#[cfg(not(sori_loom))]
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a wake-up is on its way.
#[derive(Debug)]
pub(super) struct Bell(AtomicBool);

impl Bell {
    pub(super) fn new() -> Bell {
        Bell(AtomicBool::new(false))
    }

    /// After a push: whether the caller is to wake the consumer.
    pub(super) fn ring(&self) -> bool {
        !self.0.swap(true, Ordering::SeqCst)
    }

    /// Before a drain.
    pub(super) fn silence(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}
