//! The settings of a server, one method each.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};

use super::reception::{Eventual, Eventually, Hooks};
use super::server::Server;
use crate::config::{
    Config, Cookie, Cors, DeflateOptions, HttpCompression, InitialPacket, Overflow, Parser,
    RateLimit, RecoverySettings, TransportKind,
};
use crate::embed::Handshake;
use crate::error::Error;
use crate::server::{Application, Engine, Threads};

/// Gathers the settings of a [`Server`]; each has the default that [`Config`] gives.
///
/// # Examples
/// ```no_run
/// use std::time::Duration;
///
/// # fn main() -> Result<(), sori::Error> {
/// let server = sori::Server::builder()
///     .path("/live")
///     .ping_interval(Duration::from_secs(10))
///     .max_payload(64 * 1024)
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a server starts with `build`"]
pub struct ServerBuilder {
    pub(super) config: Config,
    pub(super) hooks: Hooks,
    pub(super) threads: Option<Threads>,
}

macro_rules! setters {
    ($($name:ident: $kind:ty, $what:literal;)*) => {$(
        #[doc = $what]
        ///
        #[doc = concat!("See [`Config::", stringify!($name), "`] for the default.")]
        pub fn $name(mut self, $name: $kind) -> ServerBuilder {
            self.config.$name = $name;
            self
        }
    )*};
}

impl ServerBuilder {
    /// Path under which clients find the server; begins with `/`.
    ///
    /// See [`Config::path`] for the default.
    pub fn path(mut self, path: impl Into<String>) -> ServerBuilder {
        self.config.path = path.into();
        self
    }

    setters! {
        ping_interval: Duration, "From one pong to the next ping.";
        ping_timeout: Duration, "How long a pong may take.";
        upgrade_timeout: Duration, "How long an upgrade may take from its first byte.";
        connect_timeout: Duration, "How long a connection may stay in no namespace, and how long \
                                    checks may take to let it into one.";
        broadcast_ack_timeout: Duration, "How long a broadcast waits for acks when it does not say.";
        close_timeout: Duration, "How long a closing connection is given to take what is queued.";
        request_timeout: Duration, "How long a request's head, and then its body, may take.";
        max_payload: usize, "Largest message a client may send, in bytes.";
        max_attachments: u32, "Most binary attachments in one packet.";
        max_queued_bytes: usize, "Most bytes queued for one client that reads too slowly, and of \
                                  one client's events that wait for its handlers.";
        max_pending_events: usize, "Most events of one client that wait for its handlers; over it \
                                    the connection is closed.";
        overflow: Overflow, "What happens to a client that has `max_queued_bytes` waiting.";
        transports: Vec<TransportKind>, "Transports that are served.";
        allow_upgrades: bool, "Whether a polling connection may become a WebSocket.";
        allow_eio3: bool, "Whether clients of Socket.IO 1 and 2 are served.";
        parser: Parser, "How packets are written; clients must be made with the same.";
        shards: usize, "IO threads.";
    }

    /// Runs the server on the threads of another, in place of `shards` of its own. They take turns: a
    /// busy server does not starve the other, but a handler that blocks holds up both. The threads
    /// end with the last server on them.
    ///
    /// # Examples
    /// ```no_run
    /// # fn main() -> Result<(), sori::Error> {
    /// let chat = sori::Server::builder().build()?;
    /// let admin = sori::Server::builder()
    ///     .path("/admin")
    ///     .share_threads(chat.threads())
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn share_threads(mut self, threads: &Threads) -> ServerBuilder {
        self.threads = Some(threads.clone());
        self
    }

    /// How many threads it will run on.
    pub(super) fn shard_count(&self) -> usize {
        self.threads
            .as_ref()
            .map_or(self.config.shards, Threads::count)
    }

    pub(super) fn start(self, application: Arc<dyn Application>) -> Result<Engine, Error> {
        let mut config = self.config;
        match self.threads {
            None => Engine::start(config, application),
            Some(threads) => {
                config.shards = threads.count();
                Engine::start_on(&threads, config, application)
            }
        }
    }

    /// Sends `packet` to every client right behind the open packet.
    pub fn initial_packet(mut self, packet: InitialPacket) -> ServerBuilder {
        self.config.initial_packet = Some(packet);
        self
    }

