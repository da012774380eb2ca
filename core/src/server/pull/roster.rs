//! The sockets of one shard that a pull application has been told of, by the keys it knows them by.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::AtomicPtr;

use crate::embed::websocket::Gauge;
use crate::embed::{Handshake, SocketRef};
use crate::hub::{ConnId, NamespaceId, Slot};

/// What a pull application knows a socket by. Never zero and never used twice by one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SocketKey(pub u64);

impl SocketKey {
    /// The low eight bits name the shard, the others count up.
    fn new(count: u64, shard: u8) -> SocketKey {
        SocketKey(count << u8::BITS | u64::from(shard))
    }

    pub(super) fn shard(self) -> u8 {
        (self.0 & u64::from(u8::MAX)) as u8
    }
}

/// What stays the same for a socket's whole life, and what the application keeps with it.
#[derive(Debug)]
pub struct SocketIdentity {
    /// The application's key for it.
    pub key: SocketKey,
    /// Its id, which its client knows too.
    pub sid: Arc<str>,
    /// The name of the namespace it is in, or asks for.
    pub namespace: Arc<str>,
    /// The application's own; never looked at.
    pub user_data: AtomicPtr<std::ffi::c_void>,
}

/// One shard's sockets, and the requests for some.
#[derive(Debug)]
pub(super) struct Roster {
    shard: u8,
    count: u64,
    members: Numbered<Slot, Vec<Member>>,
    slots: Numbered<SocketKey, Slot>,
    /// The requests that opened the connections.
    handshakes: Numbered<Slot, Arc<Handshake>>,
}

/// A map by numbers that the engine gives out itself: nobody can choose them so that they collide.
type Numbered<K, V> = HashMap<K, V, BuildHasherDefault<NumberHasher>>;

/// Spreads the bits of numbers by multiplication (Fibonacci hashing).
#[derive(Debug, Default)]
struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(32) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        // The high bits depend on all of the number; a table looks at the low ones too.
        self.0 ^ (self.0 >> 32)
    }
}

/// A socket, or the request for one.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) socket: Arc<SocketIdentity>,
    /// Where it was let in; nothing while it asks.
    pub(super) namespace: Option<NamespaceId>,
    /// Answers that the application waits for.
    open_acks: Vec<u64>,
    /// Of a plain WebSocket: how much waits for its peer.
    gauge: Option<Arc<Gauge>>,
    /// What went wrong with a plain WebSocket.
    pub(super) failure: Option<Box<str>>,
    /// What the client gave as `auth`, for other servers of a cluster.
    auth: Option<Box<str>>,
}

impl Roster {
    pub(super) fn new(shard: u8) -> Roster {
        Roster {
            shard,
            count: 0,
            members: Numbered::default(),
            slots: Numbered::default(),
            handshakes: Numbered::default(),
        }
    }

    /// A connection is open.
    pub(super) fn open(&mut self, slot: Slot, handshake: Arc<Handshake>) {
        self.handshakes.insert(slot, handshake);
    }

    /// A connection is over. Its sockets and requests have been removed.
    pub(super) fn close(&mut self, slot: Slot) {
        self.handshakes.remove(&slot);
    }

    /// The request that opened a connection, if it is known.
    pub(super) fn handshake_of(&self, slot: Slot) -> Option<Arc<Handshake>> {
        self.handshakes.get(&slot).cloned()
    }

    /// A connection asks to join a namespace.
    pub(super) fn ask(
        &mut self,
        slot: Slot,
        namespace: Arc<str>,
        sid: Arc<str>,
    ) -> Arc<SocketIdentity> {
        self.count += 1;
        let key = SocketKey::new(self.count, self.shard);
        let socket = Arc::new(SocketIdentity {
            key,
            sid,
            namespace,
            user_data: AtomicPtr::default(),
        });
        self.slots.insert(key, slot);
        self.members.entry(slot).or_default().push(Member {
            socket: Arc::clone(&socket),
            namespace: None,
            open_acks: Vec::new(),
            gauge: None,
            failure: None,
            auth: None,
        });
        socket
    }

