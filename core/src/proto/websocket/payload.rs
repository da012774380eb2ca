//! A whole payload becomes a message: the checks that need all of it.

use super::{CloseFrame, Error, Message, Opcode, is_valid_close_code};

/// Gives a complete payload its type, after the checks that need all of it.
#[inline]
pub(super) fn to_message(
    opcode: Opcode,
    payload: &[u8],
    is_checked: bool,
) -> Result<Message<'_>, Error> {
    Ok(match opcode {
        Opcode::Text if is_checked => Message::Text(to_str(payload)?),
        Opcode::Text => Message::UncheckedText(payload),
        // A message is never a `Continuation`: it has the type of its first frame.
        Opcode::Binary | Opcode::Continuation => Message::Binary(payload),
        Opcode::Close => Message::Close(to_close(payload, is_checked)?),
        Opcode::Ping => Message::Ping(payload),
        Opcode::Pong => Message::Pong(payload),
    })
}

fn to_close(payload: &[u8], is_checked: bool) -> Result<Option<CloseFrame<'_>>, Error> {
    // One byte alone was refused with the header.
    let Some((&code, reason)) = payload.split_first_chunk() else {
        return Ok(None);
    };
    let code = u16::from_be_bytes(code);
    if !is_valid_close_code(code) {
        return Err(Error::InvalidCloseCode(code));
    }
    if is_checked {
        to_str(reason)?;
    }
    Ok(Some(CloseFrame { code, reason }))
}

#[inline]
fn to_str(bytes: &[u8]) -> Result<&str, Error> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| Error::InvalidUtf8)
}
