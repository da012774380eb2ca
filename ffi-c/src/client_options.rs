//! A client's settings as a C struct.

use std::ffi::{CStr, c_char};
use std::mem::offset_of;
use std::time::Duration;

use sori_core::TransportKind;
use sori_core::client::{Config, Reconnection};

use crate::options::{SORI_TRANSPORT_POLLING, SORI_TRANSPORT_WEBSOCKET};
use crate::pointer::{self, Extensible};
use crate::status::{Failure, guard, sori_status};

/// The settings of a client. Fill them with sori_client_options_default(), then change what you
/// want.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct sori_client_options {
    /// sizeof(sori_client_options), set by sori_client_options_default().
    pub size: usize,
    /// Path under which the server listens. Default "/socket.io/".
    pub path: *const c_char,
    /// Headers of every request, each as "Name: value". Default NULL: none.
    pub headers: *const *const c_char,
    /// How many headers there are. Default 0.
    pub header_count: usize,
    /// Certificates in PEM, one behind the other, that are trusted beside those of the system.
    /// Default NULL: none.
    pub root_certificates: *const c_char,
    /// The transports to use, of SORI_TRANSPORT_*. With both, polling comes first and is upgraded.
    /// Default: both.
    pub transports: u32,
    /// Whether the client comes back after it lost its connection or got none: 1 or 0. Default 1.
    pub reconnection: u32,
    /// Wait before the first attempt to come back; each further one waits twice as long. Default
    /// 1,000.
    pub reconnection_delay_ms: u32,
    /// Longest such wait. Default 5,000.
    pub reconnection_delay_max_ms: u32,
    /// How far such a wait may be off its mark at random, from 0 to 1. Default 0.5.
    pub randomization_factor: f64,
    /// Attempts in a row before the client gives up. 0, the default: no limit.
    pub reconnection_attempts: u32,
    /// How long connecting may take, handshake included. Default 20,000.
    pub timeout_ms: u32,
    /// How long a closing connection is given to send what is queued. Default 5,000.
    pub close_timeout_ms: u32,
    /// Most binary attachments in one packet of the server. Default 10.
    pub max_attachments: u32,
    /// Largest message that the server may send, in bytes; over it the connection is closed. Default
    /// 16 MiB.
    pub max_payload: usize,
    /// Most bytes that wait to be sent, for the server or for a connection; over it emits give
    /// SORI_FULL. A single message may be larger. Default 16 MiB.
    pub max_queued_bytes: usize,
    /// Most events that wait for sori_client_poll() before the client stops reading. Nothing is lost
    /// then. It stops at 64 MiB of messages too. Default 65,536.
    pub max_pending_events: usize,
    /// Whether a polling connection tries to become a WebSocket, if `transports` has both: 1 or 0.
    /// Default 1.
    pub upgrade: u32,
}

// SAFETY: repr(C), the size first; numbers, and pointers that are checked when they are used.
unsafe impl Extensible for sori_client_options {
    const FIRST_SIZE: usize =
        offset_of!(sori_client_options, max_pending_events) + size_of::<usize>();

    fn defaults() -> sori_client_options {
        let config = Config::default();
        let reconnection = Reconnection::default();
        sori_client_options {
            size: size_of::<sori_client_options>(),
            path: DEFAULT_PATH.as_ptr(),
            headers: std::ptr::null(),
            header_count: 0,
            root_certificates: std::ptr::null(),
            transports: SORI_TRANSPORT_POLLING | SORI_TRANSPORT_WEBSOCKET,
            reconnection: config.reconnection.is_some().into(),
            reconnection_delay_ms: milliseconds(reconnection.delay),
            reconnection_delay_max_ms: milliseconds(reconnection.delay_max),
            randomization_factor: reconnection.randomization_factor,
            reconnection_attempts: reconnection.attempts.unwrap_or(0),
            timeout_ms: milliseconds(config.timeout),
            close_timeout_ms: milliseconds(config.close_timeout),
            max_attachments: config.max_attachments,
            max_payload: config.max_payload,
            max_queued_bytes: config.max_queued_bytes,
            max_pending_events: config.max_pending_events,
            upgrade: config.upgrade.into(),
        }
    }
}

const DEFAULT_PATH: &CStr = c"/socket.io/";

pub(crate) fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

impl sori_client_options {
    /// # Safety
    /// Texts are NULL or texts; `headers` is as long as it says.
    pub(crate) unsafe fn config(&self) -> Result<Config, Failure> {
        let mut config = Config::default();
        // SAFETY: the caller's promise.
        unsafe {
            if let Some(path) = pointer::optional_text(self.path, "options.path")? {
                path.clone_into(&mut config.path);
            }
            let certificates = "options.root_certificates";
            if let Some(pem) = pointer::optional_text(self.root_certificates, certificates)? {
                config.root_certificates.push(pem.into());
            }
            config.extra_headers = headers(self.headers, self.header_count)?;
        }
        config.transports = transports(self.transports)?;
        config.upgrade = self.upgrade != 0;
        config.reconnection = (self.reconnection != 0).then(|| Reconnection {
            delay: Duration::from_millis(self.reconnection_delay_ms.into()),
            delay_max: Duration::from_millis(self.reconnection_delay_max_ms.into()),
            randomization_factor: self.randomization_factor,
            attempts: (self.reconnection_attempts > 0).then_some(self.reconnection_attempts),
        });
        config.timeout = Duration::from_millis(self.timeout_ms.into());
        config.close_timeout = Duration::from_millis(self.close_timeout_ms.into());
        config.max_attachments = self.max_attachments;
        config.max_payload = self.max_payload;
        config.max_queued_bytes = self.max_queued_bytes;
        config.max_pending_events = self.max_pending_events;
        Ok(config)
    }
}

/// Headers that are each written "Name: value".
///
/// # Safety
/// NULL or a list of `count` texts.
pub(crate) unsafe fn headers(
    headers: *const *const c_char,
    count: usize,
) -> Result<Vec<(String, String)>, Failure> {
    // SAFETY: the caller's promise.
    let headers = unsafe { pointer::texts(headers, count, "options.headers") }?;
    let fields = headers.into_iter().map(|header| {
        let (name, value) = header.split_once(':').ok_or_else(|| {
            Failure::invalid("options.headers: a header is written \"Name: value\"")
        })?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    });
    fields.collect()
}

fn transports(flags: u32) -> Result<Vec<TransportKind>, Failure> {
    if flags & !(SORI_TRANSPORT_POLLING | SORI_TRANSPORT_WEBSOCKET) != 0 {
        return Err(Failure::invalid(
            "options.transports has an unknown transport",
        ));
    }
    let all = [
        (SORI_TRANSPORT_POLLING, TransportKind::Polling),
        (SORI_TRANSPORT_WEBSOCKET, TransportKind::WebSocket),
    ];
    let wanted = all.into_iter().filter(|(flag, _)| flags & flag != 0);
    Ok(wanted.map(|(_, kind)| kind).collect())
}

/// Fills `options` with the defaults. `size` is sizeof(*options).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_options_default(
    options: *mut sori_client_options,
    size: usize,
) -> sori_status {
    guard(|| {
        let defaults = sori_client_options::defaults();
        // SAFETY: the header's rules.
        unsafe { pointer::write_extensible(options, size, defaults, "options") }
    })
}
