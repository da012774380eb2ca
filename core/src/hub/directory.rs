//! All namespaces of one engine, by name and by number. Those that clients may bring into being are
//! *transient*: they go when nobody is in them or speaks of them.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use parking_lot::{RwLock, RwLockWriteGuard};

use super::watch::RoomWatch;
use super::{Namespace, NamespaceId, RecoverySettings};

/// All namespaces of one engine.
pub struct Hub {
    shards: usize,
    recovery: Option<RecoverySettings>,
    index: RwLock<Index>,
    watcher: OnceLock<Box<Watcher>>,
    rooms: Arc<RoomWatch>,
}

/// Told the name of a namespace that has come into being, or gone, or both.
type Watcher = dyn Fn(&str) + Send + Sync;

#[derive(Debug, Default)]
struct Index {
    /// Names of which the watcher, if there is one, has still to be told.
    changed: Vec<Arc<str>>,
    is_watched: bool,
    by_id: HashMap<NamespaceId, Known>,
    by_name: HashMap<Arc<str>, NamespaceId>,
    /// Numbers are never used twice, so that a late command never meets the wrong namespace.
    next_id: u32,
    transient: usize,
    /// So many transient ones at least before the next look for those that nobody uses.
    sweep_at: usize,
}

#[derive(Debug)]
struct Known {
    namespace: Arc<Namespace>,
    is_transient: bool,
}

/// Fewer transient namespaces than this are not worth a look.
const FIRST_SWEEP: usize = 64;

impl Hub {
    /// A hub for an engine of `shards` IO threads, with the namespace `/`.
    pub fn new(shards: usize, recovery: Option<RecoverySettings>) -> Hub {
        let index = Index {
            sweep_at: FIRST_SWEEP,
            ..Index::default()
        };
        let hub = Hub {
            shards,
            recovery,
            index: RwLock::new(index),
            watcher: OnceLock::new(),
            rooms: Arc::default(),
        };
        hub.register("/");
        hub
    }

    /// From now on `watcher` is told the name of each namespace that has come into being or gone, in
    /// no order, on the thread that brought it about and under no lock: whether it is there,
    /// [`Hub::contains`] tells. There is one watcher; a second changes nothing.
    pub fn watch(&self, watcher: impl Fn(&str) + Send + Sync + 'static) {
        if self.watcher.set(Box::new(watcher)).is_ok() {
            let mut index = self.index.write();
            index.is_watched = true;
            index.changed = index.by_name.keys().cloned().collect();
            self.tell_changes(index);
        }
    }

    /// From now on `watcher` is told of each room of any namespace that has come into being or gone, in
    /// no order, on the thread that brought it about. It may not wait, nor ask for a namespace's
    /// [`Namespace::recovery`]. There is one watcher; a second changes nothing.
    pub fn watch_rooms(&self, watcher: impl Fn(&Namespace, &str) + Send + Sync + 'static) {
        self.rooms.set(watcher);
    }

    fn tell_changes(&self, mut index: RwLockWriteGuard<'_, Index>) {
        let changed = std::mem::take(&mut index.changed);
        drop(index);
        if let Some(watcher) = self.watcher.get() {
            changed.iter().for_each(|name| watcher(name));
        }
    }

    /// Whether there is a namespace of that exact name.
    pub fn contains(&self, name: &str) -> bool {
        self.index.read().by_name.contains_key(name)
    }

    /// The namespace of that name, made if it is new. It stays. A missing leading `/` is added.
    pub fn register(&self, name: &str) -> Arc<Namespace> {
        let name = with_slash(name);
        let mut index = self.index.write();
        let (namespace, was_transient) = index.find_or_make(&name, self);
        if was_transient {
            index.set_transient(namespace.id(), false);
        }
        self.tell_changes(index);
        namespace
    }

    /// As [`Hub::register`], but a new one goes when no socket is in it or may come back to it, no
    /// answers to a broadcast are awaited there, and nobody holds what this gives: at the latest when
    /// as many others have come as there are.
    pub fn register_transient(&self, name: &str) -> Arc<Namespace> {
        let name = with_slash(name);
        let mut index = self.index.write();
        if index.transient >= index.sweep_at && !index.by_name.contains_key(&name) {
            index.sweep(Instant::now());
        }
        let is_new = !index.by_name.contains_key(&name);
        let (namespace, _) = index.find_or_make(&name, self);
        if is_new {
            index.set_transient(namespace.id(), true);
        }
        self.tell_changes(index);
        namespace
    }

    /// A new namespace that has no name, so that no client can ask for it.
    pub fn open_group(&self) -> Arc<Namespace> {
        let mut index = self.index.write();
        index.make("".into(), self, None)
    }

    /// From now on a namespace is transient, and goes at once if it can. `/` stays.
    pub fn release(&self, id: NamespaceId) {
        if id != NamespaceId(0) {
            let mut index = self.index.write();
            index.set_transient(id, true);
            index.retire(id, Instant::now());
            self.tell_changes(index);
        }
    }

