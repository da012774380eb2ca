//! A socket's rooms: joining, leaving, asking.

use std::ffi::c_char;

use sori_core::embed::{Audience, Command, SocketRef};
use sori_core::hub::Namespace;
use sori_core::server::pull::{Gone, PullServer, SocketKey, SseClient};

use crate::broadcast::{Rooms, sori_audience};
use crate::cork::with_batch;
use crate::event::terminated;
use crate::pointer::{self, sori_text};
use crate::server::{self, sori_server};
use crate::socket::sori_socket;
use crate::status::{Failure, guard, guard_or, sori_status};
use crate::websocket;

/// A list of rooms. Opaque.
#[derive(Debug)]
pub struct sori_rooms {
    names: Vec<Box<[u8]>>,
}

/// A change of one socket's rooms: for the engine, and for a client of server-sent events.
struct Move {
    command: for<'a> fn(SocketRef, &'a [&'a str]) -> Command<'a>,
    of_sse: fn(&SseClient, &[&str]),
}

/// Has one socket's rooms changed.
///
/// # Safety
/// All pointers are as the header's rules say.
unsafe fn move_one(
    server: *const sori_server,
    socket: sori_socket,
    (rooms, room_count): (*const *const c_char, usize),
    how: Move,
) -> sori_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let rooms = unsafe { pointer::texts(rooms, room_count, "rooms") }?;
        // SAFETY: the caller's promise.
        let server = unsafe { sori_server::open(server) }?;
        let key = SocketKey(socket);
        match server.sse_client(key) {
            Ok(client) => (how.of_sse)(&client, &rooms),
            Err(Gone) => {
                let command = (how.command)(server.find(key)?, &rooms);
                with_batch(server, |batch| batch.execute(command));
            }
        }
        Ok(())
    })
}

/// Puts a socket into rooms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_join(
    server: *const sori_server,
    socket: sori_socket,
    rooms: *const *const c_char,
    room_count: usize,
) -> sori_status {
    // SAFETY: the header's rules.
    unsafe {
        move_one(
            server,
            socket,
            (rooms, room_count),
            Move {
                command: |socket, rooms| Command::Join { socket, rooms },
                of_sse: SseClient::join,
            },
        )
    }
}

/// Takes a socket out of rooms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_leave(
    server: *const sori_server,
    socket: sori_socket,
    rooms: *const *const c_char,
    room_count: usize,
) -> sori_status {
    // SAFETY: the header's rules.
    unsafe {
        move_one(
            server,
            socket,
            (rooms, room_count),
            Move {
                command: |socket, rooms| Command::Leave { socket, rooms },
                of_sse: SseClient::leave,
            },
        )
    }
}

/// Takes a socket out of all rooms, the one named like its id too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_leave_all(
    server: *const sori_server,
    socket: sori_socket,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let server = unsafe { sori_server::open(server) }?;
        if let Ok(client) = server.sse_client(SocketKey(socket)) {
            let rooms = client.rooms();
            let rooms: Vec<_> = rooms.iter().map(|room| &**room).collect();
            client.leave(&rooms);
            return Ok(());
        }
        let socket = server.find(SocketKey(socket))?;
        let command = Command::LeaveAll { socket };
        with_batch(server, |batch| batch.execute(command));
        Ok(())
    })
}

/// Stores in `*rooms` a list of the rooms that a socket is in, the one named like its id first
/// unless it has left that.
/// Free the list with sori_rooms_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_rooms(
    server: *const sori_server,
    socket: sori_socket,
    rooms: *mut *mut sori_rooms,
) -> sori_status {
    guard(|| {
        if rooms.is_null() {
            return Err(Failure::null("rooms"));
        }
        // SAFETY: the header's rules.
        let server = unsafe { sori_server::open(server) }?;
        let joined = match server.sse_client(SocketKey(socket)) {
            Ok(client) => client.rooms(),
            Err(Gone) => {
                let socket = server.find(SocketKey(socket))?;
                let namespace = server.engine().hub().namespace(socket.namespace);
                namespace.map_or_else(Vec::new, |namespace| namespace.rooms_of(socket.conn))
            }
        };
        let names = joined.iter().map(|room| terminated(room)).collect();
        let list = Box::into_raw(Box::new(sori_rooms { names }));
        // SAFETY: not NULL, as seen above.
        unsafe { pointer::write(rooms, list, "rooms") }
    })
}

