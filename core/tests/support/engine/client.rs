//! A Socket.IO client that does what it is told, the same over every way of transport.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::wire::{BINARY, HttpAnswer, TEXT, Wire};

/// How a client reaches the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    WebSocket,
    Polling,
    /// Polling first, then WebSocket.
    Upgraded,
}

pub(crate) const EVERY_WAY: [Way; 3] = [Way::WebSocket, Way::Polling, Way::Upgraded];

#[derive(Debug)]
pub(crate) struct Client {
    /// The Engine.IO session's id.
    pub(crate) sid: String,
    pub(crate) carrier: Carrier,
    waiting: VecDeque<String>,
}

#[derive(Debug)]
pub(crate) enum Carrier {
    WebSocket(Wire),
    Polling(Polling),
}

/// Two connections, as a browser has: one that waits, one that sends.
#[derive(Debug)]
pub(crate) struct Polling {
    pub(crate) target: String,
    pub(crate) get: Wire,
    pub(crate) post: Wire,
    /// A GET waits for its answer.
    is_pending: bool,
}

impl Client {
    /// A client whose session is open.
    pub(crate) fn open(address: SocketAddr, way: Way) -> Client {
        match way {
            Way::WebSocket => Client::open_websocket(address),
            Way::Polling => Client::open_polling(address),
            Way::Upgraded => {
                let mut client = Client::open_polling(address);
                client.upgrade(address);
                client
            }
        }
    }

    /// A client whose session is open and which is in the namespace `/`.
    pub(crate) fn join(address: SocketAddr, way: Way) -> Client {
        let mut client = Client::open(address, way);
        client.enter("/");
        client
    }

    fn open_websocket(address: SocketAddr) -> Client {
        let mut wire = Wire::websocket(address, "");
        let open = wire.read_text();
        Client {
            sid: sid_of(&open),
            carrier: Carrier::WebSocket(wire),
            waiting: VecDeque::new(),
        }
    }

    fn open_polling(address: SocketAddr) -> Client {
        let mut get = Wire::connect(address);
        get.request("GET", "/socket.io/?EIO=4&transport=polling", "");
        let answer = get.read_answer();
        assert_eq!(answer.status, 200, "{answer:?}");
        let sid = sid_of(&answer.body);
        let polling = Polling {
            target: format!("/socket.io/?EIO=4&transport=polling&sid={sid}"),
            get,
            post: Wire::connect(address),
            is_pending: false,
        };
        Client {
            sid,
            carrier: Carrier::Polling(polling),
            waiting: VecDeque::new(),
        }
    }

    /// From polling to WebSocket, as the JavaScript client does it.
    pub(crate) fn upgrade(&mut self, address: SocketAddr) {
        let mut wire = self.probe(address);
        // A pending GET comes back by a no-op, or with what was sent meanwhile.
        if self.polling().is_pending {
            let packets = self.polling().read_poll();
            self.waiting
                .extend(packets.into_iter().filter(|packet| packet != "6"));
        }
        wire.send_frame(TEXT, b"5");
        self.carrier = Carrier::WebSocket(wire);
    }

    /// A WebSocket of this session, as far as `3probe`.
    pub(crate) fn probe(&mut self, address: SocketAddr) -> Wire {
        let mut wire = Wire::websocket(address, &format!("&sid={}", self.sid));
        wire.send_frame(TEXT, b"2probe");
        assert_eq!(wire.read_text(), "3probe");
        wire
    }

    pub(crate) fn polling(&mut self) -> &mut Polling {
        match &mut self.carrier {
            Carrier::Polling(polling) => polling,
            Carrier::WebSocket(_) => panic!("the client is on a WebSocket"),
        }
    }

    pub(crate) fn wire(&mut self) -> &mut Wire {
        match &mut self.carrier {
            Carrier::WebSocket(wire) => wire,
            Carrier::Polling(_) => panic!("the client is polling"),
        }
    }

    /// Sends one Engine.IO packet.
    pub(crate) fn send(&mut self, packet: &str) {
        match &mut self.carrier {
            Carrier::WebSocket(wire) => wire.send_frame(TEXT, packet.as_bytes()),
            Carrier::Polling(polling) => polling.post_ok(packet),
        }
    }

    pub(crate) fn send_binary(&mut self, bytes: &[u8]) {
        match &mut self.carrier {
            Carrier::WebSocket(wire) => wire.send_frame(BINARY, bytes),
            Carrier::Polling(polling) => polling.post_ok(&format!("b{}", base64(bytes))),
        }
    }

    /// The next packet: its text, or `b` and the base64 of a binary message, as over polling.
    pub(crate) fn next(&mut self) -> String {
        loop {
            if let Some(packet) = self.waiting.pop_front() {
                return packet;
            }
            let packets = match &mut self.carrier {
                Carrier::WebSocket(wire) => match wire.read_frame() {
                    (BINARY, payload) => vec![format!("b{}", base64(&payload))],
                    (_, payload) => vec![String::from_utf8(payload).expect("UTF-8")],
                },
                Carrier::Polling(polling) => polling.poll(),
            };
            self.waiting.extend(packets);
        }
    }

    /// Enters a namespace; gives the id of the socket there.
    pub(crate) fn enter(&mut self, namespace: &str) -> String {
        let prefix = match namespace {
            "/" => "40".to_owned(),
            other => format!("40{other},"),
        };
        self.send(&prefix);
        let answer = self.next();
        let body = answer.strip_prefix(&prefix);
        sid_of(body.unwrap_or_else(|| panic!("not let into {namespace}: {answer}")))
    }

    /// Makes sure that a GET on its way is pending. On an engine of one shard, which takes streams
    /// in the order in which they become readable.
    pub(crate) fn expect_pending(&mut self, rig: &super::Rig) {
        assert_eq!(rig.engine.config().shards, 1);
        let pending = self.polling();
        let mut unwanted = Wire::connect(rig.address);
        unwanted.request("PUT", &pending.target, "");
        assert_eq!(unwanted.read_answer().status, 500);
    }

    /// Nothing has come before what is sent now comes back.
    pub(crate) fn expect_nothing(&mut self) {
        self.send(r#"42["echo","nothing before this"]"#);
        assert_eq!(self.next(), r#"42["echo","nothing before this"]"#);
    }
}

impl Polling {
    /// Sends a GET; its answer is for [`Polling::read_poll`].
    pub(crate) fn begin_poll(&mut self) {
        self.get.request("GET", &self.target, "");
        self.is_pending = true;
    }

    pub(crate) fn read_poll(&mut self) -> Vec<String> {
        let answer = self.get.read_answer();
        self.is_pending = false;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body.split('\x1e').map(str::to_owned).collect()
    }

    fn poll(&mut self) -> Vec<String> {
        if !self.is_pending {
            self.begin_poll();
        }
        self.read_poll()
    }

    pub(crate) fn post(&mut self, body: &str) -> HttpAnswer {
        self.post.request("POST", &self.target, body);
        self.post.read_answer()
    }

    fn post_ok(&mut self, body: &str) {
        let answer = self.post(body);
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
    }
}

/// The `sid` of an open packet or of a CONNECT's answer.
pub(crate) fn sid_of(packet: &str) -> String {
    let (_, rest) = packet.split_once(r#""sid":""#).expect("a sid");
    rest.split('"').next().unwrap_or_default().to_owned()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
