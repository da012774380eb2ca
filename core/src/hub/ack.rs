//! Acks of broadcasts: who has still to answer, and what the others said.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use parking_lot::Mutex;

use super::ConnId;

/// One socket's answer: the JSON array of its arguments and their attachments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Raw JSON text of the array; binary stands as placeholders.
    pub data: Box<str>,
    /// The binary attachments in order.
    pub attachments: Vec<Bytes>,
}

/// What a broadcast with ack came to.
#[derive(Debug, PartialEq, Eq)]
pub struct BroadcastAck {
    /// The answers in the order of their arrival.
    pub responses: Vec<Response>,
    /// Whether somebody had not answered when the time was up.
    pub timed_out: bool,
}

/// The open acks of one namespace's broadcasts, by ack id.
#[derive(Debug, Default)]
pub struct BroadcastAcks {
    open: Mutex<HashMap<u64, Group>>,
}

#[derive(Debug)]
struct Group {
    waiting: HashSet<ConnId>,
    responses: Vec<Response>,
}

impl BroadcastAcks {
    /// Starts to wait for `expected` under ack id `id`.
    pub fn open(&self, id: u64, expected: Vec<ConnId>) {
        let group = Group {
            waiting: expected.into_iter().collect(),
            responses: Vec::new(),
        };
        self.open.lock().insert(id, group);
    }

    /// Whether no broadcast waits for answers.
    pub(super) fn is_empty(&self) -> bool {
        self.open.lock().is_empty()
    }

    /// Whether ack id `id` belongs to an open broadcast.
    pub fn contains(&self, id: u64) -> bool {
        self.open.lock().contains_key(&id)
    }

    /// An answer of `conn`; what the broadcast came to when it was the last. A second answer, or
    /// one of somebody not asked, counts for nothing.
    pub fn answer(&self, id: u64, conn: ConnId, response: Response) -> Option<BroadcastAck> {
        let mut open = self.open.lock();
        let group = open.get_mut(&id)?;
        if !group.waiting.remove(&conn) {
            return None;
        }
        group.responses.push(response);
        if !group.waiting.is_empty() {
            return None;
        }
        let group = open.remove(&id)?;
        Some(BroadcastAck {
            responses: group.responses,
            timed_out: false,
        })
    }

    /// The time of ack id `id` is up, or there was nobody to wait for.
    pub fn expire(&self, id: u64) -> Option<BroadcastAck> {
        let group = self.open.lock().remove(&id)?;
        Some(BroadcastAck {
            responses: group.responses,
            timed_out: !group.waiting.is_empty(),
        })
    }
}
