//! Who is told of the rooms that come into being and go.

use std::sync::OnceLock;

use super::Namespace;

/// Told of a room that has come into being or gone, or both; whether it is there,
/// [`Namespace::room_size`] tells.
type RoomWatcher = dyn Fn(&Namespace, &str) + Send + Sync;

/// Whoever wants to be told, if anybody does.
#[derive(Default)]
pub(super) struct RoomWatch(OnceLock<Box<RoomWatcher>>);

impl RoomWatch {
    pub(super) fn set(&self, watcher: impl Fn(&Namespace, &str) + Send + Sync + 'static) {
        // There is one watcher; a second changes nothing.
        let _ = self.0.set(Box::new(watcher));
    }

    /// To be called under no lock of rooms or sockets.
    pub(super) fn tell(&self, namespace: &Namespace, room: &str) {
        if let Some(watcher) = self.0.get() {
            watcher(namespace, room);
        }
    }
}

impl std::fmt::Debug for RoomWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RoomWatch")
            .field(&self.0.get().is_some())
            .finish()
    }
}
