//! Commands that reach further than this server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::recipients;
use crate::embed::{AckRequest, Audience, Payload, Reach};
use crate::hub::{ConnId, Namespace, NamespaceId, Relay};
use crate::proto::cluster::{Message, Recipients};
use crate::proto::socket::PacketType;
use crate::server::task::Task;
use crate::server::{Batch, packets};

/// What is asked of many sockets.
impl Batch<'_> {
    pub(in crate::server) fn tell_of_join(
        &mut self,
        namespace: NamespaceId,
        audience: Audience<'_>,
        rooms: &[&str],
    ) {
        self.tell_cluster(namespace, audience, |recipients| Message::Join {
            recipients,
            rooms: boxed(rooms),
            request: None,
        });
    }

    pub(in crate::server) fn tell_of_leave(
        &mut self,
        namespace: NamespaceId,
        audience: Audience<'_>,
        rooms: &[&str],
    ) {
        self.tell_cluster(namespace, audience, |recipients| Message::Leave {
            recipients,
            rooms: boxed(rooms),
            request: None,
        });
    }

    pub(in crate::server) fn tell_to_disconnect(
        &mut self,
        namespace: NamespaceId,
        audience: Audience<'_>,
        close: bool,
    ) {
        self.tell_cluster(namespace, audience, |recipients| Message::Disconnect {
            recipients,
            close,
            request: None,
        });
    }

    /// Tells the other nodes of something that is asked of many sockets.
    fn tell_cluster(
        &mut self,
        namespace: NamespaceId,
        audience: Audience<'_>,
        message: impl FnOnce(Recipients) -> Message,
    ) {
        if let Some(cluster) = self.shared.cluster_for(audience)
            && let Some(namespace) = self.namespace(namespace)
            // Plain WebSockets are in a group without a name, and in no cluster.
            && !namespace.name().is_empty()
        {
            cluster.tell(namespace.name(), &message(recipients(audience)));
        }
    }
}

/// Broadcasts that want answers.
impl Batch<'_> {
    /// Waits for the answers of clients here, and of other nodes' if it reaches so far.
    pub(in crate::server) fn expect_answers(
        &mut self,
        namespace: &Arc<Namespace>,
        ack: AckRequest,
        expected: Vec<ConnId>,
        reach: Reach,
    ) {
        let is_alone = self.shared.cluster.is_none() || reach == Reach::Server;
        let wait = if expected.is_empty() && is_alone {
            Duration::ZERO
        } else {
            self.broadcast_timeout(ack)
        };
        let acks = namespace.broadcast_acks();
        if is_alone {
            acks.open(ack.id, expected, ack.telling);
        } else {
            acks.open_everywhere(ack.id, expected, ack.telling);
        }
        self.push_broadcast_deadline(namespace, ack.id, wait);
    }

    fn push_broadcast_deadline(&mut self, namespace: &Arc<Namespace>, id: u64, wait: Duration) {
        let now = Instant::now();
        let at = now.checked_add(wait).unwrap_or(now);
        let namespace = Arc::clone(namespace);
        self.push(0, Task::BroadcastDeadline { namespace, id, at });
    }

    /// A broadcast of another node that wants the answers of clients here; gives how many they are.
    pub(in crate::server) fn relay_broadcast(
        &mut self,
        namespace: &Arc<Namespace>,
        audience: Audience<'_>,
        payload: &Payload<'_>,
        volatile: bool,
        ack: AckRequest,
        relay: Relay,
    ) -> usize {
        let targets = namespace.select(audience.rooms, audience.except);
        let expected = targets.connections();
        let clients = expected.len();
        if clients > 0 {
            let acks = namespace.broadcast_acks();
            acks.open_relay(ack.id, expected, relay);
            self.push_broadcast_deadline(namespace, ack.id, self.broadcast_timeout(ack));
            let parser = self.shared.config.parser;
            let name = namespace.name();
            let frames = packets::encode(parser, PacketType::Event, name, Some(ack.id), payload);
            self.push_broadcast(targets, &frames, volatile);
        }
        clients
    }

    pub(in crate::server) fn broadcast_timeout(&self, ack: AckRequest) -> Duration {
        ack.timeout
            .unwrap_or(self.shared.config.broadcast_ack_timeout)
    }
}

pub(super) fn boxed(names: &[&str]) -> Vec<Box<str>> {
    names.iter().map(|name| (*name).into()).collect()
}
