//! Those who wait for what the engine will say, by the ids under which they asked.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Waiting futures; `None` once nothing comes any more.
#[derive(Debug)]
pub(super) struct Waiting<T>(Mutex<Option<HashMap<u64, oneshot::Sender<T>>>>);

impl<T> Default for Waiting<T> {
    fn default() -> Waiting<T> {
        Waiting(Mutex::new(Some(HashMap::new())))
    }
}

impl<T> Waiting<T> {
    /// Waits for what comes under `id`. False if nothing will.
    pub(super) fn expect(&self, id: u64, waiting: oneshot::Sender<T>) -> bool {
        let mut open = self.0.lock();
        open.as_mut().map(|open| open.insert(id, waiting)).is_some()
    }

    /// Waits no more.
    pub(super) fn forget(&self, id: u64) {
        if let Some(open) = &mut *self.0.lock() {
            open.remove(&id);
        }
    }

    /// It has come.
    pub(super) fn answer(&self, id: u64, answer: T) {
        let waiting = self.0.lock().as_mut().and_then(|open| open.remove(&id));
        if let Some(waiting) = waiting {
            // Who waited may have given up.
            let _ = waiting.send(answer);
        }
    }

    /// Nothing comes any more: who waits is told.
    pub(super) fn stop(&self) {
        let waiting = self.0.lock().take();
        drop(waiting);
    }
}
