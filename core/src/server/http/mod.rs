//! The engine's own listener: hyper speaks HTTP, the engine answers polling requests and takes
//! WebSockets over. What is not under the engine's path is the application's to answer, or 404.
//!
//! ```text
//!  listen.rs ──► shard: hyper ──┬─► polling.rs   answered by a session, headers around it
//!                                   ├─► upgrade.rs   the stream leaves hyper: 101 or a refusal
//!                                   ├─► boarding.rs  the same for plain WebSockets
//!                                   ├─► events.rs    streams of server-sent events
//!                                   └─► reception.rs the application's own pages
//! ```

mod boarding;
#[cfg(feature = "http-compression")]
mod compression;
mod content;
mod cors;
mod events;
#[cfg(feature = "tower")]
pub(crate) mod mounted;
mod polling;
pub(super) mod reception;
mod upgrade;

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use tokio::sync::watch;

use super::driver::CLOSE_ANSWER_TIMEOUT;
use super::listen::Accepted;
use super::quota::Place;
use super::{Engine, Refusal};
use crate::embed::{Handshake, Peer};
use crate::proto::handshake::refusal;
use crate::transport::Patient;
pub use boarding::{WebSocketAdmission, WebSocketRefusal, WebSocketTerms};
pub use content::Content;
pub use reception::{Admission, EventAdmission, Reception, Reply};
use upgrade::Handover;

/// Serves HTTP on one accepted connection, on the shard that calls it.
pub(super) fn serve(
    engine: Engine,
    shard: u8,
    (accepted, place): (Accepted, Place),
    mut stop: watch::Receiver<()>,
) {
    let (peer, read) = (accepted.peer(), accepted.read());
    engine.clone().spawn_local(shard, async move {
        // A TLS handshake that takes too long is a head that takes too long.
        let timeout = engine.config().request_timeout;
        let begun = tokio::time::timeout(timeout, accepted.into_wire());
        if let Some(Ok(Ok(stream))) = unless(stop.changed(), begun).await {
            let stream = Patient::new(stream, read, timeout);
            serve_wire(engine.clone(), stream, peer, stop).await;
        }
        drop(place);
        // The shard may have waited for the last of them.
        engine.shared.shards[usize::from(shard)].inbox.wake();
    });
}

/// Tells a client, whatever it is going to ask, that there are too many connections.
pub(super) fn turn_away((accepted, place): (Accepted, Place)) {
    let farewell = async move {
        if let Ok(wire) = accepted.into_wire().await {
            let message = Refusal::TooManyConnections.message();
            // Its client may be gone already.
            let _ = wire.say_farewell(refusal(503, message, &[])).await;
        }
        drop(place);
    };
    tokio::task::spawn_local(tokio::time::timeout(CLOSE_ANSWER_TIMEOUT, farewell));
}

async fn serve_wire(engine: Engine, stream: Patient, peer: Peer, mut stop: watch::Receiver<()>) {
    let timeout = engine.config().request_timeout;
    let owner = engine.clone();
    let leaving: Rc<Cell<Option<Handover>>> = Rc::default();
    let left = Rc::clone(&leaving);
    let had_body: Rc<Cell<bool>> = Rc::default();
    let may_be_sending = Rc::clone(&had_body);
    let service = service_fn(move |request: Request<Incoming>| {
        had_body.set(!request.body().is_end_stream());
        let (engine, leaving) = (engine.clone(), Rc::clone(&leaving));
        async move {
            let answer = respond(&engine, request, peer).await;
            answer.map_err(|handover| {
                leaving.set(Some(handover));
                Left
            })
        }
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeout)
        .max_buf_size(MAX_HEAD)
        .title_case_headers(true)
        .serve_connection(stream, service);
    // What goes wrong here is the client's loss: hyper has closed its connection.
    let ended = unless(stop.changed(), &mut connection).await;
    if ended.is_none() {
        Pin::new(&mut connection).graceful_shutdown();
        let _ = (&mut connection).await;
    }
    let parts = connection.into_parts();
    let (stream, unread) = parts.io.into_parts();
    if let Some(handover) = left.take() {
        let read = match unread.is_empty() {
            true => parts.read_buf,
            false => [parts.read_buf, unread].concat().into(),
        };
        handover.complete(&owner, stream, read).await;
        return;
    }
    let is_malformed = matches!(&ended, Some(Err(error)) if error.is_parse());
    if is_malformed || (ended.is_some() && may_be_sending.get()) {
        let rest = tokio::time::timeout(CLOSE_ANSWER_TIMEOUT, stream.outlast());
        let _ = unless(stop.changed(), rest).await;
    }
}

/// What `work` comes to, unless `end` comes first.
pub(super) async fn unless<W: Future>(end: impl Future, work: W) -> Option<W::Output> {
    let (mut end, mut work) = (std::pin::pin!(end), std::pin::pin!(work));
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => end.as_mut().poll(cx).map(|_| None),
    })
    .await
}

/// Most bytes of a request's head.
const MAX_HEAD: usize = 32 * 1024;

