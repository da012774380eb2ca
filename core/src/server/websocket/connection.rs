//! What a shard keeps for one plain WebSocket.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::mask_keys::MaskKeys;
use super::outbox::Outbox;
use super::parting::Parting;
use crate::config::WebSocketSettings;
use crate::embed::websocket::Gauge;
use crate::hub::Namespace;
use crate::proto::websocket::{Frame, Role};
use crate::server::addresses::Share;
use crate::server::compression::Compression;
use crate::transport::Link;

/// One plain WebSocket: its stream, and what is on its way out.
#[derive(Debug)]
pub(in crate::server) struct WebSocket {
    pub(in crate::server) link: Link,
    pub(super) group: Arc<Namespace>,
    pub(super) settings: Arc<WebSocketSettings>,
    pub(super) outbox: Outbox,
    /// Its place among the connections of its address.
    pub(super) share: Option<Share>,
    role: Role,
    /// A message of the application's is under way in fragments.
    is_mid_message: bool,
    /// Broadcasts that wait for its end, and their bytes.
    deferred: Vec<Frame>,
    deferred_bytes: usize,
    /// The peer's end, unless it has been answered.
    pub(super) parting: Option<Box<Parting>>,
    /// The peer's close frame.
    pub(super) closed_by: Option<Box<PeerClose>>,
    /// Chunks of a feed that came while it is not read.
    pub(super) unread: Vec<Bytes>,
    /// Pings that came while the peer takes nothing.
    pub(super) pending_pongs: u32,
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
            share: None,
            role,
            is_mid_message: false,
            deferred: Vec::new(),
            deferred_bytes: 0,
            parting: None,
            closed_by: None,
            unread: Vec::new(),
            pending_pongs: 0,
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

    /// Whether `bytes` more are too many for a peer that has not taken what came before.
    pub(super) fn is_full_for(&self, bytes: usize) -> bool {
        let limit = self.settings.max_queued_bytes;
        let waiting = self.outbox.waiting_bytes() + self.deferred_bytes;
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
        if !self.is_mid_message {
            self.deferred_bytes = 0;
            for frame in std::mem::take(&mut self.deferred) {
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
            self.deferred_bytes += frame.len() + size_of::<Frame>();
            self.deferred.push(frame);
        } else {
            self.queue(frame, None, 0, press.keys);
        }
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
