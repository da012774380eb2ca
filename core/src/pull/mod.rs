//! What queues of events have in common that an application empties when it likes: how much they may
//! hold, and a descriptor that tells when there is something. Shared by server and client.

#[cfg(unix)]
mod signal;
mod space;

#[cfg(unix)]
pub(crate) use signal::Signal;
pub(crate) use space::Space;
