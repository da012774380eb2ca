//! The engine's own listeners: TCP, TLS, Unix sockets. A thread for each accepts connections and
//! deals them out to the shards in turn; a shard makes a stream of one and serves HTTP on it. An
//! engine of one shard accepts on that shard's thread: what comes there has no way to go.

use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;

use super::Engine;
use super::shard::thread_ended;
use super::task::Task;
use crate::embed::Peer;
use crate::error::Error;
use crate::thread;
use crate::trace::tell;
use crate::transport::{Stream, Wire};

/// What is spoken under HTTP on a TCP listener.
#[derive(Clone, Debug)]
pub(super) enum Transport {
    Plain,
    #[cfg(feature = "tls")]
    Tls(crate::tls::Tls),
}

/// A connection that has been accepted, before the engine has read its first byte.
#[derive(Debug)]
pub(super) enum Accepted {
    Tcp(Stream, SocketAddr, Transport),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
    /// By somebody else, who has read this much of it.
    Brought(std::net::TcpStream, Bytes),
}

/// A socket that connections come from.
enum Listener {
    Tcp(TcpSocket, Transport),
    #[cfg(unix)]
    Unix(UnixSocket),
}

enum TcpSocket {
    /// On the runtime of its shard, where its streams stay.
    AtShard(tokio::net::TcpListener),
    /// On the runtime of a thread that only accepts.
    Apart(ApartSocket),
}

/// A socket that stands in the file system until it is dropped.
#[cfg(unix)]
struct UnixSocket {
    listener: tokio::net::UnixListener,
    path: std::path::PathBuf,
}

impl Engine {
    pub(super) fn listen_tcp(
        &self,
        address: impl ToSocketAddrs,
        transport: Transport,
    ) -> Result<SocketAddr, Error> {
        let listener = TcpListener::bind(address).map_err(during)?;
        let bound = listener.local_addr().map_err(during)?;
        listener.set_nonblocking(true).map_err(during)?;
        self.accept(move |site| Ok(Listener::Tcp(site.register(listener)?, transport)))?;
        tell!(info, address = %bound, "listening");
        Ok(bound)
    }

    /// As [`Engine::listen`], for clients that speak TLS.
    ///
    /// # Errors
    /// As [`Engine::listen`].
    #[cfg(feature = "tls")]
    pub fn listen_tls(
        &self,
        address: impl ToSocketAddrs,
        tls: &crate::tls::Tls,
    ) -> Result<SocketAddr, Error> {
        self.listen_tcp(address, Transport::Tls(tls.clone()))
    }

    /// Accepts connections on a Unix socket, which is made at `path` and removed when the engine
    /// has closed. Who may connect is for the permissions of its folder to say.
    ///
    /// # Errors
    /// [`Error::Io`] if there is something at `path` already, or the socket cannot be made;
    /// [`Error::Closed`] after [`Engine::close`].
    #[cfg(unix)]
    pub fn listen_unix(&self, path: impl AsRef<std::path::Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let listener = std::os::unix::net::UnixListener::bind(path).map_err(during)?;
        listener.set_nonblocking(true).map_err(during)?;
        let place = path.to_owned();
        let accepting = self.accept(move |_| {
            Ok(Listener::Unix(UnixSocket {
                listener: tokio::net::UnixListener::from_std(listener)?,
                path: place,
            }))
        });
        accepting.inspect_err(|_| remove(path))
    }

    /// Speaks HTTP on a connection that somebody else accepted, from its first request on or from
    /// any later one: as if a listener of the engine had accepted it. It counts for
    /// `max_http_connections`. `read` is what was read from
    /// it, from the first byte of that request on. Once the engine is closing it is dropped.
    pub fn serve(&self, stream: std::net::TcpStream, read: Bytes) {
        if !self.is_closing() {
            self.take_in(Accepted::Brought(stream, read));
        }
    }

    /// Gives a connection to a shard: to serve it, or to say that there are too many.
    fn take_in(&self, accepted: Accepted) {
        let shard = self.pick_shard_for_http();
        if let Some(place) = self.shared.http.take() {
            self.push(shard, Task::Accepted(Box::new((accepted, place))));
            return;
        }
        self.shared.shards[0]
            .counters
            .refused_http
            .increment_shared();
        tell!(warn, "HTTP connection refused");
        // TLS would take a handshake first, which is more than who is not served is worth.
        if !accepted.peer().is_secure
            && let Some(place) = self.shared.turned_away.take()
        {
            self.push(shard, Task::TurnAway(Box::new((accepted, place))));
        }
    }

