//! The engine's own listener: hyper speaks HTTP, the engine answers polling requests and takes
//! WebSockets over. Anything that is not under the engine's path is answered 404.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::TcpListener;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::thread::JoinHandle;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, CONTENT_TYPE, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
    USER_AGENT,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request as HttpRequest, Response, StatusCode};
use hyper_util::rt::TokioTimer;
use tokio::sync::{oneshot, watch};

use super::shard::thread_ended;
use super::task::{Responder, Task};
use super::{Engine, Request, Upgrade, Verified};
use crate::config::TransportKind;
use crate::embed::{Answer, RequestId};
use crate::hub::ConnId;
use crate::proto::handshake;
use crate::transport::{Patient, polling};

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
        let service = service_fn(move |request| {
            let engine = engine.clone();
            async move { Ok::<_, Infallible>(respond(engine, request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(timeout)
            .max_buf_size(MAX_HEAD)
            .serve_connection(Patient::new(stream, timeout), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        // What goes wrong here is the client's loss: hyper has closed its connection.
        let is_stopped = {
            let mut stopped = std::pin::pin!(stop.changed());
            poll_fn(|cx| match connection.as_mut().poll(cx) {
                Poll::Ready(_) => Poll::Ready(false),
                Poll::Pending => stopped.as_mut().poll(cx).map(|_| true),
            })
            .await
        };
        if is_stopped {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
        // The shard may have waited for the last of them.
        drop(stop);
        owner.shared.shards[usize::from(shard)].inbox.wake();
    });
}

/// Most bytes of a request's head.
const MAX_HEAD: usize = 32 * 1024;

async fn respond(engine: Engine, request: HttpRequest<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    let own = engine.config().path.trim_end_matches('/');
    if path
        .strip_prefix(own)
        .is_none_or(|rest| !rest.starts_with('/'))
    {
        return empty(StatusCode::NOT_FOUND);
    }
    if request.headers().contains_key(UPGRADE) {
        return upgrade(&engine, request);
    }
    answer_polling(&engine, request).await
}

async fn answer_polling(engine: &Engine, request: HttpRequest<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let limit = engine.config().max_payload;
    let limited = Limited::new(body, limit).collect();
    let body = match tokio::time::timeout(engine.config().request_timeout, limited).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return empty(StatusCode::PAYLOAD_TOO_LARGE);
        }
        Ok(Err(_)) => return empty(StatusCode::BAD_REQUEST),
        Err(_) => return empty(StatusCode::REQUEST_TIMEOUT),
    };
    if engine.is_closing() {
        return empty(StatusCode::SERVICE_UNAVAILABLE);
    }
    let header = |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
    let url = head.uri.path_and_query().map_or("", |url| url.as_str());
    let (sender, receiver) = oneshot::channel();
    let id = engine.next_request();
    let request = Request {
        request: id,
        method: head.method.as_str(),
        url,
        content_type: header(CONTENT_TYPE),
        user_agent: header(USER_AGENT),
        body,
    };
    let conn = engine.polling_request(request, Responder::Listener(sender));
    let mut pending = Pending {
        engine,
        conn,
        request: id,
    };
    let answer = receiver.await;
    pending.conn = None;
    answer.map_or_else(|_| empty(StatusCode::SERVICE_UNAVAILABLE), into_response)
}

/// A request that waits; hyper drops it when its client is gone.
struct Pending<'e> {
    engine: &'e Engine,
    conn: Option<ConnId>,
    request: RequestId,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if let Some(conn) = self.conn {
            self.engine.request_closed(conn, self.request);
        }
    }
}

fn upgrade(engine: &Engine, mut request: HttpRequest<Incoming>) -> Response<Full<Bytes>> {
    let header = |name: HeaderName| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let (method, key) = (
        request.method().as_str().to_owned(),
        header(SEC_WEBSOCKET_KEY),
    );
    let checked = handshake::check_upgrade(
        &method,
        header(UPGRADE).as_deref(),
        key.as_deref(),
        header(SEC_WEBSOCKET_VERSION).as_deref(),
    );
    let url = request
        .uri()
        .path_and_query()
        .map_or("", |url| url.as_str())
        .to_owned();
    let message = match engine.verify(&method, &url, true) {
        Err(refusal) => Some((refusal.status(), refusal.message())),
        Ok(
            Verified::Handshake(TransportKind::Polling)
            | Verified::Session(_, TransportKind::Polling),
        ) => Some((400, "Bad request")),
        Ok(_) => checked.err().map(|error| (error.status(), error.body())),
    };
    if let Some((status, message)) = message {
        return refused_upgrade(status, message);
    }
    let upgraded = hyper::upgrade::on(&mut request);
    let engine = engine.clone();
    tokio::task::spawn_local(async move {
        let Ok(upgraded) = upgraded.await else { return };
        let Ok(parts) = upgraded.downcast::<Patient>() else {
            return;
        };
        let Ok(stream) = parts.io.into_stream().into_std() else {
            return;
        };
        let request = engine.next_request();
        engine.attach(
            &url,
            stream,
            Upgrade {
                request,
                answer: Bytes::new(),
                head: parts.read_buf,
            },
        );
    });
    let accept = handshake::accept_key(key.as_deref().unwrap_or_default());
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(UPGRADE, "websocket")
        .header(CONNECTION, "Upgrade")
        .header("Sec-WebSocket-Accept", accept)
        .body(Full::default())
        .unwrap_or_else(|_| empty(StatusCode::INTERNAL_SERVER_ERROR))
}

fn refused_upgrade(status: u16, message: &'static str) -> Response<Full<Bytes>> {
    let mut response = into_response(Answer {
        status,
        headers: vec![("Content-Type", "text/html".into())],
        body: Bytes::from_static(message.as_bytes()),
    });
    response
        .headers_mut()
        .insert(CONNECTION, hyper::header::HeaderValue::from_static("close"));
    response
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    into_response(polling::empty_answer(status.as_u16()))
}

fn into_response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        let name = HeaderName::try_from(name);
        let value = hyper::header::HeaderValue::try_from(&*value);
        if let (Ok(name), Ok(value)) = (name, value) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
