//! Commands to one socket.

use std::ffi::c_char;

use sori_core::server::pull::SocketKey;

use crate::message::{Message, error_json, sori_emit_options};
use crate::pointer;
use crate::server::{duration, sori_server};
use crate::status::{guard, sori_status};

/// A socket: one client in one namespace. Never 0, and never used for another socket of the same
/// server, so it may be kept after the socket is gone; calls with it then give SORI_GONE.
pub type sori_socket = u64;

/// Lets a client in that asked with SORI_EVENT_CONNECT. SORI_GONE: it has left meanwhile, and no
/// disconnect event follows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_accept(
    server: *const sori_server,
    socket: sori_socket,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        Ok(unsafe { sori_server::open(server) }?.accept(SocketKey(socket))?)
    })
}

/// Keeps a client out that asked with SORI_EVENT_CONNECT. The client is given an error with
/// `message`, and with `data` if that JSON text is not NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_refuse(
    server: *const sori_server,
    socket: sori_socket,
    message: *const c_char,
    data: *const c_char,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, message, data) = unsafe {
            (
                sori_server::open(server)?,
                pointer::text(message, "message")?,
                pointer::optional_text(data, "data")?,
            )
        };
        Ok(server.refuse(SocketKey(socket), &error_json(message, data)?)?)
    })
}

/// Sends an event to one socket. `args` is a JSON array of the arguments, or NULL for none;
/// `options` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_emit(
    server: *const sori_server,
    socket: sori_socket,
    event_name: *const c_char,
    args: *const c_char,
    options: *const sori_emit_options,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, message) = unsafe {
            (
                sori_server::open(server)?,
                Message::event(event_name, args, options)?,
            )
        };
        Ok(server.emit(SocketKey(socket), message.payload(), message.is_volatile)?)
    })
}

/// Sends an event that asks for an answer and stores the ack's id in `*ack`. Exactly one of
/// SORI_EVENT_ACK, SORI_EVENT_ACK_TIMEOUT and the socket's SORI_EVENT_DISCONNECT follows; a thread
/// that polls beside this one may see it before this call returns. A negative timeout waits for as
/// long as the socket lives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_emit_with_ack(
    server: *const sori_server,
    socket: sori_socket,
    event_name: *const c_char,
    args: *const c_char,
    options: *const sori_emit_options,
    timeout_ms: i32,
    ack: *mut u64,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, message) = unsafe {
            (
                sori_server::open(server)?,
                Message::event(event_name, args, options)?,
            )
        };
        // SAFETY: the header's rules. Written before the answer can come.
        unsafe { pointer::write(ack, 0, "ack") }?;
        let id = server.emit_with_ack(
            SocketKey(socket),
            message.payload(),
            message.is_volatile,
            duration(timeout_ms),
        )?;
        // SAFETY: the header's rules.
        unsafe { pointer::write(ack, id, "ack") }
    })
}

/// Answers a message for which sori_event_has_ack() holds; `ack` is its sori_event_ack(). Arguments
/// and options as with sori_server_emit().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_answer(
    server: *const sori_server,
    socket: sori_socket,
    ack: u64,
    args: *const c_char,
    options: *const sori_emit_options,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, message) =
            unsafe { (sori_server::open(server)?, Message::answer(args, options)?) };
        Ok(server.answer(SocketKey(socket), ack, message.payload())?)
    })
}

/// Takes a socket out of its namespace; the client is told. Its disconnect event follows ("server
/// namespace disconnect"), behind those of its events that wait already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_disconnect(
    server: *const sori_server,
    socket: sori_socket,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        Ok(unsafe { sori_server::open(server) }?.disconnect(SocketKey(socket))?)
    })
}

/// As sori_server_disconnect() for every socket of this one's connection, which is then closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_close_connection(
    server: *const sori_server,
    socket: sori_socket,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        Ok(unsafe { sori_server::open(server) }?.close_connection(SocketKey(socket))?)
    })
}