    /// Accepts what comes to `listener`, which is made where it is going to stand.
    fn accept(
        &self,
        listener: impl FnOnce(Site) -> io::Result<Listener> + Send + 'static,
    ) -> Result<(), Error> {
        if self.config().shards > 1 {
            return self.listen_until_close(
                move || listener(Site::Apart),
                async |listener, engine| listener.accept_until_close(&engine).await,
            );
        }
        let counted = self.count_listener()?;
        let threads = self.shared.threads.running().ok_or(Error::Closed)?;
        let listener = {
            let _on = threads.runtime(0).enter();
            listener(Site::AtShard).map_err(during)?
        };
        let held = Arc::clone(&threads);
        threads.run(0, async move {
            listener.accept_until_close(&counted.0).await;
            // Who is told of the end by the last of these waits for the threads, unless they are held.
            drop((listener, held));
            drop(counted);
        });
        Ok(())
    }

    /// Opens a listener on a thread of its own and runs it there.
    pub(super) fn listen_until_close<L>(
        &self,
        listener: impl FnOnce() -> io::Result<L> + Send + 'static,
        run: impl AsyncFnOnce(L, Engine) + Send + 'static,
    ) -> Result<(), Error> {
        let counted = self.count_listener()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(during)?;
        let (started, outcome) = std::sync::mpsc::sync_channel(1);
        let accepting = thread::start("sori-accept".to_owned(), move || {
            runtime.block_on(async {
                let (listener, told) = match listener() {
                    Ok(listener) => (Some(listener), Ok(())),
                    Err(error) => (None, Err(error)),
                };
                // The caller waits for it.
                let _ = started.send(told);
                if let Some(listener) = listener {
                    run(listener, counted.0.clone()).await;
                }
            });
            drop(counted);
        });
        self.shared
            .listeners
            .lock()
            .push(accepting.map_err(during)?);
        let told = outcome
            .recv()
            .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
        told.map_err(during)
    }

    /// # Errors
    /// [`Error::Closed`] once the engine is closing.
    fn count_listener(&self) -> Result<Counted, Error> {
        if self.is_closing() {
            return Err(Error::Closed);
        }
        let one_more = |live: usize| (live > 0).then_some(live + 1);
        let live = &self.shared.live_shards;
        live.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
            .map_err(|_| Error::Closed)?;
        Ok(Counted(self.clone()))
    }
}

/// A listener counts as one of the engine's threads:
/// [`Event::Closed`](crate::embed::Event::Closed) waits for its end.
struct Counted(Engine);

impl Drop for Counted {
    fn drop(&mut self) {
        thread_ended(&self.0);
    }
}

/// Where a listener stands.
#[derive(Clone, Copy)]
enum Site {
    /// On the thread of the only shard.
    AtShard,
    /// On a thread of its own.
    Apart,
}

impl Site {
    /// Puts a socket onto the runtime that is entered.
    fn register(self, socket: TcpListener) -> io::Result<TcpSocket> {
        match self {
            Site::AtShard => Ok(TcpSocket::AtShard(tokio::net::TcpListener::from_std(
                socket,
            )?)),
            Site::Apart => register_apart(socket).map(TcpSocket::Apart),
        }
    }
}

pub(super) fn during(error: io::Error) -> Error {
    Error::Io("cannot listen".to_owned(), error)
}

impl Listener {
    async fn accept_until_close(&self, engine: &Engine) {
        let mut closing = pin!(engine.shared.closing.notified());
        closing.as_mut().enable();
        while !engine.is_closing() {
            let mut accepting = pin!(self.accept());
            let accepted = poll_fn(|cx| {
                if closing.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(None);
                }
                accepting.as_mut().poll(cx).map(Some)
            });
            match accepted.await {
                Some(Ok(accepted)) => engine.take_in(accepted),
                // Out of descriptors, or a client that was gone again: the next may fare better.
                Some(Err(_)) => tokio::time::sleep(PAUSE).await,
                None => return,
            }
        }
    }

    async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Listener::Tcp(listener, transport) => {
                let (stream, peer) = listener.accept().await?;
                Ok(Accepted::Tcp(stream, peer, transport.clone()))
            }
            #[cfg(unix)]
            Listener::Unix(socket) => {
                let (stream, _) = socket.listener.accept().await?;
                Ok(Accepted::Unix(stream.into_std()?))
            }
        }
    }
}

