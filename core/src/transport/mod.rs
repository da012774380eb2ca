//! Bytes in motion: what carries packets to and from a peer. Knows IO, not meaning.

mod backlog;
mod dialect;
mod event_stream;
mod link;
mod patient;
pub(crate) mod polling;
#[cfg(feature = "webtransport")]
mod quic;
mod stream;
#[cfg(feature = "tls")]
mod tls;
mod webtransport;

pub(crate) use dialect::{BinaryForm, Dialect};
pub use event_stream::EventStream;
pub(crate) use event_stream::{EventWriter, Pushed, event_stream};
pub(crate) use link::{Control, Cork, Link, LinkId, Outlet};
pub(crate) use patient::Patient;
#[cfg(feature = "webtransport")]
pub(crate) use quic::QuicStream;
pub(crate) use stream::{Inlet, Source, Stream, Wire};
#[cfg(feature = "tls")]
pub(crate) use tls::TlsStream;
pub(crate) use webtransport::RecordStream;