/// Stores in `*rooms` a list of the rooms of a namespace that have a member, without those that are
/// named like a socket's id and hold that socket alone. How many members a room has, and who they
/// are, tells sori_server_sockets(). Free the list with sori_rooms_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_all_rooms(
    server: *const sori_server,
    namespace_name: *const c_char,
    rooms: *mut *mut sori_rooms,
) -> sori_status {
    guard(|| {
        if rooms.is_null() {
            return Err(Failure::null("rooms"));
        }
        // SAFETY: the header's rules.
        let server = unsafe { sori_server::open(server) }?;
        // SAFETY: the header's rules.
        let namespace = unsafe { server::namespace(server, namespace_name) }?;
        let found = namespace.rooms();
        let names = found.iter().map(|(room, _)| terminated(room)).collect();
        let list = Box::into_raw(Box::new(sori_rooms { names }));
        // SAFETY: not NULL, as seen above.
        unsafe { pointer::write(rooms, list, "rooms") }
    })
}

/// How many rooms the list has; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_rooms_count(rooms: *const sori_rooms) -> usize {
    // SAFETY: the header's rules.
    guard_or(0, || Some(unsafe { rooms.as_ref() }?.names.len()))
}

/// The name of a room in the list, which lives until the list is freed. Empty past its end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_rooms_name(rooms: *const sori_rooms, index: usize) -> sori_text {
    guard_or(sori_text::EMPTY, || {
        // SAFETY: the header's rules.
        let rooms = unsafe { rooms.as_ref() }?;
        Some(sori_text::of(rooms.names.get(index)?))
    })
}

/// Gives a list back. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_rooms_free(rooms: *mut sori_rooms) {
    guard_or((), || {
        if !rooms.is_null() {
            // SAFETY: from sori_server_rooms(), and given back once.
            drop(unsafe { Box::from_raw(rooms) });
        }
        Some(())
    });
}

/// The sockets of an audience, as the program knows them.
fn members<'a>(
    server: &'a PullServer,
    namespace: &Namespace,
    audience: Audience<'_>,
) -> impl Iterator<Item = SocketKey> + use<'a> {
    let id = namespace.id();
    let found = namespace.select(audience.rooms, audience.except);
    let sockets = found.connections().into_iter().map(move |conn| SocketRef {
        conn,
        namespace: id,
    });
    sockets.filter_map(|socket| server.key_of(socket))
}

/// Takes many sockets out of their namespace, as sori_server_disconnect(); with `closes`, also closes
/// their connections, as sori_server_close_connection(); on all servers of the cluster, unless
/// audience.local says otherwise. WebSockets, which are in no cluster, are closed in either case, with
/// code 1000.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_disconnect_many(
    server: *const sori_server,
    namespace_name: *const c_char,
    audience: *const sori_audience,
    closes: bool,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, rooms) = unsafe { (sori_server::open(server)?, Rooms::of(audience)?) };
        // SAFETY: the header's rules.
        let namespace = unsafe { server::namespace(server, namespace_name) }?;
        let sockets: Vec<_> = members(server, &namespace, rooms.audience()).collect();
        let elsewhere = Command::DisconnectElsewhere {
            namespace: namespace.id(),
            audience: rooms.audience(),
            close: closes,
        };
        with_batch(server, |batch| batch.execute(elsewhere));
        for socket in sockets {
            // Who is gone meanwhile is where all shall be.
            let _ = match (server.websocket(socket), closes) {
                (Ok(_), _) => websocket::close(server, socket),
                (Err(Gone), true) => {
                    with_batch(server, |batch| server.close_connection(batch, socket))
                }
                (Err(Gone), false) => with_batch(server, |batch| server.disconnect(batch, socket)),
            };
        }
        Ok(())
    })
}

/// Stores the sockets of an audience that are this server's in `sockets`, up to `capacity`, and in `*count` how many there
/// are, which may be more. `sockets` may be NULL if `capacity` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_sockets(
    server: *const sori_server,
    namespace_name: *const c_char,
    audience: *const sori_audience,
    sockets: *mut sori_socket,
    capacity: usize,
    count: *mut usize,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, rooms) = unsafe { (sori_server::open(server)?, Rooms::of(audience)?) };
        // SAFETY: the header's rules.
        let namespace = unsafe { server::namespace(server, namespace_name) }?;
        if sockets.is_null() && capacity > 0 {
            return Err(Failure::null("sockets"));
        }
        let audience = rooms.audience();
        let keys = members(server, &namespace, audience);
        let mut number = 0;
        for key in keys {
            if number < capacity {
                // SAFETY: `number` is below `capacity`.
                unsafe { sockets.add(number).write(key.0) };
            }
            number += 1;
        }
        // SAFETY: the header's rules.
        unsafe { pointer::write(count, number, "count") }
    })
}