    /// Keeps what the client gave as `auth` for those who ask with [`Roster::auth_of`].
    pub(super) fn keep_auth(&mut self, key: SocketKey, auth: Option<Box<str>>) {
        if let Some(member) = self.member_mut(key) {
            member.auth = auth;
        }
    }

    /// What was kept of its `auth`; `None` if the socket is not there.
    pub(super) fn auth_of(&self, socket: SocketRef) -> Option<Option<Box<str>>> {
        let key = self.find(socket)?.key;
        Some(self.member(key)?.1.auth.clone())
    }

    /// A plain WebSocket is open.
    pub(super) fn enter(
        &mut self,
        slot: Slot,
        name: Arc<str>,
        sid: Arc<str>,
        group: NamespaceId,
        gauge: Arc<Gauge>,
    ) {
        let key = self.ask(slot, name, sid).key;
        if let Some(member) = self.member_mut(key) {
            member.namespace = Some(group);
            member.gauge = Some(gauge);
        }
    }

    /// The plain WebSocket that a connection is.
    pub(super) fn only(&self, slot: Slot) -> Option<Arc<SocketIdentity>> {
        let member = self.members.get(&slot)?.first()?;
        Some(Arc::clone(&member.socket))
    }

    /// Something went wrong with a plain WebSocket.
    pub(super) fn fail(&mut self, slot: Slot, description: Box<str>) {
        if let Some(member) = self.members.get_mut(&slot).and_then(|m| m.first_mut()) {
            member.failure = Some(description);
        }
    }

    /// The plain WebSocket behind `key`.
    pub(super) fn websocket(&self, key: SocketKey) -> Option<(ConnId, Arc<Gauge>)> {
        let (slot, member) = self.member(key)?;
        Some((self.conn(slot), Arc::clone(member.gauge.as_ref()?)))
    }

    /// The accepted socket behind `key`, unless it is a plain WebSocket.
    pub(super) fn client(&self, key: SocketKey) -> Option<SocketRef> {
        let (_, member) = self.member(key)?;
        member.gauge.is_none().then(|| self.socket(key))?
    }

    /// The request behind `key`, if it is still to be answered.
    pub(super) fn asking(&self, key: SocketKey) -> Option<(ConnId, Arc<SocketIdentity>)> {
        let (slot, member) = self.member(key)?;
        let is_asking = member.namespace.is_none();
        is_asking.then(|| (self.conn(slot), Arc::clone(&member.socket)))
    }

    /// The request behind `key` becomes a socket in `namespace`.
    pub(super) fn admit(&mut self, key: SocketKey, namespace: NamespaceId) {
        if let Some(member) = self.member_mut(key) {
            member.namespace = Some(namespace);
        }
    }

    /// What is known of the socket or the request behind `key`.
    pub(super) fn identity(&self, key: SocketKey) -> Option<Arc<SocketIdentity>> {
        Some(Arc::clone(&self.member(key)?.1.socket))
    }

    /// The accepted socket, or the plain WebSocket, behind `key`.
    pub(super) fn socket(&self, key: SocketKey) -> Option<SocketRef> {
        let (slot, member) = self.member(key)?;
        Some(SocketRef {
            conn: self.conn(slot),
            namespace: member.namespace?,
        })
    }

    /// The member that the engine knows as `socket`.
    pub(super) fn find(&self, socket: SocketRef) -> Option<&Arc<SocketIdentity>> {
        let members = self.members.get(&socket.conn.slot)?;
        let member = members
            .iter()
            .find(|member| member.namespace == Some(socket.namespace))?;
        Some(&member.socket)
    }

    /// The application waits for an answer of the accepted socket behind `key`.
    pub(super) fn expect_ack(&mut self, key: SocketKey, id: u64) -> Option<SocketRef> {
        let socket = self.client(key)?;
        self.member_mut(key)?.open_acks.push(id);
        Some(socket)
    }