impl TcpSocket {
    async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        match self {
            TcpSocket::AtShard(socket) => {
                let (stream, peer) = socket.accept().await?;
                stream.set_nodelay(true)?;
                Ok((
                    Stream::Registered(stream, std::thread::current().id()),
                    peer,
                ))
            }
            TcpSocket::Apart(socket) => {
                let (stream, peer) = accept_apart(socket).await?;
                Ok((Stream::Tcp(stream), peer))
            }
        }
    }
}

/// On Unix only the listener itself is on the runtime that accepts: that of tokio would put each
/// stream there too, which is on its way to another.
#[cfg(unix)]
type ApartSocket = tokio::io::unix::AsyncFd<TcpListener>;
#[cfg(not(unix))]
type ApartSocket = tokio::net::TcpListener;

#[cfg(unix)]
#[allow(
    deprecated,
    reason = "for types whose descriptor may be another's; a listener's is its own"
)]
fn register_apart(socket: TcpListener) -> io::Result<ApartSocket> {
    ApartSocket::with_interest(socket, tokio::io::Interest::READABLE)
}

#[cfg(not(unix))]
fn register_apart(socket: TcpListener) -> io::Result<ApartSocket> {
    ApartSocket::from_std(socket)
}

#[cfg(unix)]
async fn accept_apart(socket: &ApartSocket) -> io::Result<(std::net::TcpStream, SocketAddr)> {
    socket
        .async_io(tokio::io::Interest::READABLE, TcpListener::accept)
        .await
}

#[cfg(not(unix))]
async fn accept_apart(socket: &ApartSocket) -> io::Result<(std::net::TcpStream, SocketAddr)> {
    let (stream, peer) = socket.accept().await?;
    Ok((stream.into_std()?, peer))
}

/// Between a failure to accept and the next try.
const PAUSE: Duration = Duration::from_millis(20);

impl Accepted {
    pub(super) fn peer(&self) -> Peer {
        match self {
            Accepted::Tcp(_, peer, transport) => Peer {
                remote_address: Some(*peer),
                is_secure: !matches!(transport, Transport::Plain),
            },
            #[cfg(unix)]
            Accepted::Unix(_) => Peer::default(),
            Accepted::Brought(stream, _) => Peer {
                remote_address: stream.peer_addr().ok(),
                is_secure: false,
            },
        }
    }

    /// What was read of it by who accepted it.
    pub(super) fn read(&self) -> Bytes {
        match self {
            Accepted::Brought(_, read) => read.clone(),
            _ => Bytes::new(),
        }
    }

    /// Puts it onto the runtime that calls, and takes what stands below HTTP to where HTTP begins.
    pub(super) async fn into_wire(self) -> io::Result<Wire> {
        let (stream, transport) = match self {
            Accepted::Tcp(stream, _, transport) => (stream, transport),
            #[cfg(unix)]
            Accepted::Unix(stream) => (Stream::Unix(stream), Transport::Plain),
            Accepted::Brought(stream, _) => (Stream::Tcp(stream), Transport::Plain),
        };
        let wire = stream.adopt()?.ok_or(io::ErrorKind::NotConnected)?;
        match (wire, transport) {
            #[cfg(feature = "tls")]
            (Wire::Tcp(stream), Transport::Tls(tls)) => {
                let session = rustls::ServerConnection::new(tls.current());
                let session = Box::new(session.map_err(io::Error::other)?);
                let mut stream = Box::new(crate::transport::TlsStream::new(stream, session));
                stream.shake_hands().await?;
                Ok(Wire::Tls(stream))
            }
            (wire, _) => Ok(wire),
        }
    }
}

#[cfg(unix)]
impl Drop for UnixSocket {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

#[cfg(unix)]
fn remove(path: &std::path::Path) {
    // Somebody may have removed it before.
    let _ = std::fs::remove_file(path);
}
