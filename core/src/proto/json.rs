//! JSON text, checked but not built (RFC 8259): what `JSON.parse` takes, this takes.
//!
//! One pass, no recursion: nesting is a stack of bits, one for each level.

use std::borrow::Cow;

/// Whether `text` is exactly one JSON value with whitespace around it.
pub(crate) fn is_valid(text: &str) -> bool {
    let bytes = text.as_bytes();
    let valid = match is_simple(bytes) {
        true => scan(bytes, quote_end),
        false => scan(bytes, string_end),
    };
    valid.is_some()
}

/// Whether there is no backslash and no control character, as in most text: of strings then only the
/// closing quote is to be found. Looks at all bytes at once, in a shape that the compiler turns into
/// vector instructions.
fn is_simple(bytes: &[u8]) -> bool {
    fn has_special(block: &[u8; 16]) -> bool {
        let is_special = |byte: u8| byte < 0x20 || byte == b'\\';
        block
            .iter()
            .fold(false, |any, &byte| any | is_special(byte))
    }
    // The last block overlaps the one before it. What is shorter than a block is not worth it.
    let Some(last) = bytes.last_chunk() else {
        return false;
    };
    let (blocks, _) = bytes.as_chunks();
    !has_special(last) && !blocks.iter().any(has_special)
}

/// The index after the closing quote of the string whose first character is at `at`, where nothing
/// is escaped.
#[inline]
fn quote_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    for _ in 0..4 {
        let Some(&group) = bytes.get(at..)?.first_chunk() else {
            break;
        };
        let quotes = below(u64::from_le_bytes(group) ^ (ONES * u64::from(b'"')), 1);
        if quotes != 0 {
            return Some(at + (quotes.trailing_zeros() / 8) as usize + 1);
        }
        at += 8;
    }
    Some(at + memchr::memchr(b'"', bytes.get(at..)?)? + 1)
}

/// Whether text can stand between quotes as it is.
#[cfg(any(feature = "client", feature = "server"))]
pub(crate) fn is_plain(text: &[u8]) -> bool {
    if let (Some(&first), Some(&last)) = (text.first_chunk(), text.last_chunk())
        && text.len() < 8
    {
        // The two halves overlap.
        let (first, last) = (u32::from_le_bytes(first), u32::from_le_bytes(last));
        return specials(u64::from(first) << 32 | u64::from(last)) == 0;
    }
    let Some(&last) = text.last_chunk() else {
        let is_special = |byte: u8| byte < 0x20 || matches!(byte, b'"' | b'\\');
        return !text.iter().any(|&byte| is_special(byte));
    };
    // The last group overlaps the one before it.
    let (groups, _) = text.as_chunks();
    let hits = groups
        .iter()
        .fold(0, |hits, &group| hits | specials(u64::from_le_bytes(group)));
    hits | specials(u64::from_le_bytes(last)) == 0
}

const ONES: u64 = u64::MAX / 255;

/// The lowest bit set lies in the first byte of `word` that is below `limit` (at most 0x80).
#[inline]
fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(limit)) & !word & (ONES << 7)
}

/// The lowest bit set lies in the first byte that is a quote, a backslash or a control character.
#[inline]
fn specials(word: u64) -> u64 {
    let quote = below(word ^ (ONES * u64::from(b'"')), 1);
    let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
    quote | backslash | below(word, 0x20)
}

/// Bytes of whitespace at the start of `bytes[at..]` passed over.
#[inline]
pub(crate) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(at) {
        at += 1;
    }
    at
}

/// The text behind the whitespace that it begins with.
#[cfg(any(feature = "client", feature = "server"))]
#[inline]
pub(crate) fn trim_start(text: &str) -> &str {
    text.get(skip_space(text.as_bytes(), 0)..).unwrap_or("")
}

/// `string_end` gives the index after the closing quote of a string whose content begins at an index.
#[inline]
fn scan(bytes: &[u8], string_end: impl Fn(&[u8], usize) -> Option<usize>) -> Option<()> {
    let mut nesting = Nesting::default();
    let mut at = skip_space(bytes, 0);
    loop {
        // A value begins here.
        let first = *bytes.get(at)?;
        at = match first {
            b'"' => string_end(bytes, at + 1)?,
            b'{' | b'[' => {
                let inner = skip_space(bytes, at + 1);
                // `{` and `[` are each two below their closing bracket.
                if *bytes.get(inner)? == first + 2 {
                    inner + 1
                } else {
                    nesting.push(first == b'{');
                    at = if first == b'{' {
                        key_end(bytes, inner, &string_end)?
                    } else {
                        inner
                    };
                    continue;
                }
            }
            b'-' | b'0'..=b'9' => number_end(bytes, at)?,
            b't' => literal_end(bytes, at, b"true")?,
            b'f' => literal_end(bytes, at, b"false")?,
            b'n' => literal_end(bytes, at, b"null")?,
            _ => return None,
        };
        // A value has ended here, and with it perhaps those around it.
        loop {
            at = skip_space(bytes, at);
            let Some(is_object) = nesting.top() else {
                return (at == bytes.len()).then_some(());
            };
            match (*bytes.get(at)?, is_object) {
                (b',', true) => {
                    at = key_end(bytes, skip_space(bytes, at + 1), &string_end)?;
                    break;
                }
                (b',', false) => {
                    at = skip_space(bytes, at + 1);
                    break;
                }
                (b'}', true) | (b']', false) => {
                    nesting.pop();
                    at += 1;
                }
                _ => return None,
            }
        }
    }
}

