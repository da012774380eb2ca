//! The Socket.IO half of one connection: which namespaces it is in, and the packet whose binary
//! attachments are still coming. Pure; the driver owns one beside the session.

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::{Namespace, NamespaceId};
use crate::proto::attachments::Incomplete;
use crate::proto::engine::Revision;
use crate::proto::socket::{self, PacketType};
use crate::proto::{DecodeError, msgpack, query};

/// One connection's place in the namespaces.
#[derive(Debug)]
pub struct Client {
    revision: Revision,
    joined: Vec<Joined>,
    rare: Option<Box<Rare>>,
}

/// A namespace that the connection is in.
#[derive(Debug)]
struct Joined {
    namespace: Arc<Namespace>,
    #[cfg_attr(
        not(feature = "server"),
        expect(dead_code, reason = "no IO, nothing heard")
    )]
    kept: Kept,
}

/// What an application keeps with a connection for as long as it is in a namespace, for its own use.
pub type Kept = Option<Box<dyn Any + Send>>;

/// State that most connections have none of.
#[derive(Debug, Default)]
struct Rare {
    /// Names of namespaces the application has not yet let it into.
    pending: Vec<Box<str>>,
    incomplete: Option<Incomplete<Header>>,
    /// Acks with a timeout, in the order they were asked for.
    ack_deadlines: Vec<AckDeadline>,
}

/// A packet as either parser gives it.
#[derive(Debug)]
struct Whole<'a> {
    kind: PacketType,
    namespace: Cow<'a, str>,
    id: Option<u64>,
    data: Option<Cow<'a, str>>,
    attachments: Vec<Bytes>,
}

impl Whole<'_> {
    /// In protocol 3 a namespace's name may have a query, which stands in place of `auth`.
    fn split_query(&mut self) {
        let (name, query) = query::split(&self.namespace);
        let (length, is_connect) = (name.len(), self.kind == PacketType::Connect);
        if is_connect {
            self.data = query.map(|query| query::to_json(query).into());
        }
        match &mut self.namespace {
            Cow::Borrowed(name) => *name = &name[..length],
            Cow::Owned(name) => name.truncate(length),
        }
    }
}

/// A packet that attachments follow.
#[derive(Debug)]
struct Header {
    namespace: NamespaceId,
    is_ack: bool,
    id: Option<u64>,
    data: Box<str>,
}

#[derive(Clone, Copy, Debug)]
struct AckDeadline {
    namespace: NamespaceId,
    id: u64,
    at: Instant,
}

/// What a message of the peer asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// Nothing yet: attachments are still to come.
    Nothing,
    /// The peer asks to join a namespace; answer with [`Client::accept`] or [`Client::refuse`].
    Connect {
        /// The namespace's name as the peer wrote it.
        namespace: Cow<'a, str>,
        /// The `auth` object as raw JSON.
        auth: Option<Cow<'a, str>>,
    },
    /// An event.
    Event {
        /// Where it happened.
        namespace: NamespaceId,
        /// The ack the peer waits for.
        ack: Option<u64>,
        /// Raw JSON array: name and arguments; binary stands as placeholders.
        data: Cow<'a, str>,
        /// The binary attachments in order.
        attachments: Vec<Bytes>,
    },
    /// The answer to an event of ours.
    Ack {
        /// Where it happened.
        namespace: NamespaceId,
        /// The id we gave.
        id: u64,
        /// Raw JSON array of the arguments.
        data: Cow<'a, str>,
        /// The binary attachments in order.
        attachments: Vec<Bytes>,
    },
    /// The peer left a namespace; [`Client::leave`] has been done.
    Disconnect {
        /// The namespace left.
        namespace: Arc<Namespace>,
    },
}

