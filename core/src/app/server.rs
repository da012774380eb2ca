//! The server: an engine, its namespaces, and the addresses it listens on.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::answers::PendingAnswers;
use super::broadcast::{Broadcast, Rooms};
use super::builder::ServerBuilder;
use super::error::HandlerError;
use super::namespace::Namespace;
use super::router::{Entrance, Router};
use super::socket::Socket;
use super::sse;
use super::ws::{Endpoint, WebSocketSettings};
use crate::config::Config;
use crate::error::Error;
use crate::metrics::Metrics;
use crate::server::{Engine, Threads};

/// A Socket.IO server. It runs on IO threads of its own, or another server's, in any program, async or not. Clones are
/// handles on the same server; it runs until it is closed, even when the last handle is dropped.
///
/// # Examples
/// ```no_run
/// use sori::{Server, Socket};
///
/// # fn main() -> Result<(), sori::Error> {
/// let server = Server::builder().build()?;
/// let chat = server.of("/");
/// chat.on_connect(|socket: Socket| socket.join("lobby"));
/// chat.on("message", |socket: Socket, text: String| {
///     socket.to("lobby").emit("message", (socket.id(), text))
/// });
/// let address = server.listen("127.0.0.1:3000")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Server {
    engine: Engine,
    router: Arc<Router>,
}

impl Server {
    /// Begins with the default settings.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// Starts the server's threads. It listens nowhere yet.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a setting that cannot work, [`Error::Io`] if no thread or event queue
    /// can be had.
    pub fn start(config: Config) -> Result<Server, Error> {
        Server::launch(ServerBuilder {
            config,
            ..ServerBuilder::default()
        })
    }

    pub(super) fn router(&self) -> &Router {
        &self.router
    }

    #[cfg(feature = "tower")]
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn launch(mut builder: ServerBuilder) -> Result<Server, Error> {
        let hooks = std::mem::take(&mut builder.hooks);
        let router = Arc::new(Router::new(builder.shard_count(), hooks));
        let engine = builder.start(Arc::new(Entrance(Arc::clone(&router))))?;
        let server = Server { engine, router };
        // Every client may ask for "/", whether the application does or not.
        server.of("/");
        Ok(server)
    }

    /// Accepts connections on `address`; port 0 lets the system choose. Gives the address bound.
    /// A server may listen on several addresses. Register handlers before.
    ///
    /// # Errors
    /// [`Error::Io`] if the address cannot be had, [`Error::Closed`] after the server was closed.
    pub fn listen(&self, address: impl ToSocketAddrs) -> Result<SocketAddr, Error> {
        self.engine.listen(address)
    }

    /// As [`Server::listen`], for clients that speak TLS. Slow handshakes end after
    /// `request_timeout`.
    ///
    /// # Errors
    /// As [`Server::listen`].
    #[cfg(feature = "tls")]
    pub fn listen_tls(
        &self,
        address: impl ToSocketAddrs,
        tls: &crate::Tls,
    ) -> Result<SocketAddr, Error> {
        self.engine.listen_tls(address, tls)
    }

    /// Accepts sessions of WebTransport (HTTP/3, over UDP) on `address`, and offers polling clients
    /// that may become WebSockets to move there. Of `tls` the identity of this moment counts, and TLS 1.3 alone is spoken. The
    /// hooks for requests apply but for headers: clients have no way to read them.
    ///
    /// # Errors
    /// As [`Server::listen`]; [`Error::Misuse`] if `tls` has not the cipher that QUIC begins with.
    #[cfg(feature = "webtransport")]
    pub fn listen_webtransport(
        &self,
        address: impl ToSocketAddrs,
        tls: &crate::Tls,
    ) -> Result<SocketAddr, Error> {
        self.engine.listen_webtransport(address, tls)
    }

    /// Accepts connections on a Unix socket; see [`Engine::listen_unix`].
    ///
    /// # Errors
    /// As [`Engine::listen_unix`].
    #[cfg(unix)]
    pub fn listen_unix(&self, path: impl AsRef<std::path::Path>) -> Result<(), Error> {
        self.engine.listen_unix(path)
    }

    /// The namespace of that name, made if it is new. A missing leading `/` is added. Clients that
    /// ask for a namespace which has not been made are refused, "Invalid namespace".
    pub fn of(&self, name: &str) -> Namespace {
        let state = self.router.register(self.engine.hub().register(name));
        Namespace::new(self.engine.clone(), Arc::clone(&self.router), state)
    }

    /// The path `path` of the server's listeners as an endpoint for plain WebSockets, made if it is
    /// new; see [`ws`](crate::ws). It must not be under the path of Socket.IO, unless the server
    /// has no [`transports`](crate::ServerBuilder::transports).
    pub fn websockets(&self, path: &str) -> Endpoint {
        self.websockets_with(path, WebSocketSettings::default())
    }

