//! Member lists of rooms, one per shard, copy-on-write, and the snapshots taken of them.

use std::collections::HashMap;
use std::sync::Arc;

use super::ConnId;

/// A place of a connection on its shard, and which tenant of that place it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot {
    /// Index in the shard's table.
    pub index: u32,
    /// Counts the tenants of that index, so that a late command never meets the wrong one.
    pub generation: u32,
}

impl Slot {
    /// The place of nobody.
    #[cfg_attr(not(feature = "server"), allow(dead_code))]
    pub(crate) const NONE: Slot = Slot {
        index: u32::MAX,
        generation: 0,
    };
}

/// The members of one room. Adding or removing one copies a shard's list only while a snapshot of
/// it is still being delivered.
#[derive(Debug, Default)]
pub(super) struct Members {
    lists: Vec<ShardList>,
    len: usize,
}

#[derive(Debug)]
struct ShardList {
    shard: u8,
    slots: Arc<Vec<Slot>>,
    /// Where each member stands; kept only once a linear search would be slow.
    positions: Option<HashMap<Slot, u32>>,
}

/// Above this many members on a shard, positions are indexed.
const LINEAR_SEARCH_MAX: usize = 64;

impl Members {
    /// Adds `conn`; the caller knows that it is not yet a member.
    pub(super) fn insert(&mut self, conn: ConnId) {
        let at = self
            .lists
            .iter()
            .position(|list| list.shard == conn.shard)
            .unwrap_or_else(|| {
                self.lists.push(ShardList {
                    shard: conn.shard,
                    slots: Arc::default(),
                    positions: None,
                });
                self.lists.len() - 1
            });
        self.lists[at].insert(conn.slot);
        self.len += 1;
    }

    /// Removes `conn`, if it is there.
    pub(super) fn remove(&mut self, conn: ConnId) {
        if let Some(list) = self.lists.iter_mut().find(|list| list.shard == conn.shard)
            && list.remove(conn.slot)
        {
            self.len -= 1;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = ConnId> {
        self.lists.iter().flat_map(|list| {
            list.slots.iter().map(|slot| ConnId {
                shard: list.shard,
                slot: *slot,
            })
        })
    }

    fn snapshot(&self) -> impl Iterator<Item = (u8, Arc<Vec<Slot>>)> {
        self.lists
            .iter()
            .filter(|list| !list.slots.is_empty())
            .map(|list| (list.shard, Arc::clone(&list.slots)))
    }
}

impl ShardList {
    fn insert(&mut self, slot: Slot) {
        let slots = Arc::make_mut(&mut self.slots);
        if let Some(positions) = &mut self.positions {
            positions.insert(slot, slots.len() as u32);
        }
        slots.push(slot);
        if self.positions.is_none() && slots.len() > LINEAR_SEARCH_MAX {
            self.positions = Some(
                slots
                    .iter()
                    .enumerate()
                    .map(|(at, slot)| (*slot, at as u32))
                    .collect(),
            );
        }
    }

    fn remove(&mut self, slot: Slot) -> bool {
        let found = match &self.positions {
            Some(positions) => positions.get(&slot).map(|at| *at as usize),
            None => self.slots.iter().position(|s| *s == slot),
        };
        let Some(at) = found else {
            return false;
        };
        let slots = Arc::make_mut(&mut self.slots);
        slots.swap_remove(at);
        if let Some(positions) = &mut self.positions {
            positions.remove(&slot);
            if let Some(moved) = slots.get(at) {
                positions.insert(*moved, at as u32);
            }
        }
        if slots.capacity() > LINEAR_SEARCH_MAX && slots.len() < slots.capacity() / 4 {
            slots.shrink_to_fit();
        }
        true
    }
}

/// Who a broadcast reaches: a snapshot, by shard.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    shards: Vec<(u8, ShardTargets)>,
}

/// The part of a broadcast's targets that lives on one shard. A connection may stand in several
/// lists; the shard delivers to it once, and not if it stands in `except`.
#[derive(Clone, Debug, Default)]
pub struct ShardTargets {
    /// Lists of connections to reach.
    pub include: Vec<Arc<Vec<Slot>>>,
    /// Lists of connections to leave out.
    pub except: Vec<Arc<Vec<Slot>>>,
}

impl Targets {
    pub(super) fn include(&mut self, members: &Members) {
        for (shard, slots) in members.snapshot() {
            self.shard(shard).include.push(slots);
        }
    }

    pub(super) fn include_one(&mut self, conn: ConnId) {
        self.shard(conn.shard)
            .include
            .push(Arc::new(vec![conn.slot]));
    }

    /// Leaves out `members`; shards without targets are not recorded.
    pub(super) fn except(&mut self, members: &Members) {
        for (shard, slots) in members.snapshot() {
            if let Some((_, targets)) = self.shards.iter_mut().find(|(s, _)| *s == shard) {
                targets.except.push(slots);
            }
        }
    }

    pub(super) fn except_one(&mut self, conn: ConnId) {
        if let Some((_, targets)) = self.shards.iter_mut().find(|(s, _)| *s == conn.shard) {
            targets.except.push(Arc::new(vec![conn.slot]));
        }
    }

    /// Whether nobody is reached.
    pub fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }

    /// The targets by shard.
    pub fn into_shards(self) -> impl Iterator<Item = (u8, ShardTargets)> {
        self.shards.into_iter()
    }

    /// Every connection reached, each once, in the order in which they joined.
    pub fn connections(&self) -> Vec<ConnId> {
        let mut found = Vec::new();
        for (shard, targets) in &self.shards {
            let mut seen: std::collections::HashSet<Slot> = targets
                .except
                .iter()
                .flat_map(|list| list.iter().copied())
                .collect();
            for slot in targets.include.iter().flat_map(|list| list.iter()) {
                if seen.insert(*slot) {
                    found.push(ConnId {
                        shard: *shard,
                        slot: *slot,
                    });
                }
            }
        }
        found
    }

    fn shard(&mut self, shard: u8) -> &mut ShardTargets {
        let at = self
            .shards
            .iter()
            .position(|(s, _)| *s == shard)
            .unwrap_or_else(|| {
                self.shards.push((shard, ShardTargets::default()));
                self.shards.len() - 1
            });
        &mut self.shards[at].1
    }
}
