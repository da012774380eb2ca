//! Requests that another HTTP server has read, on whatever runtime: a shard answers them, and takes
//! the stream over when one becomes a WebSocket.
//!
//! ```text
//!  tower service ──► shard: answer_own ──► response back to the service's caller
//!                       └─ WebSocket: 101 back ──► the caller's hyper lets the stream go ──► a shard
//! ```

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};

use super::upgrade::Handover;
use super::{Content, answer_mounted, empty, unless, url_of};
use crate::embed::Peer;
use crate::server::Engine;
use crate::server::task::Task;
use crate::transport::Stream;

/// A request's body.
pub(crate) type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// A request that another server has read.
#[derive(Debug)]
pub(crate) struct Mounted {
    pub(crate) head: Parts,
    pub(crate) body: Body,
    pub(crate) peer: Peer,
    /// The stream, once the answer is out, if the request asks for an upgrade.
    pub(crate) upgrade: OnUpgrade,
    pub(crate) answer: oneshot::Sender<Response<Content>>,
}

/// What layers of another server have put into a request, to be kept for the life of its connection.
#[derive(Clone)]
struct Brought(Arc<Extensions>);

impl Mounted {
    /// Keeps what layers have put into the request.
    fn keep_extensions(&mut self) {
        let extensions = std::mem::take(&mut self.head.extensions);
        if !extensions.is_empty() {
            self.head.extensions.insert(Brought(Arc::new(extensions)));
        }
    }
}

/// What layers of another server have put into a request.
pub(in crate::server) fn brought_with(head: &Parts) -> Option<Arc<Extensions>> {
    head.extensions.get().map(|Brought(all)| Arc::clone(all))
}

impl Engine {
    /// Gives a request to a shard, which answers it.
    pub(crate) fn take_mounted(&self, mut mounted: Mounted) {
        mounted.keep_extensions();
        let Some(shard) = self.shard_for(&mounted.head) else {
            turn_down(mounted);
            return;
        };
        self.push(shard, Task::Mounted(Box::new(mounted)));
        self.turn_down_if_ended();
    }

    /// Which shard is to answer; when the engine closes, that of the session alone.
    fn shard_for(&self, head: &Parts) -> Option<u8> {
        if !self.is_closing() {
            return Some(self.pick_shard_for_http());
        }
        let conn = self.still_fetching(head.method.as_str(), url_of(head))?;
        Some(conn.shard)
    }
}

/// Answers a request for which there is nobody left.
pub(in crate::server) fn turn_down(mounted: Mounted) {
    // Its client may be gone: then nobody wants the answer.
    let unavailable = empty(StatusCode::SERVICE_UNAVAILABLE);
    let _ = mounted.answer.send(unavailable.map(Content::Whole));
}

/// Serves a request on the shard that calls.
pub(in crate::server) fn serve(
    engine: Engine,
    shard: u8,
    mounted: Mounted,
    mut stop: watch::Receiver<()>,
) {
    engine.clone().spawn_local(shard, async move {
        let Mounted {
            head,
            body,
            peer,
            upgrade,
            mut answer,
        } = mounted;
        let request = Request::from_parts(head, body);
        // Its caller drops the other end when the client is gone.
        let answered = unless(answer.closed(), answer_mounted(&engine, request, peer)).await;
        match answered {
            None => {}
            Some(Ok(response)) => {
                let _ = answer.send(response);
            }
            Some(Err(handover)) => {
                let (response, rest) = split(handover.as_bytes());
                let is_upgrade = response.status() == StatusCode::SWITCHING_PROTOCOLS;
                if answer.send(response.map(Content::Whole)).is_ok() && is_upgrade {
                    let timeout = engine.config().request_timeout;
                    let upgraded = tokio::time::timeout(timeout, upgrade);
                    if let Some(Ok(Ok(upgraded))) = unless(stop.changed(), upgraded).await {
                        hand_over(&engine, handover, upgraded, rest).await;
                    }
                }
            }
        }
        // The shard may have waited for the last of them.
        drop(stop);
        engine.wake(shard);
    });
}

async fn hand_over(engine: &Engine, handover: Handover, upgraded: Upgraded, rest: Bytes) {
    let (stream, read) = take_out(upgraded);
    let Ok(Some(wire)) = stream.adopt() else {
        return;
    };
    handover
        .without_answer(rest)
        .complete(engine, wire, read)
        .await;
}

/// The stream under a connection that hyper has let go, and what was read of it too much. A plain
/// TCP stream comes out as what it is; any other goes on as it was given to hyper.
fn take_out(upgraded: Upgraded) -> (Stream, Bytes) {
    let plain = hyper_util::server::conn::auto::upgrade::downcast::<TokioIo<TcpStream>>(upgraded);
    let (io, read) = match plain {
        Ok(parts) => (parts.io, parts.read_buf),
        Err(upgraded) => match upgraded.downcast::<TokioIo<TcpStream>>() {
            Ok(parts) => (parts.io, parts.read_buf),
            Err(upgraded) => {
                let stream = Box::new(TokioIo::new(upgraded));
                return (Stream::Other(stream), Bytes::new());
            }
        },
    };
    match io.into_inner().into_std() {
        Ok(stream) => (Stream::Tcp(stream), read),
        Err(_) => (Stream::Feed, read),
    }
}

/// An answer as it goes over the wire, as another server wants it, and what stands behind it.
fn split(bytes: &[u8]) -> (Response<Full<Bytes>>, Bytes) {
    let end = memchr::memmem::find(bytes, b"\r\n\r\n").unwrap_or(bytes.len());
    let (head, rest) = bytes.split_at(end);
    let rest = Bytes::copy_from_slice(rest.get(4..).unwrap_or_default());
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let status = lines.next().and_then(|line| line.get(9..12));
    let status = status.and_then(|status| StatusCode::from_bytes(status).ok());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = empty(status);
    for line in lines {
        let Some(colon) = memchr::memchr(b':', line) else {
            continue;
        };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            response.headers_mut().append(name, value);
        }
    }
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return (response, rest);
    }
    *response.body_mut() = Full::new(rest);
    (response, Bytes::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_split_into_head_and_what_follows() {
        let (response, rest) =
            split(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nA: b: c\r\n\r\n\x88\0");
        assert_eq!(response.status(), 101);
        assert_eq!(response.headers()["upgrade"], "websocket");
        assert_eq!(response.headers()["a"], "b: c");
        assert_eq!(response.headers().len(), 2);
        assert_eq!(rest, &b"\x88\0"[..]);
        let (response, rest) = split(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nno");
        assert_eq!(response.status(), 400);
        assert_eq!(rest, "");
    }
}
