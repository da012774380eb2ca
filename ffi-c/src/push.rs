//! Events pushed to handlers: a thin loop over the pulling of them.
//!
//! A handler is called outside of the guard against panics, and is allowed to unwind: the exception
//! of a C++ handler, or the panic of one in Rust, passes through to whoever called the loop. Caught
//! here it would have to end the process. Events are taken one at a time, so none is lost by it.

use std::ffi::{c_char, c_void};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::cork::{Corked, with_batch};
use crate::event::sori_event;
use crate::kind::sori_event_kind;
use crate::pointer;
use crate::server::{duration, sori_server};
use crate::socket::sori_server_accept;
use crate::status::{Failure, guard, sori_status};

/// Takes one event, which is freed when it returns: what is to be kept has to be copied. It may make
/// any call on the server but sori_server_free(). In C++ it may throw; in C it must not longjmp out.
pub type sori_handler = Option<
    unsafe extern "C-unwind" fn(
        server: *const sori_server,
        event: *const sori_event,
        user_data: *mut c_void,
    ),
>;

/// Gives back what a handler was registered with.
pub type sori_finalizer = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// What handlers there are, in the order in which they were registered.
#[derive(Debug, Default)]
pub(crate) struct Handlers(RwLock<Arc<Vec<Arc<Registered>>>>);

#[derive(Debug)]
struct Registered {
    kind: sori_event_kind,
    /// `None`: any.
    namespace: Option<Box<[u8]>>,
    name: Option<Box<[u8]>>,
    handler: unsafe extern "C-unwind" fn(*const sori_server, *const sori_event, *mut c_void),
    user_data: UserData,
}

/// A program's pointer, with what to do to it in the end.
#[derive(Debug)]
struct UserData {
    pointer: *mut c_void,
    finalizer: sori_finalizer,
}

// SAFETY: the library only hands the pointer back; the header says on which threads.
unsafe impl Send for UserData {}
// SAFETY: as above.
unsafe impl Sync for UserData {}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(finalizer) = self.finalizer {
            // SAFETY: the program gave the two together, and they are used once.
            unsafe { finalizer(self.pointer) };
        }
    }
}

impl Handlers {
    fn add(&self, registered: Registered) {
        let mut list = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut list).push(Arc::new(registered));
    }

    fn list(&self) -> List {
        List(Arc::clone(
            &self.0.read().unwrap_or_else(PoisonError::into_inner),
        ))
    }
}

/// The handlers at one moment: those that a handler registers see the next event.
struct List(Arc<Vec<Arc<Registered>>>);

impl List {
    /// # Safety
    /// `server` is a server.
    unsafe fn call(&self, server: *const sori_server, event: &sori_event) {
        let mut is_wanted = false;
        for registered in self.0.iter().filter(|each| each.wants(event)) {
            is_wanted = true;
            // SAFETY: registered together; the server lives, and the event does while this lasts.
            unsafe { (registered.handler)(server, event, registered.user_data.pointer) };
        }
        if !is_wanted && event.kind() == sori_event_kind::SORI_EVENT_CONNECT {
            let socket = event.socket().map_or(0, |key| key.0);
            // SAFETY: the caller's promise. Who has left meanwhile needs nothing.
            unsafe { sori_server_accept(server, socket) };
        }
    }
}

impl Registered {
    fn wants(&self, event: &sori_event) -> bool {
        let is_of = |wanted: &Option<Box<[u8]>>, found: &[u8]| {
            wanted.as_ref().is_none_or(|wanted| **wanted == *found)
        };
        self.kind == event.kind()
            && is_of(&self.namespace, event.namespace())
            && is_of(&self.name, event.name())
    }
}

/// Has `handler` called with every event of a kind, from sori_server_run() or
/// sori_server_dispatch(). `namespace_name` and `event_name` pick among them; NULL stands for any.
/// `event_name` is for SORI_EVENT_MESSAGE alone. All handlers that an event fits are called, in the
/// order in which they were registered. What fits none is dropped, but a client that asks to join is
/// then let in.
///
/// `user_data` is handed to the handler. When the server is freed, and no handler runs any more,
/// `finalizer`, unless it is NULL, is called with it once, by the thread that frees. If this call
/// fails it is not called, and `user_data` stays yours.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_on(
    server: *const sori_server,
    kind: i32,
    namespace_name: *const c_char,
    event_name: *const c_char,
    handler: sori_handler,
    user_data: *mut c_void,
    finalizer: sori_finalizer,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, namespace, name) = unsafe {
            (
                pointer::borrow(server, "server")?,
                pointer::optional_text(namespace_name, "namespace_name")?,
                pointer::optional_text(event_name, "event_name")?,
            )
        };
        let kind = sori_event_kind::from_number(kind)
            .filter(|kind| *kind != sori_event_kind::SORI_EVENT_NONE)
            .ok_or_else(|| Failure::invalid("kind is no kind of event"))?;
        if name.is_some() && kind != sori_event_kind::SORI_EVENT_MESSAGE {
            return Err(Failure::invalid("only messages have an event_name"));
        }
        let has_no_namespace = matches!(
            kind,
            sori_event_kind::SORI_EVENT_CLOSED | sori_event_kind::SORI_EVENT_HANDSHAKE
        );
        if namespace.is_some() && has_no_namespace {
            return Err(Failure::invalid("events of that kind have no namespace"));
        }
        let handler = handler.ok_or_else(|| Failure::null("handler"))?;
        server.handlers().add(Registered {
            kind,
            namespace: namespace.map(|name| name.as_bytes().into()),
            name: name.map(|name| name.as_bytes().into()),
            handler,
            user_data: UserData {
                pointer: user_data,
                finalizer,
            },
        });
        Ok(())
    })
}

