//! Sockets that may come back to any server, as `@socket.io/redis-streams-adapter` 0.3 keeps them:
//!
//! ```text
//! sio:session:PID     base64 of MessagePack {sid, pid, rooms, data}, for as long as the socket may be away
//! ```
//! What such a socket missed stands in its namespace's stream, behind the offset that it saw last.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::text::{self, Names, Text};
use super::{Recipients, Refusal};

/// A socket that is away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The id it had and will have again.
    pub sid: Box<str>,
    /// The private id by which it comes back.
    pub pid: Box<str>,
    /// The rooms it was in, that of its own id among them.
    pub rooms: Vec<Box<str>>,
    /// What its application keeps with it: JSON. Binary is written as Node's `Buffer` is in JSON,
    /// `{"type":"Buffer","data":[…]}`.
    pub data: Box<str>,
}

#[derive(Deserialize, Serialize)]
struct Written<'a, R> {
    #[serde(borrow)]
    sid: Cow<'a, str>,
    #[serde(borrow)]
    pid: Cow<'a, str>,
    rooms: R,
    #[serde(borrow, default = "nothing")]
    data: &'a RawValue,
}

fn nothing() -> &'static RawValue {
    RawValue::NULL
}

impl Session {
    /// The record that stands for it.
    pub fn write(&self) -> Bytes {
        let written = Written {
            sid: Cow::Borrowed(&*self.sid),
            pid: Cow::Borrowed(&*self.pid),
            rooms: &self.rooms,
            data: text::raw(&self.data),
        };
        STANDARD.encode(text::packed(&written, &[])).into()
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`Refusal::Malformed`]
    pub fn read(record: &[u8]) -> Result<Session, Refusal> {
        let packed = STANDARD.decode(record).map_err(|_| Refusal::Malformed)?;
        let text = Text::read(&packed.into())?;
        let read: Written<'_, Names> = serde_json::from_str(&text.json)?;
        let data = match text.attachments.is_empty() {
            true => read.data.get().into(),
            false => {
                let mut data = serde_json::from_str(read.data.get())?;
                put_bytes(&mut data, &text.attachments);
                data.to_string().into()
            }
        };
        Ok(Session {
            sid: read.sid.into(),
            pid: read.pid.into(),
            rooms: read.rooms.0,
            data,
        })
    }

    /// What its application keeps with it, if that is something.
    pub fn kept(&self) -> Option<Arc<str>> {
        (&*self.data != "null").then(|| Arc::from(&*self.data))
    }

    /// Whether it would have been given what goes to `recipients`.
    pub fn is_meant(&self, recipients: &Recipients) -> bool {
        let is_in = |names: &[Box<str>]| names.iter().any(|name| self.rooms.contains(name));
        (recipients.rooms.is_empty() || is_in(&recipients.rooms)) && !is_in(&recipients.except)
    }

    /// Whether `pid` can be a private id: 8 to 64 letters, digits, `-` and `_`. Nothing else is looked for.
    pub fn is_pid(pid: &str) -> bool {
        (8..=64).contains(&pid.len())
            && pid
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    }
}

/// Puts bytes where their placeholders stand.
fn put_bytes(tree: &mut serde_json::Value, attachments: &[Bytes]) {
    match tree {
        serde_json::Value::Array(items) => {
            items
                .iter_mut()
                .for_each(|item| put_bytes(item, attachments));
        }
        serde_json::Value::Object(entries) => {
            let is_placeholder = entries.get("_placeholder") == Some(&true.into());
            let number = entries.get("num").and_then(serde_json::Value::as_u64);
            let bytes = number.and_then(|number| attachments.get(usize::try_from(number).ok()?));
            match bytes.filter(|_| is_placeholder) {
                Some(bytes) => *tree = serde_json::json!({ "type": "Buffer", "data": **bytes }),
                None => entries
                    .values_mut()
                    .for_each(|entry| put_bytes(entry, attachments)),
            }
        }
        _ => {}
    }
}

/// The place of an entry in its stream, as Redis writes it: `milliseconds-number`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offset {
    milliseconds: u64,
    number: u64,
}

impl Offset {
    /// Reads what Redis writes; `None` for anything else.
    pub fn read(text: &str) -> Option<Offset> {
        let (milliseconds, number) = text.split_once('-')?;
        let whole = |digits: &str| {
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|_| is_number)
        };
        Some(Offset {
            milliseconds: whole(milliseconds)?,
            number: whole(number)?,
        })
    }

    /// The first place behind it; `None` if there is none.
    pub fn next(self) -> Option<Offset> {
        let Offset {
            milliseconds,
            number,
        } = self;
        match number.checked_add(1) {
            Some(number) => Some(Offset {
                milliseconds,
                number,
            }),
            None => Some(Offset {
                milliseconds: milliseconds.checked_add(1)?,
                number: 0,
            }),
        }
    }
}

impl std::fmt::Display for Offset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.milliseconds, self.number)
    }
}
