//! What the other nodes say, on the bus's thread.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;

use super::asking::into_response;
use super::wire::Wire;
use super::{Cluster, Role};
use crate::embed::{
    AckRequest, Audience, BroadcastAck, Command, Event, Payload, Reach, Response, ServerTicket,
    SocketRef, Telling,
};
use crate::hub::{Namespace, Relay};
use crate::proto::cluster::{
    Answered, Classic, Entry, Heard, Message, Received, Recipients, Refusal, Reply, Sharded,
    Streams, Value,
};
use crate::server::Engine;
use crate::trace::tell;

/// A message as the bus gave it.
#[derive(Clone, Copy)]
pub(super) struct Arrival<'a> {
    pub(super) subscription: &'a str,
    pub(super) channel: &'a str,
    pub(super) bytes: &'a Bytes,
}

impl Engine {
    /// Takes a message from the bus.
    pub(super) fn hear(&self, arrival: Arrival<'_>) {
        let Some(cluster) = &self.shared.cluster else {
            return;
        };
        cluster.counters.received.increment_shared();
        let heard = match &cluster.wire {
            Wire::Classic(classic) => self.hear_classic(cluster, classic, arrival),
            Wire::Sharded(sharded) => {
                let namespace = sharded.namespace_of(arrival.channel);
                self.hear_any(cluster, namespace, arrival.bytes)
            }
            Wire::Streams(streams) => {
                let namespace = streams.namespace_of(arrival.channel);
                self.hear_any(cluster, namespace, arrival.bytes)
            }
        };
        cluster.count_refused(arrival.channel, heard);
    }

    /// Takes an entry of a stream.
    pub(super) fn hear_entry(&self, offset: &str, entry: &Entry) {
        let Some(cluster) = &self.shared.cluster else {
            return;
        };
        cluster.counters.received.increment_shared();
        if Streams::is_of(&cluster.node, entry) {
            cluster.hear_echo(self, offset, entry);
        } else {
            let heard = cluster.hear_other(self, offset, entry);
            cluster.count_refused(&entry.stream, heard);
        }
    }

    fn hear_classic(
        &self,
        cluster: &Cluster,
        classic: &Classic,
        arrival: Arrival<'_>,
    ) -> Result<(), Refusal> {
        let known = cluster.roles.read().get(arrival.subscription).cloned();
        let Some((name, role)) = known else {
            return Ok(());
        };
        match role {
            Role::Broadcasts => {
                let room = classic.room_of(&name, arrival.channel);
                return self.hear_broadcast(cluster, &name, room, arrival.bytes);
            }
            Role::Requests => {
                self.follow(cluster, &name, Classic::read_request(arrival.bytes)?);
            }
            Role::Responses => self.take_reply(cluster, Classic::read_response(arrival.bytes)?),
            Role::All => {}
        }
        Ok(())
    }

    fn hear_broadcast(
        &self,
        cluster: &Cluster,
        name: &str,
        room: Option<&str>,
        bytes: &Bytes,
    ) -> Result<(), Refusal> {
        if Classic::is_broadcast_of(&cluster.node, bytes) {
            return Ok(());
        }
        let Some(namespace) = self.shared.hub.lookup(name) else {
            return Ok(());
        };
        // A store keeps it for members who are away.
        if namespace.recovery().is_none()
            && room.is_some_and(|room| !room.is_empty() && namespace.room_size(room) == 0)
        {
            return Ok(());
        }
        let received = Classic::read_broadcast(bytes)?;
        // Patterns of two namespaces may fit one channel.
        if received.namespace.as_deref() == Some(name) {
            drop(namespace);
            self.follow(cluster, name, received);
        }
        Ok(())
    }

    /// Takes what may be any message, on a channel of the namespace.
    fn hear_any(
        &self,
        cluster: &Cluster,
        namespace: Option<&str>,
        bytes: &Bytes,
    ) -> Result<(), Refusal> {
        if namespace.is_some_and(|name| Sharded::is_of(&cluster.node, name, bytes)) {
            return Ok(());
        }
        self.take(cluster, Heard::read(bytes)?);
        Ok(())
    }

    pub(super) fn take(&self, cluster: &Cluster, heard: Heard) {
        match heard {
            Heard::Reply(answered) => self.take_reply(cluster, answered),
            Heard::Message(received) => {
                if let Some(name) = received.namespace.clone() {
                    self.follow(cluster, &name, received);
                }
            }
        }
    }

