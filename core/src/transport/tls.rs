//! TLS on a TCP stream: rustls has the protocol, this moves its bytes.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustls::ServerConnection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The server's side of a TLS connection, before, during and after its handshake.
#[derive(Debug)]
pub(crate) struct TlsStream {
    /// Until [`TlsStream::into_parts`].
    parts: Option<(TcpStream, Box<ServerConnection>)>,
}

/// rustls reads from it, and writes to it, as far as that goes without waiting.
struct Socket<'s>(&'s TcpStream);

impl Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, chunks: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(chunks)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TlsStream {
    pub(crate) fn new(stream: TcpStream, mut session: Box<ServerConnection>) -> TlsStream {
        // Bytes that the peer does not take are kept where they are counted, not here.
        session.set_buffer_limit(Some(BUFFERED));
        TlsStream {
            parts: Some((stream, session)),
        }
    }

    /// Takes the handshake to its end.
    ///
    /// # Errors
    /// The peer broke the protocol, wants what is not spoken here, or is gone. It has been sent the
    /// alert that says so.
    pub(crate) async fn shake_hands(&mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.poll_handshake(cx)).await
    }

    /// The stream and its TLS state.
    pub(crate) fn into_parts(mut self) -> Option<(TcpStream, Box<ServerConnection>)> {
        self.parts.take()
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let (_, session) = self.parts()?;
            if session.wants_write() {
                ready!(self.poll_write_out(cx))?;
            } else if session.is_handshaking() {
                ready!(self.poll_read_in(cx))?;
            } else {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Reads once from the socket and takes what came through rustls. `false` at the end of the
    /// socket's stream.
    fn poll_read_in(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let (stream, session) = self.parts()?;
        let n = loop {
            match session.read_tls(&mut Socket(stream)) {
                Ok(n) => break n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(stream.poll_read_ready(cx))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        };
        if n == 0 && session.is_handshaking() {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        if let Err(error) = session.process_new_packets() {
            // The alert that tells the peer, if it can be written at once.
            let _ = session.write_tls(&mut Socket(stream));
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
        }
        Poll::Ready(Ok(n > 0))
    }

    /// Writes all that rustls has for the socket.
    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (stream, session) = self.parts()?;
        while session.wants_write() {
            match session.write_tls(&mut Socket(stream)) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(stream.poll_write_ready(cx))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn parts(&mut self) -> io::Result<(&TcpStream, &mut ServerConnection)> {
        match &mut self.parts {
            Some((stream, session)) => Ok((stream, session)),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

/// Bytes that rustls may hold for a socket that does not take them.
const BUFFERED: usize = 64 * 1024;

impl AsyncRead for TlsStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // A peer that sends without pause must not keep others from running.
        let coop = ready!(tokio::task::coop::poll_proceed(cx));
        loop {
            let (_, session) = this.parts()?;
            match session.reader().read(buffer.initialize_unfilled()) {
                Ok(n) => {
                    buffer.advance(n);
                    coop.made_progress();
                    return Poll::Ready(Ok(()));
                }
                // A peer that closes its socket without an alert: what came is authentic, and the
                // protocol above knows where its messages end.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            ready!(this.poll_read_in(cx))?;
            // The protocol's own answers; what cannot leave now leaves with the next write.
            if let Poll::Ready(Err(error)) = this.poll_write_out(cx) {
                return Poll::Ready(Err(error));
            }
        }
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        loop {
            let (_, session) = this.parts()?;
            match session.writer().write(bytes)? {
                0 if !bytes.is_empty() => ready!(this.poll_write_out(cx))?,
                n => {
                    // What cannot leave now leaves with a flush.
                    if let Poll::Ready(Err(error)) = this.poll_write_out(cx) {
                        return Poll::Ready(Err(error));
                    }
                    return Poll::Ready(Ok(n));
                }
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_write_out(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let (_, session) = this.parts()?;
        session.send_close_notify();
        ready!(this.poll_write_out(cx))?;
        match &mut this.parts {
            Some((stream, _)) => Pin::new(stream).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

/// Tells the peer that nothing follows, so that it can tell this end from an attacker's.
impl Drop for TlsStream {
    fn drop(&mut self) {
        if let Ok((stream, session)) = self.parts() {
            session.send_close_notify();
            while session.wants_write() && session.write_tls(&mut Socket(stream)).is_ok() {}
        }
    }
}
