//! The Socket.IO half of a client: its sockets, one for each namespace, their acks, what waits to be
//! sent, and what lets them recover. No IO, no clock.
//!
//! ```text
//!               session open: CONNECT            CONNECT
//!  Idle ─ ask ─► Wanted ────────────────► Asking ──────► Connected
//!   ▲              ▲                        │                │
//!   │              └───── session over ─────┴────────────────┤
//!   └────────── CONNECT_ERROR, DISCONNECT, leave() ──────────┘
//! ```

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::event::{ConnectError, DisconnectReason, Event, SocketKey};
use super::session::Outgoing;
use crate::arguments::AckError;
use crate::embed::{Payload, Response};
use crate::proto::attachments::Incomplete;
use crate::proto::socket::{self, Packet, PacketType};

/// All sockets of one client. After each input: [`Sockets::poll_packet`] and
/// [`Sockets::poll_event`] until they give nothing.
#[derive(Debug)]
pub(crate) struct Sockets {
    list: Vec<Socket>,
    limits: Limits,
    is_open: bool,
    incomplete: Option<Incomplete<Header>>,
    deadlines: BTreeSet<(Instant, SocketKey, u64)>,
    unsent_bytes: usize,
    packets: VecDeque<Outgoing>,
    events: VecDeque<Event>,
}

/// What a server may make the client keep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Most binary attachments in one packet.
    pub(crate) max_attachments: u32,
    /// Most bytes of events that come before the server says that the socket is connected.
    pub(crate) max_unseen_bytes: usize,
}

#[derive(Debug)]
struct Socket {
    namespace: Arc<str>,
    auth: Option<Box<str>>,
    standing: Standing,
    sid: Option<Arc<str>>,
    recovery: Option<Recovery>,
    next_ack: u64,
    acks: HashMap<u64, OpenAck>,
    /// Emitted while it was not connected.
    unsent: VecDeque<Unsent>,
    /// Events that came before the CONNECT that they belong behind.
    unseen: Vec<Event>,
    unseen_bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Idle,
    Wanted,
    Asking,
    Connected,
}

/// What the server knows a recoverable socket by.
#[derive(Debug)]
struct Recovery {
    pid: Box<str>,
    offset: Option<Box<str>>,
}

#[derive(Debug)]
struct OpenAck {
    deadline: Option<Instant>,
    is_sent: bool,
}

#[derive(Debug)]
struct Unsent {
    packets: Vec<Outgoing>,
    size: usize,
    ack: Option<u64>,
}

/// A packet that attachments follow.
#[derive(Debug)]
struct Header {
    namespace: Box<str>,
    is_ack: bool,
    id: Option<u64>,
    data: Box<str>,
}

/// Too much waits to be sent already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// The server's bytes are no Socket.IO packets, or too much of them is to be kept; for people.
pub(crate) type Violation = String;

/// The JSON of the server's CONNECT.
#[derive(Deserialize)]
struct Joined {
    sid: Box<str>,
    pid: Option<Box<str>>,
}

/// The JSON of a CONNECT_ERROR.
#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    message: String,
    data: Option<Box<RawValue>>,
}

/// How to emit, beyond what.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    /// Drop it rather than let it wait.
    pub(crate) volatile: bool,
    /// Whether an answer is asked for, and how long it may take.
    pub(crate) ack: Option<Option<Duration>>,
}

/// What there is room for now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// What is sent leaves at once.
    pub(crate) is_writable: bool,
    /// Bytes that may still be queued.
    pub(crate) bytes: usize,
    /// Nothing waits: then a single message may be larger.
    pub(crate) is_empty: bool,
}

impl Sockets {
    pub(crate) fn new(limits: Limits) -> Sockets {
        Sockets {
            list: Vec::new(),
            limits,
            is_open: false,
            incomplete: None,
            deadlines: BTreeSet::new(),
            unsent_bytes: 0,
            packets: VecDeque::new(),
            events: VecDeque::new(),
        }
    }
}

/// What the application does.
impl Sockets {
    /// The socket of that namespace, made if there is none.
    pub(crate) fn socket(&mut self, namespace: &str) -> SocketKey {
        let at = match self.find(namespace) {
            Some(at) => at,
            None => {
                self.list.push(Socket {
                    namespace: namespace.into(),
                    auth: None,
                    standing: Standing::Idle,
                    sid: None,
                    recovery: None,
                    next_ack: 0,
                    acks: HashMap::new(),
                    unsent: VecDeque::new(),
                    unseen: Vec::new(),
                    unseen_bytes: 0,
                });
                self.list.len() - 1
            }
        };
        SocketKey(at as u32)
    }

