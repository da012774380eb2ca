//! A client of Engine.IO over WebTransport, and what its server is known by.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{CertificateParams, KeyPair};
use sori::Tls;
use sori::proto::webtransport::{Form, Header};
use tokio::runtime::{Builder, Runtime};
use wtransport::tls::{Certificate, Sha256Digest};
use wtransport::{ClientConfig, Connection, Endpoint, RecvStream, SendStream};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A certificate that vouches for itself, as browsers take one by its hash: ECDSA, valid for at most
/// 14 days.
pub(crate) fn identity() -> (Tls, Sha256Digest) {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = rcgen::date_time_ymd(1970, 1, 1) + since_epoch;
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_before = now - Duration::from_secs(3_600);
    params.not_after = now + Duration::from_secs(10 * 24 * 3_600);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let hash = Certificate::from_der(certificate.der().to_vec())
        .unwrap()
        .hash();
    let pem = (certificate.pem(), key.serialize_pem());
    let tls = Tls::from_pem(pem.0.as_bytes(), pem.1.as_bytes()).unwrap();
    (tls, hash)
}

/// What a record held.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    Text(String),
    Binary(Vec<u8>),
    /// The stream, or its session, is over.
    End,
}

/// One session and its stream.
pub(crate) struct Client {
    runtime: Runtime,
    connection: Connection,
    outward: SendStream,
    inward: RecvStream,
}

/// A server that hears of the end need not wait for answers.
impl Drop for Client {
    fn drop(&mut self) {
        self.close();
    }
}

impl Client {
    /// A stream on which nothing has been said.
    pub(crate) fn dial(
        address: SocketAddr,
        hash: &Sha256Digest,
        path: &str,
    ) -> Result<Client, String> {
        // What is sent shall leave while the test looks elsewhere.
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().unwrap();
        let any = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
        let config = ClientConfig::builder()
            .with_bind_address(any)
            .with_server_certificate_hashes([hash.clone()])
            .build();
        let url = format!("https://{address}{path}?EIO=4&transport=webtransport");
        let dialled = runtime.block_on(async {
            let endpoint = Endpoint::client(config).unwrap();
            let connecting = tokio::time::timeout(PATIENCE, endpoint.connect(url));
            let connection = connecting.await.expect("an answer");
            let connection = connection.map_err(|error| error.to_string())?;
            let opening = connection
                .open_bi()
                .await
                .map_err(|error| error.to_string())?;
            let (outward, inward) = opening.await.map_err(|error| error.to_string())?;
            Ok((connection, outward, inward))
        });
        dialled.map(|(connection, outward, inward)| Client {
            runtime,
            connection,
            outward,
            inward,
        })
    }

    /// A connection that is open.
    pub(crate) fn open(address: SocketAddr, hash: &Sha256Digest) -> Client {
        let mut client = Client::dial(address, hash, "/socket.io/").unwrap();
        client.send("0");
        let open = client.text();
        assert!(open.starts_with("0{\"sid\":"), "{open}");
        assert!(open.contains("\"upgrades\":[]"), "{open}");
        client
    }

    pub(crate) fn send(&mut self, packet: &str) {
        self.send_record(Form::Text, packet.as_bytes());
    }

    pub(crate) fn send_binary(&mut self, bytes: &[u8]) {
        self.send_record(Form::Binary, bytes);
    }

    fn send_record(&mut self, form: Form, packet: &[u8]) {
        let mut record = Vec::new();
        let length = packet.len() as u64;
        Header { form, length }.encode(&mut record);
        record.extend_from_slice(packet);
        self.send_bytes(&record);
    }

    /// Whatever they are. A server that has ended the stream takes no more, and need not.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.runtime.block_on(self.outward.write_all(bytes));
    }

    /// Ends this side of the stream.
    pub(crate) fn finish(&mut self) {
        let _ = self.runtime.block_on(self.outward.finish());
    }

    pub(crate) fn close(&self) {
        self.connection.close(wtransport::VarInt::from_u32(0), b"");
    }

    /// The next packet, however long it takes the server.
    pub(crate) fn receive(&mut self) -> Packet {
        let inward = &mut self.inward;
        let received = self.runtime.block_on(async {
            let reading = async {
                let mut head = [0; 9];
                inward.read_exact(&mut head[..1]).await.ok()?;
                let size = Header::size(head[0]);
                inward.read_exact(&mut head[1..size]).await.ok()?;
                let (header, _) = Header::decode(&head[..size]).unwrap();
                let mut packet = vec![0; header.length as usize];
                inward.read_exact(&mut packet).await.ok()?;
                Some(match header.form {
                    Form::Text => Packet::Text(String::from_utf8(packet).unwrap()),
                    Form::Binary => Packet::Binary(packet),
                })
            };
            tokio::time::timeout(PATIENCE, reading).await
        });
        received
            .expect("a packet, or the end")
            .unwrap_or(Packet::End)
    }

    pub(crate) fn text(&mut self) -> String {
        match self.receive() {
            Packet::Text(text) => text,
            other => panic!("{other:?} where a text was due"),
        }
    }
}
