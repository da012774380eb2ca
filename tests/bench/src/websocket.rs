//! A WebSocket client's wire format (RFC 6455): the upgrade, masked frames out, whole frames in.

use std::io;

/// The answer's `Sec-WebSocket-Accept` for [`upgrade_request`]'s key, from RFC 6455 §1.3.
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Any key but zero makes the server unmask; one key for all frames lets them be encoded once.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What a server sent: a whole, unfragmented frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    Text(&'a [u8]),
    Ping(&'a [u8]),
    Pong,
    Close,
}

/// The HTTP request that asks for a WebSocket at `path`, with the key of the RFC's own example.
pub fn upgrade_request(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// Length of the answer to [`upgrade_request`] at the head of `bytes`, `None` while it is incomplete.
///
/// # Errors
/// When the server refuses, or accepts another key.
pub fn read_upgrade(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&bytes[..end]);
    if head.starts_with("HTTP/1.1 101") && head.contains(ACCEPT) {
        Ok(Some(end + 4))
    } else {
        Err(broken(format!("the upgrade was answered by: {head}")))
    }
}

/// Appends `text` as one masked text frame.
pub fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    write_frame(out, 0x1, text);
}

/// Appends the pong that answers a ping with this `payload`.
pub fn write_pong(out: &mut Vec<u8>, payload: &[u8]) {
    write_frame(out, 0xa, payload);
}

fn write_frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.push(0x80 | opcode);
    match payload.len() {
        short @ ..126 => out.push(0x80 | short as u8),
        middle @ ..65536 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
}

/// The first frame of `bytes` with its length on the wire, `None` while it is incomplete.
///
/// # Errors
/// When the frame is masked, fragmented, compressed or binary: no work here asks for such.
pub fn read_frame(bytes: &[u8]) -> io::Result<Option<(Frame<'_>, usize)>> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    let (header, length) = match second {
        short @ ..126 => (2, u64::from(*short)),
        126 => match rest.first_chunk::<2>() {
            Some(length) => (4, u64::from(u16::from_be_bytes(*length))),
            None => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(length) => (10, u64::from_be_bytes(*length)),
            None => return Ok(None),
        },
        _ => return Err(broken("the server masked a frame".into())),
    };
    let Some(payload) = usize::try_from(length)
        .ok()
        .and_then(|length| bytes[header..].get(..length))
    else {
        return Ok(None);
    };
    let frame = match first {
        0x81 => Frame::Text(payload),
        0x88 => Frame::Close,
        0x89 => Frame::Ping(payload),
        0x8a => Frame::Pong,
        other => {
            return Err(broken(format!(
                "the server sent a frame that begins with {other:#04x}"
            )));
        }
    };
    Ok(Some((frame, header + payload.len())))
}

fn broken(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_masked_hello_of_the_rfc() {
        let mut out = Vec::new();
        write_text(&mut out, b"Hello");
        assert_eq!(
            out,
            [
                0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58
            ]
        );
    }

    #[test]
    fn reads_the_unmasked_hello_of_the_rfc_and_leaves_what_follows() {
        let bytes = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x81];
        assert_eq!(
            read_frame(&bytes).unwrap(),
            Some((Frame::Text(b"Hello"), 7))
        );
    }

    #[test]
    fn waits_for_the_rest_of_a_frame_cut_anywhere() {
        let mut bytes = vec![0x81, 126, 1, 0];
        bytes.extend([b'x'; 256]);
        for cut in 0..bytes.len() {
            assert_eq!(read_frame(&bytes[..cut]).unwrap(), None, "cut at {cut}");
        }
        assert_eq!(
            read_frame(&bytes).unwrap(),
            Some((Frame::Text(&[b'x'; 256]), 260))
        );
    }

    #[test]
    fn refuses_masked_fragmented_and_compressed_frames() {
        for bytes in [[0x81, 0x80], [0x01, 0x00], [0xc1, 0x00], [0x82, 0x00]] {
            assert!(read_frame(&bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn takes_the_answer_for_its_own_key_only() {
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\nrest"
        );
        assert_eq!(
            read_upgrade(answer.as_bytes()).unwrap(),
            Some(answer.len() - 4)
        );
        assert_eq!(read_upgrade(&answer.as_bytes()[..30]).unwrap(), None);
        assert!(read_upgrade(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").is_err());
        assert!(read_upgrade(b"HTTP/1.1 400 Bad Request\r\n\r\n").is_err());
    }
}
