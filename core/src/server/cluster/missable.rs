//! A broadcast that can be missed, on its way from the stream to the clients here and to those who are on their way
//! back.

use std::sync::Arc;

use super::Cluster;
use crate::adapter::Entry;
use crate::embed::Payload;
use crate::proto::cluster::{Heard, Message, Received, Recipients, Refusal, Streams, Value};
use crate::proto::socket::PacketType;
use crate::proto::websocket::Frame;
use crate::server::frames::Frames;
use crate::server::{Engine, packets};

/// An event for clients of a namespace that wants no answer and may not be dropped.
#[derive(Debug)]
pub(super) struct Missable {
    pub(super) namespace: Box<str>,
    pub(super) recipients: Recipients,
    pub(super) event: Value,
}

/// What was heard.
#[derive(Debug)]
pub(super) enum Sorted {
    Missable(Missable),
    Other(Heard),
}

impl Missable {
    /// What was heard, sorted.
    pub(super) fn of(heard: Heard) -> Sorted {
        match heard {
            Heard::Message(Received {
                namespace: Some(namespace),
                message:
                    Message::Broadcast {
                        recipients,
                        event,
                        volatile: false,
                        ack: None,
                    },
                ..
            }) => Sorted::Missable(Missable {
                namespace,
                recipients,
                event,
            }),
            heard => Sorted::Other(heard),
        }
    }

    /// What `work` makes of the message that says it, and itself again.
    pub(super) fn with_message<R>(
        self,
        work: impl FnOnce(&str, &Message) -> Option<R>,
    ) -> Option<(R, Missable)> {
        let message = Message::Broadcast {
            recipients: self.recipients,
            event: self.event,
            volatile: false,
            ack: None,
        };
        let made = work(&self.namespace, &message)?;
        let Message::Broadcast {
            recipients, event, ..
        } = message
        else {
            return None;
        };
        let namespace = self.namespace;
        let said = Missable {
            namespace,
            recipients,
            event,
        };
        Some((made, said))
    }

    /// Whether it is for a socket in `rooms`.
    pub(super) fn concerns(&self, rooms: &[Arc<str>]) -> bool {
        let is_in = |names: &[Box<str>]| {
            let is_name = |room: &Arc<str>| names.iter().any(|name| **name == **room);
            rooms.iter().any(is_name)
        };
        let Recipients { rooms, except } = &self.recipients;
        (rooms.is_empty() || is_in(rooms)) && !is_in(except)
    }
}

impl Cluster {
    /// Takes an entry of another server.
    pub(super) fn hear_other(
        &self,
        engine: &Engine,
        offset: &str,
        entry: &Entry,
    ) -> Result<(), Refusal> {
        let heard = Streams::read(entry)?;
        if !self.keeps_sessions() {
            engine.take(self, heard);
            return Ok(());
        }
        match Missable::of(heard) {
            Sorted::Missable(said) => self.deliver(engine, &said, Some(offset)),
            Sorted::Other(heard) => engine.take(self, heard),
        }
        Ok(())
    }

    /// Delivers a broadcast to the clients here, and keeps it for those who are on their way back.
    pub(super) fn deliver(&self, engine: &Engine, said: &Missable, offset: Option<&str>) {
        let Some(returns) = &self.returns else {
            return;
        };
        let (name, recipients) = (&*said.namespace, &said.recipients);
        let mut returning = returns.lock();
        let namespace = engine.shared.hub.lookup(name);
        let targets = namespace
            .as_ref()
            .map(|namespace| namespace.select(&recipients.rooms, &recipients.except));
        let targets = targets.filter(|targets| !targets.is_empty());
        if targets.is_some() || returning.is_awaited(name) {
            let frames = engine.encode_missable(said, offset);
            returning.log(name, recipients, &frames);
            if let Some(targets) = targets {
                let mut batch = engine.batch();
                batch.push_broadcast(targets, &Frames::from_raw(frames), false);
                // Under the lock: nobody can come back between the log and the sending.
                batch.hand_over();
            }
        }
        drop(returning);
        if let Some(namespace) = namespace {
            let id = namespace.id();
            drop(namespace);
            engine.shared.hub.retire(id);
        }
    }
}

impl Engine {
    /// An event as clients are told it: with the offset, if there is one, as its last argument.
    pub(super) fn encode_missable(&self, said: &Missable, offset: Option<&str>) -> Arc<[Frame]> {
        let Missable {
            namespace, event, ..
        } = said;
        let with_offset;
        let json = match offset {
            Some(offset) => {
                with_offset = packets::with_last_argument(event.json.as_bytes(), offset);
                &*with_offset
            }
            None => event.json.as_bytes(),
        };
        let payload = Payload {
            json,
            attachments: event.attachments.clone(),
        };
        let parser = self.shared.config.parser;
        packets::encode_raw(parser, PacketType::Event, namespace, None, &payload)
    }
}
