//! A client's life: connecting, emitting, fetching events, closing.

use std::ffi::{c_char, c_int};

use sori_core::Error;
use sori_core::client::{PullClient, SocketKey};

use crate::client_event::sori_client_event;
use crate::client_options::sori_client_options;
use crate::descriptor;
use crate::message::{Message, sori_emit_options};
use crate::pointer;
use crate::server::duration;
use crate::status::{Failure, guard, guard_or, sori_status};
use crate::tray::Tray;

/// One connection to a Socket.IO server, of Sori or of npm socket.io, for all the namespaces that are
/// wanted of it; its thread, and the events that wait. Opaque.
///
///     sori_client *client;
///     sori_client_socket chat;
///     if (sori_client_new("http://127.0.0.1:3000", NULL, &client) != SORI_OK) abort();
///     if (sori_client_connect(client, "/", NULL, &chat) != SORI_OK) abort();
///     sori_client_emit(client, chat, "hello", "[\"world\",1]", NULL);
///     for (;;) {
///         sori_client_event *event;
///         size_t count;
///         if (sori_client_poll(client, &event, 1, -1, &count) != SORI_OK) break;
///         if (sori_client_event_kind_of(event) == SORI_CLIENT_MESSAGE)
///             printf("%s %s\n", sori_client_event_name(event).data, sori_client_event_args(event).data);
///         sori_client_event_free(event);
///     }
///     sori_client_free(client);
///
/// What is emitted without a connection waits for the next one. A client that loses its connection
/// comes back by itself, and its sockets are connected anew, unless one side disconnected them.
#[derive(Debug)]
pub struct sori_client {
    pull: PullClient,
}

/// One namespace of a client: a number that stays the same as long as the client lives, whether it
/// is connected or not.
pub type sori_client_socket = u32;

impl sori_client {
    /// # Safety
    /// `client` is NULL or came from sori_client_new() and was not freed.
    unsafe fn borrow<'a>(client: *const sori_client) -> Result<&'a PullClient, Failure> {
        // SAFETY: the caller's promise.
        Ok(&unsafe { pointer::borrow(client, "client") }?.pull)
    }

    /// A client that was not closed, and its socket.
    ///
    /// # Safety
    /// As [`sori_client::borrow`].
    unsafe fn open<'a>(
        client: *const sori_client,
        socket: sori_client_socket,
    ) -> Result<(&'a PullClient, SocketKey), Failure> {
        // SAFETY: the caller's promise.
        let client = unsafe { sori_client::borrow(client) }?;
        if client.is_closing() {
            return Err(Error::Closed.into());
        }
        let key = SocketKey(socket);
        match client.namespace(key) {
            Some(_) => Ok((client, key)),
            None => Err(Failure::new(sori_status::SORI_GONE, "no such socket")),
        }
    }
}

/// Starts a client of the server at `url`, its scheme (http, https, ws, wss), host and port, and
/// perhaps a query, and stores it in `*client`. `options` may be NULL: the defaults. It connects at
/// the first sori_client_connect(). Nothing is stored on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_new(
    url: *const c_char,
    options: *const sori_client_options,
    client: *mut *mut sori_client,
) -> sori_status {
    guard(|| {
        if client.is_null() {
            return Err(Failure::null("client"));
        }
        // SAFETY: the header's rules.
        let (url, config) = unsafe {
            let config = match options.is_null() {
                true => Default::default(),
                false => pointer::read_extensible(options, "options")?.config()?,
            };
            (pointer::text(url, "url")?, config)
        };
        let pull = PullClient::start(url, config)?;
        let handle = Box::into_raw(Box::new(sori_client { pull }));
        // SAFETY: not NULL, as seen above.
        unsafe { pointer::write(client, handle, "client") }
    })
}

/// Closes the client, waits for its thread, and gives everything back but the events that were
/// taken. What is queued is given close_timeout_ms, and the server 2 seconds to answer the end of a
/// WebSocket, so it may take that long. It must be the only call on the client. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_free(client: *mut sori_client) {
    guard_or((), || {
        if !client.is_null() {
            // SAFETY: from sori_client_new(), and given back once.
            drop(unsafe { Box::from_raw(client) });
        }
        Some(())
    });
}

/// Asks for a namespace, "/" or for example "/admin", with `auth`, a JSON object or NULL, and stores
/// the socket, the same at each call, in `*socket`, which may be NULL. SORI_CLIENT_CONNECT or
/// SORI_CLIENT_CONNECT_ERROR follows. On a socket that is connected, or about to be, it does nothing
/// but keep `auth` for the next time it comes back.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_connect(
    client: *const sori_client,
    namespace_name: *const c_char,
    auth: *const c_char,
    socket: *mut sori_client_socket,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (client, name, auth) = unsafe {
            (
                sori_client::borrow(client)?,
                pointer::text(namespace_name, "namespace_name")?,
                pointer::optional_text(auth, "auth")?,
            )
        };
        if client.is_closing() {
            return Err(Error::Closed.into());
        }
        let auth = auth.map(object).transpose()?;
        let key = client.socket(name)?;
        client.set_auth(key, auth);
        client.connect(key);
        if !socket.is_null() {
            // SAFETY: the header's rules.
            unsafe { pointer::write(socket, key.0, "socket") }?;
        }
        Ok(())
    })
}

