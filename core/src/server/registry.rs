//! Which connection has which Engine.IO session id, and speaks which protocol, for requests that arrive on any thread.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::hub::ConnId;
use crate::proto::engine::Revision;

const STRIPES: usize = 16;

type Sessions = HashMap<Arc<str>, (ConnId, Revision)>;

/// All open sessions of an engine by id.
#[derive(Debug)]
pub(super) struct Registry {
    hasher: RandomState,
    stripes: [Mutex<Sessions>; STRIPES],
}

impl Registry {
    pub(super) fn new() -> Registry {
        Registry {
            hasher: RandomState::new(),
            stripes: Default::default(),
        }
    }

    /// Takes an id for a connection that is about to open; [`Registry::insert`] or
    /// [`Registry::remove`] follows. False if it is taken.
    pub(super) fn claim(&self, sid: Arc<str>, nobody: ConnId) -> bool {
        match self.stripe(&sid).lock().entry(sid) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert((nobody, Revision::V4));
                true
            }
        }
    }

    pub(super) fn insert(&self, sid: Arc<str>, conn: ConnId, revision: Revision) {
        self.stripe(&sid).lock().insert(sid, (conn, revision));
    }

    pub(super) fn remove(&self, sid: &str) {
        self.stripe(sid).lock().remove(sid);
    }

    pub(super) fn find(&self, sid: &str) -> Option<(ConnId, Revision)> {
        self.stripe(sid).lock().get(sid).copied()
    }

    fn stripe(&self, sid: &str) -> &Mutex<Sessions> {
        &self.stripes[self.hasher.hash_one(sid) as usize % STRIPES]
    }
}
