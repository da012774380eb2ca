//! What the application asks of the other nodes, and how it is told what came of it.

use std::time::Instant;

use super::{Cluster, Purpose, recipients, value};
use crate::adapter::{Asked, Finished, SocketDetails};
use crate::embed::{AckRequest, Audience, BroadcastAck, Event, Payload, ServerTicket, SocketRef};
use crate::hub::{Namespace, NamespaceId, Response};
use crate::proto::cluster::{AckWanted, Message, Reply, Value};
use crate::server::task::Task;
use crate::server::{Batch, Engine};

impl Batch<'_> {
    /// Gathers sockets of all nodes.
    pub(in crate::server) fn fetch_sockets(
        &mut self,
        namespace: NamespaceId,
        audience: Audience<'_>,
        ask: AckRequest,
    ) {
        let Some(namespace) = self.namespace(namespace) else {
            return;
        };
        let sockets = if self.shared.application.describes_sockets() {
            Vec::new()
        } else {
            let conns = namespace.select(audience.rooms, audience.except);
            let here = conns.connections().into_iter().map(|conn| SocketRef {
                conn,
                namespace: namespace.id(),
            });
            self.engine.details(&namespace, here)
        };
        let Some(cluster) = self.shared.cluster_for(audience) else {
            let finished = Finished::Sockets {
                sockets,
                timed_out: false,
            };
            return self.engine.tell_finished(namespace.id(), ask.id, finished);
        };
        cluster.begin(self, namespace.id(), ask, Asked::Sockets, sockets);
        let message = Message::FetchSockets {
            request: cluster.name_request(namespace.id(), ask.id),
            recipients: recipients(audience),
        };
        cluster.tell(namespace.name(), &message);
        cluster.count(namespace.name(), Purpose::Request(namespace.id(), ask.id));
    }

    /// Sends an event to the applications of the other nodes.
    pub(in crate::server) fn server_side_emit(
        &mut self,
        namespace: NamespaceId,
        payload: &Payload<'_>,
        ask: Option<AckRequest>,
    ) {
        let Some(namespace) = self.namespace(namespace) else {
            return;
        };
        let nobody = || Finished::Answers {
            answers: Vec::new(),
            timed_out: false,
        };
        let (Some(cluster), Some(event)) = (&self.shared.cluster, value(payload)) else {
            if let Some(ask) = ask {
                let engine = self.engine;
                engine.tell_finished(namespace.id(), ask.id, nobody());
            }
            return;
        };
        if let Some(ask) = ask {
            cluster.begin(self, namespace.id(), ask, Asked::Answers, Vec::new());
        }
        let request = ask.map(|ask| cluster.name_request(namespace.id(), ask.id));
        let message = Message::ServerSideEmit { event, request };
        cluster.tell(namespace.name(), &message);
        if let Some(ask) = ask {
            cluster.count(namespace.name(), Purpose::Request(namespace.id(), ask.id));
        }
    }

    /// Counts the nodes.
    pub(in crate::server) fn count_servers(&mut self, namespace: NamespaceId, ask: AckRequest) {
        let Some(namespace) = self.namespace(namespace) else {
            return;
        };
        let Some(cluster) = &self.shared.cluster else {
            return self
                .engine
                .tell_finished(namespace.id(), ask.id, Finished::Count(Some(1)));
        };
        cluster.begin(self, namespace.id(), ask, Asked::Count, Vec::new());
        cluster.count(namespace.name(), Purpose::Request(namespace.id(), ask.id));
    }
}

impl Engine {
    /// Answers an event of another node.
    pub(in crate::server) fn answer_server(&self, ticket: &ServerTicket, payload: &Payload<'_>) {
        if let Some(cluster) = &self.shared.cluster
            && let Some(answer) = value(payload)
        {
            let ServerTicket {
                namespace,
                node,
                request,
            } = ticket;
            let reply = Reply::ServerSideEmit(first(&answer));
            cluster.reply(namespace, node.as_deref(), request, &reply);
        }
    }

    /// Tells another node of the sockets it has asked for.
    pub(in crate::server) fn describe_sockets(
        &self,
        ticket: &ServerTicket,
        sockets: Vec<SocketDetails>,
    ) {
        if let Some(cluster) = &self.shared.cluster {
            let ServerTicket {
                namespace,
                node,
                request,
            } = ticket;
            let reply = Reply::Sockets(sockets);
            cluster.reply(namespace, node.as_deref(), request, &reply);
        }
    }

    /// A client here has answered a broadcast of another node.
    pub(in crate::server) fn relay_ack(
        &self,
        namespace: &str,
        relay: &crate::hub::Relay,
        response: Response,
    ) {
        if let Some(cluster) = &self.shared.cluster {
            let answer = Value {
                json: response.data,
                attachments: response.attachments,
            };
            let reply = Reply::ClientAck(first(&answer));
            cluster.reply(namespace, relay.node.as_deref(), &relay.request, &reply);
        }
    }

