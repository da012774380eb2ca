//! The tasks that commands become on a connection's own shard.

use std::sync::Arc;

use super::connection::Connection;
use super::frames::Frames;
use super::own::Texts;
use super::packets;
use super::shard::{Shard, Timer};
use super::task::{Accept, AckDeadline, Broadcast, Outgoing, Refuse, Task};
use crate::config::Overflow;
use crate::embed::Event;
use crate::error::DisconnectReason;
use crate::hub::{NamespaceId, Slot};
use crate::metrics::Counters;
use crate::proto::engine::Revision;
use crate::proto::socket::{PacketType, legacy_connect_error};
use crate::proto::websocket::Frame;
use crate::trace::tell;

impl Shard {
    pub(super) fn handle_task(&mut self, task: Task) {
        match task {
            Task::Send {
                slot,
                namespace,
                outgoing,
                ack,
            } => {
                self.send(slot, namespace, outgoing, ack);
            }
            Task::SendRaw(send) => self.send_raw(*send),
            Task::Broadcast(broadcast) => self.broadcast(&broadcast),
            Task::Accept(accept) => self.accept(*accept),
            Task::Refuse(refuse) => self.keep_out(&refuse),
            Task::Disconnect { slot, namespace } => {
                let left = self
                    .connections
                    .get_mut(slot)
                    .map(|c| c.client.leave(namespace.id()));
                if left == Some(true) {
                    self.send_control(slot, PacketType::Disconnect, namespace.name(), "");
                }
                let id = namespace.id();
                drop(namespace);
                self.engine.shared.hub.retire(id);
            }
            Task::Close {
                slot,
                reason,
                discard,
            } => self.close(slot, reason, discard),
            Task::Fail { slot, description } => self.fail(slot, description),
            Task::DropStream { slot, request } => self.drop_stream(slot, request),
            Task::BroadcastDeadline { namespace, id, at } => {
                self.timers.set(at, Timer::Broadcast(namespace.id(), id));
            }
            Task::ClusterDeadline { namespace, id, at } => {
                self.timers.set(at, Timer::Cluster(namespace, id));
            }
            Task::ReturnDeadline { token, at } => {
                self.timers.set(at, Timer::Return(token));
            }
            Task::Return { slot, token } => self.announce_return(slot, token),
            Task::EchoDeadline { at } => {
                self.timers.set(at, Timer::Echo);
            }
            Task::Request(request) => self.handle_request(*request),
            Task::RequestClosed { slot, request } => self.handle_request_closed(slot, request),
            Task::Feed { request, bytes } => self.handle_feed(request, bytes),
            Task::FeedEnded { request } => self.handle_feed_ended(request),
            Task::FeedWritten { request, bytes } => self.handle_feed_written(request, bytes),
            Task::WebSocket { slot, ask } => self.ask_websocket(slot, ask),
            Task::WebSocketBroadcast(broadcast) => self.broadcast_to_websockets(&broadcast),
            Task::Run(tasks) => tasks.into_iter().for_each(|task| self.handle_task(task)),
            // Taken by the shard's turn, which has what they need.
            Task::Attach(_)
            | Task::AttachWebSocket(_)
            | Task::Accepted(_)
            | Task::TurnAway(_)
            | Task::Resume
            | Task::Stop(_) => {}
            #[cfg(feature = "tower")]
            Task::Mounted(_) => {}
        }
    }

    /// The time given to a broadcast's acks is up.
    pub(super) fn expire_broadcast(&mut self, namespace: NamespaceId, id: u64) {
        if let Some(cluster) = &self.engine.shared.cluster {
            cluster.forget_counts(namespace, id);
        }
        let hub = &self.engine.shared.hub;
        let outcome = hub
            .namespace(namespace)
            .and_then(|n| n.broadcast_acks().expire(id));
        if let Some(outcome) = outcome {
            self.tell(Event::BroadcastAck {
                namespace,
                id,
                outcome,
            });
        }
    }

