//! A group of plain WebSockets on an engine of [`engine_support`](crate::support::engine), and peers
//! over loopback that are clients or servers of it.

use std::cell::Cell;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use bytes::Bytes;
use sori::config::WebSocketSettings;
use sori::proto::websocket::Role;
use sori::proto::websocket::deflate::DeflateParams;
use sori::server::WebSocketUpgrade;

use crate::support::engine::*;

/// Which side the engine is.
pub(crate) const BOTH_ROLES: [Role; 2] = [Role::Server, Role::Client];

/// So many messages in a row wait whole for a peer whose buffers are full.
pub(crate) const STUFFED: usize = 3;

/// A group, and how its connections are opened.
pub(crate) struct Group<'r> {
    pub(crate) rig: &'r Rig,
    pub(crate) id: NamespaceId,
    pub(crate) settings: Arc<WebSocketSettings>,
    pub(crate) deflate: Option<DeflateParams>,
    next: Cell<u64>,
}

/// The other end of one plain WebSocket.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) wire: Wire,
    pub(crate) conn: ConnId,
    pub(crate) gauge: Arc<Gauge>,
}

impl<'r> Group<'r> {
    pub(crate) fn new(rig: &'r Rig) -> Group<'r> {
        Group::with(rig, |_| {})
    }

    pub(crate) fn with(rig: &'r Rig, set: impl FnOnce(&mut WebSocketSettings)) -> Group<'r> {
        let mut settings = WebSocketSettings::default();
        set(&mut settings);
        let id = rig.engine.open_group();
        Group {
            rig,
            id,
            settings: Arc::new(settings),
            deflate: None,
            next: Cell::new(u64::from(id.0) << 32),
        }
    }

    pub(crate) fn upgrade(&self, role: Role) -> WebSocketUpgrade {
        let number = self.next.get();
        self.next.set(number + 1);
        WebSocketUpgrade {
            request: RequestId(number),
            answer: Bytes::new(),
            head: Bytes::new(),
            role,
            deflate: self.deflate,
            settings: Arc::clone(&self.settings),
            group: self.id,
            handshake: None,
            address: None,
        }
    }

    /// A peer of an engine in that role.
    pub(crate) fn open(&self, role: Role) -> Peer {
        let upgrade = self.upgrade(role);
        self.open_with(upgrade)
    }

    pub(crate) fn open_with(&self, upgrade: WebSocketUpgrade) -> Peer {
        let (ours, theirs) = pair();
        let mut wire = Wire::over(ours);
        wire.is_peer_client = upgrade.role == Role::Client;
        let request = upgrade.request;
        self.rig.engine.attach_websocket(theirs, upgrade);
        let (conn, gauge) = self.rig.wait(|log| log.websockets.get(&request).cloned());
        Peer { wire, conn, gauge }
    }

    pub(crate) fn ask(&self, peer: &Peer, command: websocket::Command<'_>) {
        let conn = peer.conn;
        self.rig
            .engine
            .execute(Command::WebSocket { conn, command });
    }

    pub(crate) fn send(&self, peer: &Peer, message: websocket::Message<'_>) {
        self.ask(peer, websocket::Command::Send(message));
    }

    pub(crate) fn close(&self, peer: &Peer, code: u16, reason: &str) {
        let code = Some(code);
        self.ask(peer, websocket::Command::Close { code, reason });
    }

    pub(crate) fn join(&self, peer: &Peer, room: &str) {
        let socket = SocketRef {
            conn: peer.conn,
            namespace: self.id,
        };
        let rooms = &[room];
        self.rig.engine.execute(Command::Join { socket, rooms });
    }

    pub(crate) fn broadcast(&self, rooms: &[&str], except: Option<&Peer>, text: &str) {
        let broadcast = websocket::Broadcast {
            group: self.id,
            audience: Audience {
                rooms,
                ..Audience::default()
            },
            except: except.map(|peer| peer.conn),
            kind: MessageKind::Text,
            compress: true,
            data: text.as_bytes(),
        };
        let command = Command::WebSocketBroadcast(broadcast);
        self.rig.engine.execute(command);
    }

    /// Waits until what was heard of a peer is as `is_right` wants it.
    pub(crate) fn wait_lines(
        &self,
        peer: &Peer,
        is_right: impl Fn(&[String]) -> bool,
    ) -> Vec<String> {
        self.rig.wait(|log| {
            let lines = log.lines.get(&peer.conn)?;
            is_right(lines).then(|| lines.clone())
        })
    }

    /// Waits until a line has been heard.
    pub(crate) fn wait_line(&self, peer: &Peer, line: &str) -> Vec<String> {
        self.wait_lines(peer, |lines| lines.iter().any(|heard| heard == line))
    }

    /// Waits for the end of a connection; gives what was heard of it after its beginning.
    pub(crate) fn wait_closed(&self, peer: &Peer) -> Vec<String> {
        let is_closed = |lines: &[String]| lines.iter().any(|line| line.starts_with("close "));
        self.wait_lines(peer, is_closed).split_off(1)
    }

    /// Fills the system's buffers for a peer that does not read: what it is sent from now on waits.
    /// Gives how many messages of `len` bytes it has been sent, with tokens from 0 on.
    pub(crate) fn stuff(&self, peer: &Peer, len: usize) -> u64 {
        let bytes = vec![b'x'; len];
        let (mut waited, mut known) = (0, 0);
        for token in 0.. {
            self.send(peer, binary(&bytes).with_token(token));
            self.settle(peer);
            let queued = peer.gauge.queued_bytes();
            // The system's buffers may grow for a while.
            waited = if queued >= known + len { waited + 1 } else { 0 };
            known = queued;
            if waited == STUFFED {
                return token + 1;
            }
        }
        unreachable!("the system's buffers are not without bound")
    }

    /// Waits until the peer's shard has done what it was asked before.
    pub(crate) fn settle(&self, peer: &Peer) {
        // A feed on the same shard that ends at once.
        let before = self.rig.read(|log| log.lines.len());
        loop {
            let mut upgrade = self.upgrade(Role::Server);
            upgrade.head = Bytes::from(frame(CLOSE, b""));
            let request = upgrade.request;
            self.rig.engine.attach_websocket_feed(upgrade);
            let (conn, _) = self.rig.wait(|log| log.websockets.get(&request).cloned());
            self.rig.engine.execute(Command::WebSocket {
                conn,
                command: websocket::Command::Terminate,
            });
            self.rig.wait(|log| {
                let lines = log.lines.get(&conn)?;
                lines.last()?.starts_with("close ").then_some(())
            });
            if conn.shard == peer.conn.shard {
                break;
            }
        }
        assert!(self.rig.read(|log| log.lines.len()) > before);
    }
}

/// Two ends of a TCP connection.
pub(crate) fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let ours = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
    let (theirs, _) = listener.accept().expect("a connection");
    ours.set_nodelay(true).expect("a fresh stream");
    (ours, theirs)
}

/// A whole text message.
pub(crate) fn text(data: &str) -> websocket::Message<'_> {
    message(MessageKind::Text, data.as_bytes())
}

/// A whole binary message.
pub(crate) fn binary(data: &[u8]) -> websocket::Message<'_> {
    message(MessageKind::Binary, data)
}

fn message(kind: MessageKind, data: &[u8]) -> websocket::Message<'_> {
    websocket::Message {
        kind,
        fin: true,
        compress: true,
        data,
        token: None,
        gauge: None,
    }
}

pub(crate) trait Variations {
    fn with_token(self, token: u64) -> Self;
    fn unfinished(self) -> Self;
}

impl Variations for websocket::Message<'_> {
    fn with_token(self, token: u64) -> Self {
        let token = Some(token);
        websocket::Message { token, ..self }
    }

    fn unfinished(self) -> Self {
        websocket::Message { fin: false, ..self }
    }
}
