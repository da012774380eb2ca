//! What waits for the connection: messages within a bound, and the channels that are wanted.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::adapter::{Recall, Record, Subscription};
use crate::proto::cluster::Post;

/// Between all threads of the engine and the connection's own.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Wakes the connection's thread.
    wake: Notify,
    /// Tells who reads streams of the end.
    over: Notify,
    dropped: AtomicU64,
    max_pending_bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    posts: VecDeque<Order>,
    /// Of those, with their channels' names and the like.
    bytes: usize,
    counts: VecDeque<(Box<str>, u64)>,
    recalls: VecDeque<Recall>,
    wanted: HashSet<Subscription>,
    /// What the connection has been told.
    subscribed: HashSet<Subscription>,
    /// Where the two differ.
    differing: HashSet<Subscription>,
    is_closed: bool,
    is_connected: bool,
}

/// What is said, and what is kept: in the order in which it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Post(Post),
    Save(Record),
}

/// What is to be done next, in this order.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) subscribe: Vec<Subscription>,
    pub(super) unsubscribe: Vec<Subscription>,
    pub(super) posts: Vec<Order>,
    /// Channels and tokens.
    pub(super) counts: Vec<(Box<str>, u64)>,
    /// Nothing comes any more.
    pub(super) is_last: bool,
}

impl Work {
    pub(super) fn is_empty(&self) -> bool {
        self.subscribe.is_empty()
            && self.unsubscribe.is_empty()
            && self.posts.is_empty()
            && self.counts.is_empty()
    }
}

/// So much is sent before the answers are waited for.
pub(super) const MOST_AT_ONCE: usize = 512;
const MOST_BYTES_AT_ONCE: usize = 1024 * 1024;

/// More counts are not waited for: who asked is told so by their deadline.
const MOST_COUNTS: usize = 65_536;

/// More recalls are refused.
const MOST_RECALLS: usize = 65_536;

impl Queue {
    pub(super) fn new(max_pending_bytes: usize) -> Queue {
        Queue {
            state: Mutex::default(),
            wake: Notify::new(),
            over: Notify::new(),
            dropped: AtomicU64::new(0),
            max_pending_bytes,
        }
    }

    pub(super) fn post(&self, post: Order) {
        let size = size(&post);
        let mut state = self.state.lock();
        if state.is_closed || state.bytes + size > self.max_pending_bytes {
            drop(state);
            self.drop_one();
            return;
        }
        state.bytes += size;
        state.posts.push_back(post);
        drop(state);
        self.wake.notify_one();
    }

    /// Wants the channels to be heard, or no more.
    pub(super) fn wish(&self, subscriptions: Vec<Subscription>, is_wanted: bool) {
        let mut state = self.state.lock();
        let State {
            wanted,
            subscribed,
            differing,
            ..
        } = &mut *state;
        for subscription in subscriptions {
            if subscribed.contains(&subscription) == is_wanted {
                differing.remove(&subscription);
            } else {
                differing.insert(subscription.clone());
            }
            match is_wanted {
                true => wanted.insert(subscription),
                false => wanted.remove(&subscription),
            };
        }
        drop(state);
        self.wake.notify_one();
    }

    pub(super) fn count(&self, channel: &str, token: u64) {
        let mut state = self.state.lock();
        if !state.is_closed && state.counts.len() < MOST_COUNTS {
            state.counts.push_back((channel.into(), token));
        }
        drop(state);
        self.wake.notify_one();
    }

    /// False if there is no connection to recall it over, or too much is recalled already.
    pub(super) fn recall(&self, recall: Recall) -> bool {
        let mut state = self.state.lock();
        if state.is_closed || !state.is_connected || state.recalls.len() >= MOST_RECALLS {
            return false;
        }
        state.recalls.push_back(recall);
        drop(state);
        self.wake.notify_one();
        true
    }

    /// What is to be recalled next, all at once.
    pub(super) fn take_recalls(&self) -> Vec<Recall> {
        let mut state = self.state.lock();
        let count = state.recalls.len().min(MOST_AT_ONCE);
        state.recalls.drain(..count).collect()
    }

    /// There is no connection any more. Gives what was to be recalled.
    pub(super) fn disconnect(&self) -> Vec<Recall> {
        let mut state = self.state.lock();
        state.is_connected = false;
        std::mem::take(&mut state.recalls).into()
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// A message has not gone out.
    pub(super) fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.wake.notify_one();
        self.over.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }

    /// There is a connection, which has been told of nothing.
    pub(super) fn connect(&self) {
        let mut state = self.state.lock();
        state.is_connected = true;
        state.subscribed.clear();
        state.differing = state.wanted.clone();
    }