    /// What the server is given from the next CONNECT on: a JSON object.
    pub(crate) fn set_auth(&mut self, key: SocketKey, auth: Option<&str>) {
        if let Some(socket) = self.list.get_mut(key.0 as usize) {
            socket.auth = auth.map(Into::into);
        }
    }

    /// Asks for the namespace, at once or when there is a session. Does nothing if it has.
    pub(crate) fn ask(&mut self, key: SocketKey) {
        let is_open = self.is_open;
        if let Some(socket) = self.list.get_mut(key.0 as usize)
            && socket.standing == Standing::Idle
        {
            socket.standing = Standing::Wanted;
            if is_open {
                let connect = socket.connect();
                self.packets.push_back(connect);
            }
        }
    }

    /// Leaves the namespace. Does nothing if it was neither asked for nor joined.
    pub(crate) fn leave(&mut self, key: SocketKey) {
        let Some(socket) = self.list.get_mut(key.0 as usize) else {
            return;
        };
        let was = std::mem::replace(&mut socket.standing, Standing::Idle);
        socket.recovery = None;
        match was {
            Standing::Idle => return,
            Standing::Wanted => {}
            Standing::Asking | Standing::Connected => {
                let goodbye = packet(PacketType::Disconnect, &socket.namespace, None, &[], 0);
                self.packets.push_back(goodbye);
            }
        }
        if was == Standing::Connected {
            self.part(key, DisconnectReason::IoClientDisconnect, None);
        }
    }

    /// Emits an event. Gives the id of its ack.
    pub(crate) fn emit(
        &mut self,
        key: SocketKey,
        payload: &Payload<'_>,
        manner: Manner,
        room: Room,
        now: Instant,
    ) -> Result<Option<u64>, Full> {
        let Some(socket) = self.list.get_mut(key.0 as usize) else {
            return Ok(None);
        };
        let is_connected = socket.standing == Standing::Connected;
        let is_dropped = manner.volatile && !(is_connected && room.is_writable);
        let ack = manner.ack.map(|_| socket.next_ack);
        if !is_dropped {
            let packets = event_packets(&socket.namespace, ack, payload);
            let size = packets.iter().map(Outgoing::size).sum();
            if size > room.bytes && !room.is_empty {
                return Err(Full);
            }
            if is_connected {
                self.packets.extend(packets);
            } else {
                self.unsent_bytes += size;
                socket.unsent.push_back(Unsent { packets, size, ack });
            }
        }
        if let (Some(id), Some(timeout)) = (ack, manner.ack) {
            socket.next_ack += 1;
            let deadline = timeout.and_then(|timeout| now.checked_add(timeout));
            let open = OpenAck {
                deadline,
                is_sent: is_connected || is_dropped,
            };
            socket.acks.insert(id, open);
            self.deadlines
                .extend(deadline.map(|deadline| (deadline, key, id)));
        }
        Ok(ack)
    }

    /// Answers an event of the server. Dropped if the socket is not connected.
    pub(crate) fn answer(
        &mut self,
        key: SocketKey,
        id: u64,
        payload: &Payload<'_>,
        room: Room,
    ) -> Result<(), Full> {
        let Some(socket) = self.list.get(key.0 as usize) else {
            return Ok(());
        };
        if socket.standing != Standing::Connected {
            return Ok(());
        }
        let packets = answer_packets(&socket.namespace, id, payload);
        let size: usize = packets.iter().map(Outgoing::size).sum();
        if size > room.bytes && !room.is_empty {
            return Err(Full);
        }
        self.packets.extend(packets);
        Ok(())
    }
}

/// What the connection does.
impl Sockets {
    /// There is a session: all who want to are asked for.
    pub(crate) fn handle_open(&mut self) {
        self.is_open = true;
        for socket in &mut self.list {
            if socket.standing == Standing::Wanted {
                self.packets.push_back(socket.connect());
            }
        }
    }

