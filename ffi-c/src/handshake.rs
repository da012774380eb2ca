//! The HTTP request behind a connect event, as C reads it.

use std::ffi::c_char;
use std::ops::Range;
use std::time::SystemTime;

use sori_core::embed::Handshake;

use crate::event::{look, sori_event};
use crate::pointer::{self, sori_text};

/// A request's texts, one behind the other, each with its NUL.
#[derive(Debug, Default)]
pub(crate) struct Request {
    block: Vec<u8>,
    url: Range<usize>,
    address: Range<usize>,
    port: u16,
    is_secure: bool,
    issued_ms: u64,
    headers: Vec<Pair>,
    query: Vec<Pair>,
}

/// A name and its value.
#[derive(Debug)]
struct Pair {
    name: Range<usize>,
    value: Range<usize>,
}

impl Request {
    pub(crate) fn new(handshake: &Handshake) -> Request {
        let mut request = Request::default();
        request.url = request.put(handshake.url());
        if let Some(address) = handshake.remote_address() {
            request.address = request.put(&address.ip().to_string());
            request.port = address.port();
        }
        request.is_secure = handshake.is_secure();
        let since = handshake.issued().duration_since(SystemTime::UNIX_EPOCH);
        request.issued_ms = since.map_or(0, |since| since.as_millis() as u64);
        for (name, value) in handshake.headers() {
            let (name, value) = (request.put(name), request.put(value));
            request.headers.push(Pair { name, value });
        }
        for (name, value) in handshake.query_pairs() {
            let (name, value) = (request.put(&name), request.put(&value));
            request.query.push(Pair { name, value });
        }
        request
    }

    fn put(&mut self, text: &str) -> Range<usize> {
        let start = self.block.len();
        self.block.extend_from_slice(text.as_bytes());
        self.block.push(0);
        start..self.block.len()
    }

    fn view(&self, range: &Range<usize>) -> Option<sori_text> {
        let terminated = self.block.get(range.clone())?;
        (!terminated.is_empty()).then(|| sori_text::of(terminated))
    }

    fn bytes(&self, range: &Range<usize>) -> &[u8] {
        &self.block[range.start..range.end - 1]
    }

    fn header(&self, name: &str) -> Option<sori_text> {
        let mut all = self.headers.iter();
        let is_it = |pair: &&Pair| self.bytes(&pair.name).eq_ignore_ascii_case(name.as_bytes());
        self.view(&all.find(is_it)?.value)
    }

    fn parameter(&self, name: &str) -> Option<sori_text> {
        let mut all = self.query.iter();
        let is_it = |pair: &&Pair| self.bytes(&pair.name) == name.as_bytes();
        self.view(&all.find(is_it)?.value)
    }
}

/// # Safety
/// `event` is NULL or an event.
unsafe fn ask<T>(
    event: *const sori_event,
    otherwise: T,
    ask: impl FnOnce(&'static Request) -> Option<T>,
) -> T {
    // SAFETY: the caller's promise.
    unsafe { look(event, otherwise, |event| ask(event.request()?)) }
}

/// SORI_EVENT_CONNECT: path and query of the HTTP request that opened the connection, as the client
/// wrote them, for example "/socket.io/?EIO=4&transport=websocket".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_url(event: *const sori_event) -> sori_text {
    // SAFETY: the header's rules.
    unsafe { ask(event, sori_text::EMPTY, |r| r.view(&r.url)) }
}

/// SORI_EVENT_CONNECT: a parameter of that URL's query, percent-decoded; of a repeated one the
/// first. Empty if there is none of that name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_query(
    event: *const sori_event,
    name: *const c_char,
) -> sori_text {
    // SAFETY: the header's rules.
    let parameter = |r: &Request| r.parameter(unsafe { pointer::text(name, "name") }.ok()?);
    // SAFETY: the header's rules.
    unsafe { ask(event, sori_text::EMPTY, parameter) }
}

/// SORI_EVENT_CONNECT: a header of that request, whatever the case of its name; of a repeated one
/// the first. Empty if there is none of that name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_header(
    event: *const sori_event,
    name: *const c_char,
) -> sori_text {
    // SAFETY: the header's rules.
    let header = |r: &Request| r.header(unsafe { pointer::text(name, "name") }.ok()?);
    // SAFETY: the header's rules.
    unsafe { ask(event, sori_text::EMPTY, header) }
}

/// SORI_EVENT_CONNECT: how many headers that request has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_header_count(event: *const sori_event) -> usize {
    // SAFETY: the header's rules.
    unsafe { ask(event, 0, |r| Some(r.headers.len())) }
}

/// The name of one header, in lower case; empty past the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_header_name(
    event: *const sori_event,
    index: usize,
) -> sori_text {
    let name = |r: &Request| r.view(&r.headers.get(index)?.name);
    // SAFETY: the header's rules.
    unsafe { ask(event, sori_text::EMPTY, name) }
}

/// The value of one header; empty past the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_header_value(
    event: *const sori_event,
    index: usize,
) -> sori_text {
    let value = |r: &Request| r.view(&r.headers.get(index)?.value);
    // SAFETY: the header's rules.
    unsafe { ask(event, sori_text::EMPTY, value) }
}

/// SORI_EVENT_CONNECT: the peer's IP address, for example "127.0.0.1". Behind a proxy it is the
/// proxy's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_remote_address(event: *const sori_event) -> sori_text {
    // SAFETY: the header's rules.
    unsafe { ask(event, sori_text::EMPTY, |r| r.view(&r.address)) }
}

/// SORI_EVENT_CONNECT: the peer's port.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_remote_port(event: *const sori_event) -> u16 {
    // SAFETY: the header's rules.
    unsafe { ask(event, 0, |r| Some(r.port)) }
}

/// SORI_EVENT_CONNECT: whether that request came over TLS.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_is_secure(event: *const sori_event) -> bool {
    // SAFETY: the header's rules.
    unsafe { ask(event, false, |r| Some(r.is_secure)) }
}

/// SORI_EVENT_CONNECT: when that request came, in milliseconds since 1970-01-01 UTC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_event_issued_ms(event: *const sori_event) -> u64 {
    // SAFETY: the header's rules.
    unsafe { ask(event, 0, |r| Some(r.issued_ms)) }
}
