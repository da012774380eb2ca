//! What this node has asked of the others and awaits: how many are to answer, and what has come.
//!
//! ```text
//! open ──► replies, and how many nodes there are, in any order ──► all have answered: finished
//!   └───── the deadline ─────────────────────────────────────────► finished, timed out
//! ```
//! Pure: time comes as [`Requests::expire`]. What comes for a request that is finished, or that
//! nobody made, counts for nothing.

use std::collections::HashMap;

use crate::hub::NamespaceId;
use crate::proto::cluster::{Reply, SocketDetails, Value};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The sockets of each node.
    Sockets,
    /// The application's answer of each node.
    Answers,
    /// How many nodes there are.
    Count,
}

/// What a request came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Finished {
    /// The sockets: those the request was opened with, then those of others.
    Sockets {
        /// The sockets.
        sockets: Vec<SocketDetails>,
        /// Whether a node had not answered when the time was up.
        timed_out: bool,
    },
    /// The answers in the order in which they came.
    Answers {
        /// The answers.
        answers: Vec<Value>,
        /// Whether a node had not answered when the time was up.
        timed_out: bool,
    },
    /// How many nodes there are, this one included; `None` if nobody knows.
    Count(Option<usize>),
}

/// The open requests, by namespace and id.
#[derive(Debug, Default)]
pub struct Requests {
    open: HashMap<(NamespaceId, u64), Request>,
}

#[derive(Debug)]
struct Request {
    asked: Asked,
    /// How many other nodes there are, once that is known.
    expected: Option<usize>,
    answered: usize,
    sockets: Vec<SocketDetails>,
    answers: Vec<Value>,
}

impl Requests {
    /// Begins to wait; `sockets` are those of this node.
    pub fn open(
        &mut self,
        namespace: NamespaceId,
        id: u64,
        asked: Asked,
        sockets: Vec<SocketDetails>,
    ) {
        let request = Request {
            asked,
            expected: None,
            answered: 0,
            sockets,
            answers: Vec::new(),
        };
        self.open.insert((namespace, id), request);
    }

    /// Whether nothing is awaited.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// So many nodes there are, this one included; `None` if nobody knows, which the deadline then
    /// has to end.
    pub fn count(
        &mut self,
        namespace: NamespaceId,
        id: u64,
        nodes: Option<usize>,
    ) -> Option<Finished> {
        let request = self.open.get_mut(&(namespace, id))?;
        if request.asked == Asked::Count {
            self.open.remove(&(namespace, id));
            return Some(Finished::Count(nodes));
        }
        request.expected = Some(nodes?.saturating_sub(1));
        self.finish_if_complete(namespace, id)
    }

    /// Another node has answered. What is no answer to what was asked counts for nothing.
    pub fn reply(&mut self, namespace: NamespaceId, id: u64, reply: Reply) -> Option<Finished> {
        let request = self.open.get_mut(&(namespace, id))?;
        match (request.asked, reply) {
            (Asked::Sockets, Reply::Sockets(mut sockets)) => request.sockets.append(&mut sockets),
            (Asked::Answers, Reply::ServerSideEmit(answer)) => request.answers.push(answer),
            _ => return None,
        }
        request.answered += 1;
        self.finish_if_complete(namespace, id)
    }

    /// The time is up.
    pub fn expire(&mut self, namespace: NamespaceId, id: u64) -> Option<Finished> {
        let request = self.open.remove(&(namespace, id))?;
        Some(request.into_finished(true))
    }

    fn finish_if_complete(&mut self, namespace: NamespaceId, id: u64) -> Option<Finished> {
        let request = self.open.get(&(namespace, id))?;
        if request
            .expected
            .is_none_or(|expected| request.answered < expected)
        {
            return None;
        }
        let request = self.open.remove(&(namespace, id))?;
        Some(request.into_finished(false))
    }
}

impl Request {
    fn into_finished(self, timed_out: bool) -> Finished {
        match self.asked {
            Asked::Sockets => Finished::Sockets {
                sockets: self.sockets,
                timed_out,
            },
            Asked::Answers => Finished::Answers {
                answers: self.answers,
                timed_out,
            },
            Asked::Count => Finished::Count(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: NamespaceId = NamespaceId(0);

    fn socket(id: &str) -> SocketDetails {
        SocketDetails {
            id: id.into(),
            ..SocketDetails::default()
        }
    }

    fn asking_sockets() -> Requests {
        let mut requests = Requests::default();
        requests.open(ROOT, 1, Asked::Sockets, vec![socket("own")]);
        requests
    }

    #[test]
    fn it_ends_when_as_many_have_answered_as_there_are_whichever_comes_first() {
        let reply = || Reply::Sockets(vec![socket("theirs")]);
        let all = Some(Finished::Sockets {
            sockets: vec![socket("own"), socket("theirs")],
            timed_out: false,
        });
        let mut requests = asking_sockets();
        assert_eq!(requests.reply(ROOT, 1, reply()), None);
        assert_eq!(requests.count(ROOT, 1, Some(2)), all);
        let mut requests = asking_sockets();
        assert_eq!(requests.count(ROOT, 1, Some(2)), None);
        assert_eq!(requests.reply(ROOT, 1, reply()), all);
        assert!(requests.is_empty());
    }

    #[test]
    fn alone_nobody_is_waited_for() {
        for nodes in [0, 1] {
            let alone = asking_sockets().count(ROOT, 1, Some(nodes));
            let sockets = vec![socket("own")];
            let timed_out = false;
            assert_eq!(alone, Some(Finished::Sockets { sockets, timed_out }));
        }
    }

    #[test]
    fn a_silent_node_is_waited_for_until_the_deadline_and_its_late_reply_counts_for_nothing() {
        let mut requests = Requests::default();
        requests.open(ROOT, 7, Asked::Answers, Vec::new());
        let answer = |json: &str| Value {
            json: json.into(),
            attachments: Vec::new(),
        };
        assert_eq!(requests.count(ROOT, 7, Some(3)), None);
        let reply = Reply::ServerSideEmit(answer("1"));
        assert_eq!(requests.reply(ROOT, 7, reply), None);
        let answers = vec![answer("1")];
        let timed_out = true;
        assert_eq!(
            requests.expire(ROOT, 7),
            Some(Finished::Answers { answers, timed_out })
        );
        let late = Reply::ServerSideEmit(answer("2"));
        assert_eq!(requests.reply(ROOT, 7, late), None);
        assert_eq!(requests.expire(ROOT, 7), None);
    }

    #[test]
    fn a_bus_that_is_away_is_waited_for_until_the_deadline() {
        let mut requests = asking_sockets();
        assert_eq!(requests.count(ROOT, 1, None), None);
        let sockets = vec![socket("own")];
        let timed_out = true;
        assert_eq!(
            requests.expire(ROOT, 1),
            Some(Finished::Sockets { sockets, timed_out })
        );
    }

    #[test]
    fn what_does_not_answer_the_question_counts_for_nothing() {
        let mut requests = asking_sockets();
        assert_eq!(requests.count(ROOT, 1, Some(2)), None);
        for reply in [
            Reply::Done,
            Reply::ClientCount(1),
            Reply::ServerSideEmit(Value::default()),
        ] {
            assert_eq!(requests.reply(ROOT, 1, reply), None);
        }
        assert_eq!(requests.reply(ROOT, 2, Reply::Sockets(Vec::new())), None);
        assert!(!requests.is_empty());
    }
}
