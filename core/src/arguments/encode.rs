//! An event's name and typed arguments become a packet's payload.
//!
//! A tuple is several arguments, `()` none, anything else one. serde does not tell a fixed-size
//! array from a tuple, so an array is several arguments too; a `Vec` or a slice is one.

use bytes::Bytes;
use serde::Serialize;
use serde::ser::{Impossible, Serializer};

#[cfg(feature = "server")]
use super::AnyEvent;
use super::binary::{gathering, with_attachments};
#[cfg(feature = "server")]
use super::decode::event_name;
use crate::embed::Payload;
use crate::error::Error;
use crate::proto::json::is_plain;
use crate::proto::socket::is_reserved;

/// A payload that the engine can be given.
#[derive(Debug)]
pub(crate) struct Encoded {
    json: Vec<u8>,
    attachments: Vec<Bytes>,
}

impl Encoded {
    /// An event: its name and its arguments.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a reserved name, and for arguments that cannot be JSON.
    pub(crate) fn event(name: &str, arguments: &impl Serialize) -> Result<Encoded, Error> {
        if is_reserved(name) {
            return Err(Error::Misuse(format!(
                "\"{name}\" is a reserved event name"
            )));
        }
        let mut json = scratch::take();
        json.push(b'[');
        write_name(name, &mut json)?;
        Encoded::finish(json, arguments)
    }

    /// An ack's answer.
    ///
    /// # Errors
    /// [`Error::Misuse`] for arguments that cannot be JSON.
    pub(crate) fn answer(arguments: &impl Serialize) -> Result<Encoded, Error> {
        let mut json = scratch::take();
        json.push(b'[');
        Encoded::finish(json, arguments)
    }

    /// Shows the event as watchers see it.
    #[cfg(feature = "server")]
    pub(crate) fn with_event(&self, look: impl FnOnce(AnyEvent<'_>)) {
        let shown = std::str::from_utf8(&self.json).ok();
        if let Some((data, name)) = shown.and_then(|data| Some((data, event_name(data)?))) {
            look(AnyEvent {
                name: &name,
                data,
                attachments: &self.attachments,
            });
        }
    }

    /// As commands carry it.
    pub(crate) fn payload(&self) -> Payload<'_> {
        Payload {
            json: &self.json,
            attachments: self.attachments.clone(),
        }
    }

    /// The same, once.
    #[cfg(feature = "server")]
    pub(crate) fn take_payload(&mut self) -> Payload<'_> {
        Payload {
            json: &self.json,
            attachments: std::mem::take(&mut self.attachments),
        }
    }

    /// `json` is an array that is still open.
    fn finish(mut json: Vec<u8>, arguments: &impl Serialize) -> Result<Encoded, Error> {
        let at = json.len();
        let is_first = at == 1;
        let shape = Shape::of(arguments);
        if shape == Shape::None {
            json.push(b']');
            return Ok(Encoded {
                json,
                attachments: Vec::new(),
            });
        }
        if shape == Shape::One && !is_first {
            json.push(b',');
        }
        let (written, attachments) =
            gathering(|| arguments.serialize(&mut with_attachments(&mut json)));
        written.map_err(|error| not_json(&error))?;
        match shape {
            // The tuple's own brackets: the first is the comma before it, the last ends it all.
            Shape::Several if is_first => {
                json.remove(0);
            }
            Shape::Several => json[at] = b',',
            Shape::One | Shape::None => json.push(b']'),
        }
        Ok(Encoded { json, attachments })
    }
}

impl Drop for Encoded {
    fn drop(&mut self) {
        scratch::give_back(std::mem::take(&mut self.json));
    }
}

/// Most names need no escape.
fn write_name(name: &str, json: &mut Vec<u8>) -> Result<(), Error> {
    if !is_plain(name.as_bytes()) {
        return serde_json::to_writer(json, name).map_err(|error| not_json(&error));
    }
    json.reserve(name.len() + 2);
    json.push(b'"');
    json.extend_from_slice(name.as_bytes());
    json.push(b'"');
    Ok(())
}

fn not_json(error: &serde_json::Error) -> Error {
    Error::Misuse(format!("the arguments cannot be JSON: {error}"))
}

/// A thread's buffer for what it encodes, so that an event sent at once needs none of its own.
mod scratch {
    use std::cell::Cell;

