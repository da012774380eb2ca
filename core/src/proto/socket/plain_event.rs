//! The packet that most packets are: an event without attachments, of a name without escapes. It is decoded
//! without a look at what stands behind the name, which whoever takes the arguments parses anyway.

use super::{is_reserved, split_id, split_namespace};
use crate::proto::json;

/// An event that is not known to be JSON behind its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlainEvent<'a> {
    /// As written, with its leading `/`; `/` when left out.
    pub(crate) namespace: &'a str,
    /// The ack that is asked for.
    pub(crate) id: Option<u64>,
    /// Begins as an array does.
    pub(crate) data: &'a str,
    pub(crate) name: &'a str,
    /// `,1,2]` of `["a",1,2]`.
    pub(crate) behind_name: &'a str,
}

impl<'a> PlainEvent<'a> {
    /// Decodes the text of one Engine.IO message. `None` for all other packets, and for many that break a
    /// rule: [`decode`](super::decode) tells.
    #[inline]
    pub(crate) fn decode(text: &'a str) -> Option<PlainEvent<'a>> {
        let (namespace, rest) = split_namespace(text.strip_prefix('2')?);
        let (id, data) = split_id(rest).ok()?;
        let quoted = data.strip_prefix("[\"")?;
        let is_mark = |byte: u8| byte < 0x20 || matches!(byte, b'"' | b'\\');
        let end = quoted.bytes().position(is_mark)?;
        let (name, behind) = quoted.split_at(end);
        let behind_name = behind.strip_prefix('"')?;
        (!is_reserved(name)).then_some(PlainEvent {
            namespace,
            id,
            data,
            name,
            behind_name,
        })
    }

    /// Whether its data is JSON.
    pub(crate) fn is_valid(&self) -> bool {
        json::is_valid(self.data)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PacketType, decode};
    use super::*;

    #[test]
    fn what_is_decoded_is_what_the_whole_decoder_gives() {
        for text in [
            r#"2["a"]"#,
            r#"2["",1]"#,
            r#"2/admin,12["hello",{"a":[1]}]"#,
            r#"2["connected"]"#,
            "2[\"é\"]",
        ] {
            let plain = PlainEvent::decode(text).expect(text);
            let whole = decode(text, 0).expect(text);
            assert_eq!(whole.kind, PacketType::Event);
            assert_eq!(
                (whole.namespace, whole.id, whole.data),
                (plain.namespace, plain.id, Some(plain.data))
            );
            assert!(plain.is_valid());
            assert_eq!(
                format!("[\"{}\"{}", plain.name, plain.behind_name),
                plain.data
            );
        }
    }

    #[test]
    fn whatever_is_no_plain_event_is_left_to_the_whole_decoder() {
        for text in [
            "",
            "0",
            "2",
            "2[]",
            "2[1]",
            r#"2 ["a"]"#,
            r#"2[ "a"]"#,
            r#"2["a\"b"]"#,
            "2[\"a\nb\"]",
            r#"2["a"#,
            r#"2["connect"]"#,
            r#"2["disconnecting"]"#,
            r#"299999999999999999999["a"]"#,
            r#"31["a"]"#,
            r#"51-["a",{"_placeholder":true,"num":0}]"#,
        ] {
            assert_eq!(PlainEvent::decode(text), None, "{text}");
        }
    }

    #[test]
    fn a_packet_without_its_end_is_not_valid() {
        for text in [r#"2["a""#, r#"2["a",]"#, r#"2["a"]]"#, r#"2["a",tru]"#] {
            let plain = PlainEvent::decode(text).expect(text);
            assert!(!plain.is_valid(), "{text}");
            assert!(decode(text, 0).is_err(), "{text}");
        }
    }
}
