//! The opening: connections say what they must before the work.

use std::io;
use std::time::Instant;

use super::{Load, unexpected};
use crate::dialect::Exchange;
use crate::websocket;

/// Takes connections through their opening exchanges; after those, nobody may speak.
pub struct Opening {
    exchanges: &'static [Exchange],
    /// Per connection, the exchange whose answer is due.
    steps: Vec<usize>,
    unsaid: Vec<usize>,
    frame: Vec<u8>,
    pub ready: usize,
}

impl Opening {
    pub fn new(exchanges: &'static [Exchange]) -> Self {
        Self {
            exchanges,
            steps: Vec::new(),
            unsaid: Vec::new(),
            frame: Vec::new(),
            ready: 0,
        }
    }

    fn enter_step(&mut self, connection: usize, step: usize) {
        self.steps[connection] = step;
        match self.exchanges.get(step) {
            Some(Exchange { say: Some(_), .. }) => self.unsaid.push(connection),
            Some(Exchange { say: None, .. }) => {}
            None => self.ready += 1,
        }
    }
}

impl Load for Opening {
    fn opened(&mut self, connection: usize) {
        if self.steps.len() <= connection {
            self.steps.resize(connection + 1, 0);
        }
        self.enter_step(connection, 0);
    }

    fn receive(&mut self, connection: usize, message: &[u8], _: Instant) -> io::Result<()> {
        let step = self.steps[connection];
        match self.exchanges.get(step) {
            Some(exchange) if message.starts_with(exchange.hear.as_bytes()) => {
                self.enter_step(connection, step + 1);
                Ok(())
            }
            Some(exchange) => Err(unexpected(exchange.hear.as_bytes(), message)),
            None => Err(unexpected(b"nothing", message)),
        }
    }

    fn poll_send(&mut self, _: Instant) -> Option<(usize, &[u8])> {
        let connection = self.unsaid.pop()?;
        let say = self.exchanges[self.steps[connection]].say?;
        self.frame.clear();
        websocket::write_text(&mut self.frame, say.as_bytes());
        Some((connection, &self.frame))
    }
}
