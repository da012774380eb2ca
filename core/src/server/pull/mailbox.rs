//! What waits for the application, in order, and those who wait for it.
//!
//! Whoever puts something in wakes nobody: events come in runs, and a thread woken for each would be
//! kept busy waking up. [`Mailbox::announce`], at the end of a run, wakes one thread that waits, which
//! wakes the next if it leaves something. The descriptor follows: it is readable from an announcement
//! until nothing is left.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::event::PulledEvent;
#[cfg(unix)]
use crate::pull::Signal;

/// Events on their way to the application.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    inner: Mutex<Inner>,
    /// Something has come since the last announcement.
    has_news: AtomicBool,
    arrivals: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    events: VecDeque<PulledEvent>,
    /// Threads that wait for events.
    waiting: usize,
    /// The last event has been taken.
    is_over: bool,
    /// Whether the descriptor is, or would be, readable.
    is_announced: bool,
    #[cfg(unix)]
    signal: Option<std::sync::Arc<Signal>>,
}

impl Mailbox {
    /// Appends an event. Nobody learns of it before it is announced.
    pub(super) fn put(&self, event: PulledEvent) {
        self.inner.lock().events.push_back(event);
        self.has_news.store(true, Ordering::Release);
    }

    /// Lets the application know of what has come.
    pub(super) fn announce(&self) {
        if !self.has_news.load(Ordering::Acquire) {
            return;
        }
        let mut inner = self.inner.lock();
        self.has_news.store(false, Ordering::Relaxed);
        if inner.has_something() {
            inner.set_announced(true);
            if inner.waiting > 0 {
                self.arrivals.notify_one();
            }
        }
    }

    /// Moves up to `most` events into `events`, after waiting for the first. False once the last event
    /// has been taken.
    pub(super) fn take(
        &self,
        events: &mut Vec<PulledEvent>,
        most: usize,
        timeout: Option<Duration>,
    ) -> bool {
        // A time too far away to be told is for ever.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let is_patient = most > 0 && timeout != Some(Duration::ZERO);
        let mut inner = self.inner.lock();
        while is_patient && !inner.has_something() {
            inner.waiting += 1;
            let is_late = match deadline {
                Some(deadline) => self.arrivals.wait_until(&mut inner, deadline).timed_out(),
                None => {
                    self.arrivals.wait(&mut inner);
                    false
                }
            };
            inner.waiting -= 1;
            if is_late {
                break;
            }
        }
        let count = most.min(inner.events.len());
        if count == 0 && inner.is_over {
            return false;
        }
        events.extend(inner.events.drain(..count));
        if events.last().is_some_and(PulledEvent::is_last) {
            inner.is_over = true;
            self.arrivals.notify_all();
        }
        if !inner.has_something() {
            inner.set_announced(false);
            inner.give_room_back();
        } else if inner.waiting > 0 {
            self.arrivals.notify_one();
        }
        true
    }

    /// The descriptor, made when it is first asked for.
    #[cfg(unix)]
    pub(super) fn signal(&self) -> std::io::Result<std::sync::Arc<Signal>> {
        let mut inner = self.inner.lock();
        if let Some(signal) = &inner.signal {
            return Ok(std::sync::Arc::clone(signal));
        }
        let signal = std::sync::Arc::new(Signal::new()?);
        if inner.has_something() {
            inner.is_announced = true;
        }
        if inner.is_announced {
            signal.raise();
        }
        inner.signal = Some(std::sync::Arc::clone(&signal));
        Ok(signal)
    }
}

impl Inner {
    /// Whether who asks is answered at once: by events, or by there being none ever again.
    fn has_something(&self) -> bool {
        !self.events.is_empty() || self.is_over
    }

    fn set_announced(&mut self, is_announced: bool) {
        if self.is_announced == is_announced {
            return;
        }
        self.is_announced = is_announced;
        #[cfg(unix)]
        if let Some(signal) = &self.signal {
            if is_announced {
                signal.raise();
            } else {
                signal.lower();
            }
        }
    }

    /// A rush of events must not cost memory for ever.
    fn give_room_back(&mut self) {
        if self.events.capacity() > KEPT_CAPACITY {
            self.events.shrink_to(KEPT_CAPACITY);
        }
    }
}

/// Events that the mailbox may keep room for while it is empty.
const KEPT_CAPACITY: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn timed_out(id: u64) -> PulledEvent {
        let socket = super::super::SocketIdentity {
            key: super::super::SocketKey(1),
            sid: "sid".into(),
            namespace: "/".into(),
            user_data: Default::default(),
        };
        PulledEvent::AckTimeout {
            socket: Arc::new(socket),
            id,
        }
    }

    fn take_one(mailbox: &Mailbox, timeout: Option<Duration>) -> Option<PulledEvent> {
        let mut events = Vec::new();
        mailbox.take(&mut events, 1, timeout);
        events.pop()
    }

    #[test]
    fn who_leaves_something_wakes_the_next() {
        let mailbox = Arc::new(Mailbox::default());
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let mailbox = Arc::clone(&mailbox);
                std::thread::spawn(move || take_one(&mailbox, None).is_some())
            })
            .collect();
        while mailbox.inner.lock().waiting < 3 {
            std::thread::yield_now();
        }
        (0..3).for_each(|id| mailbox.put(timed_out(id)));
        mailbox.announce();
        for thread in waiting {
            assert!(thread.join().unwrap());
        }
    }

    #[test]
    fn the_end_wakes_everybody_and_stays() {
        let mailbox = Arc::new(Mailbox::default());
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let mailbox = Arc::clone(&mailbox);
                std::thread::spawn(move || take_one(&mailbox, None).is_some())
            })
            .collect();
        while mailbox.inner.lock().waiting < 3 {
            std::thread::yield_now();
        }
        mailbox.put(PulledEvent::Closed);
        mailbox.announce();
        let ends = waiting.into_iter().map(|thread| thread.join().unwrap());
        assert_eq!(ends.filter(|was_given_one| *was_given_one).count(), 1);
        assert!(!mailbox.take(&mut Vec::new(), 1, None));
    }

    #[test]
    fn a_wait_ends_with_its_time_or_never() {
        let mailbox = Mailbox::default();
        assert!(take_one(&mailbox, Some(Duration::from_millis(1))).is_none());
        mailbox.put(timed_out(1));
        // So far away that it cannot be told: it does not overflow, and what is there is taken.
        assert!(take_one(&mailbox, Some(Duration::MAX)).is_some());
    }

    #[test]
    fn a_rush_of_events_leaves_no_memory_behind() {
        let mailbox = Mailbox::default();
        let rush = 10 * KEPT_CAPACITY;
        (0..rush as u64).for_each(|id| mailbox.put(timed_out(id)));
        let mut events = Vec::new();
        assert!(mailbox.take(&mut events, rush, None));
        assert_eq!(events.len(), rush);
        assert!(mailbox.inner.lock().events.capacity() < 2 * KEPT_CAPACITY);
    }
}
