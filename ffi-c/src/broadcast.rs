//! Commands to many sockets.

use std::ffi::c_char;
use std::mem::offset_of;

use sori_core::embed::{AckRequest, Audience, Command, NamespaceId, Reach};

use crate::cork::with_batch;
use crate::message::{Message, sori_emit_options};
use crate::pointer::{self, Extensible};
use crate::server::{self, duration, sori_server};
use crate::status::{Failure, guard, sori_status};

/// The sockets of a namespace that are in any of some rooms (none: all of them) and in none of some
/// others. Every socket is in a room named like its id, until it leaves that. A NULL audience is everybody.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct sori_audience {
    /// sizeof(sori_audience).
    pub size: usize,
    /// The rooms to reach.
    pub rooms: *const *const c_char,
    /// How many they are.
    pub room_count: usize,
    /// The rooms to leave out.
    pub except: *const *const c_char,
    /// How many they are.
    pub except_count: usize,
    /// Whether those of other servers of the cluster are left out: 1 or 0. Default 0.
    pub local: u32,
}

// SAFETY: repr(C), the size first; integers and pointers that are checked when they are used.
unsafe impl Extensible for sori_audience {
    const FIRST_SIZE: usize = offset_of!(sori_audience, except_count) + size_of::<usize>();

    fn defaults() -> sori_audience {
        sori_audience {
            size: size_of::<sori_audience>(),
            rooms: std::ptr::null(),
            room_count: 0,
            except: std::ptr::null(),
            except_count: 0,
            local: 0,
        }
    }
}

/// The rooms of an audience.
#[derive(Debug, Default)]
pub(crate) struct Rooms<'a> {
    rooms: Vec<&'a str>,
    except: Vec<&'a str>,
    reach: Reach,
}

impl<'a> Rooms<'a> {
    /// # Safety
    /// `audience` is NULL or an audience.
    pub(crate) unsafe fn of(audience: *const sori_audience) -> Result<Rooms<'a>, Failure> {
        if audience.is_null() {
            return Ok(Rooms::default());
        }
        // SAFETY: the caller's promise, and not NULL.
        unsafe {
            let audience = pointer::read_extensible(audience, "audience")?;
            let sori_audience {
                rooms,
                room_count,
                except,
                except_count,
                local,
                ..
            } = audience;
            Ok(Rooms {
                rooms: pointer::texts(rooms, room_count, "audience.rooms")?,
                except: pointer::texts(except, except_count, "audience.except")?,
                reach: match local {
                    0 => Reach::Cluster,
                    _ => Reach::Server,
                },
            })
        }
    }

    pub(crate) fn audience(&self) -> Audience<'_> {
        Audience {
            rooms: &self.rooms,
            except: &self.except,
            reach: self.reach,
        }
    }
}

/// Fills `audience` with everybody. `size` is sizeof(*audience).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_audience_default(
    audience: *mut sori_audience,
    size: usize,
) -> sori_status {
    guard(|| {
        let defaults = sori_audience::defaults();
        // SAFETY: the header's rules.
        unsafe { pointer::write_extensible(audience, size, defaults, "audience") }
    })
}

/// Sends an event to many sockets of a namespace, to each once. Who they are is decided now: who
/// joins a room later does not get it, who leaves later does. Arguments and options as with
/// sori_server_emit().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_broadcast(
    server: *const sori_server,
    namespace_name: *const c_char,
    audience: *const sori_audience,
    event_name: *const c_char,
    args: *const c_char,
    options: *const sori_emit_options,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        unsafe {
            let server = sori_server::open(server)?;
            let namespace = server::socket_io(server, namespace_name)?;
            let rooms = Rooms::of(audience)?;
            let message = Message::event(event_name, args, options)?;
            let command = Command::Broadcast {
                namespace: namespace.id(),
                audience: rooms.audience(),
                payload: message.payload(),
                volatile: message.is_volatile,
                ack: None,
            };
            with_batch(server, |batch| batch.execute(command));
        }
        Ok(())
    })
}

/// As sori_server_broadcast(), and asks everybody for an answer. Stores the ack's id in `*ack`;
/// SORI_EVENT_BROADCAST_ACK follows when all have answered or the time is up. A negative timeout
/// stands for broadcast_ack_timeout_ms of the server's options. With SORI_EMIT_ANSWERS_ONE_BY_ONE,
/// SORI_EVENT_BROADCAST_ANSWER tells of each answer before that.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_broadcast_with_ack(
    server: *const sori_server,
    namespace_name: *const c_char,
    audience: *const sori_audience,
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
            let rooms = Rooms::of(audience)?;
            let message = Message::asking_many(event_name, args, options)?;
            let id = namespace.next_ack();
            pointer::write(ack, id, "ack")?;
            let command = Command::Broadcast {
                namespace: namespace.id(),
                audience: rooms.audience(),
                payload: message.payload(),
                volatile: message.is_volatile,
                ack: Some(AckRequest {
                    id,
                    timeout: duration(timeout_ms),
                    telling: message.telling,
                }),
            };
            with_batch(server, |batch| batch.execute(command));
        }
        Ok(())
    })
}

/// Has a command about many sockets and some rooms done.
///
/// # Safety
/// All pointers are as the header's rules say.
unsafe fn move_many(
    server: *const sori_server,
    namespace_name: *const c_char,
    audience: *const sori_audience,
    (rooms, room_count): (*const *const c_char, usize),
    command: for<'a> fn(NamespaceId, Audience<'a>, &'a [&'a str]) -> Command<'a>,
) -> sori_status {
    guard(|| {
        // SAFETY: the caller's promise.
        unsafe {
            let server = sori_server::open(server)?;
            let addressed = Rooms::of(audience)?;
            let rooms = pointer::texts(rooms, room_count, "rooms")?;
            let namespace = server::namespace(server, namespace_name)?.id();
            let command = command(namespace, addressed.audience(), &rooms);
            with_batch(server, |batch| batch.execute(command));
        }
        Ok(())
    })
}

/// Puts many sockets into rooms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_join_many(
    server: *const sori_server,
    namespace_name: *const c_char,
    audience: *const sori_audience,
    rooms: *const *const c_char,
    room_count: usize,
) -> sori_status {
    let rooms = (rooms, room_count);
    // SAFETY: the header's rules.
    unsafe {
        move_many(
            server,
            namespace_name,
            audience,
            rooms,
            |namespace, audience, rooms| Command::JoinMany {
                namespace,
                audience,
                rooms,
            },
        )
    }
}

/// Takes many sockets out of rooms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_leave_many(
    server: *const sori_server,
    namespace_name: *const c_char,
    audience: *const sori_audience,
    rooms: *const *const c_char,
    room_count: usize,
) -> sori_status {
    let rooms = (rooms, room_count);
    // SAFETY: the header's rules.
    unsafe {
        move_many(
            server,
            namespace_name,
            audience,
            rooms,
            |namespace, audience, rooms| Command::LeaveMany {
                namespace,
                audience,
                rooms,
            },
        )
    }
}
