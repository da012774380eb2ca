//! One namespace: its sockets, its rooms, and the choice of a broadcast's targets.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use super::ack::BroadcastAcks;
use super::members::{Members, Targets};
use super::recovery::{Away, Former, Recovery, RecoverySettings};
use super::watch::RoomWatch;
use super::{ConnId, NamespaceId, SocketRef};

/// A namespace: the sockets in it and their rooms. Every method may be called from any thread.
#[derive(Debug)]
pub struct Namespace {
    id: NamespaceId,
    name: Arc<str>,
    sockets: Striped<ConnId, Entry>,
    /// Sockets by id, as long as they are in the room of their own id.
    by_sid: Striped<Arc<str>, ConnId>,
    rooms: Striped<Arc<str>, Members>,
    all: Mutex<Members>,
    next_ack: AtomicU64,
    acks: BroadcastAcks,
    recovery: Option<Mutex<Recovery>>,
    watch: Arc<RoomWatch>,
}

#[derive(Debug)]
struct Entry {
    /// Plain WebSockets have none.
    sid: Option<Arc<str>>,
    /// Whether it is in the room of its own id: so from the start, until it leaves all rooms.
    is_in_own_room: bool,
    rooms: Vec<Arc<str>>,
    /// Sockets of an engine that keeps no store have none.
    return_ticket: Option<Box<ReturnTicket>>,
}

/// What a socket can come back with.
#[derive(Debug, Default)]
struct ReturnTicket {
    /// The private id by which it is known.
    pid: Option<Arc<str>>,
    /// What the application wants to find again.
    data: Option<Arc<str>>,
}

/// A room's name and the ids of the sockets in it.
pub type RoomMembers = (Arc<str>, Vec<Arc<str>>);

impl Namespace {
    pub(super) fn new(
        id: NamespaceId,
        name: Arc<str>,
        shards: usize,
        recovery: Option<RecoverySettings>,
        watch: &Arc<RoomWatch>,
    ) -> Namespace {
        let stripes = (shards * 4).next_power_of_two();
        Namespace {
            id,
            name,
            sockets: Striped::new(stripes),
            by_sid: Striped::new(stripes),
            rooms: Striped::new(stripes),
            all: Mutex::default(),
            next_ack: AtomicU64::new(0),
            acks: BroadcastAcks::default(),
            recovery: recovery.map(|settings| Mutex::new(Recovery::new(settings))),
            watch: Arc::clone(watch),
        }
    }

    /// Its number in the engine.
    pub fn id(&self) -> NamespaceId {
        self.id
    }

    /// Its name, with the leading `/`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// An ack id that no other packet of this namespace has.
    pub fn next_ack(&self) -> u64 {
        self.next_ack.fetch_add(1, Ordering::Relaxed)
    }

    /// Ids below `first` are the application's to give: [`Namespace::next_ack`] gives none of them.
    pub fn leave_acks_below(&self, first: u64) {
        self.next_ack.fetch_max(first, Ordering::Relaxed);
    }

    /// The acks that broadcasts of this namespace wait for.
    pub fn broadcast_acks(&self) -> &BroadcastAcks {
        &self.acks
    }

    /// The store for sockets that may come back, if the engine keeps one. Its lock is taken before
    /// any other of the namespace.
    pub fn recovery(&self) -> Option<&Mutex<Recovery>> {
        self.recovery.as_ref()
    }

