//! Clusters whose rooms have channels of their own: who hears what, and what nonsense on them leads to.

use bytes::Bytes;
use serde_json::json;
use sori::adapter::{ClusterSettings, Format, Publication, StubBus, SubscriptionMode};

use crate::support::app::{Client, Running};

struct Cluster {
    bus: StubBus,
    /// Before the servers, which wait for their clients to go.
    clients: [Client; 2],
    nodes: [Running; 2],
}

impl Cluster {
    fn new(mode: SubscriptionMode) -> Cluster {
        let bus = StubBus::new(ClusterSettings {
            format: Format::Sharded(mode),
            ..ClusterSettings::default()
        });
        let nodes = [(); 2].map(|()| Running::start_with(|builder| builder.adapter(bus.clone())));
        let clients = [nodes[0].client(), nodes[1].client()];
        Cluster {
            bus,
            nodes,
            clients,
        }
    }

    /// How many messages the second node takes from the bus while `work` is done.
    fn heard_there(&self, work: impl FnOnce(&Cluster)) -> u64 {
        let received = || self.nodes[1].server.metrics().cluster_received;
        let before = received();
        work(self);
        received() - before
    }

    fn join(&self, node: usize, room: &str) {
        let socket = self.nodes[node].server.of("/");
        socket.socket(&self.clients[node].id).unwrap().join(room);
    }

    fn leave(&self, node: usize, room: &str) {
        let socket = self.nodes[node].server.of("/");
        socket.socket(&self.clients[node].id).unwrap().leave(room);
    }

    fn emit_to(&self, room: &str) {
        let all = self.nodes[0].server.of("/");
        all.to(room).emit("x", ()).unwrap();
    }
}

#[test]
fn a_nodes_ear_follows_its_rooms() {
    for (mode, unheard) in [
        (SubscriptionMode::Static, 1),
        (SubscriptionMode::Dynamic, 0),
        (SubscriptionMode::DynamicPrivate, 0),
    ] {
        let mut cluster = Cluster::new(mode);
        let to_room = |cluster: &Cluster| cluster.emit_to("room");
        assert_eq!(cluster.heard_there(to_room), unheard, "nobody is in it");
        cluster.join(1, "room");
        cluster.join(1, "room");
        assert_eq!(cluster.heard_there(to_room), 1);
        cluster.clients[1].expect(r#"42["x"]"#);
        cluster.leave(1, "room");
        assert_eq!(cluster.heard_there(to_room), unheard, "the last has left");
        cluster.clients[1].sync();
    }
}

#[test]
fn a_room_goes_with_the_connection_of_its_last_member() {
    let cluster = Cluster::new(SubscriptionMode::Dynamic);
    let here = cluster.nodes[1].client();
    let socket = cluster.nodes[1].server.of("/").socket(&here.id).unwrap();
    socket.join(["a", "b"]);
    let log = crate::support::app::Log::default();
    let ended = log.clone();
    let space = cluster.nodes[1].server.of("/");
    space.on_disconnect(move |_: sori::Socket, _| ended.write("gone"));
    here.close();
    log.wait_for(1);
    for room in ["a", "b"] {
        assert_eq!(cluster.heard_there(|cluster| cluster.emit_to(room)), 0);
    }
}

#[test]
fn the_rooms_of_ids_have_channels_of_their_own_only_if_the_mode_says_so() {
    for (mode, heard) in [
        (SubscriptionMode::Dynamic, 1),
        (SubscriptionMode::DynamicPrivate, 0),
    ] {
        let mut cluster = Cluster::new(mode);
        let (a, b) = (cluster.clients[0].id.clone(), cluster.clients[1].id.clone());
        let to_a = |cluster: &Cluster| cluster.emit_to(&a);
        assert_eq!(cluster.heard_there(to_a), heard);
        assert_eq!(cluster.heard_there(|cluster| cluster.emit_to(&b)), 1);
        for client in &mut cluster.clients {
            client.expect(r#"42["x"]"#);
            client.sync();
        }
    }
}

#[test]
fn nonsense_is_counted_and_dropped_and_the_rest_goes_on() {
    let mut cluster = Cluster::new(SubscriptionMode::Dynamic);
    cluster.join(0, "room");
    let refused = |cluster: &Cluster| cluster.nodes[0].server.metrics().cluster_refused;
    let publish = |cluster: &Cluster, channel: &str, bytes: Bytes| {
        let channel = channel.into();
        cluster.bus.publish(Publication { channel, bytes });
    };
    let mut expected = 0;
    for channel in ["socket.io#/#", "socket.io#/#room#"] {
        for bytes in [&b""[..], b"{", b"\xc1", b"\x84\xa4type", b"{\"type\":3}"] {
            publish(&cluster, channel, Bytes::from_static(bytes));
            expected += 1;
        }
    }
    assert_eq!(refused(&cluster), expected);
    // Well made, and of no meaning here.
    for message in [
        json!({ "type": 12, "data": { "requestId": "of nobody" }, "uid": "o", "nsp": "/" }),
        json!({ "type": 11, "data": { "requestId": "x", "clientCount": 1e300 }, "uid": "o", "nsp": "/" }),
        json!({ "type": 4, "data": { "opts": { "rooms": [], "except": [] }, "rooms": ["r"] }, "uid": "o", "nsp": "/other" }),
    ] {
        publish(&cluster, "socket.io#/#", message.to_string().into());
    }
    assert_eq!(refused(&cluster), expected);
    cluster.emit_to("room");
    cluster.clients[0].expect(r#"42["x"]"#);
    cluster.clients[0].sync();
}
