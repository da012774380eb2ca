//! A running engine on loopback whose application writes down what it hears, and raw clients.
//!
//! Every [`Rig`] ends with a check of the whole: each connection was opened first and closed last,
//! exactly once each; nobody is left in a namespace, in the registry or in the metrics.

mod client;
mod deflate;
mod wire;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, OnceLock};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
pub(crate) use client::*;
pub(crate) use deflate::*;
use sori::Config;
pub(crate) use sori::embed::websocket::{self, Failure, Gauge, MessageKind};
pub(crate) use sori::embed::{
    AckRequest, Answer, Audience, Command, ConnId, Event, NamespaceId, Payload, Raw, RequestId,
    SocketRef, Telling,
};
use sori::proto::socket::{event_args, event_name};
pub(crate) use sori::server::{Application, Engine};
use sori::server::{Placement, Threads};
pub(crate) use wire::*;

/// The namespace `/`.
pub(crate) const ROOT: NamespaceId = NamespaceId(0);

/// Two shards, the other settings as they come.
pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.shards = 2;
    config
}

/// An application: lets everybody into every namespace but `/nope…`, never answers for `/mute`,
/// echoes events named `echo`, answers every ack with the event's arguments.
#[derive(Default)]
pub(crate) struct Recorder {
    log: Mutex<Log>,
    changed: Condvar,
    is_stalled: AtomicBool,
    /// Messages of Engine.IO are sent back.
    pub(crate) echoes_raw: AtomicBool,
    /// Nothing is written down of what clients say: for tests that count bytes.
    pub(crate) is_forgetful: AtomicBool,
    /// What the application does when a request of its own is answered.
    pub(crate) on_answer: OnceLock<Reaction>,
}

type Reaction = Box<dyn Fn(&Engine) + Send + Sync>;

/// What the application has heard.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Lines by connection: `open websocket`, `connect / {"token":1}`, `message / 3 ["a"] +0102`,
    /// `ack / 3 []`, `ack timeout / 3`, `leave /`, `probed`, `upgraded`, `close ping timeout in /`.
    pub(crate) lines: HashMap<ConnId, Vec<String>>,
    pub(crate) by_sid: HashMap<String, ConnId>,
    pub(crate) answers: HashMap<RequestId, Answer>,
    pub(crate) feeds: HashMap<RequestId, BytesMut>,
    pub(crate) ended_feeds: Vec<RequestId>,
    pub(crate) forgotten: Vec<RequestId>,
    /// Plain WebSockets by the request that opened them, with their gauges.
    pub(crate) websockets: HashMap<RequestId, (ConnId, Arc<Gauge>)>,
    /// Responses of the broadcasts that asked for acks, and whether time was up.
    pub(crate) broadcast_acks: Vec<(u64, Vec<String>, bool)>,
    pub(crate) is_closed: bool,
}

impl Log {
    fn write(&mut self, conn: ConnId, line: String) {
        self.lines.entry(conn).or_default().push(line);
    }

    pub(crate) fn lines_of(&self, sid: &str) -> &[String] {
        let conn = self.by_sid.get(sid);
        conn.and_then(|conn| self.lines.get(conn))
            .map_or(&[], Vec::as_slice)
    }
}

impl Application for Recorder {
    fn handle(&self, engine: &Engine, event: Event<'_>) {
        // Written down first: who has an answer may rely on what is written.
        let is_said = matches!(
            event,
            Event::Connect { .. }
                | Event::Message { .. }
                | Event::Leave { .. }
                | Event::WebSocket {
                    event: websocket::Event::Ping(_) | websocket::Event::Sent { .. },
                    ..
                }
        );
        if !is_said || !self.is_forgetful.load(Ordering::Relaxed) {
            self.record(engine, &event);
            self.changed.notify_all();
        }
        react(engine, &event);
        if let Event::Raw { conn, message } = event
            && self.echoes_raw.load(Ordering::Relaxed)
        {
            send_raw(engine, conn, message, None);
        }
        if let (Event::Answer { .. }, Some(then)) = (&event, self.on_answer.get()) {
            then(engine);
        }
    }

    fn is_ready(&self) -> bool {
        !self.is_stalled.load(Ordering::SeqCst)
    }
}