    /// Does what another node says.
    fn follow(&self, cluster: &Cluster, name: &str, received: Received) {
        let Received { node, message, .. } = received;
        if node.as_deref() == Some(&*cluster.node) {
            return;
        }
        let Some(namespace) = self.shared.hub.lookup(name) else {
            return;
        };
        let reply = |request: &str, reply: &Reply| {
            cluster.reply(name, node.as_deref(), request, reply);
        };
        let confirm = |request: Option<Box<str>>, is_here: bool| {
            if let Some(request) = request.filter(|_| is_here) {
                reply(&request, &Reply::Done);
            }
        };
        match message {
            Message::Broadcast {
                recipients,
                event,
                volatile,
                ack: None,
            } => recipients.with_audience(|audience| {
                self.execute(Command::Broadcast {
                    namespace: namespace.id(),
                    audience,
                    payload: payload(&event),
                    volatile,
                    ack: None,
                });
            }),
            Message::Broadcast {
                recipients,
                event,
                volatile,
                ack: Some(wanted),
            } => {
                let relay = Relay {
                    node: node.clone(),
                    request: wanted.request.clone(),
                };
                let timeout = wanted.timeout_ms.map(Duration::from_millis);
                let ack = AckRequest::new(namespace.next_ack(), timeout);
                recipients.with_audience(|audience| {
                    let mut batch = self.batch();
                    let payload = payload(&event);
                    let clients =
                        batch.relay_broadcast(&namespace, audience, &payload, volatile, ack, relay);
                    // Before the batch goes, and with it the first answer can come.
                    reply(&wanted.request, &Reply::ClientCount(clients as u64));
                });
            }
            Message::Join {
                recipients,
                rooms,
                request,
            } => {
                let is_here = self.move_sockets(&namespace, &recipients, &rooms, Move::Join);
                confirm(request, is_here);
            }
            Message::Leave {
                recipients,
                rooms,
                request,
            } => {
                let is_here = self.move_sockets(&namespace, &recipients, &rooms, Move::Leave);
                confirm(request, is_here);
            }
            Message::Disconnect {
                recipients,
                close,
                request,
            } => {
                let found = sockets(&namespace, &recipients);
                let is_here = !found.is_empty();
                for socket in found {
                    self.tell_from_cluster(Event::DisconnectAsked { socket, close });
                }
                confirm(request, is_here);
            }
            Message::FetchSockets {
                request,
                recipients,
            } => {
                if cluster.parse_request(&request).is_some() {
                    // It is our own.
                } else if self.shared.application.describes_sockets() {
                    self.tell_from_cluster(Event::SocketsAsked {
                        namespace: namespace.id(),
                        ticket: ServerTicket {
                            namespace: name.into(),
                            node: node.clone(),
                            request,
                        },
                        sockets: sockets(&namespace, &recipients),
                    });
                } else {
                    let found = self.details(&namespace, sockets(&namespace, &recipients));
                    reply(&request, &Reply::Sockets(found));
                }
            }
            Message::FetchIds { request, rooms } => {
                if cluster.parse_request(&request).is_none() {
                    let except = Vec::new();
                    let found = sockets(&namespace, &Recipients { rooms, except });
                    let ids = found
                        .into_iter()
                        .filter_map(|socket| Some((*namespace.sid_of(socket.conn)?).into()));
                    reply(&request, &Reply::SocketIds(ids.collect()));
                }
            }
            Message::FetchRooms { request } => {
                if cluster.parse_request(&request).is_none() {
                    reply(&request, &Reply::Rooms(all_rooms(&namespace)));
                }
            }
            Message::ServerSideEmit { event, request } => {
                let ticket = request.map(|request| ServerTicket {
                    namespace: name.into(),
                    node,
                    request,
                });
                self.tell_from_cluster(Event::ServerSideEmit {
                    namespace: namespace.id(),
                    ticket,
                    data: Cow::Borrowed(&event.json),
                    attachments: event.attachments,
                });
            }
        }
        let id = namespace.id();
        drop(namespace);
        self.shared.hub.retire(id);
    }