    fn accept(&mut self, accept: Accept) {
        let Accept {
            slot,
            namespace,
            sid,
            pid,
            missed,
        } = accept;
        let conn = self.conn_id(slot);
        let (mut joined, mut is_in) = (false, false);
        let mut revision = Revision::V4;
        if let Some(connection) = self.connections.get_mut(slot) {
            connection.connect_deadline = None;
            revision = connection.dialect.revision;
            joined = !connection.is_over && connection.client.accept(Arc::clone(&namespace));
            is_in = connection.client.is_in(namespace.id());
        }
        if joined {
            // As in socket.io, what was missed comes first.
            for frame in missed {
                self.send_frames(slot, Frames::from_raw(Arc::new([frame])));
            }
            let body = match pid {
                Some(pid) => format!(r#"{{"sid":"{sid}","pid":"{pid}"}}"#),
                None => format!(r#"{{"sid":"{sid}"}}"#),
            };
            // Clients of protocol 3 know the id already, and cannot come back.
            let body = match revision {
                Revision::V3 => "",
                Revision::V4 => &body,
            };
            self.send_control(slot, PacketType::Connect, namespace.name(), body);
        } else if !is_in {
            // The connection ended before the application's answer came.
            namespace.remove(conn);
            let id = namespace.id();
            drop(namespace);
            self.engine.shared.hub.retire(id);
        }
    }

    fn keep_out(&mut self, refuse: &Refuse) {
        let Refuse {
            slot,
            name,
            error,
            is_unknown,
        } = refuse;
        let Some(connection) = self.connections.get_mut(*slot) else {
            return;
        };
        if !connection.client.refuse(name) {
            return;
        }
        let error = match connection.dialect.revision {
            Revision::V3 if !is_unknown => legacy_connect_error(error),
            Revision::V3 | Revision::V4 => error,
        };
        self.send_control(*slot, PacketType::ConnectError, name, error);
    }

    fn send(
        &mut self,
        slot: Slot,
        namespace: NamespaceId,
        outgoing: Outgoing,
        ack: Option<Box<AckDeadline>>,
    ) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(slot) else {
            return;
        };
        if !connection.client.is_in(namespace) {
            return;
        }
        if let Some(ack) = ack
            && let Some(at) = now.checked_add(ack.timeout)
        {
            connection.client.expect_ack(namespace, ack.id, at);
        }
        self.queue(slot, outgoing);
    }

    /// Sends to one connection what was said to it in a row, `frames` without attachments. Where they
    /// leave as they are they are one frame from here on, of which nobody asks any more what is in it.
    pub(super) fn send_texts(&mut self, texts: &Texts, namespace: NamespaceId, frames: &[u8]) {
        let limit = self.engine.config().max_queued_bytes;
        let counters = &self.engine.shared.shards[usize::from(self.index)].counters;
        let Some(connection) = self.connections.get_mut(texts.slot) else {
            return;
        };
        if !connection.client.is_in(namespace) {
            return;
        }
        if connection.takes_frames_together() && connection.queued_bytes() + frames.len() <= limit {
            counters.sent.add(texts.count);
            connection.session.send(Frame::raw(frames));
            self.touch(texts.slot);
            return;
        }
        for frame in Frame::split(frames) {
            let (frames, volatile) = (Frames::One(frame), false);
            self.queue(texts.slot, Outgoing { frames, volatile });
        }
    }

    /// Sends to every target once. No allocation and no copy of the payload per receiver.
    fn broadcast(&mut self, broadcast: &Broadcast) {
        let Broadcast { targets, outgoing } = broadcast;
        self.next_mark += 1;
        let mark = self.next_mark;
        let limit = self.engine.config().max_queued_bytes;
        let overflow = self.engine.config().overflow;
        for slot in targets.except.iter().flat_map(|list| list.iter()) {
            if let Some(connection) = self.connections.get_mut(*slot) {
                connection.broadcast_mark = mark;
            }
        }
        for slot in targets.include.iter().flat_map(|list| list.iter()) {
            let Some(connection) = self.connections.get_mut(*slot) else {
                continue;
            };
            if connection.broadcast_mark == mark {
                continue;
            }
            connection.broadcast_mark = mark;
            let counters = &self.engine.shared.shards[usize::from(self.index)].counters;
            let admission = admit(connection, outgoing, limit, counters);
            if admission == Admission::Queue {
                send_all(connection, &outgoing.frames);
            }
            if !connection.is_dirty {
                connection.is_dirty = true;
                self.dirty.push(*slot);
            }
            if admission == Admission::Full {
                self.queue_to_slow(*slot, outgoing.clone(), overflow);
            }
        }
    }

    /// Queues packets for one connection.
    pub(super) fn queue(&mut self, slot: Slot, outgoing: Outgoing) {
        let overflow = self.engine.config().overflow;
        self.queue_or(slot, outgoing, overflow);
    }

    fn queue_or(&mut self, slot: Slot, outgoing: Outgoing, overflow: Overflow) {
        let limit = self.engine.config().max_queued_bytes;
        let counters = &self.engine.shared.shards[usize::from(self.index)].counters;
        let Some(connection) = self.connections.get_mut(slot) else {
            return;
        };
        match (
            admit(connection, &outgoing, limit, counters),
            outgoing.frames,
        ) {
            (Admission::Drop, _) => {}
            (Admission::Queue, Frames::One(frame)) => connection.session.send(frame),
            (Admission::Queue, frames) => send_all(connection, &frames),
            (Admission::Full, frames) => {
                let volatile = outgoing.volatile;
                self.queue_to_slow(slot, Outgoing { frames, volatile }, overflow);
            }
        }
        self.touch(slot);
    }

    /// Queues packets for one whose queue seems full. What was queued in this turn has not been
    /// written yet, which is not the peer's fault: only what is left then counts.
    #[cold]
    fn queue_to_slow(&mut self, slot: Slot, outgoing: Outgoing, overflow: Overflow) {
        self.flush(slot);
        let limit = self.engine.config().max_queued_bytes;
        let counters = &self.engine.shared.shards[usize::from(self.index)].counters;
        let Some(connection) = self.connections.get_mut(slot) else {
            return;
        };
        match admit(connection, &outgoing, limit, counters) {
            Admission::Drop => {}
            Admission::Queue => send_all(connection, &outgoing.frames),
            Admission::Full if overflow == Overflow::Drop => {
                let frames = outgoing.frames.in_form(connection.dialect.binary);
                counters.dropped_full.add(frames.len() as u64);
            }
            Admission::Full => {
                counters.closed_slow.increment();
                tell!(warn, sid = &*connection.sid, "slow reader closed");
                self.close(slot, DisconnectReason::TransportError, true);
            }
        }
        self.touch(slot);
    }

    fn send_control(&mut self, slot: Slot, kind: PacketType, namespace: &str, body: &str) {
        let parser = self.engine.config().parser;
        self.send_frames(slot, packets::control(parser, kind, namespace, body));
    }

    /// For what the protocol itself has to say: it is never dropped.
    fn send_frames(&mut self, slot: Slot, frames: Frames) {
        let volatile = false;
        self.queue_or(slot, Outgoing { frames, volatile }, Overflow::Close);
    }
}

/// What becomes of packets for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admission {
    Queue,
    Drop,
    /// The queue is full.
    Full,
}

/// Whether packets may be queued for a connection: volatile ones are dropped when they would have to
/// wait, and for the others there may be no room.
fn admit(
    connection: &mut Connection,
    outgoing: &Outgoing,
    limit: usize,
    counters: &Counters,
) -> Admission {
    if outgoing.volatile && !connection.is_writable() {
        counters.dropped_volatile.increment();
        return Admission::Drop;
    }
    if !connection.session.is_open() {
        return Admission::Drop;
    }
    let frames = outgoing.frames.in_form(connection.dialect.binary);
    let queued = connection.queued_bytes();
    if queued > 0 && queued + frames.iter().map(|frame| frame.len()).sum::<usize>() > limit {
        return Admission::Full;
    }
    counters.sent.add(frames.len() as u64);
    Admission::Queue
}

fn send_all(connection: &mut Connection, frames: &Frames) {
    for frame in frames.in_form(connection.dialect.binary) {
        connection.session.send(frame.clone());
    }
}
