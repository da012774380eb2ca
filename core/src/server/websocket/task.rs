//! What other threads ask of a shard about plain WebSockets.

use std::sync::Arc;

use super::WebSocketUpgrade;
use crate::hub::{Namespace, ShardTargets, Slot};
use crate::proto::websocket::Frame;
use crate::transport::Stream;

/// A plain WebSocket to be taken on.
#[derive(Debug)]
pub(in crate::server) struct Attach {
    pub(in crate::server) stream: Stream,
    pub(in crate::server) upgrade: WebSocketUpgrade,
    pub(in crate::server) group: Arc<Namespace>,
}

/// What is asked of one plain WebSocket.
#[derive(Debug)]
pub(in crate::server) enum Ask {
    /// Send a message, a fragment, a ping or a pong.
    Send(Outgoing),
    /// Send bytes that are ready for the wire.
    Raw(Outgoing),
    /// Close with this frame.
    Close(Frame),
    /// End our half of the stream without a close frame.
    End,
    /// Drop the stream.
    Terminate,
    /// Drop the stream with a reset.
    Reset,
    /// Stop reading.
    Pause,
    /// Go on reading.
    Resume,
}

/// A frame on its way to one peer.
#[derive(Debug)]
pub(in crate::server) struct Outgoing {
    /// Uncompressed and unmasked.
    pub(in crate::server) frame: Frame,
    pub(in crate::server) compress: bool,
    /// By which the application wants to hear that it has left.
    pub(in crate::server) token: Option<u64>,
    /// Bytes by which the gauge has been raised already.
    pub(in crate::server) counted: usize,
}

/// A message on its way to the members of a group on one shard.
#[derive(Debug)]
pub(in crate::server) struct Broadcast {
    pub(in crate::server) targets: ShardTargets,
    pub(in crate::server) except: Option<Slot>,
    pub(in crate::server) frame: Frame,
    pub(in crate::server) compress: bool,
}
