//! Socket.IO over WebTransport, beside HTTP on a port of the same number, with a certificate made on
//! the spot. It says where it listens in a line of JSON, and ends with its standard input.
//!
//! ```text
//! client asks    ask(text, bytes, answer)
//! client hears   news(bytes), after each answer
//!
//! cargo run -p sori --features webtransport --example webtransport
//! {"port":40123,"hash":[12, 200, …]}
//! ```
//! A page takes the certificate by its hash:
//! ```text
//! io('https://127.0.0.1:40123', { transports: ['webtransport'], transportOptions: { webtransport: {
//!   serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(hash) }] } } })
//! ```
#![allow(clippy::print_stdout)] // It is how a program tells where it listens.

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use sori::config::Cors;
use sori::{Ack, Binary, Server, Socket, Tls};
use wtransport::tls::{Certificate, Sha256DigestFmt};

fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::builder().cors(Cors::any()).build()?;
    server.of("/").on(
        "ask",
        |socket: Socket, text: String, bytes: Binary, ack: Ack| {
            ack.send((text, bytes))?;
            socket.emit("news", (Binary::from(&[7, 0][..]),))
        },
    );
    let (tls, hash) = identity()?;
    let address = server.listen("127.0.0.1:0")?;
    server.listen_webtransport(address, &tls)?;
    println!(r#"{{"port":{},"hash":{hash}}}"#, address.port());
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    server.shutdown();
    Ok(())
}

/// A certificate that browsers take by its hash: ECDSA, valid for no more than 14 days.
fn identity() -> Result<(Tls, String), Box<dyn Error>> {
    let now = date_time_ymd(1970, 1, 1) + SystemTime::now().duration_since(UNIX_EPOCH)?;
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()])?;
    params.not_before = now - HOUR;
    params.not_after = now + 10 * 24 * HOUR;
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let tls = Tls::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes())?;
    let hash = Certificate::from_der(certificate.der().to_vec())?.hash();
    Ok((tls, hash.fmt(Sha256DigestFmt::BytesArray)))
}

const HOUR: Duration = Duration::from_secs(3_600);