    /// Most connections at once; more are answered 503. Without it there is no limit.
    pub fn max_connections(mut self, max_connections: usize) -> ServerBuilder {
        self.config.max_connections = Some(max_connections);
        self
    }

    /// Serves the counters for Prometheus under `path` of the server's listeners. Whoever reaches
    /// them can read it; beside routes of one's own,
    /// [`Metrics::to_prometheus`](crate::metrics::Metrics::to_prometheus) does it.
    pub fn metrics_path(mut self, path: impl Into<String>) -> ServerBuilder {
        self.config.metrics_path = Some(path.into());
        self
    }

    /// How many messages a client may send; at one more its connection is closed. Without it there
    /// is no limit.
    pub fn rate_limit(mut self, rate_limit: RateLimit) -> ServerBuilder {
        self.config.rate_limit = Some(rate_limit);
        self
    }

    /// How many messages all clients of an address may send together; the connection that sends one
    /// more is closed. Behind a proxy, [`ServerBuilder::address_header`] tells addresses apart.
    pub fn rate_limit_per_address(mut self, rate_limit: RateLimit) -> ServerBuilder {
        self.config.rate_limit_per_address = Some(rate_limit);
        self
    }

    /// Most connections of an address at once, plain WebSockets among them; more are answered 429.
    pub fn max_connections_per_address(mut self, most: usize) -> ServerBuilder {
        self.config.max_connections_per_address = Some(most);
        self
    }

    /// The header in which the proxy before the server writes the client's address, for example
    /// `X-Forwarded-For`. For limits by address only: the handshake says what the proxy's is.
    pub fn address_header(mut self, name: impl Into<String>) -> ServerBuilder {
        self.config.address_header = Some(name.into());
        self
    }

    /// Lets sockets that lose their connection come back with their id, their rooms and what they
    /// missed; see [`Socket::is_recovered`](crate::Socket::is_recovered). Checks decide about them
    /// once more.
    pub fn recovery(mut self, recovery: RecoverySettings) -> ServerBuilder {
        self.config.recovery = Some(recovery);
        self
    }

    /// Keeps `value` for all handlers, which find it by its type with [`Socket::state`], in place of
    /// the value of the same type kept before.
    ///
    /// # Examples
    /// ```no_run
    /// # use std::sync::atomic::{AtomicU64, Ordering};
    /// # use sori::{Server, Socket};
    /// #[derive(Default)]
    /// struct Visits(AtomicU64);
    ///
    /// # fn main() -> Result<(), sori::Error> {
    /// let server = Server::builder().state(Visits::default()).build()?;
    /// server.of("/").on_connect(|socket: Socket| {
    ///     let visits = socket.state::<Visits>().expect("it was given to the builder");
    ///     visits.0.fetch_add(1, Ordering::Relaxed);
    /// });
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [`Socket::state`]: crate::Socket::state
    pub fn state<T: Any + Send + Sync>(mut self, value: T) -> ServerBuilder {
        self.hooks.state.insert(value);
        self
    }

    /// Starts the server; see [`Server::start`].
    ///
    /// # Errors
    /// [`Error::Misuse`] for a setting that cannot work, [`Error::Io`] if no thread or event queue
    /// can be had, [`Error::Closed`] if the threads to share have ended.
    pub fn build(self) -> Result<Server, Error> {
        Server::launch(self)
    }
}

