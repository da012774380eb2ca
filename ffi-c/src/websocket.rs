//! Plain WebSockets: paths that serve them, and commands to one or many.

use std::ffi::c_char;
use std::mem::offset_of;
use std::time::Duration;

use sori_core::config::{DeflateOptions, WebSocketSettings};
use sori_core::embed::Command as EngineCommand;
use sori_core::embed::websocket::{Broadcast, Command, Control, Message, MessageKind};
use sori_core::proto::websocket::is_valid_close_code;
use sori_core::server::pull::{Gone, PullServer, SocketKey, WebSocketPath, WebSocketVerdict};

use crate::broadcast::{Rooms, sori_audience};
use crate::cork::with_batch;
use crate::deflate::{self, sori_deflate_options};
use crate::options::{SORI_OVERFLOW_CLOSE, overflow, rate};
use crate::pointer::{self, Extensible};
use crate::server::{self, sori_server};
use crate::socket::sori_socket;
use crate::status::{Failure, guard, sori_status};

/// A message is text, in UTF-8.
pub const SORI_WEBSOCKET_TEXT: u32 = 1;
/// A message is bytes.
pub const SORI_WEBSOCKET_BINARY: u32 = 2;

/// The settings of a path of plain WebSockets. Fill them with sori_websocket_options_default(), then
/// change what you want.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct sori_websocket_options {
    /// sizeof(sori_websocket_options), set by sori_websocket_options_default().
    pub size: usize,
    /// Subprotocols that are spoken: of those a client offers, the first that is among them is agreed
    /// on. A client without one is let in all the same.
    pub protocols: *const *const c_char,
    /// How many they are. Default 0.
    pub protocol_count: usize,
    /// Origins, for example "https://example.com", whose pages may open one; others are answered 403.
    /// Programs that are no browsers name no origin and are let in.
    pub origins: *const *const c_char,
    /// How many they are. 0, the default: every page may.
    pub origin_count: usize,
    /// Largest message a peer may send, in bytes; 0 for no limit. Default 100 MiB.
    pub max_payload: usize,
    /// Most bytes that wait for a slow peer; 0 for no limit. A single message may be larger. Default
    /// 16 MiB.
    pub max_queued_bytes: usize,
    /// SORI_EVENT_WEBSOCKET_DRAIN comes when more bytes than this have waited and none does any more.
    /// Default 16 KiB.
    pub high_water: usize,
    /// How long a peer may take to answer a close. Default 30,000.
    pub close_timeout_ms: u32,
    /// What happens over max_queued_bytes, of SORI_OVERFLOW_*. Default SORI_OVERFLOW_CLOSE.
    pub overflow: u32,
    /// Whether messages are compressed (permessage-deflate) for peers that can: 1 or 0. Default 0.
    pub compression: u32,
    /// Whether SORI_EVENT_WEBSOCKET_HANDSHAKE asks about every client that wants one and that nothing
    /// above turns away: 1 or 0. Default 0: all may.
    pub ask_handshakes: u32,
    /// Most frames of one message; 0 for no limit. Default 16,384.
    pub max_fragments: u32,
    /// Most pings of a peer that takes nothing, before its stream is dropped; 0 for no limit. Default 60.
    pub max_pending_pongs: u32,
    /// How messages are compressed, in detail, in place of `compression`. NULL, the default: as that
    /// says. Copied.
    pub deflate: *const sori_deflate_options,
    /// Whether text of peers comes unchecked, which is faster, and need not be UTF-8 then: 1 or 0.
    /// Default 0.
    pub skip_utf8_validation: u32,
    /// Messages a second of one peer in the long run; one that sends more is closed with 1008. 0, the
    /// default: any number.
    pub rate_per_second: u32,
    /// With rate_per_second: messages at once after a time of silence; 0, the default: as many.
    pub rate_burst: u32,
    /// The same of all peers of an address together on this path; of IPv6 the first 64 bits count.
    /// 0, the default: any number.
    pub address_rate_per_second: u32,
    /// With address_rate_per_second: messages at once; 0, the default: as many.
    pub address_rate_burst: u32,
}

