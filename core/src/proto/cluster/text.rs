//! What the formats share: messages as JSON with placeholders, which MessagePack is made of and read
//! into, and the pieces that stand in all of them.

use std::borrow::Cow;

use bytes::Bytes;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::super::msgpack;
use super::super::socket::{PacketType, has_name, has_shape};
use super::{AckWanted, Recipients, Refusal, SocketDetails, Value};

/// A message as text, whichever way it came.
pub(super) struct Text {
    pub(super) json: String,
    pub(super) attachments: Vec<Bytes>,
}

impl Text {
    /// Reads JSON, which begins with a bracket, or MessagePack.
    ///
    /// # Errors
    /// [`Refusal::Malformed`]
    pub(super) fn read(bytes: &Bytes) -> Result<Text, Refusal> {
        if bytes.first() == Some(&b'{') {
            let json = simdutf8::basic::from_utf8(bytes).map_err(|_| Refusal::Malformed)?;
            return Ok(Text {
                json: json.to_owned(),
                attachments: Vec::new(),
            });
        }
        let (json, attachments) = msgpack::to_json(bytes)?;
        let attachments = attachments.into_iter();
        Ok(Text {
            json,
            attachments: attachments.map(|part| bytes.slice_ref(part)).collect(),
        })
    }

    /// A value that stands in it.
    pub(super) fn value(&self, json: &RawValue) -> Value {
        Value {
            json: json.get().into(),
            attachments: self.attachments.clone(),
        }
    }

    /// An event that stands in it: an array whose first element is a name that is not one of
    /// socket.io's own.
    ///
    /// # Errors
    /// [`Refusal::Malformed`]
    pub(super) fn event(&self, json: &RawValue) -> Result<Value, Refusal> {
        let data = Some(json.get());
        if !has_shape(PacketType::Event, data) || !has_name(PacketType::Event, data) {
            return Err(Refusal::Malformed);
        }
        Ok(self.value(json))
    }
}

/// JSON text of a message of our own, which cannot fail: names are text, values are valid.
pub(super) fn json(message: &impl Serialize) -> String {
    let written = serde_json::to_string(message);
    debug_assert!(
        written.is_ok(),
        "messages are made of text and of valid JSON"
    );
    written.unwrap_or_default()
}

/// A message as JSON, or as MessagePack if something in it is binary.
pub(super) fn bytes(message: &impl Serialize, attachments: &[Bytes]) -> Bytes {
    if attachments.is_empty() {
        json(message).into()
    } else {
        packed(message, attachments)
    }
}

/// A message as MessagePack.
pub(super) fn packed(message: &impl Serialize, attachments: &[Bytes]) -> Bytes {
    let packed = msgpack::from_json(&json(message), attachments);
    debug_assert!(packed.is_ok(), "what was just written is JSON");
    packed.unwrap_or_default().into()
}

/// An application's value as it stands in a message; what is no JSON becomes `null`.
pub(super) fn raw(json: &str) -> &RawValue {
    serde_json::from_str(json).unwrap_or(RawValue::NULL)
}

/// Rooms, and whatever else is named: JavaScript's numbers count as their text.
#[derive(Debug, Default)]
pub(super) struct Names(pub(super) Vec<Box<str>>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Names, D::Error> {
        deserializer.deserialize_any(NamesVisitor)
    }
}

struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = Names;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of names")
    }

    fn visit_unit<E>(self) -> Result<Names, E> {
        Ok(Names::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Names, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = sequence.next_element::<Name<'_>>()? {
            names.push(name.into_text());
        }
        Ok(Names(names))
    }
}

/// A name, or a number that stands for one.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Name<'a> {
    #[serde(borrow)]
    Text(Cow<'a, str>),
    Integer(i64),
    Number(f64),
}

impl Name<'_> {
    pub(super) fn into_text(self) -> Box<str> {
        match self {
            Name::Text(text) => text.into(),
            Name::Integer(number) => number.to_string().into(),
            Name::Number(number) => number.to_string().into(),
        }
    }
}

/// The options of a broadcast, or of what is asked about many sockets.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Options {
    #[serde(default)]
    rooms: Names,
    #[serde(default)]
    except: Names,
    #[serde(default)]
    pub(super) flags: Option<Flags>,
}

impl Options {
    pub(super) fn into_recipients(self) -> Recipients {
        Recipients {
            rooms: self.rooms.0,
            except: self.except.0,
        }
    }
}

/// Those of a broadcast's flags that mean something to other nodes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(super) struct Flags {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) volatile: Option<bool>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "whole"
    )]
    pub(super) timeout: Option<f64>,
}

