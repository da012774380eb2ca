//! One WebSocket's byte stream: the decoder of what comes in and the way out, with what the peer
//! has not yet taken. A link is a stream of the engine's own, or a byte feed whose socket belongs
//! to the application.

use std::io::ErrorKind;
use std::mem;
use std::task::{Context, Waker};
use std::time::Instant;

use bytes::Bytes;
use tokio::net::tcp::OwnedWriteHalf;

use super::backlog::Backlog;
use super::stream::SharedWire;
use crate::config::TransportKind;
use crate::embed::RequestId;
use crate::proto::engine::frames;
use crate::proto::websocket::deflate::{DeflateParams, Deflater};
use crate::proto::websocket::{Decoder, Frame, Role};

/// Tells apart the links of a shard. It wraps around, long after the links that had it before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LinkId(pub(crate) u32);

/// A WebSocket of a connection.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    pub(crate) request: RequestId,
    /// What its frames travel in.
    pub(crate) kind: TransportKind,
    pub(crate) decoder: Decoder,
    /// How messages to the peer are compressed, if that was agreed on.
    pub(crate) deflater: Option<Deflater>,
    outlet: Outlet,
    /// Bytes that have left so far.
    taken: u64,
    backlog: Backlog,
    /// The task that reads the stream; woken when it has more to do than wait for bytes.
    reader: Option<Waker>,
    pub(crate) control: Control,
}

/// What a link owes its peer besides packets, and how it ends. Apart from the decoder, so that
/// what is being decoded can be answered.
#[derive(Debug, Default)]
pub(crate) struct Control {
    /// The newest ping's answer; RFC 6455 §5.5.3 lets older ones go unanswered.
    pong: Option<Box<Frame>>,
    /// The peer's heartbeat (Engine.IO protocol 3) is to be answered.
    owes_beat: bool,
    /// The close frame, which leaves behind everything else.
    farewell: Option<Box<Frame>>,
    ending: Option<Box<Ending>>,
}

impl Control {
    /// A ping came: its pong leaves with the next flush.
    pub(crate) fn answer_ping(&mut self, payload: &[u8]) {
        self.pong = Some(Box::new(Frame::pong(payload)));
    }

    /// The peer's heartbeat came: its answer leaves with the next flush.
    pub(crate) fn beat(&mut self) {
        self.owes_beat = true;
    }

    /// Sends `farewell` behind what is queued, then waits for the peer's close frame until
    /// `deadline`.
    pub(crate) fn end_after_peer(&mut self, farewell: Frame, deadline: Instant) {
        if self.ending.is_none() {
            self.farewell = Some(Box::new(farewell));
            self.ending = Some(Box::new(Ending::AwaitPeer(deadline)));
        }
    }

    /// Sends `farewell` behind what is queued, and ends when it is out, at the latest at
    /// `deadline`.
    pub(crate) fn end_with(&mut self, farewell: Frame, deadline: Instant) {
        if self.ending.is_none() {
            self.farewell = Some(Box::new(farewell));
        }
        self.ending = Some(Box::new(Ending::Now(deadline)));
    }

    /// The peer broke the protocol: sends `farewell` behind what is queued, then waits for the peer
    /// to end the stream until `deadline`.
    pub(crate) fn end_broken(&mut self, farewell: Frame, deadline: Instant) {
        if self.ending.is_none() {
            self.farewell = Some(Box::new(farewell));
        }
        self.ending = Some(Box::new(Ending::Drain(deadline)));
    }

    /// Ends when all that is queued is out, at the latest at `deadline`: the peer has ended its half
    /// of the stream.
    pub(crate) fn end_when_out(&mut self, deadline: Instant) {
        self.ending = Some(Box::new(Ending::Now(deadline)));
    }

    /// Ends our half of the stream behind what is queued, then goes on listening until the peer ends
    /// its own, at the latest at `deadline`.
    pub(crate) fn end_half(&mut self, deadline: Instant) {
        self.ending = Some(Box::new(Ending::Half(deadline)));
    }

    /// Whether it owes nothing and comes to no end.
    fn is_idle(&self) -> bool {
        let Control {
            pong,
            owes_beat,
            farewell,
            ending,
        } = self;
        !owes_beat && pong.is_none() && farewell.is_none() && ending.is_none()
    }

    /// Whether what the peer still sends means nothing any more.
    pub(crate) fn is_deaf(&self) -> bool {
        matches!(
            self.ending.as_deref(),
            Some(Ending::Drain(_) | Ending::Now(_))
        )
    }

    /// Whether our half of the stream ends, or has ended, and the peer is still heard.
    pub(crate) fn is_half(&self) -> bool {
        matches!(self.ending.as_deref(), Some(Ending::Half(_)))
    }
}

