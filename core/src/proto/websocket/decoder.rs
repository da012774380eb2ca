//! Turns the bytes that a peer sends into messages, unmasked and parsed where they lie.
//!
//! ```text
//!            chunk holds the whole frame                     FIN
//! [ header ] ---------------------------> slice of the chunk ----> Message
//!     |                                          |
//!     | payload goes on in the next chunk        | no FIN
//!     v                                          v
//! [ Assembly: unfinished frame ] ------> [ Assembly: unfinished message ] --FIN--> Message
//! ```

use std::ops::Range;

use super::deflate::{DeflateClass, InflatePool, Window};
use super::header::{Expected, FIN, Header, MASK};
use super::payload::to_message;
use super::{Error, Opcode, mask};

/// Which side of the connection we are, and so whether the peer must mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The peer is a client: its frames must be masked.
    Server,
    /// The peer is a server: its frames must not be masked.
    Client,
}

/// How much of one message is taken in before the peer is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a whole message, all fragments together; 0 for no limit.
    pub max_message: usize,
    /// Frames of a whole message, empty ones too; 0 for no limit.
    pub max_fragments: u32,
}

impl Limits {
    /// Refuses a data frame by its header alone, before its payload is taken in.
    #[inline]
    fn check(self, len: u64, buffered: usize, fragments: u32) -> Result<(), Error> {
        if len + buffered as u64 > self.message_bytes() as u64 {
            return Err(Error::MessageTooBig);
        }
        if self.max_fragments != 0 && fragments >= self.max_fragments {
            return Err(Error::TooManyFragments);
        }
        Ok(())
    }

    /// "No limit" still ends where a `Vec` does.
    fn message_bytes(self) -> usize {
        if self.max_message == 0 {
            isize::MAX as usize
        } else {
            self.max_message
        }
    }
}

