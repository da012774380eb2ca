//! The queue between a client and an application that fetches its events: by blocking, as a future,
//! or when a descriptor says that there are some.
//!
//! It takes what has happened even when it is full, but the client stops reading then: it holds at
//! most `max_pending_events` events or 64 MiB, plus what one read brought.

use std::collections::VecDeque;
#[cfg(unix)]
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::error::Error;
#[cfg(unix)]
use crate::pull::Signal;
use crate::pull::Space;

/// An event that can be queued.
pub(super) trait Queued {
    /// Bytes of what the server sent that the event holds.
    fn size(&self) -> usize;

    /// Whether no event comes behind it.
    fn is_last(&self) -> bool;
}

/// Events that wait for the application.
#[derive(Debug)]
pub(super) struct Queue<E> {
    waiting: Mutex<Waiting<E>>,
    arrived: Condvar,
    space: Space,
    #[cfg(unix)]
    signal: OnceLock<Signal>,
}

#[derive(Debug)]
struct Waiting<E> {
    events: VecDeque<E>,
    /// The last event has been taken.
    is_over: bool,
    waker: Option<Waker>,
}

impl<E: Queued> Queue<E> {
    pub(super) fn new(most_events: usize) -> Queue<E> {
        Queue {
            waiting: Mutex::new(Waiting {
                events: VecDeque::new(),
                is_over: false,
                waker: None,
            }),
            arrived: Condvar::new(),
            space: Space::new(most_events),
            #[cfg(unix)]
            signal: OnceLock::new(),
        }
    }

    pub(super) fn push(&self, event: E) {
        self.space.take(event.size());
        let mut waiting = self.waiting.lock();
        waiting.events.push_back(event);
        self.show(&waiting);
        let waker = waiting.waker.take();
        drop(waiting);
        self.arrived.notify_one();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether the client may go on reading.
    pub(super) fn has_space(&self) -> bool {
        self.space.is_left()
    }

    /// Whether the client has stopped reading and may go on now. Says so once.
    pub(super) fn is_resume_due(&self) -> bool {
        self.space.is_resume_due()
    }

    /// Appends up to `most` events, after waiting up to `timeout` (`None`: for ever) for the first.
    ///
    /// # Errors
    /// [`Error::Closed`] once the last event has been taken.
    pub(super) fn take(
        &self,
        events: &mut Vec<E>,
        most: usize,
        timeout: Option<Duration>,
    ) -> Result<(), Error> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut waiting = self.waiting.lock();
        while waiting.events.is_empty() && !waiting.is_over && most > 0 {
            match deadline {
                None => self.arrived.wait(&mut waiting),
                Some(deadline) => {
                    if self.arrived.wait_until(&mut waiting, deadline).timed_out() {
                        break;
                    }
                }
            }
        }
        let mut taken = 0;
        while taken < most
            && let Some(event) = self.take_one(&mut waiting)
        {
            events.push(event);
            taken += 1;
        }
        self.show(&waiting);
        if !waiting.events.is_empty() || waiting.is_over {
            // Others may wait too.
            self.arrived.notify_one();
        }
        match taken == 0 && waiting.is_over {
            true => Err(Error::Closed),
            false => Ok(()),
        }
    }

    /// The next event; nothing once the last has been taken.
    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<E>> {
        let mut waiting = self.waiting.lock();
        if let Some(event) = self.take_one(&mut waiting) {
            self.show(&waiting);
            return Poll::Ready(Some(event));
        }
        if waiting.is_over {
            return Poll::Ready(None);
        }
        waiting.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn take_one(&self, waiting: &mut MutexGuard<'_, Waiting<E>>) -> Option<E> {
        let event = waiting.events.pop_front()?;
        self.space.give_back(event.size());
        waiting.is_over |= event.is_last();
        Some(event)
    }

    /// Lets the descriptor tell how it is. Under the lock, so that it never lags behind.
    #[cfg(unix)]
    fn show(&self, waiting: &Waiting<E>) {
        if let Some(signal) = self.signal.get() {
            // At its end it is readable, as a file is.
            match waiting.events.is_empty() && !waiting.is_over {
                true => signal.lower(),
                false => signal.raise(),
            }
        }
    }

    #[cfg(not(unix))]
    fn show(&self, _: &Waiting<E>) {}

    /// A descriptor that is readable while events wait. It lives as long as the queue.
    ///
    /// # Errors
    /// [`Error::Io`] if the system has no descriptor left.
    #[cfg(unix)]
    pub(super) fn descriptor(&self) -> Result<std::os::fd::BorrowedFd<'_>, Error> {
        let waiting = self.waiting.lock();
        if self.signal.get().is_none() {
            let during = |error| Error::Io("cannot make a descriptor".to_owned(), error);
            // Set under the lock: nobody is first.
            let _ = self.signal.set(Signal::new().map_err(during)?);
            self.show(&waiting);
        }
        match self.signal.get() {
            Some(signal) => Ok(signal.descriptor()),
            None => Err(Error::Closed),
        }
    }
}
