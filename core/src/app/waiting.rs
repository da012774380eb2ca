//! Those who wait for what the engine will say, by the ids under which they asked.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Who waits; `None` once nothing comes any more.
#[derive(Debug)]
pub(super) struct Waiting<W>(Mutex<Option<HashMap<u64, W>>>);

impl<W> Default for Waiting<W> {
    fn default() -> Waiting<W> {
        Waiting(Mutex::new(Some(HashMap::new())))
    }
}

impl<W> Waiting<W> {
    /// Waits for what comes under `id`. False if nothing will.
    pub(super) fn expect(&self, id: u64, waiting: W) -> bool {
        let mut open = self.0.lock();
        open.as_mut().map(|open| open.insert(id, waiting)).is_some()
    }

    /// Looks at who waits, who goes on waiting.
    pub(super) fn with<R>(&self, id: u64, look: impl FnOnce(&W) -> R) -> Option<R> {
        self.0.lock().as_ref()?.get(&id).map(look)
    }

    /// Waits no more; who it was that waited.
    pub(super) fn take(&self, id: u64) -> Option<W> {
        self.0.lock().as_mut()?.remove(&id)
    }

    /// Nothing comes any more: who waits is told.
    pub(super) fn stop(&self) {
        let waiting = self.0.lock().take();
        drop(waiting);
    }
}

impl<T> Waiting<oneshot::Sender<T>> {
    /// It has come.
    pub(super) fn answer(&self, id: u64, answer: T) {
        if let Some(waiting) = self.take(id) {
            // Who waited may have given up.
            let _ = waiting.send(answer);
        }
    }
}
