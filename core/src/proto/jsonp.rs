//! Polling through script tags and forms, for browsers without cross-origin requests.
//!
//! ```text
//! answer   ___eio[0]("4hello");          the polling body as a JavaScript string
//! POST     d=6%3A4hello                  the polling body as a field of a form
//! ```

use std::borrow::Cow;

/// Appends the script that hands a polling body to the client's callback.
///
/// `body` is UTF-8. `index` is the client's `j` parameter as it came; what is not a digit is left
/// out, so that nothing else gets into the script.
pub fn encode(body: &[u8], index: &str, out: &mut Vec<u8>) {
    out.reserve(body.len() + 16);
    out.extend_from_slice(b"___eio[");
    out.extend(index.bytes().filter(u8::is_ascii_digit));
    out.extend_from_slice(b"](\"");
    push_escaped(body, out);
    out.extend_from_slice(b"\");");
}

/// Escapes as `JSON.stringify` does, and the two line ends that are JSON but were not JavaScript.
fn push_escaped(text: &[u8], out: &mut Vec<u8>) {
    let mut plain_from = 0;
    for (at, &byte) in text.iter().enumerate() {
        let len = match byte {
            0..0x20 | b'"' | b'\\' => 1,
            0xe2 if matches!(text[at..], [_, 0x80, 0xa8 | 0xa9, ..]) => 3,
            _ => continue,
        };
        out.extend_from_slice(&text[plain_from..at]);
        plain_from = at + len;
        match &text[at..plain_from] {
            b"\x08" => out.extend_from_slice(b"\\b"),
            b"\x09" => out.extend_from_slice(b"\\t"),
            b"\x0a" => out.extend_from_slice(b"\\n"),
            b"\x0c" => out.extend_from_slice(b"\\f"),
            b"\x0d" => out.extend_from_slice(b"\\r"),
            &[_, _, last] => out.extend_from_slice(&[b'\\', b'u', b'2', b'0', b'2', last - 0x70]),
            &[quoted @ (b'"' | b'\\')] => out.extend_from_slice(&[b'\\', quoted]),
            control => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                let [high, low] = [control[0] >> 4, control[0] & 0xf].map(usize::from);
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', HEX[high], HEX[low]]);
            }
        }
    }
    out.extend_from_slice(&text[plain_from..]);
}

/// The polling body in a form (`application/x-www-form-urlencoded`): its field `d`, percent-decoded,
/// with the escaping of line ends undone.
///
/// `None` when there is no such field or more than one. Bytes that are not UTF-8 become U+FFFD.
pub fn decode_post(form: &[u8]) -> Option<Cow<'_, str>> {
    let mut fields = form
        .split(|&byte| byte == b'&')
        .filter_map(|field| field.strip_prefix(b"d="));
    let (Some(field), None) = (fields.next(), fields.next()) else {
        return None;
    };
    let text = match percent_decode(field) {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => Cow::Owned(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }),
    };
    Some(match unescape_line_ends(&text) {
        Some(unescaped) => Cow::Owned(unescaped),
        None => text,
    })
}

/// `+` is a space; a `%` without two hex digits stays as it is.
pub(super) fn percent_decode(field: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr2(b'%', b'+', field) else {
        return Cow::Borrowed(field);
    };
    let mut bytes = Vec::with_capacity(field.len());
    let (plain, mut rest) = field.split_at(first);
    bytes.extend_from_slice(plain);
    while let Some((&first, after)) = rest.split_first() {
        let escaped = match (first, after) {
            (b'%', &[high, low, ..]) => hex_pair(high, low),
            _ => None,
        };
        bytes.push(match first {
            b'+' => b' ',
            _ => escaped.unwrap_or(first),
        });
        rest = if escaped.is_some() {
            &after[2..]
        } else {
            after
        };
    }
    Cow::Owned(bytes)
}

fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    // Two digits are at most 0xff.
    Some((digit(high)? << 4 | digit(low)?) as u8)
}

/// A form changes line ends, so the client sends a line end as `\n`, and a `\n` of its text with one
/// backslash more. `None` when there is neither.
fn unescape_line_ends(text: &str) -> Option<String> {
    let mut next = text.find("\\n")?;
    let mut unescaped = String::with_capacity(text.len());
    let mut from = 0;
    loop {
        // At the last backslash of a row, with an `n` behind it.
        unescaped.push_str(&text[from..next]);
        let is_escaped = next > from && text.as_bytes()[next - 1] == b'\\';
        unescaped.push(if is_escaped { 'n' } else { '\n' });
        from = next + 2;
        match text[from..].find("\\n") {
            Some(offset) => next = from + offset,
            None => break,
        }
    }
    unescaped.push_str(&text[from..]);
    Some(unescaped)
}
