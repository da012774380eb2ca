//! Records: what the engine's threads write for JavaScript. Three words each, and a payload that
//! lies behind all records of a page. `RECORD` in `lib/ws/engine.js` lists them for its side.

/// First word of a record, its lowest byte.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// A binary message.
    Binary = 0,
    /// A text message.
    Text = 1,
    Ping = 2,
    Pong = 3,
    /// The peer's close frame; its code, or 1005, is in the upper half of the first word.
    CloseFrame = 4,
    /// Code of the error, a line feed, its message; in the upper half of the first word the close code
    /// that tells the peer, 0 if it has been told, 1 if its stream is gone.
    Failed = 5,
    /// A send's token instead of a length; 1 in the upper half of the first word if it succeeded.
    Sent = 6,
    Drain = 7,
    Ended = 8,
    Closed = 9,
    /// Bytes for the socket of a byte feed.
    Feed = 10,
    /// The socket of a byte feed is to be ended: destroyed if the upper half of the first word is 1.
    FeedEnd = 11,
}

/// Set in the first word of a record whose payload is not in the page but a buffer of its own.
const IS_BIG: u32 = 0x100;

/// A longer payload gets a buffer of its own: who keeps it then keeps nothing else with it. Half of
/// what Node takes from its pool.
const MOST_IN_PAGE: usize = 4 * 1024;

/// Bytes of a record without its payload.
pub(super) const RECORD_SIZE: usize = 12;

/// Records and their payloads, in the order in which things happened.
#[derive(Debug, Default)]
pub(super) struct Records {
    heads: Vec<[u32; 3]>,
    payloads: Vec<u8>,
    bigs: Vec<Vec<u8>>,
    big_bytes: usize,
    /// How far pages have been filled with them.
    next_head: usize,
    next_payload: usize,
    next_big: usize,
}

impl Records {
    /// `upper` goes into the upper half of the first word.
    pub(super) fn push(&mut self, kind: Kind, id: u32, upper: u16, payload: &[u8]) {
        let mut first = kind as u32 | u32::from(upper) << 16;
        if payload.len() > MOST_IN_PAGE {
            first |= IS_BIG;
            self.big_bytes += payload.len();
            self.bigs.push(payload.to_vec());
        } else {
            self.payloads.extend_from_slice(payload);
        }
        self.heads.push([first, id, payload.len() as u32]);
    }

    /// A record whose third word is a number of its own.
    pub(super) fn push_number(&mut self, kind: Kind, id: u32, upper: u16, number: u32) {
        self.heads
            .push([kind as u32 | u32::from(upper) << 16, id, number]);
    }

    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.heads.len()
    }

    /// Bytes of all payloads.
    pub(super) fn payload_bytes(&self) -> usize {
        self.payloads.len() + self.big_bytes
    }

    /// Whether every record has been in a page.
    pub(super) fn is_done(&self) -> bool {
        self.next_head == self.heads.len()
    }

    /// Copies as many records as fit to the beginning of `page`, then their payloads. Gives the
    /// numbers of records and of bytes used.
    pub(super) fn fill(&mut self, page: &mut [u8]) -> (usize, usize) {
        let mut count = 0;
        let mut payload_bytes = 0;
        for head in &self.heads[self.next_head..] {
            let more = in_page(head);
            if (count + 1) * RECORD_SIZE + payload_bytes + more > page.len() {
                break;
            }
            count += 1;
            payload_bytes += more;
        }
        let heads = &self.heads[self.next_head..self.next_head + count];
        for (at, head) in heads.iter().enumerate() {
            for (word, value) in head.iter().enumerate() {
                let at = at * RECORD_SIZE + word * 4;
                page[at..at + 4].copy_from_slice(&value.to_ne_bytes());
            }
        }
        let payloads = &self.payloads[self.next_payload..self.next_payload + payload_bytes];
        let start = count * RECORD_SIZE;
        page[start..start + payload_bytes].copy_from_slice(payloads);
        self.next_head += count;
        self.next_payload += payload_bytes;
        (count, start + payload_bytes)
    }

    /// The payload of the next record that has one of its own.
    pub(super) fn next_big(&mut self) -> Vec<u8> {
        let big = self.bigs.get_mut(self.next_big);
        self.next_big += 1;
        big.map(std::mem::take).unwrap_or_default()
    }

    /// Forgets all, but keeps some of the memory.
    pub(super) fn clear(&mut self) {
        self.heads.clear();
        self.payloads.clear();
        self.bigs.clear();
        self.heads.shrink_to(KEPT_RECORDS);
        self.payloads.shrink_to(KEPT_BYTES);
        self.bigs.shrink_to(KEPT_BIGS);
        (self.next_head, self.next_payload, self.next_big) = (0, 0, 0);
        self.big_bytes = 0;
    }
}

/// Bytes of a record's payload that lie in its page.
fn in_page([first, _, length]: &[u32; 3]) -> usize {
    let has_number = first & 0xff == Kind::Sent as u32;
    if has_number || first & IS_BIG != 0 {
        0
    } else {
        *length as usize
    }
}

const KEPT_RECORDS: usize = 8 * 1024;
const KEPT_BYTES: usize = 256 * 1024;
const KEPT_BIGS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn words(page: &[u8], count: usize) -> Vec<u32> {
        let words = page[..count * RECORD_SIZE].chunks_exact(4);
        words
            .map(|word| u32::from_ne_bytes(word.try_into().unwrap()))
            .collect()
    }

    #[test]
    fn pages_hold_what_fits_and_the_rest_follows() {
        let mut records = Records::default();
        records.push(Kind::Text, 7, 0, b"hello");
        records.push_number(Kind::Sent, 7, 1, 99);
        records.push(Kind::Binary, 8, 0, b"world");
        let mut page = [0; 40];

        assert_eq!(records.fill(&mut page), (2, 29));
        assert_eq!(words(&page, 2), [1, 7, 5, 6 | 1 << 16, 7, 99]);
        assert_eq!(&page[24..29], b"hello");
        assert!(!records.is_done());

        assert_eq!(records.fill(&mut page), (1, 17));
        assert_eq!(words(&page, 1), [0, 8, 5]);
        assert_eq!(&page[12..17], b"world");
        assert!(records.is_done());
        assert_eq!(records.fill(&mut page), (0, 0));
    }

    #[test]
    fn a_long_payload_is_a_buffer_of_its_own() {
        let mut records = Records::default();
        let long = vec![9; MOST_IN_PAGE + 1];
        records.push(Kind::Binary, 1, 0, &long);
        let mut page = [0; 16];
        assert_eq!(records.fill(&mut page), (1, 12));
        assert_eq!(words(&page, 1), [IS_BIG, 1, long.len() as u32]);
        assert_eq!(records.next_big(), long);
        records.clear();
        assert!(records.is_done() && records.payload_bytes() == 0);
    }
}
