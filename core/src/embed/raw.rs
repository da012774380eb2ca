//! Engine.IO messages that mean nothing to the engine: an application's own protocol.

/// A message as its sender wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raw<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

impl Raw<'_> {
    /// The message's bytes, of text its UTF-8.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Raw::Text(text) => text.as_bytes(),
            Raw::Binary(bytes) => bytes,
        }
    }
}
