//! Places of which there are so many and no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Debug)]
pub(super) struct Quota {
    limit: usize,
    taken: AtomicUsize,
}

/// One of a quota's places, until it is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<Quota>);

impl Quota {
    /// `None` is no limit.
    pub(super) fn new(limit: Option<usize>) -> Arc<Quota> {
        Arc::new(Quota {
            limit: limit.unwrap_or(usize::MAX),
            taken: AtomicUsize::new(0),
        })
    }

    /// A place, if one is free.
    pub(super) fn take(self: &Arc<Quota>) -> Option<Place> {
        // Counted first, so that two who come at once do not share the last one.
        let place = Place(Arc::clone(self));
        (self.taken.fetch_add(1, Ordering::AcqRel) < self.limit).then_some(place)
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Acquire)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Place(quota) = self;
        quota.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_places_and_who_leaves_makes_room() {
        let quota = Quota::new(Some(2));
        let first = quota.take();
        let second = quota.take();
        assert!(first.is_some() && second.is_some());
        assert!(quota.take().is_none());
        assert_eq!(quota.taken(), 2);
        drop(first);
        assert!(quota.take().is_some());
        assert_eq!(quota.taken(), 1);
    }
}