    /// Takes what is to be done next.
    pub(super) fn take(&self) -> Work {
        let mut state = self.state.lock();
        let mut work = Work {
            counts: state.counts.drain(..).collect(),
            ..Work::default()
        };
        for subscription in std::mem::take(&mut state.differing) {
            if state.wanted.contains(&subscription) {
                state.subscribed.insert(subscription.clone());
                work.subscribe.push(subscription);
            } else {
                state.subscribed.remove(&subscription);
                work.unsubscribe.push(subscription);
            }
        }
        let mut taken = 0;
        while work.posts.len() < MOST_AT_ONCE && taken < MOST_BYTES_AT_ONCE {
            let Some(post) = state.posts.pop_front() else {
                break;
            };
            taken += size(&post);
            work.posts.push(post);
        }
        state.bytes -= taken;
        work.is_last = state.is_closed && state.posts.is_empty();
        work
    }

    /// Ends when the queue is closed; for the one that reads streams.
    pub(super) async fn closed(&self) {
        while !self.is_closed() {
            self.over.notified().await;
        }
    }

    /// Ends when there is something to do; perhaps too early.
    pub(super) async fn changed(&self) {
        self.wake.notified().await;
    }
}

fn size(order: &Order) -> usize {
    match order {
        Order::Save(Record { key, value, .. }) => key.len() + value.as_ref().map_or(0, Bytes::len),
        Order::Post(Post::Publication(publication)) => {
            publication.channel.len() + publication.bytes.len()
        }
        Order::Post(Post::Entry(entry)) => {
            let fields = entry.fields.iter();
            let sizes = fields.map(|(name, value)| name.len() + value.len());
            entry.stream.len() + sizes.sum::<usize>()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::{Entry, Publication};

    fn publication(len: usize) -> Order {
        Order::Post(Post::Publication(Publication {
            channel: "".into(),
            bytes: vec![0; len].into(),
        }))
    }

    #[test]
    fn all_of_an_entry_counts() {
        let entry = Entry {
            stream: "ab".into(),
            fields: vec![("cd".into(), vec![0; 3].into()), ("e".into(), "".into())],
        };
        assert_eq!(size(&Order::Post(Post::Entry(entry))), 8);
    }

    fn channel(name: &str) -> Subscription {
        Subscription::Channel(name.into())
    }

    #[test]
    fn what_waits_is_bounded_and_the_rest_is_dropped_and_counted() {
        let queue = Queue::new(100);
        queue.post(publication(60));
        queue.post(publication(60));
        queue.post(publication(40));
        assert_eq!(queue.dropped(), 1);
        let lens: Vec<_> = queue.take().posts.iter().map(size).collect();
        assert_eq!(lens, [60, 40]);
        queue.post(publication(100));
        assert_eq!(queue.dropped(), 1);
        assert_eq!(queue.take().posts.len(), 1);
    }

    #[test]
    fn a_large_queue_is_taken_in_parts() {
        let queue = Queue::new(usize::MAX);
        for _ in 0..3 {
            queue.post(publication(MOST_BYTES_AT_ONCE / 2));
        }
        assert_eq!(queue.take().posts.len(), 2);
        assert_eq!(queue.take().posts.len(), 1);
        for _ in 0..=MOST_AT_ONCE {
            queue.post(publication(0));
        }
        assert_eq!(queue.take().posts.len(), MOST_AT_ONCE);
        assert_eq!(queue.take().posts.len(), 1);
    }

    #[test]
    fn a_channel_that_comes_and_goes_while_nobody_looks_costs_nothing() {
        let queue = Queue::new(0);
        queue.wish(vec![channel("a"), channel("b")], true);
        queue.wish(vec![channel("b")], false);
        assert_eq!(queue.take().subscribe, [channel("a")]);
        assert!(queue.take().is_empty());
        queue.wish(vec![channel("a")], false);
        queue.wish(vec![channel("a")], true);
        assert!(queue.take().is_empty());
        queue.wish(vec![channel("a")], false);
        assert_eq!(queue.take().unsubscribe, [channel("a")]);
    }

    #[test]
    fn a_new_connection_is_told_all_that_is_wanted() {
        let queue = Queue::new(0);
        queue.wish(vec![channel("a"), channel("b")], true);
        queue.take();
        queue.wish(vec![channel("b")], false);
        queue.connect();
        let work = queue.take();
        assert_eq!(work.subscribe, [channel("a")]);
        assert_eq!(work.unsubscribe, []);
    }

    #[test]
    fn what_is_recalled_needs_a_connection() {
        let recall = |token| Recall {
            token,
            key: "k".into(),
            stream: "s".into(),
            offset: Default::default(),
        };
        let queue = Queue::new(0);
        assert!(!queue.recall(recall(1)));
        queue.connect();
        assert!(queue.recall(recall(2)) && queue.recall(recall(3)));
        assert_eq!(queue.take_recalls(), [recall(2), recall(3)]);
        assert!(queue.recall(recall(4)));
        assert_eq!(queue.disconnect(), [recall(4)]);
        assert!(!queue.recall(recall(5)));
        queue.connect();
        assert_eq!(queue.take_recalls(), []);
    }

    #[test]
    fn what_was_said_before_the_end_still_goes_out() {
        let queue = Queue::new(1);
        queue.post(publication(1));
        queue.close();
        queue.post(publication(1));
        assert_eq!(queue.dropped(), 1);
        let work = queue.take();
        assert_eq!(work.posts.len(), 1);
        assert!(work.is_last);
    }
}
