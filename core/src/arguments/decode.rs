//! A packet's payload becomes an event's name and typed arguments.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use bytes::Bytes;
use serde::de::value::UnitDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IgnoredAny, SeqAccess, Visitor,
};

use super::binary::offering;
use super::error::ArgumentError;
use crate::proto::json;

/// The positional arguments of an event or an ack: a tuple of up to six types.
///
/// What the peer left out is `None` for an `Option` and an error otherwise; what it sent too much
/// is passed over, as in JavaScript.
pub trait Arguments: Sized {
    #[doc(hidden)]
    fn take<'de, S: SeqAccess<'de>>(source: &mut Source<'_, S>) -> Result<Self, S::Error>;
}

/// Where arguments are taken from, one after another.
#[derive(Debug)]
pub struct Source<'p, S> {
    sequence: S,
    position: &'p Cell<usize>,
}

impl<'de, S: SeqAccess<'de>> Source<'_, S> {
    fn next<T: DeserializeOwned>(&mut self) -> Result<T, S::Error> {
        let argument = match self.sequence.next_element()? {
            Some(argument) => argument,
            None => T::deserialize(UnitDeserializer::<S::Error>::new())
                .map_err(|_| S::Error::custom("missing"))?,
        };
        self.position.set(self.position.get() + 1);
        Ok(argument)
    }
}

macro_rules! arguments {
    ($($T:ident)*) => {
        impl<$($T: DeserializeOwned),*> Arguments for ($($T,)*) {
            #[allow(unused_variables)]
            fn take<'de, S: SeqAccess<'de>>(source: &mut Source<'_, S>) -> Result<Self, S::Error> {
                Ok(($(source.next::<$T>()?,)*))
            }
        }
    };
}

arguments!();
arguments!(A);
arguments!(A B);
arguments!(A B C);
arguments!(A B C D);
arguments!(A B C D E);
arguments!(A B C D E F);

/// The name of the event whose payload is `data`: its first element, a string or a number.
pub(crate) fn event_name(data: &str) -> Option<Cow<'_, str>> {
    Some(split_name(data)?.0)
}

/// The name of an event, and what stands behind it: `a` and `,1,2]` of `["a",1,2]`.
#[inline]
pub(crate) fn split_name(data: &str) -> Option<(Cow<'_, str>, &str)> {
    let within = data.trim_ascii_start().strip_prefix('[')?;
    let first = within.trim_ascii_start();
    let Some(text) = first.strip_prefix('"') else {
        let end = first.find([',', ']', ' ', '\t', '\n', '\r'])?;
        return Some((Cow::Borrowed(&first[..end]), &first[end..]));
    };
    let is_mark = |byte: u8| matches!(byte, b'"' | b'\\');
    let mark = text.bytes().position(is_mark)?;
    if text.as_bytes()[mark] == b'"' {
        return Some((Cow::Borrowed(&text[..mark]), &text[mark + 1..]));
    }
    let end = json::string_end(text.as_bytes(), mark)?;
    let name = serde_json::from_str(first.get(..end + 1)?).ok()?;
    Some((Cow::Owned(name), text.get(end..)?))
}

/// The arguments of the event whose payload is `data`.
pub(crate) fn event_arguments<T: Arguments>(
    data: &str,
    attachments: &[Bytes],
) -> Result<T, ArgumentError> {
    let behind_name = split_name(data).map_or("", |(_, rest)| rest);
    arguments_behind(behind_name, attachments)
}

/// The arguments of an event of which this stands behind the name.
pub(crate) fn arguments_behind<T: Arguments>(
    behind_name: &str,
    attachments: &[Bytes],
) -> Result<T, ArgumentError> {
    let position = Cell::new(0);
    let mut source = Source {
        sequence: Behind(behind_name),
        position: &position,
    };
    offering(attachments, || {
        let arguments = T::take(&mut source)?;
        while source.sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(arguments)
    })
    .map_err(|error: serde_json::Error| ArgumentError::new(position.get(), &error))
}

/// The rest of an array, from behind one of its elements.
struct Behind<'de>(&'de str);

