//! Executes the application's commands: rooms change here and now, on the caller's thread; what
//! concerns connections goes to their shards, each woken once per batch.

use std::sync::Arc;
use std::time::Instant;

use super::Shared;
use super::task::{AckDeadline, Broadcast, Frames, Outgoing, Task};
use crate::embed::{AckRequest, Audience, Command, NamespaceId, Payload, SocketRef};
use crate::error::DisconnectReason;
use crate::hub::{ConnId, Namespace};
use crate::proto::socket::{PacketType, encode_frame};
use crate::proto::websocket::Frame;

/// A run of commands; shards learn of them when it is dropped.
#[derive(Debug)]
pub struct Batch<'e> {
    shared: &'e Shared,
    /// The namespace of the command before: most runs stay in one.
    namespace: Option<Arc<Namespace>>,
    touched: Touched,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl<'e> Batch<'e> {
    pub(super) fn new(shared: &'e Shared) -> Batch<'e> {
        Batch {
            shared,
            namespace: None,
            touched: Touched::default(),
        }
    }

    /// Executes one command. Commands that name what is gone do nothing.
    pub fn execute(&mut self, command: Command<'_>) {
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
            Command::Accept { socket, sid } => self.accept(socket, sid),
            Command::Refuse {
                conn,
                namespace,
                error,
            } => self.refuse(conn, namespace, error),
            Command::Join { socket, rooms } => {
                self.with_socket(socket, |namespace, conn| {
                    for room in rooms {
                        namespace.join(conn, room);
                    }
                });
            }
            Command::Leave { socket, rooms } => {
                self.with_socket(socket, |namespace, conn| {
                    for room in rooms {
                        namespace.leave(conn, room);
                    }
                });
            }
            Command::LeaveAll { socket } => {
                self.with_socket(socket, |namespace, conn| namespace.leave_all(conn));
            }
            Command::JoinMany {
                namespace,
                audience,
                rooms,
            } => {
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
                self.for_many(namespace, audience, |namespace, conn| {
                    for room in rooms {
                        namespace.leave(conn, room);
                    }
                });
            }
            Command::Disconnect { socket } => self.disconnect(socket),
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
        let Some(namespace) = self.namespace(socket.namespace) else {
            return;
        };
        let frames = encode(
            PacketType::Event,
            &namespace,
            ack.map(|ack| ack.id),
            payload,
        );
        let deadline = ack.and_then(|ack| {
            Some(AckDeadline {
                id: ack.id,
                timeout: ack.timeout?,
            })
        });
        self.send(
            socket.conn,
            namespace,
            Outgoing { frames, volatile },
            deadline,
        );
    }

    fn answer(&mut self, socket: SocketRef, id: u64, payload: &Payload<'_>) {
        let Some(namespace) = self.namespace(socket.namespace) else {
            return;
        };
        let frames = encode(PacketType::Ack, &namespace, Some(id), payload);
        self.send(
            socket.conn,
            namespace,
            Outgoing {
                frames,
                volatile: false,
            },
            None,
        );
    }

    fn send(
        &mut self,
        conn: ConnId,
        namespace: Arc<Namespace>,
        outgoing: Outgoing,
        deadline: Option<AckDeadline>,
    ) {
        self.push(
            conn.shard,
            Task::Send {
                slot: conn.slot,
                namespace,
                outgoing,
                deadline,
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
        let targets = namespace.select(audience.rooms, audience.except);
        if let Some(ack) = ack {
            let expected = targets.connections();
            let wait = if expected.is_empty() {
                std::time::Duration::ZERO
            } else {
                ack.timeout
                    .unwrap_or(self.shared.config.broadcast_ack_timeout)
            };
            namespace.broadcast_acks().open(ack.id, expected);
            let now = Instant::now();
            let at = now.checked_add(wait).unwrap_or(now);
            let deadline = Task::BroadcastDeadline {
                namespace: Arc::clone(&namespace),
                id: ack.id,
                at,
            };
            self.push(0, deadline);
        }
        if targets.is_empty() {
            return;
        }
        let frames = encode(
            PacketType::Event,
            &namespace,
            ack.map(|ack| ack.id),
            payload,
        );
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
        namespace.add(socket.conn, Arc::clone(&sid));
        let SocketRef { conn, .. } = socket;
        self.push(
            conn.shard,
            Task::Accept {
                slot: conn.slot,
                namespace,
                sid,
            },
        );
    }

    fn refuse(&mut self, conn: ConnId, name: &str, error: &str) {
        let frame = encode_frame(PacketType::ConnectError, 0, name, None, &[error.as_bytes()]);
        self.push(
            conn.shard,
            Task::Refuse {
                slot: conn.slot,
                name: name.into(),
                frame,
            },
        );
    }

    fn disconnect(&mut self, socket: SocketRef) {
        let Some(namespace) = self.namespace(socket.namespace) else {
            return;
        };
        let SocketRef { conn, .. } = socket;
        namespace.remove(conn);
        self.push(
            conn.shard,
            Task::Disconnect {
                slot: conn.slot,
                namespace,
            },
        );
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
        for conn in namespace
            .select(audience.rooms, audience.except)
            .connections()
        {
            work(&namespace, conn);
        }
    }

    fn namespace(&mut self, id: NamespaceId) -> Option<Arc<Namespace>> {
        if self.namespace.as_ref().is_none_or(|known| known.id() != id) {
            self.namespace = self.shared.hub.namespace(id);
        }
        self.namespace.clone()
    }

    fn push(&mut self, shard: u8, task: Task) {
        self.shared.shards[usize::from(shard)].inbox.push(task);
        self.touched.mark(shard);
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.touched
            .each(|shard| self.shared.shards[shard].inbox.wake());
    }
}

/// A set of shards.
#[derive(Debug, Default)]
struct Touched([u64; 4]);

impl Touched {
    fn mark(&mut self, shard: u8) {
        self.0[usize::from(shard / 64)] |= 1 << (shard % 64);
    }

    fn each(&self, mut work: impl FnMut(usize)) {
        for (at, mut bits) in self.0.iter().copied().enumerate() {
            while bits != 0 {
                work(at * 64 + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
        }
    }
}

/// Encodes a packet once, for however many receivers.
fn encode(
    kind: PacketType,
    namespace: &Namespace,
    id: Option<u64>,
    payload: &Payload<'_>,
) -> Frames {
    let kind = match (kind, payload.attachments.is_empty()) {
        (kind, true) => kind,
        (PacketType::Ack, false) => PacketType::BinaryAck,
        (_, false) => PacketType::BinaryEvent,
    };
    let count = payload.attachments.len() as u32;
    let text = encode_frame(kind, count, namespace.name(), id, &[payload.json]);
    if payload.attachments.is_empty() {
        return Frames::One(text);
    }
    let binary = payload
        .attachments
        .iter()
        .map(|bytes| Frame::binary(&[bytes]));
    Frames::Many(std::iter::once(text).chain(binary).collect())
}
