//! Packets waiting to be written, in order: one queue for the connection, whatever carries it.

use std::collections::VecDeque;

use crate::proto::websocket::Frame;

/// Frames of capacity (32 bytes each) that an empty queue may keep between two heartbeats.
const KEPT_CAPACITY: usize = 16;

/// A queue whose first frame lies inline, so that a packet sent and written at once never touches
/// the heap. What a burst made the queue grow to is given back when it drains; a small remainder is
/// kept for the next burst until [`Outbox::release`].
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// `None` only if `rest` is empty too.
    first: Option<Frame>,
    rest: VecDeque<Frame>,
    bytes: usize,
    /// Frames that were ever pushed to the end, less those that were dropped.
    pushed: u64,
}

impl Outbox {
    #[inline]
    pub(crate) fn push(&mut self, frame: Frame) {
        self.bytes += frame.len();
        self.pushed += 1;
        if self.first.is_none() {
            self.first = Some(frame);
        } else {
            self.rest.push_back(frame);
        }
    }

    pub(super) fn push_front(&mut self, frame: Frame) {
        self.bytes += frame.len();
        if let Some(second) = self.first.replace(frame) {
            self.rest.push_front(second);
        }
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Frame> {
        let frame = self.first.take()?;
        self.bytes -= frame.len();
        if self.rest.capacity() != 0 {
            self.advance();
        }
        Some(frame)
    }

    fn advance(&mut self) {
        self.first = self.rest.pop_front();
        if self.rest.is_empty() && self.rest.capacity() > KEPT_CAPACITY {
            self.rest = VecDeque::new();
        }
    }

    /// Everything that waits, in one list with room for `extra` more.
    pub(super) fn take_all(&mut self, extra: usize) -> Vec<Frame> {
        let mut frames = Vec::with_capacity(self.len() + extra);
        frames.extend(self.first.take());
        frames.extend(self.rest.drain(..));
        self.clear();
        frames
    }

    /// Drops what waits, and every buffer.
    pub(crate) fn clear(&mut self) {
        *self = Outbox {
            pushed: self.taken(),
            ..Outbox::default()
        };
    }

    /// Gives the kept capacity back if nothing waits.
    pub(crate) fn release(&mut self) {
        if self.rest.is_empty() {
            self.rest = VecDeque::new();
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Sum of the encoded frames' lengths.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Frames that were pushed to the end so far.
    pub(super) fn pushed(&self) -> u64 {
        self.pushed
    }

    /// How many of [`pushed`](Outbox::pushed) are out. A frame that was pushed to the front holds
    /// the others back for as long as it waits.
    pub(super) fn taken(&self) -> u64 {
        self.pushed.saturating_sub(self.len() as u64)
    }

    fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(n: usize) -> Frame {
        Frame::text(&[format!("4{n}").as_bytes()])
    }

    #[test]
    fn gives_frames_back_in_order_and_counts_their_bytes() {
        let mut outbox = Outbox::default();
        (1..=3).for_each(|n| outbox.push(frame(n)));
        outbox.push_front(frame(0));
        assert_eq!(outbox.bytes(), 4 * frame(0).len());

        let popped: Vec<Frame> = std::iter::from_fn(|| outbox.pop()).collect();
        assert_eq!(popped, (0..4).map(frame).collect::<Vec<_>>());
        assert_eq!((outbox.bytes(), outbox.is_empty()), (0, true));
    }

    #[test]
    fn takes_all_at_once_and_holds_nothing_afterwards() {
        let mut outbox = Outbox::default();
        (0..40).for_each(|n| outbox.push(frame(n)));
        let taken = outbox.take_all(1);
        assert_eq!(taken, (0..40).map(frame).collect::<Vec<_>>());
        assert_eq!((outbox.bytes(), outbox.rest.capacity()), (0, 0));
    }

    #[test]
    fn counts_what_was_taken_whatever_was_pushed_to_the_front_or_dropped() {
        let mut outbox = Outbox::default();
        (0..3).for_each(|n| outbox.push(frame(n)));
        outbox.pop();
        assert_eq!((outbox.pushed(), outbox.taken()), (3, 1));
        outbox.push_front(frame(9));
        assert_eq!((outbox.pushed(), outbox.taken()), (3, 0));
        outbox.pop();
        assert_eq!((outbox.pushed(), outbox.taken()), (3, 1));
        outbox.push(frame(3));
        outbox.take_all(0);
        assert_eq!((outbox.pushed(), outbox.taken()), (4, 4));
        (0..2).for_each(|n| outbox.push(frame(n)));
        outbox.clear();
        assert_eq!(outbox.taken(), 4);
    }

    #[test]
    fn a_single_frame_never_needs_a_buffer() {
        let mut outbox = Outbox::default();
        for n in 0..100 {
            outbox.push(frame(n));
            assert_eq!(outbox.pop(), Some(frame(n)));
        }
        assert_eq!(outbox.rest.capacity(), 0);
    }

    #[test]
    fn a_drained_burst_keeps_little_and_release_gives_all_back() {
        let mut outbox = Outbox::default();
        for burst in [8, 1000] {
            (0..burst).for_each(|n| outbox.push(frame(n)));
            while outbox.pop().is_some() {}
            assert!(outbox.rest.capacity() <= KEPT_CAPACITY);
        }
        (0..8).for_each(|n| outbox.push(frame(n)));
        while outbox.pop().is_some() {}
        outbox.release();
        assert_eq!(outbox.rest.capacity(), 0);
    }
}
