//! Plain WebSockets over the engine's own listener: requests for one that are not under the engine's
//! path, judged in the order of npm `ws`.

use std::pin::Pin;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, header};

use super::handshake_of;
use super::upgrade::{Handover, agree_on_deflate, switching_protocols};
use crate::config::WebSocketSettings;
use crate::embed::{Handshake, NamespaceId, Peer};
use crate::proto::handshake::{self, HandshakeError};
use crate::proto::websocket::Role;
use crate::server::{Engine, Refusal, WebSocketUpgrade};

/// Decides whether a client gets its plain WebSocket, and on which terms.
pub type WebSocketAdmission =
    Pin<Box<dyn Future<Output = Result<WebSocketTerms, WebSocketRefusal>>>>;

/// What a client gets that asked for a plain WebSocket.
#[derive(Clone, Debug)]
pub struct WebSocketTerms {
    /// The group it becomes a member of, from [`Engine::open_group`].
    pub group: NamespaceId,
    /// Its settings; [`deflate`](WebSocketSettings::deflate) among them is what compression is agreed
    /// on by.
    pub settings: Arc<WebSocketSettings>,
    /// The subprotocol; told only to a client that offered it.
    pub protocol: Option<String>,
    /// More headers for the answer.
    pub headers: HeaderMap,
}

/// What a client is told that does not get its plain WebSocket.
#[derive(Clone, Debug)]
pub struct WebSocketRefusal {
    /// The HTTP status, 400 and more.
    pub status: u16,
    /// The body; if it is empty, the status's own phrase.
    pub message: String,
    /// More headers for the answer.
    pub headers: HeaderMap,
}

/// Judges a request for a plain WebSocket; `None` if the application has none there.
pub(super) async fn judge(engine: &Engine, head: &Parts, peer: Peer) -> Option<Handover> {
    let reception = engine.shared.application.reception()?;
    let request = handshake_of(head, peer);
    let deciding = reception.admit_websocket(&request)?;
    let boarded = board(engine, head, request, deciding).await;
    Some(boarded.unwrap_or_else(|refusal| refusal))
}

async fn board(
    engine: &Engine,
    head: &Parts,
    request: Arc<Handshake>,
    deciding: WebSocketAdmission,
) -> Result<Handover, Handover> {
    let key = request.header(header::SEC_WEBSOCKET_KEY.as_str());
    handshake::check_upgrade(
        head.method.as_str(),
        request.header(header::UPGRADE.as_str()),
        key,
        request.header(header::SEC_WEBSOCKET_VERSION.as_str()),
    )
    .map_err(broken)?;
    let offered = match request.header(header::SEC_WEBSOCKET_PROTOCOL.as_str()) {
        Some(protocols) => handshake::protocols(protocols).map_err(broken)?,
        None => Vec::new(),
    };
    let deadline = engine.config().connect_timeout;
    let decided = tokio::time::timeout(deadline, deciding).await;
    let decided = decided.map_err(|_| refused(503, "timeout", &HeaderMap::new()))?;
    let terms = decided.map_err(|no| refused(no.status, &no.message, &no.headers))?;
    if engine.is_closing() {
        return Err(refused(503, "", &HeaderMap::new()));
    }
    if engine.is_full() {
        let message = Refusal::TooManyConnections.message();
        return Err(refused(503, message, &HeaderMap::new()));
    }
    if engine.is_full_for(&request) {
        let refusal = Refusal::TooManyFromAddress;
        return Err(refused(
            refusal.status(),
            refusal.message(),
            &HeaderMap::new(),
        ));
    }
    let deflate = agree_on_deflate(head, terms.settings.deflate.as_ref()).map_err(broken)?;
    let protocol = terms.protocol.as_deref();
    let protocol = protocol.filter(|chosen| offered.contains(chosen));
    let answer = switching_protocols(key.unwrap_or_default(), protocol, deflate, &terms.headers);
    let upgrade = WebSocketUpgrade {
        request: engine.next_request(),
        answer: answer.into(),
        head: Default::default(),
        role: Role::Server,
        deflate,
        settings: terms.settings,
        group: terms.group,
        handshake: Some(Arc::clone(&request)),
        address: None,
    };
    Ok(Handover::Plain(Box::new(upgrade)))
}

/// A request that is not in order.
fn broken(error: HandshakeError) -> Handover {
    Handover::Farewell(error.to_refusal())
}

/// A request that the application, or the engine, does not want.
fn refused(status: u16, message: &str, headers: &HeaderMap) -> Handover {
    let extra = headers.iter().filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        Some((name.as_str(), value))
    });
    let extra: Vec<_> = extra.collect();
    // A handshake is refused by an error; what else is asked for would not be understood.
    let status = if (400..600).contains(&status) {
        status
    } else {
        400
    };
    Handover::Farewell(handshake::refusal(status, message, &extra))
}
