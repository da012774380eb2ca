//! Server-sent events: paths that serve them, and events to one client or many.

use std::ffi::c_char;
use std::mem::offset_of;
use std::time::Duration;

use sori_core::config::EventStreamSettings;
use sori_core::proto::event_stream::Fields;
use sori_core::server::pull::{PullServer, SocketKey, SseEndpoint, SsePath, SseVerdict};

use crate::broadcast::{Rooms, sori_audience};
use crate::pointer::{self, Extensible};
use crate::server::sori_server;
use crate::socket::sori_socket;
use crate::status::{Failure, guard, sori_status};

/// The settings of a path of server-sent events. Fill them with sori_sse_options_default(), then change
/// what you want.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct sori_sse_options {
    /// sizeof(sori_sse_options), set by sori_sse_options_default().
    pub size: usize,
    /// How many of the last broadcasts with an id are kept for clients that come back. Default 0.
    pub history: usize,
    /// Most clients at once; more are answered 503. 0, the default: any number.
    pub max_clients: usize,
    /// Most bytes that wait for a slow client, whose stream is ended over that; 0 for no limit. A single
    /// event may be larger. Default 1 MiB.
    pub max_queued_bytes: usize,
    /// Whether SORI_EVENT_SSE_HANDSHAKE asks about every client: 1 or 0. Default 0: all may.
    pub ask_handshakes: u32,
}

// SAFETY: repr(C), the size first; integers.
unsafe impl Extensible for sori_sse_options {
    const FIRST_SIZE: usize = offset_of!(sori_sse_options, ask_handshakes) + size_of::<u32>();

    fn defaults() -> sori_sse_options {
        let settings = EventStreamSettings::default();
        sori_sse_options {
            size: size_of::<sori_sse_options>(),
            history: settings.history,
            max_clients: settings.max_clients.unwrap_or_default(),
            max_queued_bytes: settings.max_queued_bytes,
            ask_handshakes: 0,
        }
    }
}

impl sori_sse_options {
    fn path(&self, path: &str) -> SsePath {
        let mut settings = EventStreamSettings::default();
        settings.history = self.history;
        settings.max_clients = (self.max_clients != 0).then_some(self.max_clients);
        settings.max_queued_bytes = match self.max_queued_bytes {
            0 => usize::MAX,
            limit => limit,
        };
        SsePath {
            path: path.to_owned(),
            asks: self.ask_handshakes != 0,
            settings,
        }
    }
}

/// One server-sent event. Fill it with sori_sse_message_default(), then set what it has.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct sori_sse_message {
    /// sizeof(sori_sse_message), set by sori_sse_message_default().
    pub size: usize,
    /// The data. Its line breaks arrive as LF, whichever they were. NULL, the default: empty.
    pub data: *const c_char,
    /// What clients call the event, without a line break. NULL, the default: "message".
    pub event_name: *const c_char,
    /// What clients send back as Last-Event-ID when they come back, without a line break. NULL, the
    /// default: nothing, and a broadcast is not kept in the history.
    pub id: *const c_char,
    /// How long clients wait before they come back, from now on, in milliseconds. Negative, the default:
    /// nothing is said.
    pub retry_ms: i32,
}

// SAFETY: repr(C), the size first; an integer and pointers that are checked when they are used.
unsafe impl Extensible for sori_sse_message {
    const FIRST_SIZE: usize = offset_of!(sori_sse_message, retry_ms) + size_of::<i32>();

    fn defaults() -> sori_sse_message {
        sori_sse_message {
            size: size_of::<sori_sse_message>(),
            data: std::ptr::null(),
            event_name: std::ptr::null(),
            id: std::ptr::null(),
            retry_ms: -1,
        }
    }
}

/// # Safety
/// `message` is NULL or a message.
unsafe fn fields<'a>(message: *const sori_sse_message) -> Result<Fields<'a>, Failure> {
    if message.is_null() {
        return Err(Failure::null("message"));
    }
    // SAFETY: the caller's promise, and not NULL.
    unsafe {
        let message = pointer::read_extensible(message, "message")?;
        Ok(Fields {
            name: pointer::optional_text(message.event_name, "message.event_name")?,
            id: pointer::optional_text(message.id, "message.id")?,
            retry: u64::try_from(message.retry_ms)
                .ok()
                .map(Duration::from_millis),
            data: pointer::optional_text(message.data, "message.data")?.unwrap_or_default(),
        })
    }
}

/// Fills `options` with the defaults. `size` is sizeof(*options).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_sse_options_default(
    options: *mut sori_sse_options,
    size: usize,
) -> sori_status {
    guard(|| {
        let defaults = sori_sse_options::defaults();
        // SAFETY: the header's rules.
        unsafe { pointer::write_extensible(options, size, defaults, "options") }
    })
}