    fn take_reply(&self, cluster: &Cluster, answered: Answered) {
        let Answered { request, reply } = answered;
        let Some((namespace, id)) = cluster.parse_request(&request) else {
            return;
        };
        let known = || self.shared.hub.namespace(namespace);
        let outcome = match reply {
            Reply::ClientCount(clients) => {
                known().and_then(|known| known.broadcast_acks().clients(id, clients))
            }
            Reply::ClientAck(answer) => {
                known().and_then(|known| self.take_answer(&known, id, into_response(answer)))
            }
            reply => {
                let finished = cluster.requests.lock().reply(namespace, id, reply);
                if let Some(finished) = finished {
                    self.tell_finished(namespace, id, finished);
                }
                return;
            }
        };
        self.tell_broadcast_ack(namespace, id, outcome);
    }

    /// A client of another node has answered a broadcast.
    fn take_answer(
        &self,
        namespace: &Namespace,
        id: u64,
        response: Response,
    ) -> Option<BroadcastAck> {
        let acks = namespace.broadcast_acks();
        let untold = match acks.telling_of_elsewhere(id)? {
            Telling::Together => Some(response),
            Telling::OneByOne => {
                self.tell_from_cluster(Event::BroadcastAnswer {
                    namespace: namespace.id(),
                    conn: None,
                    id,
                    data: response.data.into_string().into(),
                    attachments: response.attachments,
                });
                None
            }
        };
        acks.answer_elsewhere(id, untold)
    }

    /// Puts sockets into rooms or takes them out, and says whether any of them is here.
    fn move_sockets(
        &self,
        namespace: &Namespace,
        recipients: &Recipients,
        rooms: &[Box<str>],
        direction: Move,
    ) -> bool {
        let found = sockets(namespace, recipients);
        let is_here = !found.is_empty();
        if self.shared.application.watches_rooms(namespace.id()) {
            for socket in found {
                self.tell_from_cluster(match direction {
                    Move::Join => Event::JoinAsked { socket, rooms },
                    Move::Leave => Event::LeaveAsked { socket, rooms },
                });
            }
            return is_here;
        }
        let rooms: &Vec<&str> = &rooms.iter().map(|room| &**room).collect();
        let namespace = namespace.id();
        recipients.with_audience(|audience| {
            self.execute(match direction {
                Move::Join => Command::JoinMany {
                    namespace,
                    audience,
                    rooms,
                },
                Move::Leave => Command::LeaveMany {
                    namespace,
                    audience,
                    rooms,
                },
            });
        });
        is_here
    }
}

impl Cluster {
    /// What cannot be read is dropped; `from` is the channel or the stream.
    pub(super) fn count_refused(&self, from: &str, heard: Result<(), Refusal>) {
        if let Err(refusal) = heard {
            self.counters.refused.increment_shared();
            tell!(warn, from, %refusal, "message of another server dropped");
            #[cfg(not(feature = "tracing"))]
            let _ = (from, refusal);
        }
    }
}

/// Into rooms, or out of them.
#[derive(Clone, Copy, Debug)]
enum Move {
    Join,
    Leave,
}

impl Recipients {
    fn with_audience(&self, work: impl FnOnce(Audience<'_>)) {
        let rooms: Vec<&str> = self.rooms.iter().map(|room| &**room).collect();
        let except: Vec<&str> = self.except.iter().map(|room| &**room).collect();
        work(Audience {
            rooms: &rooms,
            except: &except,
            reach: Reach::Server,
        });
    }
}

fn payload(event: &Value) -> Payload<'_> {
    Payload {
        json: event.json.as_bytes(),
        attachments: event.attachments.clone(),
    }
}

fn sockets(namespace: &Namespace, recipients: &Recipients) -> Vec<SocketRef> {
    let targets = namespace.select(&recipients.rooms, &recipients.except);
    let conns = targets.connections().into_iter();
    conns
        .map(|conn| SocketRef {
            conn,
            namespace: namespace.id(),
        })
        .collect()
}

/// Every room, those of the sockets' own ids too, as socket.io counts them.
fn all_rooms(namespace: &Namespace) -> Vec<Box<str>> {
    let joined = namespace.rooms().into_iter().map(|(room, _)| room);
    let nobody: [&str; 0] = [];
    let everybody = namespace.select(&nobody, &nobody).connections().into_iter();
    let own = everybody.filter_map(|conn| {
        let sid = namespace.sid_of(conn)?;
        namespace.find(&sid).map(|_| sid)
    });
    joined.chain(own).map(|room| (*room).into()).collect()
}
