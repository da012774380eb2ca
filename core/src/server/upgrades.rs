//! The way in for streams that have been upgraded: each becomes a task of its shard.

use super::batch::Touched;
use super::gateway;
use super::task::{Attach, Task};
use super::{Engine, FeedId, Upgrade, Verified};
use crate::config::TransportKind;
use crate::embed::{Event, RequestId};
use crate::transport::Stream;

impl Engine {
    /// Takes on a WebSocket that is a TCP stream of its own from now on. [`Event::Open`],
    /// [`Event::Upgraded`] or [`Event::Forget`] follows.
    pub fn attach(&self, url: &str, stream: std::net::TcpStream, upgrade: Upgrade) {
        self.attach_stream(url, Stream::Tcp(stream), upgrade);
    }

    /// [`Engine::attach`] for many at once: URL, stream and upgrade of each. Shards are woken once.
    pub fn attach_all<U: AsRef<str>>(
        &self,
        upgrades: impl IntoIterator<Item = (U, std::net::TcpStream, Upgrade)>,
    ) {
        let tasks = upgrades.into_iter().map(|(url, stream, upgrade)| {
            let request = upgrade.request;
            let (shard, task) = self.attach_task(url.as_ref(), Stream::Tcp(stream), upgrade);
            (shard, request, task)
        });
        self.push_all(tasks);
    }

    /// Takes on a WebSocket whose bytes the application reads and writes.
    pub fn attach_feed(&self, url: &str, upgrade: Upgrade) -> FeedId {
        let request = upgrade.request;
        FeedId {
            shard: self.attach_stream(url, Stream::Feed, upgrade),
            request,
        }
    }

    pub(super) fn attach_stream(&self, url: &str, stream: Stream, upgrade: Upgrade) -> u8 {
        let request = upgrade.request;
        let (shard, task) = self.attach_task(url, stream, upgrade);
        self.push_all([(shard, request, task)]);
        shard
    }

    /// The task that takes on a WebSocket, and its shard. `None`: the session or the engine ended since
    /// the caller's check, and the stream is dropped.
    fn attach_task(&self, url: &str, stream: Stream, upgrade: Upgrade) -> (u8, Option<Task>) {
        let verified = self.verify("GET", url, true);
        let (shard, upgrade_of) = match verified {
            Ok(Verified::Session(conn, TransportKind::WebSocket)) => (conn.shard, Some(conn.slot)),
            _ => (self.pick_shard(), None),
        };
        let Upgrade {
            request,
            answer,
            head,
            handshake,
            deflate,
            sid,
            address,
        } = upgrade;
        let address = self.identify(address.as_deref(), handshake.as_deref());
        let attach = Attach {
            kind: TransportKind::WebSocket,
            request,
            stream,
            answer,
            head,
            upgrade_of,
            handshake,
            deflate,
            dialect: gateway::dialect(url),
            sid,
            address,
        };
        let may_open = matches!(verified, Ok(Verified::Handshake(TransportKind::WebSocket)));
        let is_welcome = (may_open || upgrade_of.is_some()) && !self.is_closing();
        (shard, is_welcome.then(|| Task::Attach(Box::new(attach))))
    }

    /// Queues what takes on upgrades, each at its shard, and wakes every shard once. What is to be
    /// forgotten has no task.
    pub(super) fn push_all(
        &self,
        upgrades: impl IntoIterator<Item = (u8, RequestId, Option<Task>)>,
    ) {
        let shards = &self.shared.shards;
        let mut touched = Touched::default();
        let mut is_forgotten = false;
        for (shard, request, task) in upgrades {
            if let Some(task) = task {
                shards[usize::from(shard)].inbox.push(task);
                touched.mark(shard);
            } else {
                let event = Event::Forget { request };
                self.shared.application.handle(self, event);
                is_forgotten = true;
            }
        }
        touched.each(|shard| shards[shard].inbox.wake());
        if is_forgotten {
            self.shared.application.flush();
        }
    }
}
