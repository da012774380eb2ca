//! A WebSocket client's life: connecting, sending, fetching events, closing.

use std::ffi::{c_char, c_int};

use bytes::Bytes;
use sori_core::Error;
use sori_core::client::{WebSocket, WebSocketMessage};

use crate::descriptor;
use crate::pointer::{self, Extensible};
use crate::server::duration;
use crate::status::{Failure, guard, guard_or, sori_status};
use crate::tray::Tray;
use crate::websocket::{SORI_WEBSOCKET_TEXT, message};
use crate::websocket_client_event::sori_websocket_client_event;
use crate::websocket_client_options::sori_websocket_client_options;

/// A plain WebSocket to a server, of Sori or any other, without Socket.IO; its thread, and the events
/// that wait. Opaque.
///
///     sori_websocket_client *client;
///     if (sori_websocket_client_new("ws://127.0.0.1:3000/feed", NULL, &client) != SORI_OK) abort();
///     sori_websocket_client_send(client, SORI_WEBSOCKET_TEXT, (const uint8_t *)"hello", 5);
///     for (;;) {
///         sori_websocket_client_event *event;
///         size_t count;
///         if (sori_websocket_client_poll(client, &event, 1, -1, &count) != SORI_OK) break;
///         if (sori_websocket_client_event_kind_of(event) == SORI_WEBSOCKET_CLIENT_TEXT)
///             printf("%s\n", (const char *)sori_websocket_client_event_data(event).data);
///         sori_websocket_client_event_free(event);
///     }
///     sori_websocket_client_free(client);
///
/// What is sent before it is open waits for that. It does not come back by itself unless its options
/// say so; what was sent meanwhile leaves then.
#[derive(Debug)]
pub struct sori_websocket_client {
    socket: WebSocket,
}

impl sori_websocket_client {
    /// # Safety
    /// `client` is NULL or came from sori_websocket_client_new() and was not freed.
    unsafe fn borrow<'a>(client: *const sori_websocket_client) -> Result<&'a WebSocket, Failure> {
        // SAFETY: the caller's promise.
        Ok(&unsafe { pointer::borrow(client, "client") }?.socket)
    }
}

/// Starts to connect to `url`, its scheme (ws, wss, http, https), host, port, path and query, and
/// stores the client in `*client`. `options` may be NULL: the defaults. SORI_WEBSOCKET_CLIENT_OPEN or
/// SORI_WEBSOCKET_CLIENT_UNREACHABLE follows. Nothing is stored on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_websocket_client_new(
    url: *const c_char,
    options: *const sori_websocket_client_options,
    client: *mut *mut sori_websocket_client,
) -> sori_status {
    guard(|| {
        if client.is_null() {
            return Err(Failure::null("client"));
        }
        // SAFETY: the header's rules.
        let builder = unsafe {
            let options = match options.is_null() {
                true => sori_websocket_client_options::defaults(),
                false => pointer::read_extensible(options, "options")?,
            };
            options.builder(pointer::text(url, "url")?)?
        };
        let socket = builder.start()?;
        let handle = Box::into_raw(Box::new(sori_websocket_client { socket }));
        // SAFETY: not NULL, as seen above.
        unsafe { pointer::write(client, handle, "client") }
    })
}

/// Closes the client with code 1000, waits for its thread, and gives everything back but the events
/// that were taken. What is queued is given close_timeout_ms, and the server 2 seconds to answer, so
/// it may take that long. It must be the only call on the client. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_websocket_client_free(client: *mut sori_websocket_client) {
    guard_or((), || {
        if !client.is_null() {
            // SAFETY: from sori_websocket_client_new(), and given back once.
            drop(unsafe { Box::from_raw(client) });
        }
        Some(())
    });
}

/// Sends one message of `length` bytes at `data`, at once or when the client is open; `kind` is
/// SORI_WEBSOCKET_TEXT or SORI_WEBSOCKET_BINARY. SORI_FULL if too much waits already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_websocket_client_send(
    client: *const sori_websocket_client,
    kind: u32,
    data: *const u8,
    length: usize,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (socket, data) = unsafe {
            let (_, data) = message(kind, data, length)?;
            (sori_websocket_client::borrow(client)?, data)
        };
        // Seen to be UTF-8: nothing is replaced.
        let message = match kind {
            SORI_WEBSOCKET_TEXT => WebSocketMessage::Text(String::from_utf8_lossy(data).into()),
            _ => WebSocketMessage::Binary(Bytes::copy_from_slice(data)),
        };
        Ok(socket.send(message)?)
    })
}

/// Sends a ping with up to 125 bytes at `data`, at once or when the client is open;
/// SORI_WEBSOCKET_CLIENT_PONG tells of the answer. SORI_FULL if too much waits already. Pings of the
/// server are answered without you.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_websocket_client_ping(
    client: *const sori_websocket_client,
    data: *const u8,
    length: usize,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (socket, data) = unsafe {
            (
                sori_websocket_client::borrow(client)?,
                pointer::slice(data, length, "data")?,
            )
        };
        Ok(socket.ping(Bytes::copy_from_slice(data))?)
    })
}

/// Closes the client for good, without waiting: what was sent before leaves first, then a close frame
/// with `code`, for example 1000, for which 0 stands too, and `reason`, at most 123 bytes or NULL.
/// SORI_WEBSOCKET_CLIENT_CLOSED, if it was open, and SORI_WEBSOCKET_CLIENT_ENDED follow. Sending gives
/// SORI_CLOSED from now on. Closing again does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_websocket_client_close(
    client: *const sori_websocket_client,
    code: u16,
    reason: *const c_char,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (socket, reason) = unsafe {
            (
                sori_websocket_client::borrow(client)?,
                pointer::optional_text(reason, "reason")?.unwrap_or_default(),
            )
        };
        let code = if code == 0 { NORMAL } else { code };
        match socket.close(code, reason) {
            Ok(()) | Err(Error::Closed) => Ok(()),
            Err(error) => Err(error.into()),
        }
    })
}

/// RFC 6455 §7.4.1.
const NORMAL: u16 = 1000;

/// Takes up to `capacity` events, waiting up to `timeout_ms` milliseconds for the first: 0 does not
/// wait, a negative timeout waits for ever. Stores them in `events` and their number, 0 when the
/// time was up, in `*count`. Each event is yours until sori_websocket_client_event_free(), also after
/// the client is freed. After SORI_WEBSOCKET_CLIENT_ENDED it gives SORI_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_websocket_client_poll(
    client: *const sori_websocket_client,
    events: *mut *mut sori_websocket_client_event,
    capacity: usize,
    timeout_ms: i32,
    count: *mut usize,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let socket = unsafe { sori_websocket_client::borrow(client) }?;
        let tray = Tray {
            events,
            capacity,
            count,
        };
        // SAFETY: the header's rules.
        unsafe {
            tray.fill(
                |taken| {
                    socket.poll(taken, capacity, duration(timeout_ms))?;
                    Ok(())
                },
                |event| Box::into_raw(Box::new(sori_websocket_client_event::new(event))),
            )
        }
    })
}

/// Stores in `*fd` a descriptor that is readable while events wait for sori_websocket_client_poll(),
/// for poll(2), epoll and event loops. Only watch it: do not read from it, and do not close it. It is
/// the same at each call and lives as long as the client. SORI_UNSUPPORTED on Windows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_websocket_client_fd(
    client: *const sori_websocket_client,
    fd: *mut c_int,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let socket = unsafe { sori_websocket_client::borrow(client) }?;
        // SAFETY: the header's rules.
        unsafe { descriptor::store(socket, fd) }
    })
}