    /// The wait for an answer is over; nothing if there was none.
    pub(super) fn settle_ack(&mut self, socket: SocketRef, id: u64) -> Option<Arc<SocketIdentity>> {
        let member = self
            .members
            .get_mut(&socket.conn.slot)?
            .iter_mut()
            .find(|member| member.namespace == Some(socket.namespace))?;
        let at = member.open_acks.iter().position(|open| *open == id)?;
        member.open_acks.swap_remove(at);
        Some(Arc::clone(&member.socket))
    }

    /// Forgets one socket or request.
    pub(super) fn remove(&mut self, key: SocketKey) -> Option<Member> {
        let slot = self.slots.remove(&key)?;
        let members = self.members.get_mut(&slot)?;
        let at = members.iter().position(|member| member.socket.key == key)?;
        let member = members.remove(at);
        if members.is_empty() {
            self.members.remove(&slot);
        }
        Some(member)
    }

    /// Forgets all sockets and requests of a connection.
    pub(super) fn remove_connection(&mut self, slot: Slot) -> Vec<Member> {
        let members = self.members.remove(&slot).unwrap_or_default();
        for member in &members {
            self.slots.remove(&member.socket.key);
        }
        members
    }

    fn member(&self, key: SocketKey) -> Option<(Slot, &Member)> {
        let slot = *self.slots.get(&key)?;
        let members = self.members.get(&slot)?;
        let member = members.iter().find(|member| member.socket.key == key)?;
        Some((slot, member))
    }

    fn member_mut(&mut self, key: SocketKey) -> Option<&mut Member> {
        let slot = self.slots.get(&key)?;
        let members = self.members.get_mut(slot)?;
        members.iter_mut().find(|member| member.socket.key == key)
    }

    fn conn(&self, slot: Slot) -> ConnId {
        ConnId {
            shard: self.shard,
            slot,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOT: Slot = Slot {
        index: 4,
        generation: 1,
    };

    fn roster_with_request() -> (Roster, SocketKey) {
        let mut roster = Roster::new(3);
        let key = roster.ask(SLOT, "/".into(), "sid".into()).key;
        (roster, key)
    }

    fn socket(slot: Slot) -> SocketRef {
        SocketRef {
            conn: ConnId { shard: 3, slot },
            namespace: NamespaceId(0),
        }
    }

    #[test]
    fn a_request_is_no_socket_until_it_is_admitted() {
        let (mut roster, key) = roster_with_request();
        assert_eq!(key.shard(), 3);
        assert_eq!(roster.socket(key), None);
        assert!(roster.find(socket(SLOT)).is_none());
        assert!(roster.asking(key).is_some());
        roster.admit(key, NamespaceId(0));
        assert!(roster.asking(key).is_none());
        assert_eq!(roster.socket(key), Some(socket(SLOT)));
        assert_eq!(roster.find(socket(SLOT)).map(|found| found.key), Some(key));
    }

    #[test]
    fn keys_are_never_used_twice_and_late_ones_find_nothing() {
        let (mut roster, first) = roster_with_request();
        assert_eq!(roster.remove_connection(SLOT).len(), 1);
        let second = roster.ask(SLOT, "/".into(), "sid".into()).key;
        assert_ne!(first, second);
        roster.admit(first, NamespaceId(0));
        assert_eq!(roster.socket(first), None);
        assert!(roster.remove(first).is_none());
        assert!(roster.remove(second).is_some());
        assert!(roster.members.is_empty() && roster.slots.is_empty());
    }

    #[test]
    fn an_ack_is_settled_once_and_only_if_it_was_asked_for() {
        let (mut roster, key) = roster_with_request();
        assert_eq!(roster.expect_ack(key, 7), None);
        roster.admit(key, NamespaceId(0));
        assert_eq!(roster.expect_ack(key, 7), Some(socket(SLOT)));
        assert!(roster.settle_ack(socket(SLOT), 8).is_none());
        assert!(roster.settle_ack(socket(SLOT), 7).is_some());
        assert!(roster.settle_ack(socket(SLOT), 7).is_none());
    }
}
