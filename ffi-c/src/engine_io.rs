//! Connections without Socket.IO: messages as they are.

use sori_core::embed::Raw;
use sori_core::server::pull::{RawOptions, SocketKey};

use crate::cork::with_batch;
use crate::message::SORI_EMIT_VOLATILE;
use crate::pointer;
use crate::server::sori_server;
use crate::socket::sori_socket;
use crate::status::{Failure, guard, sori_status};
use crate::websocket::{SORI_WEBSOCKET_BINARY, SORI_WEBSOCKET_TEXT};

/// Sends one message of `length` bytes at `data` over a connection of a server whose
/// options.protocol is SORI_PROTOCOL_ENGINE_IO; `kind` is SORI_WEBSOCKET_TEXT or
/// SORI_WEBSOCKET_BINARY, whatever the transport. `flags` are of SORI_EMIT_*. If `token` is not 0,
/// SORI_EVENT_RAW_SENT tells of it once the message has been handed to the transport; of what the
/// connection still held when it ended it never tells.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_raw_send(
    server: *const sori_server,
    socket: sori_socket,
    kind: u32,
    data: *const u8,
    length: usize,
    flags: u32,
    token: u64,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, data) = unsafe {
            (
                sori_server::open(server)?,
                pointer::slice(data, length, "data")?,
            )
        };
        if flags & !SORI_EMIT_VOLATILE != 0 {
            return Err(Failure::invalid("flags has an unknown flag"));
        }
        let message = match kind {
            SORI_WEBSOCKET_BINARY => Raw::Binary(data),
            SORI_WEBSOCKET_TEXT => match std::str::from_utf8(data) {
                Ok(text) => Raw::Text(text),
                Err(_) => return Err(Failure::invalid("data is not UTF-8")),
            },
            _ => {
                return Err(Failure::invalid(
                    "kind is not one of SORI_WEBSOCKET_TEXT and SORI_WEBSOCKET_BINARY",
                ));
            }
        };
        let options = RawOptions {
            volatile: flags & SORI_EMIT_VOLATILE != 0,
            token: (token != 0).then_some(token),
        };
        Ok(with_batch(server, |batch| {
            server.send_raw(batch, SocketKey(socket), message, options)
        })?)
    })
}

/// Closes a connection of a server whose options.protocol is SORI_PROTOCOL_ENGINE_IO: at once if
/// `discard`, else when what is queued for it has left. SORI_EVENT_RAW_CLOSE follows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_raw_close(
    server: *const sori_server,
    socket: sori_socket,
    discard: bool,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let server = unsafe { sori_server::open(server) }?;
        Ok(with_batch(server, |batch| {
            server.close_raw(batch, SocketKey(socket), discard)
        })?)
    })
}
