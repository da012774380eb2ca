//! An event as it came, before its JSON has been checked.

use super::{Event, SocketRef};
use crate::proto::socket;

/// An event of a client without attachments, as [`Event::Message`] tells of it. Whether its data is JSON
/// behind the name is not known yet: who parses it learns it, and need not ask.
#[derive(Clone, Copy, Debug)]
pub struct PlainEvent<'a> {
    socket: SocketRef,
    decoded: socket::PlainEvent<'a>,
}

impl<'a> PlainEvent<'a> {
    pub(crate) fn new(socket: SocketRef, decoded: socket::PlainEvent<'a>) -> PlainEvent<'a> {
        PlainEvent { socket, decoded }
    }

    /// Whose event it is.
    pub fn socket(&self) -> SocketRef {
        self.socket
    }

    /// The ack that the client waits for.
    pub fn ack(&self) -> Option<u64> {
        self.decoded.id
    }

    /// Its name.
    pub fn name(&self) -> &'a str {
        self.decoded.name
    }

    /// Name and arguments: a JSON array, if it [is valid](PlainEvent::is_valid).
    pub fn data(&self) -> &'a str {
        self.decoded.data
    }

    /// What stands behind the name: `,1,2]` of `["a",1,2]`.
    pub fn behind_name(&self) -> &'a str {
        self.decoded.behind_name
    }

    /// Whether its data is JSON. Looks at all of it.
    pub fn is_valid(&self) -> bool {
        self.decoded.is_valid()
    }

    /// As other events are told.
    pub fn into_event(self) -> Event<'a> {
        Event::Message {
            socket: self.socket,
            ack: self.ack(),
            data: self.data().into(),
            attachments: Vec::new(),
        }
    }
}
