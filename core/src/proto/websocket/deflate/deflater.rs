//! Compresses frames: once for everybody, or for one connection after what it was sent before.

use flate2::{Compress, CompressError, Compression, FlushCompress};

use super::super::{Frame, Opcode};
use super::inflate::TAIL;
use super::window::Window;
use super::{DeflateClass, DeflateOptions, MAX_WINDOW_BITS};

/// zlib compresses in windows of 9 bits and more. Its matches of 9 bits reach back 250 bytes, which a
/// window of 8 bits holds, so 9 serves for both.
const MIN_WINDOW_BITS: u8 = 9;
const WINDOW_SIZES: usize = (MAX_WINDOW_BITS - MIN_WINDOW_BITS + 1) as usize;
/// Bytes of output that are kept for the next message.
const KEPT_OUTPUT: usize = 256 << 10;

/// What the connections of one thread share to send compressed messages: one compressor for each
/// window size in use, and a buffer.
#[derive(Debug)]
pub struct DeflatePool {
    level: Compression,
    threshold: usize,
    history: usize,
    compressors: [Option<Box<Compress>>; WINDOW_SIZES],
    output: Vec<u8>,
}

impl DeflatePool {
    /// A pool that compresses as these options say.
    pub fn new(options: &DeflateOptions) -> Self {
        DeflatePool {
            level: Compression::new(u32::from(options.level.min(9))),
            threshold: options.threshold,
            history: options.history,
            compressors: Default::default(),
            output: Vec::new(),
        }
    }

    /// Compresses a frame by itself, for every connection whose class has these window bits or more:
    /// what a broadcast sends.
    ///
    /// Gives the frame itself when it is under the threshold, does not get smaller, or must not be
    /// compressed: control frames, and what is compressed already.
    pub fn compress(&mut self, window_bits: u8, frame: &Frame) -> Frame {
        if frame.payload_ref().len() < self.threshold {
            return frame.clone();
        }
        match self.compress_after(&[], window_bits, frame) {
            Some(compressed) if compressed.len() < frame.len() => compressed,
            _ => frame.clone(),
        }
    }

    /// `None` for frames that must not be compressed.
    fn compress_after(&mut self, history: &[u8], window_bits: u8, frame: &Frame) -> Option<Frame> {
        if !is_plain_message(frame) {
            return None;
        }
        let bits = window_bits.clamp(MIN_WINDOW_BITS, MAX_WINDOW_BITS);
        let compressor = self.compressors[usize::from(bits - MIN_WINDOW_BITS)]
            .get_or_insert_with(|| new_compressor(self.level, bits));
        compressor.reset();
        if !history.is_empty() {
            compressor.set_dictionary(history).ok()?;
        }
        // zlib fails when it is called out of order, which is not done here.
        let payload = deflate(compressor, frame.payload_ref(), &mut self.output).ok()?;
        Some(Frame::compressed(frame.opcode(), payload))
    }
}

/// The compressing half of one connection. Without context takeover it is no more than its class.
#[derive(Debug)]
pub struct Deflater {
    class: DeflateClass,
    /// What was sent last; made for the first message, and only with context takeover.
    history: Option<Box<Window>>,
}

impl Deflater {
    /// A deflater that owns nothing yet; the class is what the two sides agreed on for ours, on a
    /// server [`server_class`](super::DeflateParams::server_class).
    pub const fn new(class: DeflateClass) -> Self {
        Deflater {
            class,
            history: None,
        }
    }

    /// How this connection compresses.
    pub const fn class(&self) -> DeflateClass {
        self.class
    }

    /// Compresses the next frame of this connection; frames must be sent in the order in which they
    /// were compressed.
    ///
    /// With context takeover every message is compressed, whatever its size, as in `ws`.
    pub fn compress(&mut self, frame: &Frame, pool: &mut DeflatePool) -> Frame {
        let bits = self.class.window_bits;
        if self.class.no_context {
            return pool.compress(bits, frame);
        }
        let history = self
            .history
            .as_ref()
            .map_or(&[][..], |window| window.bytes());
        match pool.compress_after(history, bits, frame) {
            Some(compressed) => {
                self.remember(frame, pool);
                compressed
            }
            None => frame.clone(),
        }
    }

    /// Sends in place of `frame` what [`DeflatePool::compress`] made of it for this class; what this
    /// connection is sent later may refer to it.
    pub fn share(&mut self, frame: &Frame, compressed: &Frame, pool: &DeflatePool) -> Frame {
        if compressed.is_compressed() && !self.class.no_context {
            self.remember(frame, pool);
        }
        compressed.clone()
    }

    /// Gives up the memory of this connection, say because it is idle. The next message then refers
    /// to none before it, which is always allowed.
    pub fn release(&mut self) {
        self.history = None;
    }

    /// Both sides have gone past this frame.
    fn remember(&mut self, frame: &Frame, pool: &DeflatePool) {
        let size = pool.history.min(self.class.window_size());
        self.history
            .get_or_insert_with(|| Box::new(Window::new(size)))
            .slide(frame.payload_ref());
    }
}

fn is_plain_message(frame: &Frame) -> bool {
    matches!(frame.opcode(), Opcode::Text | Opcode::Binary) && !frame.is_compressed()
}

fn new_compressor(level: Compression, window_bits: u8) -> Box<Compress> {
    Box::new(Compress::new_with_window_bits(level, false, window_bits))
}

/// Compresses a message up to a byte boundary and takes the tail off (RFC 7692 §7.2.1).
fn deflate<'o>(
    compressor: &mut Compress,
    mut message: &[u8],
    output: &'o mut Vec<u8>,
) -> Result<&'o [u8], CompressError> {
    output.clear();
    output.shrink_to(KEPT_OUTPUT);
    loop {
        // Room for all of an incompressible rest, and never so little that zlib flushes twice.
        output.reserve(message.len() + message.len() / 1024 + 64);
        let consumed_before = compressor.total_in();
        compressor.compress_vec(message, output, FlushCompress::Sync)?;
        // At most `message.len()`.
        message = &message[(compressor.total_in() - consumed_before) as usize..];
        if message.is_empty() && output.len() < output.capacity() {
            break;
        }
    }
    // Every flush ends with it; an empty message is `00` and the tail, as RFC 7692 §7.2.3.6 has it.
    Ok(output.strip_suffix(&TAIL).unwrap_or(&[0]))
}
