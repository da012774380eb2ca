//! The class `Threads` that JavaScript sees: the IO threads that the engines of one environment share.

use std::sync::Arc;

use napi_derive::napi;
use parking_lot::Mutex;
use sori::adapter::Adapter;
use sori::server::{Application, Engine, Placement, Threads as Native};
use sori::{Config, Error};

/// The threads that engines have been started on. It keeps none of them running.
#[napi]
#[derive(Default)]
pub struct Threads {
    /// One of each number.
    sets: Mutex<Vec<Native>>,
}

#[napi]
impl Threads {
    /// None yet.
    #[napi(constructor)]
    pub fn new() -> Threads {
        Threads::default()
    }
}

impl Threads {
    /// Starts an engine: on the threads that others run on, if they are as many as it wants.
    pub(crate) fn start(
        &self,
        config: Config,
        application: Arc<dyn Application>,
        adapter: Option<&dyn Adapter>,
    ) -> Result<Engine, Error> {
        let mut sets = self.sets.lock();
        sets.retain(|threads| !threads.have_ended());
        if let Some(threads) = sets.iter().find(|set| set.count() == config.shards) {
            let placement = Placement {
                threads: Some(threads),
                adapter,
            };
            match Engine::start_with(placement, config.clone(), Arc::clone(&application)) {
                // The last engine on them has just ended.
                Err(Error::Closed) => sets.retain(|threads| !threads.have_ended()),
                started => return started,
            }
        }
        let placement = Placement {
            threads: None,
            adapter,
        };
        let engine = Engine::start_with(placement, config, application)?;
        sets.push(engine.threads().clone());
        Ok(engine)
    }
}
