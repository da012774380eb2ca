//! Acks of broadcasts: who has still to answer, here and on other nodes, and what the others said.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

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
    /// What other nodes of the cluster have still to say, if they are waited for.
    elsewhere: Option<Elsewhere>,
    /// The node that the answers are for, if it is another.
    relay: Option<Arc<Relay>>,
}

/// The other nodes' part of a broadcast.
#[derive(Debug, Default)]
struct Elsewhere {
    /// How many other nodes there are, once that is known.
    nodes: Option<usize>,
    /// How many of them have told how many clients they reach.
    told: usize,
    /// How many clients those are.
    clients: u64,
    answers: u64,
}

/// Another node, which waits for the answers of clients here.
#[derive(Debug, PartialEq, Eq)]
pub struct Relay {
    /// The node, if it told who it is.
    pub node: Option<Box<str>>,
    /// Its request.
    pub request: Box<str>,
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

/// What an answer leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Answered {
    /// Others have still to answer, or it was one that nobody waits for.
    Nothing,
    /// It was the last.
    Complete(BroadcastAck),
    /// It is for another node.
    Relay(Arc<Relay>, Response),
}

impl BroadcastAcks {
    /// Starts to wait for `expected` under ack id `id`.
    pub fn open(&self, id: u64, expected: Vec<ConnId>, telling: Telling) {
        let group = Group::new(expected);
        self.open.lock().insert(id, Group { telling, ..group });
    }

    /// The same, and for clients of other nodes: of which there are as many as
    /// [`BroadcastAcks::nodes`] and [`BroadcastAcks::clients`] tell.
    pub fn open_everywhere(&self, id: u64, expected: Vec<ConnId>, telling: Telling) {
        let group = Group {
            telling,
            elsewhere: Some(Elsewhere::default()),
            ..Group::new(expected)
        };
        self.open.lock().insert(id, group);
    }

    /// Starts to wait for `expected` in place of another node.
    pub fn open_relay(&self, id: u64, expected: Vec<ConnId>, relay: Relay) {
        let relay = Some(Arc::new(relay));
        let group = Group::new(expected);
        self.open.lock().insert(id, Group { relay, ..group });
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

    /// How answers of other nodes are told, if any are waited for.
    pub fn telling_of_elsewhere(&self, id: u64) -> Option<Telling> {
        let open = self.open.lock();
        let group = open.get(&id)?;
        group.elsewhere.as_ref().map(|_| group.telling)
    }

    /// An answer of `conn` that is due. One that has been told is given as `None`: it is told first,
    /// so that the end is told behind it.
    pub fn answer(&self, id: u64, conn: ConnId, response: Option<Response>) -> Answered {
        let mut open = self.open.lock();
        let Some(group) = open.get_mut(&id) else {
            return Answered::Nothing;
        };
        if !group.waiting.remove(&conn) {
            return Answered::Nothing;
        }
        if let Some(relay) = group.relay.clone() {
            if group.waiting.is_empty() {
                open.remove(&id);
            }
            return response.map_or(Answered::Nothing, |response| {
                Answered::Relay(relay, response)
            });
        }
        group.responses.extend(response);
        match finish(&mut open, id) {
            Some(outcome) => Answered::Complete(outcome),
            None => Answered::Nothing,
        }
    }

    /// So many other nodes there are; what the broadcast came to if that was all that was missing.
    pub fn nodes(&self, id: u64, nodes: usize) -> Option<BroadcastAck> {
        self.with_elsewhere(id, |elsewhere, _| elsewhere.nodes = Some(nodes))
    }

    /// Another node sends the broadcast to so many clients.
    pub fn clients(&self, id: u64, clients: u64) -> Option<BroadcastAck> {
        self.with_elsewhere(id, |elsewhere, _| {
            elsewhere.told += 1;
            elsewhere.clients = elsewhere.clients.saturating_add(clients);
        })
    }

    /// A client of another node has answered; `None` if it has been told, as in
    /// [`BroadcastAcks::answer`].
    pub fn answer_elsewhere(&self, id: u64, response: Option<Response>) -> Option<BroadcastAck> {
        self.with_elsewhere(id, |elsewhere, responses| {
            elsewhere.answers += 1;
            responses.extend(response);
        })
    }

    /// The time of ack id `id` is up, there was nobody to wait for, or nobody wants to know any more.
    pub fn expire(&self, id: u64) -> Option<BroadcastAck> {
        let group = self.open.lock().remove(&id)?;
        if group.relay.is_some() {
            return None;
        }
        Some(BroadcastAck {
            timed_out: !group.is_complete(),
            responses: group.responses,
        })
    }

    fn with_elsewhere(
        &self,
        id: u64,
        work: impl FnOnce(&mut Elsewhere, &mut Vec<Response>),
    ) -> Option<BroadcastAck> {
        let mut open = self.open.lock();
        let group = open.get_mut(&id)?;
        work(group.elsewhere.as_mut()?, &mut group.responses);
        finish(&mut open, id)
    }
}

/// Takes the group out if nobody has still to answer.
fn finish(open: &mut HashMap<u64, Group>, id: u64) -> Option<BroadcastAck> {
    if !open.get(&id)?.is_complete() {
        return None;
    }
    let group = open.remove(&id)?;
    Some(BroadcastAck {
        responses: group.responses,
        timed_out: false,
    })
}

impl Group {
    fn new(expected: Vec<ConnId>) -> Group {
        Group {
            waiting: expected.into_iter().collect(),
            responses: Vec::new(),
            telling: Telling::Together,
            elsewhere: None,
            relay: None,
        }
    }

    fn is_complete(&self) -> bool {
        self.waiting.is_empty() && self.elsewhere.as_ref().is_none_or(Elsewhere::is_complete)
    }
}

impl Elsewhere {
    fn is_complete(&self) -> bool {
        self.nodes.is_some_and(|nodes| self.told >= nodes) && self.answers >= self.clients
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
        assert_eq!(acks.answer(7, conn(1), None), Answered::Nothing);
        assert_eq!(acks.claim(7, conn(1)), Claim::Void);
        let timed_out = acks.expire(7).map(|outcome| outcome.timed_out);
        assert_eq!(timed_out, Some(true));
        assert_eq!(acks.claim(7, conn(2)), Claim::Foreign);
        assert!(acks.is_empty());
    }
}
