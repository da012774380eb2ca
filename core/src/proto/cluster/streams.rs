//! The format of `@socket.io/redis-streams-adapter` 0.3: messages of `ClusterAdapter`, in a stream what
//! those who are away for a moment are to find, and on channels what wants an answer at once. With `prefix` as
//! `channelPrefix` and `nsp` as the namespace's name:
//!
//! ```text
//! streamName           broadcasts, and what is asked of many sockets: fields uid, nsp, type, data
//! prefix#nsp#          broadcasts with acks, and what is asked of the nodes: MessagePack
//! prefix#nsp#node#     answers to one node: MessagePack
//! ```
//! Sori numbers entries that it waits for itself: a field `number`, of which the package takes no notice.
//! `data` is JSON, or MessagePack in base64 where there is binary. With a `streamCount` above 1 each namespace
//! belongs to one of the streams `streamName-0`, `streamName-1` and so on.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::cluster_adapter::{Data, Heard, Written, read};
use super::text::{self, Text};
use super::{Entry, Message, Post, Publication, Refusal, Reply, Sharded, SubscriptionMode};

/// The format, with what has been agreed on.
#[derive(Clone, Debug)]
pub struct Streams {
    channels: Sharded,
    stream: Box<str>,
    count: u32,
}

impl Streams {
    /// With `prefix` before all channels, and `count` streams whose names begin with `stream`; `socket.io`,
    /// `socket.io` and 1 are the package's defaults.
    pub fn new(prefix: &str, stream: &str, count: u32) -> Streams {
        Streams {
            channels: Sharded::new(prefix, SubscriptionMode::Static),
            stream: stream.into(),
            count: count.max(1),
        }
    }

    /// The channel on which comes what wants answers. The nodes of the cluster are those that have
    /// subscribed to it.
    pub fn channel(&self, namespace: &str) -> Box<str> {
        self.channels.channel(namespace)
    }

    /// The channel of answers to `node`.
    pub fn response_channel(&self, namespace: &str, node: &str) -> Box<str> {
        self.channels.response_channel(namespace, node)
    }

    /// The namespace that a channel belongs to.
    pub fn namespace_of<'c>(&self, channel: &'c str) -> Option<&'c str> {
        self.channels.namespace_of(channel)
    }

    /// The stream that a namespace belongs to.
    pub fn stream(&self, namespace: &str) -> Box<str> {
        match self.count {
            1 => self.stream.clone(),
            count => self.numbered(hash(namespace).into(), count),
        }
    }

    /// All streams that a namespace can belong to.
    pub fn streams(&self) -> Vec<Box<str>> {
        if self.count == 1 {
            return vec![self.stream.clone()];
        }
        let last = i64::from(self.count) - 1;
        // The package's numbers may be negative, and those streams its nodes do not read.
        (-last..=last)
            .map(|number| self.numbered(number, self.count))
            .collect()
    }

    fn numbered(&self, number: i64, count: u32) -> Box<str> {
        format!("{}-{}", self.stream, number % i64::from(count)).into()
    }

    /// Writes a message of `node`; `None` for what the format cannot say.
    pub fn write(&self, node: &str, namespace: &str, said: &Message) -> Option<Post> {
        let (written, attachments) = Written::message(node, namespace, said)?;
        let is_for_now = match said {
            Message::Broadcast { ack, .. } => ack.is_some(),
            Message::ServerSideEmit { .. } | Message::FetchSockets { .. } => true,
            _ => false,
        };
        Some(if is_for_now {
            Post::Publication(Publication {
                channel: self.channel(namespace),
                bytes: text::packed(&written, attachments),
            })
        } else {
            Post::Entry(Entry {
                stream: self.stream(namespace),
                fields: fields(&written, attachments),
            })
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
            bytes: text::packed(&written, &attachments),
        })
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// Why it is to be dropped.
    pub fn read(entry: &Entry) -> Result<Heard, Refusal> {
        let text = |name| std::str::from_utf8(entry.field(name)?).ok();
        let (Some(node), Some(namespace), Some(kind)) = (text("uid"), text("nsp"), text("type"))
        else {
            return Err(Refusal::Malformed);
        };
        let kind = kind.parse().map_err(|_| Refusal::Unknown)?;
        let data = entry.field("data").map(Streams::read_data).transpose()?;
        let sender = (node.into(), namespace.into());
        match data {
            Some(text) => read(kind, sender, Some(&text.json), &text),
            None => Err(Refusal::Malformed),
        }
    }

    fn read_data(data: &[u8]) -> Result<Text, Refusal> {
        if data.first() == Some(&b'{') {
            return Text::read(&Bytes::copy_from_slice(data));
        }
        let packed = STANDARD.decode(data).map_err(|_| Refusal::Malformed)?;
        Text::read(&Bytes::from(packed))
    }

    /// Whether `node` wrote the entry: for one's own, which come back.
    pub fn is_of(node: &str, entry: &Entry) -> bool {
        entry.field("uid") == Some(node.as_bytes())
    }
}

impl Streams {
    /// Numbers an entry, so that who wrote it knows it again. The package takes no notice of that.
    pub fn set_number(entry: &mut Entry, number: u64) {
        let field = (NUMBER.into(), number.to_string().into());
        entry.fields.push(field);
    }

    /// The number of an entry that has one.
    pub fn number(entry: &Entry) -> Option<u64> {
        std::str::from_utf8(entry.field(NUMBER)?).ok()?.parse().ok()
    }
}

/// A field of Sori's own.
const NUMBER: &str = "number";

/// In the package's order.
fn fields(written: &Written<'_>, attachments: &[Bytes]) -> Vec<(Box<str>, Bytes)> {
    let field = |name: &str, value: &str| (name.into(), Bytes::copy_from_slice(value.as_bytes()));
    vec![
        field("uid", written.uid),
        field("nsp", written.nsp),
        field("type", &written.kind.to_string()),
        ("data".into(), data(&written.data, attachments)),
    ]
}

fn data(data: &Data<'_>, attachments: &[Bytes]) -> Bytes {
    let bytes = text::bytes(data, attachments);
    if attachments.is_empty() {
        bytes
    } else {
        STANDARD.encode(bytes).into()
    }
}

/// As the package computes it: of UTF-16 units, in 32 bits that overflow.
fn hash(text: &str) -> i32 {
    text.encode_utf16().fold(0, |hash: i32, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    })
}
