//! How an engine begins: on threads of its own, or beside others on theirs.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::addresses::Addresses;
use super::cluster::Cluster;
use super::inbox::Inbox;
use super::moment::Moment;
use super::quota::Quota;
use super::registry::Registry;
use super::threads::Threads;
use super::{Application, Engine, ShardHandle, Shared};
use crate::adapter::Adapter;
use crate::config::{Config, TransportKind};
use crate::error::Error;
use crate::hub::Hub;
use crate::metrics::Counters;
use crate::session::Settings;

/// So many at once are told that there are too many connections of HTTP; others are closed at once.
const MAX_TURNED_AWAY: usize = 256;

/// Where an engine runs: by default on threads of its own, and in no cluster.
#[derive(Clone, Copy, Debug, Default)]
pub struct Placement<'a> {
    /// The threads of another engine, which are shared with all that run there: they take turns, and
    /// none is stopped by the end of another. What blocks in one's [`Application::handle`] blocks the
    /// others as well.
    pub threads: Option<&'a Threads>,
    /// The way into the cluster that it is a node of.
    pub adapter: Option<&'a dyn Adapter>,
}

impl Engine {
    /// Starts the engine, on threads of its own.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a setting that cannot work, [`Error::Io`] if no thread or event queue
    /// can be had.
    pub fn start(config: Config, application: Arc<dyn Application>) -> Result<Engine, Error> {
        Engine::start_with(Placement::default(), config, application)
    }

    /// Starts the engine where `placement` says.
    ///
    /// # Errors
    /// As [`Engine::start`] and [`Adapter::start`]; [`Error::Closed`] if the threads to share have
    /// ended, [`Error::Misuse`] if `shards` is not their number.
    pub fn start_with(
        placement: Placement<'_>,
        config: Config,
        application: Arc<dyn Application>,
    ) -> Result<Engine, Error> {
        config.validate()?;
        let Placement { threads, adapter } = placement;
        let (threads, running) = match threads {
            None => Threads::start(config.shards)?,
            Some(threads) if config.shards != threads.count() => {
                let rule = "shards must be as many as the threads that are shared";
                return Err(Error::Misuse(rule.to_owned()));
            }
            Some(threads) => (threads.clone(), threads.running().ok_or(Error::Closed)?),
        };
        let engine = Engine::new(config, application, threads, adapter);
        if let Some(adapter) = adapter {
            Cluster::start(&engine.shared, adapter)?;
        }
        running.take_on(&engine);
        Ok(engine)
    }

    fn new(
        config: Config,
        application: Arc<dyn Application>,
        threads: Threads,
        adapter: Option<&dyn Adapter>,
    ) -> Engine {
        let settings = Arc::new(Settings {
            ping_interval: config.ping_interval,
            ping_timeout: config.ping_timeout,
            upgrade_timeout: config.upgrade_timeout,
            close_timeout: config.close_timeout,
            max_payload: config.max_payload,
            allow_upgrades: config.allow_upgrades,
            serves_websocket: config.serves(TransportKind::WebSocket),
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
            cluster: adapter.map(|adapter| Cluster::new(&adapter.settings(), config.recovery)),
            registry: Registry::new(),
            addresses: Addresses::new(&config),
            group_addresses: Addresses::empty(),
            application,
            shards: shards.collect(),
            next_shard: AtomicUsize::new(0),
            next_for_http: AtomicUsize::new(0),
            next_request: AtomicU64::new(1 << 63),
            live_shards: AtomicUsize::new(config.shards),
            is_closing: AtomicBool::new(false),
            tells_heartbeats: AtomicBool::new(false),
            offers_webtransport: AtomicBool::new(false),
            closing: Notify::new(),
            finish_by: OnceLock::new(),
            threads,
            http: Quota::new(config.max_http_connections),
            turned_away: Quota::new(Some(MAX_TURNED_AWAY)),
            listeners: Mutex::default(),
            over: Moment::default(),
            config,
        });
        Engine { shared }
    }

    /// The threads it runs on, for [`Placement::threads`].
    pub fn threads(&self) -> &Threads {
        &self.shared.threads
    }
}
