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
    pub fn open(&self, id: u64, expected: Vec<ConnId>) {
        self.insert(id, expected, None, None);
    }

    /// The same, and for clients of other nodes: of which there are as many as
    /// [`BroadcastAcks::nodes`] and [`BroadcastAcks::clients`] tell.
    pub fn open_everywhere(&self, id: u64, expected: Vec<ConnId>) {
        self.insert(id, expected, Some(Elsewhere::default()), None);
    }

    /// Starts to wait for `expected` in place of another node.
    pub fn open_relay(&self, id: u64, expected: Vec<ConnId>, relay: Relay) {
        self.insert(id, expected, None, Some(Arc::new(relay)));
    }

    fn insert(
        &self,
        id: u64,
        expected: Vec<ConnId>,
        elsewhere: Option<Elsewhere>,
        relay: Option<Arc<Relay>>,
    ) {
        let group = Group {
            waiting: expected.into_iter().collect(),
            responses: Vec::new(),
            elsewhere,
            relay,
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

    /// An answer of `conn`. A second answer, or one of somebody not asked, counts for nothing.
    pub fn answer(&self, id: u64, conn: ConnId, response: Response) -> Answered {
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
            return Answered::Relay(relay, response);
        }
        group.responses.push(response);
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

    /// A client of another node has answered.
    pub fn answer_elsewhere(&self, id: u64, response: Response) -> Option<BroadcastAck> {
        self.with_elsewhere(id, |elsewhere, responses| {
            elsewhere.answers += 1;
            responses.push(response);
        })
    }

    /// The time of ack id `id` is up, or there was nobody to wait for.
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
    fn is_complete(&self) -> bool {
        self.waiting.is_empty() && self.elsewhere.as_ref().is_none_or(Elsewhere::is_complete)
    }
}

impl Elsewhere {
    fn is_complete(&self) -> bool {
        self.nodes.is_some_and(|nodes| self.told >= nodes) && self.answers >= self.clients
    }
}
