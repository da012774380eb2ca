//! Streams of server-sent events: an answer that goes on as long as its client wants it.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;

use super::{Content, cors, empty, handshake_of};
use crate::embed::Peer;
use crate::server::Engine;

/// Answers a request for events; `None` if the application has none at its path.
pub(super) async fn answer(engine: &Engine, head: &Parts, peer: Peer) -> Option<Response<Content>> {
    let reception = engine.shared.application.reception()?;
    if !reception.has_endpoint(head.uri.path()) {
        return None;
    }
    let handshake = handshake_of(head, peer);
    let admission = reception.admit_events(engine, &handshake)?;
    if head.method != Method::GET {
        let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
        let get = HeaderValue::from_static("GET");
        response.headers_mut().insert(header::ALLOW, get);
        return Some(response.map(Content::Whole));
    }
    if engine.is_closing() {
        return Some(empty(StatusCode::SERVICE_UNAVAILABLE).map(Content::Whole));
    }
    let deadline = engine.config().connect_timeout;
    let decided = tokio::time::timeout(deadline, admission).await;
    let decided = decided.unwrap_or_else(|_| Err((503, "timeout".to_owned())));
    let mut response = match decided {
        Ok(stream) => {
            let mut response = Response::new(Content::Events(stream));
            add_headers(response.headers_mut());
            response
        }
        Err((status, message)) => refused(status, message),
    };
    if let Some(cors) = &engine.config().cors {
        response
            .headers_mut()
            .extend(cors::headers(cors, &head.headers));
    }
    Some(response)
}

fn add_headers(headers: &mut HeaderMap) {
    let fixed = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // nginx would gather events before it passes them on.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// 204 says to an `EventSource` that it is not to come back.
fn refused(status: u16, message: String) -> Response<Content> {
    let status = StatusCode::from_u16(status).ok();
    let status = status.filter(|status| *status == 204 || status.as_u16() >= 400);
    let mut response = empty(status.unwrap_or(StatusCode::FORBIDDEN));
    if response.status() != StatusCode::NO_CONTENT {
        *response.body_mut() = Full::new(Bytes::from(message));
    }
    response.map(Content::Whole)
}
