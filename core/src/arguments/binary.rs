//! Binary values inside typed arguments: an attachment beside the packet, a placeholder in it.
//!
//! serde knows no attachments, so they travel beside it: while a packet is encoded or decoded, its
//! attachments lie in a slot of the thread, and [`Binary`] puts into it or takes from it.

use std::cell::RefCell;
use std::fmt;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeStruct, Serializer};

/// Bytes that travel as an attachment, wherever they stand in the arguments of an event or an ack.
/// A JavaScript client sees, and sends, a `Buffer`, an `ArrayBuffer` or a typed array.
///
/// Outside of Sori's own calls it serialises as bytes, and deserialises from nothing.
///
/// # Examples
/// ```no_run
/// use sori::{Binary, Socket};
/// # fn example(server: &sori::Server) {
/// server.of("/").on("thumbnail", |socket: Socket, name: String, image: Binary| {
///     let first = image.0.slice(..16.min(image.0.len()));
///     socket.emit("stored", (name, Binary(first)))
/// });
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Binary(pub Bytes);

impl From<Bytes> for Binary {
    fn from(bytes: Bytes) -> Binary {
        Binary(bytes)
    }
}

impl From<Vec<u8>> for Binary {
    fn from(bytes: Vec<u8>) -> Binary {
        Binary(bytes.into())
    }
}

impl From<&[u8]> for Binary {
    fn from(bytes: &[u8]) -> Binary {
        Binary(Bytes::copy_from_slice(bytes))
    }
}

impl AsRef<[u8]> for Binary {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Serialize for Binary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let num = OUTGOING.with_borrow_mut(|slot| {
            let attachments = slot.as_mut()?;
            attachments.push(self.0.clone());
            Some(attachments.len() - 1)
        });
        let Some(num) = num else {
            return serializer.serialize_bytes(&self.0);
        };
        let mut placeholder = serializer.serialize_struct("Binary", 2)?;
        placeholder.serialize_field("_placeholder", &true)?;
        placeholder.serialize_field("num", &num)?;
        placeholder.end()
    }
}

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Binary, D::Error> {
        deserializer.deserialize_map(PlaceholderVisitor)
    }
}

struct PlaceholderVisitor;

impl<'de> Visitor<'de> for PlaceholderVisitor {
    type Value = Binary;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("binary data")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Binary, A::Error> {
        let (mut is_placeholder, mut num) = (false, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "_placeholder" => is_placeholder = map.next_value()?,
                "num" => num = Some(map.next_value::<usize>()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let num = num
            .filter(|_| is_placeholder)
            .ok_or_else(|| A::Error::custom("an object where binary data is expected"))?;
        INCOMING
            .with_borrow(|slot| slot.get(num).cloned())
            .map(Binary)
            .ok_or_else(|| A::Error::custom("a placeholder without its attachment"))
    }
}

thread_local! {
    static OUTGOING: RefCell<Option<Vec<Bytes>>> = const { RefCell::new(None) };
    static INCOMING: RefCell<Vec<Bytes>> = const { RefCell::new(Vec::new()) };
}

/// Runs `encode`; gives with its result the attachments it came across.
pub(crate) fn gathering<R>(encode: impl FnOnce() -> R) -> (R, Vec<Bytes>) {
    let scope = Outgoing(OUTGOING.replace(Some(Vec::new())));
    let result = encode();
    let attachments = OUTGOING.take().unwrap_or_default();
    drop(scope);
    (result, attachments)
}

/// Runs `decode` with `attachments` at hand.
pub(crate) fn offering<R>(attachments: &[Bytes], decode: impl FnOnce() -> R) -> R {
    let _scope = Incoming(INCOMING.replace(attachments.to_vec()));
    decode()
}

/// Puts back what lay in the slot before, also when a user's `Serialize` panics.
struct Outgoing(Option<Vec<Bytes>>);

impl Drop for Outgoing {
    fn drop(&mut self) {
        OUTGOING.set(self.0.take());
    }
}

struct Incoming(Vec<Bytes>);

impl Drop for Incoming {
    fn drop(&mut self) {
        INCOMING.set(std::mem::take(&mut self.0));
    }
}
