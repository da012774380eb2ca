//! Clusters of servers over a bus within the process: what one says reaches the clients of all, and
//! nodes that are silent, late or say nonsense.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use sori::adapter::SubscriptionMode::{Dynamic, DynamicPrivate, Static};
use sori::adapter::{ClusterSettings, Format, Listener, Publication, StubBus, Subscription};
use sori::{Ack, Binary, Namespace, Socket};

use crate::support::app::{Client, Log, Running, block_on};

/// A cluster of servers and the bus they meet on.
struct Cluster {
    bus: StubBus,
    nodes: Vec<Running>,
}

impl Cluster {
    fn of(nodes: usize) -> Cluster {
        Cluster::with(nodes, ClusterSettings::default())
    }

    /// One after the other, so that each is alone.
    fn in_each_format(nodes: usize) -> impl Iterator<Item = Cluster> {
        let modes = [Static, Dynamic, DynamicPrivate].map(Format::Sharded);
        let formats = [Format::Classic].into_iter().chain(modes);
        formats.map(move |format| {
            let settings = ClusterSettings {
                format,
                ..ClusterSettings::default()
            };
            Cluster::with(nodes, settings)
        })
    }

    fn with(nodes: usize, settings: ClusterSettings) -> Cluster {
        let bus = StubBus::new(settings);
        let nodes = (0..nodes)
            .map(|_| Running::start_with(|builder| builder.adapter(bus.clone())))
            .collect();
        Cluster { bus, nodes }
    }

    fn space(&self, node: usize) -> Namespace {
        self.nodes[node].server.of("/")
    }

    /// A client of each node.
    fn clients(&self) -> Vec<Client> {
        self.nodes.iter().map(Running::client).collect()
    }

    fn say(&self, channel: &str, message: &Value) {
        self.bus.publish(Publication {
            channel: channel.into(),
            bytes: message.to_string().into(),
        });
    }

    /// What has been published since, as text where it is text.
    fn said(&self) -> Vec<(Box<str>, Value)> {
        let log = self.bus.take_log().into_iter();
        log.map(|Publication { channel, bytes }| {
            (
                channel,
                serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            )
        })
        .collect()
    }
}

/// Settings in whose time nobody need be waited for.
fn impatient() -> ClusterSettings {
    ClusterSettings {
        requests_timeout: Duration::from_millis(50),
        ..ClusterSettings::default()
    }
}

/// A node that is counted and never answers.
struct Silent;

impl Listener for Silent {
    fn deliver(&self, _: &str, _: &str, _: Bytes) {}
    fn counted(&self, _: u64, _: Option<usize>) {}
}

const REQUESTS: &str = "socket.io-request#/#";
const RESPONSES: &str = "socket.io-response#/#";

fn add_silent_node(cluster: &Cluster) {
    let subscriptions = vec![Subscription::Channel(REQUESTS.into())];
    cluster.bus.add_node(Arc::new(Silent), subscriptions);
}

