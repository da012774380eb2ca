//! The shortest way for the commands that most applications use most: no batch, and on the shard of the
//! connection nothing but the frame's bytes.

use super::task::{Outgoing, Task};
use super::{Engine, own, packets};
use crate::config::Parser;
use crate::embed::{Command, Payload, SocketRef};
use crate::hub::Namespace;
use crate::proto::socket::{PacketType, append_frame};

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
        own::queue_text(inbox, slot, namespace_id, |frames| {
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
