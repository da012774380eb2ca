//! The stream of a WebTransport session, which JavaScript has: its two ends.
//!
//! ```text
//!  JavaScript: Pipe ── feed ─────────► inward, read as it comes ──► PipeStream: the engine
//!                   ◄── FEED_READ ──── so much may come again
//!                   ◄── FEED ───────── at most WINDOW bytes ◄──────
//!                   ── feedWritten ──► so much may follow
//!                   ◄── FEED_END ───── shut down, or dropped
//! ```

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use parking_lot::Mutex;
use sori::embed::RequestId;
use sori::server::Application;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::sink::Sink;

/// Most bytes that JavaScript is given before it must have written some of them.
const WINDOW: usize = 256 * 1024;

/// How much is read before JavaScript is told of it. It may have four times as much on the way, as
/// `lib/webtransport.js` knows.
const READ_STEP: usize = 64 * 1024;

/// JavaScript's end.
#[derive(Clone)]
pub(crate) struct Pipe(Arc<Shared>);

/// The engine's end.
pub(crate) struct PipeStream(Arc<Shared>);

struct Shared {
    request: RequestId,
    sink: Arc<Sink>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    inward: VecDeque<Bytes>,
    /// The session is over: nothing follows, and nothing is written.
    is_over: bool,
    reader: Option<Waker>,
    /// Bytes that have been read and that JavaScript has not been told of.
    read: usize,
    /// Bytes that JavaScript has been given and has not written.
    unwritten: usize,
    writer: Option<Waker>,
    is_shut_down: bool,
}

/// Both ends of a new stream, in which `head` lies already.
pub(crate) fn pipe(request: RequestId, sink: Arc<Sink>, head: Bytes) -> (Pipe, PipeStream) {
    let mut state = State::default();
    if !head.is_empty() {
        state.inward.push_back(head);
    }
    let shared = Arc::new(Shared {
        request,
        sink,
        state: Mutex::new(state),
    });
    (Pipe(Arc::clone(&shared)), PipeStream(shared))
}

impl Pipe {
    /// Bytes have come.
    pub(crate) fn feed(&self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        let reader = {
            let mut state = self.0.state.lock();
            if !state.is_over {
                state.inward.push_back(bytes);
            }
            state.reader.take()
        };
        wake(reader);
    }

    /// Bytes have been written.
    pub(crate) fn written(&self, bytes: usize) {
        let writer = {
            let mut state = self.0.state.lock();
            state.unwritten = state.unwritten.saturating_sub(bytes);
            state.writer.take()
        };
        wake(writer);
    }

    /// The session is over.
    pub(crate) fn close(&self) {
        let (reader, writer) = {
            let mut state = self.0.state.lock();
            state.is_over = true;
            (state.reader.take(), state.writer.take())
        };
        wake(reader);
        wake(writer);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl PipeStream {
    fn end(&self, is_discarded: bool) {
        let was_shut_down = std::mem::replace(&mut self.0.state.lock().is_shut_down, true);
        if !was_shut_down {
            self.0.sink.feed_end(self.0.request, is_discarded);
            self.0.sink.flush();
        }
    }
}

impl AsyncRead for PipeStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Shared {
            request,
            sink,
            state,
        } = &*self.0;
        let mut state = state.lock();
        // What was read before has become events, which JavaScript takes before it hears of this.
        let told = std::mem::take(&mut state.read);
        if told >= READ_STEP {
            drop(state);
            sink.feed_read(*request, told);
            sink.flush();
            state = self.0.state.lock();
        } else {
            state.read = told;
        }
        let before = buffer.remaining();
        while buffer.remaining() > 0
            && let Some(chunk) = state.inward.front_mut()
        {
            let n = chunk.len().min(buffer.remaining());
            buffer.put_slice(&chunk[..n]);
            chunk.advance(n);
            if chunk.is_empty() {
                state.inward.pop_front();
            }
        }
        let n = before - buffer.remaining();
        state.read += n;
        if n > 0 || state.is_over {
            return Poll::Ready(Ok(()));
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl AsyncWrite for PipeStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let n = {
            let mut state = self.0.state.lock();
            if state.is_over || state.is_shut_down {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            let n = bytes.len().min(WINDOW.saturating_sub(state.unwritten));
            if n == 0 && !bytes.is_empty() {
                state.writer = Some(cx.waker().clone());
                return Poll::Pending;
            }
            state.unwritten += n;
            n
        };
        self.0.sink.feed_write(self.0.request, &bytes[..n]);
        self.0.sink.flush();
        Poll::Ready(Ok(n))
    }

    /// What is written is JavaScript's to push.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end(false);
        Poll::Ready(Ok(()))
    }
}

impl Drop for PipeStream {
    fn drop(&mut self) {
        self.end(true);
    }
}
