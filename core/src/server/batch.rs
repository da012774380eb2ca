//! Executes the application's commands: rooms change here and now, on the caller's thread; what
//! concerns connections goes to their shards, each woken once per batch.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::frames::Frames;
use super::task::{Accept, AckDeadline, Broadcast, Outgoing, Refuse, Task};
use super::{Engine, Shared, own, packets, raw};
use crate::config::Parser;
use crate::embed::{AckRequest, Audience, Command, NamespaceId, Payload, Raw, Reach, SocketRef};
use crate::error::DisconnectReason;
use crate::hub::{ConnId, Namespace, Recovery, Targets};
use crate::proto::socket::PacketType;

/// A run of commands; shards learn of them when it is flushed or dropped.
#[derive(Debug)]
pub struct Batch<'e> {
    pub(super) engine: &'e Engine,
    pub(super) shared: &'e Shared,
    /// The namespace of the command before: most runs stay in one.
    namespace: Option<Arc<Namespace>>,
    /// Tasks that wait to cross together, all for one shard; the first alone needs no list.
    first: Option<Task>,
    run: Vec<Task>,
    shard: u8,
    touched: Touched,
}

/// So many tasks cross at once at the most: no more than a shard does before it lets others run.
const LONGEST_RUN: usize = 256;

/// Room that is made for a run of more than one.
const USUAL_RUN: usize = 32;

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl<'e> Batch<'e> {
    pub(super) fn new(engine: &'e Engine) -> Batch<'e> {
        Batch {
            engine,
            shared: &engine.shared,
            namespace: None,
            first: None,
            run: Vec::new(),
            shard: 0,
            touched: Touched::default(),
        }
    }

    /// Lets shards learn of what has been executed, and begins anew.
    pub fn flush(&mut self) {
        self.hand_over();
        self.namespace = None;
        std::mem::take(&mut self.touched).each(|shard| self.shared.shards[shard].inbox.wake());
    }

    /// What [`Command::Send`] does, for many connections: the message is encoded once, whatever
    /// their number.
    pub fn send_raw(
        &mut self,
        conns: impl IntoIterator<Item = ConnId>,
        message: Raw<'_>,
        volatile: bool,
        token: Option<u64>,
    ) {
        let frames = raw::encode(message);
        for conn in conns {
            let outgoing = Outgoing {
                frames: frames.clone(),
                volatile,
            };
            self.push(conn.shard, raw::send(conn.slot, outgoing, token));
        }
    }

    /// Asks for [`Event::Sent`](crate::embed::Event::Sent) when all that was queued for a connection before has been handed to
    /// its transport.
    pub fn ask_sent(&mut self, conn: ConnId, token: u64) {
        self.push(conn.shard, raw::ask_sent(conn.slot, token));
    }

    /// Executes one command. Commands that name what is gone do nothing.
    pub fn execute(&mut self, command: Command<'_>) {
        let engine = self.engine;
        match command {
            Command::Emit {
                socket,
                payload,
                volatile,
                ack,
            } => {
                self.emit(socket, &payload, volatile, ack);
            }
            Command::Broadcast {
                namespace,
                audience,
                payload,
                volatile,
                ack,
            } => {
                self.broadcast(namespace, audience, &payload, volatile, ack);
            }
            Command::Answer {
                socket,
                id,
                payload,
            } => self.answer(socket, id, &payload),
            Command::Send {
                conn,
                message,
                volatile,
                compress: _,
                token,
            } => self.send_raw([conn], message, volatile, token),
            Command::Accept { socket, sid } => self.accept(socket, sid),
            Command::Refuse {
                conn,
                namespace,
                error,
            } => self.refuse(conn, namespace, error),
            Command::Join { socket, rooms } => {
                self.with_socket(socket, |namespace, conn| {
                    if !rooms.iter().all(|room| namespace.join(conn, room)) {
                        engine.change_former(namespace, conn, |away| away.join(rooms));
                    }
                });
            }
            Command::Leave { socket, rooms } => {
                self.with_socket(socket, |namespace, conn| {
                    for room in rooms {
                        namespace.leave(conn, room);
                    }
                    engine.change_former(namespace, conn, |away| away.leave(rooms));
                });
            }
            Command::LeaveAll { socket } => {
                self.with_socket(socket, |namespace, conn| {
                    namespace.leave_all(conn);
                    engine.change_former(namespace, conn, |away| away.rooms.clear());
                });
            }
            Command::JoinMany {
                namespace,
                audience,
                rooms,
            } => {
                self.tell_of_join(namespace, audience, rooms);
                self.for_many(namespace, audience, |namespace, conn| {
                    for room in rooms {
                        namespace.join(conn, room);
                    }
                });
            }
            Command::LeaveMany {
                namespace,
                audience,
                rooms,
            } => {
                self.tell_of_leave(namespace, audience, rooms);
                self.for_many(namespace, audience, |namespace, conn| {
                    for room in rooms {
                        namespace.leave(conn, room);
                    }
                });
            }
            Command::DisconnectElsewhere {
                namespace,
                audience,
                close,
            } => self.tell_to_disconnect(namespace, audience, close),
            Command::FetchSockets {
                namespace,
                audience,
                ask,
            } => self.fetch_sockets(namespace, audience, ask),
            Command::CountServers { namespace, ask } => self.count_servers(namespace, ask),
            Command::ServerSideEmit {
                namespace,
                payload,
                ack,
            } => self.server_side_emit(namespace, &payload, ack),
            Command::AnswerServer { ticket, payload } => {
                self.engine.answer_server(ticket, &payload);
            }
            Command::DescribeSockets { ticket, sockets } => {
                self.engine.describe_sockets(ticket, sockets);
            }
            Command::Disconnect { socket } => self.disconnect(socket),
            Command::Fail { conn, description } => {
                let description = description.into();
                self.push(
                    conn.shard,
                    Task::Fail {
                        slot: conn.slot,
                        description,
                    },
                );
            }
            Command::DropStream { conn, request } => {
                let slot = conn.slot;
                self.push(conn.shard, Task::DropStream { slot, request });
            }
            Command::WebSocket { conn, command } => self.ask_websocket(conn, command),
            Command::WebSocketBroadcast(broadcast) => self.broadcast_websocket(broadcast),
            Command::Close { conn, discard } => {
                let reason = DisconnectReason::ForcedClose;
                self.push(
                    conn.shard,
                    Task::Close {
                        slot: conn.slot,
                        reason,
                        discard,
                    },
                );
            }
        }
    }

    fn emit(
        &mut self,
        socket: SocketRef,
        payload: &Payload<'_>,
        volatile: bool,
        ack: Option<AckRequest>,
    ) {
        self.with(socket.namespace, |batch, namespace| {
            let SocketRef { conn, .. } = socket;
            let parser = batch.shared.config.parser;
            if batch.emit_by_stream(namespace, conn, payload, volatile, ack) {
                return;
            }
            if let Some(store) = batch.store(namespace, volatile, ack)
                && let Some(sid) = namespace.sid_of(conn)
            {
                let mut store = store.lock();
                let frames = encode_and_log(parser, &mut store, namespace, payload, &[&sid], &[]);
                // Sent under the store's lock: nobody can come back between log and sending.
                batch.send(socket, Outgoing { frames, volatile }, None);
                batch.hand_over();
                return;
            }
            let id = ack.map(|ack| ack.id);
            let frames = packets::encode(parser, PacketType::Event, namespace.name(), id, payload);
            let ack = ack.and_then(|AckRequest { id, timeout, .. }| {
                Some(Box::new(AckDeadline {
                    id,
                    timeout: timeout?,
                }))
            });
            batch.send(socket, Outgoing { frames, volatile }, ack);
        });
    }

    fn answer(&mut self, socket: SocketRef, id: u64, payload: &Payload<'_>) {
        self.with(socket.namespace, |batch, namespace| {
            let parser = batch.shared.config.parser;
            let frames =
                packets::encode(parser, PacketType::Ack, namespace.name(), Some(id), payload);
            batch.send(
                socket,
                Outgoing {
                    frames,
                    volatile: false,
                },
                None,
            );
        });
    }

    fn send(&mut self, socket: SocketRef, outgoing: Outgoing, ack: Option<Box<AckDeadline>>) {
        let SocketRef { conn, namespace } = socket;
        self.push(
            conn.shard,
            Task::Send {
                slot: conn.slot,
                namespace,
                outgoing,
                ack,
            },
        );
    }

    fn broadcast(
        &mut self,
        namespace: NamespaceId,
        audience: Audience<'_>,
        payload: &Payload<'_>,
        volatile: bool,
        ack: Option<AckRequest>,
    ) {
        let Some(namespace) = self.namespace(namespace) else {
            return;
        };
        if self.say_by_stream(&namespace, audience, payload, volatile, ack) {
            return;
        }
        if ack.is_none()
            && let Some(cluster) = self.shared.cluster_for(audience)
        {
            cluster.broadcast(namespace.name(), audience, payload, volatile);
        }
        let mut store = self
            .store(&namespace, volatile, ack)
            .filter(|_| audience.reach != Reach::Others)
            .map(Mutex::lock);
        let targets = select(&namespace, audience);
        if let Some(ack) = ack {
            self.expect_answers(&namespace, ack, targets.connections(), audience.reach);
            if let Some(cluster) = self.shared.cluster_for(audience) {
                let timeout = Some(self.broadcast_timeout(ack));
                let ack = AckRequest { timeout, ..ack };
                cluster.broadcast_with_ack(&namespace, audience, payload, volatile, ack);
            }
        }
        if targets.is_empty() && store.is_none() {
            return;
        }
        let Audience { rooms, except, .. } = audience;
        let parser = self.shared.config.parser;
        let frames = match &mut store {
            Some(store) => encode_and_log(parser, store, &namespace, payload, rooms, except),
            None => {
                let id = ack.map(|ack| ack.id);
                packets::encode(parser, PacketType::Event, namespace.name(), id, payload)
            }
        };
        self.push_broadcast(targets, &frames, volatile);
        if store.is_some() {
            self.hand_over();
        }
    }

    pub(super) fn push_broadcast(&mut self, targets: Targets, frames: &Frames, volatile: bool) {
        for (shard, targets) in targets.into_shards() {
            let outgoing = Outgoing {
                frames: frames.clone(),
                volatile,
            };
            self.push(
                shard,
                Task::Broadcast(Box::new(Broadcast { targets, outgoing })),
            );
        }
    }

    fn accept(&mut self, socket: SocketRef, sid: Arc<str>) {
        let Some(namespace) = self.namespace(socket.namespace) else {
            return;
        };
        let SocketRef { conn, .. } = socket;
        let slot = conn.slot;
        let accept = |pid, missed| {
            let namespace = Arc::clone(&namespace);
            Task::Accept(Box::new(Accept {
                slot,
                namespace,
                sid: Arc::clone(&sid),
                pid,
                missed,
            }))
        };
        if let Some(cluster) = self.shared.recovers_everywhere() {
            return self.accept_from_anywhere(cluster, &namespace, conn, sid);
        }
        let Some(store) = namespace.recovery() else {
            namespace.add(conn, Arc::clone(&sid), None);
            self.push(conn.shard, accept(None, Vec::new()));
            return;
        };
        let mut store = store.lock();
        let (pid, restored) = store.settle(conn, &sid, Instant::now());
        namespace.add(conn, Arc::clone(&sid), Some(Arc::clone(&pid)));
        let missed = restored.map_or_else(Vec::new, |(away, missed)| {
            for room in &away.rooms {
                namespace.join(conn, room);
            }
            if let Some(data) = away.data {
                namespace.give_back(conn, data);
            }
            missed
        });
        // Pushed under the store's lock: what is logged from now on comes behind it.
        self.push(conn.shard, accept(Some(pid), missed));
        self.hand_over();
    }

    fn refuse(&mut self, conn: ConnId, name: &str, error: &str) {
        let namespace = self.shared.hub.lookup(name);
        if let Some(store) = namespace
            .as_ref()
            .and_then(|namespace| namespace.recovery())
        {
            store.lock().forget(conn);
        }
        self.engine.forget_return(conn, name);
        let refuse = Refuse {
            slot: conn.slot,
            name: name.into(),
            error: error.into(),
            is_unknown: namespace.is_none(),
        };
        self.push(conn.shard, Task::Refuse(Box::new(refuse)));
    }

    fn disconnect(&mut self, socket: SocketRef) {
        let Some(namespace) = self.namespace(socket.namespace) else {
            return;
        };
        let SocketRef { conn, .. } = socket;
        self.hasten_echoes(&namespace, conn);
        namespace.remove(conn);
        if let Some(store) = namespace.recovery() {
            let discarded = store.lock().discard(conn);
            if let Some(pid) = discarded {
                self.engine.unrecord(&pid);
            }
        }
        self.push(
            conn.shard,
            Task::Disconnect {
                slot: conn.slot,
                namespace,
            },
        );
    }

    /// The store that a packet belongs into: events that want no answer and may not be dropped.
    fn store<'n>(
        &self,
        namespace: &'n Namespace,
        volatile: bool,
        ack: Option<AckRequest>,
    ) -> Option<&'n Mutex<Recovery>> {
        let can_be_missed = !volatile && ack.is_none();
        let store = namespace.recovery().filter(|_| can_be_missed)?;
        self.shared.recovers_everywhere().is_none().then_some(store)
    }

    fn with_socket(&mut self, socket: SocketRef, work: impl FnOnce(&Namespace, ConnId)) {
        if let Some(namespace) = self.namespace(socket.namespace) {
            work(&namespace, socket.conn);
        }
    }

    fn for_many(
        &mut self,
        namespace: NamespaceId,
        audience: Audience<'_>,
        work: impl Fn(&Namespace, ConnId),
    ) {
        let Some(namespace) = self.namespace(namespace) else {
            return;
        };
        for conn in select(&namespace, audience).connections() {
            work(&namespace, conn);
        }
    }

    /// Works on a namespace, if there is one of that id, without counting references.
    fn with(&mut self, id: NamespaceId, work: impl FnOnce(&mut Self, &Namespace)) {
        let known = self.namespace.take().filter(|known| known.id() == id);
        if let Some(namespace) = known.or_else(|| self.shared.hub.namespace(id)) {
            work(self, &namespace);
            self.namespace = Some(namespace);
        }
    }

    pub(super) fn namespace(&mut self, id: NamespaceId) -> Option<Arc<Namespace>> {
        if self.namespace.as_ref().is_none_or(|known| known.id() != id) {
            self.namespace = self.shared.hub.namespace(id);
        }
        self.namespace.clone()
    }

    pub(super) fn push(&mut self, shard: u8, task: Task) {
        if shard != self.shard || self.run.len() == LONGEST_RUN {
            self.hand_over();
            self.shard = shard;
        }
        match self.first.take() {
            Some(first) => {
                self.run.reserve(USUAL_RUN);
                self.run.extend([first, task]);
            }
            None if self.run.is_empty() => self.first = Some(task),
            None => self.run.push(task),
        }
    }

    /// Queues at its shard what has been pushed: at the end, or, where the order with other threads
    /// matters, before the lock that gives it is let go.
    pub(super) fn hand_over(&mut self) {
        let task = match self.first.take() {
            Some(task) => task,
            None if self.run.is_empty() => return,
            None => Task::Run(std::mem::take(&mut self.run)),
        };
        let inbox = &self.shared.shards[usize::from(self.shard)].inbox;
        if own::queue(inbox, task) {
            self.touched.mark(self.shard);
        }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}

