//! Something that happens once, and that any number of tasks and threads may wait for.

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(super) struct Moment {
    has_come: Mutex<bool>,
    threads: Condvar,
    tasks: Notify,
}

impl Moment {
    /// It happens. Whoever waits goes on.
    pub(super) fn come(&self) {
        *self.has_come.lock() = true;
        self.threads.notify_all();
        self.tasks.notify_waiters();
    }

    pub(super) fn has_come(&self) -> bool {
        *self.has_come.lock()
    }

    /// Blocks the thread until it happens.
    pub(super) fn block(&self) {
        let mut has_come = self.has_come.lock();
        while !*has_come {
            self.threads.wait(&mut has_come);
        }
    }

    /// Ends when it happens.
    pub(super) async fn wait(&self) {
        let mut told = std::pin::pin!(self.tasks.notified());
        told.as_mut().enable();
        if !self.has_come() {
            told.await;
        }
    }
}