impl<'de> SeqAccess<'de> for Behind<'de> {
    type Error = serde_json::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, serde_json::Error> {
        let rest = json::trim_start(self.0);
        let Some(element) = rest.strip_prefix(',') else {
            let behind = rest.strip_prefix(']').map(json::trim_start);
            let is_over = behind.is_some_and(str::is_empty);
            let broken = || serde_json::Error::custom("not an array");
            return is_over.then_some(None).ok_or_else(broken);
        };
        let mut element_and_more = serde_json::Deserializer::from_str(element);
        let value = seed.deserialize(&mut element_and_more)?;
        let end = element_and_more.into_iter::<IgnoredAny>().byte_offset();
        self.0 = element.get(end..).unwrap_or_default();
        Ok(Some(value))
    }
}

/// The answer to an ack: a tuple takes the arguments by position, anything else takes the first.
pub(crate) fn answer<T: DeserializeOwned>(
    data: &str,
    attachments: &[Bytes],
) -> Result<T, ArgumentError> {
    offering(attachments, || T::deserialize(Answer(data)))
        .map_err(|error| ArgumentError::new(0, &error))
}

/// An array that stands for its first element, unless a tuple is asked for.
struct Answer<'a>(&'a str);

impl<'a> Answer<'a> {
    /// Gives the first element to `seed`; a unit if there is none.
    fn first<V: DeserializeSeed<'a>>(self, seed: V) -> Result<V::Value, serde_json::Error> {
        serde_json::Deserializer::from_str(self.0).deserialize_seq(FirstVisitor(seed))
    }
}

struct FirstVisitor<V>(V);

impl<'de, V: DeserializeSeed<'de>> Visitor<'de> for FirstVisitor<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut sequence: S) -> Result<V::Value, S::Error> {
        let mut seed = Some(self.0);
        let first = sequence.next_element_seed(Once(&mut seed))?;
        match (first, seed) {
            (Some(value), _) => {
                while sequence.next_element::<IgnoredAny>()?.is_some() {}
                Ok(value)
            }
            (None, Some(seed)) => seed
                .deserialize(UnitDeserializer::<S::Error>::new())
                .map_err(|_| S::Error::custom("missing")),
            (None, None) => Err(S::Error::custom("missing")),
        }
    }
}

/// A seed that is left over if there is no element for it.
struct Once<'s, V>(&'s mut Option<V>);

impl<'de, V: DeserializeSeed<'de>> DeserializeSeed<'de> for Once<'_, V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        match self.0.take() {
            Some(seed) => seed.deserialize(deserializer),
            None => Err(D::Error::custom("asked twice")),
        }
    }
}

/// What a type asks of its deserializer, put off until the element is reached.
struct Hint<V, A>(V, A);

macro_rules! forward {
    ($($method:ident($($name:ident: $kind:ty),*);)*) => {
        $(fn $method<V: Visitor<'de>>(
            self, $($name: $kind,)* visitor: V,
        ) -> Result<V::Value, serde_json::Error> {
            struct Ask;
            impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Hint<V, (Ask, $($kind,)*)> {
                type Value = V::Value;
                fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
                    let Hint(visitor, (Ask, $($name,)*)) = self;
                    inner.$method($($name,)* visitor)
                }
            }
            self.first(Hint(visitor, (Ask, $($name,)*)))
        })*
    };
}

type Names = &'static [&'static str];

impl<'de> Deserializer<'de> for Answer<'de> {
    type Error = serde_json::Error;

    forward! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_option();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map();
        deserialize_struct(name: &'static str, fields: Names);
        deserialize_enum(name: &'static str, variants: Names);
        deserialize_identifier();
        deserialize_ignored_any();
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, serde_json::Error> {
        visitor.visit_unit()
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, serde_json::Error> {
        serde_json::Deserializer::from_str(self.0).deserialize_seq(TupleVisitor(visitor))
    }
}

struct TupleVisitor<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for TupleVisitor<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut sequence: S) -> Result<V::Value, S::Error> {
        let value = self.0.visit_seq(Padded(&mut sequence))?;
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(value)
    }
}

/// A sequence that goes on with units where the peer's arguments end.
struct Padded<'s, S>(&'s mut S);