/// Where a link's bytes go.
#[derive(Debug)]
pub(crate) enum Outlet {
    /// A plain TCP stream.
    Tcp(OwnedWriteHalf),
    /// A stream of another kind.
    Shared {
        stream: SharedWire,
        /// It holds bytes that have not left: nothing is written until they have.
        is_unflushed: bool,
    },
    /// The application writes, and tells how far it has come.
    Feed {
        /// Bytes given to the application and not yet written.
        unwritten: usize,
    },
    /// Nothing can be written any more.
    Closed,
}

/// How a link comes to its end. None takes longer than its deadline, whatever the peer does.
#[derive(Clone, Copy, Debug)]
enum Ending {
    /// The close frame leaves behind the backlog; the peer's is awaited.
    AwaitPeer(Instant),
    /// The close frame leaves behind the backlog, then our half of the stream ends. What the peer
    /// still sends is read and dropped: a stream closed with bytes unread is reset, and a reset may
    /// overtake the close frame.
    Drain(Instant),
    /// Our half of the stream ends behind the backlog; what the peer still says is heard.
    Half(Instant),
    /// Nothing is awaited but that the backlog leaves.
    Now(Instant),
}

impl Ending {
    /// When the link is dropped whatever the peer does.
    fn deadline_mut(&mut self) -> &mut Instant {
        match self {
            Ending::AwaitPeer(deadline)
            | Ending::Drain(deadline)
            | Ending::Half(deadline)
            | Ending::Now(deadline) => deadline,
        }
    }
}

/// A byte feed is given at most this much before it must have written some of it.
const FEED_WINDOW: usize = 256 * 1024;

/// Frames longer than this are written from where they lie; shorter ones are put together first.
const CORK_FRAME_MAX: usize = 16 * 1024;

/// How much is put together before it is written.
const CORK_MAX: usize = 64 * 1024;

impl Link {
    /// `deflate` is what was agreed on about compression.
    pub(crate) fn new(
        id: LinkId,
        request: RequestId,
        outlet: Outlet,
        role: Role,
        deflate: Option<DeflateParams>,
    ) -> Link {
        let (decoder, deflater) = match (deflate, role) {
            (None, _) => (Decoder::new(role), None),
            (Some(params), Role::Server) => (
                Decoder::with_deflate(role, params.client_class()),
                Some(Deflater::new(params.server_class())),
            ),
            (Some(params), Role::Client) => (
                Decoder::with_deflate(role, params.server_class()),
                Some(Deflater::new(params.client_class())),
            ),
        };
        Link {
            id,
            request,
            kind: TransportKind::WebSocket,
            decoder,
            deflater,
            outlet,
            taken: 0,
            backlog: Backlog::default(),
            reader: None,
            control: Control::default(),
        }
    }

    /// A stream of WebTransport, whose records have become frames that nobody masks.
    pub(crate) fn of_records(id: LinkId, request: RequestId, outlet: Outlet) -> Link {
        Link {
            kind: TransportKind::WebTransport,
            ..Link::new(id, request, outlet, Role::Client, None)
        }
    }

    /// Remembers the task that reads the stream.
    pub(crate) fn set_reader(&mut self, waker: &Waker) {
        if !self
            .reader
            .as_ref()
            .is_some_and(|known| known.will_wake(waker))
        {
            self.reader = Some(waker.clone());
        }
    }

    pub(crate) fn wake_reader(&self) {
        if let Some(reader) = &self.reader {
            reader.wake_by_ref();
        }
    }

    /// The stream is gone: nothing can be written any more.
    pub(crate) fn close_outlet(&mut self, now: Instant) {
        self.outlet = Outlet::Closed;
        self.backlog.clear();
        self.control.ending = Some(Box::new(Ending::Now(now)));
    }

    /// Nothing more is written, and the peer is told by a reset once the stream is dropped.
    pub(crate) fn reset(&mut self) {
        if let Outlet::Tcp(stream) = mem::replace(&mut self.outlet, Outlet::Closed) {
            // Where it fails the stream ends as any other.
            let _ = stream.as_ref().set_zero_linger();
            // Dropped, it would end its direction in good order first.
            stream.forget();
        }
    }

    /// Drops what is queued, but for the frame that has been begun.
    pub(crate) fn drop_queued(&mut self) {
        self.backlog.keep_front();
    }

    /// A link that is coming to its end does so by `deadline` at the latest.
    pub(crate) fn end_by(&mut self, deadline: Instant) {
        if let Some(ending) = self.control.ending.as_deref_mut() {
            let at = ending.deadline_mut();
            *at = deadline.min(*at);
        }
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.control.ending.is_some()
    }

