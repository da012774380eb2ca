//! How much a pull server's queue may still hold.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Most bytes of peers' messages that wait before the engine stops reading.
pub(crate) const MOST_BYTES: usize = 64 * 1024 * 1024;

/// How much may still wait, and whether somebody waits for more.
#[derive(Debug)]
pub(crate) struct Space {
    events: AtomicUsize,
    bytes: AtomicUsize,
    most_events: usize,
    /// A shard found no space since the last resume.
    was_full: AtomicBool,
}

impl Space {
    pub(crate) fn new(most_events: usize) -> Space {
        Space {
            events: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            most_events,
            was_full: AtomicBool::new(false),
        }
    }

    pub(crate) fn take(&self, bytes: usize) {
        self.events.fetch_add(1, Ordering::SeqCst);
        self.bytes.fetch_add(bytes, Ordering::SeqCst);
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.events.fetch_sub(1, Ordering::SeqCst);
        self.bytes.fetch_sub(bytes, Ordering::SeqCst);
    }

    /// Sets the flag before the look that decides: either that look sees the space given back
    /// meanwhile, or the one who gave it back sees the flag.
    pub(crate) fn is_left(&self) -> bool {
        if self.has_room() {
            return true;
        }
        self.was_full.store(true, Ordering::SeqCst);
        self.has_room()
    }

    /// Whether a shard was told that no space is left, and there is some now. Says so once.
    pub(crate) fn is_resume_due(&self) -> bool {
        self.was_full.load(Ordering::SeqCst)
            && self.has_room()
            && self.was_full.swap(false, Ordering::SeqCst)
    }

    fn has_room(&self) -> bool {
        self.events.load(Ordering::SeqCst) < self.most_events
            && self.bytes.load(Ordering::SeqCst) < MOST_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_full_by_events_or_by_bytes() {
        let space = Space::new(2);
        space.take(MOST_BYTES - 1);
        assert!(space.is_left());
        space.take(0);
        assert!(!space.is_left());
        space.give_back(0);
        assert!(space.is_left());
        space.take(1);
        space.give_back(0);
        assert!(!space.is_left());
        assert!(!space.is_resume_due());
        space.give_back(1);
        assert!(space.is_resume_due());
        assert!(!space.is_resume_due());
    }
}
