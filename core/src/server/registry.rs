//! Which connection has which Engine.IO session id, for requests that arrive on any thread.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::hub::ConnId;

const STRIPES: usize = 16;

/// All open sessions of an engine by id.
#[derive(Debug)]
pub(super) struct Registry {
    hasher: RandomState,
    stripes: [Mutex<HashMap<Arc<str>, ConnId>>; STRIPES],
}

impl Registry {
    pub(super) fn new() -> Registry {
        Registry {
            hasher: RandomState::new(),
            stripes: Default::default(),
        }
    }

    pub(super) fn insert(&self, sid: Arc<str>, conn: ConnId) {
        self.stripe(&sid).lock().insert(sid, conn);
    }

    pub(super) fn remove(&self, sid: &str) {
        self.stripe(sid).lock().remove(sid);
    }

    pub(super) fn find(&self, sid: &str) -> Option<ConnId> {
        self.stripe(sid).lock().get(sid).copied()
    }

    fn stripe(&self, sid: &str) -> &Mutex<HashMap<Arc<str>, ConnId>> {
        &self.stripes[self.hasher.hash_one(sid) as usize % STRIPES]
    }
}