// SAFETY: repr(C), the size first; integers and pointers that are checked when they are used.
unsafe impl Extensible for sori_websocket_options {
    const FIRST_SIZE: usize = offset_of!(sori_websocket_options, compression) + size_of::<u32>();

    fn defaults() -> sori_websocket_options {
        let settings = WebSocketSettings::default();
        sori_websocket_options {
            size: size_of::<sori_websocket_options>(),
            protocols: std::ptr::null(),
            protocol_count: 0,
            origins: std::ptr::null(),
            origin_count: 0,
            max_payload: settings.max_payload,
            max_queued_bytes: settings.max_queued_bytes,
            high_water: settings.high_water,
            close_timeout_ms: u32::try_from(settings.close_timeout.as_millis()).unwrap_or(u32::MAX),
            overflow: SORI_OVERFLOW_CLOSE,
            compression: 0,
            ask_handshakes: 0,
            max_fragments: settings.max_fragments,
            max_pending_pongs: settings.max_pending_pongs,
            deflate: std::ptr::null(),
            skip_utf8_validation: 0,
            rate_per_second: 0,
            rate_burst: 0,
            address_rate_per_second: 0,
            address_rate_burst: 0,
        }
    }
}

impl sori_websocket_options {
    /// # Safety
    /// Lists are lists of texts; `deflate` is NULL or options.
    unsafe fn path(&self, path: &str) -> Result<WebSocketPath, Failure> {
        let mut settings = WebSocketSettings::default();
        settings.max_payload = self.max_payload;
        settings.max_queued_bytes = self.max_queued_bytes;
        settings.high_water = self.high_water;
        settings.max_fragments = self.max_fragments;
        settings.max_pending_pongs = self.max_pending_pongs;
        settings.close_timeout = Duration::from_millis(self.close_timeout_ms.into());
        settings.overflow = overflow(self.overflow)?;
        settings.rate_limit = rate(self.rate_per_second, self.rate_burst);
        settings.rate_limit_per_address =
            rate(self.address_rate_per_second, self.address_rate_burst);
        settings.skip_utf8_validation = self.skip_utf8_validation != 0;
        // SAFETY: the caller's promise.
        settings.deflate = unsafe { deflate::pointed_to(self.deflate) }?
            .or_else(|| (self.compression != 0).then(DeflateOptions::default));
        // SAFETY: the caller's promise.
        let (protocols, origins) = unsafe {
            (
                pointer::texts(self.protocols, self.protocol_count, "options.protocols")?,
                pointer::texts(self.origins, self.origin_count, "options.origins")?,
            )
        };
        Ok(WebSocketPath {
            path: path.to_owned(),
            protocols: protocols.into_iter().map(str::to_owned).collect(),
            origins: origins.into_iter().map(str::to_owned).collect(),
            asks: self.ask_handshakes != 0,
            settings,
        })
    }
}

/// Fills `options` with the defaults. `size` is sizeof(*options).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_websocket_options_default(
    options: *mut sori_websocket_options,
    size: usize,
) -> sori_status {
    guard(|| {
        let defaults = sori_websocket_options::defaults();
        // SAFETY: the header's rules.
        unsafe { pointer::write_extensible(options, size, defaults, "options") }
    })
}

/// Serves plain WebSockets, for peers without Socket.IO, at `path`, for example "/feed", on every
/// listener of the server. `options` may be NULL: the defaults. Each WebSocket is a sori_socket: it
/// has rooms and user data as others have. Where a call takes a namespace's name, those of "/feed" are
/// named "ws:/feed".
///
/// A peer's close is answered when you have taken what came before it and come for more, by
/// sori_server_poll(), _run or _dispatch: what you sent until then leaves first. If you do not come it
/// is answered after close_timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_open_websockets(
    server: *const sori_server,
    path: *const c_char,
    options: *const sori_websocket_options,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        unsafe {
            let server = sori_server::open(server)?;
            let path = pointer::text(path, "path")?;
            let options = match options.is_null() {
                true => sori_websocket_options::defaults(),
                false => pointer::read_extensible(options, "options")?,
            };
            Ok(server.open_websockets(options.path(path)?)?)
        }
    })
}

