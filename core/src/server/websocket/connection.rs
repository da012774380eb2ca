//! What a shard keeps for one plain WebSocket.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::allowances::Allowances;
use super::mask_keys::MaskKeys;
use super::outbox::Outbox;
use super::parting::Parting;
use crate::config::WebSocketSettings;
use crate::embed::websocket::Gauge;
use crate::hub::Namespace;
use crate::proto::websocket::{Frame, Role};
use crate::server::compression::Compression;
use crate::transport::Link;

/// One plain WebSocket: its stream, and what is on its way out.
#[derive(Debug)]
pub(in crate::server) struct WebSocket {
    pub(in crate::server) link: Link,
    pub(super) group: Arc<Namespace>,
    pub(super) settings: Arc<WebSocketSettings>,
    pub(super) outbox: Outbox,
    /// What its peer's messages are paid from; with them its place among the connections of its address.
    pub(super) allowances: Allowances,
    role: Role,
    /// A message of the application's is under way in fragments.
    is_mid_message: bool,
    /// The peer's end, unless it has been answered.
    pub(super) parting: Option<Box<Parting>>,
    /// The peer's close frame.
    pub(super) closed_by: Option<Box<PeerClose>>,
    /// What waits in the queues that few ever need; made for the first.
    waiting: Option<Box<Waiting>>,
    /// The last broadcast that reached it, or left it out.
    pub(super) broadcast_mark: u64,
    /// The tick it is to be looked at, so that no deadline is set twice.
    pub(in crate::server) wakes_at: Option<u64>,
    pub(in crate::server) is_dirty: bool,
    /// What its peer sends is left unread until the application is ready.
    pub(in crate::server) is_paused: bool,
    /// The application wants this one not to be read.
    pub(super) is_held: bool,
    /// Its peer has ended its half of the stream.
    pub(super) is_ended: bool,
    /// The application has been told what failed.
    pub(super) has_failed: bool,
}

/// What waits for something that is over soon.
#[derive(Debug, Default)]
struct Waiting {
    /// Broadcasts that wait for the end of a message in fragments, and their bytes.
    deferred: Vec<Frame>,
    deferred_bytes: usize,
    /// Chunks of a feed that came while it is not read.
    unread: Vec<Bytes>,
    /// Pings that came while the peer takes nothing.
    pending_pongs: u32,
}

/// What the peer said when it closed.
#[derive(Debug)]
pub(super) struct PeerClose {
    pub(super) code: Option<u16>,
    pub(super) reason: Box<[u8]>,
}

/// What the connections of a shard share to make frames ready for the wire.
pub(super) struct Press<'s> {
    pub(super) compression: &'s mut Compression,
    pub(super) keys: &'s mut MaskKeys,
}

impl WebSocket {
    pub(super) fn new(
        link: Link,
        role: Role,
        group: Arc<Namespace>,
        settings: Arc<WebSocketSettings>,
        gauge: Arc<Gauge>,
    ) -> WebSocket {
        WebSocket {
            link,
            group,
            settings,
            outbox: Outbox::new(gauge),
            allowances: Allowances::default(),
            role,
            is_mid_message: false,
            parting: None,
            closed_by: None,
            waiting: None,
            broadcast_mark: 0,
            wakes_at: None,
            is_dirty: false,
            is_paused: false,
            is_held: false,
            is_ended: false,
            has_failed: false,
        }
    }

    /// Whether what the application sends still goes out.
    pub(super) fn is_open(&self) -> bool {
        !self.link.is_ending()
    }

    /// Whether what the application sends leaves as it is, with nothing before it.
    pub(super) fn takes_frames_as_they_are(&self) -> bool {
        !self.is_dirty
            && !self.is_mid_message
            && self.role == Role::Server
            && self.link.deflater.is_none()
            && self.parting.is_none()
            && self.outbox.unwritten_bytes() == 0
    }

    /// Whether `bytes` more are too many for a peer that has not taken what came before.
    pub(super) fn is_full_for(&self, bytes: usize) -> bool {
        let limit = self.settings.max_queued_bytes;
        let deferred = self.waiting.as_ref().map_or(0, |w| w.deferred_bytes);
        let waiting = self.outbox.waiting_bytes() + deferred;
        limit != 0 && waiting > 0 && waiting + bytes > limit
    }