#[test]
fn a_broadcast_reaches_the_clients_of_all_nodes_once_and_in_order() {
    for cluster in Cluster::in_each_format(3) {
        let mut clients = cluster.clients();
        cluster.space(0).emit("a", (1, "ü")).unwrap();
        cluster
            .space(1)
            .emit("b", Binary(Bytes::from_static(b"xy")))
            .unwrap();
        cluster.space(2).all().local().emit("here", ()).unwrap();
        cluster
            .space(0)
            .except(&clients[1].id)
            .emit("c", ())
            .unwrap();
        for (at, client) in clients.iter_mut().enumerate() {
            client.expect(r#"42["a",1,"ü"]"#);
            client.expect(r#"451-["b",{"_placeholder":true,"num":0}]"#);
            assert_eq!(client.receive_binary(), b"xy");
            if at == 2 {
                client.expect(r#"42["here"]"#);
            }
            if at != 1 {
                client.expect(r#"42["c"]"#);
            }
            client.sync();
        }
    }
}

#[test]
fn a_broadcast_to_a_room_is_for_its_members_wherever_they_are() {
    for cluster in Cluster::in_each_format(2) {
        let mut clients = cluster.clients();
        let mut outside = cluster.nodes[1].client();
        cluster.space(0).to(&clients[1].id).join("room");
        cluster.space(1).to(&clients[0].id).join(["room", "other"]);
        cluster.space(0).to("room").emit("one", ()).unwrap();
        cluster
            .space(0)
            .to(["room", "other"])
            .emit("two", ())
            .unwrap();
        cluster.space(0).to("room").leave("room");
        cluster.space(0).to("room").emit("three", ()).unwrap();
        for client in &mut clients {
            client.expect(r#"42["one"]"#);
            client.expect(r#"42["two"]"#);
            client.sync();
        }
        outside.sync();
    }
}

#[test]
fn acks_of_a_broadcast_are_gathered_from_all_nodes() {
    for cluster in Cluster::in_each_format(3) {
        let mut clients = cluster.clients();
        let votes = cluster.space(0).emit_with_ack::<u8>("vote", ());
        let asked = std::thread::spawn(move || block_on(votes.into_future()));
        for (at, client) in clients.iter_mut().enumerate() {
            let packet = client.receive();
            let id = packet.trim_start_matches("42").split('[').next().unwrap();
            client.send(&format!("43{id}[{at}]"));
        }
        let mut answers = asked.join().unwrap().unwrap();
        answers.received.sort_unstable();
        assert_eq!(answers.received, [0, 1, 2]);
        assert!(!answers.timed_out);
    }
}

#[test]
fn a_stream_gives_the_answers_of_all_nodes_and_the_sockets_of_its_own() {
    for cluster in Cluster::in_each_format(3) {
        let mut clients = cluster.clients();
        let asked = cluster.space(0).emit_with_ack::<u8>("vote", ());
        let mut votes = asked.stream().unwrap();
        for at in [1, 0, 2] {
            let packet = clients[at].receive();
            let id = packet.trim_start_matches("42").split('[').next().unwrap();
            clients[at].send(&format!("43{id}[{at}]"));
            let vote = block_on(votes.next()).unwrap();
            let own = (at == 0).then_some(&*clients[0].id);
            assert_eq!(vote.socket.as_ref().map(|socket| socket.id()), own);
            assert_eq!(usize::from(vote.value.unwrap()), at);
        }
        assert!(block_on(votes.next()).is_none());
        assert!(votes.is_complete());

        let local = cluster.space(0).all().local();
        let mut votes = local.emit_with_ack::<u8>("here", ()).stream().unwrap();
        let packet = clients[0].receive();
        let id = packet.trim_start_matches("42").split('[').next().unwrap();
        clients[0].send(&format!("43{id}[9]"));
        assert_eq!(block_on(votes.next()).unwrap().value.unwrap(), 9);
        assert!(block_on(votes.next()).is_none());
        clients[1].sync();
    }
}

#[test]
fn a_stream_of_all_nodes_ends_when_one_does_not_answer_in_time() {
    for cluster in Cluster::in_each_format(2) {
        let mut clients = cluster.clients();
        let asked = cluster.space(0).emit_with_ack::<u8>("vote", ());
        let mut votes = asked.timeout(Duration::from_millis(200)).stream().unwrap();
        let packet = clients[0].receive();
        let id = packet.trim_start_matches("42").split('[').next().unwrap();
        clients[0].send(&format!("43{id}[7]"));
        assert_eq!(block_on(votes.next()).unwrap().value.unwrap(), 7);
        assert!(block_on(votes.next()).is_none());
        assert!(!votes.is_complete());
    }
}

#[test]
fn acks_that_nobody_has_to_give_are_complete_at_once_and_without_one_they_time_out() {
    for cluster in Cluster::in_each_format(2) {
        let votes = cluster.space(0).emit_with_ack::<u8>("vote", ());
        let nobody = block_on(votes.into_future()).unwrap();
        assert_eq!((nobody.received.len(), nobody.timed_out), (0, false));
        let mut clients = cluster.clients();
        let votes = cluster.space(0).emit_with_ack::<u8>("vote", ());
        let asked = votes.timeout(Duration::from_millis(200)).into_future();
        let packet = clients[1].receive();
        let id = packet.trim_start_matches("42").split('[').next().unwrap();
        clients[1].send(&format!("43{id}[7]"));
        let some = block_on(asked).unwrap();
        assert_eq!((some.received, some.timed_out), (vec![7], true));
    }
}

#[test]
fn sockets_of_all_nodes_are_fetched_and_can_be_spoken_to() {
    for cluster in Cluster::in_each_format(2) {
        for node in 0..2 {
            cluster
                .space(node)
                .on("name", |socket: Socket, name: String, ack: Ack| {
                    socket.set_recovery_data(&json!({ "name": name }))?;
                    ack.send(())
                });
        }
        let mut clients = cluster.clients();
        for (client, name) in clients.iter_mut().zip(["a", "b"]) {
            client.send(&format!(r#"420["name","{name}"]"#));
            client.expect("430[]");
        }
        cluster.space(1).to(&clients[1].id).join("theirs");
        let all = block_on(cluster.space(0).fetch_sockets()).unwrap();
        assert!(!all.timed_out);
        let mut names: Vec<String> = all
            .sockets
            .iter()
            .map(|socket| socket.data::<Value>().unwrap()["name"].to_string())
            .collect();
        names.sort();
        assert_eq!(names, [r#""a""#, r#""b""#]);

        let found = block_on(cluster.space(0).to("theirs").fetch_sockets()).unwrap();
        let [theirs] = &found.sockets[..] else {
            panic!("{found:?}");
        };
        assert_eq!(theirs.id(), clients[1].id);
        assert_eq!(
            theirs.rooms().collect::<Vec<_>>(),
            [&*clients[1].id, "theirs"]
        );
        let handshake: Value = theirs.handshake().unwrap();
        assert_eq!(handshake["query"]["EIO"], "4");
        assert_eq!(handshake["address"], "127.0.0.1");
        theirs.emit("hello", 1).unwrap();
        clients[1].expect(r#"42["hello",1]"#);
        theirs.disconnect();
        clients[1].expect("41");
        clients[0].sync();
        let here = block_on(cluster.space(0).all().local().fetch_sockets()).unwrap();
        assert_eq!(here.sockets.len(), 1);
    }
}

#[test]
fn a_disconnect_of_many_runs_the_handlers_on_every_node() {
    for cluster in Cluster::in_each_format(2) {
        let log = Log::default();
        for node in 0..2 {
            let log = log.clone();
            cluster
                .space(node)
                .on_disconnect(move |_: Socket, reason| log.write(format!("{node} {reason}")));
        }
        let mut clients = cluster.clients();
        cluster.space(0).all().disconnect();
        for client in &mut clients {
            client.expect("41");
        }
        let mut told = log.wait_for(2);
        told.sort();
        assert_eq!(
            told,
            [
                "0 server namespace disconnect",
                "1 server namespace disconnect"
            ]
        );
    }
}

#[test]
fn servers_speak_to_one_another_and_not_to_themselves() {
    for cluster in Cluster::in_each_format(3) {
        let log = Log::default();
        for node in 0..3 {
            let log = log.clone();
            cluster
                .space(node)
                .on_server_side_emit("news", move |message| {
                    log.write(format!("{node} {}", message.json()));
                    assert!(!message.wants_answer());
                });
            cluster
                .space(node)
                .on_server_side_emit("add", move |message| {
                    let (a, b): (u64, u64) = message.arguments().unwrap();
                    message.answer(a + b + node as u64).unwrap();
                    message.answer(0).unwrap();
                });
        }
        cluster.space(0).server_side_emit("news", "x").unwrap();
        let mut told = log.wait_for(2);
        told.sort();
        assert_eq!(told, [r#"1 ["news","x"]"#, r#"2 ["news","x"]"#]);
        let sums = cluster
            .space(0)
            .server_side_emit_with_ack::<u64>("add", (1, 2));
        let mut sums = block_on(sums.into_future()).unwrap();
        sums.received.sort_unstable();
        assert_eq!((sums.received, sums.timed_out), (vec![4, 5], false));
        assert_eq!(block_on(cluster.space(0).server_count()).unwrap(), 3);
    }
}

#[test]
fn without_a_cluster_a_server_is_one_of_one() {
    let running = Running::start();
    let _client = running.client();
    let space = running.server.of("/");
    assert_eq!(block_on(space.server_count()).unwrap(), 1);
    space.server_side_emit("news", ()).unwrap();
    let nobody = block_on(
        space
            .server_side_emit_with_ack::<u8>("news", ())
            .into_future(),
    )
    .unwrap();
    assert_eq!((nobody.received.len(), nobody.timed_out), (0, false));
    let found = block_on(space.fetch_sockets()).unwrap();
    assert_eq!((found.sockets.len(), found.timed_out), (1, false));
}

#[test]
fn a_silent_node_is_waited_for_until_the_time_is_up_and_no_longer() {
    let cluster = Cluster::with(2, impatient());
    let _clients = cluster.clients();
    add_silent_node(&cluster);
    cluster
        .space(1)
        .on_server_side_emit("add", |message| message.answer(1).unwrap());
    let found = block_on(cluster.space(0).fetch_sockets()).unwrap();
    assert_eq!((found.sockets.len(), found.timed_out), (2, true));
    let sums = cluster.space(0).server_side_emit_with_ack::<u8>("add", ());
    let sums = block_on(sums.into_future()).unwrap();
    assert_eq!((sums.received, sums.timed_out), (vec![1], true));
    let votes = cluster
        .space(0)
        .to("nobody")
        .emit_with_ack::<u8>("vote", ());
    let votes = block_on(votes.timeout(Duration::from_millis(50)).into_future()).unwrap();
    assert_eq!((votes.received.len(), votes.timed_out), (0, true));
}

#[test]
fn a_late_reply_is_passed_over() {
    let cluster = Cluster::with(1, impatient());
    add_silent_node(&cluster);
    cluster.said();
    let found = block_on(cluster.space(0).fetch_sockets()).unwrap();
    assert!(found.timed_out);
    let said = cluster.said();
    let request = said
        .iter()
        .find(|(channel, _)| &**channel == REQUESTS)
        .unwrap();
    let late = json!({ "requestId": request.1["requestId"], "sockets": [] });
    cluster.say(RESPONSES, &late);
    cluster.say(RESPONSES, &late);
    let found = block_on(cluster.space(0).fetch_sockets()).unwrap();
    assert!(found.timed_out, "the next request has answers of its own");
    assert_eq!(cluster.nodes[0].server.metrics().cluster_refused, 0);
}

#[test]
fn nonsense_is_counted_and_dropped_and_the_rest_goes_on() {
    let cluster = Cluster::of(2);
    let mut clients = cluster.clients();
    for channel in ["socket.io#/#", "socket.io#/#room#", REQUESTS, RESPONSES] {
        for bytes in [
            &b""[..],
            b"{",
            b"\xc1",
            b"\x93\xa1x",
            b"{\"type\":3}",
            b"{\"requestId\":{}}",
        ] {
            cluster.bus.publish(Publication {
                channel: channel.into(),
                bytes: Bytes::from_static(bytes),
            });
        }
    }
    cluster.say(
        REQUESTS,
        &json!({ "type": 5, "requestId": "x", "opts": { "rooms": "no" } }),
    );
    let metrics = cluster.nodes[0].server.metrics();
    // Of the broadcasts to a room, none is read where nobody is in it.
    assert_eq!(metrics.cluster_refused, 6 + 6 + 6 + 1);
    cluster.space(0).emit("still", ()).unwrap();
    for client in &mut clients {
        client.expect(r#"42["still"]"#);
    }
}

#[test]
fn requests_of_other_nodes_are_answered_as_the_package_does() {
    let cluster = Cluster::of(1);
    let client = cluster.nodes[0].client();
    cluster.space(0).to(&client.id).join("r");
    cluster.said();
    cluster.say(
        REQUESTS,
        &json!({ "uid": "o", "type": 0, "requestId": "1", "rooms": ["r"] }),
    );
    cluster.say(
        REQUESTS,
        &json!({ "uid": "o", "type": 1, "requestId": "2" }),
    );
    cluster.say(
        REQUESTS,
        &json!({ "uid": "o", "type": 2, "requestId": "3", "sid": client.id, "room": "s" }),
    );
    cluster.say(
        REQUESTS,
        &json!({ "uid": "o", "type": 2, "requestId": "4", "sid": "unknown", "room": "s" }),
    );
    let answers: Vec<Value> = cluster
        .said()
        .into_iter()
        .filter(|(channel, _)| &**channel == RESPONSES)
        .map(|(_, answer)| answer)
        .collect();
    assert_eq!(
        answers,
        [
            json!({ "requestId": "1", "sockets": [client.id] }),
            json!({ "requestId": "2", "rooms": ["r", client.id] }),
            json!({ "requestId": "3" }),
        ]
    );
    assert_eq!(
        cluster.space(0).socket(&client.id).unwrap().rooms().len(),
        3
    );
}

#[test]
fn namespaces_are_apart() {
    for cluster in Cluster::in_each_format(2) {
        let heard = Arc::new(Mutex::new(Vec::new()));
        for node in 0..2 {
            let heard = Arc::clone(&heard);
            let namespace = cluster.nodes[node].server.of("/n");
            namespace.on_server_side_emit("news", move |_| heard.lock().unwrap().push(node));
        }
        let mut clients = cluster.clients();
        cluster.nodes[0].server.of("/n").emit("x", ()).unwrap();
        cluster.nodes[0]
            .server
            .of("/n")
            .server_side_emit("news", ())
            .unwrap();
        cluster.space(0).server_side_emit("news", ()).unwrap();
        for client in &mut clients {
            client.sync();
        }
        assert_eq!(*heard.lock().unwrap(), [1]);
    }
}

#[test]
fn a_socket_that_comes_back_finds_what_other_servers_said_meanwhile_to_its_rooms_too() {
    for format in [Format::Classic, Format::Sharded(Static)] {
        let bus = StubBus::new(ClusterSettings {
            format,
            ..ClusterSettings::default()
        });
        let here = Running::start_with(|builder| builder.adapter(bus.clone()));
        let there = Running::start_with(|builder| {
            let settings = sori::config::RecoverySettings::default();
            builder.adapter(bus.clone()).recovery(settings)
        });
        let log = Log::default();
        let ended = log.clone();
        let space = there.server.of("/");
        space.on_connect(|socket: Socket| socket.join("room"));
        space.on_disconnect(move |_: Socket, _| ended.write("gone"));
        let mut client = Client::open(there.address);
        client.send("40");
        let joined: Value = serde_json::from_str(&client.receive()[2..]).unwrap();
        here.server.emit("seen", ()).unwrap();
        let seen: Value = serde_json::from_str(&client.receive()[2..]).unwrap();
        client.close();
        log.wait_for(1);
        here.server.emit("missed", 1).unwrap();
        here.server.to("room").emit("missed", 2).unwrap();
        here.server.to("other").emit("missed", 3).unwrap();
        here.server.emit("missed", 4).unwrap();
        let mut client = Client::open(there.address);
        let auth = json!({ "pid": joined["pid"], "offset": seen[1] });
        client.send(&format!("40{auth}"));
        for missed in [1, 2, 4] {
            let packet = client.receive();
            let start = format!(r#"42["missed",{missed},"#);
            assert!(packet.starts_with(&start), "{packet}");
        }
    }
}