    thread_local! {
        static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    }

    const USUAL_SIZE: usize = 128;

    /// A larger buffer is not kept.
    const KEPT_CAPACITY: usize = 16 * 1024;

    /// An empty buffer. A thread that has given its own away makes one.
    pub(super) fn take() -> Vec<u8> {
        let mut buffer = BUFFER.take();
        buffer.clear();
        buffer.reserve(USUAL_SIZE);
        buffer
    }

    pub(super) fn give_back(buffer: Vec<u8>) {
        if (1..=KEPT_CAPACITY).contains(&buffer.capacity()) {
            // At the end of a thread there is nobody left to keep it for.
            let _ = BUFFER.try_with(|kept| kept.set(buffer));
        }
    }
}

/// How many arguments a value stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    None,
    One,
    Several,
}

impl Shape {
    /// Asks serde: the first thing a value says of itself is its shape.
    fn of(value: &impl Serialize) -> Shape {
        match value.serialize(Probe) {
            Ok(shape) | Err(Probed(shape)) => shape,
        }
    }
}

/// A serializer that only looks at what kind of value it is given.
struct Probe;

/// Ends the serialization of a value whose shape is known.
#[derive(Debug)]
struct Probed(Shape);

impl std::fmt::Display for Probed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Probed {}

impl serde::ser::Error for Probed {
    fn custom<T: std::fmt::Display>(_: T) -> Probed {
        // What cannot be serialised fails once more, and with its reason, when it is written.
        Probed(Shape::One)
    }
}

type Never = Impossible<Shape, Probed>;

macro_rules! one {
    ($($method:ident($($kind:ty),*) -> $result:ty;)*) => {$(
        fn $method(self, $(_: $kind),*) -> Result<$result, Probed> {
            Err(Probed(Shape::One))
        }
    )*};
}

impl Serializer for Probe {
    type Ok = Shape;
    type Error = Probed;
    type SerializeSeq = Never;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Never;
    type SerializeStruct = Never;
    type SerializeStructVariant = Never;

