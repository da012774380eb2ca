//! A thread of its own for a client, with a current-thread runtime: for programs that have no
//! runtime.

use std::future::Future;
use std::thread::JoinHandle;

use parking_lot::Mutex;

use crate::error::Error;
use crate::thread;

/// The thread that runs a client's `life`. It ends with that.
#[derive(Debug)]
pub(super) struct Thread(Mutex<Option<JoinHandle<()>>>);

impl Thread {
    /// # Errors
    /// [`Error::Io`] if the system gives no thread.
    pub(super) fn start(life: impl Future<Output = ()> + Send + 'static) -> Result<Thread, Error> {
        let during = |error| Error::Io("cannot start the client's thread".to_owned(), error);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(during)?;
        let handle = thread::start("sori-client".to_owned(), move || {
            runtime.block_on(life);
            // A name that is being looked up is not waited for.
            runtime.shutdown_background();
        })
        .map_err(during)?;
        Ok(Thread(Mutex::new(Some(handle))))
    }

    /// Waits until it has ended. On that thread itself, in a handler, it does not.
    pub(super) fn join(&self) {
        let handle = self.0.lock().take();
        if let Some(handle) = handle
            && handle.thread().id() != std::thread::current().id()
        {
            // A panic of it has been told by the panic hook.
            let _ = handle.join();
        }
    }
}
