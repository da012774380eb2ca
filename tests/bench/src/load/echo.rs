//! The echo: every connection asks, and asks again when it is answered.

use std::collections::VecDeque;
use std::io;
use std::time::Instant;

use super::{Load, Tally, unexpected};
use crate::dialect::Dialect;
use crate::websocket;

/// Every connection keeps `in_flight` requests on the way.
pub struct Echo {
    answer: &'static [u8],
    /// `in_flight` requests, one after another: any number of them is a prefix.
    frames: Vec<u8>,
    frame_length: usize,
    /// Per connection, when each request on the way was sent, oldest first.
    sent: Vec<VecDeque<Instant>>,
    due: Vec<(usize, usize)>,
    pub tally: Tally,
}

impl Echo {
    pub fn new(dialect: Dialect, connections: usize, in_flight: usize) -> Self {
        let (request, answer) = dialect.echo();
        let mut frame = Vec::new();
        websocket::write_text(&mut frame, request.as_bytes());
        Self {
            answer: answer.as_bytes(),
            frames: frame.repeat(in_flight),
            frame_length: frame.len(),
            sent: vec![VecDeque::with_capacity(in_flight); connections],
            due: (0..connections)
                .map(|connection| (connection, in_flight))
                .collect(),
            tally: Tally::new(),
        }
    }
}

impl Load for Echo {
    fn opened(&mut self, _: usize) {}

    fn receive(&mut self, connection: usize, message: &[u8], now: Instant) -> io::Result<()> {
        if message != self.answer {
            return Err(unexpected(self.answer, message));
        }
        let sent = self.sent[connection]
            .pop_front()
            .ok_or_else(|| unexpected(b"nothing", message))?;
        self.tally.count(sent, now);
        match self.due.last_mut() {
            Some((last, count)) if *last == connection => *count += 1,
            _ => self.due.push((connection, 1)),
        }
        Ok(())
    }

    fn poll_send(&mut self, now: Instant) -> Option<(usize, &[u8])> {
        let (connection, count) = self.due.pop()?;
        self.sent[connection].extend(std::iter::repeat_n(now, count));
        Some((connection, &self.frames[..count * self.frame_length]))
    }
}
