//! Sockets that come back to another server of a cluster than the one they were lost to, by what stands in a stream.

use std::time::Duration;

use sori::adapter::{ClusterSettings, Format, Record, StubBus};
use sori::app::ConnectRequest;
use sori::config::RecoverySettings;
use sori::proto::cluster::Session;
use sori::{ConnectError, Server, ServerBuilder, Socket};

use crate::support::app::{Client, Gate, Log, Running};
use crate::support::held_bus::{HeldBus, entry_of_another};

/// Servers that meet over a bus.
struct Cluster {
    bus: StubBus,
    nodes: Vec<Running>,
}

impl Cluster {
    fn new(nodes: usize) -> Cluster {
        Cluster::with(nodes, |_| {})
    }

    /// `prepare` is called for each before it has clients.
    fn with(nodes: usize, prepare: impl Fn(&Server)) -> Cluster {
        let bus = StubBus::new(ClusterSettings {
            format: Format::Streams,
            requests_timeout: Duration::from_secs(600),
            ..ClusterSettings::default()
        });
        let nodes = (0..nodes).map(|_| {
            let running = start(|builder| builder.adapter(bus.clone()));
            prepare(&running.server);
            running
        });
        let nodes = nodes.collect();
        Cluster { bus, nodes }
    }

    fn server(&self, node: usize) -> &Server {
        &self.nodes[node].server
    }

    fn join(&self, node: usize) -> Guest {
        Guest::join(&self.nodes[node])
    }

    fn come_back(&self, node: usize, ticket: &str) -> Client {
        come_back(&self.nodes[node], ticket)
    }

    /// Waits until somebody is awaited.
    fn wait_for_record(&self) -> Record {
        wait_until(|| self.bus.records().into_iter().next())
    }
}

