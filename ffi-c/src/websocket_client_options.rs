//! The settings of a WebSocket client as a C struct.

use std::ffi::c_char;
use std::mem::offset_of;
use std::time::Duration;

use sori_core::client::{Config, Reconnection, WebSocket, WebSocketBuilder};

use crate::client_options::{headers, milliseconds};
use crate::pointer::{self, Extensible};
use crate::status::{Failure, guard, sori_status};

/// The settings of a WebSocket client. Fill them with sori_websocket_client_options_default(), then
/// change what you want.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct sori_websocket_client_options {
    /// sizeof(sori_websocket_client_options), set by sori_websocket_client_options_default().
    pub size: usize,
    /// Headers of the request, each as "Name: value". Default NULL: none.
    pub headers: *const *const c_char,
    /// How many headers there are. Default 0.
    pub header_count: usize,
    /// Subprotocols to offer, the preferred one first. Default NULL: none.
    pub protocols: *const *const c_char,
    /// How many they are. Default 0.
    pub protocol_count: usize,
    /// Certificates in PEM, one behind the other, that are trusted beside those of the system.
    /// Default NULL: none.
    pub root_certificates: *const c_char,
    /// How long connecting may take, handshake included. Default 20,000.
    pub timeout_ms: u32,
    /// How long a closing WebSocket is given to send what is queued. Default 5,000.
    pub close_timeout_ms: u32,
    /// Whether the client comes back after it lost its connection or got none: 1 or 0. Default 0.
    pub reconnection: u32,
    /// Wait before the first attempt to come back; each further one waits twice as long. Default
    /// 1,000.
    pub reconnection_delay_ms: u32,
    /// Longest such wait. Default 5,000.
    pub reconnection_delay_max_ms: u32,
    /// Attempts in a row before the client gives up. 0, the default: no limit.
    pub reconnection_attempts: u32,
    /// How far such a wait may be off its mark at random, from 0 to 1. Default 0.5.
    pub randomization_factor: f64,
    /// Largest message that the server may send, in bytes; over it the connection is closed. Default
    /// 16 MiB.
    pub max_payload: usize,
    /// Most bytes that wait to be sent, for the server or for a connection; over it calls give
    /// SORI_FULL. A single message may be larger. Default 16 MiB.
    pub max_queued_bytes: usize,
    /// Most events that wait for sori_websocket_client_poll() before the client stops reading. Nothing
    /// is lost then. It stops at 64 MiB of messages too. Default 65,536.
    pub max_pending_events: usize,
}

// SAFETY: repr(C), the size first; numbers, and pointers that are checked when they are used.
unsafe impl Extensible for sori_websocket_client_options {
    const FIRST_SIZE: usize =
        offset_of!(sori_websocket_client_options, max_pending_events) + size_of::<usize>();

    fn defaults() -> sori_websocket_client_options {
        let config = Config::default();
        let reconnection = Reconnection::default();
        sori_websocket_client_options {
            size: size_of::<sori_websocket_client_options>(),
            headers: std::ptr::null(),
            header_count: 0,
            protocols: std::ptr::null(),
            protocol_count: 0,
            root_certificates: std::ptr::null(),
            timeout_ms: milliseconds(config.timeout),
            close_timeout_ms: milliseconds(config.close_timeout),
            reconnection: 0,
            reconnection_delay_ms: milliseconds(reconnection.delay),
            reconnection_delay_max_ms: milliseconds(reconnection.delay_max),
            reconnection_attempts: reconnection.attempts.unwrap_or(0),
            randomization_factor: reconnection.randomization_factor,
            max_payload: config.max_payload,
            max_queued_bytes: config.max_queued_bytes,
            max_pending_events: config.max_pending_events,
        }
    }
}

impl sori_websocket_client_options {
    /// # Safety
    /// Texts are NULL or texts; lists are as long as they say.
    pub(crate) unsafe fn builder(&self, url: &str) -> Result<WebSocketBuilder, Failure> {
        let mut config = Config::default();
        // SAFETY: the caller's promise.
        let protocols = unsafe {
            config.extra_headers = headers(self.headers, self.header_count)?;
            let certificates = "options.root_certificates";
            if let Some(pem) = pointer::optional_text(self.root_certificates, certificates)? {
                config.root_certificates.push(pem.into());
            }
            pointer::texts(self.protocols, self.protocol_count, "options.protocols")?
        };
        config.timeout = Duration::from_millis(self.timeout_ms.into());
        config.close_timeout = Duration::from_millis(self.close_timeout_ms.into());
        config.reconnection = (self.reconnection != 0).then(|| Reconnection {
            delay: Duration::from_millis(self.reconnection_delay_ms.into()),
            delay_max: Duration::from_millis(self.reconnection_delay_max_ms.into()),
            randomization_factor: self.randomization_factor,
            attempts: (self.reconnection_attempts > 0).then_some(self.reconnection_attempts),
        });
        config.max_payload = self.max_payload;
        config.max_queued_bytes = self.max_queued_bytes;
        config.max_pending_events = self.max_pending_events;
        let builder = WebSocket::builder(url).config(config);
        Ok(protocols
            .into_iter()
            .fold(builder, WebSocketBuilder::protocol))
    }
}

/// Fills `options` with the defaults. `size` is sizeof(*options).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_websocket_client_options_default(
    options: *mut sori_websocket_client_options,
    size: usize,
) -> sori_status {
    guard(|| {
        let defaults = sori_websocket_client_options::defaults();
        // SAFETY: the header's rules.
        unsafe { pointer::write_extensible(options, size, defaults, "options") }
    })
}
