//! Clusters whose broadcasts stand in a stream: what goes there and what does not, and what nonsense in it leads to.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use sori::adapter::{ClusterSettings, Entry, Format, StreamSettings, StubBus};

use crate::support::app::{Client, Running};

struct Cluster {
    bus: StubBus,
    /// Before the servers, which wait for their clients to go.
    clients: [Client; 2],
    nodes: [Running; 2],
}

impl Cluster {
    fn new() -> Cluster {
        let bus = StubBus::new(ClusterSettings {
            format: Format::Streams,
            requests_timeout: Duration::from_secs(60),
            streams: StreamSettings {
                name: "chat".into(),
                ..StreamSettings::default()
            },
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

    /// The types of what stands in the stream.
    fn kinds(&self) -> Vec<String> {
        let entries = self.bus.entries();
        let kinds = entries.iter().map(|entry| {
            assert_eq!(&*entry.stream, "chat");
            String::from_utf8(entry.field("type").unwrap().to_vec()).unwrap()
        });
        kinds.collect()
    }

    fn append(&self, fields: &[(&str, &str)]) {
        let fields = fields.iter();
        self.bus.append(Entry {
            stream: "chat".into(),
            fields: fields
                .map(|(name, value)| ((*name).into(), Bytes::copy_from_slice(value.as_bytes())))
                .collect(),
        });
    }
}

#[test]
fn broadcasts_go_through_the_stream_and_are_heard_once() {
    let mut cluster = Cluster::new();
    let all = cluster.nodes[0].server.of("/");
    all.emit("x", 1).unwrap();
    all.to("nobody").emit("x", 2).unwrap();
    all.emit("x", 3).unwrap();
    for client in &mut cluster.clients {
        client.expect(r#"42["x",1]"#);
        client.expect(r#"42["x",3]"#);
        client.sync();
    }
    assert_eq!(cluster.kinds(), ["3", "3", "3"]);
    assert!(cluster.bus.take_log().is_empty(), "nothing on channels");
}

#[test]
fn what_is_asked_of_many_sockets_goes_through_the_stream_and_what_wants_answers_does_not() {
    let cluster = Cluster::new();
    let all = cluster.nodes[0].server.of("/");
    all.to(&cluster.clients[1].id).join("red");
    let there = cluster.nodes[1].server.of("/");
    let socket = there.socket(&cluster.clients[1].id).unwrap();
    assert!(socket.rooms().iter().any(|room| &**room == "red"));
    all.to("red").leave("red");
    assert!(!socket.rooms().iter().any(|room| &**room == "red"));
    assert_eq!(cluster.kinds(), ["4", "5"]);
    all.server_side_emit("news", ()).unwrap();
    assert_eq!(cluster.kinds().len(), 2);
    assert_eq!(cluster.bus.take_log().len(), 1);
}

#[test]
fn nonsense_in_the_stream_is_counted_and_the_next_entry_is_heard() {
    let mut cluster = Cluster::new();
    let refused = |cluster: &Cluster| cluster.nodes[0].server.metrics().cluster_refused;
    for fields in [
        &[][..],
        &[("nsp", "/"), ("uid", "other"), ("type", "3")],
        &[("nsp", "/"), ("uid", "other"), ("type", "3"), ("data", "{")],
        &[
            ("nsp", "/"),
            ("uid", "other"),
            ("type", "99"),
            ("data", "{}"),
        ],
    ] {
        let before = refused(&cluster);
        cluster.append(fields);
        assert_eq!(refused(&cluster), before + 1, "{fields:?}");
    }
    let data =
        json!({ "packet": { "type": 2, "data": ["x", 1] }, "opts": { "rooms": [], "except": [] } });
    let data = data.to_string();
    cluster.append(&[
        ("nsp", "/gone"),
        ("uid", "other"),
        ("type", "3"),
        ("data", &data),
    ]);
    cluster.append(&[
        ("nsp", "/"),
        ("uid", "other"),
        ("type", "3"),
        ("data", &data),
    ]);
    for client in &mut cluster.clients {
        client.expect(r#"42["x",1]"#);
        client.sync();
    }
    assert_eq!(refused(&cluster), 4);
}
