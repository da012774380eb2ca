//! A stream of WebTransport as a link wants it: records on the wire, frames of WebSocket inside.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use wtransport::{RecvStream, SendStream};

use crate::proto::webtransport::{Packer, Unpacker};

/// The one stream of a WebTransport session. Its way out is given back to who keeps the session once
/// a close frame is through; dropped before that, the session ends at once.
#[derive(Debug)]
pub(crate) struct RecordStream {
    inward: RecvStream,
    unpacker: Unpacker,
    /// Bytes read since there was a pause. Unlike a socket's, quinn's streams let a peer that sends
    /// without end be read without end.
    unpaused: usize,
    outward: Option<Outward>,
    packer: Packer,
    /// Records that the stream has not yet taken: at most one write's.
    unsent: Vec<u8>,
    sent: usize,
}

#[derive(Debug)]
struct Outward {
    stream: SendStream,
    finished: oneshot::Sender<SendStream>,
}

/// Most bytes that are rewritten before the stream has taken them.
const WRITE_MAX: usize = 64 * 1024;

/// Most bytes that are read at once, and before others have a turn.
const READ_MAX: usize = 16 * 1024;

impl RecordStream {
    /// `finished` is given the way out when all has been written.
    pub(crate) fn new(
        stream: SendStream,
        inward: RecvStream,
        finished: oneshot::Sender<SendStream>,
    ) -> RecordStream {
        RecordStream {
            inward,
            unpacker: Unpacker::default(),
            unpaused: 0,
            outward: Some(Outward { stream, finished }),
            packer: Packer::default(),
            unsent: Vec::new(),
            sent: 0,
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(Outward { stream, .. }) = &mut self.outward else {
            return Poll::Ready(Ok(()));
        };
        while self.sent < self.unsent.len() {
            let rest = &self.unsent[self.sent..];
            self.sent += ready!(Pin::new(&mut *stream).poll_write(cx, rest))?;
        }
        self.sent = 0;
        // An idle connection holds no buffer.
        self.unsent = Vec::new();
        if self.packer.is_closed() {
            self.finish();
        }
        Poll::Ready(Ok(()))
    }

    fn finish(&mut self) {
        if let Some(Outward { stream, finished }) = self.outward.take() {
            // Who kept the session has let it go: then there is nobody to tell.
            let _ = finished.send(stream);
        }
    }
}

impl AsyncRead for RecordStream {
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
            let Poll::Ready(read) = Pin::new(&mut this.inward).poll_read(cx, &mut records) else {
                this.unpaused = 0;
                return Poll::Pending;
            };
            this.unpaused += records.filled().len();
            match read {
                Ok(()) if records.filled().is_empty() => return Poll::Ready(Ok(())),
                Ok(()) => this.unpacker.unpack(records.filled(), buffer),
                // The session is over, and its stream with it, by whichever side.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                    return Poll::Ready(Ok(()));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
            // Nothing but the beginning of a header is no end of the stream.
            if buffer.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for RecordStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        frames: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        if this.outward.is_none() {
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
        this.finish();
        Poll::Ready(Ok(()))
    }
}