/// As JavaScript writes a number without a fraction.
fn whole<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    number.map(|number| number as u64).serialize(serializer)
}

impl Flags {
    /// Those of a broadcast.
    pub(super) fn new(volatile: bool, ack: Option<&AckWanted>) -> Flags {
        let timeout = ack.and_then(|ack| ack.timeout_ms);
        Flags {
            volatile: volatile.then_some(true),
            timeout: timeout.map(|timeout| timeout as f64),
        }
    }

    pub(super) fn is_volatile(self) -> bool {
        self.volatile == Some(true)
    }

    /// In milliseconds.
    pub(super) fn timeout_ms(self) -> Option<u64> {
        // What is no time of day, below zero or no number, becomes zero.
        self.timeout.map(|timeout| timeout as u64)
    }
}

/// The options as they are written.
#[derive(Debug, Serialize)]
pub(super) struct WrittenOptions<'a> {
    pub(super) rooms: &'a [Box<str>],
    pub(super) except: &'a [Box<str>],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) flags: Option<Flags>,
}

impl<'a> WrittenOptions<'a> {
    pub(super) fn new(recipients: &'a Recipients, flags: Option<Flags>) -> WrittenOptions<'a> {
        WrittenOptions {
            rooms: &recipients.rooms,
            except: &recipients.except,
            flags,
        }
    }
}

/// A Socket.IO packet as an object.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Packet<'a> {
    #[serde(rename = "type")]
    pub(super) kind: u8,
    #[serde(borrow)]
    pub(super) data: &'a RawValue,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) nsp: Option<Cow<'a, str>>,
}

impl Packet<'_> {
    /// Whether it is an event; nothing else is broadcast.
    pub(super) fn is_event(&self) -> bool {
        self.kind == PacketType::Event as u8 || self.kind == PacketType::BinaryEvent as u8
    }
}

/// A socket as it is written and read.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Socket<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow, default = "null")]
    pub(super) handshake: &'a RawValue,
    #[serde(borrow, default = "null")]
    pub(super) rooms: &'a RawValue,
    #[serde(borrow, default = "null")]
    pub(super) data: &'a RawValue,
}

fn null() -> &'static RawValue {
    RawValue::NULL
}

impl Socket<'_> {
    /// # Errors
    /// [`Refusal::Malformed`] if its rooms are no names.
    pub(super) fn into_details(self, text: &Text) -> Result<SocketDetails, Refusal> {
        let Names(rooms) = serde_json::from_str(self.rooms.get())?;
        Ok(SocketDetails {
            id: self.id.into(),
            handshake: self.handshake.get().into(),
            rooms,
            data: text.value(self.data),
        })
    }
}

/// Sockets as they are written: with all their attachments in one list, and JSON that counts on.
pub(super) fn written_sockets(sockets: &[SocketDetails]) -> (Box<RawValue>, Vec<Bytes>) {
    let mut all = String::from("[");
    let mut attachments = Vec::new();
    for socket in sockets {
        if all.len() > 1 {
            all.push(',');
        }
        let data = renumbered(&socket.data, attachments.len());
        attachments.extend_from_slice(&socket.data.attachments);
        let rooms = json(&socket.rooms);
        all.push_str(&json(&Socket {
            id: Cow::Borrowed(&socket.id),
            handshake: raw(&socket.handshake),
            rooms: raw(&rooms),
            data: raw(&data),
        }));
    }
    all.push(']');
    let all = RawValue::from_string(all);
    debug_assert!(all.is_ok(), "an array of valid JSON");
    (
        all.unwrap_or_else(|_| RawValue::NULL.to_owned()),
        attachments,
    )
}

/// The value's text with `by` added to the numbers of its placeholders.
fn renumbered(value: &Value, by: usize) -> Cow<'_, str> {
    if by == 0 || value.attachments.is_empty() {
        return Cow::Borrowed(&value.json);
    }
    let Ok(mut tree) = serde_json::from_str::<serde_json::Value>(&value.json) else {
        return Cow::Borrowed(&value.json);
    };
    shift(&mut tree, by);
    Cow::Owned(tree.to_string())
}

fn shift(tree: &mut serde_json::Value, by: usize) {
    match tree {
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| shift(item, by)),
        serde_json::Value::Object(entries) => {
            let is_placeholder = entries.get("_placeholder") == Some(&true.into());
            match entries.get_mut("num") {
                Some(num) if is_placeholder => {
                    if let Some(number) = num.as_u64() {
                        *num = (number + by as u64).into();
                    }
                }
                _ => entries.values_mut().for_each(|entry| shift(entry, by)),
            }
        }
        _ => {}
    }
}
