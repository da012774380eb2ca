//! JSON text with placeholders as MessagePack, in the shortest forms, which are notepack's.
//!
//! MessagePack counts before it lists, so the text is passed over twice: once to count what is in each
//! container, once to write. Neither recurses.

use super::super::json;
use super::DecodeError;

/// JavaScript's integers are exact up to this.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Appends one JSON value.
///
/// # Errors
/// [`DecodeError::InvalidPayload`] when it is not JSON.
pub(super) fn push_value(
    text: &str,
    attachments: &[impl AsRef<[u8]>],
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    if !json::is_valid(text) {
        return Err(DecodeError::InvalidPayload);
    }
    // Cannot fail on what is valid.
    write(text, attachments, out).ok_or(DecodeError::InvalidPayload)
}

fn write(text: &str, attachments: &[impl AsRef<[u8]>], out: &mut Vec<u8>) -> Option<()> {
    let bytes = text.as_bytes();
    let mut lengths = container_lengths(bytes)?.into_iter();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at = match byte {
            b'{' => {
                let len = lengths.next()?;
                let found = if len == 2 && !attachments.is_empty() {
                    placeholder(text, at)
                } else {
                    None
                };
                match found.and_then(|(num, end)| Some((attachments.get(num)?, end))) {
                    Some((attachment, end)) => {
                        push_bin(attachment.as_ref(), out);
                        end
                    }
                    None => {
                        push_map(len, out);
                        at + 1
                    }
                }
            }
            b'[' => {
                push_array(lengths.next()?, out);
                at + 1
            }
            b'"' => {
                let end = json::string_end(bytes, at + 1)?;
                push_str(&json::unescape(&text[at + 1..end - 1]), out);
                end
            }
            b'-' | b'0'..=b'9' => {
                let end = json::number_end(bytes, at)?;
                push_number(&text[at..end], out)?;
                end
            }
            b't' => {
                out.push(0xc3);
                at + 4
            }
            b'f' => {
                out.push(0xc2);
                at + 5
            }
            b'n' => {
                out.push(0xc0);
                at + 4
            }
            _ => at + 1,
        }
    }
    Some(())
}

/// The number of values in each container of a valid text, in the order in which they open.
fn container_lengths(bytes: &[u8]) -> Option<Vec<usize>> {
    let mut lengths: Vec<usize> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => at = json::string_end(bytes, at)?,
            b'{' | b'[' => {
                let inner = *bytes.get(json::skip_space(bytes, at))?;
                open.push(lengths.len());
                lengths.push(usize::from(!matches!(inner, b'}' | b']')));
            }
            b',' => *lengths.get_mut(*open.last()?)? += 1,
            b'}' | b']' => drop(open.pop()),
            _ => {}
        }
    }
    Some(lengths)
}

/// The number in `{"_placeholder":true,"num":0}`, which begins at `at`, and where it ends.
fn placeholder(text: &str, at: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let (mut is_marked, mut num, mut at) = (false, None, at);
    for _ in 0..2 {
        let key = json::skip_space(bytes, at + 1);
        let key_end = json::string_end(bytes, key + 1)?;
        let colon = json::skip_space(bytes, key_end);
        let value = json::skip_space(bytes, colon + 1);
        let value_end = match &text[key..key_end] {
            "\"_placeholder\"" if bytes[value..].starts_with(b"true") => {
                is_marked = true;
                value + 4
            }
            "\"num\"" => {
                let end = json::number_end(bytes, value)?;
                num = text[value..end].parse().ok();
                end
            }
            _ => return None,
        };
        // A comma, then the closing bracket.
        at = json::skip_space(bytes, value_end);
    }
    (is_marked).then_some((num?, at + 1))
}

fn push_number(text: &str, out: &mut Vec<u8>) -> Option<()> {
    if let Ok(number) = text.parse::<u64>() {
        push_unsigned(number, out);
    } else if let Ok(number) = text.parse::<i64>() {
        push_signed(number, out);
    } else {
        let number: f64 = text.parse().ok()?;
        if number.fract() == 0.0 && number.abs() <= EXACT {
            push_signed(number as i64, out);
        } else {
            out.push(0xcb);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
    Some(())
}

pub(super) fn push_unsigned(number: u64, out: &mut Vec<u8>) {
    match number {
        0..0x80 => out.push(number as u8),
        0x80..0x100 => push_marked(0xcc, &[number as u8], out),
        0x100..0x1_0000 => push_marked(0xcd, &(number as u16).to_be_bytes(), out),
        0x1_0000..0x1_0000_0000 => push_marked(0xce, &(number as u32).to_be_bytes(), out),
        _ => push_marked(0xcf, &number.to_be_bytes(), out),
    }
}

fn push_signed(number: i64, out: &mut Vec<u8>) {
    match number {
        0.. => push_unsigned(number as u64, out),
        -0x20..0 => out.push(number as u8),
        -0x80..-0x20 => push_marked(0xd0, &[number as u8], out),
        -0x8000..-0x80 => push_marked(0xd1, &(number as i16).to_be_bytes(), out),
        -0x8000_0000..-0x8000 => push_marked(0xd2, &(number as i32).to_be_bytes(), out),
        _ => push_marked(0xd3, &number.to_be_bytes(), out),
    }
}

pub(super) fn push_str(text: &str, out: &mut Vec<u8>) {
    match text.len() {
        len @ 0..0x20 => out.push(0xa0 | len as u8),
        len @ 0x20..0x100 => push_marked(0xd9, &[len as u8], out),
        len => push_long_len([0xda, 0xdb], len, out),
    }
    out.extend_from_slice(text.as_bytes());
}

fn push_bin(bytes: &[u8], out: &mut Vec<u8>) {
    match bytes.len() {
        len @ 0..0x100 => push_marked(0xc4, &[len as u8], out),
        len => push_long_len([0xc5, 0xc6], len, out),
    }
    out.extend_from_slice(bytes);
}

fn push_array(len: usize, out: &mut Vec<u8>) {
    match len {
        0..0x10 => out.push(0x90 | len as u8),
        _ => push_long_len([0xdc, 0xdd], len, out),
    }
}

pub(super) fn push_map(len: usize, out: &mut Vec<u8>) {
    match len {
        0..0x10 => out.push(0x80 | len as u8),
        _ => push_long_len([0xde, 0xdf], len, out),
    }
}

/// A length of two or four bytes, behind its marker.
fn push_long_len([short, long]: [u8; 2], len: usize, out: &mut Vec<u8>) {
    match u16::try_from(len) {
        Ok(len) => push_marked(short, &len.to_be_bytes(), out),
        // A message of 4 GiB is refused long before it gets here.
        Err(_) => push_marked(long, &(len as u32).to_be_bytes(), out),
    }
}

fn push_marked(marker: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(marker);
    out.extend_from_slice(bytes);
}