/// Fills `message` with the defaults. `size` is sizeof(*message).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_sse_message_default(
    message: *mut sori_sse_message,
    size: usize,
) -> sori_status {
    guard(|| {
        let defaults = sori_sse_message::defaults();
        // SAFETY: the header's rules.
        unsafe { pointer::write_extensible(message, size, defaults, "message") }
    })
}

/// Serves server-sent events, for browsers' EventSource, at `path`, for example "/news", on every
/// listener of the server. `options` may be NULL: the defaults. Each client is a sori_socket, with an
/// empty id: it has user data, and rooms for sori_server_join(), _leave(), _leave_all() and _rooms().
/// The clients of "/news" are named "sse:/news". The server's CORS settings hold for them, and a comment
/// goes to each that has been sent nothing for ping_interval_ms, which keeps proxies from closing it.
///
/// A client that comes back says which event it saw last, the header "last-event-id" of its request. With
/// options.history it is sent the broadcasts that it missed, of those to everybody and of those to the
/// rooms that sori_server_sse_allow() puts it in, before anything new.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_open_sse(
    server: *const sori_server,
    path: *const c_char,
    options: *const sori_sse_options,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, path, options) = unsafe {
            let options = match options.is_null() {
                true => sori_sse_options::defaults(),
                false => pointer::read_extensible(options, "options")?,
            };
            (
                sori_server::open(server)?,
                pointer::text(path, "path")?,
                options,
            )
        };
        Ok(server.open_sse(options.path(path))?)
    })
}

/// Gives a client the events that SORI_EVENT_SSE_HANDSHAKE asked for; `ticket` is that event's
/// sori_event_token(). It is in `rooms` from the start; there may be none. SORI_EVENT_SSE_OPEN follows,
/// unless the client has left. SORI_GONE: it has left, its time (connect_timeout_ms of the server's
/// options) was up, or it has been decided about.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_sse_allow(
    server: *const sori_server,
    ticket: u64,
    rooms: *const *const c_char,
    room_count: usize,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, rooms) = unsafe {
            (
                sori_server::open(server)?,
                pointer::texts(rooms, room_count, "rooms")?,
            )
        };
        let rooms = rooms.into_iter().map(str::to_owned).collect();
        Ok(server.decide_about_sse(ticket, SseVerdict::Allow { rooms })?)
    })
}

/// As sori_server_sse_allow(), but turns the client away with an HTTP status, and `message` as the
/// answer's body; NULL: none. The status is 204, after which an EventSource does not come back, or one of
/// 400 to 599.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_sse_deny(
    server: *const sori_server,
    ticket: u64,
    status: u16,
    message: *const c_char,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, message) = unsafe {
            (
                sori_server::open(server)?,
                pointer::optional_text(message, "message")?.unwrap_or_default(),
            )
        };
        if status != 204 && !(400..600).contains(&status) {
            return Err(Failure::invalid(
                "status is neither 204 nor one of 400 to 599",
            ));
        }
        let message = message.to_owned();
        let verdict = SseVerdict::Deny { status, message };
        Ok(server.decide_about_sse(ticket, verdict)?)
    })
}

/// Sends an event to one client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_sse_send(
    server: *const sori_server,
    socket: sori_socket,
    message: *const sori_sse_message,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, event) = unsafe { (sori_server::open(server)?, fields(message)?) };
        Ok(server.sse_client(SocketKey(socket))?.send(&event)?)
    })
}

/// Sends an event to many clients of a path, named like "sse:/news", to each once. In a cluster it
/// reaches those of this server.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_sse_broadcast(
    server: *const sori_server,
    namespace_name: *const c_char,
    audience: *const sori_audience,
    message: *const sori_sse_message,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        unsafe {
            let server = sori_server::open(server)?;
            let endpoint = endpoint(server, namespace_name)?;
            let rooms = Rooms::of(audience)?;
            Ok(endpoint.broadcast(rooms.audience(), &fields(message)?)?)
        }
    })
}

/// Ends a client's stream behind what waits for it; SORI_EVENT_SSE_CLOSE follows. An EventSource comes
/// back, unless its next request is denied with 204.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_sse_close(
    server: *const sori_server,
    socket: sori_socket,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let server = unsafe { sori_server::open(server) }?;
        server.sse_client(SocketKey(socket))?.close();
        Ok(())
    })
}

/// Stores in `*count` how many clients a path, named like "sse:/news", has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_sse_clients(
    server: *const sori_server,
    namespace_name: *const c_char,
    count: *mut usize,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        unsafe {
            let endpoint = endpoint(sori_server::borrow(server)?, namespace_name)?;
            pointer::write(count, endpoint.clients(), "count")
        }
    })
}

/// # Safety
/// `name` is NULL or a text.
unsafe fn endpoint(server: &PullServer, name: *const c_char) -> Result<SseEndpoint, Failure> {
    // SAFETY: the caller's promise.
    let name = unsafe { pointer::text(name, "namespace_name") }?;
    let found = server.sse_endpoint(name);
    found.ok_or_else(|| Failure::invalid("no server-sent events are named so"))
}