    /// Lets a transient namespace go if nobody uses it. To be called when a socket has left it.
    pub fn retire(&self, id: NamespaceId) {
        let is_transient = |known: &Known| known.is_transient;
        if self.index.read().by_id.get(&id).is_some_and(is_transient) {
            let mut index = self.index.write();
            index.retire(id, Instant::now());
            self.tell_changes(index);
        }
    }

    /// The namespace of that exact name, if it is registered.
    pub fn lookup(&self, name: &str) -> Option<Arc<Namespace>> {
        let index = self.index.read();
        let id = index.by_name.get(name)?;
        Some(Arc::clone(&index.by_id.get(id)?.namespace))
    }

    /// The namespace with that id, if there is one.
    pub fn namespace(&self, id: NamespaceId) -> Option<Arc<Namespace>> {
        let index = self.index.read();
        Some(Arc::clone(&index.by_id.get(&id)?.namespace))
    }

    /// How many namespaces there are; never none.
    #[expect(clippy::len_without_is_empty, reason = "there is always `/`")]
    pub fn len(&self) -> usize {
        self.index.read().by_id.len()
    }

    /// Every namespace, in the order of their ids.
    pub fn namespaces(&self) -> Vec<Arc<Namespace>> {
        let index = self.index.read();
        let known = index.by_id.values();
        let mut all: Vec<_> = known.map(|known| Arc::clone(&known.namespace)).collect();
        all.sort_unstable_by_key(|namespace| namespace.id());
        all
    }
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub")
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

impl Index {
    /// The namespace of that name, and whether it was there and transient.
    fn find_or_make(&mut self, name: &Arc<str>, hub: &Hub) -> (Arc<Namespace>, bool) {
        if let Some(id) = self.by_name.get(name)
            && let Some(known) = self.by_id.get(id)
        {
            return (Arc::clone(&known.namespace), known.is_transient);
        }
        let namespace = self.make(Arc::clone(name), hub, hub.recovery);
        self.by_name.insert(Arc::clone(name), namespace.id());
        self.note_change(name);
        (namespace, false)
    }

    fn make(
        &mut self,
        name: Arc<str>,
        hub: &Hub,
        recovery: Option<RecoverySettings>,
    ) -> Arc<Namespace> {
        let id = NamespaceId(self.next_id);
        self.next_id += 1;
        let namespace = Arc::new(Namespace::new(id, name, hub.shards, recovery, &hub.rooms));
        let known = Known {
            namespace: Arc::clone(&namespace),
            is_transient: false,
        };
        self.by_id.insert(id, known);
        namespace
    }

    fn note_change(&mut self, name: &Arc<str>) {
        if self.is_watched {
            self.changed.push(Arc::clone(name));
        }
    }

    fn set_transient(&mut self, id: NamespaceId, is_transient: bool) {
        if let Some(known) = self.by_id.get_mut(&id)
            && std::mem::replace(&mut known.is_transient, is_transient) != is_transient
        {
            match is_transient {
                true => self.transient += 1,
                false => self.transient -= 1,
            }
        }
    }

    fn sweep(&mut self, now: Instant) {
        let known = self.by_id.iter();
        let transient = known.filter(|(_, known)| known.is_transient);
        for id in transient.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.retire(id, now);
        }
        self.sweep_at = (self.transient * 2).max(FIRST_SWEEP);
    }

    fn retire(&mut self, id: NamespaceId, now: Instant) {
        let Some(Known {
            namespace,
            is_transient: true,
        }) = self.by_id.get(&id)
        else {
            return;
        };
        // With the index locked nobody can come to hold it who does not already.
        if Arc::strong_count(namespace) == 1 && namespace.is_idle(now) {
            let name = self.by_name.remove_entry(namespace.name());
            self.by_id.remove(&id);
            self.transient -= 1;
            if let Some((name, _)) = name {
                self.note_change(&name);
            }
        }
    }
}