/// Gives a client its plain WebSocket that SORI_EVENT_WEBSOCKET_HANDSHAKE asked for; `ticket` is that
/// event's sori_event_token(). `protocol` is the subprotocol, told only to a client that offered it;
/// NULL: as options.protocols has it. SORI_EVENT_WEBSOCKET_OPEN follows, unless the client has left.
/// SORI_GONE: it has left, its time (connect_timeout_ms of the server's options) was up, or it has been
/// decided about.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_websocket_allow(
    server: *const sori_server,
    ticket: u64,
    protocol: *const c_char,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, protocol) = unsafe {
            (
                sori_server::open(server)?,
                pointer::optional_text(protocol, "protocol")?,
            )
        };
        let protocol = protocol.map(str::to_owned);
        let verdict = WebSocketVerdict::Allow { protocol };
        Ok(server.decide_about_websocket(ticket, verdict)?)
    })
}

/// As sori_server_websocket_allow(), but turns the client away with an HTTP status of 400 to 599, for
/// example 401, and `message` as the answer's body; NULL: the status's own phrase.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_websocket_deny(
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
        if !(400..600).contains(&status) {
            return Err(Failure::invalid("status is not one of 400 to 599"));
        }
        let message = message.to_owned();
        let verdict = WebSocketVerdict::Deny { status, message };
        Ok(server.decide_about_websocket(ticket, verdict)?)
    })
}

/// What a message consists of, and the message.
///
/// # Safety
/// `data` is NULL or to be read for `length` bytes.
pub(crate) unsafe fn message<'a>(
    kind: u32,
    data: *const u8,
    length: usize,
) -> Result<(MessageKind, &'a [u8]), Failure> {
    // SAFETY: the caller's promise.
    let data = unsafe { pointer::slice(data, length, "data") }?;
    match kind {
        SORI_WEBSOCKET_BINARY => Ok((MessageKind::Binary, data)),
        SORI_WEBSOCKET_TEXT if std::str::from_utf8(data).is_ok() => Ok((MessageKind::Text, data)),
        SORI_WEBSOCKET_TEXT => Err(Failure::invalid("data is not UTF-8")),
        _ => Err(Failure::invalid(
            "kind is not one of SORI_WEBSOCKET_TEXT and SORI_WEBSOCKET_BINARY",
        )),
    }
}

/// Sends one message of `length` bytes at `data`; `kind` is SORI_WEBSOCKET_TEXT or
/// SORI_WEBSOCKET_BINARY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_websocket_send(
    server: *const sori_server,
    socket: sori_socket,
    kind: u32,
    data: *const u8,
    length: usize,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, (kind, data)) =
            unsafe { (sori_server::open(server)?, message(kind, data, length)?) };
        let (conn, gauge) = server.websocket(SocketKey(socket))?;
        let command = Command::Send(Message {
            kind,
            fin: true,
            compress: true,
            data,
            token: None,
            gauge: Some(&gauge),
        });
        execute(server, EngineCommand::WebSocket { conn, command });
        Ok(())
    })
}

/// Sends one message to many WebSockets of a path, named like "ws:/feed", to each once. `except` is one
/// of them who does not get it, in most cases the sender; 0 for nobody.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_websocket_broadcast(
    server: *const sori_server,
    namespace_name: *const c_char,
    audience: *const sori_audience,
    except: sori_socket,
    kind: u32,
    data: *const u8,
    length: usize,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        unsafe {
            let server = sori_server::open(server)?;
            let group = server::websockets(server, namespace_name)?;
            let rooms = Rooms::of(audience)?;
            let (kind, data) = message(kind, data, length)?;
            let except = server.websocket(SocketKey(except)).ok();
            let broadcast = Broadcast {
                group: group.id(),
                audience: rooms.audience(),
                except: except.map(|(conn, _)| conn),
                kind,
                compress: true,
                data,
            };
            execute(server, EngineCommand::WebSocketBroadcast(broadcast));
        }
        Ok(())
    })
}

