//! A Socket.IO packet whose binary attachments are still coming, each as a message of its own.

use bytes::Bytes;

/// What announced the attachments, and those that have come.
#[derive(Debug)]
pub(crate) struct Incomplete<H> {
    header: H,
    expected: usize,
    attachments: Vec<Bytes>,
}

impl<H> Incomplete<H> {
    /// `expected` is not zero.
    pub(crate) fn new(header: H, expected: u32) -> Incomplete<H> {
        Incomplete {
            header,
            expected: expected as usize,
            attachments: Vec::new(),
        }
    }

    /// Takes the next attachment. True if it was the last.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> bool {
        self.attachments.push(Bytes::copy_from_slice(bytes));
        self.attachments.len() >= self.expected
    }

    /// What announced them, and the attachments in order.
    pub(crate) fn into_parts(self) -> (H, Vec<Bytes>) {
        (self.header, self.attachments)
    }
}
