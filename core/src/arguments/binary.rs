//! Binary values inside typed arguments: an attachment beside the packet, a placeholder in it.
//!
//! serde knows no attachments, so they travel beside it: while a packet is encoded or decoded, its
//! attachments lie in a slot of the thread, and [`Binary`] puts into it or takes from it.

use std::cell::{Cell, RefCell};
use std::{fmt, io};

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::ser::Formatter;

/// Bytes that travel as an attachment, wherever they stand in the arguments of an event or an ack.
/// A JavaScript client sees, and sends, a `Buffer`, an `ArrayBuffer` or a typed array.
///
/// What else serialises as bytes, [`Bytes`] or the types of `serde_bytes`, is sent as binary too, with one
/// copy more; what comes deserialises as `Binary` alone.
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
        let Some(num) = attach(&self.0) else {
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
    /// How many attachments what is being encoded has so far; `None` while nothing is.
    static COUNT: Cell<Option<usize>> = const { Cell::new(None) };
    static OUTGOING: RefCell<Vec<Bytes>> = const { RefCell::new(Vec::new()) };
    static HAS_INCOMING: Cell<bool> = const { Cell::new(false) };
    static INCOMING: RefCell<Vec<Bytes>> = const { RefCell::new(Vec::new()) };
}

/// Keeps an attachment of what is being encoded; gives its number.
fn attach(bytes: &Bytes) -> Option<usize> {
    let num = COUNT.get()?;
    OUTGOING.with_borrow_mut(|attachments| attachments.push(bytes.clone()));
    COUNT.set(Some(num + 1));
    Some(num)
}

/// Writes JSON in which what serialises as bytes is an attachment.
pub(crate) fn with_attachments<W: io::Write>(json: W) -> serde_json::Serializer<W, Attaching> {
    serde_json::Serializer::with_formatter(json, Attaching)
}

/// Makes attachments of bytes, where serde_json would make lists of numbers.
pub(crate) struct Attaching;

impl Formatter for Attaching {
    fn write_byte_array<W: io::Write + ?Sized>(
        &mut self,
        json: &mut W,
        bytes: &[u8],
    ) -> io::Result<()> {
        Ok(serde_json::to_writer(json, &Binary::from(bytes))?)
    }
}

/// Runs `encode`; gives with its result the attachments it came across.
pub(crate) fn gathering<R>(encode: impl FnOnce() -> R) -> (R, Vec<Bytes>) {
    let scope = Outgoing(COUNT.replace(Some(0)));
    let result = encode();
    (result, scope.take())
}

/// Runs `decode` with `attachments` at hand.
pub(crate) fn offering<R>(attachments: &[Bytes], decode: impl FnOnce() -> R) -> R {
    if attachments.is_empty() && !HAS_INCOMING.get() {
        return decode();
    }
    let before = INCOMING.replace(attachments.to_vec());
    let _scope = Incoming(HAS_INCOMING.replace(true), before);
    decode()
}

/// What is being encoded; around it, what was before. A user's `Serialize` may panic, or encode
/// something of its own.
struct Outgoing(Option<usize>);

impl Outgoing {
    /// The attachments since it began: those of what is around it lie below them.
    #[inline]
    fn take(&self) -> Vec<Bytes> {
        taken(COUNT.replace(Some(0)))
    }
}

impl Drop for Outgoing {
    #[inline]
    fn drop(&mut self) {
        // What a panic left.
        drop(taken(COUNT.replace(self.0)));
    }
}

/// The last attachments, as many as have been counted.
#[inline]
fn taken(count: Option<usize>) -> Vec<Bytes> {
    match count {
        None | Some(0) => Vec::new(),
        Some(count) => OUTGOING.with_borrow_mut(|attachments| {
            let at = attachments.len().saturating_sub(count);
            attachments.split_off(at)
        }),
    }
}

/// Puts back what lay in the slot before, also when a user's `Deserialize` panics.
struct Incoming(bool, Vec<Bytes>);

impl Drop for Incoming {
    fn drop(&mut self) {
        HAS_INCOMING.set(self.0);
        INCOMING.set(std::mem::take(&mut self.1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn num(binary: &[u8]) -> String {
        serde_json::to_string(&Binary::from(binary)).unwrap()
    }

    #[test]
    fn what_is_encoded_within_another_has_attachments_of_its_own() {
        let ((first, inner, second), outer) = gathering(|| {
            let first = num(&[1]);
            let inner = gathering(|| num(&[2]));
            (first, inner, num(&[3]))
        });
        let placeholder = |num: u8| format!(r#"{{"_placeholder":true,"num":{num}}}"#);
        assert_eq!((first, second), (placeholder(0), placeholder(1)));
        assert_eq!(inner, (placeholder(0), vec![Bytes::from_static(&[2])]));
        assert_eq!(outer, [&[1][..], &[3][..]]);
        assert_eq!(num(&[4]), "[4]");
    }

    #[test]
    fn a_panic_leaves_no_attachments_behind() {
        let panicked = std::panic::catch_unwind(|| {
            gathering(|| {
                num(&[1]);
                panic!("in a Serialize");
            })
        });
        assert!(panicked.is_err());
        assert_eq!(num(&[2]), "[2]");
        let (_, attachments) = gathering(|| num(&[3]));
        assert_eq!(attachments, [&[3][..]]);
    }

    #[test]
    fn what_is_decoded_within_another_is_not_offered_its_attachments() {
        let placeholder = r#"{"_placeholder":true,"num":0}"#;
        let decode = || serde_json::from_str::<Binary>(placeholder).ok();
        let attachments = [Bytes::from_static(&[1])];
        let (inner, outer) = offering(&attachments, || (offering(&[], decode), decode()));
        assert_eq!((inner, outer), (None, Some(Binary::from(vec![1]))));
        assert_eq!(offering(&[], decode), None);
    }
}
