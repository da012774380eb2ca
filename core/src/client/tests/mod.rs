//! The pure parts of the client, in virtual time.

mod life;
mod random;
mod sockets;
mod upgrade;

use std::time::{Duration, Instant};

use super::config::Config;
use super::connection::{Connection, Step};
use super::event::{Event, SocketKey};
use super::reconnect::Reconnection;
use super::session::{Outgoing, Transmit, TransportEnd};
use super::sockets::Manner;
use crate::config::TransportKind;
use crate::embed::Payload;

/// A connection, a clock, and what it did last.
struct World {
    connection: Connection,
    now: Instant,
    epoch: super::connection::Epoch,
}

const OPEN: &str = r#"0{"sid":"s","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100}"#;

impl World {
    fn new(transports: &[TransportKind]) -> World {
        World::with(transports, |_| {})
    }

    fn with(transports: &[TransportKind], set: impl FnOnce(&mut Config)) -> World {
        let mut config = Config {
            transports: transports.to_vec(),
            reconnection: Some(Reconnection {
                randomization_factor: 0.0,
                ..Reconnection::default()
            }),
            ..Config::default()
        };
        set(&mut config);
        World {
            connection: Connection::new(config.rules(), 1),
            now: Instant::now(),
            epoch: super::connection::Epoch::default(),
        }
    }

    /// A world with a socket in `/` over a WebSocket.
    fn connected() -> (World, SocketKey) {
        let mut world = World::new(&[TransportKind::WebSocket]);
        let key = world.join("/");
        assert_eq!(world.steps(), [Do::Open]);
        world.open_websocket();
        world.text(OPEN);
        assert_eq!(world.steps(), [sent("40")]);
        world.written();
        world.text(r#"40{"sid":"a"}"#);
        assert_eq!(world.events(), ["connect 0 a"]);
        (world, key)
    }

    fn join(&mut self, namespace: &str) -> SocketKey {
        let key = self.connection.socket(namespace);
        self.connection.connect(key, self.now);
        key
    }

    fn emit(&mut self, key: SocketKey, json: &str) {
        self.emit_as(key, json, Manner::default());
    }

    fn emit_as(&mut self, key: SocketKey, json: &str, manner: Manner) -> Option<u64> {
        let payload = Payload {
            json: json.as_bytes(),
            attachments: Vec::new(),
        };
        self.connection
            .emit(key, &payload, manner, self.now)
            .unwrap()
    }

    fn open_websocket(&mut self) {
        self.connection.handle_websocket_open(self.epoch);
    }

    fn text(&mut self, text: &str) {
        self.connection.handle_text(self.epoch, text, self.now);
    }

    fn binary(&mut self, bytes: &[u8]) {
        self.connection.handle_binary(self.epoch, bytes, self.now);
    }

    fn polled(&mut self, body: &str) {
        self.connection.handle_poll(self.epoch, body, self.now);
    }

    fn posted(&mut self) {
        self.connection
            .handle_written(self.epoch, TransportKind::Polling);
    }

    fn written(&mut self) {
        self.connection
            .handle_written(self.epoch, TransportKind::WebSocket);
    }

    fn ends(&mut self, from: TransportKind) {
        let end = TransportEnd::Failed("gone".to_owned());
        self.connection
            .handle_transport_end(self.epoch, from, end, self.now);
    }

    /// Lets time pass, timeout by timeout.
    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(next) = self.connection.next_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.connection.handle_timeout(self.now);
            if self.connection.next_timeout() == Some(next) {
                // What is due waits for its step.
                break;
            }
        }
        self.now = end;
        self.connection.handle_timeout(self.now);
    }

    fn steps(&mut self) -> Vec<Do> {
        let mut steps = Vec::new();
        while let Some(step) = self.connection.poll_step(self.now) {
            steps.push(match step {
                Step::End(_) => Do::End,
                Step::Transmit(epoch, transmit) => {
                    self.epoch = epoch;
                    match transmit {
                        Transmit::OpenWebSocket => Do::Open,
                        Transmit::CloseWebSocket => Do::Close,
                        Transmit::Poll => Do::Poll,
                        Transmit::Post(packets) => Do::Post(words(packets)),
                        Transmit::WebSocket(packets) => Do::Send(words(packets)),
                    }
                }
            });
        }
        steps
    }

    fn events(&mut self) -> Vec<String> {
        let mut events = Vec::new();
        while let Some(event) = self.connection.poll_event() {
            events.push(describe(event));
        }
        events
    }
}

/// A step in few words.
#[derive(Debug, PartialEq, Eq)]
enum Do {
    Open,
    Close,
    Poll,
    Post(String),
    Send(String),
    End,
}

fn sent(packets: &str) -> Do {
    Do::Send(packets.to_owned())
}

fn posted(packets: &str) -> Do {
    Do::Post(packets.to_owned())
}

fn words(packets: Vec<Outgoing>) -> String {
    let word = |packet| match packet {
        Outgoing::Text(text) => text,
        Outgoing::Binary(bytes) => format!("{bytes:?}"),
    };
    packets.into_iter().map(word).collect::<Vec<_>>().join(" ")
}

fn describe(event: Event) -> String {
    match event {
        Event::Connect {
            socket,
            sid,
            recovered,
        } => {
            let how = if recovered { "recover" } else { "connect" };
            format!("{how} {} {sid}", socket.0)
        }
        Event::ConnectError { socket, error } => format!("error {} {error}", socket.0),
        Event::Message {
            socket,
            data,
            attachments,
            ..
        } => {
            let attachments: Vec<_> = attachments.iter().map(|it| format!(" {it:?}")).collect();
            format!("message {} {data}{}", socket.0, attachments.concat())
        }
        Event::Ack {
            socket,
            id,
            answer: Ok(response),
        } => format!("ack {} {id} {}", socket.0, response.data),
        Event::Ack {
            socket,
            id,
            answer: Err(error),
        } => format!("no ack {} {id} {error}", socket.0),
        Event::Disconnect {
            socket,
            reason,
            description,
        } => {
            let description = description.map(|it| format!(": {it}")).unwrap_or_default();
            format!("disconnect {} {reason}{description}", socket.0)
        }
        Event::ReconnectAttempt { attempt } => format!("attempt {attempt}"),
        Event::Reconnect { attempt } => format!("reconnect {attempt}"),
        Event::ReconnectFailed => "failed".to_owned(),
        Event::Closed => "closed".to_owned(),
    }
}