impl Recorder {
    fn record(&self, engine: &Engine, event: &Event<'_>) {
        let name_of = |at: &SocketRef| {
            let namespace = engine.hub().namespace(at.namespace);
            namespace.expect("a namespace").name().to_owned()
        };
        let mut log = self.log.lock().unwrap();
        match event {
            Event::Open {
                conn,
                sid,
                transport,
                ..
            } => {
                log.by_sid.insert((*sid).to_owned(), *conn);
                log.write(*conn, format!("open {}", transport.as_str()));
            }
            Event::Connect {
                conn,
                namespace,
                auth,
                ..
            } => {
                let auth = auth.map_or(String::new(), |auth| format!(" {auth}"));
                log.write(*conn, format!("connect {namespace}{auth}"));
            }
            Event::Message {
                socket,
                ack,
                data,
                attachments,
            } => {
                let ack = ack.map_or(String::new(), |id| format!("{id} "));
                let line = format!(
                    "message {} {ack}{data}{}",
                    name_of(socket),
                    hex(attachments)
                );
                log.write(socket.conn, line);
            }
            Event::Ack {
                socket,
                id,
                data,
                attachments,
            } => {
                let line = format!("ack {} {id} {data}{}", name_of(socket), hex(attachments));
                log.write(socket.conn, line);
            }
            Event::AckTimeout { socket, id } => {
                log.write(socket.conn, format!("ack timeout {} {id}", name_of(socket)));
            }
            Event::BroadcastAnswer {
                namespace,
                conn,
                id,
                data,
                ..
            } => {
                // Another node's client has no log here.
                if let Some(conn) = *conn {
                    let namespace = *namespace;
                    let name = name_of(&SocketRef { conn, namespace });
                    log.write(conn, format!("answer {name} {id} {data}"));
                }
            }
            Event::BroadcastAck { id, outcome, .. } => {
                let responses = outcome.responses.iter().map(|r| r.data.to_string());
                let entry = (*id, responses.collect(), outcome.timed_out);
                log.broadcast_acks.push(entry);
            }
            Event::Leave { socket } => {
                log.write(socket.conn, format!("leave {}", name_of(socket)));
            }
            Event::Raw { conn, message } => {
                let line = match message {
                    Raw::Text(text) => format!("text {text}"),
                    Raw::Binary(bytes) => {
                        format!("binary{}", hex(&[Bytes::copy_from_slice(bytes)]))
                    }
                };
                log.write(*conn, line);
            }
            Event::Sent { conn, token } => log.write(*conn, format!("sent {token}")),
            Event::Heartbeat { conn } => log.write(*conn, "heartbeat".to_owned()),
            Event::Ping { conn } => log.write(*conn, "ping".to_owned()),
            Event::Probed { conn } => log.write(*conn, "probed".to_owned()),
            Event::Upgraded { conn, .. } => log.write(*conn, "upgraded".to_owned()),
            Event::Close {
                conn,
                reason,
                description,
                namespaces,
            } => {
                let mut line = format!("close {reason}");
                if let Some(description) = description {
                    line += &format!(": {description}");
                }
                for namespace in *namespaces {
                    line += &format!(" in {}", namespace.name());
                }
                log.write(*conn, line);
            }
            Event::Answer { request, answer } => {
                log.answers.insert(*request, answer.clone());
            }
            Event::FeedWrite { request, bytes } => {
                log.feeds.entry(*request).or_default().extend(*bytes);
            }
            Event::FeedEnd { request, .. } => log.ended_feeds.push(*request),
            Event::Forget { request } => log.forgotten.push(*request),
            Event::WebSocket { conn, event } => {
                if let websocket::Event::Open { request, gauge, .. } = event {
                    let known = (*conn, Arc::clone(gauge));
                    log.websockets.insert(*request, known);
                }
                log.write(*conn, line_of(event));
            }
            Event::ServerSideEmit { .. }
            | Event::ServerAnswers { .. }
            | Event::Sockets { .. }
            | Event::ServerCount { .. }
            | Event::SocketsAsked { .. }
            | Event::JoinAsked { .. }
            | Event::LeaveAsked { .. }
            | Event::Bus(_)
            | Event::DisconnectAsked { .. } => {}
            Event::Closed => log.is_closed = true,
        }
    }
}

