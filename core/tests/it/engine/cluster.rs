//! Engines over a bus within the process, whose application describes its sockets itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sori::Config;
use sori::adapter::{ClusterSettings, SocketDetails, StubBus};
use sori::embed::{AckRequest, Audience, Command, Event, NamespaceId, Reach, ServerTicket};
use sori::server::{Application, Engine, Placement};

/// What it is told of the cluster.
#[derive(Debug, PartialEq)]
enum Told {
    Asked(ServerTicket, usize),
    Sockets(u64, Vec<SocketDetails>, bool),
}

#[derive(Default)]
struct Describing(Mutex<Vec<Told>>);

impl Describing {
    fn take(&self) -> Vec<Told> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Application for Describing {
    fn handle(&self, _: &Engine, event: Event<'_>) {
        let told = match event {
            Event::SocketsAsked {
                ticket, sockets, ..
            } => Told::Asked(ticket, sockets.len()),
            Event::Sockets {
                id,
                sockets,
                timed_out,
                ..
            } => Told::Sockets(id, sockets, timed_out),
            _ => return,
        };
        self.0.lock().unwrap().push(told);
    }

    fn describes_sockets(&self) -> bool {
        true
    }
}

fn node(bus: &StubBus) -> (Engine, Arc<Describing>, NamespaceId) {
    let application = Arc::new(Describing::default());
    let placement = Placement {
        threads: None,
        adapter: Some(bus),
    };
    let mut config = Config::default();
    config.shards = 1;
    let engine = Engine::start_with(placement, config, application.clone()).unwrap();
    let root = engine.hub().register("/").id();
    (engine, application, root)
}

fn fetch(engine: &Engine, namespace: NamespaceId, id: u64, reach: Reach) {
    let audience = Audience {
        reach,
        ..Audience::default()
    };
    let ask = AckRequest::new(id, None);
    engine.execute(Command::FetchSockets {
        namespace,
        audience,
        ask,
    });
}

#[test]
fn sockets_are_described_by_the_application_that_has_them() {
    let bus = StubBus::new(ClusterSettings {
        requests_timeout: Duration::from_secs(60),
        ..ClusterSettings::default()
    });
    let (here, told_here, root) = node(&bus);
    let (there, told_there, _) = node(&bus);

    fetch(&here, root, 7, Reach::Cluster);
    assert_eq!(told_here.take(), []);
    let [Told::Asked(ticket, 0)] = &told_there.take()[..] else {
        panic!("the other application is asked once");
    };
    let described = SocketDetails {
        id: "sid".into(),
        handshake: "{}".into(),
        rooms: vec!["sid".into(), "room".into()],
        data: sori::proto::cluster::Value {
            json: r#"{"name":"b"}"#.into(),
            attachments: Vec::new(),
        },
    };
    let sockets = vec![described.clone()];
    there.execute(Command::DescribeSockets { ticket, sockets });
    let expected = Told::Sockets(7, vec![described], false);
    assert_eq!(told_here.take(), [expected]);
    assert_eq!(told_there.take(), []);

    fetch(&here, root, 8, Reach::Server);
    assert_eq!(told_here.take(), [Told::Sockets(8, Vec::new(), false)]);
    assert_eq!(told_there.take(), []);
    here.close();
    there.close();
}