/// HTTP.
impl ServerBuilder {
    /// Lets pages of other origins use the server. Without it browsers let none.
    ///
    /// # Examples
    /// ```no_run
    /// use sori::config::Cors;
    ///
    /// # fn main() -> Result<(), sori::Error> {
    /// let cors = Cors::origins(["https://app.example"]).credentials(true);
    /// let server = sori::Server::builder().cors(cors).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn cors(mut self, cors: Cors) -> ServerBuilder {
        self.config.cors = Some(cors);
        self
    }

    /// Sets a cookie with the session's id at each polling handshake, for load balancers that keep
    /// a client with its node. Without it there is none.
    pub fn cookie(mut self, cookie: Cookie) -> ServerBuilder {
        self.config.cookie = Some(cookie);
        self
    }

    /// Compresses polling answers from a length on; `None` compresses none.
    ///
    /// See [`Config::http_compression`] for the default.
    pub fn http_compression(mut self, compression: Option<HttpCompression>) -> ServerBuilder {
        self.config.http_compression = compression;
        self
    }

    /// Compresses messages over WebSockets (permessage-deflate) with clients that can; `None`
    /// compresses none.
    ///
    /// See [`Config::per_message_deflate`] for the default.
    pub fn per_message_deflate(mut self, options: Option<DeflateOptions>) -> ServerBuilder {
        self.config.per_message_deflate = options;
        self
    }

    /// Asks `hook` about every client that wants to open a connection. An `Err` turns it away with
    /// that message: polling by 403 and `{"code":4,"message":…}`, a WebSocket by 400. So does a
    /// hook that has not decided within `connect_timeout`.
    ///
    /// The hook is plain or async, and must not block: it runs on an IO thread.
    ///
    /// # Examples
    /// ```no_run
    /// # fn main() -> Result<(), sori::Error> {
    /// let server = sori::Server::builder()
    ///     .allow_request(|request| async move {
    ///         match request.query("token").as_deref() {
    ///             Some("letmein") => Ok(()),
    ///             _ => Err("no way".to_owned()),
    ///         }
    ///     })
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn allow_request<F, R, K>(mut self, hook: F) -> ServerBuilder
    where
        F: Fn(Arc<Handshake>) -> R + Send + Sync + 'static,
        R: Eventually<Result<(), String>, K>,
    {
        let hook = move |handshake| hook(handshake).into_eventual();
        self.hooks.admit = Some(Arc::new(hook));
        self
    }

    /// Lets `hook` add headers to the answer that opens a connection: of a polling handshake, and
    /// of a WebSocket's that is not an upgrade.
    ///
    /// # Examples
    /// ```no_run
    /// use sori::http::HeaderValue;
    ///
    /// # fn main() -> Result<(), sori::Error> {
    /// let server = sori::Server::builder()
    ///     .initial_headers(|_, headers| {
    ///         headers.insert("x-node", HeaderValue::from_static("7"));
    ///     })
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn initial_headers<F>(mut self, hook: F) -> ServerBuilder
    where
        F: Fn(&Handshake, &mut HeaderMap) + Send + Sync + 'static,
    {
        self.hooks.initial_headers = Some(Arc::new(hook));
        self
    }

    /// Lets `hook` add headers to every answer that is no refusal: of each polling request and of
    /// each WebSocket handshake. It is shown the request that is answered.
    pub fn headers<F>(mut self, hook: F) -> ServerBuilder
    where
        F: Fn(&Handshake, &mut HeaderMap) + Send + Sync + 'static,
    {
        self.hooks.headers = Some(Arc::new(hook));
        self
    }

    /// Lets `hook` answer requests that are not under the server's path, from their heads alone:
    /// bodies are not read. Without it they are answered 404. Enough to serve a page or a health
    /// check beside the sockets; it is no web server.
    ///
    /// The hook is plain or async, and must not block: it runs on an IO thread.
    ///
    /// # Examples
    /// ```no_run
    /// use sori::http::Response;
    ///
    /// # fn main() -> Result<(), sori::Error> {
    /// let server = sori::Server::builder()
    ///     .fallback(|request| match request.uri().path() {
    ///         "/" => Response::new("<h1>hello</h1>"),
    ///         _ => Response::builder().status(404).body("").unwrap_or_default(),
    ///     })
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn fallback<F, R, B, K>(mut self, hook: F) -> ServerBuilder
    where
        F: Fn(Request<()>) -> R + Send + Sync + 'static,
        R: Eventually<Response<B>, K>,
        B: Into<Bytes> + 'static,
    {
        let hook = move |request| match hook(request).into_eventual() {
            Eventual::Now(response) => Eventual::Now(response.map(Into::into)),
            Eventual::Later(coming) => {
                Eventual::Later(Box::pin(async move { coming.await.map(Into::into) }) as _)
            }
        };
        self.hooks.fallback = Some(Arc::new(hook));
        self
    }
}
