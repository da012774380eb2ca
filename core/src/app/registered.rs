//! What an application registers: lists that grow, and handlers by event. They are read far more often
//! than they grow, and are run without holding a lock.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::RwLock;

use super::handler::EventHandler;

/// A list that grows. Reading an empty one, which most are, takes no lock.
pub(super) struct List<T: ?Sized> {
    items: RwLock<Arc<[Arc<T>]>>,
    has_items: AtomicBool,
}

/// A [`List`] as it was at one moment.
pub(super) struct Snapshot<T: ?Sized>(Option<Arc<[Arc<T>]>>);

impl<T: ?Sized> Default for List<T> {
    fn default() -> List<T> {
        List {
            items: RwLock::new(Arc::new([])),
            has_items: AtomicBool::new(false),
        }
    }
}

impl<T: ?Sized> List<T> {
    pub(super) fn push(&self, item: Arc<T>) {
        let mut list = self.items.write();
        *list = list.iter().cloned().chain([item]).collect();
        self.has_items.store(true, Ordering::Release);
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.has_items.load(Ordering::Acquire)
    }

    pub(super) fn all(&self) -> Snapshot<T> {
        let has_items = !self.is_empty();
        Snapshot(has_items.then(|| Arc::clone(&self.items.read())))
    }

    pub(super) fn clear(&self) {
        let list = std::mem::replace(&mut *self.items.write(), Arc::new([]));
        drop(list);
    }
}

impl<T: ?Sized> Deref for Snapshot<T> {
    type Target = [Arc<T>];

    fn deref(&self) -> &[Arc<T>] {
        self.0.as_deref().unwrap_or(&[])
    }
}

/// A value that many look at all the time and that hardly ever changes: who keeps a view of it looks
/// without a lock.
#[derive(Default)]
pub(super) struct Viewed<T> {
    value: RwLock<Arc<T>>,
    /// Grows with each change.
    version: AtomicU64,
}

/// A [`Viewed`] as it was at one moment.
pub(super) struct View<T> {
    value: Arc<T>,
    version: u64,
}

impl<T: Clone + Default> Viewed<T> {
    pub(super) fn view(&self) -> View<T> {
        let value = self.value.read();
        View {
            value: Arc::clone(&value),
            version: self.version.load(Ordering::Relaxed),
        }
    }

    /// What it is now, by way of a view of it that may be old.
    #[inline]
    pub(super) fn seen_by<'v>(&self, view: &'v mut View<T>) -> &'v T {
        if self.version.load(Ordering::Acquire) != view.version {
            *view = self.view();
        }
        &view.value
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut T)) {
        let mut value = self.value.write();
        change(Arc::make_mut(&mut value));
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Lets go of it.
    pub(super) fn clear(&self) {
        let mut value = self.value.write();
        let before = std::mem::take(&mut *value);
        self.version.fetch_add(1, Ordering::Release);
        drop(value);
        // What it holds may do anything when it is dropped: not under the lock.
        drop(before);
    }
}

impl<T> Deref for View<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// The handlers of one event, in the order of their registration.
pub(super) type HandlerList = Arc<[Arc<EventHandler>]>;

/// Handlers by event, sorted by the length of its name, then by the name: names of the application's own, so that no client chooses what is
/// searched.
#[derive(Clone, Default)]
pub(super) struct Handlers(Vec<(Box<str>, HandlerList)>);

impl Handlers {
    /// Adds a handler; whoever runs the list meanwhile runs it as it was.
    pub(super) fn append(&mut self, event: &str, handler: Arc<EventHandler>) {
        match self.find(event) {
            Ok(at) => {
                let list = &mut self.0[at].1;
                *list = list.iter().cloned().chain([handler]).collect();
            }
            Err(at) => self.0.insert(at, (event.into(), Arc::new([handler]))),
        }
    }

    pub(super) fn get(&self, event: &str) -> Option<&HandlerList> {
        let at = self.find(event).ok()?;
        Some(&self.0[at].1)
    }

    /// Where the event stands, or would.
    fn find(&self, event: &str) -> Result<usize, usize> {
        // Few names are as long as the event's, and only those are looked into.
        let key = (event.len(), event);
        self.0
            .binary_search_by(|(name, _)| (name.len(), &**name).cmp(&key))
    }
}

#[cfg(test)]
mod tests {
    use super::super::outcome::Called;
    use super::*;

    #[test]
    fn handlers_are_found_by_their_event_in_the_order_of_registration() {
        let handler = || -> Arc<EventHandler> { Arc::new(|_| Ok(Called::Done(Ok(())))) };
        let registered: Vec<_> = ["b", "a", "c", "b", "ab", ""]
            .map(|event| (event, handler()))
            .into();
        let mut handlers = Handlers::default();
        for (event, handler) in &registered {
            handlers.append(event, Arc::clone(handler));
        }
        for event in ["", "a", "ab", "b", "c"] {
            let expected: Vec<_> = registered
                .iter()
                .filter(|(name, _)| *name == event)
                .map(|(_, handler)| Arc::as_ptr(handler).cast::<()>())
                .collect();
            let list = handlers.get(event).expect("it was registered");
            let found: Vec<_> = list
                .iter()
                .map(|handler| Arc::as_ptr(handler).cast::<()>())
                .collect();
            assert_eq!(found, expected, "{event}");
        }
        assert!(handlers.get("aa").is_none());
    }

    #[test]
    fn a_snapshot_stays_as_it_was() {
        let list = List::<str>::default();
        let none = list.all();
        list.push("a".into());
        let one = list.all();
        list.push("b".into());
        assert_eq!((none.len(), one.len(), list.all().len()), (0, 1, 2));
        list.clear();
        assert_eq!((one.len(), list.all().len()), (1, 0));
    }
}
