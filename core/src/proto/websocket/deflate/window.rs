//! The last bytes of one direction of a connection, to which its next message may refer.

/// At most `size` bytes; owns no more than has gone by, and nothing at first.
#[derive(Debug)]
pub(in super::super) struct Window {
    bytes: Vec<u8>,
    size: usize,
}

impl Window {
    pub(in super::super) const fn new(size: usize) -> Self {
        Window {
            bytes: Vec::new(),
            size,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Moves past a message.
    pub(super) fn slide(&mut self, message: &[u8]) {
        let kept = &message[message.len().saturating_sub(self.size)..];
        let total = self.bytes.len() + kept.len();
        self.bytes.drain(..total.saturating_sub(self.size));
        if total > self.bytes.capacity() {
            // Doubling, but never past the window.
            let target = total.max(self.bytes.capacity() * 2).min(self.size);
            self.bytes
                .reserve_exact(target.saturating_sub(self.bytes.len()));
        }
        self.bytes.extend_from_slice(kept);
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.bytes = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_the_last_bytes_and_no_room_for_more() {
        for size in [0, 1, 7, 64] {
            let mut window = Window::new(size);
            let mut all = Vec::new();
            for len in [0, 3, 1, 0, 5, 90, 2, 64, 63, 7] {
                let message: Vec<u8> = (0..len).map(|i| all.len() as u8 ^ i).collect();
                all.extend_from_slice(&message);
                window.slide(&message);
                assert_eq!(window.bytes(), &all[all.len().saturating_sub(size)..]);
                assert!(
                    window.bytes.capacity() <= size,
                    "{}",
                    window.bytes.capacity()
                );
            }
        }
    }
}
