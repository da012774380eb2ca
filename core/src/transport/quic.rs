//! The stream of a session of WebTransport over QUIC.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use wtransport::{RecvStream, SendStream};

/// Both ways of a bidirectional stream. The way out is given back to who keeps the session once it is
/// shut down.
#[derive(Debug)]
pub(crate) struct QuicStream {
    inward: RecvStream,
    outward: Option<Outward>,
}

#[derive(Debug)]
struct Outward {
    stream: SendStream,
    finished: oneshot::Sender<SendStream>,
}

impl QuicStream {
    /// `finished` is given the way out when all has been written.
    pub(crate) fn new(
        stream: SendStream,
        inward: RecvStream,
        finished: oneshot::Sender<SendStream>,
    ) -> QuicStream {
        QuicStream {
            inward,
            outward: Some(Outward { stream, finished }),
        }
    }

    fn outward(&mut self) -> io::Result<Pin<&mut SendStream>> {
        let outward = self.outward.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Pin::new(&mut outward.stream))
    }
}

impl AsyncRead for QuicStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.get_mut().inward).poll_read(cx, buffer) {
            // The session is over, and its stream with it, by whichever side.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::NotConnected => {
                Poll::Ready(Ok(()))
            }
            read => read,
        }
    }
}

impl AsyncWrite for QuicStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // The stream has a method of this name, too.
        AsyncWrite::poll_write(self.get_mut().outward()?, cx, bytes)
    }

    /// What is written needs no push.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(Outward { stream, finished }) = self.get_mut().outward.take() {
            // Who kept the session has let it go: then there is nobody to tell.
            let _ = finished.send(stream);
        }
        Poll::Ready(Ok(()))
    }
}
