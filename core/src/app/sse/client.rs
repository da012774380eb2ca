//! One client of a stream of events.

use std::sync::Arc;

use super::Event;
use super::endpoint::State;
use crate::app::broadcast::Rooms;
use crate::embed::Handshake;
use crate::error::Error;

/// A client's stream of events. Clones are handles on the same one; on one that is over, every call
/// does nothing.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) id: u64,
    pub(super) endpoint: Arc<State>,
    pub(super) handshake: Arc<Handshake>,
}

impl Client {
    /// The HTTP request that opened it: URL and query, headers, the peer's address.
    pub fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    /// The id of the last event that it saw before it came back.
    pub fn last_event_id(&self) -> Option<&str> {
        self.handshake.last_event_id()
    }

    /// Sends it an event.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a name or an id that would not arrive as it is.
    pub fn send(&self, event: &Event) -> Result<(), Error> {
        self.endpoint.streaming.send(self.id, &event.fields())
    }

    /// Puts it into `rooms`.
    pub fn join(&self, rooms: impl Rooms) {
        let streaming = &self.endpoint.streaming;
        rooms.each(&mut |room| streaming.join(self.id, [room]));
    }

    /// Takes it out of `rooms`.
    pub fn leave(&self, rooms: impl Rooms) {
        let streaming = &self.endpoint.streaming;
        rooms.each(&mut |room| streaming.leave(self.id, [room]));
    }

    /// The rooms it is in, in no order.
    pub fn rooms(&self) -> Vec<Arc<str>> {
        self.endpoint.streaming.rooms_of(self.id)
    }

    /// Ends the stream behind what waits for it. An `EventSource` comes back unless it is told not
    /// to, by an answer of 204 to its next request for example: see
    /// [`Endpoint::check`](super::Endpoint::check).
    pub fn close(&self) {
        self.endpoint.streaming.close_one(self.id);
    }
}

impl PartialEq for Client {
    fn eq(&self, other: &Client) -> bool {
        self.id == other.id && Arc::ptr_eq(&self.endpoint, &other.endpoint)
    }
}

impl Eq for Client {}
