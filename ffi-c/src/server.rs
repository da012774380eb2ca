//! A server's life: options to handle, listening, fetching events, closing.

use std::ffi::{c_char, c_int};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sori_core::Error;
use sori_core::adapter::Adapter;
use sori_core::hub::Namespace;
use sori_core::server::Placement;
use sori_core::server::pull::PullServer;

use crate::cork;
use crate::descriptor;
use crate::event::sori_event;
use crate::metrics::sori_metrics;
use crate::options::sori_server_options;
use crate::pointer;
use crate::push::Handlers;
use crate::shelf;
use crate::status::{Failure, guard, guard_or, sori_status};
use crate::tray::Tray;

/// A server: its IO threads, its connections and the events that wait. Opaque.
#[derive(Debug)]
pub struct sori_server {
    /// Ends before what handlers were registered with.
    pull: PullServer,
    handlers: Handlers,
}

impl sori_server {
    /// # Safety
    /// `server` is NULL or came from sori_server_new() and was not freed.
    pub(crate) unsafe fn borrow<'a>(server: *const sori_server) -> Result<&'a PullServer, Failure> {
        // SAFETY: the caller's promise.
        Ok(&unsafe { pointer::borrow(server, "server") }?.pull)
    }

    pub(crate) fn pull(&self) -> &PullServer {
        &self.pull
    }

    pub(crate) fn handlers(&self) -> &Handlers {
        &self.handlers
    }

    /// A server that was not closed.
    ///
    /// # Safety
    /// As [`sori_server::borrow`].
    pub(crate) unsafe fn open<'a>(server: *const sori_server) -> Result<&'a PullServer, Failure> {
        // SAFETY: the caller's promise.
        let server = unsafe { sori_server::borrow(server) }?;
        if server.is_closing() {
            return Err(Error::Closed.into());
        }
        Ok(server)
    }
}

/// The open namespace of that name, or the WebSockets that are named so.
///
/// # Safety
/// `name` is NULL or a text.
pub(crate) unsafe fn namespace(
    server: &PullServer,
    name: *const c_char,
) -> Result<Arc<Namespace>, Failure> {
    // SAFETY: the caller's promise.
    let name = unsafe { pointer::text(name, "namespace_name") }?;
    let namespace = server.namespace(name);
    namespace.ok_or_else(|| Failure::invalid("no namespace of that name is open"))
}

/// As [`namespace`], but of Socket.IO alone.
///
/// # Safety
/// As [`namespace`].
pub(crate) unsafe fn socket_io(
    server: &PullServer,
    name: *const c_char,
) -> Result<Arc<Namespace>, Failure> {
    // SAFETY: the caller's promise.
    let name = unsafe { pointer::text(name, "namespace_name") }?;
    let namespace = server.engine().hub().lookup(name);
    namespace.ok_or_else(|| Failure::invalid("no namespace of Socket.IO of that name is open"))
}

/// As [`namespace`], but of plain WebSockets alone.
///
/// # Safety
/// As [`namespace`].
pub(crate) unsafe fn websockets(
    server: &PullServer,
    name: *const c_char,
) -> Result<Arc<Namespace>, Failure> {
    // SAFETY: the caller's promise.
    let found = unsafe { namespace(server, name) }?;
    // Those of Socket.IO have a name in the hub.
    match found.name().is_empty() {
        true => Ok(found),
        false => Err(Failure::invalid("no WebSockets are named so")),
    }
}

/// A wait as C gives it: negative is for ever.
pub(crate) fn duration(timeout_ms: i32) -> Option<Duration> {
    u64::try_from(timeout_ms).ok().map(Duration::from_millis)
}

/// The version of the library, for example "0.1.0". Static.
#[unsafe(no_mangle)]
pub extern "C" fn sori_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Starts a server's IO threads and stores the server in `*server`. `options` may be NULL: the
/// defaults. Nothing is stored on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_new(
    options: *const sori_server_options,
    server: *mut *mut sori_server,
) -> sori_status {
    guard(|| {
        if server.is_null() {
            return Err(Failure::null("server"));
        }
        let pull = match options.is_null() {
            true => PullServer::start(Default::default())?,
            false => {
                // SAFETY: the header's rules.
                let options = unsafe { pointer::read_extensible(options, "options") }?;
                // SAFETY: the header's rules.
                unsafe { start(&options) }?
            }
        };
        let handlers = Handlers::default();
        let handle = Box::into_raw(Box::new(sori_server { pull, handlers }));
        // SAFETY: not NULL, as seen above.
        unsafe { pointer::write(server, handle, "server") }
    })
}

