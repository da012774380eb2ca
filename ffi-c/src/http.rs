//! What an application says about HTTP: who may open a connection, headers of its own.

use std::ffi::c_char;

use crate::pointer;
use crate::server::sori_server;
use crate::status::{guard, sori_status};

/// Lets a client open its connection that SORI_EVENT_HANDSHAKE told of; `ticket` is that event's
/// sori_event_token(). SORI_GONE: it has left, its time (options.connect_timeout_ms) was up, or it has
/// been decided about.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_allow(server: *const sori_server, ticket: u64) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        Ok(unsafe { sori_server::open(server) }?.decide(ticket, Ok(()))?)
    })
}

/// As sori_server_allow(), but turns the client away with `message`: polling by 403 and
/// {"code":4,"message":"..."}, a WebSocket by 400.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_deny(
    server: *const sori_server,
    ticket: u64,
    message: *const c_char,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, message) = unsafe {
            (
                sori_server::open(server)?,
                pointer::text(message, "message")?,
            )
        };
        Ok(server.decide(ticket, Err(message.to_owned()))?)
    })
}

/// From now on this header stands in every answer under the server's path that is no refusal, those
/// of WebSocket handshakes among them. A name may be added several times.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_add_header(
    server: *const sori_server,
    name: *const c_char,
    value: *const c_char,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, name, value) = unsafe {
            (
                sori_server::open(server)?,
                pointer::text(name, "name")?,
                pointer::text(value, "value")?,
            )
        };
        Ok(server.add_header(name, value)?)
    })
}
