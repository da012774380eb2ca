//! What the tests of the client share: servers to talk to, npm socket.io and Sori's own, and a log
//! that a test waits on.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sori::client::{Client, ClientBuilder, Reconnection, TransportKind};
use sori::{Ack, ConnectError, ConnectRequest, Server};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The ways a client can take.
pub(crate) const WAYS: [&[TransportKind]; 3] = [
    &[TransportKind::Polling],
    &[TransportKind::WebSocket],
    &[TransportKind::Polling, TransportKind::WebSocket],
];

/// npm socket.io in a process of its own; it ends with this.
pub(crate) struct NpmServer {
    child: Child,
    pub(crate) port: u16,
}

impl NpmServer {
    pub(crate) fn start(settings: Value) -> NpmServer {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/client/server.js");
        let mut child = Command::new("node")
            .arg(script)
            .arg(settings.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let port = line.trim().parse().expect(
            "the server tells its port; are the packages of tests/programs installed (make packages)?",
        );
        NpmServer { child, port }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends it as a crash does: connections are cut. Gives its port.
    pub(crate) fn kill(mut self) -> u16 {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.port
    }
}

impl Drop for NpmServer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A Sori server that does what `tests/client/server.js` does.
pub(crate) struct SoriServer {
    pub(crate) server: Server,
    pub(crate) port: u16,
}

impl SoriServer {
    pub(crate) fn start() -> SoriServer {
        SoriServer::start_with(|builder| builder)
    }

    pub(crate) fn start_with(
        set: impl FnOnce(sori::ServerBuilder) -> sori::ServerBuilder,
    ) -> SoriServer {
        let server = set(Server::builder().shards(2)).build().unwrap();
        let admin = server.of("/admin");
        admin.check(|request: ConnectRequest| {
            let auth: Value = request.auth().unwrap_or_default();
            match auth["token"] == "secret" {
                true => Ok(()),
                false => Err(ConnectError::new("not authorized").data(json!({"code": 7}))),
            }
        });
        for namespace in [server.of("/"), admin] {
            namespace.on("echo", |socket: sori::Socket, value: Value| {
                socket.emit("echo", (value,))
            });
            namespace.on("ask", |_: sori::Socket, value: Value, ack: Ack| {
                ack.send((value,))
            });
            namespace.on("file", |_: sori::Socket, file: sori::Binary, ack: Ack| {
                ack.send(file)
            });
            namespace.on("never", |_: sori::Socket| {});
            namespace.on(
                "question",
                |socket: sori::Socket, value: Value, ack: Ack| async move {
                    let answer: Value = socket.emit_with_ack("question", (value,)).await?;
                    ack.send((answer,))?;
                    Ok::<_, sori::app::BoxError>(())
                },
            );
            namespace.on("kick", |socket: sori::Socket| socket.disconnect());
        }
        let port = server.listen("127.0.0.1:0").unwrap().port();
        SoriServer { server, port }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for SoriServer {
    fn drop(&mut self) {
        self.server.shutdown();
    }
}

/// Runs a scenario against both servers and over every way.
pub(crate) fn everywhere(scenario: impl Fn(&str, &[TransportKind])) {
    let (npm, sori) = (NpmServer::start(json!({})), SoriServer::start());
    for url in [npm.url(), sori.url()] {
        for way in WAYS {
            scenario(&url, way);
        }
    }
}

/// A client's settings, with waits that a test has time for.
pub(crate) fn client(url: &str, way: &[TransportKind]) -> ClientBuilder {
    Client::builder(url)
        .transports(way.iter().copied())
        .reconnection(Reconnection {
            delay: Duration::from_millis(20),
            delay_max: Duration::from_millis(100),
            ..Reconnection::default()
        })
}

/// What has happened, in order.
#[derive(Clone, Default)]
pub(crate) struct Log {
    shared: Arc<(Mutex<Vec<String>>, Condvar)>,
}

impl Log {
    pub(crate) fn write(&self, entry: impl Into<String>) {
        self.shared.0.lock().unwrap().push(entry.into());
        self.shared.1.notify_all();
    }

    /// Waits for an entry that begins so, and takes all up to it.
    #[track_caller]
    pub(crate) fn wait_for(&self, beginning: &str) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut entries = self.shared.0.lock().unwrap();
        loop {
            if let Some(at) = entries.iter().position(|it| it.starts_with(beginning)) {
                return entries.drain(..=at).collect();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no {beginning:?} in {entries:?}");
            entries = self.shared.1.wait_timeout(entries, left).unwrap().0;
        }
    }

    pub(crate) fn entries(&self) -> Vec<String> {
        self.shared.0.lock().unwrap().clone()
    }
}

/// Writes what happens to a socket into a log.
pub(crate) fn watch(socket: &sori::client::Socket) -> Log {
    let log = Log::default();
    let to = log.clone();
    socket.on_connect(move |socket: sori::client::Socket| {
        to.write(match socket.is_recovered() {
            true => "recovered",
            false => "connected",
        });
    });
    let to = log.clone();
    socket.on_connect_error(move |_: sori::client::Socket, error| {
        to.write(format!("refused: {error}"));
    });
    let to = log.clone();
    socket.on_disconnect(move |_: sori::client::Socket, reason| {
        to.write(format!("disconnected: {reason}"));
    });
    let to = log.clone();
    socket.on_any(move |_, event| to.write(event.json().to_owned()));
    log
}
