//! The way into a shard from any thread: a queue of tasks, and a bell that wakes it.

use crossbeam_channel::{Receiver, Sender};
use tokio::sync::Notify;

use super::bell::Bell;
use super::task::Task;

/// A shard's queue of tasks. Unbounded: what fills it are the application's own calls, and the
/// shard empties it before it reads from any connection.
#[derive(Debug)]
pub(super) struct Inbox {
    sender: Sender<Task>,
    receiver: Receiver<Task>,
    bell: Bell,
    notify: Notify,
}

impl Inbox {
    pub(super) fn new() -> Inbox {
        let (sender, receiver) = crossbeam_channel::unbounded();
        Inbox {
            sender,
            receiver,
            bell: Bell::new(),
            notify: Notify::new(),
        }
    }

    /// Queues a task; the shard learns of it at the next [`Inbox::wake`].
    pub(super) fn push(&self, task: Task) {
        // The receiver lives as long as the sender: the send cannot fail.
        let _ = self.sender.send(task);
    }

    /// Makes the shard take a turn, once however often it is called before that.
    pub(super) fn wake(&self) {
        if self.bell.ring() {
            self.notify.notify_one();
        }
    }

    /// Waits for [`Inbox::wake`].
    pub(super) fn notified(&self) -> tokio::sync::futures::Notified<'_> {
        self.notify.notified()
    }

    /// Begins a turn: a wake-up from now on starts another.
    pub(super) fn begin_turn(&self) {
        self.bell.silence();
    }

    pub(super) fn pop(&self) -> Option<Task> {
        self.receiver.try_recv().ok()
    }

    /// Whether no task waits. What another thread pushed before it let this one know is seen.
    pub(super) fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }
}