    /// Whether the link can be dropped.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        match self.control.ending.as_deref().copied() {
            None => false,
            Some(Ending::Now(deadline)) => self.is_out() || deadline <= now,
            // Who writes a feed also sees to its orderly end.
            Some(Ending::Drain(deadline) | Ending::Half(deadline)) => {
                (self.is_out() && self.is_feed()) || deadline <= now
            }
            Some(Ending::AwaitPeer(deadline)) => deadline <= now,
        }
    }

    /// When an ending link is dropped whatever the peer does.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let ending = self.control.ending.as_deref().copied();
        ending.map(|mut ending| *ending.deadline_mut())
    }

    pub(crate) fn has_backlog(&self) -> bool {
        !self.backlog.is_empty() || self.outlet.is_unflushed()
    }

    /// Bytes the peer has not yet taken, but for what a stream holds that is no plain socket.
    pub(crate) fn backlog_bytes(&self) -> usize {
        let unwritten = match self.outlet {
            Outlet::Feed { unwritten } => unwritten,
            Outlet::Tcp(_) | Outlet::Shared { .. } | Outlet::Closed => 0,
        };
        self.backlog.bytes() + unwritten
    }

    /// Bytes that the system has taken, or the application has written, since the beginning.
    pub(crate) fn taken_bytes(&self) -> u64 {
        self.taken
    }

    /// Whether nothing can be written any more.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.outlet, Outlet::Closed)
    }

    /// Whether bytes written now would leave at once.
    pub(crate) fn is_writable(&self) -> bool {
        self.backlog_bytes() == 0 && !self.has_backlog() && !matches!(self.outlet, Outlet::Closed)
    }

    pub(crate) fn is_feed(&self) -> bool {
        matches!(self.outlet, Outlet::Feed { .. })
    }

    /// The application has written `n` bytes of its feed.
    pub(crate) fn feed_written(&mut self, n: usize) {
        if let Outlet::Feed { unwritten } = &mut self.outlet {
            let n = n.min(*unwritten);
            *unwritten -= n;
            self.taken += n as u64;
        }
    }

    /// Adds a frame to what leaves with this flush. Bytes of short frames gather in `cork`.
    pub(crate) fn write(&mut self, frame: &Frame, cork: &mut Cork<'_>) {
        if self.has_backlog() {
            self.backlog.push(frame.clone().into_bytes());
        } else if frame.len() <= CORK_FRAME_MAX {
            cork.buffer.extend_from_slice(frame.as_bytes());
            if cork.buffer.len() > CORK_MAX {
                self.write_cork(cork);
            }
        } else {
            self.write_cork(cork);
            self.write_bytes(frame.clone().into_bytes(), cork);
        }
    }

    /// Writes whole frames at once, past the cork, if nothing else is to leave by this link and it is a
    /// plain TCP stream. Whether it has.
    pub(crate) fn write_at_rest(&mut self, frames: &[u8]) -> bool {
        let is_at_rest = matches!(self.outlet, Outlet::Tcp(_))
            && self.backlog.is_empty()
            && self.control.is_idle();
        if !is_at_rest {
            return false;
        }
        let taken = self.write_out(frames, &mut |_, _| {});
        if let Ok(n) = taken
            && n < frames.len()
        {
            self.queue(Bytes::copy_from_slice(&frames[n..]));
        }
        true
    }

    /// The same with one frame, unless it is so long that a slow peer's rest of it is to be shared.
    pub(crate) fn write_frame_at_rest(&mut self, frame: &Frame) -> bool {
        frame.len() <= CORK_FRAME_MAX && self.write_at_rest(frame.as_bytes())
    }

    /// Adds bytes that are no frame: the answer to the upgrade request.
    pub(crate) fn write_raw(&mut self, bytes: &[u8], cork: &mut Cork<'_>) {
        if self.has_backlog() {
            self.backlog.push(Bytes::copy_from_slice(bytes));
        } else {
            cork.buffer.extend_from_slice(bytes);
        }
    }

    /// Ends a flush: what gathered in `cork` is written.
    pub(crate) fn flush(&mut self, cork: &mut Cork<'_>) {
        // A pong waits, and gives way to a newer one, while the peer does not read: who only pings
        // makes nothing pile up. Nothing follows a close frame.
        if !self.has_backlog() && mem::take(&mut self.control.owes_beat) && !self.is_ending() {
            self.write(&frames::PONG, cork);
        }
        if !self.has_backlog()
            && let Some(pong) = self.control.pong.take()
            && !self.is_ending()
        {
            self.write(&pong, cork);
        }
        if let Some(farewell) = self.control.farewell.take() {
            self.write(&farewell, cork);
        }
        self.write_cork(cork);
        let ends_half = matches!(
            self.control.ending.as_deref(),
            Some(Ending::Drain(_) | Ending::Half(_))
        );
        if ends_half && self.is_out() && !self.is_feed() {
            // Dropped, a writing half ends its direction of the stream.
            if let Outlet::Shared { stream, .. } = &self.outlet {
                stream.shut_down(&mut context_of(self.reader.as_ref()));
            }
            self.outlet = Outlet::Closed;
        }
    }

    /// The stream may take more: writes what waits.
    pub(crate) fn flush_backlog(&mut self, cork: &mut Cork<'_>) {
        if self.outlet.is_unflushed() {
            // Broken, the link is marked so.
            let _ = self.write_out(&[], cork.feed);
        }
        while !self.outlet.is_unflushed()
            && let Some(front) = self.backlog.front().cloned()
        {
            match self.write_out(&front, cork.feed) {
                Ok(n) if n > 0 => self.backlog.advance(n),
                _ => break,
            }
        }
    }

    fn write_cork(&mut self, cork: &mut Cork<'_>) {
        if cork.buffer.is_empty() {
            return;
        }
        if self.has_backlog() {
            self.backlog.push(Bytes::copy_from_slice(cork.buffer));
        } else {
            let taken = self.write_out(cork.buffer, cork.feed);
            if let Ok(n) = taken
                && n < cork.buffer.len()
            {
                self.queue(Bytes::copy_from_slice(&cork.buffer[n..]));
            }
        }
        cork.buffer.clear();
    }

    fn write_bytes(&mut self, bytes: Bytes, cork: &mut Cork<'_>) {
        if self.has_backlog() {
            self.backlog.push(bytes);
            return;
        }
        let taken = self.write_out(&bytes, cork.feed);
        if let Ok(n) = taken
            && n < bytes.len()
        {
            self.queue(bytes.slice(n..));
        }
    }

    fn write_out(
        &mut self,
        bytes: &[u8],
        feed: &mut dyn FnMut(RequestId, &[u8]),
    ) -> Result<usize, Broken> {
        let taken = self
            .outlet
            .write(bytes, self.request, self.reader.as_ref(), feed);
        match (taken, &self.outlet) {
            (Ok(n), Outlet::Tcp(_) | Outlet::Shared { .. }) => self.taken += n as u64,
            // The application says when it has written, and a closed outlet takes nothing.
            (Ok(_), Outlet::Feed { .. } | Outlet::Closed) => {}
            (Err(Broken), _) => {
                self.outlet = Outlet::Closed;
                self.backlog.clear();
                self.wake_reader();
            }
        }
        taken
    }

    /// Whether all that was written has left.
    pub(crate) fn is_out(&self) -> bool {
        !self.has_backlog() || matches!(self.outlet, Outlet::Closed)
    }

    /// The reader's task also waits for the stream to take more.
    fn queue(&mut self, rest: Bytes) {
        self.backlog.push(rest);
        self.wake_reader();
    }
}

