//! What a shard keeps for one Engine.IO connection.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::task::Responder;
use crate::config::TransportKind;
use crate::embed::RequestId;
use crate::hub::Client;
use crate::session::Session;
use crate::transport::{BinaryForm, Dialect, Link, LinkId};

/// One connection: its session, its place in the namespaces, and what carries it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) sid: Arc<str>,
    pub(super) dialect: Dialect,
    pub(super) session: Session,
    pub(super) client: Client,
    /// The WebSocket that carries it.
    pub(super) link: Option<Link>,
    /// The WebSocket that is to carry it, while it is being probed; afterwards one that ends.
    pub(super) probe: Option<Box<Link>>,
    /// How binary is written once the probed one carries it.
    pub(super) probe_binary: BinaryForm,
    /// The GET that waits for packets.
    pub(super) poll: Option<Box<PendingPoll>>,
    /// The POST whose packets wait until the application is ready.
    pub(super) post: Option<Box<PendingPost>>,
    /// Until then it must have joined a namespace.
    pub(super) connect_deadline: Option<Instant>,
    /// The tick it is to be looked at, so that no deadline is set twice.
    pub(super) wakes_at: Option<u64>,
    /// The last broadcast that reached it, or left it out.
    pub(super) broadcast_mark: u64,
    /// Tokens of messages that wait, with the number of frames that must be out for each.
    #[expect(
        clippy::box_collection,
        reason = "most have none, and a pointer is less than a list"
    )]
    pub(super) tokens: Option<Box<VecDeque<(u64, u64)>>>,
    /// What was wrong with the packet that ended it.
    pub(super) fault: Option<Box<str>>,
    pub(super) is_dirty: bool,
    /// There is more to see to at its next flush than messages.
    pub(super) is_touched: bool,
    /// What its peer sends is left unread until the application is ready.
    pub(super) is_paused: bool,
    /// The application closes it, and wants what is queued to arrive.
    pub(super) is_closed_gently: bool,
    /// The application has been told of its end.
    pub(super) is_over: bool,
}

#[derive(Debug)]
pub(super) struct PendingPoll {
    pub(super) request: RequestId,
    pub(super) responder: Responder,
    pub(super) legacy_browser: bool,
}

#[derive(Debug)]
pub(super) struct PendingPost {
    pub(super) responder: Responder,
    pub(super) body: Bytes,
    pub(super) is_octet_stream: bool,
    pub(super) legacy_browser: bool,
}

impl Connection {
    pub(super) fn new(
        sid: Arc<str>,
        dialect: Dialect,
        session: Session,
        connect_deadline: Option<Instant>,
    ) -> Connection {
        Connection {
            sid,
            client: Client::new(dialect.revision),
            probe_binary: dialect.binary,
            dialect,
            session,
            link: None,
            probe: None,
            poll: None,
            post: None,
            connect_deadline,
            wakes_at: None,
            broadcast_mark: 0,
            tokens: None,
            fault: None,
            is_dirty: false,
            is_touched: false,
            is_paused: false,
            is_closed_gently: false,
            is_over: false,
        }
    }

    /// The candidate carries the connection from now on.
    pub(super) fn promote_probe(&mut self) {
        self.link = self.probe.take().map(|probe| *probe);
        self.dialect.binary = self.probe_binary;
    }

    pub(super) fn has_link(&self, id: LinkId) -> bool {
        let links = [self.link.as_ref(), self.probe.as_deref()];
        links.into_iter().flatten().any(|link| link.id == id)
    }

    /// The WebSocket that a request brought.
    pub(super) fn link_of(&self, request: RequestId) -> Option<LinkId> {
        let mut links = [self.link.as_ref(), self.probe.as_deref()]
            .into_iter()
            .flatten();
        let link = links.find(|link| link.request == request);
        link.map(|link| link.id)
    }

    pub(super) fn link_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        match (&mut self.link, &mut self.probe) {
            (Some(link), _) if link.id == id => Some(link),
            (_, Some(probe)) if probe.id == id => Some(probe),
            _ => None,
        }
    }

    /// Whether what is sent now would leave at once.
    pub(super) fn is_writable(&self) -> bool {
        self.session.is_writable() && self.link.as_ref().is_none_or(Link::is_writable)
    }

    /// Whether what is queued leaves frame by frame as it is: by a link that does not compress, which
    /// nothing takes the place of.
    pub(super) fn takes_frames_together(&self) -> bool {
        let link = self.link.as_ref();
        self.session.is_open()
            && self.session.transport() != TransportKind::Polling
            && link.is_some_and(|link| link.deflater.is_none())
    }

    /// Nothing is waited for any more.
    pub(super) fn drop_links(&mut self, now: Instant) {
        let links = [self.link.as_mut(), self.probe.as_deref_mut()];
        for link in links.into_iter().flatten() {
            link.close_outlet(now);
        }
    }

    /// Bytes that the peer has not yet taken.
    pub(super) fn queued_bytes(&self) -> usize {
        self.session.queued_bytes() + self.link.as_ref().map_or(0, Link::backlog_bytes)
    }

    /// Whether it goes on with all that it has.
    pub(super) fn has_nothing_over(&self, now: Instant) -> bool {
        let link = self.link.as_ref();
        !self.is_over && self.probe.is_none() && link.is_some_and(|link| !link.is_over(now))
    }

    /// When it wants to be looked at.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let link = self.link.as_ref().and_then(Link::deadline);
        let probe = self.probe.as_deref().and_then(Link::deadline);
        let sooner = |one: Option<Instant>, other: Option<Instant>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let session = sooner(self.session.next_timeout(), self.connect_deadline);
        let client = sooner(session, self.client.next_ack_deadline());
        sooner(client, sooner(link, probe))
    }
}
