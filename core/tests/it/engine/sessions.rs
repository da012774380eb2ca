//! Sessions of WebTransport that the application accepts, whoever speaks QUIC: streams of records.

use sori::proto::webtransport::{FirstPacket, Form, Header};
use sori::server::WebTransport;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::{Builder, Runtime};

use crate::support::engine::*;

/// The peer's end of a session's stream, which holds next to nothing.
struct Peer {
    runtime: Runtime,
    stream: DuplexStream,
}

impl Peer {
    fn attach(rig: &Rig, number: u64, first: &FirstPacket) -> Peer {
        let (ours, theirs) = duplex(64);
        let session = WebTransport {
            request: RequestId(number),
            stream: theirs,
            handshake: None,
            address: None,
        };
        rig.engine.attach_webtransport(first, session);
        let mut builder = Builder::new_current_thread();
        Peer {
            runtime: builder.enable_time().build().unwrap(),
            stream: ours,
        }
    }

    fn wait<T>(&mut self, work: impl AsyncFnOnce(&mut DuplexStream) -> T) -> T {
        let Peer { runtime, stream } = self;
        let patient = async { tokio::time::timeout(PATIENCE, work(stream)).await };
        runtime.block_on(patient).expect("something in time")
    }

    fn send(&mut self, packet: &str) {
        let mut record = Vec::new();
        let (form, length) = (Form::Text, packet.len() as u64);
        Header { form, length }.encode(&mut record);
        record.extend_from_slice(packet.as_bytes());
        self.wait(async |stream| stream.write_all(&record).await.unwrap());
    }

    /// The next packet, `None` at the end.
    fn next(&mut self) -> Option<String> {
        self.wait(async |stream| {
            let mut head = [0; 9];
            stream.read_exact(&mut head[..1]).await.ok()?;
            let size = Header::size(head[0]);
            stream.read_exact(&mut head[1..size]).await.ok()?;
            let (header, _) = Header::decode(&head[..size]).unwrap();
            let mut packet = vec![0; header.length as usize];
            stream.read_exact(&mut packet).await.ok()?;
            Some(String::from_utf8(packet).unwrap())
        })
    }

    /// A connection that is open: its id.
    fn open(&mut self) -> String {
        sid_of(&self.next().expect("an open packet"))
    }
}

fn forgotten(rig: &Rig, number: u64) {
    rig.wait(|log| log.forgotten.contains(&RequestId(number)).then_some(()));
}

#[test]
fn a_stream_of_records_is_a_connection_in_every_respect() {
    let rig = Rig::new();
    let mut peer = Peer::attach(&rig, 7, &FirstPacket::Open);
    let sid = peer.open();
    peer.send("40");
    assert!(peer.next().unwrap().starts_with("40{"));
    let event = format!(r#"42["echo","{}"]"#, "x".repeat(100_000));
    std::thread::scope(|scope| {
        // It takes no more than 64 bytes at a time, either way.
        scope.spawn(|| {
            peer.send(&event);
            assert_eq!(peer.next(), Some(event.clone()));
        });
    });
    peer.send("1");
    assert_eq!(peer.next(), None);
    let lines = rig.wait(|log| {
        let lines = log.lines_of(&sid);
        lines.last()?.starts_with("close").then(|| lines.to_vec())
    });
    let message = format!("message / {}", &event[2..]);
    let expected = [
        "open webtransport",
        "connect /",
        &message,
        "close transport close in /",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_polling_client_is_offered_it_and_upgrades() {
    let rig = Rig::new();
    rig.engine.offer_webtransport();
    let mut client = rig.join(Way::Polling);
    let first = FirstPacket::Upgrade {
        sid: client.sid.as_str().into(),
    };
    let mut peer = Peer::attach(&rig, 8, &first);
    peer.send("2probe");
    assert_eq!(peer.next().as_deref(), Some("3probe"));
    // Another comes too late, and does no harm.
    let mut late = Peer::attach(&rig, 9, &first);
    forgotten(&rig, 9);
    assert_eq!(late.next(), None);
    peer.send("5");
    rig.wait_lines(&client, |lines| lines.iter().any(|line| line == "upgraded"));
    rig.emit(&client, r#"["hello"]"#);
    assert_eq!(peer.next().as_deref(), Some(r#"42["hello"]"#));
    drop(peer);
    let lines = rig.wait_closed(&client);
    assert_eq!(lines.last().unwrap(), "close transport close in /");
    client.polling();
}

#[test]
fn a_session_that_belongs_nowhere_is_forgotten_and_its_stream_dropped() {
    let mut config = config();
    config.max_connections = Some(1);
    let rig = Rig::with(config);
    let unknown = FirstPacket::Upgrade {
        sid: "nobody".into(),
    };
    let mut stray = Peer::attach(&rig, 1, &unknown);
    forgotten(&rig, 1);
    assert_eq!(stray.next(), None);
    let mut one = Peer::attach(&rig, 2, &FirstPacket::Open);
    one.open();
    let mut one_too_many = Peer::attach(&rig, 3, &FirstPacket::Open);
    forgotten(&rig, 3);
    assert_eq!(one_too_many.next(), None);
    drop(one);
    rig.wait(|_| (rig.engine.metrics().connections == 0).then_some(()));
    rig.engine.close();
    let mut late = Peer::attach(&rig, 4, &FirstPacket::Open);
    forgotten(&rig, 4);
    assert_eq!(late.next(), None);
}

#[test]
fn a_peer_that_takes_nothing_is_closed_at_the_limit() {
    let mut config = config();
    config.max_queued_bytes = 100_000;
    let rig = Rig::with(config);
    let mut peer = Peer::attach(&rig, 5, &FirstPacket::Open);
    let sid = peer.open();
    let conn = rig.read(|log| log.by_sid[&sid]);
    for _ in 0..20 {
        send_raw(&rig.engine, conn, Raw::Text(&"x".repeat(10_000)), None);
    }
    let lines = rig.wait(|log| {
        let lines = log.lines_of(&sid);
        lines.last()?.starts_with("close").then(|| lines.to_vec())
    });
    assert!(lines[1].starts_with("close transport error"), "{lines:?}");
}
