//! The transports of a client: bytes to the server and back. They know no meaning; the driver does.

pub(super) mod polling;
pub(super) mod stream;
pub(super) mod websocket;
