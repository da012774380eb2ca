//! A peer's stream of bytes, of whatever kind: plain TCP, TLS, a Unix socket, or one that another
//! HTTP server has upgraded.
//!
//! ```text
//!  accepted, or brought ──► Stream (belongs to no thread) ──► Wire (on a shard's runtime)
//!                                                               ├─► Outlet: the link writes
//!                                                               └─► Inlet: the reader's task
//! ```
//! Plain TCP is split into halves of its own and goes through nothing else; every other kind is
//! shared by its two ends behind one cell.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::thread::{self, ThreadId};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;

#[cfg(feature = "tls")]
use super::TlsStream;
use super::{Cork, Link, Outlet};
use crate::embed::RequestId;

/// A stream whose kind has been forgotten. It may be registered with another runtime: its wakers
/// find the way to the shard all the same.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// A stream on its way to a shard.
pub(crate) enum Stream {
    Tcp(std::net::TcpStream),
    /// On the runtime of this thread, where it stays if its shard is there.
    Registered(TcpStream, ThreadId),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
    #[cfg(feature = "tls")]
    Tls(std::net::TcpStream, Box<rustls::ServerConnection>),
    Other(Box<dyn Duplex>),
    /// The application reads and writes it.
    Feed,
}

/// A stream on the runtime of its shard.
pub(crate) enum Wire {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream>),
    Other(Box<dyn Duplex>),
}

/// What the task that reads a link's stream holds of it.
#[derive(Debug)]
pub(crate) enum Inlet {
    Tcp(OwnedReadHalf),
    Shared(SharedWire),
}

/// A stream both of whose ends are one object.
#[derive(Clone, Debug)]
pub(crate) struct SharedWire(Rc<RefCell<Wire>>);

impl Stream {
    /// Writes what a fresh TCP stream takes at once, and leaves the rest in `bytes`. A runtime would
    /// first have to learn that the stream is writable.
    pub(crate) fn write_ahead(&mut self, bytes: &mut Bytes) {
        let written = match self {
            Stream::Tcp(stream) => {
                let is_ready = stream.set_nonblocking(true);
                is_ready.and_then(|()| io::Write::write(stream, bytes))
            }
            Stream::Registered(stream, _) => stream.try_write(bytes),
            _ => return,
        };
        if let Ok(n) = written {
            bytes.advance(n);
        }
    }

    /// Puts the stream onto the runtime that calls; `None` for a feed.
    pub(crate) fn adopt(self) -> io::Result<Option<Wire>> {
        let wire = match self {
            Stream::Tcp(stream) => Wire::Tcp(adopt_tcp(stream)?),
            Stream::Registered(stream, home) if home == thread::current().id() => Wire::Tcp(stream),
            Stream::Registered(stream, _) => Wire::Tcp(adopt_tcp(stream.into_std()?)?),
            #[cfg(unix)]
            Stream::Unix(stream) => {
                stream.set_nonblocking(true)?;
                Wire::Unix(tokio::net::UnixStream::from_std(stream)?)
            }
            #[cfg(feature = "tls")]
            Stream::Tls(stream, session) => {
                Wire::Tls(Box::new(TlsStream::new(adopt_tcp(stream)?, session)))
            }
            Stream::Other(stream) => Wire::Other(stream),
            Stream::Feed => return Ok(None),
        };
        Ok(Some(wire))
    }
}

fn adopt_tcp(stream: std::net::TcpStream) -> io::Result<TcpStream> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    TcpStream::from_std(stream)
}

impl Wire {
    /// Makes the stream ready for its shard. A plain one leaves its runtime only there, and only if
    /// the shard is on another thread: leaving and coming back costs four system calls.
    pub(crate) fn release(self) -> io::Result<Stream> {
        Ok(match self {
            Wire::Tcp(stream) => Stream::Registered(stream, thread::current().id()),
            #[cfg(unix)]
            Wire::Unix(stream) => Stream::Unix(stream.into_std()?),
            #[cfg(feature = "tls")]
            Wire::Tls(stream) => {
                let parts = stream.into_parts();
                let (stream, session) = parts.ok_or(io::ErrorKind::NotConnected)?;
                Stream::Tls(stream.into_std()?, session)
            }
            Wire::Other(stream) => Stream::Other(stream),
        })
    }

    pub(crate) fn split(self) -> (Inlet, Outlet) {
        match self {
            Wire::Tcp(stream) => {
                let (reader, writer) = stream.into_split();
                (Inlet::Tcp(reader), Outlet::Tcp(writer))
            }
            wire => {
                let shared = SharedWire(Rc::new(RefCell::new(wire)));
                let outlet = Outlet::Shared {
                    stream: shared.clone(),
                    is_unflushed: false,
                };
                (Inlet::Shared(shared), outlet)
            }
        }
    }