/// Passes `"key":` and the whitespace after it.
#[inline]
fn key_end(
    bytes: &[u8],
    at: usize,
    string_end: impl Fn(&[u8], usize) -> Option<usize>,
) -> Option<usize> {
    if *bytes.get(at)? != b'"' {
        return None;
    }
    let colon = skip_space(bytes, string_end(bytes, at + 1)?);
    (*bytes.get(colon)? == b':').then(|| skip_space(bytes, colon + 1))
}

/// The index after the closing quote of the string whose first character is at `at`.
#[inline]
pub(crate) fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at = plain_end(bytes, at);
        match *bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at = escape_end(bytes, at + 1)?,
            // A control character must be escaped.
            0..0x20 => return None,
            _ => at += 1,
        }
    }
}

/// Passes whole groups of eight bytes without a quote, a backslash or a control character, and
/// then on to the first of those in its group.
#[inline]
fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(&group) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let hits = specials(u64::from_le_bytes(group));
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
        at = plain_blocks_end(bytes, at);
    }
    at
}

/// Passes whole blocks of 32 bytes of the same kind, in a shape that the compiler turns into
/// vector instructions. Pays off in long strings only, so it comes after the first group.
#[inline]
fn plain_blocks_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<32>()) {
        let is_special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
        if block
            .iter()
            .fold(false, |any, &byte| any | is_special(byte))
        {
            break;
        }
        at += 32;
    }
    at
}

fn escape_end(bytes: &[u8], at: usize) -> Option<usize> {
    match *bytes.get(at)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 1),
        b'u' => {
            let digits = bytes.get(at + 1..at + 5)?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(at + 5)
        }
        _ => None,
    }
}

/// The index after the number that starts at `at`.
pub(crate) fn number_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    at = match bytes.get(at)? {
        b'0' => at + 1,
        _ => digits_end(bytes, at)?,
    };
    if bytes.get(at) == Some(&b'.') {
        at = digits_end(bytes, at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = bytes.get(at) {
            at += 1;
        }
        at = digits_end(bytes, at)?;
    }
    Some(at)
}

/// Passes digits, of which there must be one.
fn digits_end(bytes: &[u8], at: usize) -> Option<usize> {
    let count = bytes
        .get(at..)?
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    (count > 0).then_some(at + count)
}

fn literal_end(bytes: &[u8], at: usize, literal: &[u8]) -> Option<usize> {
    bytes
        .get(at..)?
        .starts_with(literal)
        .then_some(at + literal.len())
}

/// For each open bracket, whether it is a `{`. The innermost 64 lie in a word, the rest are
/// spilled, so that usual messages allocate nothing and hostile ones an eighth of a byte a level.
#[derive(Default)]
struct Nesting {
    depth: usize,
    bits: u64,
    spilled: Vec<u64>,
}

impl Nesting {
    #[inline]
    fn push(&mut self, is_object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.spilled.push(self.bits);
        }
        self.depth += 1;
        self.bits = self.bits << 1 | u64::from(is_object);
    }

    #[inline]
    fn pop(&mut self) {
        self.depth -= 1;
        self.bits >>= 1;
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.bits = self.spilled.pop().unwrap_or_default();
        }
    }

    #[inline]
    fn top(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.bits & 1 == 1)
    }
}

/// The content of a string, given what stands between its quotes and is known to be valid.
///
/// Half a surrogate pair, which JavaScript keeps, becomes U+FFFD.
pub(crate) fn unescape(raw: &str) -> Cow<'_, str> {
    let Some(first) = raw.find('\\') else {
        return Cow::Borrowed(raw);
    };
    let mut text = String::with_capacity(raw.len());
    let (plain, mut rest) = raw.split_at(first);
    text.push_str(plain);
    while let Some(escape) = rest.strip_prefix('\\') {
        let (character, after) = unescape_one(escape);
        text.push(character);
        let plain_len = after.find('\\').unwrap_or(after.len());
        text.push_str(&after[..plain_len]);
        rest = &after[plain_len..];
    }
    Cow::Owned(text)
}

/// The character of the escape after a backslash, and what follows it.
fn unescape_one(escape: &str) -> (char, &str) {
    let mut rest = escape.chars();
    let character = match rest.next() {
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('u') => return unescape_unicode(rest.as_str()),
        Some(itself) => itself,
        None => char::REPLACEMENT_CHARACTER,
    };
    (character, rest.as_str())
}

/// The character of the hex digits after `\u`, and of the second escape if it is a pair.
fn unescape_unicode(digits: &str) -> (char, &str) {
    let Some((unit, rest)) = code_unit(digits) else {
        return (char::REPLACEMENT_CHARACTER, "");
    };
    if let 0xd800..0xdc00 = unit
        && let Some((low @ 0xdc00..0xe000, after)) = rest.strip_prefix("\\u").and_then(code_unit)
    {
        let pair = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        return (
            char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER),
            after,
        );
    }
    (
        char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER),
        rest,
    )
}

fn code_unit(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}

/// Appends `text` as a JSON string, quotes included.
pub(crate) fn push_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\0'..' ' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => out.push(character),
        }
    }
    out.push('"');
}