/// What a peer sent; borrows the chunk, or the buffer in which its pieces were put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A whole text message.
    Text(&'a str),
    /// A whole text message from a decoder that does not check text.
    UncheckedText(&'a [u8]),
    /// A whole binary message.
    Binary(&'a [u8]),
    /// To be answered by a pong with the same bytes, at most 125.
    Ping(&'a [u8]),
    /// At most 125 bytes.
    Pong(&'a [u8]),
    /// The peer's last frame; `None` when it gave no code, which counts as 1005.
    Close(Option<CloseFrame<'a>>),
}

/// Why the peer closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseFrame<'a> {
    /// A status for which [`is_valid_close_code`](super::is_valid_close_code) holds.
    pub code: u16,
    /// At most 123 bytes, often empty; UTF-8 unless the decoder does not check text.
    pub reason: &'a [u8],
}

/// The receiving half of one connection.
///
/// Small while nothing is unfinished: it then owns no buffer.
///
/// # Examples
/// ```
/// use sori::proto::websocket::{Decoder, Limits, Message, Role};
///
/// let mut decoder = Decoder::new(Role::Client);
/// let limits = Limits { max_message: 1_000_000, max_fragments: 16_384 };
/// let mut chunk = *b"\x81\x02hi";
/// let mut feed = decoder.feed(&mut chunk, &limits);
/// assert_eq!(feed.next(), Ok(Some(Message::Text("hi"))));
/// assert_eq!(feed.next(), Ok(None));
/// ```
#[derive(Debug)]
pub struct Decoder {
    role: Role,
    /// How much of `header` is filled: the start of a header that the last chunk cut.
    header_len: u8,
    header: [u8; Header::MAX_SIZE - 1],
    /// How the peer compresses, if that was agreed on.
    deflate: Option<DeflateClass>,
    is_text_checked: bool,
    assembly: Option<Box<Assembly>>,
    /// What the peer's next compressed message may refer to; none before its first.
    window: Option<Box<Window>>,
}

impl Decoder {
    /// A decoder before the first byte after the handshake.
    pub fn new(role: Role) -> Decoder {
        Decoder {
            role,
            header_len: 0,
            header: [0; Header::MAX_SIZE - 1],
            deflate: None,
            is_text_checked: true,
            assembly: None,
            window: None,
        }
    }

    /// A decoder of a connection that agreed on compression (RFC 7692); `class` is how the peer
    /// compresses, on a server
    /// [`client_class`](super::deflate::DeflateParams::client_class). Feed it with
    /// [`feed_with`](Self::feed_with).
    pub fn with_deflate(role: Role, class: DeflateClass) -> Decoder {
        Decoder {
            deflate: Some(class),
            ..Decoder::new(role)
        }
    }

    /// The same, but text and close reasons are not checked to be UTF-8: text comes as
    /// [`Message::UncheckedText`].
    pub fn without_text_check(self) -> Decoder {
        Decoder {
            is_text_checked: false,
            ..self
        }
    }

    /// Starts on a chunk of bytes just read; its content is unspecified afterwards.
    ///
    /// Call [`Feed::next`] until it gives `None` or an error. A feed may be dropped before that
    /// only if the decoder is not used again.
    #[inline]
    pub fn feed<'d, 'c>(&'d mut self, chunk: &'c mut [u8], limits: &Limits) -> Feed<'d, 'c> {
        Feed {
            decoder: self,
            chunk,
            at: 0,
            limits: *limits,
            assembled: Vec::new(),
            compressed: false,
            pool: None,
        }
    }

    /// As [`feed`](Self::feed), and inflates in what the connections of a thread share. Without it
    /// each feed that meets a compressed message makes its own.
    #[inline]
    pub fn feed_with<'d, 'c>(
        &'d mut self,
        chunk: &'c mut [u8],
        limits: &Limits,
        pool: &'d mut InflatePool,
    ) -> Feed<'d, 'c> {
        Feed {
            pool: Some(pool),
            ..self.feed(chunk, limits)
        }
    }

    #[inline]
    fn expected(&self) -> Expected {
        Expected {
            role: self.role,
            inside_message: self.is_inside_message(),
            deflate: self.deflate.is_some(),
        }
    }

    #[inline]
    fn is_inside_frame(&self) -> bool {
        self.assembly
            .as_ref()
            .is_some_and(|assembly| assembly.frame.is_some())
    }

    #[inline]
    fn is_inside_message(&self) -> bool {
        self.assembly
            .as_ref()
            .is_some_and(|assembly| assembly.message.is_some())
    }

    /// Drops the assembly once nothing is unfinished.
    fn settle(&mut self) {
        if !self.is_inside_frame() && !self.is_inside_message() {
            self.assembly = None;
        }
    }
}

/// What a connection holds only while a frame or a message is unfinished.
#[derive(Debug, Default)]
struct Assembly {
    /// The type of the data message under way.
    message: Option<Opcode>,
    /// Whether that message is compressed.
    compressed: bool,
    /// Its frames so far, the unfinished one included.
    fragments: u32,
    /// Its payload so far, unmasked, and compressed if the message is.
    data: Vec<u8>,
    /// The frame whose payload the last chunk cut.
    frame: Option<CutFrame>,
    /// The payload so far of that frame, if it is a control frame.
    control: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct CutFrame {
    opcode: Opcode,
    fin: bool,
    /// The masking key as the next byte meets it.
    key: [u8; 4],
    /// Payload bytes still to come.
    missing: u64,
}

impl Assembly {
    /// Counts in a data frame; the first one gives the message its type.
    fn begin_data(&mut self, header: &Header) {
        if self.message.is_none() {
            self.message = Some(header.opcode);
            self.compressed = header.is_compressed();
        }
        self.fragments += 1;
    }

    /// Takes the complete message out.
    fn take_message(&mut self) -> Option<(Opcode, Vec<u8>)> {
        self.fragments = 0;
        self.message
            .take()
            .map(|opcode| (opcode, std::mem::take(&mut self.data)))
    }
}

/// Appends `bytes`, growing in doubling steps but never past `ceiling`, so that no peer makes us
/// hold more than its limit and many small pieces still cost linear time.
fn append(buffer: &mut Vec<u8>, bytes: &[u8], ceiling: usize) {
    let needed = buffer.len() + bytes.len();
    if needed > buffer.capacity() {
        let target = buffer.capacity().saturating_mul(2).min(ceiling).max(needed);
        buffer.reserve_exact(target - buffer.len());
    }
    buffer.extend_from_slice(bytes);
}

/// The messages of one chunk; lends one at a time.
#[derive(Debug)]
pub struct Feed<'d, 'c> {
    decoder: &'d mut Decoder,
    chunk: &'c mut [u8],
    at: usize,
    limits: Limits,
    /// The payload of the message lent last, when it was put together from pieces.
    assembled: Vec<u8>,
    /// The message found last is compressed.
    compressed: bool,
    /// What the connections of the thread share, if it was given.
    pool: Option<&'d mut InflatePool>,
}

/// The first byte of a message in one frame.
const TEXT: u8 = FIN | Opcode::Text as u8;
const BINARY: u8 = FIN | Opcode::Binary as u8;

/// Where a complete message lies.
enum Found {
    InChunk(Opcode, Range<usize>),
    Assembled(Opcode),
}

impl Found {
    fn opcode(&self) -> Opcode {
        match *self {
            Self::InChunk(opcode, _) | Self::Assembled(opcode) => opcode,
        }
    }
}

impl Feed<'_, '_> {
    /// The next complete message, or `None` when the chunk is used up; the decoder has then kept
    /// what it needs of an incomplete tail.
    ///
    /// # Errors
    /// The first rule broken. The decoder must not be fed again.
    #[expect(
        clippy::should_implement_trait,
        reason = "a lending iterator cannot be an Iterator"
    )]
    pub fn next(&mut self) -> Result<Option<Message<'_>>, Error> {
        match self.find()? {
            None => Ok(None),
            Some(found) if self.compressed => self.inflate(found).map(Some),
            Some(Found::InChunk(opcode, range)) => {
                to_message(opcode, &self.chunk[range], self.decoder.is_text_checked).map(Some)
            }
            Some(Found::Assembled(opcode)) => {
                to_message(opcode, &self.assembled, self.decoder.is_text_checked).map(Some)
            }
        }
    }

    #[inline]
    fn find(&mut self) -> Result<Option<Found>, Error> {
        if self.at == self.chunk.len() {
            return Ok(None);
        }
        if let Some(found) = self.find_usual() {
            return Ok(Some(found));
        }
        self.find_any()
    }

    /// The next message if it is one short frame of a client, whole and uncompressed, and nothing is
    /// unfinished: of such a frame no rule can be broken but the limit.
    #[inline]
    fn find_usual(&mut self) -> Option<Found> {
        let Decoder {
            role: Role::Server,
            header_len: 0,
            assembly: None,
            ..
        } = self.decoder
        else {
            return None;
        };
        let chunk = self.chunk.get_mut(self.at..)?;
        let (&mut [first, second, a, b, c, d], rest) = chunk.split_first_chunk_mut()?;
        let opcode = match first {
            TEXT => Opcode::Text,
            BINARY => Opcode::Binary,
            _ => return None,
        };
        let len = usize::from(second ^ MASK);
        if len >= 126 || len > self.limits.message_bytes() {
            return None;
        }
        mask::apply(rest.get_mut(..len)?, [a, b, c, d]);
        let start = self.at + 6;
        self.at = start + len;
        self.compressed = false;
        Some(Found::InChunk(opcode, start..self.at))
    }

    fn find_any(&mut self) -> Result<Option<Found>, Error> {
        loop {
            if self.decoder.is_inside_frame() {
                match self.resume_frame() {
                    Some(found) => return Ok(Some(found)),
                    None if self.decoder.is_inside_frame() => return Ok(None),
                    None => {}
                }
            }
            let Some(header) = self.read_header()? else {
                return Ok(None);
            };
            if !header.opcode.is_control() {
                let (buffered, fragments) = match &self.decoder.assembly {
                    Some(assembly) => (assembly.data.len(), assembly.fragments),
                    None => (0, 0),
                };
                self.limits.check(header.len, buffered, fragments)?;
            }
            if header.len > (self.chunk.len() - self.at) as u64 {
                self.begin_cut_frame(&header);
                return Ok(None);
            }
            // Fits in `usize`: it is at most the rest of the chunk.
            let payload = self.at..self.at + header.len as usize;
            self.at = payload.end;
            mask::apply(&mut self.chunk[payload.clone()], header.key);
            if header.opcode.is_control()
                || (header.is_final() && header.opcode != Opcode::Continuation)
            {
                self.compressed = header.is_compressed();
                return Ok(Some(Found::InChunk(header.opcode, payload)));
            }
            if let Some(found) = self.add_fragment(&header, payload) {
                return Ok(Some(found));
            }
        }
    }

    /// Reads a header and moves past it; `None` when the chunk ends within it.
    #[inline]
    fn read_header(&mut self) -> Result<Option<Header>, Error> {
        if self.decoder.header_len != 0 {
            return self.read_cut_header();
        }
        let rest = &self.chunk[self.at..];
        if let Some(header) = Header::decode(rest, self.decoder.expected())? {
            self.at += header.size;
            return Ok(Some(header));
        }
        self.decoder.header[..rest.len()].copy_from_slice(rest);
        self.decoder.header_len = rest.len() as u8;
        self.at = self.chunk.len();
        Ok(None)
    }

    #[cold]
    fn read_cut_header(&mut self) -> Result<Option<Header>, Error> {
        let kept = usize::from(self.decoder.header_len);
        let rest = &self.chunk[self.at..];
        let mut bytes = [0; Header::MAX_SIZE];
        bytes[..kept].copy_from_slice(&self.decoder.header[..kept]);
        let filled = Header::MAX_SIZE.min(kept + rest.len());
        bytes[kept..filled].copy_from_slice(&rest[..filled - kept]);
        let header = Header::decode(&bytes[..filled], self.decoder.expected())?;
        match header {
            Some(header) => {
                self.decoder.header_len = 0;
                self.at += header.size - kept;
            }
            None => {
                // Incomplete, so shorter than the longest header: it fits.
                self.decoder.header[..filled].copy_from_slice(&bytes[..filled]);
                self.decoder.header_len = filled as u8;
                self.at = self.chunk.len();
            }
        }
        Ok(header)
    }

    #[cold]
    fn begin_cut_frame(&mut self, header: &Header) {
        let assembly = self.decoder.assembly.get_or_insert_default();
        if !header.opcode.is_control() {
            assembly.begin_data(header);
        }
        assembly.frame = Some(CutFrame {
            opcode: header.opcode,
            fin: header.is_final(),
            key: header.key,
            missing: header.len,
        });
        self.resume_frame();
    }

    /// Moves payload of the unfinished frame from the chunk into the assembly.
    #[cold]
    fn resume_frame(&mut self) -> Option<Found> {
        let assembly = self.decoder.assembly.as_mut()?;
        let frame = assembly.frame.as_mut()?;
        let rest = &self.chunk[self.at..];
        let taken = rest
            .len()
            .min(usize::try_from(frame.missing).unwrap_or(usize::MAX));
        let is_control = frame.opcode.is_control();
        let buffer = if is_control {
            &mut assembly.control
        } else {
            &mut assembly.data
        };
        let start = buffer.len();
        let ceiling = if frame.fin {
            start.saturating_add(usize::try_from(frame.missing).unwrap_or(usize::MAX))
        } else {
            self.limits.message_bytes()
        };
        append(buffer, &rest[..taken], ceiling);
        mask::apply(&mut buffer[start..], frame.key);
        frame.key = mask::advance(frame.key, taken);
        frame.missing -= taken as u64;
        self.at += taken;
        if frame.missing > 0 {
            return None;
        }
        let CutFrame { opcode, fin, .. } = *frame;
        assembly.frame = None;
        if is_control {
            self.assembled = std::mem::take(&mut assembly.control);
            self.compressed = false;
            self.decoder.settle();
            return Some(Found::Assembled(opcode));
        }
        if fin { self.finish_message() } else { None }
    }

    /// Adds a complete frame of a fragmented message.
    #[cold]
    fn add_fragment(&mut self, header: &Header, payload: Range<usize>) -> Option<Found> {
        let assembly = self.decoder.assembly.get_or_insert_default();
        assembly.begin_data(header);
        let ceiling = match header.is_final() {
            true => assembly.data.len() + payload.len(),
            false => self.limits.message_bytes(),
        };
        append(&mut assembly.data, &self.chunk[payload], ceiling);
        if header.is_final() {
            self.finish_message()
        } else {
            None
        }
    }

    fn finish_message(&mut self) -> Option<Found> {
        let assembly = self.decoder.assembly.as_mut()?;
        self.compressed = assembly.compressed;
        let (opcode, data) = assembly.take_message()?;
        self.assembled = data;
        self.decoder.settle();
        Some(Found::Assembled(opcode))
    }

    #[cold]
    fn inflate(&mut self, found: Found) -> Result<Message<'_>, Error> {
        let opcode = found.opcode();
        let is_checked = self.decoder.is_text_checked;
        // Only then is a compressed frame let through.
        let class = self.decoder.deflate.ok_or(Error::UnexpectedRsv1)?;
        let window = &mut self.decoder.window;
        let compressed = match found {
            Found::InChunk(_, range) => &self.chunk[range],
            Found::Assembled(_) => &self.assembled,
        };
        let mut forgotten = Window::new(0);
        let window = match class.no_context {
            true => &mut forgotten,
            false => window.get_or_insert_with(|| Box::new(Window::new(class.window_size()))),
        };
        let mut own = InflatePool::new();
        let pool = self.pool.as_deref_mut().unwrap_or(&mut own);
        pool.inflate(compressed, window, self.limits.message_bytes())?;
        match &self.pool {
            Some(pool) => to_message(opcode, pool.output(), is_checked),
            None => {
                self.assembled = own.into_output();
                to_message(opcode, &self.assembled, is_checked)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_grows_in_few_steps_and_never_past_its_ceiling() {
        const CEILING: usize = 1_000_003;
        let mut buffer = Vec::new();
        let mut capacities = Vec::new();
        while buffer.len() < CEILING {
            let piece = [7; 10];
            let len = piece.len().min(CEILING - buffer.len());
            append(&mut buffer, &piece[..len], CEILING);
            if capacities.last() != Some(&buffer.capacity()) {
                capacities.push(buffer.capacity());
            }
        }
        assert!(capacities.len() < 30, "{capacities:?}");
        assert_eq!(capacities.last(), Some(&CEILING));
        assert_eq!(buffer, vec![7; CEILING]);
    }
}