    /// Writes the last bytes of a stream and outlasts its peer.
    pub(crate) async fn say_farewell(mut self, bytes: Vec<u8>) -> io::Result<()> {
        self.write_all(&bytes).await?;
        self.outlast().await
    }

    /// Ends this side of a stream, then reads until the peer ends the other: closed with bytes unread
    /// it would be reset, and a reset may overtake what was written.
    pub(crate) async fn outlast(mut self) -> io::Result<()> {
        // It may have been ended before.
        let _ = self.shutdown().await;
        let mut unread = [0; 1024];
        while tokio::io::AsyncReadExt::read(&mut self, &mut unread).await? > 0 {}
        Ok(())
    }

    fn duplex(&mut self) -> Pin<&mut dyn Duplex> {
        Pin::new(match self {
            Wire::Tcp(stream) => stream,
            #[cfg(unix)]
            Wire::Unix(stream) => stream,
            #[cfg(feature = "tls")]
            Wire::Tls(stream) => &mut **stream,
            Wire::Other(stream) => &mut **stream,
        })
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_mut().duplex().poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().duplex().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().duplex().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().duplex().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        chunks: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().duplex().poll_write_vectored(cx, chunks)
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Wire::Tcp(stream) => stream.is_write_vectored(),
            #[cfg(unix)]
            Wire::Unix(stream) => stream.is_write_vectored(),
            #[cfg(feature = "tls")]
            Wire::Tls(_) => false,
            Wire::Other(stream) => stream.is_write_vectored(),
        }
    }
}

/// What a task reads a link's stream by.
pub(crate) trait Source {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>)
    -> Poll<io::Result<()>>;

    /// Writes what waits for the stream of `link`, as far as it takes it. The reader's task is woken
    /// when it takes more.
    fn drain(&self, cx: &mut Context<'_>, link: &mut Link, cork: &mut Vec<u8>);
}

impl Source for OwnedReadHalf {
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        AsyncRead::poll_read(Pin::new(self), cx, buffer)
    }

    fn drain(&self, cx: &mut Context<'_>, link: &mut Link, cork: &mut Vec<u8>) {
        while link.has_backlog() && self.as_ref().poll_write_ready(cx).is_ready() {
            flush_backlog(link, cork);
        }
    }
}

impl Source for SharedWire {
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_read(cx, buffer)
    }

    /// Who writes to it in vain is woken when it is worth another try.
    fn drain(&self, _: &mut Context<'_>, link: &mut Link, cork: &mut Vec<u8>) {
        flush_backlog(link, cork);
    }
}

/// The backlog of a stream goes nowhere but to it.
fn flush_backlog(link: &mut Link, cork: &mut Vec<u8>) {
    link.flush_backlog(&mut Cork {
        buffer: cork,
        feed: &mut |_: RequestId, _: &[u8]| {},
    });
}

/// What a write came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    /// So many bytes were taken.
    pub(crate) bytes: usize,
    /// What was taken has not all left, or something else must before more is taken.
    pub(crate) is_unflushed: bool,
}

impl SharedWire {
    /// Writes what the stream takes and flushes it. Who is waiting with `cx` is woken when there
    /// is reason to try again.
    pub(crate) fn write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> io::Result<Written> {
        let mut wire = self.0.borrow_mut();
        let mut bytes_taken = 0;
        while bytes_taken < bytes.len() {
            match wire.duplex().poll_write(cx, &bytes[bytes_taken..]) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => bytes_taken += n,
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
        }
        let is_unflushed = match wire.duplex().poll_flush(cx) {
            Poll::Ready(flushed) => flushed.map(|()| false)?,
            Poll::Pending => true,
        };
        Ok(Written {
            bytes: bytes_taken,
            is_unflushed,
        })
    }

    /// Ends this side's direction of the stream, if that is possible at once.
    pub(crate) fn shut_down(&self, cx: &mut Context<'_>) {
        // The stream is dropped soon, and with it what could not be said.
        let _ = self.0.borrow_mut().duplex().poll_shutdown(cx);
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stream::Tcp(_) => "Tcp",
            Stream::Registered(..) => "Registered",
            #[cfg(unix)]
            Stream::Unix(_) => "Unix",
            #[cfg(feature = "tls")]
            Stream::Tls(..) => "Tls",
            Stream::Other(_) => "Other",
            Stream::Feed => "Feed",
        })
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Wire::Tcp(_) => "Tcp",
            #[cfg(unix)]
            Wire::Unix(_) => "Unix",
            #[cfg(feature = "tls")]
            Wire::Tls(_) => "Tls",
            Wire::Other(_) => "Other",
        })
    }
}
