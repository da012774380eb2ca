//! How an engine begins: on threads of its own, or beside others on theirs.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::addresses::Addresses;
use super::inbox::Inbox;
use super::moment::Moment;
use super::registry::Registry;
use super::threads::{Running, Threads};
use super::{Application, Engine, ShardHandle, Shared};
use crate::config::Config;
use crate::error::Error;
use crate::hub::Hub;
use crate::metrics::Counters;
use crate::session::Settings;

impl Engine {
    /// Starts the engine, on threads of its own.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a setting that cannot work, [`Error::Io`] if no thread or event queue
    /// can be had.
    pub fn start(config: Config, application: Arc<dyn Application>) -> Result<Engine, Error> {
        config.validate()?;
        let (threads, running) = Threads::start(config.shards)?;
        Ok(Engine::begin(config, application, threads, &running))
    }

    /// As [`Engine::start`], but on the threads of another engine, which it shares with all that run
    /// there: they take turns, and none is stopped by the end of another. What blocks in one's
    /// [`Application::handle`] blocks the others as well.
    ///
    /// # Errors
    /// [`Error::Closed`] if they have ended, [`Error::Misuse`] for a setting that cannot work:
    /// `shards` has to be their number.
    pub fn start_on(
        threads: &Threads,
        config: Config,
        application: Arc<dyn Application>,
    ) -> Result<Engine, Error> {
        config.validate()?;
        if config.shards != threads.count() {
            let rule = "shards must be as many as the threads that are shared";
            return Err(Error::Misuse(rule.to_owned()));
        }
        let running = threads.running().ok_or(Error::Closed)?;
        let threads = threads.clone();
        Ok(Engine::begin(config, application, threads, &running))
    }

    fn begin(
        config: Config,
        application: Arc<dyn Application>,
        threads: Threads,
        running: &Arc<Running>,
    ) -> Engine {
        let settings = Arc::new(Settings {
            ping_interval: config.ping_interval,
            ping_timeout: config.ping_timeout,
            upgrade_timeout: config.upgrade_timeout,
            close_timeout: config.close_timeout,
            max_payload: config.max_payload,
            allow_upgrades: config.offers_upgrade(),
            rate_limit: config.rate_limit,
        });
        let shards = (0..config.shards).map(|_| ShardHandle {
            inbox: Inbox::new(),
            counters: Counters::default(),
            ended: Moment::default(),
        });
        let shared = Arc::new(Shared {
            hub: Hub::new(config.shards, config.recovery),
            settings,
            registry: Registry::new(),
            addresses: Addresses::new(&config),
            application,
            shards: shards.collect(),
            next_shard: AtomicUsize::new(0),
            next_for_http: AtomicUsize::new(0),
            next_request: AtomicU64::new(1 << 63),
            live_shards: AtomicUsize::new(config.shards),
            is_closing: AtomicBool::new(false),
            tells_heartbeats: AtomicBool::new(false),
            #[cfg(feature = "webtransport")]
            listens_webtransport: AtomicBool::new(false),
            closing: Notify::new(),
            finish_by: OnceLock::new(),
            threads,
            listeners: Mutex::default(),
            over: Moment::default(),
            config,
        });
        let engine = Engine { shared };
        running.take_on(&engine);
        engine
    }

    /// The threads it runs on, for [`Engine::start_on`].
    pub fn threads(&self) -> &Threads {
        &self.shared.threads
    }
}
