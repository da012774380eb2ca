//! What waits for the application, in order, and those who wait for it.
//!
//! Whoever puts something in wakes nobody: events come in runs, and a thread woken for each would be
//! kept busy waking up. [`Mailbox::announce`], at the end of a run, wakes one thread that waits, which
//! wakes the next if it leaves something. The descriptor follows: it is readable from an announcement
//! until nothing is left.
//!
//! Between the events stand the ends of plain WebSockets that have not been answered. One is due when
//! the events before it have been taken and the application comes for more: it has had its say then.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::event::PulledEvent;
use super::websocket::Ending;
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
    /// Each with the number of events that came before it.
    endings: VecDeque<(u64, Ending)>,
    /// Events that have been taken, ever.
    taken: u64,
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

    /// Appends a peer's end, which `take` answers when the application has had its say. Nobody learns
    /// of it before it is announced.
    pub(super) fn put_ending(&self, ending: Ending) {
        let mut inner = self.inner.lock();
        let before = inner.taken + inner.events.len() as u64;
        inner.endings.push_back((before, ending));
        drop(inner);
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
    /// has been taken. Ends that are due are given to `answer`.
    pub(super) fn take(
        &self,
        events: &mut Vec<PulledEvent>,
        most: usize,
        timeout: Option<Duration>,
        mut answer: impl FnMut(Ending),
    ) -> bool {
        let is_patient = most > 0 && timeout != Some(Duration::ZERO);
        // A time too far away to be told is for ever.
        let deadline = timeout
            .filter(|_| is_patient)
            .and_then(|timeout| Instant::now().checked_add(timeout));
        let mut inner = self.inner.lock();
        loop {
            let is_late = is_patient && self.wait(&mut inner, deadline);
            let due = inner.take_due();
            if due.is_empty() {
                break;
            }
            MutexGuard::unlocked(&mut inner, || due.into_iter().for_each(&mut answer));
            if is_late {
                break;
            }
        }
        let count = most.min(inner.events.len());
        if count == 0 && inner.is_over {
            return false;
        }
        events.extend(inner.events.drain(..count));
        inner.taken += count as u64;
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

    /// Waits until there is something. True if the time was up before.
    fn wait(&self, inner: &mut MutexGuard<'_, Inner>, deadline: Option<Instant>) -> bool {
        while !inner.has_something() {
            inner.waiting += 1;
            let is_late = match deadline {
                Some(deadline) => self.arrivals.wait_until(inner, deadline).timed_out(),
                None => {
                    self.arrivals.wait(inner);
                    false
                }
            };
            inner.waiting -= 1;
            if is_late {
                return true;
            }
        }
        false
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
    /// Whether who asks need not wait: for events, for ends to answer, or for ever.
    fn has_something(&self) -> bool {
        !self.events.is_empty() || !self.endings.is_empty() || self.is_over
    }

    /// The ends before which every event has been taken.
    fn take_due(&mut self) -> Vec<Ending> {
        let taken = self.taken;
        let is_due = |(before, _): &&(u64, Ending)| *before <= taken;
        let count = self.endings.iter().take_while(is_due).count();
        self.endings.drain(..count).map(|(_, it)| it).collect()
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
        mailbox.take(&mut events, 1, timeout, |_| {});
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
        assert!(!mailbox.take(&mut Vec::new(), 1, None, |_| {}));
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
    fn an_end_is_answered_when_more_is_asked_for_than_came_before_it() {
        let conn = crate::hub::ConnId {
            shard: 0,
            slot: crate::hub::Slot {
                index: 0,
                generation: 0,
            },
        };
        let ending = || Ending::of(conn, &crate::embed::websocket::Event::Ended).unwrap();
        let mailbox = Mailbox::default();
        let take = |timeout| {
            let (mut events, mut answered) = (Vec::new(), 0);
            assert!(mailbox.take(&mut events, 1, timeout, |_| answered += 1));
            (events.len(), answered)
        };
        mailbox.put(timed_out(1));
        mailbox.put(timed_out(2));
        mailbox.put_ending(ending());
        mailbox.put(timed_out(3));
        let taken: Vec<_> = (0..3).map(|_| take(None)).collect();
        assert_eq!(taken, [(1, 0), (1, 0), (1, 1)]);
        // Nothing came before this one: whoever waits goes on waiting.
        mailbox.put_ending(ending());
        assert_eq!(take(Some(Duration::from_millis(1))), (0, 1));
        mailbox.put_ending(ending());
        assert_eq!(take(Some(Duration::ZERO)), (0, 1));
    }

    #[test]
    fn a_rush_of_events_leaves_no_memory_behind() {
        let mailbox = Mailbox::default();
        let rush = 10 * KEPT_CAPACITY;
        (0..rush as u64).for_each(|id| mailbox.put(timed_out(id)));
        let mut events = Vec::new();
        assert!(mailbox.take(&mut events, rush, None, |_| {}));
        assert_eq!(events.len(), rush);
        assert!(mailbox.inner.lock().events.capacity() < 2 * KEPT_CAPACITY);
    }
}
