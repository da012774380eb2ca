//! Plain WebSockets: connections of a shard without a session, each in a group of its kind.

mod allowances;
mod attach;
mod commands;
mod connection;
mod mask_keys;
mod outbox;
mod parting;
mod receive;
mod task;
mod transmit;

use std::sync::Arc;

use bytes::Bytes;

use super::task::Task;
use super::{Engine, FeedId};
use crate::config::WebSocketSettings;
use crate::embed::{Handshake, RequestId};
use crate::hub::NamespaceId;
use crate::proto::websocket::Role;
use crate::proto::websocket::deflate::DeflateParams;
use crate::transport::Stream;
pub(super) use connection::WebSocket;
pub(super) use mask_keys::MaskKeys;
pub(super) use task::{Ask, Attach, Broadcast};

/// A stream that is a plain WebSocket from now on: its handshake is done, or is with
/// [`answer`](Self::answer).
#[derive(Debug)]
pub struct WebSocketUpgrade {
    /// Number of the request, by which events name it.
    pub request: RequestId,
    /// Bytes to be written first: the complete HTTP answer of a server; empty if it has gone out.
    pub answer: Bytes,
    /// Bytes the peer has sent already, behind its request or its answer.
    pub head: Bytes,
    /// Which side we are.
    pub role: Role,
    /// What was agreed on about compression.
    pub deflate: Option<DeflateParams>,
    /// The settings, shared by all of a group.
    pub settings: Arc<WebSocketSettings>,
    /// The group it belongs to, from [`Engine::open_group`].
    pub group: NamespaceId,
    /// The request, for the event that tells of the connection. An application that remembers it by
    /// itself gives nothing.
    pub handshake: Option<Arc<Handshake>>,
    /// Whose it is, as [`Engine::verify_address`] takes it, where that is not the handshake's to say.
    pub address: Option<Box<str>>,
}

impl Engine {
    /// A new group of plain WebSockets: what rooms and broadcasts of one server are among. It lasts
    /// as long as the engine.
    pub fn open_group(&self) -> NamespaceId {
        self.shared.hub.open_group().id()
    }

    /// Takes on a plain WebSocket that is a TCP stream of its own from now on. The event `Open` of
    /// [`Event::WebSocket`] follows, or [`Event::Forget`].
    ///
    /// [`Event::WebSocket`]: crate::embed::Event::WebSocket
    /// [`Event::Forget`]: crate::embed::Event::Forget
    pub fn attach_websocket(&self, stream: std::net::TcpStream, upgrade: WebSocketUpgrade) {
        self.attach_websocket_stream(Stream::Tcp(stream), upgrade);
    }

    /// Takes on a plain WebSocket whose bytes the application reads and writes.
    pub fn attach_websocket_feed(&self, upgrade: WebSocketUpgrade) -> FeedId {
        let request = upgrade.request;
        FeedId {
            shard: self.attach_websocket_stream(Stream::Feed, upgrade),
            request,
        }
    }

    /// [`Engine::attach_websocket`] for many at once. Shards are woken once.
    pub fn attach_websockets(
        &self,
        upgrades: impl IntoIterator<Item = (std::net::TcpStream, WebSocketUpgrade)>,
    ) {
        let tasks = upgrades.into_iter().map(|(stream, upgrade)| {
            let request = upgrade.request;
            let task = self.websocket_task(Stream::Tcp(stream), upgrade);
            (self.pick_shard(), request, task)
        });
        self.push_all(tasks);
    }

    pub(super) fn attach_websocket_stream(&self, stream: Stream, upgrade: WebSocketUpgrade) -> u8 {
        let shard = self.pick_shard();
        let request = upgrade.request;
        let task = self.websocket_task(stream, upgrade);
        self.push_all([(shard, request, task)]);
        shard
    }

    /// The task that takes on a plain WebSocket. `None`: its group or the engine has ended.
    fn websocket_task(&self, stream: Stream, upgrade: WebSocketUpgrade) -> Option<Task> {
        let group = self.shared.hub.namespace(upgrade.group);
        let group = group.filter(|_| !self.is_closing())?;
        Some(Task::AttachWebSocket(Box::new(Attach {
            stream,
            upgrade,
            group,
        })))
    }
}
