//! The format that this cluster's nodes speak: what is heard on which channels, and what goes where.

use super::Role;
use crate::adapter::{ClusterSettings, Format, Publication, Subscription};
use crate::proto::cluster::{Classic, Message, Post, Reply, Sharded, Streams};

/// One of the formats, with what has been agreed on.
#[derive(Debug)]
pub(super) enum Wire {
    Classic(Classic),
    Sharded(Sharded),
    Streams(Streams),
}

impl Wire {
    pub(super) fn new(settings: &ClusterSettings) -> Wire {
        let key = &settings.key;
        match settings.format {
            Format::Classic => Wire::Classic(Classic::new(key, settings.answers_privately)),
            Format::Sharded(mode) => Wire::Sharded(Sharded::new(key, mode)),
            Format::Streams => {
                let streams = &settings.streams;
                Wire::Streams(Streams::new(key, &streams.name, streams.count))
            }
        }
    }

    /// The format, if what is missed stands in a stream.
    pub(super) fn streams(&self) -> Option<&Streams> {
        match self {
            Wire::Streams(streams) => Some(streams),
            Wire::Classic(_) | Wire::Sharded(_) => None,
        }
    }

    /// What `node` hears of a namespace. The last is that by which nodes are counted: those who are
    /// counted hear all the rest.
    pub(super) fn subscriptions(&self, namespace: &str, node: &str) -> Vec<(Subscription, Role)> {
        let channel = |name, role| (Subscription::Channel(name), role);
        match self {
            Wire::Classic(classic) => {
                let broadcasts = Subscription::Pattern(classic.broadcasts_pattern(namespace));
                let [private, shared] = classic.response_channels(namespace, node);
                vec![
                    (broadcasts, Role::Broadcasts),
                    channel(private, Role::Responses),
                    channel(shared, Role::Responses),
                    channel(classic.request_channel(namespace), Role::Requests),
                ]
            }
            Wire::Sharded(sharded) => vec![
                channel(sharded.response_channel(namespace, node), Role::All),
                channel(sharded.channel(namespace), Role::All),
            ],
            Wire::Streams(streams) => vec![
                channel(streams.response_channel(namespace, node), Role::All),
                channel(streams.channel(namespace), Role::All),
            ],
        }
    }

    /// The channel by whose subscribers nodes are counted.
    pub(super) fn counted_channel(&self, namespace: &str) -> Box<str> {
        match self {
            Wire::Classic(classic) => classic.request_channel(namespace),
            Wire::Sharded(sharded) => sharded.channel(namespace),
            Wire::Streams(streams) => streams.channel(namespace),
        }
    }

    /// The channel that a room has of its own, if it has one: its members' nodes hear it.
    pub(super) fn room_channel(&self, namespace: &str, room: &str) -> Option<Box<str>> {
        match self {
            Wire::Classic(_) | Wire::Streams(_) => None,
            Wire::Sharded(sharded) => sharded.room_channel(namespace, room),
        }
    }

    /// Whether any rooms have channels of their own.
    pub(super) fn has_room_channels(&self) -> bool {
        matches!(self, Wire::Sharded(sharded) if sharded.has_room_channels())
    }

    /// Writes a message of `node`; `None` for what the format cannot say.
    pub(super) fn write(&self, node: &str, namespace: &str, message: &Message) -> Option<Post> {
        match self {
            Wire::Classic(classic) => Some(classic.write(node, namespace, message)),
            Wire::Sharded(sharded) => sharded.write(node, namespace, message),
            Wire::Streams(streams) => return streams.write(node, namespace, message),
        }
        .map(Post::Publication)
    }

    /// Writes a reply of `node`; `None` if the format cannot say it, or to nobody.
    pub(super) fn reply(
        &self,
        node: &str,
        namespace: &str,
        asker: Option<&str>,
        request: &str,
        reply: &Reply,
    ) -> Option<Publication> {
        match self {
            Wire::Classic(classic) => Some(classic.reply(namespace, asker, request, reply)),
            Wire::Sharded(sharded) => sharded.reply(node, namespace, asker?, request, reply),
            Wire::Streams(streams) => streams.reply(node, namespace, asker?, request, reply),
        }
    }
}