    /// The time for what was asked of the other nodes is up.
    pub(in crate::server) fn expire_request(&self, namespace: NamespaceId, id: u64) {
        if let Some(cluster) = &self.shared.cluster {
            cluster.forget_counts(namespace, id);
            let finished = cluster.requests.lock().expire(namespace, id);
            if let Some(finished) = finished {
                self.tell_finished(namespace, id, finished);
            }
        }
    }

    /// The bus knows how many nodes there are.
    pub(super) fn nodes_counted(&self, token: u64, nodes: Option<usize>) {
        let Some(cluster) = &self.shared.cluster else {
            return;
        };
        let purpose = cluster.counts.lock().remove(&token);
        match purpose {
            None => {}
            Some(Purpose::Request(namespace, id)) => {
                let finished = cluster.requests.lock().count(namespace, id, nodes);
                if let Some(finished) = finished {
                    self.tell_finished(namespace, id, finished);
                }
            }
            Some(Purpose::BroadcastAck(namespace, id)) => {
                let outcome = nodes.and_then(|nodes| {
                    let namespace = self.shared.hub.namespace(namespace)?;
                    let others = nodes.saturating_sub(1);
                    namespace.broadcast_acks().nodes(id, others)
                });
                self.tell_broadcast_ack(namespace, id, outcome);
            }
        }
    }

    pub(super) fn tell_broadcast_ack(
        &self,
        namespace: NamespaceId,
        id: u64,
        outcome: Option<BroadcastAck>,
    ) {
        if let Some(outcome) = outcome {
            self.tell_from_cluster(Event::BroadcastAck {
                namespace,
                id,
                outcome,
            });
        }
    }

    pub(super) fn tell_finished(&self, namespace: NamespaceId, id: u64, finished: Finished) {
        self.tell_from_cluster(match finished {
            Finished::Sockets { sockets, timed_out } => Event::Sockets {
                namespace,
                id,
                sockets,
                timed_out,
            },
            Finished::Count(servers) => Event::ServerCount {
                namespace,
                id,
                servers,
            },
            Finished::Answers { answers, timed_out } => Event::ServerAnswers {
                namespace,
                id,
                outcome: BroadcastAck {
                    responses: answers.into_iter().map(into_response).collect(),
                    timed_out,
                },
            },
        });
    }

    /// Tells the application of something that no shard tells.
    pub(super) fn tell_from_cluster(&self, event: Event<'_>) {
        self.shared.application.handle(self, event);
        self.shared.application.flush();
    }
}

impl Cluster {
    /// Wants the answers of other nodes to a broadcast that waits for clients here already.
    pub(in crate::server) fn broadcast_with_ack(
        &self,
        namespace: &Namespace,
        audience: Audience<'_>,
        payload: &Payload<'_>,
        volatile: bool,
        ack: AckRequest,
    ) {
        let Some(event) = value(payload) else {
            return;
        };
        let timeout_ms = ack.timeout.map(|timeout| timeout.as_millis() as u64);
        let message = Message::Broadcast {
            recipients: recipients(audience),
            event,
            volatile,
            ack: Some(AckWanted {
                request: self.name_request(namespace.id(), ack.id),
                timeout_ms,
            }),
        };
        self.tell(namespace.name(), &message);
        self.count(
            namespace.name(),
            Purpose::BroadcastAck(namespace.id(), ack.id),
        );
    }

    /// Awaits what is asked, for as long as it may take.
    fn begin(
        &self,
        batch: &mut Batch<'_>,
        namespace: NamespaceId,
        ask: AckRequest,
        asked: Asked,
        sockets: Vec<SocketDetails>,
    ) {
        let mut requests = self.requests.lock();
        requests.open(namespace, ask.id, asked, sockets);
        drop(requests);
        let now = Instant::now();
        let wait = ask.timeout.unwrap_or(self.requests_timeout);
        let at = now.checked_add(wait).unwrap_or(now);
        let id = ask.id;
        batch.push(0, Task::ClusterDeadline { namespace, id, at });
    }

    /// What was asked of the bus for a request that is over.
    pub(in crate::server) fn forget_counts(&self, namespace: NamespaceId, id: u64) {
        let mut counts = self.counts.lock();
        counts.retain(|_, purpose| match purpose {
            Purpose::Request(in_namespace, of) | Purpose::BroadcastAck(in_namespace, of) => {
                (*in_namespace, *of) != (namespace, id)
            }
        });
    }
}

/// The first element of an array: other nodes are told no more of an answer.
fn first(array: &Value) -> Value {
    let elements: Result<Vec<&serde_json::value::RawValue>, _> = serde_json::from_str(&array.json);
    let first = elements
        .ok()
        .and_then(|elements| elements.first().copied())
        .map_or("null", |first| first.get());
    Value {
        json: first.into(),
        attachments: array.attachments.clone(),
    }
}

/// Another node's answer, as if it had come as a packet.
pub(super) fn into_response(value: Value) -> Response {
    Response {
        data: format!("[{}]", value.json).into(),
        attachments: value.attachments,
    }
}
