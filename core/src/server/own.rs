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
use crate::hub::{NamespaceId, Slot};

/// The queue of the shard that is at work on this thread, if one is.
struct Own {
    /// By which the shard is known among all shards of all engines; only compared.
    inbox: Cell<*const Inbox>,
    asked: RefCell<Asked>,
}

/// A queue of what is asked.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) asks: Vec<Ask>,
    /// The frames of each [`Ask::Texts`], in its order.
    pub(super) frames: Vec<u8>,
}

#[derive(Debug)]
pub(super) enum Ask {
    Task(Task),
    Texts(Texts),
}

/// Messages for one connection: what was said to it without another word between.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) slot: Slot,
    pub(super) to: To,
    /// How many they are.
    pub(super) count: u64,
    /// The length of their frames together.
    pub(super) len: usize,
}

/// Who it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    /// A connection of Engine.IO, if it is in the namespace.
    Socket(NamespaceId),
    /// A plain WebSocket.
    WebSocket,
}

/// Messages are put together until their frames are so long.
const TOGETHER_MAX: usize = 8 * 1024;

/// Room for frames that is kept while it is empty.
const KEPT_FRAMES: usize = 256 * 1024;

thread_local! {
    static OWN: Own = const {
        Own {
            inbox: Cell::new(ptr::null()),
            asked: RefCell::new(Asked {
                asks: Vec::new(),
                frames: Vec::new(),
            }),
        }
    };
}

/// From now on until the guard is dropped the shard with this inbox is at work on this thread. Before
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
        let is_own = own.is_open_to(inbox);
        if is_own {
            own.asked.borrow_mut().asks.push(Ask::Task(task));
        } else {
            inbox.push(task);
        }
        !is_own
    })
}

/// Queues a message, the frame of which `write` appends, if it can go the short way to the shard with
/// this inbox. Whether it can.
#[inline]
pub(super) fn queue_text(
    inbox: &Inbox,
    slot: Slot,
    to: To,
    write: impl FnOnce(&mut Vec<u8>),
) -> bool {
    OWN.with(|own| {
        let is_own = own.is_open_to(inbox);
        if is_own {
            own.asked.borrow_mut().push_text(slot, to, write);
        }
        is_own
    })
}

/// Takes what waits for the shard at work, for an empty queue that takes its place.
pub(super) fn take(asked: &mut Asked) {
    OWN.with(|own| mem::swap(&mut *own.asked.borrow_mut(), asked));
}

/// Lets `write` do what waits for the shard at work if it is nothing but messages for that connection,
/// given with their frames. Whether that has been done. `write` may ask nothing of the shard.
pub(super) fn answer(slot: Slot, write: impl FnOnce(&Texts, &[u8]) -> bool) -> bool {
    OWN.with(|own| {
        let Asked { asks, frames } = &mut *own.asked.borrow_mut();
        let is_done = match &asks[..] {
            [Ask::Texts(texts)] if texts.slot == slot => write(texts, frames),
            _ => false,
        };
        if is_done {
            asks.clear();
            frames.clear();
            if frames.capacity() > KEPT_FRAMES {
                *frames = Vec::new();
            }
        }
        is_done
    })
}

/// Whether something waits for the shard at work.
pub(super) fn is_waiting() -> bool {
    OWN.with(|own| !own.asked.borrow().is_empty())
}

impl Own {
    fn is_open_to(&self, inbox: &Inbox) -> bool {
        ptr::eq(self.inbox.get(), inbox) && inbox.is_empty()
    }
}

impl Asked {
    pub(super) fn is_empty(&self) -> bool {
        self.asks.is_empty()
    }

    pub(super) fn append(&mut self, mut later: Asked) {
        self.asks.append(&mut later.asks);
        self.frames.append(&mut later.frames);
    }

    /// Room that is kept while it is empty, in the measure of a shard's lists.
    pub(super) fn capacity(&self) -> usize {
        self.asks.capacity().max(self.frames.capacity() / 64)
    }

    #[inline]
    fn push_text(&mut self, slot: Slot, to: To, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.frames.len();
        write(&mut self.frames);
        let len = self.frames.len() - start;
        if let Some(Ask::Texts(last)) = self.asks.last_mut()
            && (last.slot, last.to) == (slot, to)
            && last.len < TOGETHER_MAX
        {
            last.count += 1;
            last.len += len;
            return;
        }
        let count = 1;
        self.asks.push(Ask::Texts(Texts {
            slot,
            to,
            count,
            len,
        }));
    }
}
