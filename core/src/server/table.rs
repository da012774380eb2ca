//! The connections of a shard, of either kind, and what both kinds have in common.

use std::time::Instant;

use super::connection::Connection;
use super::websocket::WebSocket;
use crate::hub::Slot;
use crate::transport::{Link, LinkId};

/// The connections of a shard. A place is reused, but never under the same [`Slot`].
#[derive(Debug, Default)]
pub(super) struct Table {
    places: Vec<Place>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Place {
    generation: u32,
    tenant: Option<Tenant>,
}

/// Who has a place.
#[derive(Debug)]
pub(super) enum Tenant {
    Session(Box<Connection>),
    WebSocket(Box<WebSocket>),
}

impl Table {
    pub(super) fn insert(&mut self, connection: Connection) -> Slot {
        self.insert_tenant(Tenant::Session(Box::new(connection)))
    }

    pub(super) fn insert_websocket(&mut self, websocket: WebSocket) -> Slot {
        self.insert_tenant(Tenant::WebSocket(Box::new(websocket)))
    }

    fn insert_tenant(&mut self, tenant: Tenant) -> Slot {
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place {
                generation: 0,
                tenant: None,
            });
            (self.places.len() - 1) as u32
        });
        let place = &mut self.places[index as usize];
        place.tenant = Some(tenant);
        Slot {
            index,
            generation: place.generation,
        }
    }

    pub(super) fn tenant_mut(&mut self, slot: Slot) -> Option<&mut Tenant> {
        let place = self.places.get_mut(slot.index as usize)?;
        if place.generation != slot.generation {
            return None;
        }
        place.tenant.as_mut()
    }

    /// The place at `index`, if its tenant has that link.
    pub(super) fn slot_of_link(&self, index: u32, link: LinkId) -> Option<Slot> {
        let place = self.places.get(index as usize)?;
        let has_link = match place.tenant.as_ref()? {
            Tenant::Session(connection) => connection.has_link(link),
            Tenant::WebSocket(websocket) => websocket.link.id == link,
        };
        has_link.then_some(Slot {
            index,
            generation: place.generation,
        })
    }

    /// The Engine.IO connection there.
    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Connection> {
        match self.tenant_mut(slot)? {
            Tenant::Session(connection) => Some(connection),
            Tenant::WebSocket(_) => None,
        }
    }

    /// The plain WebSocket there.
    pub(super) fn websocket_mut(&mut self, slot: Slot) -> Option<&mut WebSocket> {
        match self.tenant_mut(slot)? {
            Tenant::WebSocket(websocket) => Some(websocket),
            Tenant::Session(_) => None,
        }
    }

    pub(super) fn remove(&mut self, slot: Slot) -> Option<Tenant> {
        let place = self.places.get_mut(slot.index as usize)?;
        if place.generation != slot.generation {
            return None;
        }
        let tenant = place.tenant.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(slot.index);
        Some(tenant)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.len() == self.free.len()
    }

    pub(super) fn slots(&self) -> Vec<Slot> {
        let taken = self
            .places
            .iter()
            .enumerate()
            .filter(|(_, place)| place.tenant.is_some());
        taken
            .map(|(index, place)| Slot {
                index: index as u32,
                generation: place.generation,
            })
            .collect()
    }
}

impl Tenant {
    /// Marks it as one to look at in this turn. False if it was marked already.
    pub(super) fn mark_dirty(&mut self) -> bool {
        let is_dirty = match self {
            Tenant::Session(connection) => {
                connection.is_touched = true;
                &mut connection.is_dirty
            }
            Tenant::WebSocket(websocket) => &mut websocket.is_dirty,
        };
        !std::mem::replace(is_dirty, true)
    }

    /// Whether it waited for this tick; it then waits no longer.
    pub(super) fn wakes_at(&mut self, tick: u64) -> bool {
        let wakes_at = match self {
            Tenant::Session(connection) => &mut connection.wakes_at,
            Tenant::WebSocket(websocket) => &mut websocket.wakes_at,
        };
        wakes_at.take_if(|known| *known == tick).is_some()
    }

    /// Leaves unread what its peer sends. False if it was left already.
    pub(super) fn pause(&mut self, now: Instant) -> bool {
        match self {
            Tenant::Session(connection) => {
                let was_paused = std::mem::replace(&mut connection.is_paused, true);
                if !was_paused {
                    connection.session.assume_heartbeat(now);
                }
                !was_paused
            }
            Tenant::WebSocket(websocket) => !std::mem::replace(&mut websocket.is_paused, true),
        }
    }

    /// Reads again.
    pub(super) fn resume(&mut self) {
        match self {
            Tenant::Session(connection) => {
                connection.is_paused = false;
                for link in [connection.link.as_ref(), connection.probe.as_deref()] {
                    link.inspect(|link| link.wake_reader());
                }
            }
            Tenant::WebSocket(websocket) => {
                websocket.is_paused = false;
                websocket.link.wake_reader();
            }
        }
    }

    pub(super) fn link_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        match self {
            Tenant::Session(connection) => connection.link_mut(id),
            Tenant::WebSocket(websocket) => Some(&mut websocket.link),
        }
    }
}