fn start(set: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Running {
    Running::start_with(|builder| set(builder.recovery(RecoverySettings::default())))
}

fn wait_until<T>(look: impl Fn() -> Option<T>) -> T {
    for _ in 0..2_000 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("it did not come");
}

/// A client, and what it needs to come back.
struct Guest {
    client: Client,
    sid: String,
    pid: String,
}

impl Guest {
    fn join(node: &Running) -> Guest {
        let mut client = Client::open(node.address);
        client.send("40");
        let joined = client.receive();
        let (sid, pid) = (field(&joined, "sid"), field(&joined, "pid"));
        Guest { client, sid, pid }
    }

    /// Receives an event that can be missed, and gives its offset.
    fn offset_of(&mut self, name: &str) -> String {
        offset_in(&self.client.receive(), name)
    }

    /// Its connection breaks off; it has seen `offset`.
    fn lose(self, offset: &str) -> String {
        let Guest { client, pid, .. } = self;
        client.close();
        format!("40{{\"pid\":\"{pid}\",\"offset\":\"{offset}\"}}")
    }
}

fn come_back(node: &Running, ticket: &str) -> Client {
    let mut client = Client::open(node.address);
    client.send(ticket);
    client
}

/// The text between the quotes after `"name":`.
fn field(packet: &str, name: &str) -> String {
    let mark = format!("\"{name}\":\"");
    let start = packet.find(&mark).unwrap_or_else(|| panic!("{packet}")) + mark.len();
    packet[start..].split('"').next().unwrap().to_owned()
}

fn offset_in(packet: &str, name: &str) -> String {
    assert!(packet.starts_with(&format!("42[\"{name}\",")), "{packet}");
    packet.rsplit('"').nth(1).unwrap().to_owned()
}

#[test]
fn a_socket_comes_back_to_another_server_with_its_rooms_its_data_and_what_it_missed() {
    let log = Log::default();
    let cluster = Cluster::with(2, |server| {
        let log = log.clone();
        server.of("/").on_connect(move |socket: Socket| {
            let data = socket.recovery_data::<u32>();
            log.write(format!("{} {data:?}", socket.is_recovered()));
            if !socket.is_recovered() {
                socket.join("red");
                socket.set_recovery_data(&7).unwrap();
            }
        });
    });
    let mut guest = cluster.join(0);
    log.wait_for(1);
    let here = cluster.server(0).of("/");
    here.socket(&guest.sid).unwrap().emit("direct", 1).unwrap();
    guest.offset_of("direct");
    here.to("red").emit("seen", 2).unwrap();
    let offset = guest.offset_of("seen");
    let sid = guest.sid.clone();
    let ticket = guest.lose(&offset);
    let record = cluster.wait_for_record();
    assert_eq!(
        (record.replaces, &record.key[..12]),
        (false, "sio:session:")
    );
    assert!(
        record.lifetime <= Duration::from_secs(120) && record.lifetime > Duration::from_secs(60)
    );

    cluster.server(0).to("red").emit("missed", 1).unwrap();
    cluster.server(1).of("/").emit("missed", 2).unwrap();
    cluster.server(1).to("blue").emit("other", ()).unwrap();
    cluster
        .server(1)
        .of("/")
        .except("red")
        .emit("other", ())
        .unwrap();
    cluster
        .server(1)
        .of("/")
        .except("nobody")
        .volatile()
        .emit("other", ())
        .unwrap();
    cluster.server(1).to(&sid).emit("missed", 3).unwrap();
    let mut back = cluster.come_back(1, &ticket);
    for n in 1..=3 {
        let missed = back.receive();
        assert!(
            missed.starts_with(&format!("42[\"missed\",{n},\"")),
            "{missed}"
        );
    }
    assert_eq!(field(&back.receive(), "sid"), sid);
    log.expect(&["false None", "true Some(7)"]);
    cluster.server(0).to("red").emit("after", ()).unwrap();
    offset_in(&back.receive(), "after");
    assert!(cluster.bus.records().is_empty(), "it is nobody else's");
}

#[test]
fn of_two_that_say_they_are_one_socket_the_first_is_it() {
    let cluster = Cluster::new(3);
    let mut guest = cluster.join(0);
    cluster.server(0).of("/").emit("seen", ()).unwrap();
    let offset = guest.offset_of("seen");
    let sid = guest.sid.clone();
    let ticket = guest.lose(&offset);
    cluster.wait_for_record();
    let mut first = cluster.come_back(1, &ticket);
    assert_eq!(field(&first.receive(), "sid"), sid);
    let mut second = cluster.come_back(2, &ticket);
    assert_ne!(field(&second.receive(), "sid"), sid);
}

#[test]
fn one_that_is_kept_out_can_try_again() {
    let gate = Log::default();
    let cluster = Cluster::with(2, |server| {
        let gate = gate.clone();
        server.of("/").check(move |request: ConnectRequest| {
            let is_back = request.is_recovered();
            gate.write(if is_back { "back" } else { "new" });
            let times = gate.wait_for(1).len();
            match is_back && times == 2 {
                true => Err(ConnectError::new("not now")),
                false => Ok(()),
            }
        });
    });
    let mut guest = cluster.join(0);
    cluster.server(0).of("/").emit("seen", ()).unwrap();
    let offset = guest.offset_of("seen");
    let sid = guest.sid.clone();
    let ticket = guest.lose(&offset);
    cluster.wait_for_record();
    let mut kept_out = cluster.come_back(1, &ticket);
    kept_out.expect(r#"44{"message":"not now"}"#);
    assert!(cluster.wait_for_record().lifetime <= Duration::from_secs(120));
    let mut back = cluster.come_back(1, &ticket);
    assert_eq!(field(&back.receive(), "sid"), sid);
    gate.expect(&["new", "back", "back"]);
}

#[test]
fn an_offset_that_the_stream_does_not_have_and_ids_that_nobody_has_make_new_sockets() {
    let cluster = Cluster::new(2);
    let mut guest = cluster.join(0);
    cluster.server(0).of("/").emit("seen", ()).unwrap();
    guest.offset_of("seen");
    let sid = guest.sid.clone();
    let ticket = guest.lose("77-0");
    cluster.wait_for_record();
    for ticket in [
        &*ticket,
        r#"40{"pid":"nobodynobody","offset":"1-0"}"#,
        r#"40{"pid":"a*","offset":"1-0"}"#,
        r#"40{"pid":"nobodynobody","offset":"yesterday"}"#,
        r#"40{"pid":7,"offset":[]}"#,
    ] {
        let mut client = cluster.come_back(1, ticket);
        assert_ne!(field(&client.receive(), "sid"), sid, "{ticket}");
    }
}

#[test]
fn what_a_handler_keeps_of_a_socket_that_is_gone_is_recorded_and_a_disconnected_one_is_not() {
    let bus = HeldBus::default();
    let node = start(|builder| builder.adapter(bus.clone()));
    let (gate, gone) = (Gate::default(), Log::default());
    let (held, log) = (gate.clone(), gone.clone());
    node.server.of("/").on_disconnect(move |socket: Socket, _| {
        let (held, log) = (held.clone(), log.clone());
        async move {
            held.passed().await;
            socket.set_recovery_data(&"late").unwrap();
            log.write("gone");
        }
    });
    let guest = Guest::join(&node);
    let sid = guest.sid.clone();
    guest.lose("1-0");
    let first = bus.record();
    gate.open();
    let second = bus.record();
    // What has come back elsewhere is not recorded again.
    assert_eq!((first.replaces, second.replaces), (false, true));
    let session = Session::read(second.value.as_ref().unwrap()).unwrap();
    assert_eq!((&*session.sid, &*session.data), (&*sid, "\"late\""));

    let guest = Guest::join(&node);
    let mut guest = guest;
    let socket = node.server.of("/").socket(&guest.sid).unwrap();
    socket.emit("farewell", ()).unwrap();
    node.server.to("nobody").emit("x", ()).unwrap();
    node.server.of("/").emit("all", ()).unwrap();
    socket.disconnect();
    // It does not come back for what has not come from the stream yet.
    guest.client.expect(r#"42["farewell"]"#);
    guest.client.expect(r#"42["all"]"#);
    guest.client.expect("41");
    gone.wait_for(2);
    guest.lose("1-0");
    let said = [bus.entry(), bus.entry(), bus.entry()];
    assert!(bus.is_idle(), "nothing is recorded");
    for entry in said {
        bus.listener().read("5-0", entry);
    }
}

#[test]
fn broadcasts_reach_clients_here_in_the_order_of_the_stream() {
    let bus = HeldBus::default();
    let node = start(|builder| builder.adapter(bus.clone()));
    let mut guest = Guest::join(&node);
    let all = node.server.of("/");
    all.emit("mine", 1).unwrap();
    all.emit("mine", 2).unwrap();
    let (first, second) = (bus.entry(), bus.entry());
    guest.client.sync();
    bus.listener()
        .read("5-0", entry_of_another(&[], r#"["theirs"]"#));
    bus.listener().read("6-0", first.clone());
    bus.listener().read("7-0", second);
    guest.client.expect(r#"42["theirs","5-0"]"#);
    guest.client.expect(r#"42["mine",1,"6-0"]"#);
    guest.client.expect(r#"42["mine",2,"7-0"]"#);
    bus.listener().read("8-0", first);
    guest.client.sync();
    // What cannot be missed does not wait.
    all.except("nobody").volatile().emit("now", ()).unwrap();
    guest.client.expect(r#"42["now"]"#);
    bus.entry();
    all.except("nobody").local().emit("here", ()).unwrap();
    guest.client.expect(r#"42["here"]"#);
    assert!(bus.is_idle());
}

#[test]
fn what_does_not_come_back_is_delivered_all_the_same_and_once() {
    let bus = HeldBus::default();
    let node = start(|builder| builder.adapter(bus.clone()));
    let mut guest = Guest::join(&node);
    let all = node.server.of("/");
    for n in 1..=4 {
        all.emit("x", n).unwrap();
    }
    let entries: Vec<_> = (0..4).map(|_| bus.entry()).collect();
    // The second is in the stream, so the first never will be.
    bus.listener().read("5-0", entries[1].clone());
    guest.client.expect(r#"42["x",1]"#);
    guest.client.expect(r#"42["x",2,"5-0"]"#);
    guest.client.sync();
    bus.listener().echoes(false);
    guest.client.expect(r#"42["x",3]"#);
    guest.client.expect(r#"42["x",4]"#);
    all.emit("x", 5).unwrap();
    guest.client.expect(r#"42["x",5]"#);
    bus.listener().echoes(true);
    all.emit("x", 6).unwrap();
    let (fifth, sixth) = (bus.entry(), bus.entry());
    for (offset, entry) in [
        ("6-0", &entries[2]),
        ("7-0", &entries[3]),
        ("8-0", &fifth),
        ("9-0", &sixth),
    ] {
        bus.listener().read(offset, entry.clone());
    }
    guest.client.expect(r#"42["x",6,"9-0"]"#);
    guest.client.sync();
}

#[test]
fn what_comes_back_too_late_has_been_delivered() {
    let bus = HeldBus::with_timeout(Duration::from_millis(50));
    let node = start(|builder| builder.adapter(bus.clone()));
    let mut guest = Guest::join(&node);
    node.server.of("/").emit("x", 1).unwrap();
    guest.client.expect(r#"42["x",1]"#);
    node.server.of("/").emit("x", 2).unwrap();
    guest.client.expect(r#"42["x",2]"#);
    bus.listener().read("5-0", bus.entry());
    bus.listener().read("6-0", bus.entry());
    guest.client.sync();
}

/// The record of a socket in the room `red`.
fn record(sid: &str, pid: &str) -> bytes::Bytes {
    let session = Session {
        sid: sid.into(),
        pid: pid.into(),
        rooms: vec![sid.into(), "red".into()],
        data: "{}".into(),
    };
    session.write()
}

const TICKET: &str = r#"40{"pid":"pidpidpid","offset":"3-0"}"#;
const LEFT: Duration = Duration::from_secs(60);

#[test]
fn what_is_said_until_it_is_let_in_is_neither_missed_nor_doubled() {
    let bus = HeldBus::default();
    let gate = Gate::default();
    let log = Log::default();
    let node = start(|builder| builder.adapter(bus.clone()));
    let (held, written) = (gate.clone(), log.clone());
    node.server.of("/").check(move |_: ConnectRequest| {
        let held = held.clone();
        written.write("asked");
        async move {
            held.passed().await;
            Ok(())
        }
    });
    let mut back = come_back(&node, TICKET);
    let recall = bus.recalled();
    assert_eq!(
        (&*recall.key, &*recall.stream),
        ("sio:session:pidpidpid", "socket.io")
    );
    let listener = bus.listener();
    let entry = |n: u32| entry_of_another(&["red"], &format!("[\"x\",{n}]"));
    // Before the record is known nothing is said of it, live or not.
    listener.read("4-0", entry(4));
    listener.recalled(recall.token, record("sid", "pidpidpid"), LEFT);
    listener.replay(&[recall.token], "4-0", &entry(4));
    listener.read("5-0", entry(5));
    listener.replay(&[recall.token], "5-0", &entry(5));
    listener.replayed(recall.token, true);
    log.wait_for(1);
    listener.read("6-0", entry(6));
    listener.read("7-0", entry_of_another(&["blue"], r#"["other"]"#));
    gate.open();
    for n in 4..=6 {
        back.expect(&format!("42[\"x\",{n},\"{n}-0\"]"));
    }
    assert_eq!(field(&back.receive(), "sid"), "sid");
    listener.read("8-0", entry(8));
    back.expect(r#"42["x",8,"8-0"]"#);
    back.sync();
}

#[test]
fn one_whose_record_is_not_found_in_time_is_a_new_socket_and_the_record_goes_back() {
    let bus = HeldBus::with_timeout(Duration::from_millis(50));
    let node = start(|builder| builder.adapter(bus.clone()));
    let mut late = come_back(&node, TICKET);
    let recall = bus.recalled();
    assert_ne!(field(&late.receive(), "sid"), "sid");
    let listener = bus.listener();
    listener.recalled(recall.token, record("sid", "pidpidpid"), LEFT);
    listener.replay(&[recall.token], "4-0", &entry_of_another(&[], r#"["x"]"#));
    listener.replayed(recall.token, true);
    let put_back = bus.record();
    assert_eq!(put_back.value, Some(record("sid", "pidpidpid")));
    assert!(!put_back.replaces && put_back.lifetime <= LEFT);
    late.sync();
}

#[test]
fn one_that_goes_before_it_is_known_leaves_its_record() {
    let bus = HeldBus::default();
    let node = start(|builder| builder.adapter(bus.clone()));
    let listener = bus.listener();
    // In each of the places where it can be.
    for known in 0..3 {
        let client = come_back(&node, TICKET);
        let recall = bus.recalled();
        if known > 0 {
            listener.recalled(recall.token, record("sid", "pidpidpid"), LEFT);
        }
        client.close();
        wait_until(|| (node.server.metrics().connections == 0).then_some(()));
        if known == 0 {
            listener.recalled(recall.token, record("sid", "pidpidpid"), LEFT);
        }
        listener.replayed(recall.token, known < 2);
        assert_eq!(
            bus.record().value,
            Some(record("sid", "pidpidpid")),
            "{known}"
        );
    }
    assert!(bus.is_idle());
}

#[test]
fn while_the_bus_is_lost_or_something_is_overdue_who_comes_back_is_a_new_socket() {
    let bus = HeldBus::default();
    let node = start(|builder| builder.adapter(bus.clone()));
    let listener = bus.listener();
    let is_new = |client: &mut Client| assert_ne!(field(&client.receive(), "sid"), "sid");
    let mut on_the_way = come_back(&node, TICKET);
    let recall = bus.recalled();
    listener.recalled(recall.token, record("sid", "pidpidpid"), LEFT);
    listener.echoes(false);
    is_new(&mut on_the_way);
    assert_eq!(bus.record().value, Some(record("sid", "pidpidpid")));
    listener.replayed(recall.token, true);
    is_new(&mut come_back(&node, TICKET));

    node.server.of("/").emit("said", ()).unwrap();
    listener.echoes(true);
    // It went to the clients here, and will come from the stream.
    is_new(&mut come_back(&node, TICKET));
    listener.read("5-0", bus.entry());
    let mut back = come_back(&node, TICKET);
    let recall = bus.recalled();
    listener.recalled(recall.token, record("sid", "pidpidpid"), LEFT);
    listener.replayed(recall.token, true);
    assert_eq!(field(&back.receive(), "sid"), "sid");
}

#[test]
fn a_bus_that_fails_while_it_replays_makes_a_new_socket_of_it_and_nonsense_is_counted() {
    let bus = HeldBus::default();
    let node = start(|builder| builder.adapter(bus.clone()));
    let listener = bus.listener();
    let mut client = come_back(&node, TICKET);
    let recall = bus.recalled();
    listener.recalled(recall.token, record("sid", "pidpidpid"), LEFT);
    listener.replayed(recall.token, false);
    assert_ne!(field(&client.receive(), "sid"), "sid");
    assert_eq!(bus.record().value, Some(record("sid", "pidpidpid")));

    let mut client = come_back(&node, TICKET);
    let recall = bus.recalled();
    listener.recalled(recall.token, "nonsense".into(), LEFT);
    listener.replayed(recall.token, true);
    assert_ne!(field(&client.receive(), "sid"), "sid");
    assert_eq!(node.server.metrics().cluster_refused, 1);
    assert!(bus.is_idle());
}

#[test]
fn too_much_that_was_missed_makes_a_new_socket_and_too_much_that_is_said_meanwhile_asks_it_again() {
    let bus = HeldBus::default();
    let gate = Gate::default();
    let log = Log::default();
    let few = RecoverySettings {
        max_packets: 2,
        ..RecoverySettings::default()
    };
    let node = Running::start_with(|builder| builder.adapter(bus.clone()).recovery(few));
    let (held, written) = (gate.clone(), log.clone());
    node.server.of("/").check(move |request: ConnectRequest| {
        let held = held.clone();
        written.write(format!("{}", request.is_recovered()));
        async move {
            held.passed().await;
            Ok(())
        }
    });
    let listener = bus.listener();
    let entry = entry_of_another(&["red"], r#"["x"]"#);
    let mut client = come_back(&node, TICKET);
    let recall = bus.recalled();
    listener.recalled(recall.token, record("sid", "pidpidpid"), LEFT);
    for offset in ["4-0", "5-0", "6-0"] {
        listener.replay(&[recall.token], offset, &entry);
    }
    listener.replayed(recall.token, true);
    log.expect(&["false"]);

    let mut again = come_back(&node, TICKET);
    let recall = bus.recalled();
    listener.recalled(recall.token, record("sid", "pidpidpid"), LEFT);
    listener.replay(&[recall.token], "4-0", &entry);
    listener.replayed(recall.token, true);
    log.expect(&["false", "true"]);
    for offset in ["5-0", "6-0", "7-0"] {
        listener.read(offset, entry.clone());
    }
    gate.open();
    assert_ne!(field(&client.receive(), "sid"), "sid");
    assert_eq!(field(&again.receive(), "sid"), "sid");
    again.expect_end();
    let session = Session::read(&bus.record().value.unwrap()).unwrap();
    assert_eq!((&*session.sid, &*session.pid), ("sid", "pidpidpid"));
}
