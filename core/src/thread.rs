//! Threads of the crate's own: they have names, and no write of theirs raises a signal.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Starts a thread. Whatever has to do with sockets runs on one that was started here: to write to a
/// connection that is gone raises SIGPIPE, which ends a program that does not ignore it, as programs in C
/// do not. The program's own threads are left as they are.
///
/// # Errors
/// If the system gives no thread.
pub(crate) fn start<T: Send + 'static>(
    name: String,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    Builder::new().name(name).spawn(move || {
        #[cfg(unix)]
        block_broken_pipes();
        work()
    })
}

/// The error of the write says the same.
#[cfg(unix)]
fn block_broken_pipes() {
    use nix::sys::signal::{SigSet, Signal};

    let mut broken_pipe = SigSet::empty();
    broken_pipe.add(Signal::SIGPIPE);
    // Fails only for what is no signal.
    let _ = broken_pipe.thread_block();
}
