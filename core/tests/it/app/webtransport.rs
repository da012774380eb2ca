//! Engine.IO and Socket.IO over WebTransport, with another implementation's QUIC as the client.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use sori::config::{Overflow, TransportKind};
use sori::engine_io::{Event, Server, Socket};
use sori::rustls::CipherSuite;
use sori::{Ack, Error, ServerBuilder, Tls};
use wtransport::tls::Sha256Digest;

use crate::support::steady::Steady;
use crate::support::webtransport::{Client, PATIENCE, Packet, identity};

/// An Engine.IO server that echoes and tells what it hears.
struct Echo {
    server: Server,
    address: SocketAddr,
    hash: Sha256Digest,
    heard: Receiver<String>,
}

impl Echo {
    fn start(set: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Echo {
        let (sender, heard) = channel();
        let builder = set(sori::Server::builder().shards(2));
        let server = builder.engine_io(move |socket: &Socket, event| {
            // A test that has seen enough listens no more.
            let _ = sender.send(match event {
                Event::Text(text) => format!("text of {}", text.len()),
                Event::Binary(bytes) => format!("binary of {}", bytes.len()),
                ref other => format!("{other:?}"),
            });
            match event {
                Event::Text("close") => {
                    socket.send("bye");
                    socket.close();
                }
                Event::Text("terminate") => socket.terminate(),
                Event::Text("flood") => (0..200).for_each(|_| socket.send(&[7; 65_536][..])),
                Event::Text("whence") => {
                    let request = socket.handshake().unwrap();
                    let (host, peer) = (request.header("host"), request.remote_address());
                    let is_known = host.is_some() && peer.is_some() && request.is_secure();
                    socket.send(format!("{is_known} {}", request.url()).as_str());
                }
                Event::Text(text) => socket.send(text),
                Event::Binary(bytes) => socket.send(bytes),
                _ => {}
            }
        });
        let server = server.unwrap();
        let (tls, hash) = identity();
        let address = server.listen_webtransport("127.0.0.1:0", &tls).unwrap();
        Echo {
            server,
            address,
            hash,
            heard,
        }
    }

    fn open(&self) -> Client {
        let client = Client::open(self.address, &self.hash);
        assert_eq!(self.next(), "Open(WebTransport)");
        client
    }

    fn next(&self) -> String {
        self.heard.recv_timeout(PATIENCE).expect("an event")
    }

    fn is_silent(&self) -> bool {
        self.heard.try_recv().is_err()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.server.shutdown();
    }
}

fn closed(reason: &str, description: &str) -> String {
    format!("Close {{ reason: {reason}, description: {description} }}")
}

#[test]
fn text_and_bytes_of_every_length_come_back() {
    let echo = Echo::start(|builder| builder);
    let mut client = echo.open();
    for length in [1, 124, 125, 126, 65_534, 65_535, 65_536, 900_000] {
        let text = "ä".repeat(length / 2) + if length % 2 == 1 { "x" } else { "" };
        client.send(&format!("4{text}"));
        assert!(
            client.receive() == Packet::Text(format!("4{text}")),
            "{length}"
        );
        let bytes = vec![0xff; length];
        client.send_binary(&bytes);
        assert!(client.receive() == Packet::Binary(bytes), "{length}");
        assert_eq!(echo.next(), format!("text of {length}"));
        assert_eq!(echo.next(), format!("binary of {length}"));
    }
    assert!(echo.is_silent());
}

#[test]
fn records_may_come_in_pieces_and_together() {
    let echo = Echo::start(|builder| builder);
    let mut client = echo.open();
    for byte in b"\x034ab\x82xy" {
        client.send_bytes(&[*byte]);
    }
    assert_eq!(client.receive(), Packet::Text("4ab".to_owned()));
    assert_eq!(client.receive(), Packet::Binary(b"xy".to_vec()));
    client.send_bytes(b"\x024a\x024b\x024c");
    let packets = [client.text(), client.text(), client.text()];
    assert_eq!(packets, ["4a", "4b", "4c"]);
}

#[test]
fn the_handshake_is_the_request_of_the_session() {
    let echo = Echo::start(|builder| builder);
    let mut client = echo.open();
    client.send("4whence");
    let url = "/socket.io/?EIO=4&transport=webtransport";
    assert_eq!(client.text(), format!("4true {url}"));
}

#[test]
fn a_message_over_the_limit_ends_its_connection_and_no_other() {
    let echo = Echo::start(|builder| builder.max_payload(1_000));
    let (mut good, mut bad) = (echo.open(), echo.open());
    // Announced, and never sent.
    bad.send_bytes(b"\xff\x00\x00\x00\x00\x40\x00\x00\x00");
    assert_eq!(bad.receive(), Packet::End);
    let told = echo.next();
    assert!(told.starts_with("Close { reason: TransportError"), "{told}");
    let text = format!("4{}", "x".repeat(999));
    good.send(&text);
    assert_eq!(good.text(), text);
}

#[test]
fn what_is_no_packet_is_a_parse_error() {
    let echo = Echo::start(|builder| builder);
    for garbage in [&b"\x029x"[..], b"\x00", b"\x80"] {
        let mut client = echo.open();
        client.send_bytes(garbage);
        assert_eq!(client.receive(), Packet::End);
        assert_eq!(echo.next(), closed("ParseError", "None"));
    }
    let mut client = echo.open();
    client.send_bytes(b"\x034\xff\xff");
    assert_eq!(client.receive(), Packet::End);
    assert!(echo.next().starts_with("Close { reason: TransportError"));
    assert!(echo.is_silent());
}

#[test]
fn a_stream_that_does_not_begin_as_it_should_is_ended() {
    let echo = Echo::start(|builder| builder);
    let beginnings = [
        &b"\x012"[..],
        b"\x00",
        b"\x810",
        b"\x030{}",
        b"\x020x",
        b"\x0e0{\"sid\":\"none\"}",
        b"\x7f\x00\x00\x00\x00\xff\xff\xff\xff",
    ];
    for beginning in beginnings {
        let mut client = Client::dial(echo.address, &echo.hash, "/socket.io/").unwrap();
        client.send_bytes(beginning);
        assert_eq!(client.receive(), Packet::End, "{beginning:?}");
    }
    assert!(echo.is_silent());
    echo.open();
}

#[test]
fn a_client_that_says_nothing_is_not_waited_for() {
    let echo = Echo::start(|builder| builder.upgrade_timeout(Duration::from_secs(3)));
    let mut client = Client::dial(echo.address, &echo.hash, "/socket.io/").unwrap();
    // The stream does not exist for the server before its first byte, and then lacks a packet.
    client.send_bytes(b"\x7e");
    assert_eq!(client.receive(), Packet::End);
    assert!(echo.is_silent());
}

#[test]
fn other_paths_and_unwelcome_clients_are_refused() {
    let echo = Echo::start(|builder| builder.allow_request(|_| Err("no".to_owned())));
    assert!(Client::dial(echo.address, &echo.hash, "/other/").is_err());
    let mut client = Client::dial(echo.address, &echo.hash, "/socket.io/").unwrap();
    client.send("0");
    assert_eq!(client.receive(), Packet::End);
    assert!(echo.is_silent());
}

#[test]
fn no_more_connections_open_than_may() {
    let echo = Echo::start(|builder| builder.max_connections(1));
    let mut first = echo.open();
    let mut second = Client::dial(echo.address, &echo.hash, "/socket.io/").unwrap();
    second.send("0");
    assert_eq!(second.receive(), Packet::End);
    first.send("4still");
    assert_eq!(first.text(), "4still");
}

#[test]
fn the_heartbeat_keeps_a_client_and_its_absence_ends_one() {
    let (beat, patience) = (Duration::from_millis(50), Duration::from_secs(3));
    let echo = Echo::start(|builder| builder.ping_interval(beat).ping_timeout(patience));
    let mut client = echo.open();
    for _ in 0..3 {
        assert_eq!(client.text(), "2");
        client.send("3");
        assert_eq!(echo.next(), "Heartbeat");
    }
    assert_eq!(client.text(), "2");
    assert_eq!(client.receive(), Packet::End);
    assert_eq!(echo.next(), closed("PingTimeout", "None"));
}

#[test]
fn what_was_said_before_a_close_arrives() {
    let echo = Echo::start(|builder| builder);
    let mut client = echo.open();
    client.send("4close");
    assert_eq!(client.text(), "4bye");
    assert_eq!(client.receive(), Packet::End);
    assert_eq!(echo.next(), "text of 5");
    assert_eq!(echo.next(), closed("ForcedClose", "None"));
    let mut client = echo.open();
    client.send("4terminate");
    assert_eq!(client.receive(), Packet::End);
    assert_eq!(echo.next(), "text of 9");
    assert_eq!(echo.next(), closed("ForcedClose", "None"));
}

#[test]
fn a_client_that_goes_is_a_transport_close() {
    let echo = Echo::start(|builder| builder);
    let client = echo.open();
    client.close();
    assert_eq!(echo.next(), closed("TransportClose", "None"));
    let mut client = echo.open();
    client.finish();
    assert_eq!(echo.next(), closed("TransportClose", "None"));
    assert_eq!(client.receive(), Packet::End);
}

#[test]
fn a_server_that_shuts_down_ends_its_sessions() {
    let echo = Echo::start(|builder| builder);
    let mut client = echo.open();
    // One that has not become a connection.
    let beginning = Client::dial(echo.address, &echo.hash, "/socket.io/").unwrap();
    echo.server.shutdown();
    assert_eq!(client.receive(), Packet::End);
    assert_eq!(echo.next(), closed("ServerShuttingDown", "None"));
    let (tls, _) = identity();
    let again = echo.server.listen_webtransport("127.0.0.1:0", &tls);
    assert!(matches!(again, Err(Error::Closed)), "{again:?}");
    drop(beginning);
}

#[test]
fn a_slow_reader_harms_no_other_and_is_let_go() {
    let echo = Echo::start(|builder| builder.max_queued_bytes(1 << 20).overflow(Overflow::Close));
    let (mut slow, mut other) = (echo.open(), echo.open());
    slow.send("4flood");
    assert_eq!(echo.next(), "text of 5");
    let told = echo.next();
    assert!(told.starts_with("Close"), "{told}");
    other.send("4fine");
    assert_eq!(other.text(), "4fine");
}

#[test]
fn a_polling_client_moves_over() {
    let echo = Echo::start(|builder| builder);
    let http = echo.server.listen("127.0.0.1:0").unwrap();
    let url = "/socket.io/?EIO=4&transport=polling";
    let open = get(http, url);
    assert!(
        open.contains(r#""upgrades":["websocket","webtransport"]"#),
        "{open}"
    );
    let (_, sid) = open.split_once("\"sid\":\"").unwrap();
    let (sid, _) = sid.split_once('"').unwrap();
    assert_eq!(echo.next(), "Open(Polling)");

    let mut client = Client::dial(echo.address, &echo.hash, "/socket.io/").unwrap();
    client.send(&format!("0{{\"sid\":\"{sid}\"}}"));
    client.send("2probe");
    assert_eq!(client.text(), "3probe");
    // While one is probed there is no place for another.
    let mut rival = Client::dial(echo.address, &echo.hash, "/socket.io/").unwrap();
    rival.send(&format!("0{{\"sid\":\"{sid}\"}}"));
    assert_eq!(rival.receive(), Packet::End);
    client.send("5");
    client.send("4hello");
    assert_eq!(client.text(), "4hello");
    assert_eq!(echo.next(), "Upgrade");
    assert_eq!(echo.next(), "text of 5");
    let late = get(http, &format!("{url}&sid={sid}"));
    assert!(late.starts_with("HTTP/1.1 400"), "{late}");
    client.send("4close");
    assert_eq!(client.text(), "4bye");
    assert_eq!(client.receive(), Packet::End);
}

#[test]
fn a_server_without_it_does_not_offer_it() {
    let server = sori::Server::builder().shards(1).build().unwrap();
    let http = server.listen("127.0.0.1:0").unwrap();
    let open = get(http, "/socket.io/?EIO=4&transport=polling");
    assert!(open.contains(r#""upgrades":["websocket"]"#), "{open}");
    let refused = get(http, "/socket.io/?EIO=4&transport=webtransport");
    assert!(refused.contains("Transport unknown"), "{refused}");
    assert_eq!(TransportKind::from_name("webtransport"), None);
    server.shutdown();
}

#[test]
fn events_acks_attachments_and_rooms_work_over_it() {
    let server = sori::Server::builder().shards(2).build().unwrap();
    let chat = server.of("/");
    chat.on("join", |socket: sori::Socket, ack: Ack| {
        socket.join("room");
        ack.send(())
    });
    let everyone = server.clone();
    chat.on("say", move |_: sori::Socket, bytes: sori::Binary| {
        everyone.to("room").emit("said", (bytes,))
    });
    let (tls, hash) = identity();
    let address = server.listen_webtransport("127.0.0.1:0", &tls).unwrap();
    let mut clients = [(); 2].map(|()| {
        let mut client = Client::open(address, &hash);
        client.send("40");
        assert!(client.text().starts_with("40{\"sid\":"));
        client.send(r#"420["join"]"#);
        assert_eq!(client.text(), "430[]");
        client
    });
    clients[0].send(r#"451-["say",{"_placeholder":true,"num":0}]"#);
    clients[0].send_binary(&[1, 2, 255]);
    for client in &mut clients {
        let event = r#"451-["said",{"_placeholder":true,"num":0}]"#;
        assert_eq!(client.text(), event);
        assert_eq!(client.receive(), Packet::Binary(vec![1, 2, 255]));
    }
    server.shutdown();
}

#[test]
fn tls_that_cannot_do_quic_is_a_misuse() {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mut provider = sori::rustls::crypto::ring::default_provider();
    provider
        .cipher_suites
        .retain(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
    let chain = vec![key.cert.der().clone()];
    let secret = sori::rustls::pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der());
    let config = sori::rustls::ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, secret.unwrap());
    let tls = Tls::from_config(Arc::new(config.unwrap()));
    let server = sori::Server::builder().shards(1).build().unwrap();
    let refused = server.listen_webtransport("127.0.0.1:0", &tls);
    assert!(matches!(refused, Err(Error::Misuse(_))), "{refused:?}");
    server.shutdown();
}

/// The answer to one request, head and all.
fn get(address: SocketAddr, url: &str) -> String {
    let mut stream = Steady::connect(address);
    let request = format!("GET {url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
