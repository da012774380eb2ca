//! The texts of an event, each with a NUL behind it, in one block. Those of a message are made in place
//! of what the client sent: it is not copied again.
//!
//! ```text
//! sent by the client    [ " h i " , 1 , " t w o " ]
//! name and arguments    [ " h i 0 [ 1 , " t w o " ] 0        0 is a NUL
//! ```

use std::borrow::Cow;

use sori_core::proto::socket::{event_args, event_name};

use crate::pointer::sori_text;

/// Which text. They come in pairs: an event has one or both of a pair, and none of the others.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Text {
    Name,
    Args,
    Auth,
    RecoveryData,
    Reason,
    Description,
}

impl Text {
    /// Which pair it belongs to, and which of the two it is.
    fn of_pair(self) -> (u8, usize) {
        (self as u8 / 2, self as usize % 2)
    }
}

/// The texts of an event.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    block: Vec<u8>,
    pair: u8,
    places: [Place; 2],
}

/// Where a text is.
#[derive(Clone, Copy, Debug, Default)]
enum Place {
    #[default]
    Nowhere,
    /// In the block; `end` is where its NUL is.
    Block { start: usize, end: usize },
    /// It is an array without elements, of which there is one for all.
    EmptyArray,
}

impl Texts {
    /// Texts of `length` bytes altogether.
    pub(crate) fn with_room_for(length: usize) -> Texts {
        Texts {
            block: Vec::with_capacity(length + 2),
            ..Texts::default()
        }
    }

    /// Name and arguments of a message, whose `data` is a valid JSON array and has room for one byte
    /// more.
    pub(crate) fn of_message(data: String) -> Texts {
        let name = event_name(&data).unwrap_or_default();
        let name = match &name {
            // A quote stands behind it, which becomes its NUL.
            Cow::Borrowed(part) => place_of(part, &data)
                .filter(|(_, end)| data.as_bytes().get(*end) == Some(&b'"'))
                .ok_or_else(|| (*part).to_owned()),
            Cow::Owned(unescaped) => Err(unescaped.clone()),
        };
        let args = place_of(event_args(&data), &data);

        let mut texts = Texts {
            block: data.into_bytes(),
            ..Texts::default()
        };
        let args = match args {
            Some((start, end)) => texts.bracket(start, end),
            None => Place::EmptyArray,
        };
        texts.set(Text::Args, args);
        match name {
            Ok((start, end)) => {
                texts.block[end] = 0;
                texts.set(Text::Name, Place::Block { start, end });
            }
            Err(name) => texts.put(Text::Name, &name),
        }
        texts
    }

    /// Puts brackets and a NUL around what stands in the block: a comma or a space comes before it, a
    /// bracket or a space behind it.
    fn bracket(&mut self, start: usize, end: usize) -> Place {
        self.block[start - 1] = b'[';
        self.block[end] = b']';
        match self.block.get_mut(end + 1) {
            Some(byte) => *byte = 0,
            None => self.block.push(0),
        }
        Place::Block {
            start: start - 1,
            end: end + 1,
        }
    }

    /// Appends a text.
    pub(crate) fn put(&mut self, text: Text, content: &str) {
        let start = self.block.len();
        self.block.extend_from_slice(content.as_bytes());
        self.block.push(0);
        let end = self.block.len() - 1;
        self.set(text, Place::Block { start, end });
    }

    fn set(&mut self, text: Text, place: Place) {
        let (pair, which) = text.of_pair();
        if self.pair != pair {
            debug_assert!(matches!(self.places, [Place::Nowhere, Place::Nowhere]));
            self.pair = pair;
        }
        self.places[which] = place;
    }

    fn place(&self, text: Text) -> Place {
        let (pair, which) = text.of_pair();
        match self.pair == pair {
            true => self.places[which],
            false => Place::Nowhere,
        }
    }

    pub(crate) fn view(&self, text: Text) -> Option<sori_text> {
        match self.place(text) {
            Place::Nowhere => None,
            Place::Block { start, end } => Some(sori_text::of(self.block.get(start..=end)?)),
            Place::EmptyArray => Some(sori_text::of(b"[]\0")),
        }
    }

    /// A text without its NUL; empty if there is none.
    pub(crate) fn bytes(&self, text: Text) -> &[u8] {
        match self.place(text) {
            Place::Nowhere => &[],
            Place::Block { start, end } => self.block.get(start..end).unwrap_or_default(),
            Place::EmptyArray => b"[]",
        }
    }
}

/// Where `part`, if there is anything of it, begins and ends in `whole`, of which it is a part.
fn place_of(part: &str, whole: &str) -> Option<(usize, usize)> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let end = start.checked_add(part.len())?;
    (!part.is_empty() && end < whole.len()).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(data: &str) -> (String, String) {
        let mut owned = String::with_capacity(data.len() + 1);
        owned.push_str(data);
        let texts = Texts::of_message(owned);
        for text in [Text::Name, Text::Args] {
            let view = texts.view(text).unwrap();
            // SAFETY: the text is in `texts`, which is still here.
            let seen =
                unsafe { std::slice::from_raw_parts(view.data.cast::<u8>(), view.length + 1) };
            assert_eq!(seen, [texts.bytes(text), b"\0"].concat(), "{data}");
        }
        let text = |text| String::from_utf8(texts.bytes(text).to_vec()).unwrap();
        (text(Text::Name), text(Text::Args))
    }

    #[test]
    fn name_and_arguments_are_found_in_what_the_client_sent() {
        for (data, name, args) in [
            (r#"["hi"]"#, "hi", "[]"),
            (r#"["hi",1]"#, "hi", "[1]"),
            (r#"["hi",1,"two"]"#, "hi", r#"[1,"two"]"#),
            (
                r#"[ "hi" , [ ] , {"a":"]"} ] "#,
                "hi",
                r#"[[ ] , {"a":"]"}]"#,
            ),
            (r#"["",""]"#, "", r#"[""]"#),
            (r#"[""]"#, "", "[]"),
            (r#"["a\nb",1]"#, "a\nb", "[1]"),
            (r#"["a\"b" , 1]"#, "a\"b", "[1]"),
            (r#"["소리","소리"]"#, "소리", r#"["소리"]"#),
            ("[7,8]", "7", "[8]"),
            ("[7 ,8 ]", "7", "[8]"),
            ("[7]", "7", "[]"),
        ] {
            assert_eq!(of(data), (name.to_owned(), args.to_owned()), "{data}");
        }
    }

    #[test]
    fn nothing_that_a_client_may_send_is_a_crash() {
        for data in [
            "", "[", "[]", "null", "[null]", "[\"", "[\"a\"", "[,]", "[[1],2]",
        ] {
            of(data);
        }
    }
}
