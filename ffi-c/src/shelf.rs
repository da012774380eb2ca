//! Rooms of events that were freed, for the next ones of the same thread: a program that polls frees as
//! many events as it is given, and each would cost the allocator twice what it costs to read.

use std::cell::RefCell;
use std::mem::MaybeUninit;

use crate::event::sori_event;

thread_local! {
    #[expect(clippy::vec_box, reason = "C has the address of a room, which must not move")]
    static SHELF: RefCell<Vec<Box<MaybeUninit<sori_event>>>> = const { RefCell::new(Vec::new()) };
}

/// So many are kept, by each thread that frees events: what it polls at a time, or less.
const MOST: usize = 256;

/// Gives an event to C.
pub(crate) fn hand_out(event: sori_event) -> *mut sori_event {
    let kept = SHELF.try_with(|shelf| shelf.borrow_mut().pop());
    let room = kept.ok().flatten().unwrap_or_else(Box::new_uninit);
    Box::into_raw(Box::write(room, event))
}

/// Takes an event back.
///
/// # Safety
/// It came from [`hand_out`], by whatever thread, and is taken back once.
pub(crate) unsafe fn take_back(event: *mut sori_event) {
    // SAFETY: the caller's promise. What it holds is dropped here, its room afterwards or never.
    let room = unsafe {
        event.drop_in_place();
        Box::from_raw(event.cast::<MaybeUninit<sori_event>>())
    };
    // A thread that is ending keeps nothing.
    let _ = SHELF.try_with(|shelf| {
        let mut shelf = shelf.borrow_mut();
        if shelf.len() < MOST {
            shelf.push(room);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::kind::sori_event_kind;

    fn kept() -> usize {
        SHELF.with(|shelf| shelf.borrow().len())
    }

    fn closed() -> *mut sori_event {
        hand_out(sori_event::empty(sori_event_kind::SORI_EVENT_CLOSED))
    }

    #[test]
    fn the_room_of_a_freed_event_is_the_next_ones() {
        let first = closed();
        // SAFETY: handed out above, as in the tests below.
        unsafe { take_back(first) };
        let second = closed();
        assert_eq!(first, second);
        // SAFETY: as above.
        unsafe {
            assert_eq!((*second).kind(), sori_event_kind::SORI_EVENT_CLOSED);
            take_back(second);
        }
        assert_eq!(kept(), 1);
    }

    #[test]
    fn a_rush_of_events_leaves_a_bounded_number_of_rooms() {
        let events: Vec<_> = (0..2 * MOST).map(|_| closed()).collect();
        // SAFETY: as above.
        events
            .into_iter()
            .for_each(|event| unsafe { take_back(event) });
        assert_eq!(kept(), MOST);
    }
}
