//! The peer's side of permessage-deflate (RFC 7692), with zlib as it is and nothing of the engine's.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use super::wire::{TEXT, Wire};

/// RSV1: the message is compressed.
pub(crate) const COMPRESSED: u8 = 0x40;

/// One peer's zlib: both directions keep their context until they are told to forget it.
#[derive(Debug)]
pub(crate) struct Zlib {
    compress: Compress,
    decompress: Decompress,
}

impl Zlib {
    pub(crate) fn new() -> Zlib {
        Zlib::with_window(15)
    }

    /// With the window that the peer agreed to for what it sends.
    pub(crate) fn with_window(bits: u8) -> Zlib {
        Zlib {
            compress: Compress::new_with_window_bits(Compression::default(), false, bits),
            decompress: Decompress::new(false),
        }
    }

    pub(crate) fn forget_sent(&mut self) {
        self.compress.reset();
    }

    pub(crate) fn forget_received(&mut self) {
        self.decompress.reset(false);
    }

    pub(crate) fn deflate(&mut self, message: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(message.len() + 1024);
        let flushed = self
            .compress
            .compress_vec(message, &mut out, FlushCompress::Sync);
        flushed.expect("it compresses");
        assert!(out.len() < out.capacity(), "room for all of it");
        match out.strip_suffix(&[0, 0, 0xff, 0xff]) {
            Some(payload) => payload.to_vec(),
            // Nothing, flushed twice: RFC 7692 §7.2.3.6.
            None => vec![0],
        }
    }

    pub(crate) fn inflate(&mut self, payload: &[u8]) -> Vec<u8> {
        let input = [payload, &[0, 0, 0xff, 0xff]].concat();
        let mut out = Vec::with_capacity(1 << 20);
        let flushed = self
            .decompress
            .decompress_vec(&input, &mut out, FlushDecompress::Sync);
        flushed.expect("DEFLATE");
        out
    }

    /// The next message, and whether it came compressed.
    pub(crate) fn read_text(&mut self, wire: &mut Wire) -> (String, bool) {
        let (first, payload) = wire.read_frame();
        let (text, is_compressed) = match first {
            TEXT => (payload, false),
            compressed => {
                assert_eq!(compressed, TEXT | COMPRESSED);
                (self.inflate(&payload), true)
            }
        };
        (String::from_utf8(text).expect("UTF-8"), is_compressed)
    }

    pub(crate) fn send_text(&mut self, wire: &mut Wire, text: &str) {
        let payload = self.deflate(text.as_bytes());
        wire.send_frame(TEXT | COMPRESSED, &payload);
    }
}