/// The sockets here that are meant.
fn select(namespace: &Namespace, audience: Audience<'_>) -> Targets {
    match audience.reach {
        Reach::Others => Targets::default(),
        Reach::Cluster | Reach::Server => namespace.select(audience.rooms, audience.except),
    }
}

/// A set of shards.
#[derive(Debug, Default)]
pub(super) struct Touched([u64; 4]);

impl Touched {
    pub(super) fn mark(&mut self, shard: u8) {
        self.0[usize::from(shard / 64)] |= 1 << (shard % 64);
    }

    pub(super) fn each(&self, mut work: impl FnMut(usize)) {
        for (at, mut bits) in self.0.iter().copied().enumerate() {
            while bits != 0 {
                work(at * 64 + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
        }
    }
}

/// Encodes an event with its offset as one more argument, and keeps it for who misses it.
fn encode_and_log(
    parser: Parser,
    store: &mut Recovery,
    namespace: &Namespace,
    payload: &Payload<'_>,
    rooms: &[&str],
    except: &[&str],
) -> Frames {
    let offset = store.next_offset();
    let json = packets::with_last_argument(payload.json, &offset);
    let payload = Payload {
        json: &json,
        attachments: payload.attachments.clone(),
    };
    let raw = packets::encode_raw(parser, PacketType::Event, namespace.name(), None, &payload);
    store.log(rooms, except, Arc::clone(&raw), Instant::now());
    Frames::from_raw(raw)
}
