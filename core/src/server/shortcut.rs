//! The shortest way for the commands that most applications use most: no batch, and on the shard of the
//! connection nothing but the frame's bytes.

use super::own::To;
use super::task::{Outgoing, Task};
use super::{Engine, own, packets};
use crate::config::Parser;
use crate::embed::websocket::{self, Gauge, MessageKind};
use crate::embed::{Command, ConnId, Payload, SocketRef};
use crate::hub::Namespace;
use crate::proto::socket::{PacketType, append_frame};
use crate::proto::websocket::Frame;

/// Longer messages are shared, not copied from queue to queue.
const QUEUED_MAX: usize = 16 * 1024;

impl Engine {
    /// [`Command::Emit`] without an ack, for who holds the socket's namespace.
    pub(crate) fn emit(
        &self,
        namespace: &Namespace,
        socket: SocketRef,
        payload: Payload<'_>,
        volatile: bool,
    ) {
        if namespace.recovery().is_some() {
            let ack = None;
            self.execute(Command::Emit {
                socket,
                payload,
                volatile,
                ack,
            });
            return;
        }
        let kind = PacketType::Event;
        if volatile || !self.queue_text(namespace, socket, kind, None, &payload) {
            let parser = self.shared.config.parser;
            let frames = packets::encode(parser, kind, namespace.name(), None, &payload);
            self.send(socket, Outgoing { frames, volatile });
        }
    }

    /// [`Command::Answer`], for who holds the socket's namespace.
    pub(crate) fn answer_event(
        &self,
        namespace: &Namespace,
        socket: SocketRef,
        id: u64,
        payload: &Payload<'_>,
    ) {
        let kind = PacketType::Ack;
        if !self.queue_text(namespace, socket, kind, Some(id), payload) {
            let parser = self.shared.config.parser;
            let frames = packets::encode(parser, kind, namespace.name(), Some(id), payload);
            let volatile = false;
            self.send(socket, Outgoing { frames, volatile });
        }
    }

    /// [`websocket::Command::Send`] of a whole message that may be compressed.
    pub(crate) fn send_message(&self, conn: ConnId, kind: MessageKind, data: &[u8], gauge: &Gauge) {
        let inbox = &self.shared.shards[usize::from(conn.shard)].inbox;
        let is_queued = data.len() <= QUEUED_MAX
            && own::queue_text(inbox, conn.slot, To::WebSocket, |frames| {
                let before = frames.len();
                Frame::append(kind.opcode(), data.len(), frames, |bytes| {
                    bytes.extend_from_slice(data);
                });
                gauge.raise(frames.len() - before);
            });
        if !is_queued {
            let command = websocket::Command::Send(websocket::Message {
                kind,
                fin: true,
                compress: true,
                data,
                token: None,
                gauge: Some(gauge),
            });
            self.execute(Command::WebSocket { conn, command });
        }
    }

    /// Encodes a packet to where the shard at work gathers what it is to send, if it is a packet of text
    /// and the socket's shard.
    #[inline]
    fn queue_text(
        &self,
        namespace: &Namespace,
        socket: SocketRef,
        kind: PacketType,
        id: Option<u64>,
        payload: &Payload<'_>,
    ) -> bool {
        if self.shared.config.parser != Parser::Json || !payload.attachments.is_empty() {
            return false;
        }
        let inbox = &self.shared.shards[usize::from(socket.conn.shard)].inbox;
        let (slot, namespace_id) = (socket.conn.slot, socket.namespace);
        own::queue_text(inbox, slot, To::Socket(namespace_id), |frames| {
            append_frame(kind, namespace.name(), id, payload.json, frames);
        })
    }

    fn send(&self, socket: SocketRef, outgoing: Outgoing) {
        let SocketRef { conn, namespace } = socket;
        let inbox = &self.shared.shards[usize::from(conn.shard)].inbox;
        let task = Task::Send {
            slot: conn.slot,
            namespace,
            outgoing,
            ack: None,
        };
        if own::queue(inbox, task) {
            inbox.wake();
        }
    }
}
