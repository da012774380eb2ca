//! What a program that watches is told: counters for Prometheus, events and spans of `tracing`.

mod support;

use std::fmt::Debug;
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use sori::Socket;
use support::steady::Steady;
use support::stream::{Client, ask, server};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

#[test]
fn prometheus_reads_the_counters_under_the_path_that_was_chosen() {
    let server = server(|builder| builder.metrics_path("/metrics"));
    let address = server.listen("127.0.0.1:0").unwrap();
    let connect = || TcpStream::connect(address).unwrap();
    let mut client = Client::join(connect());
    client.add();
    let answer = ask(connect(), "GET", "/metrics", "");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    let value = |name: &str| {
        let line = body.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{body}")).trim().to_owned()
    };
    assert_eq!(value("sori_connections "), "1");
    assert_eq!(value("sori_connections_opened_total "), "1");
    assert_eq!(value("sori_messages_received_total "), "2");
    for line in body.lines().filter(|line| !line.starts_with('#')) {
        let (name, number) = line.split_once(' ').unwrap();
        assert!(body.contains(&format!("# TYPE {name} ")), "{line}");
        assert!(number.parse::<u64>().is_ok(), "{line}");
    }
    drop(client);
    server.shutdown();
}

/// Writes down spans and events with their fields.
struct Watcher {
    lines: Arc<Mutex<Vec<String>>>,
    ids: AtomicU64,
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!(" {}={value:?}", field.name());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0 += &format!(" {}={value}", field.name());
    }
}

impl Watcher {
    fn write(&self, line: Line) {
        self.lines.lock().unwrap().push(line.0);
    }
}

impl Subscriber for Watcher {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sori"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line(format!("span {}", span.metadata().name()));
        span.record(&mut line);
        self.write(line);
        Id::from_u64(self.ids.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.write(line);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn tracing_is_told_of_connections_handlers_and_their_errors() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let watcher = Watcher {
        lines: Arc::clone(&lines),
        ids: AtomicU64::new(0),
    };
    tracing::subscriber::set_global_default(watcher).unwrap();
    let server = server(|builder| builder);
    server
        .of("/")
        .on("fail", |_: Socket| Err::<(), _>("out of tea"));
    let address = server.listen("127.0.0.1:0").unwrap();
    let mut client = Client::join(Steady::connect(address));
    client.send(r#"42["fail"]"#);
    client.add();
    server.shutdown();
    let lines = lines.lock().unwrap();
    let has = |start: &str, rest: &str| {
        let found = lines
            .iter()
            .any(|line| line.starts_with(start) && line.contains(rest));
        assert!(found, "{start} {rest}: {lines:#?}");
    };
    has("INFO message=listening", &format!("address={address}"));
    has("DEBUG message=connection opened", "transport=websocket");
    has("span handler event=fail", "namespace=/");
    has("WARN message=handler failed", "error=out of tea");
    has(
        "DEBUG message=connection closed",
        "reason=server shutting down",
    );
    has("INFO message=closed", "");
}