impl<'de, S: SeqAccess<'de>> SeqAccess<'de> for Padded<'_, S> {
    type Error = S::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, S::Error> {
        let mut seed = Some(seed);
        if let Some(value) = self.0.next_element_seed(Once(&mut seed))? {
            return Ok(Some(value));
        }
        match seed {
            Some(seed) => seed
                .deserialize(UnitDeserializer::<S::Error>::new())
                .map(Some)
                .map_err(|_| S::Error::custom("missing")),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::binary::Binary;
    use super::*;
    use serde_json::Value;

    fn decode<T: Arguments>(data: &str) -> Result<T, String> {
        event_arguments(
            data,
            &[Bytes::from_static(b"zero"), Bytes::from_static(b"one")],
        )
        .map_err(|error| error.to_string())
    }

    fn decode_answer<T: DeserializeOwned>(data: &str) -> Result<T, String> {
        answer(data, &[Bytes::from_static(b"zero")]).map_err(|error| error.to_string())
    }

    #[test]
    fn names_are_found_whatever_the_spelling() {
        assert_eq!(event_name(r#"["a"]"#).as_deref(), Some("a"));
        assert_eq!(event_name(" [ \"a b\" , 1]").as_deref(), Some("a b"));
        assert_eq!(event_name(r#"["\u0061\"",1]"#).as_deref(), Some("a\""));
        assert_eq!(event_name("[12,1]").as_deref(), Some("12"));
        assert_eq!(event_name("[12]").as_deref(), Some("12"));
        assert_eq!(event_name("[]"), Some(Cow::Borrowed("")));
    }

    #[test]
    fn arguments_are_taken_by_position() {
        assert_eq!(decode::<()>(r#"["e"]"#), Ok(()));
        assert_eq!(decode(r#"["e",1,"a"]"#), Ok((1, "a".to_owned())));
        assert_eq!(decode::<(i64,)>(r#"["e",1,"too","much"]"#), Ok((1,)));
        assert_eq!(decode::<(i64, Option<i64>)>(r#"["e",1]"#), Ok((1, None)));
        assert_eq!(decode::<(Value,)>(r#"["e"]"#), Ok((Value::Null,)));
    }

    #[test]
    fn a_wrong_argument_is_named_by_its_position() {
        let wrong = decode::<(i64, i64)>(r#"["e",1,"a"]"#).unwrap_err();
        assert!(
            wrong.starts_with("argument 1: invalid type: string"),
            "{wrong}"
        );
        let missing = decode::<(i64, i64)>(r#"["e",1]"#).unwrap_err();
        assert!(missing.starts_with("argument 1: missing"), "{missing}");
    }

    #[test]
    fn placeholders_become_their_attachments_or_errors() {
        let placeholder = |num: &str| format!(r#"["e",{{"_placeholder":true,"num":{num}}}]"#);
        assert_eq!(
            decode::<(Binary,)>(&placeholder("1")),
            Ok((Binary::from(&b"one"[..]),))
        );
        for wrong in ["2", "-1", "1.5", "\"0\"", "18446744073709551616"] {
            assert!(decode::<(Binary,)>(&placeholder(wrong)).is_err(), "{wrong}");
        }
        assert!(decode::<(Binary,)>(r#"["e",{"num":0}]"#).is_err());
        assert!(decode::<(Binary,)>(r#"["e",{}]"#).is_err());
        assert!(decode::<(Binary,)>(r#"["e","text"]"#).is_err());
    }

    #[test]
    fn an_answer_is_its_first_argument_unless_a_tuple_is_asked_for() {
        assert_eq!(decode_answer("[]"), Ok(()));
        assert_eq!(decode_answer("[1]"), Ok(()));
        assert_eq!(decode_answer("[7,8]"), Ok(7));
        assert_eq!(decode_answer("[7,8]"), Ok((7, 8)));
        assert_eq!(decode_answer("[7,8]"), Ok((7,)));
        assert_eq!(decode_answer("[null,8]"), Ok((None::<String>, 8)));
        assert_eq!(decode_answer("[7]"), Ok((7, None::<u8>)));
        assert_eq!(decode_answer("[[1,2]]"), Ok(vec![1, 2]));
        assert_eq!(decode_answer("[]"), Ok(None::<u8>));
        assert_eq!(
            decode_answer(r#"[{"_placeholder":true,"num":0}]"#),
            Ok(Binary::from(&b"zero"[..]))
        );
        assert!(decode_answer::<u8>("[]").unwrap_err().contains("missing"));
        assert!(decode_answer::<u8>("[\"a\"]").is_err());
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_overflow() {
        let deep = format!("[\"e\",{}{}]", "[".repeat(100_000), "]".repeat(100_000));
        assert!(decode::<(Value,)>(&deep).is_err());
        assert_eq!(decode::<()>(&deep), Ok(()));
    }
}