/// # Safety
/// As [`sori_server_options::config`], and `share_threads` is a server or NULL.
unsafe fn start(options: &sori_server_options) -> Result<PullServer, Failure> {
    // SAFETY: the caller's promise.
    let config = unsafe { options.config() }?;
    // SAFETY: the caller's promise.
    let redis = unsafe { options.adapter() }?;
    let other = match options.share_threads.is_null() {
        true => None,
        // SAFETY: the caller's promise.
        false => Some(unsafe { sori_server::open(options.share_threads) }?),
    };
    let placement = Placement {
        threads: other.map(|other| other.engine().threads()),
        adapter: redis.as_ref().map(|redis| redis as &dyn Adapter),
    };
    let pull = PullServer::start_with(placement, config)?;
    if options.ask_handshakes != 0 {
        pull.ask_about_handshakes();
    }
    Ok(pull)
}

/// Closes the server, waits for its threads, unless others share them, and gives everything back but
/// the events that were taken. Clients are given 2 seconds to answer the end of their WebSocket, so it
/// may take that long. It must be the only call on the server. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_free(server: *mut sori_server) {
    guard_or((), || {
        if !server.is_null() {
            // SAFETY: from sori_server_new(), and given back once.
            drop(unsafe { Box::from_raw(server) });
        }
        Some(())
    });
}

/// Accepts connections on `host`, a name or an address, and `port`; 0 lets the system choose. The
/// port bound is stored in `*bound`, which may be NULL. One server may listen on several.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_listen(
    server: *const sori_server,
    host: *const c_char,
    port: u16,
    bound: *mut u16,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let server = unsafe { sori_server::open(server) }?;
        // SAFETY: the header's rules.
        let address = server.listen((unsafe { pointer::text(host, "host") }?, port))?;
        if !bound.is_null() {
            // SAFETY: the header's rules.
            unsafe { pointer::write(bound, address.port(), "bound") }?;
        }
        Ok(())
    })
}

/// Takes over a TCP connection that your program accepted, for programs with an HTTP server of their
/// own: `fd` is its descriptor, and `read` the `length` bytes that were read from it so far, from the
/// first byte of a request's head on. All that comes after is the server's to read and to answer: that
/// request, whether it asks for a WebSocket or for long polling, and those that follow it on the same
/// connection. What is not under options.path is answered 404.
///
/// The descriptor is the server's from then on, which will close it; on failure it stays yours.
/// SORI_UNSUPPORTED on Windows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_adopt(
    server: *const sori_server,
    fd: c_int,
    read: *const u8,
    length: usize,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let server = unsafe { sori_server::open(server) }?;
        // SAFETY: the header's rules.
        let read = Bytes::copy_from_slice(unsafe { pointer::slice(read, length, "read") }?);
        // SAFETY: the header's rules.
        server.engine().serve(unsafe { stream(fd) }?, read);
        Ok(())
    })
}

/// The TCP connection behind a descriptor, which is left alone if it is another thing.
///
/// # Safety
/// `fd` is the caller's to give away.
#[cfg(unix)]
unsafe fn stream(fd: c_int) -> Result<TcpStream, Failure> {
    use std::os::fd::{FromRawFd, IntoRawFd};
    if fd < 0 {
        return Err(Failure::invalid("fd is no descriptor"));
    }
    // SAFETY: the caller's promise.
    let stream = unsafe { TcpStream::from_raw_fd(fd) };
    match stream.peer_addr() {
        Ok(_) => Ok(stream),
        Err(error) => {
            // It stays the caller's.
            let _ = stream.into_raw_fd();
            Err(Failure::invalid(format!(
                "fd is no TCP connection: {error}"
            )))
        }
    }
}

