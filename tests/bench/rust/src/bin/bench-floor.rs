//! The floor: the least that a server of these works can do with sockets, by the agreement of servers/under-test.js.
//! One thread, one `read` for what is there, one `write` for all the answers to it; no protocol library, no
//! handlers, no JSON, and frames as only the benchmark's generator sends them. What another server takes above this
//! is its own; what this one takes, the kernel asks of everybody.
#![allow(clippy::print_stdout)] // It is how the benchmark learns the port.

use std::io::{self, Read, Write};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use sori::proto::handshake;

const LISTENER: Token = Token(usize::MAX);
const KEY: &str = "sec-websocket-key: ";

struct Connection {
    stream: TcpStream,
    /// What has come and is not yet a whole frame, or a whole request.
    input: Vec<u8>,
    is_open: bool,
    is_member: bool,
}

fn main() -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind("127.0.0.1:0".parse().expect("an address"))?;
    println!("{}", listener.local_addr()?.port());
    let registry = poll.registry().try_clone()?;
    registry.register(&mut listener, LISTENER, Interest::READABLE)?;
    std::thread::spawn(|| {
        let _ = io::stdin().read_line(&mut String::new());
        std::process::exit(0);
    });
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &events {
            if event.token() == LISTENER {
                accept(&mut listener, &mut connections, &registry)?;
            } else if !take(event.token().0, &mut connections, &mut buffer) {
                connections[event.token().0] = None;
            }
        }
    }
}

fn accept(
    listener: &mut TcpListener,
    connections: &mut Vec<Option<Connection>>,
    registry: &mio::Registry,
) -> io::Result<()> {
    while let Ok((mut stream, _)) = listener.accept() {
        stream.set_nodelay(true)?;
        registry.register(&mut stream, Token(connections.len()), Interest::READABLE)?;
        connections.push(Some(Connection {
            stream,
            input: Vec::new(),
            is_open: false,
            is_member: false,
        }));
    }
    Ok(())
}

/// Reads and answers what is there. False when the connection is over.
fn take(index: usize, connections: &mut [Option<Connection>], buffer: &mut [u8]) -> bool {
    let Some(connection) = &mut connections[index] else {
        return true;
    };
    let mut answer = Vec::new();
    let mut to_all = Vec::new();
    loop {
        let length = match connection.stream.read(buffer) {
            Ok(0) => return false,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(_) => return false,
        };
        connection.input.extend_from_slice(&buffer[..length]);
        if connection.is_open {
            connection.hear_frames(&mut answer, &mut to_all);
        } else {
            connection.hear_request(&mut answer);
        }
        // A read that did not fill the buffer took all there was; epoll tells of more.
        if length < buffer.len() {
            break;
        }
    }
    let mut fits = answer.is_empty() || write(&mut connection.stream, &answer);
    if !to_all.is_empty() {
        for member in connections.iter_mut().flatten() {
            fits &= !member.is_member || write(&mut member.stream, &to_all);
        }
    }
    fits
}

/// The generator reads all the time: what it does not take at once is a fault of the run.
fn write(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    stream
        .write(bytes)
        .is_ok_and(|written| written == bytes.len())
}

fn write_text(out: &mut Vec<u8>, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    assert!(length < 126, "the benchmark's messages are short");
    out.extend_from_slice(&[0x81, length as u8]);
    for part in parts {
        out.extend_from_slice(part);
    }
}

impl Connection {
    fn hear_request(&mut self, answer: &mut Vec<u8>) {
        let head = String::from_utf8_lossy(&self.input).into_owned();
        if !head.ends_with("\r\n\r\n") {
            return;
        }
        let lower = head.to_ascii_lowercase();
        let Some(start) = lower.find(KEY) else { return };
        let key = head[start + KEY.len()..].lines().next().unwrap_or_default();
        answer.extend(handshake::switching_protocols(key, &[]));
        if head.contains("EIO=4") {
            let open = br#"0{"sid":"floor","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
            write_text(answer, &[open]);
        }
        self.is_member = head.contains("/broadcast");
        self.is_open = true;
        self.input = Vec::new();
    }

    fn hear_frames(&mut self, answer: &mut Vec<u8>, to_all: &mut Vec<u8>) {
        let mut rest = &mut self.input[..];
        while rest.len() >= 6 && rest.len() >= 6 + usize::from(rest[1] & 0x7f) {
            let (frame, after) = rest.split_at_mut(6 + usize::from(rest[1] & 0x7f));
            let (header, payload) = frame.split_at_mut(6);
            for (byte, key) in payload.iter_mut().zip(header[2..].iter().cycle()) {
                *byte ^= key;
            }
            if let Some(argument) = payload.strip_prefix(br#"42["msg","#) {
                write_text(answer, &[br#"42["recMsg","#, argument]);
            } else if let Some(argument) = payload.strip_prefix(br#"42["shout","#) {
                write_text(to_all, &[br#"42["news","#, argument]);
            } else if payload == b"40" {
                write_text(answer, &[br#"40{"sid":"floor"}"#]);
            } else if payload == br#"420["enter"]"# {
                self.is_member = true;
                write_text(answer, &[b"430[]"]);
            } else if payload.first() == Some(&b'3') && payload.len() == 1 {
                // The answer to a ping that was never sent.
            } else if self.is_member {
                write_text(to_all, &[payload]);
            } else {
                write_text(answer, &[payload]);
            }
            rest = after;
        }
        let left = rest.len();
        let taken = self.input.len() - left;
        self.input.drain(..taken);
        if self.input.is_empty() {
            self.input = Vec::new();
        }
    }
}
