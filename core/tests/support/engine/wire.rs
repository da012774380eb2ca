//! HTTP and WebSocket as bytes over a plain TCP stream: nothing here is shared with the engine.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

pub(crate) use crate::support::steady::PATIENCE;
use crate::support::steady::Steady;

/// The key of RFC 6455 §1.3, and the answer to it.
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;

/// A client's end of a TCP connection, with what was read and not yet used.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: Steady<TcpStream>,
    buffer: Vec<u8>,
    /// How much of the buffer has been used.
    at: usize,
    /// The engine is the client here: it masks, and we do not.
    pub(crate) is_peer_client: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl HttpAnswer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Wire {
    pub(crate) fn connect(address: SocketAddr) -> Wire {
        Wire::over(TcpStream::connect(address).expect("the engine listens"))
    }

    pub(crate) fn over(stream: TcpStream) -> Wire {
        Wire {
            stream: Steady::over(stream),
            buffer: Vec::new(),
            at: 0,
            is_peer_client: false,
        }
    }

    /// A WebSocket whose handshake is done.
    pub(crate) fn websocket(address: SocketAddr, query: &str) -> Wire {
        let mut wire = Wire::connect(address);
        wire.send(upgrade_request(query).as_bytes());
        let answer = wire.read_answer();
        assert_eq!((answer.status, answer.body.as_str()), (101, ""));
        assert_eq!(answer.header("sec-websocket-accept"), Some(ACCEPT));
        wire
    }

    /// A WebSocket whose client offers extensions; gives what the engine agreed to.
    pub(crate) fn websocket_offering(
        address: SocketAddr,
        query: &str,
        offer: &str,
    ) -> (Wire, Option<String>) {
        let mut wire = Wire::connect(address);
        let header = format!("\r\nSec-WebSocket-Extensions: {offer}\r\n\r\n");
        let request = upgrade_request(query);
        wire.send(request.trim_end().as_bytes());
        wire.send(header.as_bytes());
        let answer = wire.read_answer();
        assert_eq!(answer.status, 101);
        let agreed = answer.header("sec-websocket-extensions");
        (wire, agreed.map(str::to_owned))
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the engine reads");
    }

    /// Like [`Wire::send`], to a peer that may have gone.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Writes fail when the engine takes nothing for so long.
    pub(crate) fn give_up_writing_after(&self, timeout: Duration) {
        let set = self.stream.set_write_timeout(Some(timeout));
        set.expect("a stream");
    }

    pub(crate) fn send_frame(&mut self, first_byte: u8, payload: &[u8]) {
        let frame = match self.is_peer_client {
            true => unmasked_frame(first_byte, payload),
            false => frame(first_byte, payload),
        };
        self.send(&frame);
    }

    /// Nothing more will be sent.
    pub(crate) fn finish(&mut self) {
        // Fails only if the other side is gone, which is as good.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    pub(crate) fn request(&mut self, method: &str, target: &str, body: &str) {
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: sori\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.send(request.as_bytes());
    }

    /// The next HTTP answer, held together by its Content-Length.
    pub(crate) fn read_answer(&mut self) -> HttpAnswer {
        let end = loop {
            let unread = &self.buffer[self.at..];
            match unread.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(end) => break end,
                None => assert!(self.read_more(), "closed before an answer: {self:?}"),
            }
        };
        let head = String::from_utf8(self.take(end + 4)).expect("an HTTP head");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let status = status
            .and_then(|status| status.parse().ok())
            .expect("a status");
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut answer = HttpAnswer {
            status,
            headers,
            body: String::new(),
        };
        let length = answer.header("content-length").map(str::parse);
        let body = self.take(length.map_or(0, |length| length.expect("a length")));
        answer.body = String::from_utf8(body).expect("a text body");
        answer
    }

    /// The next frame: its first byte and its payload. `None` when the stream is over.
    pub(crate) fn try_read_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        while self.unread() < 2 {
            if !self.read_more() {
                assert_eq!(self.unread(), 0, "the stream ends between frames");
                return None;
            }
        }
        let start = self.take(2);
        let length = match start[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes(self.take(2).try_into().unwrap())),
            127 => u64::from_be_bytes(self.take(8).try_into().unwrap()),
            short => u64::from(short),
        };
        let is_masked = start[1] & 0x80 != 0;
        assert_eq!(is_masked, self.is_peer_client, "who masks: RFC 6455 §5.1");
        let key = if is_masked { self.take(4) } else { vec![0; 4] };
        let payload = self.take(length as usize);
        let unmasked = payload.iter().zip(key.iter().cycle());
        Some((start[0], unmasked.map(|(byte, key)| byte ^ key).collect()))
    }

    pub(crate) fn read_frame(&mut self) -> (u8, Vec<u8>) {
        self.try_read_frame().expect("a frame, not the end")
    }

    pub(crate) fn read_text(&mut self) -> String {
        let (first_byte, payload) = self.read_frame();
        assert_eq!(first_byte, TEXT, "{:?}", String::from_utf8_lossy(&payload));
        String::from_utf8(payload).expect("UTF-8")
    }

    pub(crate) fn read_close(&mut self) -> Vec<u8> {
        let (first_byte, payload) = self.read_frame();
        assert_eq!(first_byte, CLOSE, "{:?}", String::from_utf8_lossy(&payload));
        payload
    }

    /// Everything until the stream is over, by whatever means.
    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        while self.read_more() {}
        self.take(self.unread())
    }

    /// Waits for the end of the stream; nothing may come before it.
    pub(crate) fn expect_end(&mut self) {
        let rest = self.read_to_end();
        assert_eq!(String::from_utf8_lossy(&rest), "");
    }

    /// The first line of an answer whose rest is left unread.
    pub(crate) fn read_status_line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.extend(self.take(1));
        }
        String::from_utf8(line).expect("text").trim_end().to_owned()
    }

    /// Waits until there is something to read, and leaves it in the system's buffer.
    pub(crate) fn wait_readable(&self) {
        assert_eq!(self.stream.peek(&mut [0]).expect("bytes come"), 1);
    }

    /// Waits until the engine has dropped the stream, without reading what it sent.
    pub(crate) fn wait_until_reset(&mut self) {
        let give_up = std::time::Instant::now() + PATIENCE;
        // A write to a stream that is gone is answered by a reset, and the next one fails.
        while self.stream.take_error().expect("a stream").is_none() && self.try_send(b"\0").is_ok()
        {
            assert!(
                std::time::Instant::now() < give_up,
                "the engine keeps the stream"
            );
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// Gives up the buffer of what was read.
    pub(crate) fn forget(&mut self) {
        assert_eq!(self.unread(), 0);
        self.buffer = Vec::new();
        self.at = 0;
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        while self.unread() < length {
            assert!(self.read_more(), "closed within a message");
        }
        let taken = self.buffer[self.at..self.at + length].to_vec();
        self.at += length;
        taken
    }

    fn unread(&self) -> usize {
        self.buffer.len() - self.at
    }

    /// False when the stream is over.
    fn read_more(&mut self) -> bool {
        self.buffer.drain(..self.at);
        self.at = 0;
        let mut chunk = [0; 64 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(0) => false,
            Ok(n) => {
                self.buffer.extend_from_slice(&chunk[..n]);
                true
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("nothing came from the engine: {error}"),
        }
    }
}

pub(crate) fn upgrade_request(query: &str) -> String {
    format!(
        "GET /socket.io/?EIO=4&transport=websocket{query} HTTP/1.1\r\nHost: sori\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {KEY}\r\n\r\n"
    )
}

/// One frame as a server sends it.
pub(crate) fn unmasked_frame(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    [header(first_byte, 0, payload.len()), payload.to_vec()].concat()
}

fn header(first_byte: u8, mask_bit: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![first_byte];
    match length {
        short @ 0..126 => bytes.push(mask_bit | short as u8),
        medium @ 126..65536 => {
            bytes.push(mask_bit | 126);
            bytes.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            bytes.push(mask_bit | 127);
            bytes.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    bytes
}

/// One masked frame.
pub(crate) fn frame(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = header(first_byte, 0x80, payload.len());
    bytes.extend_from_slice(&MASK);
    let masked = payload.iter().zip(MASK.iter().cycle());
    bytes.extend(masked.map(|(byte, key)| byte ^ key));
    bytes
}
