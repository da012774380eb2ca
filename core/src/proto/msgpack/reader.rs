//! Reads MessagePack token by token: a container gives its length, its values follow.

use super::DecodeError;

/// One value, or the head of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// notepack's own: extension type 0 of one byte.
    Undefined,
    Nil,
    Bool(bool),
    Unsigned(u64),
    /// Below zero.
    Negative(i64),
    Float(f64),
    /// UTF-8 from a peer that keeps the rules.
    Str(&'a [u8]),
    /// Bytes, and notepack's `ArrayBuffer`: extension type 0 of any length.
    Bin(&'a [u8]),
    /// Milliseconds since 1970: notepack's own, extension type 0 of eight bytes, or the timestamp of
    /// the MessagePack specification, extension type -1.
    Date(i64),
    Ext(i8, &'a [u8]),
    /// So many values follow.
    Array(u32),
    /// So many keys follow, each with its value.
    Map(u32),
}

impl Token<'_> {
    pub(super) fn as_unsigned(self) -> Option<u64> {
        match self {
            Self::Unsigned(number) => Some(number),
            _ => None,
        }
    }
}

pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Reader { rest: message }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next token.
    ///
    /// # Errors
    /// The message ends within it, it is none, or it is a container of more values than bytes are
    /// left.
    pub(super) fn next(&mut self) -> Result<Token<'a>, DecodeError> {
        let token = self.read().ok_or(DecodeError::InvalidMsgpack)?;
        let least = match token {
            Token::Array(len) => u64::from(len),
            Token::Map(len) => 2 * u64::from(len),
            _ => 0,
        };
        match least <= self.rest.len() as u64 {
            true => Ok(token),
            false => Err(DecodeError::InvalidMsgpack),
        }
    }

    /// Passes one value with all that is in it.
    pub(super) fn skip(&mut self) -> Result<(), DecodeError> {
        let mut values = 1_u64;
        while values > 0 {
            values -= 1;
            // Each is at most the bytes left, so the sum stays far from overflow.
            values += match self.next()? {
                Token::Array(len) => u64::from(len),
                Token::Map(len) => 2 * u64::from(len),
                _ => 0,
            };
        }
        Ok(())
    }

    fn read(&mut self) -> Option<Token<'a>> {
        let [marker] = self.take()?;
        Some(match marker {
            0x00..=0x7f => Token::Unsigned(u64::from(marker)),
            0x80..=0x8f => Token::Map(u32::from(marker & 0xf)),
            0x90..=0x9f => Token::Array(u32::from(marker & 0xf)),
            0xa0..=0xbf => Token::Str(self.bytes(usize::from(marker & 0x1f))?),
            0xc0 => Token::Nil,
            0xc1 => return None,
            0xc2 => Token::Bool(false),
            0xc3 => Token::Bool(true),
            0xc4..=0xc6 => {
                let len = self.len(marker - 0xc4)?;
                Token::Bin(self.bytes(len)?)
            }
            0xc7..=0xc9 => {
                let len = self.len(marker - 0xc7)?;
                self.ext(len)?
            }
            0xca => Token::Float(f64::from(f32::from_be_bytes(self.take()?))),
            0xcb => Token::Float(f64::from_be_bytes(self.take()?)),
            0xcc => Token::Unsigned(u64::from(u8::from_be_bytes(self.take()?))),
            0xcd => Token::Unsigned(u64::from(u16::from_be_bytes(self.take()?))),
            0xce => Token::Unsigned(u64::from(u32::from_be_bytes(self.take()?))),
            0xcf => Token::Unsigned(u64::from_be_bytes(self.take()?)),
            0xd0 => signed(i64::from(i8::from_be_bytes(self.take()?))),
            0xd1 => signed(i64::from(i16::from_be_bytes(self.take()?))),
            0xd2 => signed(i64::from(i32::from_be_bytes(self.take()?))),
            0xd3 => signed(i64::from_be_bytes(self.take()?)),
            0xd4..=0xd8 => self.fixed_ext(1 << (marker - 0xd4))?,
            0xd9..=0xdb => {
                let len = self.len(marker - 0xd9)?;
                Token::Str(self.bytes(len)?)
            }
            0xdc => Token::Array(u32::from(u16::from_be_bytes(self.take()?))),
            0xdd => Token::Array(u32::from_be_bytes(self.take()?)),
            0xde => Token::Map(u32::from(u16::from_be_bytes(self.take()?))),
            0xdf => Token::Map(u32::from_be_bytes(self.take()?)),
            0xe0..=0xff => Token::Negative(i64::from(marker as i8)),
        })
    }

    /// An extension of one of the five fixed lengths, of which some mean more to notepack.
    fn fixed_ext(&mut self, len: usize) -> Option<Token<'a>> {
        let kind = i8::from_be_bytes(self.take()?);
        let bytes = self.bytes(len)?;
        Some(match (kind, <[u8; 8]>::try_from(bytes)) {
            (0, _) if len == 1 => Token::Undefined,
            (0, Ok(milliseconds)) => Token::Date(i64::from_be_bytes(milliseconds)),
            _ => timestamp(kind, bytes).unwrap_or(Token::Ext(kind, bytes)),
        })
    }

    fn ext(&mut self, len: usize) -> Option<Token<'a>> {
        let kind = i8::from_be_bytes(self.take()?);
        let bytes = self.bytes(len)?;
        Some(match kind {
            0 => Token::Bin(bytes),
            _ => timestamp(kind, bytes).unwrap_or(Token::Ext(kind, bytes)),
        })
    }

    /// A length of one, two or four bytes.
    fn len(&mut self, form: u8) -> Option<usize> {
        Some(match form {
            0 => usize::from(u8::from_be_bytes(self.take()?)),
            1 => usize::from(u16::from_be_bytes(self.take()?)),
            _ => usize::try_from(u32::from_be_bytes(self.take()?)).ok()?,
        })
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (&bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(bytes)
    }

    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(bytes)
    }
}

fn signed<'a>(number: i64) -> Token<'a> {
    match u64::try_from(number) {
        Ok(number) => Token::Unsigned(number),
        Err(_) => Token::Negative(number),
    }
}

/// The timestamp of the MessagePack specification, in milliseconds; `None` when it is none.
fn timestamp<'a>(kind: i8, bytes: &[u8]) -> Option<Token<'a>> {
    if kind != -1 {
        return None;
    }
    let (seconds, nanoseconds) = if let Ok(seconds) = <[u8; 4]>::try_from(bytes) {
        (i64::from(u32::from_be_bytes(seconds)), 0)
    } else if let Ok(both) = <[u8; 8]>::try_from(bytes) {
        let both = u64::from_be_bytes(both);
        ((both & ((1 << 34) - 1)) as i64, (both >> 34) as u32)
    } else {
        let (nanoseconds, seconds) = bytes.split_first_chunk()?;
        let seconds = <[u8; 8]>::try_from(seconds).ok()?;
        (
            i64::from_be_bytes(seconds),
            u32::from_be_bytes(*nanoseconds),
        )
    };
    let milliseconds = i64::from(nanoseconds / 1_000_000);
    // Past the range of any date, where the result is none either.
    Some(Token::Date(
        seconds.saturating_mul(1000).saturating_add(milliseconds),
    ))
}
