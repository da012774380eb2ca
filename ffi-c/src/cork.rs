//! What a thread asks for, gathered: while it hands events to handlers, or if it said so, its commands
//! reach connections together, with one wake-up of each IO thread and one write for each client.

use std::cell::RefCell;
use std::mem::ManuallyDrop;

use sori_core::hub::Hub;
use sori_core::server::pull::PullServer;
use sori_core::server::{Batch, Engine};

use crate::pointer;
use crate::server::sori_server;
use crate::status::{guard, sori_status};

thread_local! {
    /// The servers that this thread has corked; a handler of one may speak to another.
    static CORKS: RefCell<Vec<Cork>> = const { RefCell::new(Vec::new()) };
}

struct Cork {
    /// What servers are told apart by. It is kept by the engine that is gathered with, so no other can
    /// come to lie there.
    hub: *const Hub,
    /// Uncorked as often as it was corked.
    depth: usize,
    gathered: Gathered,
}

/// A batch, and the engine that it borrows.
struct Gathered {
    batch: ManuallyDrop<Batch<'static>>,
    engine: ManuallyDrop<Box<Engine>>,
}

impl Gathered {
    fn new(engine: &Engine) -> Gathered {
        let engine = Box::new(engine.clone());
        // SAFETY: the batch borrows what the box points to, which neither moves nor goes before it.
        let batch = unsafe { std::mem::transmute::<Batch<'_>, Batch<'static>>(engine.batch()) };
        Gathered {
            batch: ManuallyDrop::new(batch),
            engine: ManuallyDrop::new(engine),
        }
    }
}

impl Drop for Gathered {
    fn drop(&mut self) {
        // SAFETY: neither is used again; the batch, which borrows, goes first.
        unsafe {
            ManuallyDrop::drop(&mut self.batch);
            ManuallyDrop::drop(&mut self.engine);
        }
    }
}

/// Gives `work` the batch that what this thread asks of `server` belongs into.
pub(crate) fn with_batch<R>(server: &PullServer, work: impl FnOnce(&mut Batch<'_>) -> R) -> R {
    let hub = server.engine().hub();
    let mut work = Some(work);
    let gathered = CORKS.try_with(|corks| {
        let mut corks = corks.try_borrow_mut().ok()?;
        let cork = corks.iter_mut().find(|cork| std::ptr::eq(cork.hub, hub))?;
        Some(work.take()?(&mut cork.gathered.batch))
    });
    match (gathered.ok().flatten(), work) {
        (Some(done), _) => done,
        (None, Some(work)) => work(&mut server.engine().batch()),
        (None, None) => unreachable!("work is taken only to be done"),
    }
}

/// Corks a server for this thread as long as it lives.
pub(crate) struct Corked(*const Hub);

impl Corked {
    pub(crate) fn new(server: &PullServer) -> Corked {
        push(server);
        Corked(server.engine().hub())
    }
}

impl Drop for Corked {
    fn drop(&mut self) {
        pop(self.0);
    }
}

fn push(server: &PullServer) {
    let hub = server.engine().hub();
    let _ = CORKS.try_with(|corks| {
        let mut corks = corks.borrow_mut();
        match corks.iter_mut().find(|cork| std::ptr::eq(cork.hub, hub)) {
            Some(cork) => cork.depth += 1,
            None => corks.push(Cork {
                hub,
                depth: 1,
                gathered: Gathered::new(server.engine()),
            }),
        }
    });
}

fn pop(hub: *const Hub) {
    let ended = CORKS.try_with(|corks| {
        let mut corks = corks.borrow_mut();
        let at = corks.iter().position(|cork| std::ptr::eq(cork.hub, hub))?;
        corks[at].depth -= 1;
        (corks[at].depth == 0).then(|| corks.swap_remove(at))
    });
    // What was gathered leaves now, when nothing is borrowed.
    drop(ended);
}

/// Lets what this thread has asked of `server` leave.
pub(crate) fn flush(server: &PullServer) {
    let hub = server.engine().hub();
    let _ = CORKS.try_with(|corks| {
        let mut corks = corks.borrow_mut();
        if let Some(cork) = corks.iter_mut().find(|cork| std::ptr::eq(cork.hub, hub)) {
            cork.gathered.batch.flush();
        }
    });
}

/// From now on gathers what this thread asks of the server, until it calls sori_server_uncork(): what
/// is for one client then leaves in one piece, which costs less. In between, sori_server_poll() lets it
/// leave too, before it waits. Every cork needs an uncork, by the same thread.
///
/// sori_server_run() and sori_server_dispatch() cork by themselves: what handlers ask for leaves when
/// the events at hand have been handled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_cork(server: *const sori_server) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        push(unsafe { pointer::borrow(server, "server") }?.pull());
        Ok(())
    })
}

/// Lets what this thread asked for since sori_server_cork() leave. Without a cork it does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_uncork(server: *const sori_server) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let server = unsafe { pointer::borrow(server, "server") }?;
        pop(server.pull().engine().hub());
        Ok(())
    })
}