#[cfg(not(unix))]
unsafe fn stream(_: c_int) -> Result<TcpStream, Failure> {
    Err(Failure::new(
        sori_status::SORI_UNSUPPORTED,
        "no descriptors on this system",
    ))
}

/// Lets clients ask for a namespace, for example "/admin". "/" is open from the start; clients that
/// ask for one that is not are refused ("Invalid namespace") without an event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_open_namespace(
    server: *const sori_server,
    name: *const c_char,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, name) = unsafe { (sori_server::open(server)?, pointer::text(name, "name")?) };
        if !name.starts_with('/') {
            return Err(Failure::invalid("a namespace's name begins with '/'"));
        }
        server.open_namespace(name);
        Ok(())
    })
}

/// Lets clients ask for every namespace whose name begins with `prefix`, for example "/room-", or "/"
/// for all. One that is not there is made when its first socket is accepted, and goes with its last
/// socket. sori_event_namespace() of a SORI_EVENT_CONNECT is the name that the client wrote.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_open_namespaces(
    server: *const sori_server,
    prefix: *const c_char,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, prefix) =
            unsafe { (sori_server::open(server)?, pointer::text(prefix, "prefix")?) };
        if !prefix.starts_with('/') {
            return Err(Failure::invalid("a namespace's name begins with '/'"));
        }
        server.open_namespaces(prefix);
        Ok(())
    })
}

/// Takes up to `capacity` events, waiting up to `timeout_ms` milliseconds for the first: 0 does not
/// wait, a negative timeout waits for ever. Stores them in `events` and their number, 0 when the
/// time was up, in `*count`. Each event is yours until sori_event_free(), also after the server is
/// freed. After SORI_EVENT_CLOSED it gives SORI_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_poll(
    server: *const sori_server,
    events: *mut *mut sori_event,
    capacity: usize,
    timeout_ms: i32,
    count: *mut usize,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let server = unsafe { sori_server::borrow(server) }?;
        let tray = Tray {
            events,
            capacity,
            count,
        };
        // SAFETY: the header's rules.
        unsafe {
            tray.fill(
                |taken| {
                    cork::flush(server);
                    server.poll(taken, capacity, duration(timeout_ms))?;
                    Ok(())
                },
                |event| shelf::hand_out(sori_event::new(event)),
            )
        }
    })
}

/// Stores in `*fd` a descriptor that is readable while events wait for sori_server_poll(), for
/// poll(2), epoll and event loops. Only watch it: do not read from it, and do not close it. It is
/// the same at each call and lives as long as the server. SORI_UNSUPPORTED on Windows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_fd(server: *const sori_server, fd: *mut c_int) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let server = unsafe { sori_server::borrow(server) }?;
        // SAFETY: the header's rules.
        unsafe { descriptor::store(server, fd) }
    })
}

/// Closes every connection and stops listening, without waiting. A disconnect event of each socket
/// ("server shutting down") and then SORI_EVENT_CLOSED follow. Calls that would change something
/// give SORI_CLOSED from now on. Closing again does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_close(server: *const sori_server) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let server = unsafe { sori_server::borrow(server) }?;
        cork::flush(server);
        server.close();
        Ok(())
    })
}

/// As sori_server_close(), but what is queued for clients leaves first: they are given `timeout_ms`
/// milliseconds, after which nothing is waited for any longer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_close_within(
    server: *const sori_server,
    timeout_ms: u32,
) -> sori_status {
    guard(|| {
        let timeout = Duration::from_millis(timeout_ms.into());
        // SAFETY: the header's rules.
        let server = unsafe { sori_server::borrow(server) }?;
        cork::flush(server);
        server.close_within(timeout);
        Ok(())
    })
}

/// Stores the server's counters in `*metrics`. `size` is sizeof(*metrics).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_metrics(
    server: *const sori_server,
    metrics: *mut sori_metrics,
    size: usize,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let counters = sori_metrics::of(unsafe { sori_server::borrow(server) }?);
        // SAFETY: the header's rules.
        unsafe { pointer::write_extensible(metrics, size, counters, "metrics") }
    })
}
