//! What an application has to say about requests to the engine's own listener.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;

use super::boarding::WebSocketAdmission;
use super::empty;
use crate::embed::Handshake;
use crate::server::Engine;
use crate::transport::EventStream;

/// Decides whether a client may open a connection; the message is what a client is told that may
/// not.
pub type Admission = Pin<Box<dyn Future<Output = Result<(), String>>>>;

/// An answer on its way.
pub type Reply = Pin<Box<dyn Future<Output = Response<Bytes>>>>;

/// Decides about a client of server-sent events: its stream, or the status and the message that it is
/// told.
pub type EventAdmission = Pin<Box<dyn Future<Output = Result<EventStream, (u16, String)>>>>;

/// An application's part in HTTP on the engine's own listener. All of it is called, and its futures
/// are driven, on the thread of a shard: nothing of it may block.
pub trait Reception: Send + Sync {
    /// Begins to decide about a handshake that is right in itself; `None` lets it through. It is
    /// given [`Config::connect_timeout`](crate::Config::connect_timeout); then it has refused.
    fn admit(&self, handshake: &Arc<Handshake>) -> Option<Admission> {
        let _ = handshake;
        None
    }

    /// Whether [`Reception::add_headers`] adds any.
    fn adds_headers(&self) -> bool {
        false
    }

    /// Adds headers to an answer that is no refusal: of a polling request, or of the handshake of a
    /// WebSocket. `request` is the one to be answered; `opens` says whether it opens a connection.
    fn add_headers(&self, request: &Handshake, opens: bool, headers: &mut HeaderMap) {
        let _ = (request, opens, headers);
    }

    /// Begins to decide about a request for a WebSocket that is not under the engine's path; `None`
    /// if there are none at its path, and it is one for [`Reception::fall_back`]. A request that
    /// breaks RFC 6455 is refused whatever is decided. It is given
    /// [`Config::connect_timeout`](crate::Config::connect_timeout); then it has refused.
    fn admit_websocket(&self, handshake: &Arc<Handshake>) -> Option<WebSocketAdmission> {
        let _ = handshake;
        None
    }

    /// Begins to decide about a request for server-sent events; `None` if there are none at its
    /// path.
    fn admit_events(&self, engine: &Engine, handshake: &Arc<Handshake>) -> Option<EventAdmission> {
        let _ = (engine, handshake);
        None
    }

    /// Whether there are plain WebSockets or server-sent events at a path. Requests for events are
    /// shown to [`Reception::admit_events`] only if there are.
    fn has_endpoint(&self, path: &str) -> bool {
        let _ = path;
        false
    }

    /// Begins to answer a request that is not under the engine's path; `None` is answered 404. Its
    /// body is not read.
    fn fall_back(&self, request: Request<()>) -> Option<Reply> {
        let _ = request;
        None
    }
}

/// Whether the application lets a handshake through; else what the client is told.
pub(in crate::server) async fn admit(
    engine: &Engine,
    handshake: &Arc<Handshake>,
) -> Result<(), String> {
    let reception = engine.shared.application.reception();
    let Some(deciding) = reception.and_then(|reception| reception.admit(handshake)) else {
        return Ok(());
    };
    let deadline = engine.config().connect_timeout;
    match tokio::time::timeout(deadline, deciding).await {
        Ok(Err(message)) if message.is_empty() => Err("Forbidden".to_owned()),
        Ok(decided) => decided,
        Err(_) => Err("timeout".to_owned()),
    }
}

/// The application's headers for an answer; a name that comes twice is there twice.
pub(super) fn headers(engine: &Engine, request: &Handshake, opens: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(reception) = engine.shared.application.reception() {
        reception.add_headers(request, opens, &mut headers);
    }
    headers
}

/// Whether the application has headers to add.
pub(super) fn adds_headers(engine: &Engine) -> bool {
    let reception = engine.shared.application.reception();
    reception.is_some_and(|reception| reception.adds_headers())
}

/// The application's answer to a request that is none of the engine's.
pub(super) async fn fall_back(engine: &Engine, head: Parts) -> Response<Full<Bytes>> {
    let reception = engine.shared.application.reception();
    let request = Request::from_parts(head, ());
    match reception.and_then(|reception| reception.fall_back(request)) {
        Some(reply) => reply.await.map(Full::new),
        None => empty(StatusCode::NOT_FOUND),
    }
}