    one! {
        serialize_bool(bool) -> Shape;
        serialize_i8(i8) -> Shape;
        serialize_i16(i16) -> Shape;
        serialize_i32(i32) -> Shape;
        serialize_i64(i64) -> Shape;
        serialize_i128(i128) -> Shape;
        serialize_u8(u8) -> Shape;
        serialize_u16(u16) -> Shape;
        serialize_u32(u32) -> Shape;
        serialize_u64(u64) -> Shape;
        serialize_u128(u128) -> Shape;
        serialize_f32(f32) -> Shape;
        serialize_f64(f64) -> Shape;
        serialize_char(char) -> Shape;
        serialize_str(&str) -> Shape;
        serialize_bytes(&[u8]) -> Shape;
        serialize_none() -> Shape;
        serialize_unit_struct(&'static str) -> Shape;
        serialize_unit_variant(&'static str, u32, &'static str) -> Shape;
        serialize_seq(Option<usize>) -> Never;
        serialize_tuple_struct(&'static str, usize) -> Never;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Never;
        serialize_map(Option<usize>) -> Never;
        serialize_struct(&'static str, usize) -> Never;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Never;
    }

    fn serialize_unit(self) -> Result<Shape, Probed> {
        Ok(Shape::None)
    }

    fn serialize_tuple(self, len: usize) -> Result<Never, Probed> {
        Err(Probed(if len == 0 {
            Shape::None
        } else {
            Shape::Several
        }))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<Shape, Probed> {
        Ok(Shape::One)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: &T,
    ) -> Result<Shape, Probed> {
        Ok(Shape::One)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Shape, Probed> {
        Ok(Shape::One)
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, _: &T) -> Result<Shape, Probed> {
        Ok(Shape::One)
    }
}

#[cfg(test)]
mod tests {
    use super::super::binary::Binary;
    use super::*;

    fn text(encoded: &Encoded) -> String {
        String::from_utf8(encoded.json.clone()).unwrap()
    }

    fn event(arguments: impl Serialize) -> String {
        let encoded = Encoded::event("e", &arguments).unwrap();
        assert!(encoded.attachments.is_empty());
        text(&encoded)
    }

    fn answer(arguments: impl Serialize) -> String {
        text(&Encoded::answer(&arguments).unwrap())
    }

    #[test]
    fn a_tuple_is_several_arguments_and_anything_else_is_one() {
        assert_eq!(event(()), r#"["e"]"#);
        assert_eq!(event(1), r#"["e",1]"#);
        assert_eq!(event("a\"b"), r#"["e","a\"b"]"#);
        assert_eq!(event(vec![1, 2]), r#"["e",[1,2]]"#);
        assert_eq!(event(&[1, 2][..]), r#"["e",[1,2]]"#);
        assert_eq!(event((1, "a")), r#"["e",1,"a"]"#);
        let borrowed = &(1, "a");
        assert_eq!(event(borrowed), r#"["e",1,"a"]"#);
        assert_eq!(event(((1, 2),)), r#"["e",[1,2]]"#);
        assert_eq!(event(None::<u8>), r#"["e",null]"#);
        assert_eq!(event(Some((1, 2))), r#"["e",[1,2]]"#);
        assert_eq!(event(serde_json::json!({"a": [1]})), r#"["e",{"a":[1]}]"#);
    }

    #[test]
    fn an_answer_is_an_array_of_its_arguments() {
        assert_eq!(answer(()), "[]");
        assert_eq!(answer(7), "[7]");
        assert_eq!(answer(("a", [1])), r#"["a",[1]]"#);
        assert_eq!(answer((vec![1],)), "[[1]]");
    }

    #[test]
    fn binary_becomes_placeholders_in_the_order_of_the_attachments() {
        let arguments = (
            Binary::from(vec![1]),
            vec![Some(Binary::from(vec![2])), None],
        );
        let encoded = Encoded::event("e", &arguments).unwrap();
        assert_eq!(
            text(&encoded),
            r#"["e",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1},null]]"#
        );
        assert_eq!(encoded.attachments, [&[1][..], &[2][..]]);
        let encoded = Encoded::answer(&Binary::from(vec![3])).unwrap();
        assert_eq!(text(&encoded), r#"[{"_placeholder":true,"num":0}]"#);
        assert_eq!(encoded.attachments, [&[3][..]]);
    }

    #[test]
    fn what_serialises_as_bytes_is_binary_wherever_it_stands() {
        struct Raw(&'static [u8]);
        impl Serialize for Raw {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(self.0)
            }
        }
        let placeholder = |num: u8| format!(r#"{{"_placeholder":true,"num":{num}}}"#);
        let arguments = (vec![Raw(&[1])], Binary::from(vec![2]), Some(Raw(&[3])));
        let encoded = Encoded::event("e", &arguments).unwrap();
        let [zero, one, two] = [0, 1, 2].map(placeholder);
        assert_eq!(text(&encoded), format!(r#"["e",[{zero}],{one},{two}]"#));
        assert_eq!(encoded.attachments, [&[1][..], &[2][..], &[3][..]]);
        let encoded = Encoded::answer(&Raw(&[4])).unwrap();
        assert_eq!(text(&encoded), format!("[{}]", placeholder(0)));
        assert_eq!(event(vec![1_u8]), r#"["e",[1]]"#);
    }

    #[test]
    fn a_name_is_escaped_where_it_must_be() {
        for name in ["plain", "", "é", "a\"b", "a\\b", "a\nb", "a\u{1}b"] {
            let encoded = Encoded::event(name, &()).unwrap();
            let expected = serde_json::to_string(&[name]).unwrap();
            assert_eq!(text(&encoded), expected);
        }
    }

    #[test]
    fn events_encoded_side_by_side_do_not_share_a_buffer() {
        let first = Encoded::event("a", &1).unwrap();
        let second = Encoded::event("b", &2).unwrap();
        assert_eq!(
            (&*text(&first), &*text(&second)),
            (r#"["a",1]"#, r#"["b",2]"#)
        );
    }

    #[test]
    fn reserved_names_and_what_is_not_json_are_misuse() {
        let error = Encoded::event("disconnect", &()).unwrap_err();
        assert_eq!(error.to_string(), "\"disconnect\" is a reserved event name");
        let keyed = std::collections::HashMap::from([((1, 2), 3)]);
        assert!(matches!(Encoded::event("e", &keyed), Err(Error::Misuse(_))));
    }
}
