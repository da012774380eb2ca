//! Loads: what the clients say and when, as pure state. The fleet moves the bytes.

mod broadcast;
mod echo;
mod opening;
#[cfg(test)]
mod tests;

use std::io;
use std::time::Instant;

use hdrhistogram::Histogram;

pub use broadcast::Broadcast;
pub use echo::Echo;
pub use opening::Opening;

/// Takes what connections hear, gives what they say next.
pub trait Load {
    /// The upgrade of `connection` is done.
    fn opened(&mut self, connection: usize);

    /// A text message for `connection`.
    ///
    /// # Errors
    /// When it is not the one that was due.
    fn receive(&mut self, connection: usize, message: &[u8], now: Instant) -> io::Result<()>;

    /// Encoded frames to write to a connection; asked until `None`.
    fn poll_send(&mut self, now: Instant) -> Option<(usize, &[u8])>;
}

/// Messages that arrived, and how long each took.
pub struct Tally {
    pub messages: u64,
    latencies_ns: Histogram<u32>,
}

impl Tally {
    fn new() -> Self {
        let latencies_ns =
            Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("constant bounds in range");
        Self {
            messages: 0,
            latencies_ns,
        }
    }

    fn count(&mut self, sent: Instant, now: Instant) {
        self.messages += 1;
        self.latencies_ns
            .saturating_record(now.saturating_duration_since(sent).as_nanos() as u64);
    }

    /// Forgets what the warm-up counted.
    pub fn restart(&mut self) {
        self.messages = 0;
        self.latencies_ns.reset();
    }

    /// Microseconds within which `quantile` of the messages arrived.
    pub fn latency_us(&self, quantile: f64) -> f64 {
        self.latencies_ns.value_at_quantile(quantile) as f64 / 1000.0
    }
}

fn unexpected(due: &[u8], message: &[u8]) -> io::Error {
    let (due, message) = (
        String::from_utf8_lossy(due),
        String::from_utf8_lossy(message),
    );
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("expected {due}, the server sent {message}"),
    )
}