/// `text` without the whitespace around it, if it is a JSON object.
fn object(text: &str) -> Result<&str, Failure> {
    let invalid = |detail: String| Failure::new(sori_status::SORI_INVALID_JSON, detail);
    let value: &serde_json::value::RawValue =
        serde_json::from_str(text).map_err(|error| invalid(format!("auth: {error}")))?;
    match value.get().starts_with('{') {
        true => Ok(value.get()),
        false => Err(invalid("auth is no JSON object".to_owned())),
    }
}

/// Disconnects a socket: SORI_CLIENT_DISCONNECT follows ("io client disconnect") if it was connected.
/// It does not come back by itself. When no socket is left the connection is closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_disconnect(
    client: *const sori_client,
    socket: sori_client_socket,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (client, key) = unsafe { sori_client::open(client, socket) }?;
        client.disconnect(key);
        Ok(())
    })
}

/// Whether a socket is connected now. False for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_is_connected(
    client: *const sori_client,
    socket: sori_client_socket,
) -> bool {
    guard_or(false, || {
        // SAFETY: the header's rules.
        let client = unsafe { sori_client::borrow(client) }.ok()?;
        Some(client.is_connected(SocketKey(socket)))
    })
}

/// Sends an event: at once, or when the socket is connected. `args` is a JSON array of the
/// arguments, or NULL for none; `options` may be NULL. With SORI_EMIT_VOLATILE it is dropped unless
/// it can leave at once. SORI_FULL if too much waits already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_emit(
    client: *const sori_client,
    socket: sori_client_socket,
    event_name: *const c_char,
    args: *const c_char,
    options: *const sori_emit_options,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let ((client, key), message) = unsafe {
            (
                sori_client::open(client, socket)?,
                Message::event(event_name, args, options)?,
            )
        };
        Ok(client.emit(key, &message.payload(), message.is_volatile)?)
    })
}

/// Sends an event that asks the server for an answer and stores the ack's id in `*ack`.
/// SORI_CLIENT_ACK or SORI_CLIENT_ACK_ERROR with that id follows, always. The time is up after
/// `timeout_ms` milliseconds, connected or not; a negative timeout waits for as long as the socket
/// is connected. Otherwise as sori_client_emit().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_emit_with_ack(
    client: *const sori_client,
    socket: sori_client_socket,
    event_name: *const c_char,
    args: *const c_char,
    options: *const sori_emit_options,
    timeout_ms: i32,
    ack: *mut u64,
) -> sori_status {
    guard(|| {
        if ack.is_null() {
            return Err(Failure::null("ack"));
        }
        // SAFETY: the header's rules.
        let ((client, key), message) = unsafe {
            (
                sori_client::open(client, socket)?,
                Message::event(event_name, args, options)?,
            )
        };
        let timeout = duration(timeout_ms);
        let id = client.emit_with_ack(key, &message.payload(), message.is_volatile, timeout)?;
        // SAFETY: not NULL, as seen above.
        unsafe { pointer::write(ack, id, "ack") }
    })
}

/// Answers a SORI_CLIENT_MESSAGE for which sori_client_event_has_ack() holds; `ack` is its
/// sori_client_event_ack(). Arguments and options as with sori_client_emit(). It does nothing if the
/// socket is not connected any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_answer(
    client: *const sori_client,
    socket: sori_client_socket,
    ack: u64,
    args: *const c_char,
    options: *const sori_emit_options,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let ((client, key), message) = unsafe {
            (
                sori_client::open(client, socket)?,
                Message::answer(args, options)?,
            )
        };
        Ok(client.answer(key, ack, &message.payload())?)
    })
}

/// Takes up to `capacity` events, waiting up to `timeout_ms` milliseconds for the first: 0 does not
/// wait, a negative timeout waits for ever. Stores them in `events` and their number, 0 when the
/// time was up, in `*count`. Each event is yours until sori_client_event_free(), also after the
/// client is freed. After SORI_CLIENT_CLOSED it gives SORI_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_poll(
    client: *const sori_client,
    events: *mut *mut sori_client_event,
    capacity: usize,
    timeout_ms: i32,
    count: *mut usize,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let client = unsafe { sori_client::borrow(client) }?;
        let tray = Tray {
            events,
            capacity,
            count,
        };
        // SAFETY: the header's rules.
        unsafe {
            tray.fill(
                |taken| {
                    client.poll(taken, capacity, duration(timeout_ms))?;
                    Ok(())
                },
                |event| Box::into_raw(Box::new(sori_client_event::new(event, client))),
            )
        }
    })
}

/// Stores in `*fd` a descriptor that is readable while events wait for sori_client_poll(), for
/// poll(2), epoll and event loops. Only watch it: do not read from it, and do not close it. It is
/// the same at each call and lives as long as the client. SORI_UNSUPPORTED on Windows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_fd(client: *const sori_client, fd: *mut c_int) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let client = unsafe { sori_client::borrow(client) }?;
        // SAFETY: the header's rules.
        unsafe { descriptor::store(client, fd) }
    })
}

/// Disconnects every socket and closes the connection, without waiting; what was sent before still
/// leaves. A SORI_CLIENT_DISCONNECT of each connected socket and then SORI_CLIENT_CLOSED follow.
/// Calls that would change something give SORI_CLOSED from now on. Closing again does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_client_close(client: *const sori_client) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        unsafe { sori_client::borrow(client) }?.close();
        Ok(())
    })
}
