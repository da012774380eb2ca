//! IO threads: each a current-thread runtime on which shards of any number of engines run and take
//! turns.
//!
//! ```text
//!  thread 0   shard 0 of one engine, shard 0 of another, their readers
//!  thread 1   shard 1 of one engine, shard 1 of another, their readers
//! ```
//! What keeps the threads is held by the shards on them alone: with the last of them they end.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, LocalOptions};
use tokio::sync::mpsc;

use super::{Engine, shard};
use crate::error::Error;
use crate::thread;

/// A handle on the IO threads of an engine, for others to run there too; see [`Placement::threads`].
/// It does not keep them: they end with the last engine on them.
///
/// [`Placement::threads`]: super::Placement::threads
#[derive(Clone, Debug)]
pub struct Threads {
    running: Weak<Running>,
    count: usize,
    handles: Handles,
}

type Handles = Arc<Mutex<Vec<JoinHandle<()>>>>;

/// Threads that go on as long as somebody holds this.
#[derive(Debug)]
pub(super) struct Running {
    doors: Box<[Door]>,
}

/// The way onto a thread.
#[derive(Debug)]
struct Door {
    arrivals: mpsc::UnboundedSender<Arrival>,
    runtime: Handle,
}

/// What comes to a thread.
enum Arrival {
    Shard {
        engine: Engine,
        index: u8,
        threads: Arc<Running>,
    },
    /// Work beside the shards.
    Work(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl Threads {
    /// Starts so many threads. They end if nothing comes to run on them.
    pub(super) fn start(count: usize) -> Result<(Threads, Arc<Running>), Error> {
        let handles = Handles::default();
        let doors = (0..count).map(|index| {
            let (sender, arrivals) = mpsc::unbounded_channel();
            let (thread, runtime) = spawn(index, arrivals)?;
            handles.lock().push(thread);
            Ok(Door {
                arrivals: sender,
                runtime,
            })
        });
        let running = Arc::new(Running {
            doors: doors.collect::<Result<_, Error>>()?,
        });
        let threads = Threads {
            running: Arc::downgrade(&running),
            count,
            handles,
        };
        Ok((threads, running))
    }

    /// How many they are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether the last engine on them has ended, and they with it.
    pub fn have_ended(&self) -> bool {
        self.running().is_none()
    }

    pub(super) fn running(&self) -> Option<Arc<Running>> {
        self.running.upgrade()
    }

    /// Waits for the threads if nothing runs there any more.
    pub(super) fn join(&self) {
        if self.have_ended() {
            let handles = std::mem::take(&mut *self.handles.lock());
            for thread in handles {
                // A panic has been reported by the panic hook already.
                let _ = thread.join();
            }
        }
    }
}

impl Running {
    /// Lets every shard of `engine` begin, each on the thread of its number.
    pub(super) fn take_on(self: &Arc<Running>, engine: &Engine) {
        for (index, door) in self.doors.iter().enumerate() {
            door.let_in(Arrival::Shard {
                engine: engine.clone(),
                index: index as u8,
                threads: Arc::clone(self),
            });
        }
    }

    /// The runtime of a thread, for what is to be registered there.
    pub(super) fn runtime(&self, thread: usize) -> &Handle {
        &self.doors[thread].runtime
    }

    /// Lets `work` go on on a thread, which lasts as long as somebody holds `self`: `work` as well, if it
    /// is to be done.
    pub(super) fn run(&self, thread: usize, work: impl Future<Output = ()> + Send + 'static) {
        self.doors[thread].let_in(Arrival::Work(Box::pin(work)));
    }
}

impl Door {
    fn let_in(&self, arrival: Arrival) {
        // The thread listens as long as somebody holds its door.
        let _ = self.arrivals.send(arrival);
    }
}

fn spawn(
    index: usize,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
) -> Result<(JoinHandle<()>, Handle), Error> {
    let during = |error| Error::Io("cannot start an IO thread".to_owned(), error);
    // The runtime belongs to the thread that makes it; whether it could be made is told here.
    let (started, outcome) = std::sync::mpsc::sync_channel(1);
    let thread = thread::start(format!("sori-{index}"), move || {
        let mut builder = Builder::new_current_thread();
        let runtime = builder
            .enable_io()
            .enable_time()
            .build_local(LocalOptions::default());
        let (runtime, told) = match runtime {
            Ok(runtime) => {
                let handle = runtime.handle().clone();
                (Some(runtime), Ok(handle))
            }
            Err(error) => (None, Err(error)),
        };
        // The caller waits for it.
        let _ = started.send(told);
        if let Some(runtime) = runtime {
            runtime.block_on(host(arrivals));
        }
    })
    .map_err(during)?;
    let told = outcome
        .recv()
        .unwrap_or_else(|_| Err(std::io::ErrorKind::Other.into()));
    Ok((thread, told.map_err(during)?))
}

/// Runs the shards that come, until nobody is left that could send more.
///
/// Shards are no tasks: of what a thread is woken for, the runtime looks at this first and at tasks
/// later. So a shard does what other threads have asked for before its readers run.
async fn host(mut arrivals: mpsc::UnboundedReceiver<Arrival>) {
    let mut lives: Vec<Pin<Box<dyn Future<Output = ()>>>> = Vec::new();
    poll_fn(|cx| {
        let is_over = loop {
            match arrivals.poll_recv(cx) {
                Poll::Ready(Some(Arrival::Shard {
                    engine,
                    index,
                    threads,
                })) => lives.push(Box::pin(shard::run(engine, index, threads))),
                Poll::Ready(Some(Arrival::Work(work))) => {
                    tokio::task::spawn_local(work);
                }
                Poll::Ready(None) => break true,
                Poll::Pending => break false,
            }
        };
        // The panic of one is not the others' end.
        lives.retain_mut(|life| {
            let polled = catch_unwind(AssertUnwindSafe(|| life.as_mut().poll(cx)));
            polled.is_ok_and(|polled| polled.is_pending())
        });
        match is_over && lives.is_empty() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}
