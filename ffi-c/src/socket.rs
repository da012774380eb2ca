//! Commands to one socket.

use std::ffi::{c_char, c_void};
use std::sync::atomic::Ordering;

use sori_core::server::pull::SocketKey;

use crate::cork::with_batch;
use crate::message::{Message, error_json, sori_emit_options};
use crate::pointer;
use crate::server::{self, duration, sori_server};
use crate::status::{Failure, guard, sori_status};

/// A socket: one client in one namespace, one plain WebSocket, or one client of server-sent events.
/// Never 0, and never used for another socket of the same server, so it may be kept after the socket is
/// gone; calls with it then give SORI_GONE. So do calls for another kind of socket.
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
        let server = unsafe { sori_server::open(server) }?;
        Ok(with_batch(server, |batch| {
            server.accept(batch, SocketKey(socket))
        })?)
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
        let error = error_json(message, data)?;
        Ok(with_batch(server, |batch| {
            server.refuse(batch, SocketKey(socket), &error)
        })?)
    })
}

/// Keeps a pointer of yours with a socket, or with a client that asks to be one: each of its events
/// brings it, see sori_event_user_data(). The library does not look at it. Set it before you accept,
/// and give back what it points to when you are told of the disconnect, or of SORI_GONE at accept.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_set_user_data(
    server: *const sori_server,
    socket: sori_socket,
    user_data: *mut c_void,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let server = unsafe { sori_server::borrow(server) }?;
        let identity = server.identity(SocketKey(socket))?;
        identity.user_data.store(user_data, Ordering::Release);
        Ok(())
    })
}

/// Stores in `*user_data` what sori_server_set_user_data() was last given for the socket; NULL if
/// nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_user_data(
    server: *const sori_server,
    socket: sori_socket,
    user_data: *mut *mut c_void,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let server = unsafe { sori_server::borrow(server) }?;
        if user_data.is_null() {
            return Err(Failure::null("user_data"));
        }
        let identity = server.identity(SocketKey(socket))?;
        let found = identity.user_data.load(Ordering::Acquire);
        // SAFETY: not NULL, as seen above.
        unsafe { pointer::write(user_data, found, "user_data") }
    })
}

/// Stores a socket's id, which its client knows too, in `id`, with a NUL behind it. `capacity` is
/// how much room there is: SORI_SOCKET_ID_SIZE is enough.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_socket_id(
    server: *const sori_server,
    socket: sori_socket,
    id: *mut c_char,
    capacity: usize,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let server = unsafe { sori_server::borrow(server) }?;
        if id.is_null() {
            return Err(Failure::null("id"));
        }
        let identity = server.identity(SocketKey(socket))?;
        let sid = identity.sid.as_bytes();
        if capacity < SORI_SOCKET_ID_SIZE.max(sid.len() + 1) {
            return Err(Failure::invalid("capacity is below SORI_SOCKET_ID_SIZE"));
        }
        // SAFETY: there is room for the id and the NUL, as seen above.
        unsafe {
            id.cast::<u8>()
                .copy_from_nonoverlapping(sid.as_ptr(), sid.len());
            id.add(sid.len()).write(0);
        }
        Ok(())
    })
}

/// Bytes that a socket's id takes, with its NUL.
pub const SORI_SOCKET_ID_SIZE: usize = 21;

/// Stores in `*socket` the accepted socket with that id. SORI_GONE: there is none in the namespace.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_find(
    server: *const sori_server,
    namespace_name: *const c_char,
    id: *const c_char,
    socket: *mut sori_socket,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, id) = unsafe { (sori_server::borrow(server)?, pointer::text(id, "id")?) };
        // SAFETY: the header's rules.
        let namespace = unsafe { server::namespace(server, namespace_name) }?;
        let found = namespace.find(id).and_then(|found| server.key_of(found));
        let key = found.ok_or_else(Failure::gone)?;
        // SAFETY: the header's rules.
        unsafe { pointer::write(socket, key.0, "socket") }
    })
}

/// Keeps `json` for the socket that comes back in place of this one after its connection was lost,
/// instead of what was kept before: sori_event_recovery_data() of its SORI_EVENT_CONNECT is that text.
/// For nothing if options.recovery_ms is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_set_recovery_data(
    server: *const sori_server,
    socket: sori_socket,
    json: *const c_char,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, json) = unsafe { (sori_server::open(server)?, pointer::text(json, "json")?) };
        Ok(server.keep(SocketKey(socket), json)?)
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
        Ok(with_batch(server, |batch| {
            server.emit(
                batch,
                SocketKey(socket),
                message.payload(),
                message.is_volatile,
            )
        })?)
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
        let id = with_batch(server, |batch| {
            server.emit_with_ack(
                batch,
                SocketKey(socket),
                message.payload(),
                message.is_volatile,
                duration(timeout_ms),
            )
        })?;
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
        Ok(with_batch(server, |batch| {
            server.answer(batch, SocketKey(socket), ack, message.payload())
        })?)
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
        let server = unsafe { sori_server::open(server) }?;
        Ok(with_batch(server, |batch| {
            server.disconnect(batch, SocketKey(socket))
        })?)
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
        let server = unsafe { sori_server::open(server) }?;
        Ok(with_batch(server, |batch| {
            server.close_connection(batch, SocketKey(socket))
        })?)
    })
}
