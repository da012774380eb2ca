//! How WebSockets compress (permessage-deflate) as a C struct, for Socket.IO and for plain WebSockets.

use std::mem::offset_of;

use sori_core::config::{DeflateOptions, WindowLimit};

use crate::pointer::{self, Extensible};
use crate::status::{Failure, guard, sori_status};

/// The window is the one that the client asks for.
pub const SORI_WINDOW_AS_ASKED: u32 = 0;
/// The window is not limited; an offer that limits the server's is declined.
pub const SORI_WINDOW_UNLIMITED: u32 = 1;

/// The server forgets each message before the next when the client asks for it.
pub const SORI_CONTEXT_AS_ASKED: u32 = 0;
/// It always does: less memory, larger messages.
pub const SORI_CONTEXT_FORGOTTEN: u32 = 1;
/// It never does; an offer that asks for it is declined.
pub const SORI_CONTEXT_KEPT: u32 = 2;

/// How messages over WebSockets are compressed for clients that can (permessage-deflate, RFC 7692). Fill
/// it with sori_deflate_options_default(), change what you want, and let the settings of a server or of
/// a path of plain WebSockets point to it.
///
/// A client may make several offers. One that makes none goes without compression; one whose offers are
/// all declined is turned away (400), as by npm ws.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct sori_deflate_options {
    /// sizeof(sori_deflate_options), set by sori_deflate_options_default().
    pub size: usize,
    /// Where no message is remembered, those of fewer bytes go as they are. Default 1,024.
    pub threshold: usize,
    /// Where they are remembered, so many bytes of what a client was sent are kept for the next message
    /// to refer to, for each client. Default 4,096.
    pub history: usize,
    /// zlib's level, 1 (fast) to 9 (small). Default 6.
    pub level: u32,
    /// The window of what the server sends: at most so many bits, 8 to 15, where offers of less are
    /// declined, or of SORI_WINDOW_*. Default SORI_WINDOW_AS_ASKED.
    pub server_max_window_bits: u32,
    /// The window of what clients send: at most so many bits, 8 to 15, where clients that cannot limit
    /// theirs are declined, or of SORI_WINDOW_*. Default SORI_WINDOW_AS_ASKED.
    pub client_max_window_bits: u32,
    /// Whether the server forgets each message before the next, of SORI_CONTEXT_*. Default
    /// SORI_CONTEXT_AS_ASKED.
    pub server_no_context_takeover: u32,
    /// Whether clients have to: 1 or 0. Default 0: as they like.
    pub client_no_context_takeover: u32,
}

// SAFETY: repr(C), the size first; integers.
unsafe impl Extensible for sori_deflate_options {
    const FIRST_SIZE: usize =
        offset_of!(sori_deflate_options, client_no_context_takeover) + size_of::<u32>();

    fn defaults() -> sori_deflate_options {
        let options = DeflateOptions::default();
        sori_deflate_options {
            size: size_of::<sori_deflate_options>(),
            threshold: options.threshold,
            history: options.history,
            level: options.level.into(),
            server_max_window_bits: SORI_WINDOW_AS_ASKED,
            client_max_window_bits: SORI_WINDOW_AS_ASKED,
            server_no_context_takeover: SORI_CONTEXT_AS_ASKED,
            client_no_context_takeover: 0,
        }
    }
}

/// What a `deflate` points to, if it points to anything.
///
/// # Safety
/// `options` is NULL or options.
pub(crate) unsafe fn pointed_to(
    options: *const sori_deflate_options,
) -> Result<Option<DeflateOptions>, Failure> {
    if options.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise, and not NULL.
    let options = unsafe { pointer::read_extensible(options, "options.deflate") }?;
    Ok(Some(DeflateOptions {
        threshold: options.threshold,
        history: options.history,
        level: level(options.level),
        server_max_window_bits: window(options.server_max_window_bits),
        client_max_window_bits: window(options.client_max_window_bits),
        server_no_context_takeover: match options.server_no_context_takeover {
            SORI_CONTEXT_AS_ASKED => None,
            SORI_CONTEXT_FORGOTTEN => Some(true),
            SORI_CONTEXT_KEPT => Some(false),
            _ => {
                return Err(Failure::invalid(
                    "options.deflate: server_no_context_takeover is none of SORI_CONTEXT_*",
                ));
            }
        },
        client_no_context_takeover: options.client_no_context_takeover != 0,
    }))
}

/// What does not fit is no level either.
pub(crate) fn level(level: u32) -> u8 {
    u8::try_from(level).unwrap_or(u8::MAX)
}

/// What does not fit is no window either.
fn window(bits: u32) -> WindowLimit {
    match bits {
        SORI_WINDOW_AS_ASKED => WindowLimit::Open,
        SORI_WINDOW_UNLIMITED => WindowLimit::Unlimited,
        bits => WindowLimit::Bits(u8::try_from(bits).unwrap_or(u8::MAX)),
    }
}

/// Fills `options` with the defaults. `size` is sizeof(*options).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_deflate_options_default(
    options: *mut sori_deflate_options,
    size: usize,
) -> sori_status {
    guard(|| {
        let defaults = sori_deflate_options::defaults();
        // SAFETY: the header's rules.
        unsafe { pointer::write_extensible(options, size, defaults, "options") }
    })
}
