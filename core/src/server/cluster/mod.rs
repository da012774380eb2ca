//! An engine as a node of a cluster: what it says goes to the others over a bus, and what they say is
//! done here. A broadcast that stays on this node never comes here.

mod asking;
mod details;
mod echoes;
mod hearing;
mod log;
mod missable;
mod returning;
mod saying;
mod sessions;
mod wire;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};

use super::{Engine, Shared};
use crate::adapter::{Adapter, Bus, ClusterSettings, Entry, Listener, Requests, Subscription};
use crate::embed::{Audience, Event, Payload};
use crate::error::Error;
use crate::hub::{Namespace, NamespaceId, RecoverySettings, new_sid};
use crate::metrics::{Counter, Metrics};
use crate::proto::cluster::{Message, Post, Recipients, Reply, Value};
use echoes::Echoes;
use hearing::Arrival;
use returning::Returns;
pub(super) use returning::{Asking, ReturnTicket};
use wire::Wire;

/// This node's part of a cluster.
#[derive(Debug)]
pub(super) struct Cluster {
    /// This node's name, different from all others.
    node: Arc<str>,
    wire: Wire,
    /// Set before the engine is given to anybody.
    bus: OnceLock<Arc<dyn Bus>>,
    requests_timeout: Duration,
    requests: Mutex<Requests>,
    counts: Mutex<HashMap<u64, Purpose>>,
    next_token: AtomicU64,
    /// What is heard by which subscription. The lock is held while the bus is told of a change, so
    /// that both agree.
    roles: RwLock<HashMap<Box<str>, Heard>>,
    /// Held while the bus is told of a room's channel, so that it agrees with whether the room is there.
    telling_of_rooms: Mutex<()>,
    echoes: Echoes,
    /// Where sockets come back to any server.
    returns: Option<Returns>,
    /// Before the names of their records.
    session_prefix: Box<str>,
    /// Written by any thread.
    counters: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    published: Counter,
    received: Counter,
    refused: Counter,
}

/// In which namespace something is heard, and as what.
type Heard = (Arc<str>, Role);

/// What comes by a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Broadcasts,
    Requests,
    Responses,
    /// The message tells.
    All,
}

/// What the number of nodes is wanted for.
#[derive(Clone, Copy, Debug)]
enum Purpose {
    Request(NamespaceId, u64),
    BroadcastAck(NamespaceId, u64),
}

/// The engine's ear on the bus. It does not keep the engine alive.
struct Ear(Weak<Shared>);

impl Cluster {
    pub(super) fn new(settings: &ClusterSettings, recovery: Option<RecoverySettings>) -> Cluster {
        let wire = Wire::new(settings);
        Cluster {
            node: new_sid(),
            echoes: Echoes::default(),
            returns: recovery
                .filter(|_| wire.streams().is_some())
                .map(Returns::new),
            session_prefix: settings.streams.session_prefix.as_str().into(),
            wire,
            bus: OnceLock::new(),
            requests_timeout: settings.requests_timeout,
            requests: Mutex::default(),
            counts: Mutex::default(),
            next_token: AtomicU64::new(0),
            roles: RwLock::default(),
            telling_of_rooms: Mutex::default(),
            counters: Counters::default(),
        }
    }

    /// Starts the bus, and hears of every namespace from now on.
    pub(super) fn start(shared: &Arc<Shared>, adapter: &dyn Adapter) -> Result<(), Error> {
        let Some(cluster) = &shared.cluster else {
            return Ok(());
        };
        let bus = adapter.start(Arc::new(Ear(Arc::downgrade(shared))))?;
        let is_first = cluster.bus.set(bus).is_ok();
        debug_assert!(is_first, "an engine is started once");
        if cluster.wire.has_room_channels() {
            let watched = Arc::downgrade(shared);
            shared.hub.watch_rooms(move |namespace, room| {
                if let Some(shared) = watched.upgrade()
                    && let Some(cluster) = &shared.cluster
                {
                    cluster.follow_room(namespace, room);
                }
            });
        }
        let watched = Arc::downgrade(shared);
        shared.hub.watch(move |name| {
            if let Some(shared) = watched.upgrade()
                && let Some(cluster) = &shared.cluster
            {
                cluster.follow(name, |name| shared.hub.contains(name));
            }
        });
        Ok(())
    }

    /// The engine has closed.
    pub(super) fn close(&self) {
        if let Some(bus) = self.bus.get() {
            bus.close();
        }
    }

    pub(super) fn add_to(&self, metrics: &mut Metrics) {
        metrics.cluster_published = self.counters.published.value();
        metrics.cluster_received = self.counters.received.value();
        metrics.cluster_refused = self.counters.refused.value();
        metrics.cluster_dropped = self.bus.get().map_or(0, |bus| bus.dropped());
    }

    /// Tells the other nodes.
    pub(super) fn tell(&self, namespace: &str, message: &Message) {
        self.post(self.wire.write(&self.node, namespace, message));
    }

    /// Tells the other nodes of a broadcast.
    pub(super) fn broadcast(
        &self,
        namespace: &str,
        audience: Audience<'_>,
        payload: &Payload<'_>,
        volatile: bool,
    ) {
        let Some(event) = value(payload) else {
            return;
        };
        let message = Message::Broadcast {
            recipients: recipients(audience),
            event,
            volatile,
            ack: None,
        };
        self.tell(namespace, &message);
    }

