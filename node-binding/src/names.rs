//! The small numbers by which JavaScript names connections: dense, so that they index an array,
//! and free again only when JavaScript has seen the connection's end.

use sori::embed::ConnId;

/// Gives numbers to connections. Lives with the sink, where events are written.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// By shard, then by the connection's place there.
    given: Vec<Vec<u32>>,
    free: Vec<u32>,
    next: u32,
}

const NONE: u32 = u32::MAX;

impl Names {
    pub(crate) fn give(&mut self, conn: ConnId) -> u32 {
        let name = self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        let (shard, place) = (usize::from(conn.shard), conn.slot.index as usize);
        if self.given.len() <= shard {
            self.given.resize_with(shard + 1, Vec::new);
        }
        let places = &mut self.given[shard];
        if places.len() <= place {
            places.resize(place + 1, NONE);
        }
        places[place] = name;
        name
    }

    /// The name of a connection whose end has not been written yet. Events of a connection come in
    /// order, so whoever has its place is the one meant.
    pub(crate) fn of(&self, conn: ConnId) -> u32 {
        let places = self.given.get(usize::from(conn.shard));
        places
            .and_then(|places| places.get(conn.slot.index as usize))
            .copied()
            .unwrap_or(NONE)
    }

    /// The name of a connection, if it has one.
    pub(crate) fn known(&self, conn: ConnId) -> Option<u32> {
        Some(self.of(conn)).filter(|name| *name != NONE)
    }

    /// JavaScript names nothing by these any more.
    pub(crate) fn free(&mut self, names: &[u32]) {
        self.free.extend_from_slice(names);
    }
}

/// What JavaScript's numbers mean. Lives on the JavaScript thread.
#[derive(Debug, Default)]
pub(crate) struct Meanings(Vec<Option<ConnId>>);

impl Meanings {
    pub(crate) fn set(&mut self, name: u32, conn: ConnId) {
        let at = name as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, None);
        }
        self.0[at] = Some(conn);
    }

    pub(crate) fn of(&self, name: u32) -> Option<ConnId> {
        self.0.get(name as usize).copied().flatten()
    }
}
