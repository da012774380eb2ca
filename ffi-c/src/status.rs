//! How a call went, and the guard that every call passes.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use sori_core::Error;
use sori_core::server::pull::Gone;

/// How a call went. Values are never renumbered; new ones may be added.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum sori_status {
    /// All is well.
    SORI_OK = 0,
    /// A pointer is NULL that must not be.
    SORI_NULL_ARGUMENT = 1,
    /// An argument or a setting cannot be what it is; sori_last_error() says why.
    SORI_INVALID_ARGUMENT = 2,
    /// A text is no JSON, or not of the kind that is asked for.
    SORI_INVALID_JSON = 3,
    /// The socket has disconnected, was never accepted, or was accepted or refused before.
    SORI_GONE = 4,
    /// The server, or the client, has been closed.
    SORI_CLOSED = 5,
    /// The operating system refused; sori_last_error() says what.
    SORI_IO = 6,
    /// This system has no such thing.
    #[cfg_attr(unix, allow(dead_code, reason = "all is supported there"))]
    SORI_UNSUPPORTED = 7,
    /// A bug in Sori. The server may be in disorder: free it.
    SORI_PANIC = 8,
    /// More waits to be sent than the client's options allow; nothing was queued.
    SORI_FULL = 9,
}

use sori_status::*;

/// What a status means, in English. Static; never NULL, whatever the number.
#[unsafe(no_mangle)]
pub extern "C" fn sori_status_text(status: i32) -> *const c_char {
    let text = match status {
        0 => c"ok",
        1 => c"a pointer is NULL that must not be",
        2 => c"invalid argument",
        3 => c"invalid JSON",
        4 => c"no such socket",
        5 => c"it is closed",
        6 => c"the operating system refused",
        7 => c"not supported on this system",
        8 => c"internal error",
        9 => c"too much waits to be sent",
        _ => c"unknown status",
    };
    text.as_ptr()
}

/// More about the last call of this thread that did not give SORI_OK, for people. Never NULL; lives
/// until the next such call of this thread.
#[unsafe(no_mangle)]
pub extern "C" fn sori_last_error() -> *const c_char {
    LAST_ERROR
        .try_with(|last| last.borrow().as_ptr())
        .unwrap_or(c"".as_ptr())
}

thread_local! {
    static LAST_ERROR: RefCell<CString> = RefCell::default();
}

/// Why a call fails.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: sori_status,
    pub(crate) detail: Cow<'static, str>,
}

impl Failure {
    pub(crate) fn new(status: sori_status, detail: impl Into<Cow<'static, str>>) -> Failure {
        Failure {
            status,
            detail: detail.into(),
        }
    }

    /// The argument of that name must not be NULL.
    pub(crate) fn null(argument: &'static str) -> Failure {
        Failure::new(SORI_NULL_ARGUMENT, format!("{argument} is NULL"))
    }

    pub(crate) fn gone() -> Failure {
        Failure::new(SORI_GONE, "no such socket")
    }

    pub(crate) fn invalid(detail: impl Into<Cow<'static, str>>) -> Failure {
        Failure::new(SORI_INVALID_ARGUMENT, detail)
    }
}

impl From<Gone> for Failure {
    fn from(_: Gone) -> Failure {
        Failure::gone()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let status = match error {
            Error::Misuse(_) => SORI_INVALID_ARGUMENT,
            Error::Io(..) => SORI_IO,
            Error::Closed => SORI_CLOSED,
            Error::Full => SORI_FULL,
            // The enum may grow; what it then means is in its text.
            _ => SORI_INVALID_ARGUMENT,
        };
        Failure::new(status, error.to_string())
    }
}

/// Runs the body of a call; a panic ends here.
pub(crate) fn guard(body: impl FnOnce() -> Result<(), Failure>) -> sori_status {
    let failure = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return SORI_OK,
        Ok(Err(failure)) => failure,
        Err(panic) => {
            // Its destructor might panic again.
            std::mem::forget(panic);
            Failure::new(SORI_PANIC, "internal error")
        }
    };
    remember(&failure.detail);
    failure.status
}

/// Runs the body of a call that cannot fail: it gives `otherwise` where it finds nothing.
pub(crate) fn guard_or<T>(otherwise: T, body: impl FnOnce() -> Option<T>) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(found) => found.unwrap_or(otherwise),
        Err(panic) => {
            std::mem::forget(panic);
            otherwise
        }
    }
}

fn remember(detail: &str) {
    // No detail is written with a NUL; one that quotes the caller may be cut there.
    let text = detail.split('\0').next().unwrap_or_default();
    let text = CString::new(text).unwrap_or_default();
    // A thread that is ending has nobody left to ask.
    let _ = LAST_ERROR.try_with(|last| last.replace(text));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    fn last_error() -> String {
        // SAFETY: never NULL, and no call comes between.
        let text = unsafe { CStr::from_ptr(sori_last_error()) };
        text.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_panic_becomes_a_status() {
        assert_eq!(guard(|| panic!("on purpose")), SORI_PANIC);
        assert_eq!(last_error(), "internal error");
        assert_eq!(guard_or(7, || panic!("on purpose")), 7);
    }

    #[test]
    fn the_last_error_stays_until_the_next_one() {
        assert_eq!(guard(|| Err(Failure::null("server"))), SORI_NULL_ARGUMENT);
        assert_eq!(guard(|| Ok(())), SORI_OK);
        assert_eq!(last_error(), "server is NULL");
        assert_eq!(
            guard(|| Err(Failure::invalid("cut\0here"))),
            SORI_INVALID_ARGUMENT
        );
        assert_eq!(last_error(), "cut");
    }

    #[test]
    fn every_status_has_a_text() {
        let text = |status| {
            // SAFETY: the texts are static.
            unsafe { CStr::from_ptr(sori_status_text(status)) }
        };
        for status in SORI_OK as i32..=SORI_FULL as i32 {
            assert_ne!(text(status), c"unknown status");
        }
        for status in [i32::MIN, -1, SORI_FULL as i32 + 1, i32::MAX] {
            assert_eq!(text(status), c"unknown status");
        }
    }
}