/// Hands every event to its handlers until the server is closed and SORI_EVENT_CLOSED has been
/// handed over as well: SORI_OK. To end it, call sori_server_close(), from a handler or from any
/// other thread.
///
/// What a C++ handler throws comes out here. The event is freed then, the others still wait, and it
/// may be called again.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn sori_server_run(server: *const sori_server) -> sori_status {
    loop {
        // SAFETY: the header's rules.
        match unsafe { hand_over(server, BATCH, None, &mut 0) } {
            sori_status::SORI_OK => {}
            sori_status::SORI_CLOSED => return sori_status::SORI_OK,
            failed => return failed,
        }
    }
}

/// Hands up to `most` events to their handlers, waiting up to `timeout_ms` milliseconds for the
/// first: 0 does not wait, a negative timeout waits for ever. Stores in `*count`, which may be
/// NULL, how many there were. For programs with an event loop: call it, without waiting, when
/// sori_server_fd() is readable. After SORI_EVENT_CLOSED it gives SORI_CLOSED. For exceptions see
/// sori_server_run().
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn sori_server_dispatch(
    server: *const sori_server,
    most: usize,
    timeout_ms: i32,
    count: *mut usize,
) -> sori_status {
    let mut handled = 0;
    // SAFETY: the header's rules.
    let outcome = unsafe { hand_over(server, most, duration(timeout_ms), &mut handled) };
    if !count.is_null() {
        // SAFETY: the header's rules.
        unsafe { count.write(handled) };
    }
    outcome
}

/// # Safety
/// `server` is NULL or a server.
unsafe fn hand_over(
    server: *const sori_server,
    most: usize,
    mut timeout: Option<Duration>,
    handled: &mut usize,
) -> sori_status {
    let mut taken = Vec::with_capacity(1);
    let mut outcome = guard(|| match most {
        0 => Err(Failure::invalid("most is 0")),
        _ => Ok(()),
    });
    // Dropped also when a handler unwinds.
    let mut corked = None;
    while outcome == sori_status::SORI_OK && *handled < most {
        outcome = guard(|| {
            // SAFETY: the caller's promise.
            let server = unsafe { pointer::borrow(server, "server") }?.pull();
            server.poll_with(&mut taken, 1, timeout, |command| {
                with_batch(server, |batch| batch.execute(command));
            })?;
            Ok(())
        });
        let Some(event) = taken.pop() else {
            break;
        };
        // SAFETY: as above; no event comes from NULL.
        let server_of_event = unsafe { &*server };
        corked.get_or_insert_with(|| Corked::new(server_of_event.pull()));
        let handlers = server_of_event.handlers().list();
        let event = sori_event::new(event);
        // SAFETY: as above.
        unsafe { handlers.call(server, &event) };
        *handled += 1;
        timeout = Some(Duration::ZERO);
    }
    // What was handled before the end is told first; the end is still there at the next call.
    match outcome {
        sori_status::SORI_CLOSED if *handled > 0 => sori_status::SORI_OK,
        outcome => outcome,
    }
}

/// So many events are handled at most before what their handlers asked for leaves.
const BATCH: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::ptr::{null, null_mut};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use crate::server::{sori_server_close, sori_server_free, sori_server_new};

    unsafe extern "C-unwind" fn panic_at_first(
        _: *const sori_server,
        _: *const sori_event,
        user_data: *mut c_void,
    ) {
        // SAFETY: what the test below registered.
        let calls = unsafe { &*user_data.cast::<AtomicUsize>() };
        if calls.fetch_add(1, Ordering::Relaxed) == 0 {
            panic!("on purpose");
        }
    }

    unsafe extern "C" fn count(user_data: *mut c_void) {
        // SAFETY: what the test below registered.
        unsafe { &*user_data.cast::<AtomicUsize>() }.fetch_add(100, Ordering::Relaxed);
    }

    #[test]
    fn a_panic_in_a_handler_comes_out_of_the_loop_and_harms_nothing() {
        let calls = AtomicUsize::new(0);
        let user_data = std::ptr::from_ref(&calls).cast_mut().cast();
        let mut server = null_mut();
        let closed = sori_event_kind::SORI_EVENT_CLOSED as i32;
        // SAFETY: the header's rules are kept.
        unsafe {
            assert_eq!(sori_server_new(null(), &mut server), sori_status::SORI_OK);
            for finalizer in [None, Some(count as unsafe extern "C" fn(_))] {
                let handler = Some(panic_at_first as unsafe extern "C-unwind" fn(_, _, _));
                let registered = sori_server_on(
                    server,
                    closed,
                    null(),
                    null(),
                    handler,
                    user_data,
                    finalizer,
                );
                assert_eq!(registered, sori_status::SORI_OK);
            }
            sori_server_close(server);
            let run = catch_unwind(AssertUnwindSafe(|| sori_server_run(server)));
            assert!(run.is_err());
            assert_eq!(sori_server_run(server), sori_status::SORI_OK);
            assert_eq!(calls.load(Ordering::Relaxed), 1);
            sori_server_free(server);
        }
        assert_eq!(calls.load(Ordering::Relaxed), 101);
    }
}
