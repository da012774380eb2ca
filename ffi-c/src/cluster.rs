//! The other servers of a cluster.

use std::ffi::c_char;

use sori_core::embed::Command;
use sori_core::server::Batch;
use sori_core::server::pull::PullServer;

use crate::broadcast::{Rooms, sori_audience};
use crate::cork::with_batch;
use crate::event::sori_event;
use crate::message::{Message, sori_emit_options};
use crate::pointer;
use crate::server::{self, duration, sori_server};
use crate::status::{Failure, guard, sori_status};

/// Sends an event to the other servers of the cluster that options.redis_url names, each of which has
/// it as SORI_EVENT_SERVER_MESSAGE (in Node: `io.on`, as what `serverSideEmit` sends). Clients receive
/// nothing. Without a cluster nobody does. Arguments and options as with sori_server_emit().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_tell_servers(
    server: *const sori_server,
    namespace_name: *const c_char,
    event_name: *const c_char,
    args: *const c_char,
    options: *const sori_emit_options,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        unsafe {
            let server = sori_server::open(server)?;
            let namespace = server::socket_io(server, namespace_name)?;
            let message = Message::event(event_name, args, options)?;
            let command = Command::ServerSideEmit {
                namespace: namespace.id(),
                payload: message.payload(),
                ack: None,
            };
            with_batch(server, |batch| batch.execute(command));
        }
        Ok(())
    })
}

/// As sori_server_tell_servers(), and asks each for an answer. Stores the ack's id in `*ack`;
/// SORI_EVENT_SERVER_ANSWERS follows when all have answered or the time is up. A negative timeout
/// stands for options.redis_timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_ask_servers(
    server: *const sori_server,
    namespace_name: *const c_char,
    event_name: *const c_char,
    args: *const c_char,
    options: *const sori_emit_options,
    timeout_ms: i32,
    ack: *mut u64,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        unsafe {
            let server = sori_server::open(server)?;
            let namespace = server::socket_io(server, namespace_name)?;
            let message = Message::event(event_name, args, options)?;
            ask(server, ack, "ack", |batch| {
                server.ask_servers(batch, &namespace, message.payload(), duration(timeout_ms))
            })
        }
    })
}

/// Answers a SORI_EVENT_SERVER_MESSAGE that sori_event_has_ack() says waits for it, before the event is
/// freed. Of `args`, NULL or a JSON array, other servers are told the first. It answers once: a
/// second answer counts as one of another server.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_answer_server(
    server: *const sori_server,
    event: *const sori_event,
    args: *const c_char,
    options: *const sori_emit_options,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        unsafe {
            let server = sori_server::open(server)?;
            let ticket = pointer::borrow(event, "event")?.ticket();
            let ticket = ticket.ok_or_else(|| Failure::invalid("event waits for no answer"))?;
            let message = Message::answer(args, options)?;
            with_batch(server, |batch| {
                server.answer_server(batch, ticket, message.payload());
            });
        }
        Ok(())
    })
}

/// Asks for the sockets of all servers of the cluster, or with audience.local of this one. Stores the
/// request's id in `*request`; SORI_EVENT_SOCKETS follows when all have answered or the time is up. A
/// negative timeout stands for options.redis_timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_fetch_sockets(
    server: *const sori_server,
    namespace_name: *const c_char,
    audience: *const sori_audience,
    timeout_ms: i32,
    request: *mut u64,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        unsafe {
            let server = sori_server::open(server)?;
            let namespace = server::socket_io(server, namespace_name)?;
            let rooms = Rooms::of(audience)?;
            ask(server, request, "request", |batch| {
                server.fetch_sockets(batch, &namespace, rooms.audience(), duration(timeout_ms))
            })
        }
    })
}

/// Asks how many servers the cluster has, this one included. Stores the request's id in `*request`;
/// SORI_EVENT_SERVER_COUNT follows. A negative timeout stands for options.redis_timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_count_servers(
    server: *const sori_server,
    namespace_name: *const c_char,
    timeout_ms: i32,
    request: *mut u64,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        unsafe {
            let server = sori_server::open(server)?;
            let namespace = server::socket_io(server, namespace_name)?;
            ask(server, request, "request", |batch| {
                server.count_servers(batch, &namespace, duration(timeout_ms))
            })
        }
    })
}

/// Asks for what an event will tell, and stores the number by which it tells so. Where there is no room
/// for the number nothing is asked.
///
/// # Safety
/// `room` is NULL or room for a number.
unsafe fn ask(
    server: &PullServer,
    room: *mut u64,
    name: &'static str,
    question: impl FnOnce(&mut Batch<'_>) -> u64,
) -> Result<(), Failure> {
    if room.is_null() {
        return Err(Failure::null(name));
    }
    let id = with_batch(server, question);
    // SAFETY: the caller's promise.
    unsafe { pointer::write(room, id, name) }
}