    /// As [`Server::websockets`], with other settings than the default ones. They do not change
    /// those of an endpoint that is there.
    pub fn websockets_with(&self, path: &str, settings: WebSocketSettings) -> Endpoint {
        let endpoints = self.router.endpoints();
        endpoints.open(&self.engine, path, settings)
    }

    /// The path `path` of the server's listeners as an endpoint for server-sent events, made if it
    /// is new; see [`sse`](crate::sse). It must not be under the path of Socket.IO, unless the
    /// server has no [`transports`](crate::ServerBuilder::transports).
    pub fn events(&self, path: &str) -> sse::Endpoint {
        self.events_with(path, sse::Settings::default())
    }

    /// As [`Server::events`], with other settings than the default ones. They do not change those of
    /// an endpoint that is there.
    pub fn events_with(&self, path: &str, settings: sse::Settings) -> sse::Endpoint {
        self.router.streams().open(path, settings)
    }

    /// Calls `hook` with everything that goes wrong in handlers: on which socket, at which event
    /// (empty if it is not about one). It takes the place of the hook before. Without one, errors
    /// are passed over.
    pub fn on_error(&self, hook: impl Fn(&Socket, &str, &HandlerError) + Send + Sync + 'static) {
        self.router.set_error_hook(Arc::new(hook));
    }

    /// Addresses the sockets in any of `rooms` of the namespace `/`.
    pub fn to(&self, rooms: impl Rooms) -> Broadcast {
        self.of("/").to(rooms)
    }

    /// The same as [`Server::to`].
    pub fn within(&self, rooms: impl Rooms) -> Broadcast {
        self.to(rooms)
    }

    /// Addresses the sockets of the namespace `/` in none of `rooms`.
    pub fn except(&self, rooms: impl Rooms) -> Broadcast {
        self.of("/").except(rooms)
    }

    /// Sends an event to every socket of the namespace `/`; see [`Broadcast::emit`].
    ///
    /// # Errors
    /// [`Error::Misuse`] for a reserved name, and for arguments that cannot be JSON.
    pub fn emit(&self, event: &str, arguments: impl Serialize) -> Result<(), Error> {
        self.of("/").emit(event, arguments)
    }

    /// Sends an event to every socket of the namespace `/` and waits for their answers; see
    /// [`Broadcast::emit_with_ack`].
    pub fn emit_with_ack<R>(&self, event: &str, arguments: impl Serialize) -> PendingAnswers<R> {
        self.of("/").emit_with_ack(event, arguments)
    }

    /// The threads it runs on, for [`ServerBuilder::share_threads`].
    pub fn threads(&self) -> &Threads {
        self.engine.threads()
    }

    /// The settings it runs with.
    pub fn config(&self) -> &Config {
        self.engine.config()
    }

    /// The engine's counters at this moment.
    pub fn metrics(&self) -> Metrics {
        self.engine.metrics()
    }

    /// Closes every connection ("server shutting down") and stops listening; ends when all is
    /// done. It may be awaited on any async runtime, and several times. An async handler that awaits
    /// it waits for itself, and is dropped after `close_timeout`.
    ///
    /// # Cancel safety
    /// Dropped early, the server closes all the same.
    pub async fn close(&self) {
        self.engine.close();
        self.router.closed().await;
    }

    /// As [`Server::close`], for programs that are not async: blocks until all is done and the IO
    /// threads have ended, unless another server shares them. From a handler it would wait for itself forever, from one of a server on
    /// the same threads as well.
    pub fn shutdown(&self) {
        self.engine.close();
        self.engine.join();
    }

    /// As [`Server::close`], but gracefully, and never longer than `time`: no new connections are
    /// taken, what has been sent to clients still leaves, and pending handlers go on; after `time`
    /// what is left is dropped.
    ///
    /// # Cancel safety
    /// Dropped early, the server closes all the same.
    ///
    /// # Examples
    /// ```no_run
    /// # use std::time::Duration;
    /// # async fn example(server: sori::Server, signal: impl Future) {
    /// // For example tokio's `ctrl_c()`.
    /// signal.await;
    /// server.close_within(Duration::from_secs(10)).await;
    /// # }
    /// ```
    pub async fn close_within(&self, time: Duration) {
        self.engine.close_within(time);
        self.router.closed().await;
    }

    /// As [`Server::close_within`], for programs that are not async; see [`Server::shutdown`].
    pub fn shutdown_within(&self, time: Duration) {
        self.engine.close_within(time);
        self.engine.join();
    }

    /// Blocks until somebody closes the server.
    pub fn wait(&self) {
        self.engine.join();
    }
}
