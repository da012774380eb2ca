//! A stream of WebTransport as a link wants it: records on the wire, frames of WebSocket inside.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::proto::webtransport::{Packer, Unpacker};

/// The one stream of a WebTransport session. It is shut down once a close frame is through; dropped
/// before that, the session ends at once.
#[derive(Debug)]
pub(crate) struct RecordStream<S> {
    stream: S,
    unpacker: Unpacker,
    /// Bytes read since there was a pause. Unlike a socket's, streams of QUIC let a peer that sends
    /// without end be read without end.
    unpaused: usize,
    packer: Packer,
    /// Records that the stream has not yet taken: at most one write's.
    unsent: Vec<u8>,
    sent: usize,
    is_shut_down: bool,
}

/// Most bytes that are rewritten before the stream has taken them.
const WRITE_MAX: usize = 64 * 1024;

/// Most bytes that are read at once, and before others have a turn.
const READ_MAX: usize = 16 * 1024;

impl<S: AsyncRead + AsyncWrite + Unpin> RecordStream<S> {
    pub(crate) fn new(stream: S) -> RecordStream<S> {
        RecordStream {
            stream,
            unpacker: Unpacker::default(),
            unpaused: 0,
            packer: Packer::default(),
            unsent: Vec::new(),
            sent: 0,
            is_shut_down: false,
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.unsent.len() {
            let rest = &self.unsent[self.sent..];
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.sent += n,
            }
        }
        self.sent = 0;
        // An idle connection holds no buffer.
        self.unsent = Vec::new();
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        if self.packer.is_closed() {
            return self.poll_shut_down(cx);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shut_down(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut_down {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.is_shut_down = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for RecordStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.unpaused >= READ_MAX {
            this.unpaused = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut room = READ_MAX;
        while Unpacker::most(room) > buffer.remaining() {
            room /= 2;
        }
        if room == 0 {
            return Poll::Ready(Err(io::ErrorKind::InvalidInput.into()));
        }
        let mut records = [const { MaybeUninit::uninit() }; READ_MAX];
        let before = buffer.filled().len();
        loop {
            let mut records = ReadBuf::uninit(&mut records[..room]);
            let Poll::Ready(read) = Pin::new(&mut this.stream).poll_read(cx, &mut records) else {
                this.unpaused = 0;
                return Poll::Pending;
            };
            this.unpaused += records.filled().len();
            match read {
                Ok(()) if records.filled().is_empty() => return Poll::Ready(Ok(())),
                Ok(()) => this.unpacker.unpack(records.filled(), buffer),
                Err(error) => return Poll::Ready(Err(error)),
            }
            // Nothing but the beginning of a header is no end of the stream.
            if buffer.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for RecordStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        frames: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        if this.is_shut_down {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let n = frames.len().min(WRITE_MAX);
        this.packer.pack(&frames[..n], &mut this.unsent);
        // What it does not take now leaves with the next write, or a flush.
        if let Poll::Ready(Err(error)) = this.poll_send(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_send(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        this.poll_shut_down(cx)
    }
}
