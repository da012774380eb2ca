//! Where C wants the events of a poll, and how they come there.

use crate::pointer;
use crate::status::Failure;

/// Where the events of one poll go, and their number.
#[derive(Debug)]
pub(crate) struct Tray<T> {
    pub(crate) events: *mut *mut T,
    pub(crate) capacity: usize,
    pub(crate) count: *mut usize,
}

impl<T> Tray<T> {
    /// Stores what `take` takes, at most as much as there is room for, each where `make` puts it for C.
    ///
    /// # Safety
    /// `events` is NULL or has room for `capacity` pointers, `count` is NULL or room for a number.
    pub(crate) unsafe fn fill<E>(
        self,
        take: impl FnOnce(&mut Vec<E>) -> Result<(), Failure>,
        make: impl Fn(E) -> *mut T,
    ) -> Result<(), Failure> {
        // SAFETY: the caller's promise.
        unsafe { pointer::write(self.count, 0, "count") }?;
        if self.events.is_null() {
            return Err(Failure::null("events"));
        }
        if self.capacity == 0 {
            return Err(Failure::invalid("capacity is 0"));
        }
        let mut taken = Vec::with_capacity(self.capacity.min(USUAL_BATCH));
        take(&mut taken)?;
        let number = taken.len();
        debug_assert!(number <= self.capacity);
        for (at, event) in taken.into_iter().take(self.capacity).enumerate() {
            // SAFETY: `at` is below `capacity`.
            unsafe { self.events.add(at).write(make(event)) };
        }
        // SAFETY: the caller's promise.
        unsafe { pointer::write(self.count, number, "count") }
    }
}

/// Room that is made for the events of one poll: so little that allocators have it at hand.
const USUAL_BATCH: usize = 4;
