//! The body of an answer that never ends by itself: events on their way to one client.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use parking_lot::Mutex;

/// The end that the application writes to. Clones write to the same stream.
#[derive(Clone, Debug)]
pub(crate) struct EventWriter(Arc<Mutex<State>>);

/// The end that HTTP reads. Dropped, the client is gone.
pub struct EventStream {
    state: Arc<Mutex<State>>,
    on_end: Option<Box<dyn FnOnce() + Send + Sync>>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Bytes>,
    bytes: usize,
    reader: Option<Waker>,
    /// What waits still leaves; nothing is added.
    is_closed: bool,
}

/// What became of bytes that were pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// They are on their way.
    Taken,
    /// The stream has ended.
    Closed,
    /// They were too many: the stream has been ended, and what waited is dropped.
    Overflow,
}

/// A stream, and its writer. `on_end` is called when the client is gone, or all has left after
/// [`EventWriter::close`].
pub(crate) fn event_stream(
    on_end: impl FnOnce() + Send + Sync + 'static,
) -> (EventWriter, EventStream) {
    let state = Arc::new(Mutex::new(State::default()));
    let stream = EventStream {
        state: Arc::clone(&state),
        on_end: Some(Box::new(on_end)),
    };
    (EventWriter(state), stream)
}

impl EventWriter {
    /// Adds bytes, shared by reference, unless more than `limit` would wait then.
    pub(crate) fn push(&self, bytes: &Bytes, limit: usize) -> Pushed {
        let mut state = self.0.lock();
        if state.is_closed {
            return Pushed::Closed;
        }
        let is_too_much = state.bytes > 0 && state.bytes + bytes.len() > limit;
        if is_too_much {
            state.waiting.clear();
            state.bytes = 0;
            state.is_closed = true;
        } else {
            state.bytes += bytes.len();
            state.waiting.push_back(bytes.clone());
        }
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
        match is_too_much {
            true => Pushed::Overflow,
            false => Pushed::Taken,
        }
    }

    /// Whether nothing waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.0.lock().bytes == 0
    }

    /// Ends the stream behind what waits.
    pub(crate) fn close(&self) {
        let mut state = self.0.lock();
        state.is_closed = true;
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
    }
}

impl Body for EventStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let mut state = self.state.lock();
        if let Some(bytes) = state.waiting.pop_front() {
            state.bytes -= bytes.len();
            if state.waiting.is_empty() {
                // An idle stream holds no buffer.
                state.waiting = VecDeque::new();
            }
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if state.is_closed {
            return Poll::Ready(None);
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        {
            let mut state = self.state.lock();
            state.is_closed = true;
            state.waiting = VecDeque::new();
            state.bytes = 0;
        }
        if let Some(on_end) = self.on_end.take() {
            on_end();
        }
    }
}

impl std::fmt::Debug for EventStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventStream").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(stream: &mut EventStream) -> Poll<Option<Bytes>> {
        let mut cx = Context::from_waker(Waker::noop());
        let polled = Pin::new(stream).poll_frame(&mut cx);
        polled.map(|frame| frame.map(|frame| frame.unwrap().into_data().unwrap()))
    }

    #[test]
    fn what_waits_leaves_in_order_and_then_the_stream_ends() {
        let (writer, mut stream) = event_stream(|| ());
        let (one, two) = (Bytes::from_static(b"one"), Bytes::from_static(b"two"));
        assert_eq!(next(&mut stream), Poll::Pending);
        assert_eq!(writer.push(&one, 100), Pushed::Taken);
        assert_eq!(writer.push(&two, 100), Pushed::Taken);
        writer.close();
        assert_eq!(writer.push(&two, 100), Pushed::Closed);
        assert_eq!(next(&mut stream), Poll::Ready(Some(one)));
        assert_eq!(next(&mut stream), Poll::Ready(Some(two)));
        assert_eq!(next(&mut stream), Poll::Ready(None));
    }

    #[test]
    fn a_stream_that_takes_too_little_ends_and_holds_nothing() {
        let (writer, mut stream) = event_stream(|| ());
        let bytes = Bytes::from_static(b"0123456789");
        // A single one may be larger than the limit.
        assert_eq!(writer.push(&bytes, 5), Pushed::Taken);
        assert_eq!(writer.push(&bytes, 15), Pushed::Overflow);
        assert!(writer.is_idle());
        assert_eq!(next(&mut stream), Poll::Ready(None));
    }
}