    /// Queues a frame that the application sent to this peer alone.
    pub(super) fn send(
        &mut self,
        frame: Frame,
        compress: bool,
        token: Option<u64>,
        counted: usize,
        press: &mut Press<'_>,
    ) {
        if frame.is_control() {
            self.queue(frame, token, counted, press.keys);
            return;
        }
        let is_first = !std::mem::replace(&mut self.is_mid_message, !frame.is_final());
        let frame = match is_first {
            true if compress && frame.is_final() => self.compress(frame, press.compression),
            true => frame,
            false => frame.to_continuation(),
        };
        self.queue(frame, token, counted, press.keys);
        if !self.is_mid_message
            && let Some(waiting) = &mut self.waiting
        {
            waiting.deferred_bytes = 0;
            for frame in std::mem::take(&mut waiting.deferred) {
                self.queue(frame, None, 0, press.keys);
            }
        }
    }

    /// Queues a frame that many are sent.
    pub(super) fn send_shared(&mut self, frame: &Frame, compress: bool, press: &mut Press<'_>) {
        let frame = match compress {
            true => self.compress(frame.clone(), press.compression),
            false => frame.clone(),
        };
        if self.is_mid_message {
            let waiting = self.waiting.get_or_insert_default();
            waiting.deferred_bytes += frame.len() + size_of::<Frame>();
            waiting.deferred.push(frame);
        } else {
            self.queue(frame, None, 0, press.keys);
        }
    }

    /// Keeps a chunk of a feed that is not read at present.
    pub(super) fn leave_unread(&mut self, bytes: Bytes) {
        let waiting = self.waiting.get_or_insert_default();
        waiting.unread.push(bytes);
    }

    /// The chunks that were kept.
    pub(super) fn take_unread(&mut self) -> Vec<Bytes> {
        let waiting = self.waiting.as_mut();
        waiting.map_or(Vec::new(), |waiting| std::mem::take(&mut waiting.unread))
    }

    /// Whether one more ping is one too many: of those that come while the peer takes nothing, so
    /// many are answered.
    pub(super) fn is_flooded(&mut self) -> bool {
        if !self.link.has_backlog() {
            if let Some(waiting) = &mut self.waiting {
                waiting.pending_pongs = 0;
            }
            return false;
        }
        let waiting = self.waiting.get_or_insert_default();
        waiting.pending_pongs += 1;
        let limit = self.settings.max_pending_pongs;
        limit != 0 && waiting.pending_pongs > limit
    }

    /// Queues a pong that the peer's ping asks for.
    pub(super) fn answer_ping(&mut self, payload: &[u8], keys: &mut MaskKeys) {
        self.queue(Frame::pong(payload), None, 0, keys);
    }

    /// Sends a close frame behind what is queued, and waits until `deadline` for the peer's.
    pub(super) fn close(&mut self, farewell: &Frame, deadline: Instant, keys: &mut MaskKeys) {
        if !self.close_parting(farewell, keys) && self.is_open() {
            let farewell = self.farewell(farewell, keys);
            self.link.control.end_after_peer(farewell, deadline);
        }
    }

    /// Sends a close frame behind what is queued, unless one is on its way, and ends this half of the
    /// stream; then waits until `deadline` for the peer to end its own.
    pub(super) fn finish(&mut self, farewell: &Frame, deadline: Instant, keys: &mut MaskKeys) {
        let farewell = match self.is_open() {
            true => self.farewell(farewell, keys),
            // One is on its way: this one is not used.
            false => farewell.clone(),
        };
        self.link.control.end_broken(farewell, deadline);
    }

    fn farewell(&mut self, frame: &Frame, keys: &mut MaskKeys) -> Frame {
        let frame = self.ready(frame.clone(), keys);
        self.outbox.pass(frame.len(), 0);
        frame
    }

    fn compress(&mut self, frame: Frame, compression: &mut Compression) -> Frame {
        match (&mut self.link.deflater, &self.settings.deflate) {
            (Some(deflater), Some(options)) => compression.compress(&frame, deflater, options),
            _ => frame,
        }
    }

    fn queue(&mut self, frame: Frame, token: Option<u64>, counted: usize, keys: &mut MaskKeys) {
        let frame = self.ready(frame, keys);
        self.outbox.push(frame, token, counted);
    }

    /// The frame as it goes over the wire.
    fn ready(&self, frame: Frame, keys: &mut MaskKeys) -> Frame {
        match self.role {
            Role::Server => frame,
            Role::Client => frame.masked(keys.next()),
        }
    }
}
