//! Messages of clusters, and the bytes that npm packages make of them.

use bytes::Bytes;
use sori::proto::cluster::{
    AckWanted, Answered, Heard, Message, Received, Recipients, Reply, SocketDetails, Value,
};

pub(crate) fn names(names: &[&str]) -> Vec<Box<str>> {
    names.iter().map(|name| (*name).into()).collect()
}

pub(crate) fn recipients(rooms: &[&str], except: &[&str]) -> Recipients {
    Recipients {
        rooms: names(rooms),
        except: names(except),
    }
}

pub(crate) fn value(json: &str, attachments: &[&'static [u8]]) -> Value {
    let attachments = attachments.iter().map(|part| Bytes::from_static(part));
    Value {
        json: json.into(),
        attachments: attachments.collect(),
    }
}

pub(crate) fn broadcast(recipients: Recipients, event: Value, volatile: bool) -> Message {
    Message::Broadcast {
        recipients,
        event,
        volatile,
        ack: None,
    }
}

/// An event for all that wants acks within 5 s.
pub(crate) fn asking(request: &str, event: &str) -> Message {
    Message::Broadcast {
        recipients: Recipients::default(),
        event: value(event, &[]),
        volatile: false,
        ack: Some(AckWanted {
            request: request.into(),
            timeout_ms: Some(5000),
        }),
    }
}

/// One socket, which has `data`.
pub(crate) fn sockets(data: &str, attachments: &[&'static [u8]]) -> Vec<SocketDetails> {
    vec![SocketDetails {
        id: "s1".into(),
        handshake: r#"{"auth":{}}"#.into(),
        rooms: names(&["s1"]),
        data: value(data, attachments),
    }]
}

/// A message as it comes from the node `abcdef`, in `/`.
pub(crate) fn message_of(message: Message) -> Heard {
    Heard::Message(Received {
        node: Some("abcdef".into()),
        namespace: Some("/".into()),
        message,
    })
}

pub(crate) fn reply_to(request: &str, reply: Reply) -> Heard {
    Heard::Reply(Answered {
        request: request.into(),
        reply,
    })
}

pub(crate) fn bytes_of(hex: &str) -> Bytes {
    let digits = hex.chars().map(|digit| digit.to_digit(16).unwrap() as u8);
    let digits: Vec<u8> = digits.collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// Every beginning of a message, and the message with each byte changed to what means much in MessagePack
/// or JSON.
pub(crate) fn mangled(bytes: &Bytes) -> impl Iterator<Item = Bytes> {
    let cut = (0..bytes.len()).map(|end| bytes.slice(..end));
    let changes = [0x00, 0x22, 0x7b, 0x80, 0xc1, 0xc4, 0xdb, 0xdf, 0xff];
    let changed = (0..bytes.len()).flat_map(move |at| {
        changes.map(|change| {
            let mut changed = bytes.to_vec();
            changed[at] = change;
            Bytes::from(changed)
        })
    });
    cut.chain(changed)
}
