//! The two texts that cross between the languages all the time, without a needless look or copy.

use std::cell::Cell;

use napi::bindgen_prelude::{FromNapiValue, Result, ToNapiValue, TypeName, ValidateNapiValue};
use napi::{Error, Status, ValueType, sys};

/// A batch's JSON text on its way into JavaScript: Latin-1 when it is ASCII, which V8 copies
/// without looking at it.
pub(crate) struct BatchText(pub(crate) Vec<u8>);

impl ToNapiValue for BatchText {
    unsafe fn to_napi_value(env: sys::napi_env, value: Self) -> Result<sys::napi_value> {
        let mut result = std::ptr::null_mut();
        let (text, length) = (value.0.as_ptr().cast(), value.0.len() as isize);
        // SAFETY: `env` is the environment of the running callback; text and length are of one
        // vector, which outlives the call; both functions copy.
        let status = unsafe {
            if value.0.is_ascii() {
                sys::napi_create_string_latin1(env, text, length, &raw mut result)
            } else {
                sys::napi_create_string_utf8(env, text, length, &raw mut result)
            }
        };
        checked(status, "cannot make a string of a batch of events")?;
        Ok(result)
    }
}

/// A turn's operations on their way out of JavaScript, in a buffer that the next turn uses again.
pub struct Operations {
    buffer: Vec<u8>,
    written: usize,
}

thread_local! {
    /// The buffer between two turns. JavaScript of one environment runs on one thread.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What the buffer begins with, and what it may keep.
const BUFFER_SIZE: usize = 64 * 1024;
const BUFFER_KEPT: usize = 2 * 1024 * 1024;

/// A character's bytes and the terminating zero: with less room than this left, some text may have
/// been cut off.
const ROOM_FOR_ONE_MORE: usize = 5;

impl Operations {
    pub(crate) fn text(&self) -> &str {
        // Node writes valid UTF-8; should it ever not, the turn is lost and nothing else.
        simdutf8::basic::from_utf8(&self.buffer[..self.written]).unwrap_or_default()
    }
}

impl Drop for Operations {
    fn drop(&mut self) {
        if self.buffer.len() <= BUFFER_KEPT {
            BUFFER.set(std::mem::take(&mut self.buffer));
        }
    }
}

impl FromNapiValue for Operations {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        let mut buffer = BUFFER.take();
        buffer.resize(buffer.len().max(BUFFER_SIZE), 0);
        loop {
            let mut written = 0;
            // SAFETY: `env` and `value` are the running call's; the pointer and the length are of
            // one initialised vector, within which Node writes.
            let status = unsafe {
                let (at, room) = (buffer.as_mut_ptr().cast(), buffer.len());
                sys::napi_get_value_string_utf8(env, value, at, room, &raw mut written)
            };
            checked(status, "operations are a string")?;
            if written + ROOM_FOR_ONE_MORE <= buffer.len() {
                return Ok(Operations { buffer, written });
            }
            buffer.resize(buffer.len() * 2, 0);
        }
    }
}

impl TypeName for Operations {
    fn type_name() -> &'static str {
        "String"
    }

    fn value_type() -> ValueType {
        ValueType::String
    }
}

impl ValidateNapiValue for Operations {}

fn checked(status: sys::napi_status, what: &str) -> Result<()> {
    if status == sys::Status::napi_ok {
        Ok(())
    } else {
        Err(Error::new(Status::from(status), what))
    }
}