    /// The session is over, or never came to be open. Who was in a namespace wants to be there
    /// again.
    pub(crate) fn handle_end(&mut self, reason: DisconnectReason, description: Option<&str>) {
        self.is_open = false;
        self.incomplete = None;
        self.packets.clear();
        for at in 0..self.list.len() {
            let key = SocketKey(at as u32);
            let socket = &mut self.list[at];
            socket.unseen.clear();
            socket.unseen_bytes = 0;
            let was = socket.standing;
            if was != Standing::Idle {
                socket.standing = Standing::Wanted;
            }
            match was {
                Standing::Connected => self.part(key, reason, description),
                Standing::Wanted | Standing::Asking if reason.may_reconnect() => {
                    let why = description.unwrap_or(reason.as_str()).to_owned();
                    let error = ConnectError::Unreachable(why);
                    self.events
                        .push_back(Event::ConnectError { socket: key, error });
                }
                Standing::Idle | Standing::Wanted | Standing::Asking => {}
            }
        }
    }

    /// There will be no further session until one is asked for.
    pub(crate) fn give_up(&mut self) {
        for socket in &mut self.list {
            socket.standing = Standing::Idle;
        }
    }

    /// A text message of the server.
    pub(crate) fn handle_text(&mut self, text: &str) -> Result<(), Violation> {
        if self.incomplete.is_some() {
            return Err("text where an attachment was due".to_owned());
        }
        let packet =
            socket::decode(text, self.limits.max_attachments).map_err(|error| error.to_string())?;
        if packet.kind.is_binary() {
            let header = Header {
                namespace: packet.namespace.into(),
                is_ack: packet.kind == PacketType::BinaryAck,
                id: packet.id,
                data: packet.data.unwrap_or("[]").into(),
            };
            self.incomplete = Some(Incomplete::new(header, packet.attachments));
            return Ok(());
        }
        let Some(at) = self.find(packet.namespace) else {
            return Ok(());
        };
        let key = SocketKey(at as u32);
        let data = || packet.data.unwrap_or("[]").into();
        match packet.kind {
            PacketType::Connect => self.joined(key, &packet),
            PacketType::ConnectError => self.refused(key, &packet),
            PacketType::Disconnect => self.put_out(key),
            PacketType::Event => return self.take_event(key, packet.id, data(), Vec::new()),
            PacketType::Ack => self.take_ack(key, packet.id, data(), Vec::new()),
            PacketType::BinaryEvent | PacketType::BinaryAck => {}
        }
        Ok(())
    }

    /// A binary message of the server.
    pub(crate) fn handle_binary(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        let Some(incomplete) = &mut self.incomplete else {
            return Err("an attachment that nothing announced".to_owned());
        };
        if !incomplete.take(bytes) {
            return Ok(());
        }
        let Some((header, attachments)) = self.incomplete.take().map(Incomplete::into_parts) else {
            return Ok(());
        };
        let Some(at) = self.find(&header.namespace) else {
            return Ok(());
        };
        let key = SocketKey(at as u32);
        if header.is_ack {
            self.take_ack(key, header.id, header.data, attachments);
            return Ok(());
        }
        self.take_event(key, header.id, header.data, attachments)
    }

    /// Acks whose time is up.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some(&(at, key, id)) = self.deadlines.first()
            && at <= now
        {
            self.deadlines.pop_first();
            let socket = &mut self.list[key.0 as usize];
            socket.acks.remove(&id);
            // It would be answered to nobody.
            if let Some(at) = socket.unsent.iter().position(|each| each.ack == Some(id)) {
                self.unsent_bytes -= socket.unsent.remove(at).map_or(0, |unsent| unsent.size);
            }
            self.events.push_back(Event::Ack {
                socket: key,
                id,
                answer: Err(AckError::Timeout),
            });
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, ..)| *at)
    }

    pub(crate) fn poll_packet(&mut self) -> Option<Outgoing> {
        self.packets.pop_front()
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Tells that no ack will come any more, of sockets connected or not.
    pub(crate) fn abandon_acks(&mut self) {
        for at in 0..self.list.len() {
            self.unsent_bytes -= self.list[at]
                .unsent
                .drain(..)
                .map(|each| each.size)
                .sum::<usize>();
            for open in self.list[at].acks.values_mut() {
                open.is_sent = true;
            }
            self.lose_acks(SocketKey(at as u32));
        }
    }
}

/// Queries.
impl Sockets {
    /// Whether any socket is connected or wants to be.
    pub(crate) fn is_any_active(&self) -> bool {
        self.list
            .iter()
            .any(|socket| socket.standing != Standing::Idle)
    }

    pub(crate) fn is_active(&self, key: SocketKey) -> bool {
        self.standing(key).is_some_and(|it| it != Standing::Idle)
    }

    pub(crate) fn is_connected(&self, key: SocketKey) -> bool {
        self.standing(key) == Some(Standing::Connected)
    }

