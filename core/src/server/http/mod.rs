//! The engine's own listener: hyper speaks HTTP, the engine answers polling requests and takes
//! WebSockets over. What is not under the engine's path is the application's to answer, or 404.
//!
//! ```text
//!  accept thread ──► shard: hyper ──┬─► polling.rs   answered by a session, headers around it
//!                                   ├─► upgrade.rs   the stream leaves hyper: 101 or a refusal
//!                                   ├─► boarding.rs  the same for plain WebSockets
//!                                   └─► reception.rs the application's own pages
//! ```

mod boarding;
#[cfg(feature = "http-compression")]
mod compression;
mod cors;
mod polling;
mod reception;
mod upgrade;

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::net::TcpListener;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::thread::JoinHandle;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use tokio::sync::watch;

use super::Engine;
use super::shard::thread_ended;
use super::task::Task;
use crate::embed::{Handshake, Peer};
use crate::transport::Patient;
pub use boarding::{WebSocketAdmission, WebSocketRefusal, WebSocketTerms};
pub use reception::{Admission, Reception, Reply};
use upgrade::Handover;

/// Accepts connections on a thread of its own and deals them out to the shards in turn. The thread
/// counts as one of the engine's: [`Event::Closed`](crate::embed::Event::Closed) waits for its end.
pub(super) fn accept(engine: Engine, listener: TcpListener) -> io::Result<JoinHandle<()>> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let one_more = |live: usize| (live > 0).then_some(live + 1);
    let live = &engine.shared.live_shards;
    if live
        .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
        .is_err()
    {
        return Err(io::Error::other("the engine has ended"));
    }
    let accepting = std::thread::Builder::new().name("sori-accept".to_owned());
    let failed = engine.clone();
    accepting
        .spawn(move || {
            runtime.block_on(accept_loop(&engine, listener));
            thread_ended(&engine);
        })
        .inspect_err(|_| thread_ended(&failed))
}

async fn accept_loop(engine: &Engine, listener: TcpListener) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    while !engine.is_closing() {
        // The look at `is_closing` needs no wake-up of its own.
        let accepted = tokio::time::timeout(CLOSING_LOOK, listener.accept()).await;
        match accepted {
            Ok(Ok((stream, _))) => {
                if let Ok(stream) = stream.into_std() {
                    engine.push(engine.pick_shard(), Task::Accepted(stream));
                }
            }
            // Out of descriptors, or a client that was gone again: the next may fare better.
            Ok(Err(_)) => tokio::time::sleep(CLOSING_LOOK).await,
            Err(_) => {}
        }
    }
}

const CLOSING_LOOK: std::time::Duration = std::time::Duration::from_millis(20);

/// Serves HTTP on one accepted connection, on the shard that calls it.
pub(super) fn serve(
    engine: Engine,
    shard: u8,
    stream: std::net::TcpStream,
    mut stop: watch::Receiver<()>,
) {
    let adopted = stream
        .set_nonblocking(true)
        .and_then(|()| stream.set_nodelay(true))
        .and_then(|()| tokio::net::TcpStream::from_std(stream));
    let Ok(stream) = adopted else { return };
    tokio::task::spawn_local(async move {
        let timeout = engine.config().request_timeout;
        let owner = engine.clone();
        let peer = Peer {
            remote_address: stream.peer_addr().ok(),
            is_secure: false,
        };
        let leaving: Rc<Cell<Option<Handover>>> = Rc::default();
        let left = Rc::clone(&leaving);
        let service = service_fn(move |request| {
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
            .serve_connection(Patient::new(stream, timeout), service);
        // What goes wrong here is the client's loss: hyper has closed its connection.
        let is_stopped = {
            let mut stopped = std::pin::pin!(stop.changed());
            poll_fn(|cx| match Pin::new(&mut connection).poll(cx) {
                Poll::Ready(_) => Poll::Ready(false),
                Poll::Pending => stopped.as_mut().poll(cx).map(|_| true),
            })
            .await
        };
        if is_stopped {
            Pin::new(&mut connection).graceful_shutdown();
            let _ = (&mut connection).await;
        }
        if let Some(handover) = left.take() {
            let parts = connection.into_parts();
            handover
                .complete(&owner, parts.io.into_stream(), parts.read_buf)
                .await;
        }
        // The shard may have waited for the last of them.
        drop(stop);
        owner.shared.shards[usize::from(shard)].inbox.wake();
    });
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
) -> Result<Response<Full<Bytes>>, Handover> {
    let (head, body) = request.into_parts();
    if !is_own_path(engine, head.uri.path()) {
        if head.headers.contains_key(header::UPGRADE)
            && let Some(handover) = boarding::judge(engine, &head, peer).await
        {
            return Err(handover);
        }
        return Ok(reception::fall_back(engine, head).await);
    }
    if head.headers.contains_key(header::UPGRADE) {
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

/// Whether a request is Engine.IO's. An engine without its transports serves plain WebSockets alone.
fn is_own_path(engine: &Engine, path: &str) -> bool {
    if engine.config().transports.is_empty() {
        return false;
    }
    let own = engine.config().path.trim_end_matches('/');
    path.strip_prefix(own)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// npm `cors` adds `Content-Length: 0`, which RFC 9110 §8.6 forbids beside 204 and hyper leaves out.
fn preflight_answer(headers: http::HeaderMap) -> Response<Full<Bytes>> {
    let mut response = empty(StatusCode::NO_CONTENT);
    *response.headers_mut() = headers;
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
    Arc::new(Handshake::new(url_of(head), headers, peer))
}
