//! Inflates messages, never past their limit, in memory that all connections of a thread share.

use flate2::{Decompress, FlushDecompress, Status};

use super::super::Error;
use super::window::Window;

/// What a sender takes off the end of each message (RFC 7692 §7.2.1).
pub(super) const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// Bytes of output that are kept for the next message.
const KEPT_OUTPUT: usize = 256 << 10;
/// The first output buffer, where the limit is not lower.
const FIRST_OUTPUT: usize = 4 << 10;

/// What the connections of one thread share to receive compressed messages: an inflater and its
/// output. It takes 47 KB and room for the longest message of late, from the first message on.
///
/// A connection that keeps its context has its own last bytes, which are given to the inflater as
/// a dictionary before each message: so it costs what it received, not what zlib takes.
#[derive(Debug, Default)]
pub struct InflatePool {
    inflater: Option<Decompress>,
    output: Vec<u8>,
}

impl InflatePool {
    /// A pool that owns nothing yet.
    pub const fn new() -> Self {
        InflatePool {
            inflater: None,
            output: Vec::new(),
        }
    }

    /// Inflates a whole message of at most `limit` bytes into [`output`](Self::output).
    pub(in super::super) fn inflate(
        &mut self,
        message: &[u8],
        window: &mut Window,
        limit: usize,
    ) -> Result<(), Error> {
        self.output.clear();
        self.output.shrink_to(KEPT_OUTPUT);
        // The largest window reads what any smaller one wrote.
        let inflater = self.inflater.get_or_insert_with(|| Decompress::new(false));
        inflater.reset(false);
        if !window.bytes().is_empty() {
            let set = inflater.set_dictionary(window.bytes());
            set.map_err(|_| Error::InvalidDeflate)?;
        }
        let is_ended = run(inflater, message, limit, &mut self.output)?
            || run(inflater, &TAIL, limit, &mut self.output)?;
        if is_ended {
            // A final block ends the sender's stream, and its context with it, as it does in `ws`.
            window.clear();
        } else {
            window.slide(&self.output);
        }
        Ok(())
    }

    /// Gives the message inflated last away.
    pub(in super::super) fn into_output(self) -> Vec<u8> {
        self.output
    }

    /// The message inflated last.
    pub(in super::super) fn output(&self) -> &[u8] {
        &self.output
    }
}

/// Inflates as much of `input` as there is; `true` once a block said that it is the last. What comes
/// behind such a block is passed over.
fn run(
    inflater: &mut Decompress,
    mut input: &[u8],
    limit: usize,
    output: &mut Vec<u8>,
) -> Result<bool, Error> {
    loop {
        if output.len() == output.capacity() {
            grow(output, limit);
        }
        let consumed_before = inflater.total_in();
        let status = inflater
            .decompress_vec(input, output, FlushDecompress::Sync)
            .map_err(|_| Error::InvalidDeflate)?;
        if output.len() > limit {
            return Err(Error::MessageTooBig);
        }
        // At most `input.len()`.
        input = &input[(inflater.total_in() - consumed_before) as usize..];
        if status == Status::StreamEnd {
            return Ok(true);
        }
        if output.len() < output.capacity() {
            // There was room left, so all of the input is used.
            return Ok(false);
        }
    }
}

/// Makes room, doubling, for at most one byte past the limit: the byte that breaks it.
fn grow(output: &mut Vec<u8>, limit: usize) {
    let doubled = output.capacity().saturating_mul(2).max(FIRST_OUTPUT);
    let target = if doubled < limit {
        doubled
    } else {
        limit.saturating_add(1)
    };
    // A buffer kept from a message with a higher limit may be past this one already.
    output.reserve_exact(target.saturating_sub(output.len()).max(1));
}
