//! Raw HTTP for the tests of the engine's own listener: what is written and read here are bytes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use sori::{Server, ServerBuilder};

pub(crate) use super::steady::PATIENCE;
use super::steady::Steady;

pub(crate) const HANDSHAKE: &str = "/socket.io/?EIO=4&transport=polling";
pub(crate) const WEBSOCKET: &str = "/socket.io/?EIO=4&transport=websocket";

/// A server on a free port.
pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
}

impl Running {
    pub(crate) fn start(set: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Running {
        let server = set(Server::builder().shards(2)).build().unwrap();
        let address = server.listen("127.0.0.1:0").unwrap();
        Running { server, address }
    }

    /// Sends a request and reads its answer.
    pub(crate) fn ask(&self, request: &str) -> Answer {
        let mut wire = Wire::connect(self.address);
        wire.send(request);
        wire.read_answer()
    }

    /// A GET with more headers, each with its line's end.
    pub(crate) fn get(&self, path: &str, headers: &str) -> Answer {
        self.ask(&get(path, headers))
    }

    /// The id of a new session on polling.
    pub(crate) fn open(&self) -> String {
        let open = self.get(HANDSHAKE, "").text();
        sid_of(&open).to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.shutdown();
    }
}

pub(crate) fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n{headers}\r\n")
}

pub(crate) fn upgrade(path: &str, headers: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n"
    )
}

pub(crate) fn sid_of(open: &str) -> &str {
    open.split('"').nth(3).unwrap_or_else(|| panic!("{open}"))
}

/// A client's stream, and what was read from it.
pub(crate) struct Wire {
    stream: Steady<TcpStream>,
    pub(crate) read: Vec<u8>,
}

impl Wire {
    pub(crate) fn connect(address: SocketAddr) -> Wire {
        Wire {
            stream: Steady::connect(address),
            read: Vec::new(),
        }
    }

    pub(crate) fn local_address(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// False at the end of the stream.
    pub(crate) fn read_more(&mut self) -> bool {
        let mut chunk = [0; 4096];
        let n = self.stream.read(&mut chunk).unwrap();
        self.read.extend_from_slice(&chunk[..n]);
        n > 0
    }

    pub(crate) fn read_to_end(&mut self) -> String {
        while self.read_more() {}
        String::from_utf8_lossy(&self.read).into_owned()
    }

    /// Reads one answer, as long as its Content-Length says.
    pub(crate) fn read_answer(&mut self) -> Answer {
        let end = loop {
            match self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(end) => break end,
                None => assert!(self.read_more(), "closed before an answer"),
            }
        };
        let rest = self.read.split_off(end + 4);
        let head = std::mem::replace(&mut self.read, rest);
        let mut answer = Answer::parse(&String::from_utf8(head).unwrap());
        let length = answer.header("content-length");
        let length = length.map_or(0, |length| length.parse::<usize>().unwrap());
        while self.read.len() < length {
            assert!(self.read_more(), "closed within an answer");
        }
        let rest = self.read.split_off(length);
        answer.body = std::mem::replace(&mut self.read, rest);
        answer
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The first line, from the number on.
    pub(crate) status: String,
    /// In order, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn parse(head: &str) -> Answer {
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 "));
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{head}"));
            (name.to_ascii_lowercase(), value.to_owned())
        });
        Answer {
            status: status.unwrap_or_else(|| panic!("{head}")).to_owned(),
            headers: headers.collect(),
            body: Vec::new(),
        }
    }

    /// The value of a header that there is at most once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert_eq!(found.next(), None);
        value
    }

    /// The headers that have to do with CORS.
    pub(crate) fn cors(&self) -> Vec<String> {
        let is_cors = |name: &str| name == "vary" || name.starts_with("access-control-");
        let found = self.headers.iter().filter(|(name, _)| is_cors(name));
        found
            .map(|(name, value)| format!("{}: {value}", name.replace("access-control-", "")))
            .collect()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}
