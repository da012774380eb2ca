//! Who is connected to an endpoint, who is in which room, and what those who come back have missed.
//! No IO, no handlers.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use crate::transport::{EventWriter, Pushed};

/// Whom a broadcast is for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Audience {
    /// `None`: all clients; no rooms: nobody.
    pub(crate) rooms: Option<Vec<Box<str>>>,
    pub(crate) except: Vec<Box<str>>,
}

#[derive(Debug, Default)]
pub(super) struct Members {
    clients: HashMap<u64, Member>,
    rooms: HashMap<Arc<str>, HashSet<u64>>,
    history: VecDeque<Past>,
    next: u64,
}

#[derive(Debug)]
struct Member {
    writer: EventWriter,
    rooms: HashSet<Arc<str>>,
    /// What came while it is being opened; it leaves behind what was missed.
    held: Option<Vec<Bytes>>,
    /// It is to end behind that.
    is_closing: bool,
    /// How many broadcasts had been kept when it came.
    came_at: u64,
}

/// A broadcast of before.
#[derive(Debug)]
struct Past {
    number: u64,
    id: Box<str>,
    audience: Audience,
    bytes: Bytes,
}

impl Audience {
    fn has(&self, rooms: &HashSet<Arc<str>>) -> bool {
        let has_any = |named: &[Box<str>]| named.iter().any(|room| rooms.contains(&**room));
        self.rooms.as_deref().is_none_or(has_any) && !has_any(&self.except)
    }
}

impl Members {
    pub(super) fn len(&self) -> usize {
        self.clients.len()
    }

    /// A client is there. What it is sent waits until [`Members::open`].
    pub(super) fn add(&mut self, id: u64, writer: EventWriter) {
        let member = Member {
            writer,
            rooms: HashSet::new(),
            held: Some(Vec::new()),
            is_closing: false,
            came_at: self.next,
        };
        self.clients.insert(id, member);
    }

    /// A client has its rooms: it is sent what it missed since the event `last`, then what came
    /// meanwhile.
    pub(super) fn open(&mut self, id: u64, last: Option<&str>, limit: usize) {
        let Some(member) = self.clients.get_mut(&id) else {
            return;
        };
        let held = member.held.take().unwrap_or_default();
        let seen = last.and_then(|last| self.history.iter().find(|past| &*past.id == last));
        let seen = seen.map(|past| past.number);
        let missed = self.history.iter().filter(|past| {
            let is_missed = seen.is_some_and(|seen| past.number > seen);
            is_missed && past.number < member.came_at && past.audience.has(&member.rooms)
        });
        for bytes in missed.map(|past| &past.bytes).chain(&held) {
            let _ = member.writer.push(bytes, limit);
        }
        if member.is_closing {
            member.writer.close();
        }
    }

    /// A client is gone. Gives the rooms it was in.
    pub(super) fn remove(&mut self, id: u64) -> Vec<Arc<str>> {
        let member = self.clients.remove(&id);
        let rooms: Vec<_> = member.into_iter().flat_map(|member| member.rooms).collect();
        for room in &rooms {
            self.leave_room(id, room);
        }
        rooms
    }

    pub(super) fn join(&mut self, id: u64, room: &str) {
        let Some(member) = self.clients.get_mut(&id) else {
            return;
        };
        let known = self.rooms.get_key_value(room);
        let room = known.map_or_else(|| room.into(), |(room, _)| Arc::clone(room));
        if member.rooms.insert(Arc::clone(&room)) {
            self.rooms.entry(room).or_default().insert(id);
        }
    }

    pub(super) fn leave(&mut self, id: u64, room: &str) {
        if let Some(member) = self.clients.get_mut(&id)
            && member.rooms.remove(room)
        {
            self.leave_room(id, room);
        }
    }

    pub(super) fn rooms_of(&self, id: u64) -> Vec<Arc<str>> {
        let member = self.clients.get(&id);
        member.map_or_else(Vec::new, |member| member.rooms.iter().cloned().collect())
    }

    /// Sends to one client.
    pub(super) fn send(&mut self, id: u64, bytes: &Bytes, limit: usize) -> bool {
        let member = self.clients.get_mut(&id);
        member.is_some_and(|member| member.send(bytes, limit) == Pushed::Overflow)
    }

    /// Sends to everybody in the audience. Gives how many were too slow for it.
    pub(super) fn broadcast(&mut self, audience: &Audience, bytes: &Bytes, limit: usize) -> usize {
        let is_slow = |pushed: Pushed| usize::from(pushed == Pushed::Overflow);
        // Of one room there is a list; of several each client must be reached once.
        if let Some([room]) = audience.rooms.as_deref()
            && audience.except.is_empty()
        {
            let ids = self.rooms.get(&**room).into_iter().flatten();
            let clients = &mut self.clients;
            return ids
                .filter_map(|id| Some(clients.get_mut(id)?.send(bytes, limit)))
                .map(is_slow)
                .sum();
        }
        let members = self.clients.values_mut();
        members
            .filter(|member| audience.has(&member.rooms))
            .map(|member| is_slow(member.send(bytes, limit)))
            .sum()
    }

    /// Keeps a broadcast for those who come back, as one of the last `most`.
    pub(super) fn keep(&mut self, id: &str, audience: Audience, bytes: Bytes, most: usize) {
        if most == 0 {
            return;
        }
        if self.history.len() >= most {
            self.history.pop_front();
        }
        self.history.push_back(Past {
            number: self.next,
            id: id.into(),
            audience,
            bytes,
        });
        self.next += 1;
    }

    /// Sends to all for whom nothing waits.
    pub(super) fn beat(&self, bytes: &Bytes) {
        for member in self.clients.values() {
            if member.writer.is_idle() {
                let _ = member.writer.push(bytes, usize::MAX);
            }
        }
    }

    /// Ends every stream behind what waits for it.
    pub(super) fn close(&self) {
        for member in self.clients.values() {
            member.writer.close();
        }
    }

    pub(super) fn close_one(&mut self, id: u64) {
        match self.clients.get_mut(&id) {
            Some(member) if member.held.is_some() => member.is_closing = true,
            Some(member) => member.writer.close(),
            None => {}
        }
    }

    fn leave_room(&mut self, id: u64, room: &str) {
        if let Some(ids) = self.rooms.get_mut(room) {
            ids.remove(&id);
            if ids.is_empty() {
                self.rooms.remove(room);
            }
        }
    }
}

impl Member {
    fn send(&mut self, bytes: &Bytes, limit: usize) -> Pushed {
        match &mut self.held {
            Some(held) => {
                held.push(bytes.clone());
                Pushed::Taken
            }
            None => self.writer.push(bytes, limit),
        }
    }
}