fn with_slash(name: &str) -> Arc<str> {
    if name.starts_with('/') {
        name.into()
    } else {
        format!("/{name}").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{ConnId, Slot};

    const CONN: ConnId = ConnId {
        shard: 0,
        slot: Slot::NONE,
    };

    fn hub() -> Hub {
        Hub::new(1, None)
    }

    #[test]
    fn a_transient_namespace_goes_with_its_last_socket_and_its_last_holder() {
        let hub = hub();
        let namespace = hub.register_transient("/a");
        let id = namespace.id();
        namespace.add(CONN, "sid".into(), None);
        hub.retire(id);
        assert!(
            hub.namespace(id).is_some(),
            "it is held, and a socket is in it"
        );
        drop(namespace);
        hub.retire(id);
        let namespace = hub.namespace(id).expect("a socket is in it");
        namespace.remove(CONN);
        hub.retire(id);
        assert!(hub.namespace(id).is_some(), "it is held");
        drop(namespace);
        hub.retire(id);
        assert!(hub.namespace(id).is_none() && hub.lookup("/a").is_none());
        assert_ne!(
            hub.register_transient("/a").id(),
            id,
            "numbers are used once"
        );
    }

    #[test]
    fn a_watcher_is_told_of_each_namespace_that_comes_and_goes() {
        let hub = Arc::new(hub());
        hub.register("/before");
        let told = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let (log, watched) = (Arc::clone(&told), Arc::downgrade(&hub));
        hub.watch(move |name| {
            let is_there = watched.upgrade().expect("it is held").contains(name);
            log.lock().push(format!("{name} {is_there}"));
        });
        told.lock().sort();
        assert_eq!(
            std::mem::take(&mut *told.lock()),
            ["/ true", "/before true"]
        );
        let id = hub.register_transient("/a").id();
        hub.register_transient("/a");
        hub.open_group();
        hub.retire(id);
        let before = hub.register("/before").id();
        hub.release(before);
        let changes = ["/a true", "/a false", "/before false"];
        assert_eq!(*told.lock(), changes);
    }

    #[test]
    fn a_watcher_is_told_of_each_room_that_comes_and_goes() {
        let hub = hub();
        let told = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let log = Arc::clone(&told);
        hub.watch_rooms(move |namespace, room| {
            let (name, size) = (namespace.name(), namespace.room_size(room));
            log.lock().push(format!("{name} {room} {size}"));
        });
        let namespace = hub.register("/a");
        let other = ConnId { shard: 1, ..CONN };
        let done = |work: &dyn Fn()| {
            work();
            std::mem::take(&mut *told.lock())
        };
        let add = || namespace.add(CONN, "sid".into(), None);
        assert_eq!(done(&add), ["/a sid 1"]);
        namespace.add(other, "other".into(), None);
        assert_eq!(done(&|| ()), ["/a other 1"]);
        let join = |conn, room| namespace.join(conn, room);
        assert_eq!(done(&|| _ = join(CONN, "r")), ["/a r 1"]);
        assert!(done(&|| _ = (join(CONN, "r"), join(other, "r"), join(CONN, "sid"))).is_empty());
        assert!(done(&|| namespace.leave(CONN, "r")).is_empty());
        assert_eq!(done(&|| namespace.leave(other, "r")), ["/a r 0"]);
        assert!(done(&|| namespace.leave(other, "r")).is_empty());
        assert_eq!(done(&|| namespace.leave(CONN, "sid")), ["/a sid 0"]);
        assert_eq!(done(&|| _ = join(CONN, "sid")), ["/a sid 1"]);
        assert_eq!(done(&|| _ = join(CONN, "r")), ["/a r 1"]);
        assert_eq!(done(&|| namespace.leave_all(CONN)), ["/a r 0", "/a sid 0"]);
        join(other, "r");
        told.lock().clear();
        assert_eq!(done(&|| namespace.remove(other)), ["/a other 0", "/a r 0"]);
        assert!(done(&|| namespace.remove(other)).is_empty());
    }

    #[test]
    fn a_namespace_that_the_application_registers_stays() {
        let hub = hub();
        let id = hub.register_transient("/a").id();
        assert_eq!(hub.register("/a").id(), id);
        hub.retire(id);
        assert_eq!(hub.register_transient("/a").id(), id);
        hub.retire(id);
        assert!(hub.lookup("/a").is_some());
        hub.release(id);
        assert!(hub.lookup("/a").is_none());
        hub.release(NamespaceId(0));
        assert!(hub.lookup("/").is_some());
    }

    #[test]
    fn those_that_nobody_retired_go_when_others_come() {
        let hub = hub();
        let held = hub.register_transient("/held");
        for n in 0..10_000 {
            drop(hub.register_transient(&format!("/{n}")));
        }
        assert!(hub.namespaces().len() <= 2 * FIRST_SWEEP);
        assert!(
            hub.lookup("/held")
                .is_some_and(|known| Arc::ptr_eq(&known, &held))
        );
    }

    #[test]
    fn a_namespace_stays_while_sockets_may_come_back_to_it() {
        let settings = RecoverySettings::default();
        let hub = Hub::new(1, Some(settings));
        let namespace = hub.register_transient("/a");
        let id = namespace.id();
        let now = Instant::now();
        namespace.add(CONN, "sid".into(), Some("pid".into()));
        namespace.remove_for_now(CONN, now);
        drop(namespace);
        hub.retire(id);
        assert!(hub.namespace(id).is_some());
        let mut index = hub.index.write();
        index.retire(id, now + settings.max_disconnection_duration * 2);
        assert!(!index.by_id.contains_key(&id));
    }
}
