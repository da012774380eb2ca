//! What is sent: a name and arguments as C gives them become one checked JSON array.

use std::ffi::c_char;
use std::mem::offset_of;

use bytes::Bytes;
use serde_json::value::RawValue;
use sori_core::embed::{Payload, Telling};

use crate::pointer::{self, Extensible, sori_bytes};
use crate::status::{Failure, guard, sori_status};

/// Drop the message for clients that cannot take it at once.
pub const SORI_EMIT_VOLATILE: u32 = 1;
/// Of sori_server_broadcast_with_ack() alone: SORI_EVENT_BROADCAST_ANSWER tells of each answer when it
/// comes, and SORI_EVENT_BROADCAST_ACK then has none.
pub const SORI_EMIT_ANSWERS_ONE_BY_ONE: u32 = 2;

/// How to send a message, beyond its name and arguments.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct sori_emit_options {
    /// sizeof(sori_emit_options), set by sori_emit_options_default().
    pub size: usize,
    /// Binary attachments. The arguments name the one at index N by {"_placeholder":true,"num":N}.
    pub attachments: *const sori_bytes,
    /// How many attachments there are. Default 0.
    pub attachment_count: usize,
    /// Of SORI_EMIT_*. Default 0. An answer to an ack takes none.
    pub flags: u32,
}

// SAFETY: repr(C), the size first; integers and a pointer that is checked when it is used.
unsafe impl Extensible for sori_emit_options {
    const FIRST_SIZE: usize = offset_of!(sori_emit_options, flags) + size_of::<u32>();

    fn defaults() -> sori_emit_options {
        sori_emit_options {
            size: size_of::<sori_emit_options>(),
            attachments: std::ptr::null(),
            attachment_count: 0,
            flags: 0,
        }
    }
}

/// Fills `options` with the defaults. `size` is sizeof(*options).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_emit_options_default(
    options: *mut sori_emit_options,
    size: usize,
) -> sori_status {
    guard(|| {
        let defaults = sori_emit_options::defaults();
        // SAFETY: the header's rules.
        unsafe { pointer::write_extensible(options, size, defaults, "options") }
    })
}

/// A message, checked.
#[derive(Debug)]
pub(crate) struct Message {
    json: Vec<u8>,
    attachments: Vec<Bytes>,
    pub(crate) is_volatile: bool,
    /// Of an event that many are asked to answer.
    pub(crate) telling: Telling,
}

impl Message {
    /// An event: `args` is NULL or a JSON array.
    ///
    /// # Safety
    /// Texts are NULL or texts; `options` is NULL or options.
    pub(crate) unsafe fn event(
        name: *const c_char,
        args: *const c_char,
        options: *const sori_emit_options,
    ) -> Result<Message, Failure> {
        // SAFETY: the caller's promise.
        unsafe { Message::event_with(name, args, options, SORI_EMIT_VOLATILE) }
    }

    /// An event that many are asked to answer.
    ///
    /// # Safety
    /// As [`Message::event`].
    pub(crate) unsafe fn asking_many(
        name: *const c_char,
        args: *const c_char,
        options: *const sori_emit_options,
    ) -> Result<Message, Failure> {
        let flags = SORI_EMIT_VOLATILE | SORI_EMIT_ANSWERS_ONE_BY_ONE;
        // SAFETY: the caller's promise.
        unsafe { Message::event_with(name, args, options, flags) }
    }

    unsafe fn event_with(
        name: *const c_char,
        args: *const c_char,
        options: *const sori_emit_options,
        flags: u32,
    ) -> Result<Message, Failure> {
        // SAFETY: the caller's promise.
        unsafe {
            let name = pointer::text(name, "event_name")?;
            let args = pointer::optional_text(args, "args")?;
            Message::new(event_json(name, args)?, options, flags)
        }
    }

    /// The answer to an event: `args` is NULL or a JSON array.
    ///
    /// # Safety
    /// As [`Message::event`].
    pub(crate) unsafe fn answer(
        args: *const c_char,
        options: *const sori_emit_options,
    ) -> Result<Message, Failure> {
        // SAFETY: the caller's promise.
        unsafe {
            let args = pointer::optional_text(args, "args")?;
            let inner = args.map_or(Ok(""), inner_of_array)?;
            Message::new(format!("[{inner}]").into(), options, SORI_EMIT_VOLATILE)
        }
    }

