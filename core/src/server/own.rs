//! What a shard's thread asks of its own shard: a handler that answers, for example. Such a task need
//! not cross threads, and is done as soon as the shard's hands are free.
//!
//! A task goes this way only while nothing waits in the inbox, and is done before whatever comes
//! into the inbox later. So the order in which callers speak holds across both ways, also for two
//! threads of which one has heard from the other.

use std::cell::{Cell, RefCell};
use std::{mem, ptr};

use super::inbox::Inbox;
use super::task::Task;

/// The queue of the shard that this thread is, if it is one.
struct Own {
    /// By which the shard is known among all shards of all engines; only compared.
    inbox: Cell<*const Inbox>,
    tasks: RefCell<Vec<Task>>,
    /// The shard looks into the queue before it lets go of this thread, and need not be woken.
    is_attended: Cell<bool>,
}

thread_local! {
    static OWN: Own = const {
        Own {
            inbox: Cell::new(ptr::null()),
            tasks: RefCell::new(Vec::new()),
            is_attended: Cell::new(false),
        }
    };
}

/// Makes this thread that of the shard with this inbox, until the guard is dropped.
pub(super) fn settle(inbox: &Inbox) -> Settled {
    OWN.with(|own| own.inbox.set(inbox));
    Settled
}

/// A thread is a shard's for as long as this lives.
pub(super) struct Settled;

impl Drop for Settled {
    fn drop(&mut self) {
        OWN.with(|own| own.inbox.set(ptr::null()));
    }
}

/// Queues a task for the shard with this inbox, the short way if it can be. Whether the shard is then
/// to be woken.
pub(super) fn queue(inbox: &Inbox, task: Task) -> bool {
    OWN.with(|own| {
        if !ptr::eq(own.inbox.get(), inbox) || !inbox.is_empty() {
            inbox.push(task);
            return true;
        }
        own.tasks.borrow_mut().push(task);
        !own.is_attended.get()
    })
}

/// Takes what waits for this thread's own shard, for an empty list that becomes the queue.
pub(super) fn take(tasks: &mut Vec<Task>) {
    OWN.with(|own| mem::swap(&mut *own.tasks.borrow_mut(), tasks));
}

/// Whether tasks wait for this thread's own shard.
pub(super) fn is_waiting() -> bool {
    OWN.with(|own| !own.tasks.borrow().is_empty())
}

/// From now until the guard is dropped the shard need not be woken for its own tasks: it is at work,
/// and looks for them before it ends.
pub(super) fn attend() -> Attending {
    OWN.with(|own| own.is_attended.set(true));
    Attending
}

/// The shard is at work for as long as this lives.
pub(super) struct Attending;

impl Drop for Attending {
    fn drop(&mut self) {
        OWN.with(|own| own.is_attended.set(false));
    }
}