    /// Whether no socket is in it or may come back to it, and no answers to a broadcast are awaited.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        let awaits_nobody = |store: &Mutex<Recovery>| store.lock().is_idle(now);
        self.is_empty() && self.acks.is_empty() && self.recovery.as_ref().is_none_or(awaits_nobody)
    }

    /// Adds a socket; it is then in the room of its own id and in no other. `pid` is the private
    /// id by which it can come back.
    pub fn add(&self, conn: ConnId, sid: Arc<str>, pid: Option<Arc<str>>) {
        let is_new = self.insert(
            conn,
            Entry {
                sid: Some(Arc::clone(&sid)),
                is_in_own_room: true,
                rooms: Vec::new(),
                return_ticket: pid.map(|pid| {
                    Box::new(ReturnTicket {
                        pid: Some(pid),
                        data: None,
                    })
                }),
            },
        );
        if is_new {
            self.by_sid
                .with(&sid, |index| index.insert(Arc::clone(&sid), conn));
            self.watch.tell(self, &sid);
        }
    }

    /// Adds a plain WebSocket, which has no id and is in no room.
    pub fn add_nameless(&self, conn: ConnId) {
        self.insert(
            conn,
            Entry {
                sid: None,
                is_in_own_room: false,
                rooms: Vec::new(),
                return_ticket: None,
            },
        );
    }

    /// False if `conn` is in the namespace already.
    fn insert(&self, conn: ConnId, entry: Entry) -> bool {
        let is_new = self.sockets.with(&conn, |sockets| {
            let is_new = !sockets.contains_key(&conn);
            if is_new {
                sockets.insert(conn, entry);
            }
            is_new
        });
        if is_new {
            self.all.lock().insert(conn);
        }
        is_new
    }

    /// Removes a socket whose connection is gone. It may come back if the engine keeps a store.
    pub fn remove_for_now(&self, conn: ConnId, now: Instant) {
        if let Some(recovery) = &self.recovery {
            let mut store = recovery.lock();
            store.forget(conn);
            let rooms = self.rooms_of(conn);
            let going = self.sockets.with(&conn, |sockets| {
                let entry = sockets.get(&conn)?;
                let ticket = entry.return_ticket.as_ref()?;
                let (sid, data) = (entry.sid.clone()?, ticket.data.clone());
                Some((ticket.pid.clone()?, Away { sid, rooms, data }))
            });
            if let Some((pid, away)) = going {
                store.leave(conn, pid, away, now);
            }
            self.remove(conn);
        } else {
            self.remove(conn);
        }
    }

    /// Keeps `data` for the socket that comes back in place of this one, instead of what was kept
    /// before. False if its connection is gone: then it is for [`Namespace::with_former`].
    pub fn keep(&self, conn: ConnId, data: Arc<str>) -> bool {
        // So that a socket that goes takes it along, or is gone before.
        let _store = self.recovery.as_ref().map(Mutex::lock);
        self.give_back(conn, data)
    }

    /// The same for a socket that comes back with `data`, for who holds the lock of the store.
    pub fn give_back(&self, conn: ConnId, data: Arc<str>) -> bool {
        let known = self.sockets.with(&conn, |sockets| {
            let entry = sockets.get_mut(&conn)?;
            let ticket = entry.return_ticket.get_or_insert_default();
            ticket.data = Some(data);
            Some(())
        });
        known.is_some()
    }

    /// What was kept for the socket of `conn`, or for the one that it asks to be again.
    pub fn kept(&self, conn: ConnId) -> Option<Arc<str>> {
        let data = self.sockets.with(&conn, |sockets| {
            let ticket = sockets.get(&conn)?.return_ticket.as_ref();
            Some(ticket.and_then(|ticket| ticket.data.clone()))
        });
        data.unwrap_or_else(|| self.recovery.as_ref()?.lock().claimed_data(conn))
    }

    /// Works on what is kept of a socket whose connection is gone, if the application names it still.
    pub fn with_former(&self, conn: ConnId, work: impl FnOnce(Former<'_>)) {
        if let Some(recovery) = &self.recovery
            && let Some(former) = recovery.lock().former(conn, Instant::now())
        {
            work(former);
        }
    }

    /// Removes a socket from the namespace and all its rooms. Does nothing if it is not there.
    pub fn remove(&self, conn: ConnId) {
        let Some(entry) = self.sockets.with(&conn, |sockets| sockets.remove(&conn)) else {
            return;
        };
        self.all.lock().remove(conn);
        if let Some(sid) = &entry.sid {
            self.by_sid.with(sid, |index| index.remove(sid));
            self.watch.tell(self, sid);
        }
        for room in entry.rooms {
            if self.leave_members(&room, conn) {
                self.watch.tell(self, &room);
            }
        }
    }

    /// Puts the socket into `room`. False if the socket is gone.
    pub fn join(&self, conn: ConnId, room: &str) -> bool {
        let is_new_room = self.sockets.with(&conn, |sockets| {
            let entry = sockets.get_mut(&conn)?;
            if let Some(sid) = &entry.sid
                && **sid == *room
            {
                entry.is_in_own_room = true;
                let sid = Arc::clone(sid);
                let known = self.by_sid.with(room, |index| index.insert(sid, conn));
                return Some(known.is_none());
            }
            if entry.rooms.iter().any(|joined| &**joined == room) {
                return Some(false);
            }
            let room: Arc<str> = room.into();
            entry.rooms.push(Arc::clone(&room));
            Some(self.rooms.with(&room, |rooms| {
                let members = rooms.entry(Arc::clone(&room)).or_default();
                members.insert(conn);
                members.len() == 1
            }))
        });
        if is_new_room == Some(true) {
            self.watch.tell(self, room);
        }
        is_new_room.is_some()
    }

    /// Takes the socket out of `room`.
    pub fn leave(&self, conn: ConnId, room: &str) {
        let is_gone = self.sockets.with(&conn, |sockets| {
            let Some(entry) = sockets.get_mut(&conn) else {
                return false;
            };
            if entry.sid.as_deref() == Some(room) {
                return self.leave_own(entry);
            }
            let at = entry.rooms.iter().position(|joined| &**joined == room);
            at.is_some_and(|at| self.leave_members(&entry.rooms.remove(at), conn))
        });
        if is_gone {
            self.watch.tell(self, room);
        }
    }

    /// Takes the socket out of every room, that of its own id too: from then on only what is sent
    /// to it directly, or to the whole namespace, reaches it.
    pub fn leave_all(&self, conn: ConnId) {
        let gone = self.sockets.with(&conn, |sockets| {
            let Some(entry) = sockets.get_mut(&conn) else {
                return Vec::new();
            };
            let was_in_own = self.leave_own(entry);
            let own = entry.sid.clone().filter(|_| was_in_own);
            let mut gone = std::mem::take(&mut entry.rooms);
            gone.retain(|room| self.leave_members(room, conn));
            gone.extend(own);
            gone
        });
        for room in gone {
            self.watch.tell(self, &room);
        }
    }

    /// The rooms the socket is in, that of its own id first; none if it is gone.
    pub fn rooms_of(&self, conn: ConnId) -> Vec<Arc<str>> {
        self.sockets
            .with(&conn, |sockets| match sockets.get(&conn) {
                None => Vec::new(),
                Some(entry) => {
                    let own = entry.sid.as_ref().filter(|_| entry.is_in_own_room);
                    own.into_iter()
                        .chain(&entry.rooms)
                        .map(Arc::clone)
                        .collect()
                }
            })
    }

    /// Every room that somebody joined, with the sockets in it. The rooms of the sockets' own ids
    /// are left out unless somebody else joined them. Costs the size of the answer.
    pub fn rooms(&self) -> Vec<RoomMembers> {
        let mut found: Vec<(Arc<str>, Vec<ConnId>)> = Vec::new();
        self.rooms.each(|rooms| {
            found.extend(
                rooms
                    .iter()
                    .map(|(room, m)| (Arc::clone(room), m.iter().collect())),
            );
        });
        found
            .into_iter()
            .map(|(room, conns)| {
                (
                    room,
                    conns
                        .into_iter()
                        .filter_map(|conn| self.sid_of(conn))
                        .collect(),
                )
            })
            .collect()
    }

    /// The names of these rooms.
    pub fn room_names(&self) -> Vec<Arc<str>> {
        let mut names = Vec::new();
        self.rooms
            .each(|rooms| names.extend(rooms.keys().map(Arc::clone)));
        names
    }

    /// How many sockets are in `room`.
    pub fn room_size(&self, room: &str) -> usize {
        let own = usize::from(self.by_sid.with(room, |index| index.contains_key(room)));
        own + self
            .rooms
            .with(room, |rooms| rooms.get(room).map_or(0, Members::len))
    }

    /// How many sockets are in the namespace.
    pub fn len(&self) -> usize {
        self.all.lock().len()
    }

    /// Whether no socket is in the namespace.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The id of the socket that `conn` has here; a plain WebSocket has none.
    pub fn sid_of(&self, conn: ConnId) -> Option<Arc<str>> {
        self.sockets.with(&conn, |sockets| {
            sockets.get(&conn).and_then(|entry| entry.sid.clone())
        })
    }

    /// The socket with that id, unless it left the room of its own id.
    pub fn find(&self, sid: &str) -> Option<SocketRef> {
        let conn = self.by_sid.with(sid, |index| index.get(sid).copied())?;
        Some(SocketRef {
            conn,
            namespace: self.id,
        })
    }

    /// A snapshot of who is in any of `rooms` (none: in the namespace) and in none of `except`.
    pub fn select<R: AsRef<str>, E: AsRef<str>>(&self, rooms: &[R], except: &[E]) -> Targets {
        let mut targets = Targets::default();
        if rooms.is_empty() {
            targets.include(&self.all.lock());
        }
        for room in rooms.iter().map(AsRef::as_ref) {
            if let Some(own) = self.find(room) {
                targets.include_one(own.conn);
            }
            self.rooms.with(room, |index| {
                if let Some(members) = index.get(room) {
                    targets.include(members);
                }
            });
        }
        for room in except.iter().map(AsRef::as_ref) {
            if let Some(own) = self.find(room) {
                targets.except_one(own.conn);
            }
            self.rooms.with(room, |index| {
                if let Some(members) = index.get(room) {
                    targets.except(members);
                }
            });
        }
        targets
    }

    /// Whether it was in the room of its own id.
    fn leave_own(&self, entry: &mut Entry) -> bool {
        let was_in_it = std::mem::take(&mut entry.is_in_own_room);
        if was_in_it && let Some(sid) = &entry.sid {
            self.by_sid.with(sid, |index| index.remove(sid));
        }
        was_in_it
    }

    /// Whether it was the last in the room, which is gone with it.
    fn leave_members(&self, room: &Arc<str>, conn: ConnId) -> bool {
        self.rooms.with(room, |rooms| {
            let Some(members) = rooms.get_mut(room) else {
                return false;
            };
            members.remove(conn);
            let is_empty = members.len() == 0;
            if is_empty {
                rooms.remove(room);
            }
            is_empty
        })
    }
}

