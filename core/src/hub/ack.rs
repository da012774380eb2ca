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

/// When the application is told of the answers to a broadcast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Telling {
    /// Of all of them together, once the last has come or the time is up.
    #[default]
    Together,
    /// Of each when it comes, and then of the end.
    OneByOne,
}

/// What a broadcast with ack came to.
#[derive(Debug, PartialEq, Eq)]
pub struct BroadcastAck {
    /// The answers in the order of their arrival; none if they were told one by one.
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
    telling: Telling,
}

/// What an answer is to the broadcasts that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// None of theirs.
    Foreign,
    /// A second one, or of somebody not asked: it counts for nothing.
    Void,
    /// One that is waited for.
    Due(Telling),
}

impl BroadcastAcks {
    /// Starts to wait for `expected` under ack id `id`.
    pub fn open(&self, id: u64, expected: Vec<ConnId>, telling: Telling) {
        let group = Group {
            waiting: expected.into_iter().collect(),
            responses: Vec::new(),
            telling,
        };
        self.open.lock().insert(id, group);
    }

    /// Whether no broadcast waits for answers.
    pub(super) fn is_empty(&self) -> bool {
        self.open.lock().is_empty()
    }

    /// What an answer of `conn` with ack id `id` is.
    pub fn claim(&self, id: u64, conn: ConnId) -> Claim {
        match self.open.lock().get(&id) {
            None => Claim::Foreign,
            Some(group) if group.waiting.contains(&conn) => Claim::Due(group.telling),
            Some(_) => Claim::Void,
        }
    }

    /// An answer of `conn` that is due; what the broadcast came to when it was the last. One that
    /// has been told is given as `None`: it is told first, so that the end is told behind it.
    pub fn answer(
        &self,
        id: u64,
        conn: ConnId,
        response: Option<Response>,
    ) -> Option<BroadcastAck> {
        let mut open = self.open.lock();
        let group = open.get_mut(&id)?;
        if !group.waiting.remove(&conn) {
            return None;
        }
        group.responses.extend(response);
        if !group.waiting.is_empty() {
            return None;
        }
        let group = open.remove(&id)?;
        Some(BroadcastAck {
            responses: group.responses,
            timed_out: false,
        })
    }

    /// The time of ack id `id` is up, there was nobody to wait for, or nobody wants to know any more.
    pub fn expire(&self, id: u64) -> Option<BroadcastAck> {
        let group = self.open.lock().remove(&id)?;
        Some(BroadcastAck {
            responses: group.responses,
            timed_out: !group.waiting.is_empty(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::Slot;

    fn conn(index: u32) -> ConnId {
        ConnId {
            shard: 0,
            slot: Slot {
                index,
                generation: 0,
            },
        }
    }

    #[test]
    fn an_answer_is_due_once_and_foreign_when_nobody_waits_any_more() {
        let acks = BroadcastAcks::default();
        acks.open(7, vec![conn(1), conn(2)], Telling::OneByOne);
        assert_eq!(acks.claim(7, conn(1)), Claim::Due(Telling::OneByOne));
        assert_eq!(acks.claim(7, conn(3)), Claim::Void);
        assert_eq!(acks.claim(8, conn(1)), Claim::Foreign);
        assert_eq!(acks.answer(7, conn(1), None), None);
        assert_eq!(acks.claim(7, conn(1)), Claim::Void);
        let timed_out = acks.expire(7).map(|outcome| outcome.timed_out);
        assert_eq!(timed_out, Some(true));
        assert_eq!(acks.claim(7, conn(2)), Claim::Foreign);
        assert!(acks.is_empty());
    }
}
