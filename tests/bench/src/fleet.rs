//! The fleet: all client connections of a work on one thread, over epoll.
//!
//! Kept cheap so that the server under test is the bottleneck: one read and one write for whatever waits on a
//! connection, one read buffer for all connections, frames encoded before they are needed.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::dialect::{Dialect, Shape};
use crate::load::{Load, Opening};
use crate::websocket::{self, Frame};

pub struct Fleet {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    buffer: Box<[u8]>,
    address: SocketAddr,
    dialect: Dialect,
    shape: Shape,
}

struct Connection {
    stream: TcpStream,
    is_upgraded: bool,
    /// The head of a frame whose rest has not come.
    incomplete: Vec<u8>,
    /// What the kernel did not take.
    unwritten: Vec<u8>,
}

impl Fleet {
    pub fn new(port: u16, dialect: Dialect, shape: Shape) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            connections: Vec::new(),
            buffer: vec![0; READ_BUFFER].into_boxed_slice(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            dialect,
            shape,
        })
    }

    /// An opening for [`Self::open`], kept for as long as connections are added.
    pub fn opening(&self) -> Opening {
        Opening::new(self.dialect.opening(self.shape))
    }

    /// Opens connections, [`OPENING_AT_ONCE`] at a time, until `count` are ready.
    ///
    /// # Errors
    /// When the server refuses one, says what the protocol does not foresee, or needs longer than a minute.
    pub fn open(&mut self, opening: &mut Opening, count: usize) -> io::Result<()> {
        let deadline = Instant::now() + OPENING_DEADLINE;
        while opening.ready < count {
            while self.connections.len() < count
                && self.connections.len() - opening.ready < OPENING_AT_ONCE
            {
                self.connect()?;
            }
            self.turn(opening, deadline)?;
            if Instant::now() >= deadline {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!(
                        "only {} of {count} connections were ready in time",
                        opening.ready
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Drives `load` until `end`.
    ///
    /// # Errors
    /// When a connection ends, or its server breaks the protocol or the load's rules.
    pub fn drive(&mut self, load: &mut impl Load, end: Instant) -> io::Result<()> {
        self.send(load, Instant::now())?;
        while Instant::now() < end {
            self.turn(load, end)?;
        }
        Ok(())
    }

    fn connect(&mut self) -> io::Result<()> {
        // Loopback answers at once, so connecting may block.
        let stream = std::net::TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        let token = Token(self.connections.len());
        self.poll.registry().register(
            &mut stream,
            token,
            Interest::READABLE | Interest::WRITABLE,
        )?;
        let mut connection = Connection {
            stream,
            is_upgraded: false,
            incomplete: Vec::new(),
            unwritten: Vec::new(),
        };
        connection.write(websocket::upgrade_request(self.dialect.path(self.shape)).as_bytes())?;
        self.connections.push(connection);
        Ok(())
    }

    /// Waits for events, at most until `end`, and handles them.
    fn turn(&mut self, load: &mut impl Load, end: Instant) -> io::Result<()> {
        let patience = end.saturating_duration_since(Instant::now());
        match self.poll.poll(&mut self.events, Some(patience)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        let handled = events.iter().try_for_each(|event| {
            let Token(index) = event.token();
            if event.is_writable() {
                self.connections[index].flush()?;
            }
            if event.is_readable() {
                self.receive(index, load).map_err(|error| {
                    io::Error::new(error.kind(), format!("connection {index}: {error}"))
                })?;
            }
            Ok(())
        });
        self.events = events;
        handled
    }

    /// Reads what waits on a connection, hands it to the load and writes what the load says to it.
    fn receive(&mut self, index: usize, load: &mut impl Load) -> io::Result<()> {
        loop {
            let connection = &mut self.connections[index];
            let held = connection.incomplete.len();
            self.buffer[..held].copy_from_slice(&connection.incomplete);
            connection.incomplete.clear();
            let read = match connection.stream.read(&mut self.buffer[held..]) {
                Ok(0) => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the server ended it",
                    ));
                }
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    connection
                        .incomplete
                        .extend_from_slice(&self.buffer[..held]);
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            let now = Instant::now();
            let bytes = &self.buffer[..held + read];
            let used = connection.handle(index, bytes, self.dialect, load, now)?;
            connection.incomplete.extend_from_slice(&bytes[used..]);
            let is_drained = held + read < self.buffer.len();
            self.send(load, now)?;
            // A read that leaves room has emptied the socket: epoll(7) needs no second one.
            if is_drained {
                return Ok(());
            }
        }
    }

    fn send(&mut self, load: &mut impl Load, now: Instant) -> io::Result<()> {
        while let Some((index, frames)) = load.poll_send(now) {
            self.connections[index].write(frames)?;
        }
        Ok(())
    }
}

impl Connection {
    /// Handles the whole frames of `bytes` and gives their length.
    fn handle(
        &mut self,
        index: usize,
        bytes: &[u8],
        dialect: Dialect,
        load: &mut impl Load,
        now: Instant,
    ) -> io::Result<usize> {
        let mut used = 0;
        if !self.is_upgraded {
            let Some(head) = websocket::read_upgrade(bytes)? else {
                return Ok(0);
            };
            used = head;
            self.is_upgraded = true;
            load.opened(index);
        }
        while let Some((frame, length)) = websocket::read_frame(&bytes[used..])? {
            match frame {
                Frame::Text(text) => match dialect.heartbeat() {
                    Some((beat, answer)) if text == beat => {
                        let mut frame = Vec::new();
                        websocket::write_text(&mut frame, answer);
                        self.write(&frame)?;
                    }
                    _ => load.receive(index, text, now)?,
                },
                Frame::Ping(payload) => {
                    let mut frame = Vec::new();
                    websocket::write_pong(&mut frame, payload);
                    self.write(&frame)?;
                }
                Frame::Pong => {}
                Frame::Close => {
                    return Err(io::Error::new(
                        io::ErrorKind::ConnectionAborted,
                        "the server closed it",
                    ));
                }
            }
            used += length;
        }
        Ok(used)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = if self.unwritten.is_empty() {
            write_some(&mut self.stream, bytes)?
        } else {
            0
        };
        self.unwritten.extend_from_slice(&bytes[written..]);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.unwritten.is_empty() {
            let written = write_some(&mut self.stream, &self.unwritten)?;
            self.unwritten.drain(..written);
        }
        Ok(())
    }
}

/// Bytes the kernel took; the writable event tells when it takes more.
fn write_some(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match stream.write(&bytes[written..]) {
            Ok(taken) => written += taken,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

const READ_BUFFER: usize = 256 * 1024;
/// Few enough for a listener's usual backlog, enough to keep the server busy.
pub const OPENING_AT_ONCE: usize = 32;
const OPENING_DEADLINE: Duration = Duration::from_secs(60);