/// A map behind several locks, so that threads seldom meet.
#[derive(Debug)]
struct Striped<K, V> {
    hasher: RandomState,
    stripes: Box<[Mutex<HashMap<K, V>>]>,
}

impl<K: Hash + Eq, V> Striped<K, V> {
    /// `stripes` is a power of two.
    fn new(stripes: usize) -> Striped<K, V> {
        Striped {
            hasher: RandomState::new(),
            stripes: (0..stripes).map(|_| Mutex::default()).collect(),
        }
    }

    fn with<Q: Hash + ?Sized, R>(&self, key: &Q, work: impl FnOnce(&mut HashMap<K, V>) -> R) -> R
    where
        K: std::borrow::Borrow<Q>,
    {
        let at = self.hasher.hash_one(key) as usize & (self.stripes.len() - 1);
        work(&mut self.stripes[at].lock())
    }

    fn each(&self, mut work: impl FnMut(&HashMap<K, V>)) {
        for stripe in &self.stripes {
            work(&stripe.lock());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Slot;
    use super::*;

    #[test]
    fn a_nameless_member_is_in_the_rooms_it_joined_and_in_no_other() {
        let group = Namespace::new(NamespaceId(7), "".into(), 1, None, &Arc::default());
        let [first, second] = [0, 1].map(|index| ConnId {
            shard: 0,
            slot: Slot {
                index,
                generation: 0,
            },
        });
        group.add_nameless(first);
        group.add_nameless(second);
        assert!(group.join(second, "") && group.join(second, "blue"));

        let reached = |rooms: &[&str], except: &[&str]| -> Vec<ConnId> {
            group.select(rooms, except).connections()
        };
        assert_eq!(reached(&[], &[]), [first, second]);
        assert_eq!(reached(&[""], &[]), [second]);
        assert_eq!(reached(&[], &["blue"]), [first]);
        assert_eq!(
            (group.rooms_of(first).len(), group.sid_of(first)),
            (0, None)
        );

        group.leave_all(second);
        assert_eq!(reached(&["", "blue"], &[]), []);
        group.remove(first);
        group.remove(second);
        assert!(group.is_empty());
    }
}