    /// Its id, while it is connected.
    pub(crate) fn sid(&self, key: SocketKey) -> Option<Arc<str>> {
        self.list.get(key.0 as usize)?.sid.clone()
    }

    pub(crate) fn namespace(&self, key: SocketKey) -> Option<Arc<str>> {
        Some(Arc::clone(&self.list.get(key.0 as usize)?.namespace))
    }

    /// Bytes of what was emitted by sockets that were not connected.
    pub(crate) fn unsent_bytes(&self) -> usize {
        self.unsent_bytes
    }

    fn standing(&self, key: SocketKey) -> Option<Standing> {
        Some(self.list.get(key.0 as usize)?.standing)
    }

    fn find(&self, namespace: &str) -> Option<usize> {
        self.list
            .iter()
            .position(|socket| &*socket.namespace == namespace)
    }
}

/// Private parts.
impl Sockets {
    fn joined(&mut self, key: SocketKey, packet: &Packet<'_>) {
        let socket = &mut self.list[key.0 as usize];
        if socket.standing != Standing::Asking {
            return;
        }
        let Some(Joined { sid, pid }) =
            packet.data.and_then(|data| serde_json::from_str(data).ok())
        else {
            socket.standing = Standing::Idle;
            let error = ConnectError::Refused {
                message: NO_SID.to_owned(),
                data: None,
            };
            self.events
                .push_back(Event::ConnectError { socket: key, error });
            return;
        };
        let sid: Arc<str> = sid.into();
        let before = socket.recovery.take();
        let recovered = pid.is_some() && before.as_ref().map(|before| &before.pid) == pid.as_ref();
        socket.recovery = pid.map(|pid| Recovery {
            pid,
            // Those that were missed have moved it.
            offset: before.and_then(|before| before.offset),
        });
        socket.sid = Some(Arc::clone(&sid));
        socket.standing = Standing::Connected;
        socket.unseen_bytes = 0;
        self.events.push_back(Event::Connect {
            socket: key,
            sid,
            recovered,
        });
        self.events.extend(socket.unseen.drain(..));
        for unsent in socket.unsent.drain(..) {
            self.unsent_bytes -= unsent.size;
            if let Some(open) = unsent.ack.and_then(|id| socket.acks.get_mut(&id)) {
                open.is_sent = true;
            }
            self.packets.extend(unsent.packets);
        }
    }

    fn refused(&mut self, key: SocketKey, packet: &Packet<'_>) {
        let socket = &mut self.list[key.0 as usize];
        if socket.standing != Standing::Asking {
            return;
        }
        socket.standing = Standing::Idle;
        let data = packet.data.unwrap_or("{}");
        let error = match serde_json::from_str::<Refusal>(data) {
            Ok(Refusal { message, data }) => ConnectError::Refused {
                message,
                data: data.map(|data| data.get().into()),
            },
            // A server of protocol 4 says it in a string.
            Err(_) => ConnectError::Refused {
                message: serde_json::from_str(data).unwrap_or_default(),
                data: None,
            },
        };
        self.events
            .push_back(Event::ConnectError { socket: key, error });
    }

    fn put_out(&mut self, key: SocketKey) {
        let socket = &mut self.list[key.0 as usize];
        if socket.standing == Standing::Connected {
            socket.standing = Standing::Idle;
            socket.recovery = None;
            self.part(key, DisconnectReason::IoServerDisconnect, None);
        }
    }

    fn take_event(
        &mut self,
        key: SocketKey,
        ack: Option<u64>,
        data: Box<str>,
        attachments: Vec<Bytes>,
    ) -> Result<(), Violation> {
        let socket = &mut self.list[key.0 as usize];
        if let Some(recovery) = &mut socket.recovery
            && let Some(offset) = last_text(&data)
        {
            recovery.offset = Some(offset);
        }
        let event = Event::Message {
            socket: key,
            ack,
            data,
            attachments,
        };
        match socket.standing {
            Standing::Connected => self.events.push_back(event),
            Standing::Asking => {
                socket.unseen_bytes += event.size() + size_of::<Event>();
                if socket.unseen_bytes > self.limits.max_unseen_bytes {
                    return Err("too many events before the socket is connected".to_owned());
                }
                socket.unseen.push(event);
            }
            Standing::Idle | Standing::Wanted => {}
        }
        Ok(())
    }

