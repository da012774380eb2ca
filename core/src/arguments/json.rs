//! Values as JSON: byte for byte what `serde_json` writes, which writes all of it but structure and
//! text. Text is most of what events carry, and is looked at here in words and not in bytes.

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use crate::proto::json::is_plain;

type Error = serde_json::Error;

/// Appends `value`.
///
/// # Errors
/// It cannot be JSON; what has been appended then means nothing.
pub(super) fn write(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) -> Result<(), Error> {
    value.serialize(Writer(out))
}

/// Appends `text` as a JSON string, quotes included.
pub(super) fn write_text(text: &str, out: &mut Vec<u8>) -> Result<(), Error> {
    if !is_plain(text.as_bytes()) {
        return serde_json::to_writer(out, text);
    }
    out.reserve(text.len() + 2);
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
    Ok(())
}

struct Writer<'o>(&'o mut Vec<u8>);

impl<'o> Writer<'o> {
    fn open(self, bracket: u8, closing: &'static [u8]) -> Elements<'o> {
        self.0.push(bracket);
        Elements {
            start: self.0.len(),
            out: self.0,
            closing,
        }
    }

    /// `{"variant":`, to be closed by `}`.
    fn open_variant(self, variant: &str) -> Result<Writer<'o>, Error> {
        self.0.push(b'{');
        write_text(variant, self.0)?;
        self.0.push(b':');
        Ok(self)
    }
}

/// What has been opened and not yet closed.
struct Elements<'o> {
    out: &'o mut Vec<u8>,
    /// Where the first element begins.
    start: usize,
    closing: &'static [u8],
}

impl Elements<'_> {
    fn separate(&mut self) {
        if self.out.len() > self.start {
            self.out.push(b',');
        }
    }

    fn element(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        self.separate();
        write(value, self.out)
    }

    fn field(&mut self, key: &str, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        self.separate();
        write_text(key, self.out)?;
        self.out.push(b':');
        write(value, self.out)
    }

    fn close(self) -> Result<(), Error> {
        self.out.extend_from_slice(self.closing);
        Ok(())
    }
}

macro_rules! as_serde_json {
    ($($method:ident($kind:ty);)*) => {$(
        fn $method(self, value: $kind) -> Result<(), Error> {
            serde_json::to_writer(self.0, &value)
        }
    )*};
}