/// Sends a ping with up to 125 bytes at `data`; SORI_EVENT_WEBSOCKET_PONG tells of the answer. Pings of
/// the peer are answered without you.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_websocket_ping(
    server: *const sori_server,
    socket: sori_socket,
    data: *const u8,
    length: usize,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, data) = unsafe {
            (
                sori_server::open(server)?,
                pointer::slice(data, length, "data")?,
            )
        };
        if data.len() > MOST_IN_CONTROL {
            return Err(Failure::invalid("a ping carries at most 125 bytes"));
        }
        let (conn, gauge) = server.websocket(SocketKey(socket))?;
        let command = Command::Ping(Control {
            data,
            token: None,
            gauge: Some(&gauge),
        });
        execute(server, EngineCommand::WebSocket { conn, command });
        Ok(())
    })
}

/// Closes a WebSocket: what is queued leaves first, then a close frame with `code`, for example 1000,
/// and `reason`, at most 123 bytes; both may be left out (0, NULL). SORI_EVENT_WEBSOCKET_CLOSE follows
/// when the peer has answered and ended the connection, or its time is up.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_websocket_close(
    server: *const sori_server,
    socket: sori_socket,
    code: u16,
    reason: *const c_char,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, reason) = unsafe {
            (
                sori_server::open(server)?,
                pointer::optional_text(reason, "reason")?.unwrap_or_default(),
            )
        };
        if code != 0 && !is_valid_close_code(code) {
            return Err(Failure::invalid("code is no close code"));
        }
        if code == 0 && !reason.is_empty() {
            return Err(Failure::invalid("a reason needs a code"));
        }
        if reason.len() > MOST_IN_CONTROL - size_of::<u16>() {
            return Err(Failure::invalid("a reason has at most 123 bytes"));
        }
        let code = (code != 0).then_some(code);
        ask(server, socket, Command::Close { code, reason })
    })
}

/// Drops a WebSocket's connection at once; SORI_EVENT_WEBSOCKET_CLOSE follows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_websocket_terminate(
    server: *const sori_server,
    socket: sori_socket,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        ask(
            unsafe { sori_server::open(server) }?,
            socket,
            Command::Terminate,
        )
    })
}

/// Stops reading from a WebSocket, so that its peer has to wait, until sori_server_websocket_resume().
/// A few messages that were read already still come.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_websocket_pause(
    server: *const sori_server,
    socket: sori_socket,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        ask(
            unsafe { sori_server::open(server) }?,
            socket,
            Command::Pause,
        )
    })
}

/// Goes on reading from a WebSocket.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_websocket_resume(
    server: *const sori_server,
    socket: sori_socket,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        ask(
            unsafe { sori_server::open(server) }?,
            socket,
            Command::Resume,
        )
    })
}

/// Stores in `*bytes` how much has been sent to a WebSocket and has not left yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_websocket_queued(
    server: *const sori_server,
    socket: sori_socket,
    bytes: *mut usize,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let server = unsafe { sori_server::borrow(server) }?;
        if bytes.is_null() {
            return Err(Failure::null("bytes"));
        }
        let (_, gauge) = server.websocket(SocketKey(socket))?;
        // SAFETY: not NULL, as seen above.
        unsafe { pointer::write(bytes, gauge.queued_bytes(), "bytes") }
    })
}

/// Closes a WebSocket that has done nothing wrong.
pub(crate) fn close(server: &PullServer, socket: SocketKey) -> Result<(), Gone> {
    let (conn, _) = server.websocket(socket)?;
    let command = Command::Close {
        code: Some(1000),
        reason: "",
    };
    execute(server, EngineCommand::WebSocket { conn, command });
    Ok(())
}

fn execute(server: &PullServer, command: EngineCommand<'_>) {
    with_batch(server, |batch| batch.execute(command));
}

fn ask(server: &PullServer, socket: sori_socket, command: Command<'_>) -> Result<(), Failure> {
    let (conn, _) = server.websocket(SocketKey(socket))?;
    execute(server, EngineCommand::WebSocket { conn, command });
    Ok(())
}

/// Most bytes that a ping or a close frame carries (RFC 6455 §5.5).
const MOST_IN_CONTROL: usize = 125;
