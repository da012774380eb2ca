//! Server-sent events: streams of text to browsers' `EventSource`, with rooms, broadcasts that are
//! encoded once, and `Last-Event-ID`.
//!
//! ```no_run
//! use sori::sse::Event;
//!
//! # fn main() -> Result<(), sori::Error> {
//! let server = sori::Server::builder().build()?;
//! let news = server.events("/news");
//! news.on_open(|client| {
//!     if let Some(topic) = client.handshake().query("topic") {
//!         client.join(&*topic);
//!     }
//! });
//! server.listen("127.0.0.1:3000")?;
//! news.to("sport").send(&Event::new("3:1").name("goal").id("17"))?;
//! # Ok(())
//! # }
//! ```
//!
//! # Coming back
//! An `EventSource` that lost its connection opens another and says which event it saw last
//! ([`Client::last_event_id`]). An endpoint with a [`history`](Settings::history) sends it the
//! broadcasts that it missed, of those rooms that it is in when `on_open` is done, before anything
//! new. Without one, or when the event is too long ago, what to do is the application's.
//!
//! # When it is too much
//! Of events that wait for a client which reads slowly, [`Settings::max_queued_bytes`] are kept;
//! over that its stream is ended, and its `EventSource` comes back. A comment goes to every client
//! once in `ping_interval`, so that proxies keep the stream and dead peers are noticed.
//!
//! A broadcast costs its caller a short while for each client that it reaches.

mod client;
mod endpoint;

use std::time::Duration;

pub use client::Client;
pub(super) use endpoint::Streams;
pub use endpoint::{Broadcast, Endpoint};

pub use super::ws::Refusal;
pub use crate::config::EventStreamSettings as Settings;
use crate::proto::event_stream::Fields;

/// An event on its way to clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    data: String,
    name: Option<String>,
    id: Option<String>,
    retry: Option<Duration>,
}

impl Event {
    /// An event with this data, which clients call `message`.
    pub fn new(data: impl Into<String>) -> Event {
        Event {
            data: data.into(),
            ..Event::default()
        }
    }

    /// What clients call it.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Event {
        self.name = Some(name.into());
        self
    }

    /// What clients send back as `Last-Event-ID` when they come back.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Event {
        self.id = Some(id.into());
        self
    }

    /// How long clients wait before they come back, from now on.
    #[must_use]
    pub fn retry(mut self, retry: Duration) -> Event {
        self.retry = Some(retry);
        self
    }

    fn fields(&self) -> Fields<'_> {
        Fields {
            name: self.name.as_deref(),
            id: self.id.as_deref(),
            retry: self.retry,
            data: &self.data,
        }
    }
}
