//! TLS on the server's own listener, with rustls as the client.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertifiedKey, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use sori::{Error, Server, Tls, rustls};

use crate::support::steady::Steady;
use crate::support::stream::{Client, ask, poll, server};

type Stream = StreamOwned<ClientConnection, Steady<TcpStream>>;

/// A certificate that vouches for itself.
struct Identity {
    certificate: CertificateDer<'static>,
    pem: (String, String),
}

impl Identity {
    fn new() -> Identity {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
        let CertifiedKey { cert, signing_key } = made.unwrap();
        let signing_key: KeyPair = signing_key;
        Identity {
            certificate: cert.der().clone(),
            pem: (cert.pem(), signing_key.serialize_pem()),
        }
    }

    fn tls(&self) -> Tls {
        Tls::from_pem(self.pem.0.as_bytes(), self.pem.1.as_bytes()).unwrap()
    }

    /// A client that trusts this certificate and no other.
    fn connect(&self, address: SocketAddr) -> Stream {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = config.with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        let session = ClientConnection::new(Arc::new(config), name).unwrap();
        StreamOwned::new(session, plain(address))
    }
}

fn plain(address: SocketAddr) -> Steady<TcpStream> {
    Steady::connect(address)
}

struct Running {
    server: Server,
    address: SocketAddr,
    identity: Identity,
    tls: Tls,
}

impl Running {
    fn start() -> Running {
        Running::start_with(|builder| builder)
    }

    fn start_with(set: impl FnOnce(sori::ServerBuilder) -> sori::ServerBuilder) -> Running {
        let identity = Identity::new();
        let (server, tls) = (server(set), identity.tls());
        let address = server.listen_tls("127.0.0.1:0", &tls).unwrap();
        Running {
            server,
            address,
            identity,
            tls,
        }
    }

    fn connect(&self) -> Stream {
        self.identity.connect(self.address)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.shutdown();
    }
}

#[test]
fn websockets_and_polling_work_over_tls() {
    // One shard accepts on its own thread.
    for shards in [1, 2] {
        let running = Running::start_with(|builder| builder.shards(shards));
        let mut one = Client::join(running.connect());
        let mut two = Client::join(running.connect());
        one.add();
        two.send(r#"42["say","hi"]"#);
        one.expect(r#"42["said","hi"]"#);
        poll("/socket.io/", || running.connect());
        two.add();
    }
}

#[test]
fn a_handshake_over_tls_says_so_and_names_its_peer() {
    let running = Running::start();
    let mut client = Client::join(running.connect());
    client.send(r#"421["whence"]"#);
    client.expect(r#"431[true,true,"/socket.io/?EIO=4&transport=websocket"]"#);
}

#[test]
fn http_1_1_is_what_alpn_agrees_on() {
    let running = Running::start();
    let client = Client::join(running.connect());
    let session = &client.stream.get_ref().conn;
    assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[test]
fn what_a_slow_reader_has_not_taken_arrives_whole_and_in_order() {
    let running = Running::start();
    let mut client = Client::join(running.connect());
    client.take_flood(200, 50_000);
    let mut other = Client::join(running.connect());
    other.take_flood(5_000, 10);
}

#[test]
fn large_messages_come_in_over_tls() {
    let running = Running::start();
    let (mut one, mut two) = (
        Client::join(running.connect()),
        Client::join(running.connect()),
    );
    let text = "y".repeat(900_000);
    one.send(&format!(r#"42["say","{text}"]"#));
    two.expect(&format!(r#"42["said","{text}"]"#));
}

#[test]
fn another_certificate_counts_for_new_connections_and_leaves_open_ones_alone() {
    let running = Running::start();
    let mut before = Client::join(running.connect());
    let next = Identity::new();
    let (certificate, key) = (next.pem.0.as_bytes(), next.pem.1.as_bytes());
    running.tls.reload_pem(certificate, key).unwrap();
    let mut after = Client::join(next.connect(running.address));
    after.send(r#"42["say","new"]"#);
    before.expect(r#"42["said","new"]"#);
    before.add();
    // Who trusts the old one alone does not get in any more.
    let mut refused = running.connect();
    assert!(refused.write_all(b"GET / HTTP/1.1\r\n\r\n").is_err());
}

#[test]
fn certificates_are_read_again_from_their_files() {
    let folder = std::env::temp_dir().join(format!("sori-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let files = (folder.join("cert.pem"), folder.join("key.pem"));
    let put = |identity: &Identity| {
        std::fs::write(&files.0, &identity.pem.0).unwrap();
        std::fs::write(&files.1, &identity.pem.1).unwrap();
    };
    let (first, second) = (Identity::new(), Identity::new());
    put(&first);
    let server = server(|builder| builder);
    let tls = Tls::from_pem_files(&files.0, &files.1).unwrap();
    let address = server.listen_tls("127.0.0.1:0", &tls).unwrap();
    Client::join(first.connect(address)).add();
    put(&second);
    tls.reload().unwrap();
    Client::join(second.connect(address)).add();
    // A file that is no good changes nothing.
    std::fs::write(&files.1, "nothing").unwrap();
    assert!(matches!(tls.reload(), Err(Error::Misuse(_))));
    Client::join(second.connect(address)).add();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(matches!(tls.reload(), Err(Error::Io(..))));
    server.shutdown();
}

#[test]
fn a_handshake_that_does_not_come_to_its_end_is_closed_at_its_deadline() {
    let running = Running::start_with(|b| b.request_timeout(Duration::from_millis(100)));
    let mut silent = plain(running.address);
    let mut begun = plain(running.address);
    // A record's header that promises more than comes.
    begun.write_all(&[0x16, 3, 1, 2, 0]).unwrap();
    for stream in [&mut silent, &mut begun] {
        let mut last_words = Vec::new();
        assert!(stream.read_to_end(&mut last_words).is_ok());
    }
}

#[test]
fn who_speaks_no_tls_is_told_and_harms_no_other() {
    let running = Running::start();
    let mut client = Client::join(running.connect());
    let mut stream = plain(running.address);
    stream
        .write_all(b"GET /socket.io/ HTTP/1.1\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    // The end may come as a reset.
    let _ = stream.read_to_end(&mut answer);
    // An alert: record type 21.
    assert_eq!(answer.first(), Some(&21));
    client.add();
}

#[test]
fn other_paths_are_answered_over_tls() {
    let running = Running::start();
    let answer = ask(running.connect(), "GET", "/", "");
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}

#[test]
fn a_server_closes_over_tls_in_order_even_with_handshakes_under_way() {
    let running = Running::start();
    let mut client = Client::join(running.connect());
    let _silent = plain(running.address);
    running.server.shutdown();
    assert!(matches!(
        client.stream.read(),
        Ok(tungstenite::Message::Close(_))
    ));
}

#[test]
fn what_is_no_certificate_is_refused_with_the_reason() {
    let (one, other) = (Identity::new(), Identity::new());
    let reason = |certificate: &str, key: &str| match Tls::from_pem(
        certificate.as_bytes(),
        key.as_bytes(),
    ) {
        Err(Error::Misuse(rule)) => rule,
        unexpected => panic!("{unexpected:?}"),
    };
    let (certificate, key) = (&*one.pem.0, &*one.pem.1);
    assert!(reason("", key).starts_with("there is no certificate"));
    assert!(reason(certificate, "").starts_with("there is no private key"));
    assert!(reason(certificate, certificate).starts_with("there is no private key"));
    assert!(reason(certificate, &other.pem.1).starts_with("the certificate is of no use"));
    assert!(matches!(one.tls().reload(), Err(Error::Misuse(_))));
}
