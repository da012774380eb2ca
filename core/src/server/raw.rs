//! Engine.IO messages of an application with a protocol of its own: sent as they are, each with a
//! token, if the application wants one, that tells when the message is on its way.

use std::sync::Arc;

use super::connection::Connection;
use super::frames::Frames;
use super::shard::Shard;
use super::task::{Outgoing, SendRaw, Task};
use crate::config::InitialPacket;
use crate::embed::{Event, Raw};
use crate::hub::Slot;
use crate::proto::engine::message_frame;
use crate::proto::websocket::Frame;

/// The task that sends a message.
pub(super) fn send(slot: Slot, outgoing: Outgoing, token: Option<u64>) -> Task {
    Task::SendRaw(Box::new(SendRaw {
        slot,
        outgoing: Some(outgoing),
        token,
    }))
}

/// The task that asks when what is queued so far is on its way.
pub(super) fn ask_sent(slot: Slot, token: u64) -> Task {
    Task::SendRaw(Box::new(SendRaw {
        slot,
        outgoing: None,
        token: Some(token),
    }))
}

pub(super) fn encode(message: Raw<'_>) -> Frames {
    match message {
        Raw::Text(text) => Frames::One(message_frame(&[text.as_bytes()])),
        Raw::Binary(bytes) => Frames::from_raw(Arc::new([Frame::binary(&[bytes])])),
    }
}

impl Shard {
    pub(super) fn send_raw(&mut self, send: SendRaw) {
        let SendRaw {
            slot,
            outgoing,
            token,
        } = send;
        match outgoing {
            Some(outgoing) => self.queue(slot, outgoing),
            None => self.touch(slot),
        }
        if let Some(token) = token
            && let Some(connection) = self.connections.get_mut(slot)
            && connection.session.is_open()
        {
            let at = connection.session.queued_frames();
            let tokens = connection.tokens.get_or_insert_default();
            tokens.push_back((at, token));
        }
    }

    /// What every client gets behind the open packet.
    pub(super) fn send_initial_packet(&mut self, slot: Slot) {
        let frames = match &self.engine.config().initial_packet {
            None => return,
            Some(InitialPacket::Text(text)) => encode(Raw::Text(text)),
            Some(InitialPacket::Binary(bytes)) => encode(Raw::Binary(bytes)),
        };
        let volatile = false;
        self.queue(slot, Outgoing { frames, volatile });
    }

    /// Tells of the messages that are on their way.
    pub(super) fn tell_sent(&mut self, slot: Slot) {
        let conn = self.conn_id(slot);
        while let Some(connection) = self.connections.get_mut(slot)
            && let Some(token) = connection.poll_sent()
        {
            self.tell(Event::Sent { conn, token });
        }
    }
}

impl Connection {
    /// The next token whose message is out: taken from the queue, and nothing of it held back by a
    /// slow peer.
    fn poll_sent(&mut self) -> Option<u64> {
        let tokens = self.tokens.as_mut()?;
        let (at, token) = *tokens.front()?;
        let is_out = self.session.taken_frames() >= at
            && self
                .link
                .as_ref()
                .is_none_or(|link| link.backlog_bytes() == 0);
        if !is_out {
            return None;
        }
        tokens.pop_front();
        if tokens.is_empty() {
            self.tokens = None;
        }
        Some(token)
    }
}
