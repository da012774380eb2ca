//! What is queued for one plain WebSocket, and what of it has left.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::embed::websocket::Gauge;
use crate::proto::websocket::Frame;
use crate::session::Outbox as FrameQueue;

/// Frames in order, ready for the wire. Everything is counted by its place in the stream: a frame has
/// left once the system has taken as many bytes as lie before its end.
#[derive(Debug)]
pub(super) struct Outbox {
    frames: FrameQueue,
    /// Bytes queued since the beginning: the place of the next frame.
    queued: u64,
    /// Bytes known to have left.
    taken: u64,
    /// Who wants to hear that a frame has left, with the place where it ends.
    #[expect(
        clippy::box_collection,
        reason = "most have none, and a pointer is less than a list"
    )]
    receipts: Option<Box<VecDeque<(u64, u64)>>>,
    gauge: Arc<Gauge>,
    /// More than the high-water mark has waited since the queue was empty.
    is_swollen: bool,
}

/// A token, and whether what was sent with it has left.
pub(super) type Receipt = (u64, bool);

impl Outbox {
    pub(super) fn new(gauge: Arc<Gauge>) -> Outbox {
        Outbox {
            frames: FrameQueue::default(),
            queued: 0,
            taken: 0,
            receipts: None,
            gauge,
            is_swollen: false,
        }
    }

    /// Adds a frame, or nothing but the wish to hear when all before has left, of which the gauge shows `counted` bytes already.
    pub(super) fn push(&mut self, frame: Frame, token: Option<u64>, counted: usize) {
        self.pass(frame.len(), counted);
        if let Some(token) = token {
            let receipts = self.receipts.get_or_insert_default();
            receipts.push_back((self.queued, token));
        }
        if frame.len() > 0 {
            self.frames.push(frame);
        }
    }

    /// Counts bytes that go to the stream by another way, behind all that is queued.
    pub(super) fn pass(&mut self, bytes: usize, counted: usize) {
        self.queued += bytes as u64;
        self.gauge.raise(bytes);
        self.gauge.lower(counted);
    }

    /// The same, of bytes that the gauge shows already.
    pub(super) fn pass_counted(&mut self, bytes: usize) {
        self.queued += bytes as u64;
    }

    /// What was counted will not be sent.
    pub(super) fn uncount(&self, counted: usize) {
        self.gauge.lower(counted);
    }

    /// The frame to hand to the stream next.
    pub(super) fn pop(&mut self) -> Option<Frame> {
        self.frames.pop()
    }

    /// Bytes of frames that have not been handed to the stream.
    pub(super) fn unwritten_bytes(&self) -> usize {
        self.frames.bytes()
    }

    /// Bytes that have not left.
    pub(super) fn waiting_bytes(&self) -> usize {
        (self.queued - self.taken) as usize
    }

    /// So many bytes have left since the beginning.
    pub(super) fn set_taken(&mut self, taken: u64, high_water: usize) {
        // By the gauge, for who sees it over the mark waits for the end of it.
        self.is_swollen |= self.gauge.queued_bytes() > high_water;
        self.gauge.lower((taken - self.taken) as usize);
        self.taken = taken;
        self.frames.release();
    }

    /// The next of those who want to hear that their frame has left.
    pub(super) fn pop_receipt(&mut self) -> Option<Receipt> {
        let receipts = self.receipts.as_mut()?;
        let (place, token) = *receipts.front()?;
        if place > self.taken {
            return None;
        }
        receipts.pop_front();
        if receipts.is_empty() {
            self.receipts = None;
        }
        Some((token, true))
    }

    /// Whether a queue that was over the high-water mark is empty now. Says so once.
    pub(super) fn take_drained(&mut self) -> bool {
        self.gauge.queued_bytes() == 0 && std::mem::take(&mut self.is_swollen)
    }

    /// Drops what has not been handed to the stream, and gives those who will hear of nothing.
    pub(super) fn fail(&mut self) -> Vec<Receipt> {
        self.frames.clear();
        let receipts = self.receipts.take();
        let receipts = receipts.into_iter().flat_map(|receipts| *receipts);
        receipts.map(|(_, token)| (token, false)).collect()
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.gauge.lower(self.waiting_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIGH_WATER: usize = 10;

    fn frame(len: usize) -> Frame {
        Frame::binary(&[&vec![0; len - 2]])
    }

    #[test]
    fn tells_of_each_frame_when_its_last_byte_has_left() {
        let gauge = Arc::new(Gauge::default());
        let mut outbox = Outbox::new(Arc::clone(&gauge));
        outbox.pass(5, 0);
        outbox.push(frame(10), Some(7), 0);
        outbox.push(frame(4), None, 0);
        outbox.push(frame(6), Some(8), 0);
        while outbox.pop().is_some() {}
        assert_eq!(gauge.queued_bytes(), 25);

        outbox.set_taken(14, HIGH_WATER);
        assert_eq!((outbox.pop_receipt(), gauge.queued_bytes()), (None, 11));
        outbox.set_taken(15, HIGH_WATER);
        assert_eq!(outbox.pop_receipt(), Some((7, true)));
        assert_eq!(outbox.pop_receipt(), None);
        assert!(!outbox.take_drained());
        outbox.set_taken(25, HIGH_WATER);
        assert_eq!(outbox.pop_receipt(), Some((8, true)));
        assert!(outbox.take_drained());
        assert!(!outbox.take_drained());
        assert_eq!(gauge.queued_bytes(), 0);
    }

    #[test]
    fn who_saw_the_gauge_over_the_mark_hears_of_the_end_even_if_all_left_at_once() {
        let gauge = Arc::new(Gauge::default());
        let mut outbox = Outbox::new(Arc::clone(&gauge));
        gauge.raise(24);
        outbox.push(frame(12), None, 12);
        outbox.set_taken(12, HIGH_WATER);
        assert!(!outbox.take_drained(), "more is on its way");
        outbox.push(frame(12), None, 12);
        outbox.set_taken(24, HIGH_WATER);
        assert!(outbox.take_drained());
    }

    #[test]
    fn a_gauge_raised_ahead_is_corrected_and_ends_at_nothing() {
        let gauge = Arc::new(Gauge::default());
        let mut outbox = Outbox::new(Arc::clone(&gauge));
        gauge.raise(100);
        outbox.push(frame(20), Some(1), 100);
        assert_eq!(gauge.queued_bytes(), 20);
        gauge.raise(30);
        outbox.uncount(30);
        assert_eq!(outbox.fail(), [(1, false)]);
        drop(outbox);
        assert_eq!(gauge.queued_bytes(), 0);
    }
}
