//! The broadcast: one connection asks, all of the room hear.

use std::collections::VecDeque;
use std::io;
use std::time::Instant;

use super::{Load, Tally, unexpected};
use crate::dialect::Dialect;
use crate::websocket;

/// The first connection asks for broadcasts and keeps `in_flight` of them on the way; each is over when all have it.
pub struct Broadcast {
    dialect: Dialect,
    /// Per member, the number of the broadcast that it hears next.
    next: Vec<u64>,
    /// The broadcasts on the way; the first has the number `done`.
    on_the_way: VecDeque<Delivery>,
    done: u64,
    due: usize,
    frames: Vec<u8>,
    pub tally: Tally,
}

struct Delivery {
    message: String,
    sent: Instant,
    missing: usize,
}

impl Broadcast {
    pub fn new(dialect: Dialect, members: usize, in_flight: usize) -> Self {
        Self {
            dialect,
            next: vec![0; members],
            on_the_way: VecDeque::with_capacity(in_flight),
            done: 0,
            due: in_flight,
            frames: Vec::new(),
            tally: Tally::new(),
        }
    }
}

impl Load for Broadcast {
    fn opened(&mut self, _: usize) {}

    fn receive(&mut self, connection: usize, message: &[u8], now: Instant) -> io::Result<()> {
        // A member that lacks broadcast `done` keeps it on the way, so no member is behind `done`.
        let index = (self.next[connection] - self.done) as usize;
        let delivery = self
            .on_the_way
            .get_mut(index)
            .ok_or_else(|| unexpected(b"nothing", message))?;
        if message != delivery.message.as_bytes() {
            return Err(unexpected(delivery.message.as_bytes(), message));
        }
        self.next[connection] += 1;
        delivery.missing -= 1;
        self.tally.count(delivery.sent, now);
        while self
            .on_the_way
            .front()
            .is_some_and(|first| first.missing == 0)
        {
            self.on_the_way.pop_front();
            self.done += 1;
            self.due += 1;
        }
        Ok(())
    }

    fn poll_send(&mut self, now: Instant) -> Option<(usize, &[u8])> {
        if self.due == 0 {
            return None;
        }
        self.frames.clear();
        for _ in 0..std::mem::take(&mut self.due) {
            let (say, message) = self
                .dialect
                .broadcast(self.done + self.on_the_way.len() as u64);
            websocket::write_text(&mut self.frames, say.as_bytes());
            self.on_the_way.push_back(Delivery {
                message,
                sent: now,
                missing: self.next.len(),
            });
        }
        Some((0, &self.frames))
    }
}
