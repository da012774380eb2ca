//! A MessagePack value as JSON text with placeholders for what is binary.

use super::DecodeError;
use super::date;
use super::reader::{Reader, Token};

/// Containers in containers.
const MAX_DEPTH: usize = 512;
/// JavaScript's integers are exact below this.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Reads one value as JSON text; `None` when it is `undefined`.
///
/// # Errors
/// Not MessagePack, nested too deeply, a key that is neither text nor an integer, or more binary
/// values than `max_attachments`.
pub(super) fn value<'a>(
    reader: &mut Reader<'a>,
    attachments: &mut Vec<&'a [u8]>,
    max_attachments: u32,
) -> Result<Option<String>, DecodeError> {
    let mut writer = Writer {
        json: Vec::new(),
        levels: Vec::new(),
        attachments,
        max_attachments,
    };
    let mut token = reader.next()?;
    if token == Token::Undefined {
        return Ok(None);
    }
    loop {
        writer.begin(token)?;
        match writer.next_value(reader)? {
            Some(next) => token = next,
            None => break,
        }
    }
    // Made of JSON's own characters and of text that was checked.
    let json = String::from_utf8(writer.json).map_err(|_| DecodeError::InvalidMsgpack)?;
    Ok(Some(json))
}

struct Writer<'a, 'o> {
    json: Vec<u8>,
    levels: Vec<Level>,
    attachments: &'o mut Vec<&'a [u8]>,
    max_attachments: u32,
}

/// An open container.
struct Level {
    is_map: bool,
    /// Values still to come.
    left: u32,
    is_first: bool,
}

impl<'a> Writer<'a, '_> {
    /// Writes a value, or the opening bracket of one.
    fn begin(&mut self, token: Token<'a>) -> Result<(), DecodeError> {
        match token {
            Token::Undefined | Token::Nil => self.json.extend_from_slice(b"null"),
            Token::Bool(true) => self.json.extend_from_slice(b"true"),
            Token::Bool(false) => self.json.extend_from_slice(b"false"),
            Token::Unsigned(number) => self.push(&number),
            Token::Negative(number) => self.push(&number),
            // As JavaScript: what has no fraction is written without one.
            Token::Float(number) if number.fract() == 0.0 && number.abs() < EXACT => {
                self.push(&(number as i64));
            }
            // What is not finite is written as `null`.
            Token::Float(number) => self.push(&number),
            Token::Str(text) => self.push(&*String::from_utf8_lossy(text)),
            Token::Date(milliseconds) => date::push(milliseconds, &mut self.json),
            Token::Bin(bytes) => self.attach(bytes)?,
            // As notepack: a pair of the type and the bytes.
            Token::Ext(kind, bytes) => {
                self.json.push(b'[');
                self.push(&kind);
                self.json.push(b',');
                self.attach(bytes)?;
                self.json.push(b']');
            }
            Token::Array(len) => self.open(false, len)?,
            Token::Map(len) => self.open(true, len)?,
        }
        Ok(())
    }

    fn open(&mut self, is_map: bool, len: u32) -> Result<(), DecodeError> {
        if self.levels.len() == MAX_DEPTH {
            return Err(DecodeError::InvalidMsgpack);
        }
        self.json.push(if is_map { b'{' } else { b'[' });
        self.levels.push(Level {
            is_map,
            left: len,
            is_first: true,
        });
        Ok(())
    }

    /// Goes on to where the next value begins, past closing brackets, a comma and a key; `None` when
    /// all is closed.
    fn next_value(&mut self, reader: &mut Reader<'a>) -> Result<Option<Token<'a>>, DecodeError> {
        while let Some(level) = self.levels.last_mut() {
            if level.left == 0 {
                self.json.push(if level.is_map { b'}' } else { b']' });
                self.levels.pop();
                continue;
            }
            level.left -= 1;
            let is_map = level.is_map;
            let key = if is_map { Some(reader.next()?) } else { None };
            let token = reader.next()?;
            if is_map && token == Token::Undefined {
                // An object does without it.
                continue;
            }
            if !std::mem::take(&mut level.is_first) {
                self.json.push(b',');
            }
            if let Some(key) = key {
                self.push_key(key)?;
            }
            return Ok(Some(token));
        }
        Ok(None)
    }

    fn push_key(&mut self, key: Token<'_>) -> Result<(), DecodeError> {
        match key {
            Token::Str(text) => self.push(&*String::from_utf8_lossy(text)),
            Token::Unsigned(number) => self.push(&number.to_string()),
            Token::Negative(number) => self.push(&number.to_string()),
            _ => return Err(DecodeError::InvalidMsgpack),
        }
        self.json.push(b':');
        Ok(())
    }

    fn attach(&mut self, bytes: &'a [u8]) -> Result<(), DecodeError> {
        if self.attachments.len() >= self.max_attachments as usize {
            return Err(DecodeError::TooManyAttachments);
        }
        self.json
            .extend_from_slice(b"{\"_placeholder\":true,\"num\":");
        self.push(&self.attachments.len());
        self.json.push(b'}');
        self.attachments.push(bytes);
        Ok(())
    }

    /// Writes what serde_json writes without fail: text and numbers.
    fn push(&mut self, value: &(impl serde::Serialize + ?Sized)) {
        let written = serde_json::to_writer(&mut self.json, value);
        debug_assert!(written.is_ok(), "text and numbers go into a Vec");
    }
}
