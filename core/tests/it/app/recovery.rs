//! Sockets that come back after their connection was lost.

use sori::Socket;
use sori::config::RecoverySettings;

use crate::support::app::{Client, Log, Running};

/// The text between the quotes after `"name":`.
fn field(packet: &str, name: &str) -> String {
    let mark = format!("\"{name}\":\"");
    let start = packet.find(&mark).unwrap_or_else(|| panic!("{packet}")) + mark.len();
    packet[start..].split('"').next().unwrap().to_owned()
}

#[test]
fn a_socket_comes_back_with_its_id_its_rooms_and_what_it_missed() {
    let running = Running::start_with(|builder| builder.recovery(RecoverySettings::default()));
    let log = Log::default();
    let (connected, ended) = (log.clone(), log.clone());
    let chat = running.server.of("/");
    chat.on_connect(move |socket: Socket| {
        connected.write(format!("recovered {}", socket.is_recovered()));
        match socket.recovery_data::<(String, u32)>() {
            Some((name, visits)) => connected.write(format!("{name} {visits}")),
            None => socket.set_recovery_data(&("Ada", 7)).unwrap(),
        }
        if !socket.is_recovered() {
            socket.join("r");
        }
    });
    chat.on_disconnect(move |_, reason| ended.write(reason.as_str()));
    let mut client = Client::open(running.address);
    client.send("40");
    let joined = client.receive();
    let (sid, pid) = (field(&joined, "sid"), field(&joined, "pid"));
    log.wait_for(1);
    running.server.to("r").emit("seen", ()).unwrap();
    let seen = client.receive();
    let offset = seen
        .split('"')
        .nth(3)
        .unwrap_or_else(|| panic!("{seen}"))
        .to_owned();
    client.close();
    log.wait_for(2);
    running.server.to("r").emit("missed", ()).unwrap();

    let mut client = Client::open(running.address);
    client.send(&format!("40{{\"pid\":\"{pid}\",\"offset\":\"{offset}\"}}"));
    assert!(client.receive().starts_with("42[\"missed\""));
    assert_eq!(field(&client.receive(), "sid"), sid);
    running.server.to("r").emit("after", ()).unwrap();
    assert!(client.receive().starts_with("42[\"after\""));
    let expected = [
        "recovered false",
        "transport close",
        "recovered true",
        "Ada 7",
    ];
    log.expect(&expected);
    let metrics = running.server.metrics();
    assert_eq!((metrics.recovery_sockets, metrics.recovery_packets), (0, 3));
    assert!(metrics.recovery_bytes > 0);

    // What it comes back with is kept again.
    client.close();
    log.wait_for(5);
    assert_eq!(running.server.metrics().recovery_sockets, 1);
}
