//! Servers that cannot be trusted: TLS that must be refused, garbage, floods, silence.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use sori::client::{Client, Config, ConnectError};

use crate::support::client::{NpmServer, PATIENCE, WAYS, client, watch};

const CA: &[u8] = include_bytes!("../../../../tests/client/tls/ca.pem");

#[test]
fn tls_is_spoken_with_a_server_that_a_known_authority_vouches_for() {
    let npm = NpmServer::start(json!({"tls": true}));
    for (scheme, host) in [("https", "localhost"), ("wss", "127.0.0.1")] {
        for way in WAYS {
            let url = format!("{scheme}://{host}:{}", npm.port);
            let trusting = client(&url, way).root_certificate(CA).start().unwrap();
            let socket = trusting.socket("/").unwrap();
            socket.connect().wait().unwrap();
            assert_eq!(socket.emit_with_ack::<u8>("ask", 7).wait().unwrap(), 7);

            let careful = client(&url, way).reconnection(None).start().unwrap();
            let refused = careful.socket("/").unwrap().connect().wait().unwrap_err();
            assert!(refused.to_string().contains("certificate"), "{refused}");
        }
    }
}

#[test]
fn certificates_that_are_none_are_misuse() {
    for pem in [
        "",
        "text",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let error = Client::builder("https://localhost")
            .root_certificate(pem)
            .start()
            .unwrap_err();
        assert!(matches!(error, sori::Error::Misuse(_)), "{error}");
    }
}

/// A server that answers each connection in its own way.
struct Hostile {
    url: String,
    stop: Arc<AtomicBool>,
}

impl Hostile {
    fn start(answer: impl Fn(TcpStream, String) + Send + Sync + 'static) -> Hostile {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, answer) = (Arc::clone(&stop), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (mut stream, answer) = (stream.unwrap(), Arc::clone(&answer));
                std::thread::spawn(move || {
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    let mut head = Vec::new();
                    let mut byte = [0];
                    while !head.ends_with(b"\r\n\r\n") {
                        match stream.read(&mut byte) {
                            Ok(1) => head.push(byte[0]),
                            _ => return,
                        }
                    }
                    answer(stream, String::from_utf8_lossy(&head).into_owned());
                });
            }
        });
        Hostile { url, stop }
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the accept.
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
    }
}

fn http(body: &[u8]) -> Vec<u8> {
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    [answer.as_bytes(), body].concat()
}

/// The answer to a WebSocket handshake.
fn switching(head: &str) -> String {
    let key = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase()
                .starts_with("sec-websocket-key:")
                .then(|| line[18..].trim())
        })
        .unwrap_or_default();
    let accept = sori::proto::handshake::accept_key(key);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

