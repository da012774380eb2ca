//! Streams of WebTransport, whoever speaks HTTP/3: what their first packet asks for, and their way to
//! a shard. `listen` has the engine's own QUIC.

#[cfg(feature = "webtransport")]
mod listen;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Engine;
use super::addresses::Address;
use super::task::{Attach, Task};
use crate::config::TransportKind;
use crate::embed::{Handshake, RequestId};
use crate::hub::Slot;
use crate::proto::engine::Revision;
use crate::proto::webtransport::FirstPacket;
use crate::transport::{BinaryForm, Dialect, RecordStream, Stream};

/// The one stream of a session of WebTransport that the application has accepted.
#[derive(Debug)]
pub struct WebTransport<S> {
    /// Number of the session, by which events name it.
    pub request: RequestId,
    /// Its bidirectional stream, behind the first packet. It is shut down once the last packet has been
    /// written, and dropped when nothing more is read either: with that the session is to end.
    pub stream: S,
    /// The request that opened the session, for [`Event::Open`](crate::embed::Event::Open). An
    /// application that remembers it by itself, or that has none, gives nothing.
    pub handshake: Option<Arc<Handshake>>,
    /// Whose it is, for limits by address, in any words; nothing if the handshake says it.
    pub address: Option<Box<str>>,
}

impl Engine {
    /// Takes on a session of WebTransport: `first` says what its stream is for, and has been read from
    /// it. [`Event::Open`], [`Event::Upgraded`] or [`Event::Forget`] follows.
    ///
    /// [`Event::Open`]: crate::embed::Event::Open
    /// [`Event::Upgraded`]: crate::embed::Event::Upgraded
    /// [`Event::Forget`]: crate::embed::Event::Forget
    pub fn attach_webtransport<S>(&self, first: &FirstPacket, session: WebTransport<S>)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let WebTransport {
            request,
            stream,
            handshake,
            address,
        } = session;
        let destination = match first {
            FirstPacket::Open => Some((self.pick_shard(), None)),
            FirstPacket::Upgrade { sid } => self.session_to_upgrade(sid),
        };
        let shard = destination.map_or(0, |(shard, _)| shard);
        let task = destination.map(|(_, upgrade_of)| {
            let address = self.identify(address.as_deref(), handshake.as_deref());
            records(request, stream, upgrade_of, handshake, address)
        });
        let task = task.filter(|_| !self.is_closing());
        self.push_all([(shard, request, task)]);
    }

    /// Polling clients that come from now on are told that they can upgrade to WebTransport, as they
    /// are where the engine itself listens for it: the application accepts the sessions.
    pub fn offer_webtransport(&self) {
        let is_offered = &self.shared.offers_webtransport;
        is_offered.store(true, Ordering::Release);
    }

    /// Whether polling clients are told of WebTransport.
    pub(super) fn offers_webtransport(&self) -> bool {
        self.shared.offers_webtransport.load(Ordering::Acquire)
    }

    /// Where the session is that a stream may come to carry.
    fn session_to_upgrade(&self, sid: &str) -> Option<(u8, Option<Slot>)> {
        let (conn, revision) = self.shared.registry.find(sid)?;
        (revision == Revision::V4).then_some((conn.shard, Some(conn.slot)))
    }
}

/// What takes on a stream of records.
fn records<S>(
    request: RequestId,
    stream: S,
    upgrade_of: Option<Slot>,
    handshake: Option<Arc<Handshake>>,
    address: Option<Address>,
) -> Task
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    Task::Attach(Box::new(Attach {
        kind: TransportKind::WebTransport,
        request,
        stream: Stream::Other(Box::new(RecordStream::new(stream))),
        answer: Bytes::new(),
        head: Bytes::new(),
        upgrade_of,
        dialect: Dialect {
            revision: Revision::V4,
            binary: BinaryForm::Raw,
            jsonp: None,
        },
        handshake,
        deflate: None,
        sid: None,
        address,
    }))
}
