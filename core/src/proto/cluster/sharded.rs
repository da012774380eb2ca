//! The format of `createShardedAdapter` in `@socket.io/redis-adapter` 8: messages of `ClusterAdapter` in
//! JSON, or in MessagePack where there is binary. With `prefix` as `channelPrefix` and `nsp` as the
//! namespace's name:
//!
//! ```text
//! prefix#nsp#          all that is said to all nodes
//! prefix#nsp#room#     broadcasts to that room alone, for the nodes that have members of it
//! prefix#nsp#node#     answers to one node
//! ```

use super::cluster_adapter::Written;
use super::text;
use super::{Message, Publication, Reply};

/// Which rooms have channels of their own, `subscriptionMode` of the npm package. All nodes must have
/// the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SubscriptionMode {
    /// None: every node hears every broadcast.
    Static,
    /// Every room but those of the sockets' own ids. Default, as in the package.
    #[default]
    Dynamic,
    /// Every room.
    DynamicPrivate,
}

/// The format, with what has been agreed on.
#[derive(Clone, Debug)]
pub struct Sharded {
    prefix: Box<str>,
    mode: SubscriptionMode,
}

impl Sharded {
    /// With `prefix` before all channels; `socket.io` is the package's default.
    pub fn new(prefix: &str, mode: SubscriptionMode) -> Sharded {
        Sharded {
            prefix: prefix.into(),
            mode,
        }
    }

    /// The channel on which comes what all nodes are told. The nodes of the cluster are those that have
    /// subscribed to it.
    pub fn channel(&self, namespace: &str) -> Box<str> {
        format!("{}#{namespace}#", self.prefix).into()
    }

    /// The channel of answers to `node`.
    pub fn response_channel(&self, namespace: &str, node: &str) -> Box<str> {
        self.channel_of(namespace, node)
    }

    /// The channel that a room has of its own, if it has one.
    pub fn room_channel(&self, namespace: &str, room: &str) -> Option<Box<str>> {
        let has_one = match self.mode {
            SubscriptionMode::Static => false,
            SubscriptionMode::Dynamic => !looks_like_a_socket_id(room),
            SubscriptionMode::DynamicPrivate => true,
        };
        has_one.then(|| self.channel_of(namespace, room))
    }

    /// The namespace that a channel belongs to.
    pub fn namespace_of<'c>(&self, channel: &'c str) -> Option<&'c str> {
        let rest = channel.strip_prefix(&*self.prefix)?.strip_prefix('#')?;
        rest.split('#').next()
    }

    /// Whether any rooms have channels of their own.
    pub fn has_room_channels(&self) -> bool {
        self.mode != SubscriptionMode::Static
    }

    /// Writes a message of `node`; `None` for what the format cannot say.
    pub fn write(&self, node: &str, namespace: &str, said: &Message) -> Option<Publication> {
        let (written, attachments) = Written::message(node, namespace, said)?;
        let own = match said {
            Message::Broadcast {
                recipients,
                ack: None,
                ..
            } => match &*recipients.rooms {
                [room] => self.room_channel(namespace, room),
                _ => None,
            },
            _ => None,
        };
        Some(Publication {
            channel: own.unwrap_or_else(|| self.channel(namespace)),
            bytes: text::bytes(&written, attachments),
        })
    }

    /// Writes a reply of `node` to a request of `asker`; `None` for what the format cannot say.
    pub fn reply(
        &self,
        node: &str,
        namespace: &str,
        asker: &str,
        request: &str,
        said: &Reply,
    ) -> Option<Publication> {
        let (written, attachments) = Written::reply(node, namespace, request, said)?;
        Some(Publication {
            channel: self.response_channel(namespace, asker),
            bytes: text::bytes(&written, &attachments),
        })
    }

    /// Whether `node` wrote it, told without reading it: for one's own, which come back. Of a namespace
    /// whose name JSON writes otherwise it cannot be told.
    pub fn is_of(node: &str, namespace: &str, bytes: &[u8]) -> bool {
        let rest = bytes
            .strip_suffix(b"\"}")
            .and_then(|rest| rest.strip_suffix(namespace.as_bytes()))
            .and_then(|rest| rest.strip_suffix(b"\",\"nsp\":\""))
            .and_then(|rest| rest.strip_suffix(node.as_bytes()));
        if rest.is_some_and(|rest| rest.ends_with(b",\"uid\":\"")) {
            return true;
        }
        let packed = bytes
            .strip_suffix(namespace.as_bytes())
            .and_then(|rest| rest.split_last())
            .and_then(|(_, rest)| rest.strip_suffix(b"\xa3nsp"))
            .and_then(|rest| rest.strip_suffix(node.as_bytes()))
            .and_then(|rest| rest.split_last());
        packed.is_some_and(|(_, rest)| rest.ends_with(b"\xa3uid"))
    }

    fn channel_of(&self, namespace: &str, whose: &str) -> Box<str> {
        format!("{}#{namespace}#{whose}#", self.prefix).into()
    }
}

/// As the npm package judges it, by the number of UTF-16 units.
fn looks_like_a_socket_id(room: &str) -> bool {
    room.encode_utf16().count() == 20
}