/// What a plain WebSocket did, in a line: `open group 1`, `text hi`, `binary 0102`, `closing 1000 bye`,
/// `failed …`, `sent 7`, `unsent 7`, `close 1006`.
fn line_of(event: &websocket::Event<'_>) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match event {
        websocket::Event::Open { group, .. } => format!("open group {}", group.0),
        websocket::Event::Text(message) if message.len() > 200 => {
            format!("text of {}", message.len())
        }
        websocket::Event::Text(message) => format!("text {message}"),
        websocket::Event::RawText(message) => format!("raw text {message:02x?}"),
        websocket::Event::Binary(message) if message.len() > 200 => {
            format!("binary of {}", message.len())
        }
        websocket::Event::Binary(message) => format!("binary {message:02x?}"),
        websocket::Event::Ping(payload) => format!("ping {}", text(payload)),
        websocket::Event::Pong(payload) => format!("pong {}", text(payload)),
        websocket::Event::CloseFrame { code, reason } => {
            format!("closing {} {}", code.unwrap_or(0), text(reason))
        }
        websocket::Event::Failed(Failure::Protocol(error)) => format!("failed {}", error.code()),
        websocket::Event::Failed(Failure::Io(_)) => "failed Io".to_owned(),
        websocket::Event::Failed(failure) => format!("failed {failure:?}"),
        websocket::Event::Sent { token, ok: true } => format!("sent {token}"),
        websocket::Event::Sent { token, ok: false } => format!("unsent {token}"),
        websocket::Event::Drain => "drain".to_owned(),
        websocket::Event::Ended => "ended".to_owned(),
        websocket::Event::Closed { code, reason } => format!("close {code} {}", text(reason)),
    }
}

fn react(engine: &Engine, event: &Event<'_>) {
    match event {
        Event::Connect {
            conn, namespace, ..
        } if namespace.starts_with("/nope") => engine.execute(Command::Refuse {
            conn: *conn,
            namespace,
            error: r#"{"message":"Invalid namespace"}"#,
        }),
        Event::Connect {
            namespace: "/mute", ..
        } => {}
        Event::Connect {
            conn,
            namespace,
            sid,
            ..
        } => engine.execute(Command::Accept {
            socket: SocketRef {
                conn: *conn,
                namespace: engine.hub().register(namespace).id(),
            },
            sid: Arc::clone(sid),
        }),
        Event::Message {
            socket,
            ack,
            data,
            attachments,
        } => {
            let attachments = attachments.clone();
            if let Some(id) = *ack {
                let args = format!("[{}]", event_args(data));
                let payload = Payload {
                    json: args.as_bytes(),
                    attachments,
                };
                let socket = *socket;
                engine.execute(Command::Answer {
                    socket,
                    id,
                    payload,
                });
            } else if event_name(data).as_deref() == Some("echo") {
                let payload = Payload {
                    json: data.as_bytes(),
                    attachments,
                };
                emit(engine, *socket, payload);
            }
        }
        _ => {}
    }
}

fn hex(attachments: &[Bytes]) -> String {
    let texts = attachments.iter().map(|bytes| {
        let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!(" +{}", digits.concat())
    });
    texts.collect()
}

pub(crate) fn send_raw(engine: &Engine, conn: ConnId, message: Raw<'_>, token: Option<u64>) {
    engine.execute(Command::Send {
        conn,
        message,
        volatile: false,
        compress: true,
        token,
    });
}

pub(crate) fn emit(engine: &Engine, socket: SocketRef, payload: Payload<'_>) {
    engine.execute(Command::Emit {
        socket,
        payload,
        volatile: false,
        ack: None,
    });
}

pub(crate) fn json(json: &str) -> Payload<'_> {
    Payload {
        json: json.as_bytes(),
        attachments: Vec::new(),
    }
}

/// An engine, its application, and where it listens.
pub(crate) struct Rig {
    pub(crate) engine: Engine,
    pub(crate) app: Arc<Recorder>,
    pub(crate) address: SocketAddr,
}

/// An engine on those threads.
pub(crate) fn start_on(
    threads: &Threads,
    config: Config,
    application: Arc<dyn Application>,
) -> Result<Engine, sori::Error> {
    let placement = Placement {
        threads: Some(threads),
        adapter: None,
    };
    Engine::start_with(placement, config, application)
}

impl Rig {
    pub(crate) fn new() -> Rig {
        Rig::with(config())
    }

    pub(crate) fn of_one_shard() -> Rig {
        let mut config = config();
        config.shards = 1;
        Rig::with(config)
    }

    pub(crate) fn with(config: Config) -> Rig {
        let app = Arc::new(Recorder::default());
        let application: Arc<dyn Application> = Arc::clone(&app) as _;
        let engine = Engine::start(config, application).expect("an engine");
        Rig::of(app, engine)
    }

    /// An engine on the threads of `other`.
    pub(crate) fn beside(other: &Rig) -> Rig {
        let app = Arc::new(Recorder::default());
        let application: Arc<dyn Application> = Arc::clone(&app) as _;
        let engine = start_on(other.engine.threads(), config(), application);
        Rig::of(app, engine.expect("an engine"))
    }

    /// An engine whose events come to `app`, which is not listening yet.
    pub(crate) fn of(app: Arc<Recorder>, engine: Engine) -> Rig {
        let address = engine.listen(("127.0.0.1", 0)).expect("a free port");
        Rig {
            engine,
            app,
            address,
        }
    }