impl PartialEq for Namespace {
    fn eq(&self, other: &Namespace) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Namespace {}

/// How a peer broke the Socket.IO protocol. Either ends its connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Violation {
    /// Bytes that are no packet.
    Packet(DecodeError),
    /// A text packet where an attachment was due.
    TextWhileReconstructing,
    /// An attachment that no packet announced.
    UnannouncedBinary,
    /// A packet that has no place in the connection's present state, for example a second CONNECT.
    State,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Violation::Packet(error) => error.fmt(f),
            Violation::TextWhileReconstructing => {
                f.write_str("got plaintext data when reconstructing a packet")
            }
            Violation::UnannouncedBinary => {
                f.write_str("got binary data when not reconstructing a packet")
            }
            Violation::State => f.write_str("a packet out of place"),
        }
    }
}

impl Client {
    /// A connection that is in no namespace, whose peer speaks `revision` of Engine.IO and so the
    /// protocol of Socket.IO that goes with it.
    pub fn new(revision: Revision) -> Client {
        Client {
            revision,
            joined: Vec::new(),
            rare: None,
        }
    }

    /// The connection is open. A peer of protocol 3 has asked for `/` by that.
    pub fn open(&mut self) -> Option<Incoming<'static>> {
        (self.revision == Revision::V3).then(|| {
            self.rare().pending.push("/".into());
            Incoming::Connect {
                namespace: "/".into(),
                auth: None,
            }
        })
    }

    /// The id of its socket in the namespace of that name, where it is not a new one: peers of
    /// protocol 3 know their sockets by the id of their session.
    pub fn fixed_sid(&self, namespace: &str, session: &Arc<str>) -> Option<Arc<str>> {
        match (self.revision, namespace) {
            (Revision::V4, _) => None,
            (Revision::V3, "/") => Some(Arc::clone(session)),
            (Revision::V3, _) => Some(format!("{namespace}#{session}").into()),
        }
    }

    /// A text message of the peer.
    ///
    /// # Errors
    /// The connection is then to be closed.
    pub fn handle_text<'a>(
        &mut self,
        text: &'a str,
        max_attachments: u32,
    ) -> Result<Incoming<'a>, Violation> {
        if self
            .rare
            .as_ref()
            .is_some_and(|rare| rare.incomplete.is_some())
        {
            return Err(Violation::TextWhileReconstructing);
        }
        let packet = socket::decode(text, max_attachments).map_err(Violation::Packet)?;
        let expected = packet.attachments as usize;
        let whole = Whole {
            kind: packet.kind,
            namespace: Cow::Borrowed(packet.namespace),
            id: packet.id,
            data: packet.data.map(Cow::Borrowed),
            attachments: Vec::new(),
        };
        self.handle_packet(whole, expected)
    }

    /// A text message of the peer, if it is a plain event in a namespace that it is in. Whatever else it
    /// is, [`Client::handle_text`] takes.
    #[cfg(feature = "server")]
    #[inline]
    pub(crate) fn plain_event<'a>(
        &mut self,
        text: &'a str,
    ) -> Option<(NamespaceId, &mut Kept, socket::PlainEvent<'a>)> {
        let is_whole = self.rare.as_ref().is_none_or(|r| r.incomplete.is_none());
        if !is_whole || self.revision != Revision::V4 {
            return None;
        }
        let event = socket::PlainEvent::decode(text)?;
        let mut joined = self.joined.iter_mut();
        let joined = joined.find(|joined| joined.namespace.name() == event.namespace)?;
        Some((joined.namespace.id(), &mut joined.kept, event))
    }

    /// A binary message of a peer whose packets are MessagePack.
    ///
    /// # Errors
    /// The connection is then to be closed.
    pub fn handle_message_pack<'a>(
        &mut self,
        message: &'a [u8],
        max_attachments: u32,
    ) -> Result<Incoming<'a>, Violation> {
        let packet = msgpack::decode(message, max_attachments).map_err(Violation::Packet)?;
        let attachments = packet.attachments.into_iter();
        let whole = Whole {
            kind: packet.kind,
            namespace: packet.namespace,
            id: packet.id,
            data: packet.data.map(Cow::Owned),
            attachments: attachments.map(Bytes::copy_from_slice).collect(),
        };
        self.handle_packet(whole, 0)
    }

    /// A packet, for which `expected` attachments are still to come.
    fn handle_packet<'a>(
        &mut self,
        mut packet: Whole<'a>,
        expected: usize,
    ) -> Result<Incoming<'a>, Violation> {
        if self.revision == Revision::V3 {
            packet.split_query();
        }
        let joined = self
            .namespaces()
            .find(|joined| joined.name() == packet.namespace);
        match (packet.kind, joined) {
            (PacketType::Connect, None) if self.may_ask_for(&packet.namespace) => {
                self.rare().pending.push((*packet.namespace).into());
                Ok(Incoming::Connect {
                    namespace: packet.namespace,
                    auth: packet.data,
                })
            }
            (PacketType::Connect | PacketType::ConnectError, _) | (_, None) => {
                Err(Violation::State)
            }
            (PacketType::Disconnect, Some(namespace)) => {
                let namespace = Arc::clone(namespace);
                self.leave(namespace.id());
                Ok(Incoming::Disconnect { namespace })
            }
            (_, Some(namespace)) if expected > 0 => {
                let header = Header {
                    namespace: namespace.id(),
                    is_ack: packet.kind == PacketType::BinaryAck,
                    id: packet.id,
                    data: packet.data.as_deref().unwrap_or("[]").into(),
                };
                let incomplete = Incomplete::new(header, expected);
                self.rare().incomplete = Some(incomplete);
                Ok(Incoming::Nothing)
            }
            (_, Some(namespace)) => {
                let namespace = namespace.id();
                self.complete(namespace, packet)
            }
        }
    }

    /// A binary message of the peer: the next attachment of the packet that announced it.
    ///
    /// # Errors
    /// No packet announced it. The connection is then to be closed.
    pub fn handle_binary(&mut self, bytes: &[u8]) -> Result<Incoming<'static>, Violation> {
        let unannounced = || Violation::UnannouncedBinary;
        let slot = self
            .rare
            .as_mut()
            .map(|rare| &mut rare.incomplete)
            .ok_or_else(unannounced)?;
        let incomplete = slot.as_mut().ok_or_else(unannounced)?;
        if !incomplete.take(bytes) {
            return Ok(Incoming::Nothing);
        }
        let (packet, attachments) = slot.take().ok_or_else(unannounced)?.into_parts();
        // The peer may have been taken out of the namespace meanwhile.
        if !self.is_in(packet.namespace) {
            return Err(Violation::State);
        }
        let namespace = packet.namespace;
        let data = packet.data.into_string().into();
        match (packet.is_ack, packet.id) {
            (false, ack) => Ok(Incoming::Event {
                namespace,
                ack,
                data,
                attachments,
            }),
            (true, Some(id)) => {
                self.forget_ack(namespace, id);
                Ok(Incoming::Ack {
                    namespace,
                    id,
                    data,
                    attachments,
                })
            }
            (true, None) => Ok(Incoming::Nothing),
        }
    }

    /// The application let the peer into `namespace`. False if it did not ask, or is gone.
    pub fn accept(&mut self, namespace: Arc<Namespace>) -> bool {
        if !self.refuse(namespace.name()) {
            return false;
        }
        // Most are in one namespace for good.
        self.joined.reserve_exact(1);
        self.joined.push(Joined {
            namespace,
            kept: None,
        });
        true
    }

    /// The application refused the namespace of that name. False if the peer did not ask for it.
    pub fn refuse(&mut self, name: &str) -> bool {
        let Some(rare) = &mut self.rare else {
            return false;
        };
        let Some(at) = rare.pending.iter().position(|pending| &**pending == name) else {
            return false;
        };
        rare.pending.swap_remove(at);
        self.shed();
        true
    }

    /// Takes the connection out of a namespace. False if it was not there.
    pub fn leave(&mut self, namespace: NamespaceId) -> bool {
        let Some(at) = self
            .namespaces()
            .position(|joined| joined.id() == namespace)
        else {
            return false;
        };
        self.joined.remove(at);
        true
    }

    /// Takes the connection out of all namespaces, and gives them.
    pub fn leave_all(&mut self) -> Vec<Arc<Namespace>> {
        let joined = std::mem::take(&mut self.joined);
        joined.into_iter().map(|joined| joined.namespace).collect()
    }

    /// Whether the connection is in `namespace`.
    pub fn is_in(&self, namespace: NamespaceId) -> bool {
        self.namespaces().any(|joined| joined.id() == namespace)
    }

    /// Whether the connection is in no namespace.
    pub fn is_idle(&self) -> bool {
        self.joined.is_empty()
    }

    /// The names of namespaces the connection waits for.
    pub fn pending(&self) -> impl Iterator<Item = &str> {
        self.rare
            .iter()
            .flat_map(|rare| &rare.pending)
            .map(|name| &**name)
    }

    /// The answer to ack `id` is due by `at`.
    pub fn expect_ack(&mut self, namespace: NamespaceId, id: u64, at: Instant) {
        self.rare()
            .ack_deadlines
            .push(AckDeadline { namespace, id, at });
    }

    /// An ack whose time is up at `now`; it is then forgotten.
    pub fn poll_expired_ack(&mut self, now: Instant) -> Option<(NamespaceId, u64)> {
        let deadlines = &mut self.rare.as_mut()?.ack_deadlines;
        let at = deadlines.iter().position(|deadline| deadline.at <= now)?;
        let expired = deadlines.remove(at);
        self.shed();
        Some((expired.namespace, expired.id))
    }

    /// When the next ack's time is up.
    pub fn next_ack_deadline(&self) -> Option<Instant> {
        self.rare
            .as_ref()?
            .ack_deadlines
            .iter()
            .map(|deadline| deadline.at)
            .min()
    }

    fn complete<'a>(
        &mut self,
        namespace: NamespaceId,
        packet: Whole<'a>,
    ) -> Result<Incoming<'a>, Violation> {
        let data = packet.data.unwrap_or(Cow::Borrowed("[]"));
        let attachments = packet.attachments;
        if matches!(packet.kind, PacketType::Event | PacketType::BinaryEvent) {
            return Ok(Incoming::Event {
                namespace,
                ack: packet.id,
                data,
                attachments,
            });
        }
        let Some(id) = packet.id else {
            return Ok(Incoming::Nothing);
        };
        self.forget_ack(namespace, id);
        Ok(Incoming::Ack {
            namespace,
            id,
            data,
            attachments,
        })
    }

    fn forget_ack(&mut self, namespace: NamespaceId, id: u64) {
        if let Some(rare) = &mut self.rare {
            rare.ack_deadlines
                .retain(|open| (open.namespace, open.id) != (namespace, id));
            self.shed();
        }
    }

    fn namespaces(&self) -> impl Iterator<Item = &Arc<Namespace>> {
        self.joined.iter().map(|joined| &joined.namespace)
    }

    fn may_ask_for(&self, name: &str) -> bool {
        let pending = self.rare.as_ref().map_or(&[][..], |rare| &rare.pending);
        self.joined.len() + pending.len() < MAX_NAMESPACES && !pending.iter().any(|p| &**p == name)
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Gives the rare state back once there is none.
    fn shed(&mut self) {
        if self.rare.as_ref().is_some_and(|rare| {
            rare.pending.is_empty() && rare.incomplete.is_none() && rare.ack_deadlines.is_empty()
        }) {
            self.rare = None;
        }
    }
}

/// Most namespaces one connection may be in or wait for: what it asks for is kept until the
/// application answers, and must not grow without bound.
const MAX_NAMESPACES: usize = 1_024;
