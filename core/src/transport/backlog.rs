//! What a peer has not yet taken: byte buffers in order, shared by reference where they are large.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

/// Bytes waiting for a slow peer. Empty for nearly every connection nearly always, and then no
/// larger than a pointer.
#[derive(Debug, Default)]
pub(super) struct Backlog(Option<Box<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    chunks: VecDeque<Bytes>,
    bytes: usize,
}

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| queue.bytes)
    }

    pub(super) fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            let queue = self.0.get_or_insert_default();
            queue.bytes += chunk.len();
            queue.chunks.push_back(chunk);
        }
    }

    /// The bytes to write next.
    pub(super) fn front(&self) -> Option<&Bytes> {
        self.0.as_ref()?.chunks.front()
    }

    /// `n` bytes of [`Backlog::front`] have been taken.
    pub(super) fn advance(&mut self, n: usize) {
        let Some(queue) = &mut self.0 else { return };
        queue.bytes -= n;
        if let Some(front) = queue.chunks.front_mut() {
            front.advance(n);
            if front.is_empty() {
                queue.chunks.pop_front();
            }
        }
        if queue.chunks.is_empty() {
            self.0 = None;
        }
    }

    pub(super) fn clear(&mut self) {
        self.0 = None;
    }

    /// Drops all but the chunk to write next, of which a part may be out already.
    pub(super) fn keep_front(&mut self) {
        if let Some(queue) = &mut self.0 {
            queue.chunks.truncate(1);
            queue.chunks.shrink_to_fit();
            queue.bytes = queue.chunks.iter().map(Bytes::len).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_bytes_back_in_order_however_they_are_taken() {
        let mut backlog = Backlog::default();
        backlog.push(Bytes::from_static(b"abc"));
        backlog.push(Bytes::new());
        backlog.push(Bytes::from_static(b"de"));
        let mut taken = Vec::new();
        while let Some(front) = backlog.front() {
            taken.push(front[0]);
            backlog.advance(1);
        }
        assert_eq!(taken, b"abcde");
        assert!(backlog.is_empty());
        assert_eq!(backlog.bytes(), 0);
    }

    #[test]
    fn keeps_the_chunk_that_was_begun() {
        let mut backlog = Backlog::default();
        backlog.push(Bytes::from_static(b"abc"));
        backlog.push(Bytes::from_static(b"de"));
        backlog.advance(1);
        backlog.keep_front();
        assert_eq!(backlog.front(), Some(&Bytes::from_static(b"bc")));
        assert_eq!(backlog.bytes(), 2);
        backlog.advance(2);
        assert!(backlog.is_empty());
    }
}