    fn reply(&self, namespace: &str, asker: Option<&str>, request: &str, reply: &Reply) {
        let node = &*self.node;
        let reply = self.wire.reply(node, namespace, asker, request, reply);
        self.post(reply.map(Post::Publication));
    }

    fn post(&self, post: Option<Post>) {
        if let Some(bus) = self.bus.get()
            && let Some(post) = post
        {
            self.counters.published.increment_shared();
            match post {
                Post::Publication(publication) => bus.publish(publication),
                Post::Entry(entry) => bus.append(entry),
            }
        }
    }

    /// A namespace has come into being or gone.
    fn follow(&self, name: &str, is_there: impl Fn(&str) -> bool) {
        let Some(bus) = self.bus.get() else {
            return;
        };
        let subscriptions = self.wire.subscriptions(name, &self.node);
        let channels = || subscriptions.iter().map(|(channel, _)| channel.clone());
        let mut roles = self.roles.write();
        let is_known = roles.contains_key(subscriptions[0].0.name());
        match (is_there(name), is_known) {
            (true, false) => {
                let namespace: Arc<str> = name.into();
                for (subscription, role) in &subscriptions {
                    roles.insert(subscription.name().into(), (Arc::clone(&namespace), *role));
                }
                bus.subscribe(channels().collect());
            }
            (false, true) => {
                for (subscription, _) in &subscriptions {
                    roles.remove(subscription.name());
                }
                bus.unsubscribe(channels().collect());
            }
            _ => {}
        }
    }

    /// A room has come into being or gone.
    fn follow_room(&self, namespace: &Namespace, room: &str) {
        // Plain WebSockets are in a group without a name, and in no cluster.
        if namespace.name().is_empty() {
            return;
        }
        if let Some(bus) = self.bus.get()
            && let Some(channel) = self.wire.room_channel(namespace.name(), room)
        {
            let channels = vec![Subscription::Channel(channel)];
            let _turn = self.telling_of_rooms.lock();
            match namespace.room_size(room) {
                0 => bus.unsubscribe(channels),
                _ => bus.subscribe(channels),
            }
        }
    }

    /// Asks for the number of nodes.
    fn count(&self, namespace: &str, purpose: Purpose) {
        let token = self.next_token.fetch_add(1, Ordering::Relaxed);
        self.counts.lock().insert(token, purpose);
        if let Some(bus) = self.bus.get() {
            bus.count(&self.wire.counted_channel(namespace), token);
        }
    }

    /// A request's name, by which its replies name it.
    fn name_request(&self, namespace: NamespaceId, id: u64) -> Box<str> {
        format!("{}.{}.{id}", self.node, namespace.0).into()
    }

    /// The request of that name, if it is one of this node.
    fn parse_request(&self, name: &str) -> Option<(NamespaceId, u64)> {
        let rest = name.strip_prefix(&*self.node)?.strip_prefix('.')?;
        let (namespace, id) = rest.split_once('.')?;
        Some((NamespaceId(namespace.parse().ok()?), id.parse().ok()?))
    }
}

impl Listener for Ear {
    fn deliver(&self, subscription: &str, channel: &str, bytes: Bytes) {
        if let Some(shared) = self.0.upgrade() {
            Engine { shared }.hear(Arrival {
                subscription,
                channel,
                bytes: &bytes,
            });
        }
    }

    fn read(&self, offset: &str, entry: Entry) {
        if let Some(shared) = self.0.upgrade() {
            Engine { shared }.hear_entry(offset, &entry);
        }
    }

    fn echoes(&self, is_on: bool) {
        if let Some(shared) = self.0.upgrade()
            && let Some(cluster) = &shared.cluster
        {
            let engine = Engine {
                shared: Arc::clone(&shared),
            };
            cluster.set_echoes(&engine, is_on);
        }
    }

    fn recalled(&self, token: u64, record: Bytes, left: Duration) {
        if let Some(shared) = self.0.upgrade()
            && let Some(cluster) = &shared.cluster
        {
            cluster.recalled(token, &record, left);
        }
    }

    fn replay(&self, tokens: &[u64], offset: &str, entry: &Entry) {
        if let Some(shared) = self.0.upgrade() {
            Engine { shared }.replay(tokens, offset, entry);
        }
    }

    fn replayed(&self, token: u64, is_complete: bool) {
        if let Some(shared) = self.0.upgrade() {
            Engine { shared }.decide_return(token, is_complete);
        }
    }

    fn counted(&self, token: u64, nodes: Option<usize>) {
        if let Some(shared) = self.0.upgrade() {
            Engine { shared }.nodes_counted(token, nodes);
        }
    }

    fn connected(&self, state: Result<(), &str>) {
        if let Some(shared) = self.0.upgrade() {
            Engine { shared }.tell_from_cluster(Event::Bus(state));
        }
    }
}

/// An application's payload as other nodes are told it. The application vouches for its JSON.
fn value(payload: &Payload<'_>) -> Option<Value> {
    let json = std::str::from_utf8(payload.json).ok()?;
    Some(Value {
        json: json.into(),
        attachments: payload.attachments.clone(),
    })
}

fn recipients(audience: Audience<'_>) -> Recipients {
    Recipients {
        rooms: saying::boxed(audience.rooms),
        except: saying::boxed(audience.except),
    }
}