/// Ends hyper's part in a stream without a word: what is still to be said has been left behind.
/// hyper cannot say it: its answers have a date, and header names in one case alone.
#[derive(Debug)]
struct Left;

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the stream has been handed over")
    }
}

impl std::error::Error for Left {}

async fn respond(
    engine: &Engine,
    request: Request<Incoming>,
    peer: Peer,
) -> Result<Response<Content>, Handover> {
    if !names_its_host(&request) {
        return Err(upgrade::refused(400, ""));
    }
    if engine.config().metrics_path.as_deref() == Some(request.uri().path()) {
        return Ok(metrics_answer(engine).map(Content::Whole));
    }
    if !engine.is_own_path(request.uri().path()) {
        let (head, _) = request.into_parts();
        return answer_other(engine, head, peer).await;
    }
    let answer = answer_own(engine, request, peer).await;
    answer.map(|answer| answer.map(Content::Whole))
}

/// RFC 9112 §3.2: one of HTTP/1.1 does, once. What a proxy makes of any other is anybody's guess.
fn names_its_host(request: &Request<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match hosts.next() {
        Some(_) => hosts.next().is_none(),
        None => request.version() < http::Version::HTTP_11,
    }
}

/// Answers a request that another server found to be ours, whatever its path.
#[cfg(feature = "tower")]
async fn answer_mounted<B>(
    engine: &Engine,
    request: Request<B>,
    peer: Peer,
) -> Result<Response<Content>, Handover>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let path = request.uri().path();
    let is_other = engine.has_endpoint(path) && !engine.is_own_path(path);
    if is_other || engine.config().transports.is_empty() {
        let (head, _) = request.into_parts();
        return answer_other(engine, head, peer).await;
    }
    let answer = answer_own(engine, request, peer).await;
    answer.map(|answer| answer.map(Content::Whole))
}

/// Answers a request that is not under the engine's path.
async fn answer_other(
    engine: &Engine,
    head: Parts,
    peer: Peer,
) -> Result<Response<Content>, Handover> {
    if upgrade::is_asked_for(&head)
        && let Some(handover) = boarding::judge(engine, &head, peer).await
    {
        return Err(handover);
    }
    if let Some(answer) = events::answer(engine, &head, peer).await {
        return Ok(answer);
    }
    Ok(reception::fall_back(engine, head).await.map(Content::Whole))
}

/// Answers a request that is the engine's.
async fn answer_own<B>(
    engine: &Engine,
    request: Request<B>,
    peer: Peer,
) -> Result<Response<Full<Bytes>>, Handover>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    if upgrade::is_asked_for(&head) {
        return Err(upgrade::judge(engine, &head, peer).await);
    }
    let Some(cors) = &engine.config().cors else {
        return Ok(polling::answer(engine, &head, body, peer).await);
    };
    if head.method == Method::OPTIONS {
        return Ok(preflight_answer(cors::preflight_headers(
            cors,
            &head.headers,
        )));
    }
    let mut response = polling::answer(engine, &head, body, peer).await;
    let answered = std::mem::replace(response.headers_mut(), cors::headers(cors, &head.headers));
    response.headers_mut().extend(answered);
    Ok(response)
}

impl Engine {
    /// Whether the application has plain WebSockets or event streams at a path.
    #[cfg(feature = "tower")]
    pub(crate) fn has_endpoint(&self, path: &str) -> bool {
        let reception = self.shared.application.reception();
        reception.is_some_and(|reception| reception.has_endpoint(path))
    }

    /// Whether a request is Engine.IO's. An engine without its transports serves plain WebSockets
    /// alone.
    pub(crate) fn is_own_path(&self, path: &str) -> bool {
        if self.config().transports.is_empty() {
            return false;
        }
        let own = self.config().path.trim_end_matches('/');
        path.strip_prefix(own)
            .is_some_and(|rest| rest.starts_with('/'))
    }
}

/// npm `cors` adds `Content-Length: 0`, which RFC 9110 §8.6 forbids beside 204 and hyper leaves out.
fn preflight_answer(headers: http::HeaderMap) -> Response<Full<Bytes>> {
    let mut response = empty(StatusCode::NO_CONTENT);
    *response.headers_mut() = headers;
    response
}

fn metrics_answer(engine: &Engine) -> Response<Full<Bytes>> {
    let mut response = Response::new(engine.metrics().to_prometheus().into());
    let kind = http::HeaderValue::from_static(crate::metrics::CONTENT_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn url_of(head: &Parts) -> &str {
    head.uri.path_and_query().map_or("", |url| url.as_str())
}

/// What a request's head says, for who wants to know it later.
fn handshake_of(head: &Parts, peer: Peer) -> Arc<Handshake> {
    let headers = head.headers.iter().map(|(name, value)| {
        let value = match value.to_str() {
            Ok(text) => text.into(),
            // As Node reads it: a character for each byte.
            Err(_) => value.as_bytes().iter().copied().map(char::from).collect(),
        };
        (name.as_str(), value)
    });
    let handshake = Handshake::new(url_of(head), headers, peer);
    #[cfg(feature = "tower")]
    let handshake = handshake.with_extensions(mounted::brought_with(head));
    Arc::new(handshake)
}