    pub(crate) fn open(&self, way: Way) -> Client {
        Client::open(self.address, way)
    }

    /// A client that is in the namespace `/`.
    pub(crate) fn join(&self, way: Way) -> Client {
        Client::join(self.address, way)
    }

    /// The client's socket in `/`.
    pub(crate) fn socket(&self, client: &Client) -> SocketRef {
        SocketRef {
            conn: self.read(|log| log.by_sid[&client.sid]),
            namespace: ROOT,
        }
    }

    pub(crate) fn emit(&self, client: &Client, event: &str) {
        emit(&self.engine, self.socket(client), json(event));
    }

    pub(crate) fn broadcast(&self, rooms: &[&str], except: &[&str], event: &str) {
        self.engine.execute(Command::Broadcast {
            namespace: ROOT,
            audience: Audience {
                rooms,
                except,
                ..Audience::default()
            },
            payload: json(event),
            volatile: false,
            ack: None,
        });
    }

    /// The application takes no more events, until [`Rig::resume`].
    pub(crate) fn stall(&self) {
        self.app.is_stalled.store(true, Ordering::SeqCst);
    }

    pub(crate) fn resume(&self) {
        self.app.is_stalled.store(false, Ordering::SeqCst);
        self.engine.resume();
    }

    pub(crate) fn read<R>(&self, look: impl FnOnce(&Log) -> R) -> R {
        look(&self.app.log.lock().unwrap())
    }

    /// Waits until the application has heard what `look` finds.
    pub(crate) fn wait<R>(&self, mut look: impl FnMut(&Log) -> Option<R>) -> R {
        let give_up = Instant::now() + PATIENCE;
        let mut log = self.app.log.lock().unwrap();
        loop {
            if let Some(found) = look(&log) {
                return found;
            }
            let left = give_up.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let log = format!("{log:#?}");
                let start: String = log.chars().take(5_000).collect();
                panic!("never heard: {start}");
            }
            log = self.app.changed.wait_timeout(log, left).unwrap().0;
        }
    }

    /// Waits for the end of a client's connection; gives all that was heard of it.
    pub(crate) fn wait_closed(&self, client: &Client) -> Vec<String> {
        self.wait_lines(client, |lines| {
            lines.last().is_some_and(|line| line.starts_with("close "))
        })
    }

    /// Waits until the lines of a client's connection are as `is_right` wants them.
    pub(crate) fn wait_lines(
        &self,
        client: &Client,
        is_right: impl Fn(&[String]) -> bool,
    ) -> Vec<String> {
        self.wait(|log| {
            let lines = log.lines_of(&client.sid);
            is_right(lines).then(|| lines.to_vec())
        })
    }

    /// Closes the engine and waits for its end. Gives how long it took.
    pub(crate) fn close(&self) -> Duration {
        let start = Instant::now();
        self.engine.close();
        // A stalled application would hold up the connections' last words.
        self.resume();
        self.wait(|log| log.is_closed.then_some(()));
        self.engine.join();
        start.elapsed()
    }

    fn check_end(&self) {
        self.read(|log| {
            for (conn, lines) in &log.lines {
                let starts = |start: &str| {
                    let counted = lines.iter().filter(|line| line.starts_with(start));
                    counted.count()
                };
                let is_framed = lines[0].starts_with("open ")
                    && lines[lines.len() - 1].starts_with("close ")
                    && (starts("open "), starts("close ")) == (1, 1);
                assert!(is_framed, "{conn:?}: {lines:#?}");
            }
            for sid in log.by_sid.keys() {
                let url = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
                let verdict = self.engine.verify("GET", &url, false);
                assert_eq!(verdict, Err(sori::server::Refusal::UnknownSid));
            }
            let metrics = self.engine.metrics();
            let counted = (metrics.connections, metrics.opened);
            assert_eq!(counted, (0, log.lines.len() as u64));
        });
        for namespace in self.engine.hub().namespaces() {
            assert_eq!((namespace.len(), namespace.rooms()), (0, Vec::new()));
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.close();
            self.check_end();
        }
    }
}

/// Small and seeded (splitmix64).
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Seeded by the environment (`SORI_SEED`) or by the clock; the seed is printed.
    #[expect(
        clippy::print_stderr,
        reason = "a failed run is repeated with its seed"
    )]
    pub(crate) fn seeded() -> Random {
        let chosen = std::env::var("SORI_SEED").ok().and_then(|s| s.parse().ok());
        let clock = || {
            let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
            since.as_nanos() as u64
        };
        let seed = chosen.unwrap_or_else(clock);
        eprintln!("SORI_SEED={seed}");
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}
