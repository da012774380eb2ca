//! The engine's own listeners: TCP, TLS, Unix sockets. A thread for each accepts connections and
//! deals them out to the shards in turn; a shard makes a stream of one and serves HTTP on it.

use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::pin::pin;
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
    Tcp(std::net::TcpStream, SocketAddr, Transport),
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

/// On Unix only the listener itself is on the runtime that accepts: that of tokio would put each
/// stream there too, which is on its way to another.
#[cfg(unix)]
type TcpSocket = tokio::io::unix::AsyncFd<TcpListener>;
#[cfg(not(unix))]
type TcpSocket = tokio::net::TcpListener;

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
        self.accept(move || Ok(Listener::Tcp(register(listener)?, transport)))?;
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
        let accepting = self.accept(move || {
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

    fn accept(
        &self,
        listener: impl FnOnce() -> io::Result<Listener> + Send + 'static,
    ) -> Result<(), Error> {
        self.listen_until_close(listener, async |listener, engine| {
            listener.accept_until_close(&engine).await;
        })
    }

    /// Opens a listener on a thread of its own and runs it there. The thread counts as one of the
    /// engine's: [`Event::Closed`](crate::embed::Event::Closed) waits for its end.
    pub(super) fn listen_until_close<L>(
        &self,
        listener: impl FnOnce() -> io::Result<L> + Send + 'static,
        run: impl AsyncFnOnce(L, Engine) + Send + 'static,
    ) -> Result<(), Error> {
        if self.is_closing() {
            return Err(Error::Closed);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(during)?;
        let one_more = |live: usize| (live > 0).then_some(live + 1);
        let live = &self.shared.live_shards;
        if live
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
            .is_err()
        {
            return Err(Error::Closed);
        }
        let engine = self.clone();
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
                    run(listener, engine.clone()).await;
                }
            });
            thread_ended(&engine);
        })
        .inspect_err(|_| thread_ended(self));
        self.shared
            .listeners
            .lock()
            .push(accepting.map_err(during)?);
        let told = outcome
            .recv()
            .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
        told.map_err(during)
    }
}

pub(super) fn during(error: io::Error) -> Error {
    Error::Io("cannot listen".to_owned(), error)
}

impl Listener {
    async fn accept_until_close(self, engine: &Engine) {
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
                let (stream, peer) = accept_from(listener).await?;
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

#[cfg(unix)]
#[allow(
    deprecated,
    reason = "for types whose descriptor may be another's; a listener's is its own"
)]
fn register(socket: TcpListener) -> io::Result<TcpSocket> {
    TcpSocket::with_interest(socket, tokio::io::Interest::READABLE)
}

#[cfg(not(unix))]
fn register(socket: TcpListener) -> io::Result<TcpSocket> {
    TcpSocket::from_std(socket)
}

#[cfg(unix)]
async fn accept_from(socket: &TcpSocket) -> io::Result<(std::net::TcpStream, SocketAddr)> {
    socket
        .async_io(tokio::io::Interest::READABLE, TcpListener::accept)
        .await
}

#[cfg(not(unix))]
async fn accept_from(socket: &TcpSocket) -> io::Result<(std::net::TcpStream, SocketAddr)> {
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
        let stream = match self {
            Accepted::Tcp(stream, _, Transport::Plain) | Accepted::Brought(stream, _) => {
                Stream::Tcp(stream)
            }
            #[cfg(feature = "tls")]
            Accepted::Tcp(stream, _, Transport::Tls(tls)) => {
                let session = rustls::ServerConnection::new(tls.current());
                let session = session.map_err(io::Error::other)?;
                Stream::Tls(stream, Box::new(session))
            }
            #[cfg(unix)]
            Accepted::Unix(stream) => Stream::Unix(stream),
        };
        let wire = stream.adopt()?;
        #[cfg_attr(not(feature = "tls"), allow(unused_mut))]
        let mut wire = wire.ok_or(io::ErrorKind::NotConnected)?;
        #[cfg(feature = "tls")]
        if let Wire::Tls(stream) = &mut wire {
            stream.shake_hands().await?;
        }
        Ok(wire)
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