    fn take_ack(
        &mut self,
        key: SocketKey,
        id: Option<u64>,
        data: Box<str>,
        attachments: Vec<Bytes>,
    ) {
        let socket = &mut self.list[key.0 as usize];
        if let Some(id) = id
            && socket.standing == Standing::Connected
            && let Some(open) = socket.acks.remove(&id)
        {
            if let Some(deadline) = open.deadline {
                self.deadlines.remove(&(deadline, key, id));
            }
            self.events.push_back(Event::Ack {
                socket: key,
                id,
                answer: Ok(Response { data, attachments }),
            });
        }
    }

    /// The socket was connected and is not any more.
    fn part(&mut self, key: SocketKey, reason: DisconnectReason, description: Option<&str>) {
        self.list[key.0 as usize].sid = None;
        self.lose_acks(key);
        self.events.push_back(Event::Disconnect {
            socket: key,
            reason,
            description: description.map(Into::into),
        });
    }

    /// Answers to what was sent do not come over another connection.
    fn lose_acks(&mut self, key: SocketKey) {
        let acks = &mut self.list[key.0 as usize].acks;
        let mut lost: Vec<_> = acks.extract_if(|_, open| open.is_sent).collect();
        lost.sort_unstable_by_key(|(id, _)| *id);
        for (id, open) in lost {
            if let Some(deadline) = open.deadline {
                self.deadlines.remove(&(deadline, key, id));
            }
            self.events.push_back(Event::Ack {
                socket: key,
                id,
                answer: Err(AckError::Disconnected),
            });
        }
    }
}

impl Socket {
    fn connect(&mut self) -> Outgoing {
        self.standing = Standing::Asking;
        let auth = self.auth.as_deref().unwrap_or("");
        let data = match &self.recovery {
            None => auth.to_owned(),
            Some(recovery) => recovery.join(auth),
        };
        packet(
            PacketType::Connect,
            &self.namespace,
            None,
            data.as_bytes(),
            0,
        )
    }
}

impl Recovery {
    /// `pid` and `offset`, in front of the fields of `auth`, a JSON object or empty.
    fn join(&self, auth: &str) -> String {
        let quote = |text: &str| serde_json::Value::from(text).to_string();
        let mut data = format!("{{\"pid\":{}", quote(&self.pid));
        if let Some(offset) = &self.offset {
            data.push_str(&format!(",\"offset\":{}", quote(offset)));
        }
        let fields = auth.trim().trim_start_matches('{').trim_start();
        if !fields.is_empty() && fields != "}" {
            data.push(',');
            data.push_str(fields);
        } else {
            data.push('}');
        }
        data
    }
}

/// The last argument of an event, if it is a string: what a server that lets sockets recover puts
/// there is the event's offset.
fn last_text(data: &str) -> Option<Box<str>> {
    if !data.trim_end().ends_with("\"]") {
        return None;
    }
    let elements: Vec<&RawValue> = serde_json::from_str(data).ok()?;
    let last = elements.get(1..)?.last()?;
    serde_json::from_str(last.get()).ok()
}

fn event_packets(namespace: &str, ack: Option<u64>, payload: &Payload<'_>) -> Vec<Outgoing> {
    let kind = match payload.attachments.is_empty() {
        true => PacketType::Event,
        false => PacketType::BinaryEvent,
    };
    message(kind, namespace, ack, payload)
}

fn answer_packets(namespace: &str, id: u64, payload: &Payload<'_>) -> Vec<Outgoing> {
    let kind = match payload.attachments.is_empty() {
        true => PacketType::Ack,
        false => PacketType::BinaryAck,
    };
    message(kind, namespace, Some(id), payload)
}

fn message(
    kind: PacketType,
    namespace: &str,
    id: Option<u64>,
    payload: &Payload<'_>,
) -> Vec<Outgoing> {
    let attachments = payload.attachments.len();
    let mut packets = Vec::with_capacity(1 + attachments);
    packets.push(packet(
        kind,
        namespace,
        id,
        payload.json,
        attachments as u32,
    ));
    packets.extend(payload.attachments.iter().cloned().map(Outgoing::Binary));
    packets
}

fn packet(
    kind: PacketType,
    namespace: &str,
    id: Option<u64>,
    data: &[u8],
    attachments: u32,
) -> Outgoing {
    let mut bytes = vec![b'4'];
    socket::encode(kind, attachments, namespace, id, data, &mut bytes);
    // Payloads are JSON, and so UTF-8; what is not would be mended rather than sent.
    Outgoing::Text(
        String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
    )
}

/// What socket.io-client says of a server that only knows protocol 4.
const NO_SID: &str = "the server speaks the protocol of Socket.IO 2";