impl<'o> Serializer for Writer<'o> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Elements<'o>;
    type SerializeTuple = Elements<'o>;
    type SerializeTupleStruct = Elements<'o>;
    type SerializeTupleVariant = Elements<'o>;
    type SerializeMap = Elements<'o>;
    type SerializeStruct = Fields<'o>;
    type SerializeStructVariant = Elements<'o>;

    as_serde_json! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_i128(i128);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_u128(u128);
        serialize_f32(f32);
        serialize_f64(f64);
        serialize_char(char);
        serialize_bytes(&[u8]);
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Result<(), Error> {
        write_text(text, self.0)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.0.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        write_text(variant, self.0)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        let Writer(out) = self.open_variant(variant)?;
        write(value, out)?;
        out.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements<'o>, Error> {
        Ok(self.open(b'[', b"]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Elements<'o>, Error> {
        Ok(self.open(b'[', b"]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Elements<'o>, Error> {
        Ok(self.open(b'[', b"]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Elements<'o>, Error> {
        Ok(self.open_variant(variant)?.open(b'[', b"]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Elements<'o>, Error> {
        Ok(self.open(b'{', b"}"))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Fields<'o>, Error> {
        if name.starts_with(PRIVATE) {
            return Ok(Fields::Private(name, self.0));
        }
        Ok(Fields::Plain(self.open(b'{', b"}")))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Elements<'o>, Error> {
        Ok(self.open_variant(variant)?.open(b'{', b"}}"))
    }
}

impl SerializeSeq for Elements<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.element(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

impl SerializeTuple for Elements<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.element(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

impl SerializeTupleStruct for Elements<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.element(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

impl SerializeTupleVariant for Elements<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.element(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

impl SerializeMap for Elements<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.separate();
        let at = self.out.len();
        if write(key, self.out).is_ok() && self.out.get(at) == Some(&b'"') {
            return Ok(());
        }
        // Numbers are keys too, as text, and much is none: `{"1":null}` leaves `"1"`, or fails.
        self.out.truncate(at);
        serde_json::to_writer(&mut *self.out, &Entry(key))?;
        self.out.remove(at);
        self.out.truncate(self.out.len() - b":null}".len());
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.out.push(b':');
        write(value, self.out)
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

impl SerializeStructVariant for Elements<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.field(key, value)
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

/// A map of one key and no value.
struct Entry<'k, K: ?Sized>(&'k K);

impl<K: Serialize + ?Sized> Serialize for Entry<'_, K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, &())?;
        map.end()
    }
}

/// How the names begin by which `serde_json` knows its own `RawValue` and `Number`.
const PRIVATE: &str = "$serde_json::private::";

/// A struct that has been opened.
enum Fields<'o> {
    Plain(Elements<'o>),
    /// One that only `serde_json` can write.
    Private(&'static str, &'o mut Vec<u8>),
}

impl SerializeStruct for Fields<'_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        match self {
            Fields::Plain(elements) => elements.field(key, value),
            Fields::Private(name, out) => {
                serde_json::to_writer(&mut **out, &Private { name, key, value })
            }
        }
    }

    #[inline]
    fn end(self) -> Result<(), Error> {
        match self {
            Fields::Plain(elements) => elements.close(),
            Fields::Private(..) => Ok(()),
        }
    }
}

/// A struct of one field.
struct Private<'v, T: ?Sized> {
    name: &'static str,
    key: &'static str,
    value: &'v T,
}

impl<T: Serialize + ?Sized> Serialize for Private<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct(self.name, 1)?;
        fields.serialize_field(self.key, self.value)?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;
    use serde_json::value::RawValue;

    use super::*;

    /// What is written here and what `serde_json` writes, errors included.
    fn assert_same(value: &(impl Serialize + ?Sized)) {
        let mut ours = b"before".to_vec();
        let ours = write(value, &mut ours)
            .map(|()| String::from_utf8(ours).expect("JSON is text"))
            .map_err(|error| error.to_string());
        let theirs = serde_json::to_string(value)
            .map(|json| format!("before{json}"))
            .map_err(|error| error.to_string());
        assert_eq!(ours, theirs);
    }

    #[derive(Serialize)]
    enum Shape {
        Unit,
        Newtype(Option<u8>),
        Tuple(i64, f32),
        Struct {
            text: String,
            char: char,
        },
        #[serde(rename = "a \"name\"")]
        Named(()),
    }

    #[derive(Serialize)]
    struct Unit;

    #[derive(Serialize)]
    struct Newtype(Unit);

    #[derive(Serialize)]
    struct Pair(u128, i128);

    #[derive(Serialize)]
    struct Record<'r> {
        none: Option<()>,
        empty: [u8; 0],
        raw: &'r RawValue,
        #[serde(rename = "\u{1}")]
        odd: BTreeMap<char, bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        skipped: Option<u8>,
    }

    #[test]
    fn every_kind_of_value_is_written_as_serde_json_writes_it() {
        assert_same(&(true, 1.5, f64::NAN, -7_i8, u64::MAX, 1e300, Unit, 'ü', '"'));
        assert_same(&[Shape::Unit, Shape::Newtype(None), Shape::Newtype(Some(1))]);
        assert_same(&Shape::Tuple(i64::MIN, 0.1));
        assert_same(&(Shape::Named(()), Newtype(Unit), Pair(u128::MAX, i128::MIN)));
        let (text, char) = ("a\tb".to_owned(), '\\');
        assert_same(&Shape::Struct { text, char });
        let raw = RawValue::from_string(r#"{ "as": [1e0, "it is"] }"#.to_owned());
        assert_same(&Record {
            none: None,
            empty: [],
            raw: &raw.expect("it is JSON"),
            odd: [('a', true), ('\n', false)].into(),
            skipped: None,
        });
        assert_same(&json!({"a": [], "b": {}, "c": [{"d": null}, -0.0, 1e-7]}));
        assert_same(&());
    }

    #[test]
    fn keys_are_text_or_become_text_or_are_refused() {
        assert_same(&BTreeMap::from([(1, 'a'), (-2, 'b')]));
        assert_same(&BTreeMap::from([(true, 1), (false, 0)]));
        assert_same(&BTreeMap::from([(String::new(), 1), ("\"".to_owned(), 0)]));
        assert_same(&BTreeMap::from([((), 1)]));
        assert_same(&BTreeMap::from([(vec![1], 1)]));
        assert_same(&BTreeMap::from([(("a", 1), 1)]));
    }

    #[test]
    fn text_is_escaped_wherever_a_special_character_stands() {
        for special in [
            '"', '\\', '\0', '\u{1f}', ' ', '\u{7f}', 'é', '\u{2028}', '😀',
        ] {
            for before in 0..40 {
                for after in [0, 1, 7, 33] {
                    let text = "x".repeat(before) + &special.to_string() + &"y".repeat(after);
                    assert_same(text.as_str());
                }
            }
        }
    }

    #[test]
    fn an_error_of_the_value_is_passed_on() {
        struct Broken;
        impl Serialize for Broken {
            fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("broken"))
            }
        }
        assert_same(&vec![Broken]);
        assert_same(&BTreeMap::from([("key", Broken)]));
    }
}
