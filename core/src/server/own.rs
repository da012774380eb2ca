//! What is asked of a shard on its own thread while it is at work: a handler that answers, for
//! example. Such a task need not cross threads, and is done as soon as the shard's hands are free.
//!
//! A task goes this way only while nothing waits in the inbox, and is done before whatever comes
//! into the inbox later. So the order in which callers speak holds across both ways, also for two
//! threads of which one has heard from the other.

use std::cell::{Cell, RefCell};
use std::{mem, ptr};

use super::inbox::Inbox;
use super::task::Task;

/// The queue of the shard that is at work on this thread, if one is.
struct Own {
    /// By which the shard is known among all shards of all engines; only compared.
    inbox: Cell<*const Inbox>,
    tasks: RefCell<Vec<Task>>,
}

thread_local! {
    static OWN: Own = const {
        Own {
            inbox: Cell::new(ptr::null()),
            tasks: RefCell::new(Vec::new()),
        }
    };
}

/// From now until the guard is dropped the shard with this inbox is at work on this thread. Before
/// that it takes what waits for it, also after a panic.
pub(super) fn attend(inbox: &Inbox) -> Attending {
    OWN.with(|own| own.inbox.set(inbox));
    Attending
}

/// The shard is at work for as long as this lives.
pub(super) struct Attending;

impl Drop for Attending {
    fn drop(&mut self) {
        OWN.with(|own| own.inbox.set(ptr::null()));
    }
}

/// Queues a task for the shard with this inbox, the short way if it can be. Whether the shard is then
/// to be woken.
pub(super) fn queue(inbox: &Inbox, task: Task) -> bool {
    OWN.with(|own| {
        let is_own = ptr::eq(own.inbox.get(), inbox) && inbox.is_empty();
        if is_own {
            own.tasks.borrow_mut().push(task);
        } else {
            inbox.push(task);
        }
        !is_own
    })
}

/// Takes what waits for the shard at work, for an empty list that becomes the queue.
pub(super) fn take(tasks: &mut Vec<Task>) {
    OWN.with(|own| mem::swap(&mut *own.tasks.borrow_mut(), tasks));
}

/// Whether tasks wait for the shard at work.
pub(super) fn is_waiting() -> bool {
    OWN.with(|own| !own.tasks.borrow().is_empty())
}