/// The stream can take nothing any more. The reader finds out why.
#[derive(Clone, Copy, Debug)]
struct Broken;

impl Outlet {
    fn is_unflushed(&self) -> bool {
        matches!(
            self,
            Outlet::Shared {
                is_unflushed: true,
                ..
            }
        )
    }

    fn write(
        &mut self,
        bytes: &[u8],
        request: RequestId,
        reader: Option<&Waker>,
        feed: &mut dyn FnMut(RequestId, &[u8]),
    ) -> Result<usize, Broken> {
        match self {
            Outlet::Tcp(stream) => loop {
                match stream.try_write(bytes) {
                    Ok(n) => return Ok(n),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
                    Err(_) => return Err(Broken),
                }
            },
            Outlet::Shared {
                stream,
                is_unflushed,
            } => {
                let written = stream.write(&mut context_of(reader), bytes);
                let written = written.map_err(|_| Broken)?;
                *is_unflushed = written.is_unflushed;
                Ok(written.bytes)
            }
            Outlet::Feed { unwritten } => {
                let n = bytes.len().min(FEED_WINDOW.saturating_sub(*unwritten));
                if n > 0 {
                    *unwritten += n;
                    feed(request, &bytes[..n]);
                }
                Ok(n)
            }
            Outlet::Closed => Ok(bytes.len()),
        }
    }
}

/// Who is woken when a stream that took too little takes more: the task that reads it. It looks
/// after what waits when it first runs.
fn context_of(reader: Option<&Waker>) -> Context<'_> {
    Context::from_waker(reader.unwrap_or(Waker::noop()))
}

/// A shard's buffer in which short frames are put together, and the way out for byte feeds.
pub(crate) struct Cork<'a> {
    pub(crate) buffer: &'a mut Vec<u8>,
    pub(crate) feed: &'a mut dyn FnMut(RequestId, &[u8]),
}
