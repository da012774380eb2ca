//! Compression on a shard (permessage-deflate): zlib's memory belongs to the thread, and a message
//! to many is compressed once.

use std::collections::HashMap;

use crate::proto::websocket::Frame;
use crate::proto::websocket::deflate::{DeflateOptions, DeflatePool, Deflater, InflatePool};

/// What the connections of a shard share to compress and to inflate.
#[derive(Debug, Default)]
pub(super) struct Compression {
    pub(super) inflate: InflatePool,
    /// One pool for each way to compress that the settings of this engine name: one or two.
    pools: Vec<(Tuning, DeflatePool)>,
    /// What messages to many came to in this turn.
    shared: HashMap<SharedKey, Shared>,
    shared_bytes: usize,
}

/// What of the options has a part in the bytes that come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Tuning {
    level: u8,
    threshold: usize,
    history: usize,
}

/// A frame by where it lies, which is its own as long as it is held; and how it is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct SharedKey {
    address: usize,
    window_bits: u8,
    tuning: Tuning,
}

#[derive(Debug)]
struct Shared {
    /// Held so that no other frame comes to lie where it does.
    _held: Frame,
    compressed: Frame,
}

/// Most bytes of messages to many that are kept until the end of a turn.
const MOST_SHARED_BYTES: usize = 8 << 20;

impl Compression {
    /// What is sent to one connection in place of `frame`, which others may hold too.
    ///
    /// A message to many goes compressed by itself, also to those who keep their context: compressed
    /// once for each window size instead of once for each receiver. (Under the threshold it goes as it
    /// is.) What later messages refer to is the same either way.
    pub(super) fn compress(
        &mut self,
        frame: &Frame,
        deflater: &mut Deflater,
        options: &DeflateOptions,
    ) -> Frame {
        let tuning = Tuning {
            level: options.level,
            threshold: options.threshold,
            history: options.history,
        };
        let at = self.pools.iter().position(|(known, _)| *known == tuning);
        let at = at.unwrap_or_else(|| {
            self.pools.push((tuning, DeflatePool::new(options)));
            self.pools.len() - 1
        });
        let pool = &mut self.pools[at].1;
        if !frame.is_shared() {
            return deflater.compress(frame, pool);
        }
        if frame.payload_ref().len() < options.threshold {
            return frame.clone();
        }
        let window_bits = deflater.class().window_bits;
        let key = SharedKey {
            address: frame.as_bytes().as_ptr() as usize,
            window_bits,
            tuning,
        };
        if let Some(known) = self.shared.get(&key) {
            return deflater.share(frame, &known.compressed, pool);
        }
        let compressed = pool.compress(window_bits, frame);
        let sent = deflater.share(frame, &compressed, pool);
        self.shared_bytes += frame.len() + compressed.len();
        if self.shared_bytes > MOST_SHARED_BYTES {
            self.shared.clear();
            self.shared_bytes = frame.len() + compressed.len();
        }
        let _held = frame.clone();
        self.shared.insert(key, Shared { _held, compressed });
        sent
    }

    /// Forgets the messages to many of this turn.
    pub(super) fn end_turn(&mut self) {
        if self.shared_bytes > 0 {
            self.shared = HashMap::new();
            self.shared_bytes = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::websocket::deflate::DeflateClass;

    const TAKEOVER: DeflateClass = DeflateClass {
        window_bits: 15,
        no_context: false,
    };
    const SMALL: DeflateClass = DeflateClass {
        window_bits: 10,
        no_context: true,
    };

    fn address(frame: &Frame) -> *const u8 {
        frame.as_bytes().as_ptr()
    }

    #[test]
    fn a_message_to_many_is_compressed_once_for_each_window_size() {
        let mut compression = Compression::default();
        let options = DeflateOptions::default();
        let frame = Frame::text(&[&[b'a'; 4000]]);
        let _other_holder = frame.clone();
        let mut send = |class| {
            let mut deflater = Deflater::new(class);
            compression.compress(&frame, &mut deflater, &options)
        };
        let [first, second, small, small_again] = [TAKEOVER, TAKEOVER, SMALL, SMALL].map(&mut send);
        assert!(first.is_compressed() && first.len() < 100);
        assert_eq!(address(&first), address(&second));
        assert_eq!(address(&small), address(&small_again));
        assert_ne!(address(&first), address(&small));
        compression.end_turn();
        assert!(compression.shared.is_empty());
    }

    #[test]
    fn a_message_to_one_refers_to_those_before_it() {
        let mut compression = Compression::default();
        let options = DeflateOptions::default();
        let mut deflater = Deflater::new(TAKEOVER);
        let text: String = (0..2000)
            .map(|n| char::from(b'!' + (n * n % 90) as u8))
            .collect();
        let mut send = || {
            let frame = Frame::text(&[text.as_bytes()]);
            compression.compress(&frame, &mut deflater, &options).len()
        };
        let (first, second) = (send(), send());
        assert!(second * 4 < first, "{first} bytes, then {second}");
    }

    #[test]
    fn a_short_message_to_many_goes_as_it_is() {
        let mut compression = Compression::default();
        let frame = Frame::text(&[&[b'a'; 1000]]);
        let _other_holder = frame.clone();
        let mut deflater = Deflater::new(TAKEOVER);
        let sent = compression.compress(&frame, &mut deflater, &DeflateOptions::default());
        assert_eq!(address(&sent), address(&frame));
    }
}
