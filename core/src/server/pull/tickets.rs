//! Clients that wait for the application's word: a number for each, by which it is given.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Those who wait for a verdict of one kind, at most one for each open HTTP connection.
#[derive(Debug)]
pub(super) struct Tickets<V>(Open<V>);

type Open<V> = Arc<Mutex<HashMap<u64, oneshot::Sender<V>>>>;

impl<V> Default for Tickets<V> {
    fn default() -> Tickets<V> {
        Tickets(Open::default())
    }
}

impl<V> Tickets<V> {
    /// A ticket with a number that no other has.
    pub(super) fn issue(&self, number: u64) -> Ticket<V> {
        let (sender, verdict) = oneshot::channel();
        self.0.lock().insert(number, sender);
        Ticket {
            number,
            open: Arc::clone(&self.0),
            verdict,
        }
    }

    /// Gives the one with that ticket its verdict. False if nobody waits with it.
    pub(super) fn decide(&self, number: u64, verdict: V) -> bool {
        let waiting = self.0.lock().remove(&number);
        waiting.is_some_and(|waiting| waiting.send(verdict).is_ok())
    }
}

/// A client that waits. Dropped, when its time is up or the client gone, it waits no more.
#[derive(Debug)]
pub(super) struct Ticket<V> {
    number: u64,
    open: Open<V>,
    verdict: oneshot::Receiver<V>,
}

impl<V> Ticket<V> {
    /// Waits for the verdict; `None` if none will come.
    pub(super) async fn verdict(mut self) -> Option<V> {
        (&mut self.verdict).await.ok()
    }
}

impl<V> Drop for Ticket<V> {
    fn drop(&mut self) {
        self.open.lock().remove(&self.number);
    }
}