/// A text frame as a server sends it.
fn frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match text.len() {
        length @ ..126 => frame.push(length as u8),
        length => {
            frame.push(126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(text.as_bytes());
    frame
}

#[track_caller]
fn refuses(hostile: &Hostile, way: usize) -> String {
    let mut config = Config::default();
    config.transports = WAYS[way].to_vec();
    config.reconnection = None;
    config.max_payload = 10_000;
    let client = Client::builder(&hostile.url)
        .config(config)
        .start()
        .unwrap();
    let socket = client.socket("/").unwrap();
    let ConnectError::Unreachable(why) = socket.connect().wait().unwrap_err() else {
        panic!("a refusal by nobody")
    };
    why
}

#[test]
fn answers_that_are_no_handshake_are_told_of() {
    let bodies: [&[u8]; 7] = [
        b"",
        b"hello",
        b"\xff\xfe",
        b"0{\"sid\":\"a\"}",
        b"4hello",
        b"0{\"sid\":\"a\",\"upgrades\":1,\"pingInterval\":1,\"pingTimeout\":1}",
        b"b!!",
    ];
    for body in bodies {
        let hostile = Hostile::start(move |mut stream, _| {
            let _ = stream.write_all(&http(body));
        });
        let why = refuses(&hostile, 0);
        assert!(!why.is_empty(), "{body:?}");
    }
    for answer in [
        &b"garbage\r\n\r\n"[..],
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"",
    ] {
        for way in [0, 1] {
            let hostile = Hostile::start(move |mut stream, _| {
                let _ = stream.write_all(answer);
            });
            let why = refuses(&hostile, way);
            assert!(
                why.starts_with("HTTP: ") || why.starts_with("WebSocket: "),
                "{why}"
            );
            if answer.windows(4).any(|it| it == b"nope") {
                assert!(why.contains("403 Forbidden nope"), "{why}");
            }
        }
    }
}

#[test]
fn answers_over_the_limit_are_not_read_to_their_end() {
    let flood = Hostile::start(|mut stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let chunk = [&b"1000\r\n"[..], &[b'x'; 0x1000], b"\r\n"].concat();
        while stream.write_all(&chunk).is_ok() {}
    });
    let why = refuses(&flood, 0);
    assert!(why.contains("length limit exceeded"), "{why}");

    let flood = Hostile::start(|mut stream, head| {
        let _ = stream.write_all(switching(&head).as_bytes());
        // A frame that says it is 4 GiB long.
        let _ = stream.write_all(&[0x81, 127, 0, 0, 0, 1, 0, 0, 0, 0]);
        while stream.write_all(&[b'x'; 0x1000]).is_ok() {}
    });
    let why = refuses(&flood, 1);
    assert!(why.contains("too"), "{why}");
}

#[test]
fn random_bytes_over_a_websocket_end_the_connection_and_nothing_else() {
    for seed in 1..60_u64 {
        let hostile = Hostile::start(move |mut stream, head| {
            let _ = stream.write_all(switching(&head).as_bytes());
            let open = r#"0{"sid":"s","upgrades":[],"pingInterval":60000,"pingTimeout":60000}"#;
            let _ = stream.write_all(&frame(open));
            let _ = stream.write_all(&frame(r#"40{"sid":"abc"}"#));
            let mut state = seed;
            let bytes: Vec<u8> = (0..2_000)
                .map(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    (state >> 56) as u8
                })
                .collect();
            if seed % 2 == 0 {
                let _ = stream.write_all(&bytes);
            } else {
                // Whole frames with random text in the form of packets.
                for piece in bytes.chunks(20) {
                    let text: String = piece.iter().map(|b| (b % 0x60 + 0x20) as char).collect();
                    if stream.write_all(&frame(&format!("4{text}"))).is_err() {
                        return;
                    }
                }
            }
        });
        let client = client(&hostile.url, WAYS[1])
            .reconnection(None)
            .start()
            .unwrap();
        let socket = client.socket("/").unwrap();
        let log = watch(&socket);
        socket.connect();
        let told = log.wait_for("disconnected: ");
        assert_eq!(told[0], "connected", "seed {seed}: {told:?}");
        client.close();
        client.wait();
    }
}

#[test]
fn a_flood_of_events_waits_in_the_server_while_handlers_are_slow() {
    let (tell, told) = std::sync::mpsc::channel();
    let hostile = Hostile::start(move |mut stream, head| {
        let _ = stream.write_all(switching(&head).as_bytes());
        let open = r#"0{"sid":"s","upgrades":[],"pingInterval":60000,"pingTimeout":60000}"#;
        let _ = stream.write_all(&frame(open));
        let _ = stream.write_all(&frame(r#"40{"sid":"abc"}"#));
        // A write that finds no space for so long is the proof.
        let timeout = Some(Duration::from_millis(300));
        stream.set_write_timeout(timeout).unwrap();
        let event = frame(&format!("42[\"flood\",\"{}\"]", "x".repeat(10_000)));
        let mut sent = 0_u64;
        while sent < MOST_IN_FLIGHT && stream.write_all(&event).is_ok() {
            sent += 1;
        }
        tell.send(sent).unwrap();
        // An end with unread bytes would be a reset, which takes back what the client has not read.
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let mut config = Config::default();
    config.transports = WAYS[1].to_vec();
    config.reconnection = None;
    config.max_pending_events = 10;
    let client = Client::builder(&hostile.url)
        .config(config)
        .start()
        .unwrap();
    let socket = client.socket("/").unwrap();
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let handled = Arc::new(AtomicU64::new(0));
    let (waiting, count) = (Arc::clone(&gate), Arc::clone(&handled));
    socket.on("flood", move |_: sori::client::Socket| {
        let (gate, count) = (Arc::clone(&waiting), Arc::clone(&count));
        async move {
            count.fetch_add(1, Ordering::SeqCst);
            gate.acquire().await.unwrap().forget();
        }
    });
    let log = watch(&socket);
    socket.connect().wait().unwrap();
    let sent = told.recv_timeout(PATIENCE).unwrap();
    assert!(sent < MOST_IN_FLIGHT, "nothing pushes back");
    assert!(handled.load(Ordering::SeqCst) <= 1);
    // What had been sent whole arrives all the same.
    gate.add_permits(sent as usize);
    log.wait_for("disconnected: transport ");
    assert_eq!(handled.load(Ordering::SeqCst), sent);
}

/// Events of ten kilobytes, and so 300 MB: far more than sockets and the client may hold.
const MOST_IN_FLIGHT: u64 = 30_000;
