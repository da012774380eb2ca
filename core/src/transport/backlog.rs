//! What a peer has not yet taken: byte buffers in order, shared by reference where they are large and
//! joined where they are small, so that what is held is not much more than what is counted.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

/// Bytes waiting for a slow peer. Empty for nearly every connection nearly always, and then no
/// larger than a pointer.
#[derive(Debug, Default)]
pub(super) struct Backlog(Option<Box<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    /// Never empty.
    chunks: VecDeque<Bytes>,
    /// Small chunks behind the others, joined.
    tail: BytesMut,
    bytes: usize,
}

/// Chunks shorter than this are joined.
const JOINED_MAX: usize = 1024;

/// Joined chunks are no longer than this and one chunk more.
const TAIL_MAX: usize = 16 * 1024;

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
            queue.push(chunk);
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
            queue.close_tail();
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
            queue.tail = BytesMut::new();
            queue.bytes = queue.chunks.iter().map(Bytes::len).sum();
        }
    }
}

impl Queue {
    fn push(&mut self, chunk: Bytes) {
        self.bytes += chunk.len();
        // The first chunk may be the rest of one that was begun, and must not be dropped with others.
        if chunk.len() < JOINED_MAX && !self.chunks.is_empty() {
            self.tail.extend_from_slice(&chunk);
            if self.tail.len() >= TAIL_MAX {
                self.close_tail();
            }
        } else {
            self.close_tail();
            self.chunks.push_back(chunk);
        }
    }

    fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            let tail = std::mem::take(&mut self.tail);
            self.chunks.push_back(tail.freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_small_chunks_and_shares_large_ones() {
        let mut backlog = Backlog::default();
        let large = Bytes::from(vec![b'l'; JOINED_MAX]);
        let mut expected = Vec::new();
        for n in 0..10_000 {
            let chunk = match n % 5_000 {
                2_500 => large.clone(),
                _ => Bytes::from(format!("{n},")),
            };
            expected.extend_from_slice(&chunk);
            backlog.push(chunk);
        }
        assert_eq!(backlog.bytes(), expected.len());
        let (mut taken, mut chunks, mut shared) = (Vec::new(), 0, 0);
        while let Some(front) = backlog.front() {
            chunks += 1;
            shared += usize::from(front.as_ptr() == large.as_ptr());
            taken.extend_from_slice(front);
            let len = front.len();
            backlog.advance(len);
        }
        assert!(taken == expected);
        assert_eq!(shared, 2);
        assert!(chunks < 12, "{chunks}");
        assert!(backlog.is_empty());
    }

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
        backlog.push(Bytes::from_static(b"f"));
        backlog.advance(2);
        assert_eq!(backlog.front(), Some(&Bytes::from_static(b"f")));
        backlog.advance(1);
        assert!(backlog.is_empty());
    }
}