    pub(crate) fn payload(&self) -> Payload<'_> {
        Payload {
            json: &self.json,
            attachments: self.attachments.clone(),
        }
    }

    unsafe fn new(
        json: Vec<u8>,
        options: *const sori_emit_options,
        allowed_flags: u32,
    ) -> Result<Message, Failure> {
        if options.is_null() {
            return Ok(Message {
                json,
                attachments: Vec::new(),
                is_volatile: false,
                telling: Telling::Together,
            });
        }
        // SAFETY: the caller's promise, and not NULL.
        let options = unsafe { pointer::read_extensible(options, "options") }?;
        if options.flags & !allowed_flags != 0 {
            return Err(Failure::invalid(
                "options.flags has a flag that is not known here",
            ));
        }
        // SAFETY: the caller's promise.
        let attachments = unsafe {
            pointer::slice(
                options.attachments,
                options.attachment_count,
                "options.attachments",
            )?
            .iter()
            .map(|each| pointer::slice(each.data, each.length, "options.attachments[].data"))
            .map(|bytes| bytes.map(Bytes::copy_from_slice))
            .collect::<Result<_, _>>()?
        };
        Ok(Message {
            json,
            attachments,
            is_volatile: options.flags & SORI_EMIT_VOLATILE != 0,
            telling: match options.flags & SORI_EMIT_ANSWERS_ONE_BY_ONE {
                0 => Telling::Together,
                _ => Telling::OneByOne,
            },
        })
    }
}

/// The JSON object that a refused client is given.
pub(crate) fn error_json(message: &str, data: Option<&str>) -> Result<String, Failure> {
    let message = quote(message);
    match data {
        None => Ok(format!(r#"{{"message":{message}}}"#)),
        Some(data) => {
            let data = checked(data, "data")?;
            Ok(format!(r#"{{"message":{message},"data":{data}}}"#))
        }
    }
}

fn event_json(name: &str, args: Option<&str>) -> Result<Vec<u8>, Failure> {
    let inner = args.map_or(Ok(""), inner_of_array)?;
    let mut json = Vec::with_capacity(name.len() + inner.len() + "[\"\",]".len());
    json.push(b'[');
    if name.bytes().all(is_plain) {
        json.push(b'"');
        json.extend_from_slice(name.as_bytes());
        json.push(b'"');
    } else {
        json.extend_from_slice(quote(name).as_bytes());
    }
    if !inner.is_empty() {
        json.push(b',');
        json.extend_from_slice(inner.as_bytes());
    }
    json.push(b']');
    Ok(json)
}

/// What stands between the brackets of a JSON array.
fn inner_of_array(text: &str) -> Result<&str, Failure> {
    let array = checked(text, "args")?;
    let inner = array
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .ok_or_else(|| invalid_json("args is no JSON array"))?;
    Ok(inner.trim_matches(IS_SPACE))
}

/// `text` without the whitespace around it, if it is JSON.
fn checked<'a>(text: &'a str, name: &'static str) -> Result<&'a str, Failure> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(value) => Ok(value.get()),
        Err(error) => Err(invalid_json(format!("{name}: {error}"))),
    }
}

fn invalid_json(detail: impl Into<std::borrow::Cow<'static, str>>) -> Failure {
    Failure::new(sori_status::SORI_INVALID_JSON, detail)
}

/// Whether a byte stands for itself between quotes.
fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte != b'"' && byte != b'\\'
}

fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// JSON's whitespace (RFC 8259 §2).
const IS_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, args: Option<&str>) -> String {
        String::from_utf8(event_json(name, args).unwrap()).unwrap()
    }

    #[test]
    fn name_and_arguments_become_one_array() {
        assert_eq!(event("hi", None), r#"["hi"]"#);
        assert_eq!(event("hi", Some(" [ ] ")), r#"["hi"]"#);
        assert_eq!(
            event("hi", Some("[1, {\"a\":[]}]")),
            r#"["hi",1, {"a":[]}]"#
        );
        assert_eq!(event("a\"\n소리", Some("[1]")), r#"["a\"\n소리",1]"#);
    }

    #[test]
    fn arguments_that_are_no_json_array_are_refused() {
        for args in [
            "",
            "1",
            "[1",
            "[1]]",
            "[1],[2]",
            "{}",
            "[\"\u{1}\"]",
            "[1,]",
        ] {
            let failure = event_json("hi", Some(args)).unwrap_err();
            assert_eq!(failure.status, sori_status::SORI_INVALID_JSON, "{args}");
        }
    }

    #[test]
    fn depth_of_nesting_does_not_matter() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(event_json("hi", Some(&deep)).is_ok());
    }

    #[test]
    fn a_refusal_carries_its_data() {
        let error = error_json("not \"you\"", Some(" {\"code\":1} ")).unwrap();
        assert_eq!(error, r#"{"message":"not \"you\"","data":{"code":1}}"#);
        assert!(error_json("no", Some("{")).is_err());
    }
}
