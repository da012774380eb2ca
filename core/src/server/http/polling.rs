//! Long polling over the engine's own listener: a request goes to its session, and the session's
//! answer comes back with the headers that settings and application add.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Body;
use tokio::sync::oneshot;

use super::{handshake_of, reception, url_of};
use crate::embed::{Answer, Handshake, Peer, RequestId};
use crate::hub::ConnId;
use crate::server::requests::refused;
use crate::server::task::Responder;
use crate::server::{Engine, Refusal, Request, Verified};
use crate::transport::polling::{empty_answer, error_answer};

/// What a request came to.
struct Answered {
    answer: Answer,
    /// The request, if somebody may want to know it.
    handshake: Option<Arc<Handshake>>,
    opens: bool,
}

impl From<Answer> for Answered {
    fn from(answer: Answer) -> Answered {
        Answered {
            answer,
            handshake: None,
            opens: false,
        }
    }
}

/// Answers a polling request.
pub(super) async fn answer<B>(
    engine: &Engine,
    head: &Parts,
    body: B,
    peer: Peer,
) -> Response<Full<Bytes>>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let body = match read(engine, body).await {
        Ok(body) => body,
        Err(status) => return into_response(empty_answer(status)),
    };
    #[cfg_attr(not(feature = "http-compression"), allow(unused_mut))]
    let mut answered = exchange(engine, head, body, peer).await;
    let is_refusal = answered.answer.status != 200;
    #[cfg(feature = "http-compression")]
    if !is_refusal && head.method == http::Method::GET {
        super::compression::compress(engine.config(), &head.headers, &mut answered.answer).await;
    }
    let Answered {
        answer,
        handshake,
        opens,
    } = answered;
    let mut response = into_response(answer);
    if let Some(handshake) = handshake.filter(|_| !is_refusal) {
        add_headers(engine, &handshake, opens, response.headers_mut());
    }
    response
}

/// The body; else the status that says why there is none.
async fn read<B>(engine: &Engine, body: B) -> Result<Bytes, u16>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let config = engine.config();
    // What is announced need not come first; hyper drops it with the answer.
    if body.size_hint().lower() > config.max_payload as u64 {
        return Err(413);
    }
    let limited = Limited::new(body, config.max_payload).collect();
    match tokio::time::timeout(config.request_timeout, limited).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(413),
        Ok(Err(_)) => Err(400),
        Err(_) => Err(408),
    }
}

/// Takes a request to its session and waits for the answer.
async fn exchange(engine: &Engine, head: &Parts, body: Bytes, peer: Peer) -> Answered {
    let (method, url) = (head.method.as_str(), url_of(head));
    if engine.is_closing() && engine.still_fetching(method, url).is_none() {
        return empty_answer(503).into();
    }
    let verified = match engine.verify(method, url, false) {
        Ok(verified) => verified,
        Err(refusal) => return refused(refusal).into(),
    };
    let opens = matches!(verified, Verified::Handshake(..));
    let is_wanted = opens || reception::adds_headers(engine);
    let handshake = is_wanted.then(|| handshake_of(head, peer));
    if opens && let Some(handshake) = &handshake {
        if engine.is_full_for(handshake) {
            return refused(Refusal::TooManyFromAddress).into();
        }
        if let Err(message) = reception::admit(engine, handshake).await {
            return error_answer(403, FORBIDDEN, &message).into();
        }
    }
    // It may have begun to while the application decided.
    if opens && engine.is_closing() {
        return empty_answer(503).into();
    }
    let header = |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
    let (sender, receiver) = oneshot::channel();
    let id = engine.next_request();
    let request = Request {
        request: id,
        method,
        url,
        content_type: header(header::CONTENT_TYPE),
        user_agent: header(header::USER_AGENT),
        body,
        handshake: handshake.clone().filter(|_| opens),
        sid: None,
        address: None,
    };
    let conn = engine.take_request(verified, request, Responder::Listener(sender));
    let mut pending = Pending {
        engine,
        conn,
        request: id,
    };
    let answer = receiver.await.unwrap_or_else(|_| empty_answer(503));
    pending.conn = None;
    Answered {
        answer,
        handshake,
        opens,
    }
}

/// engine.io's code for what the application refuses.
const FORBIDDEN: u8 = 4;

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

/// The handshake's cookie, then what the application adds.
fn add_headers(engine: &Engine, handshake: &Handshake, opens: bool, headers: &mut HeaderMap) {
    if let (Some(cookie), Some(sid)) = (&engine.config().cookie, handshake.sid())
        && let Ok(cookie) = HeaderValue::try_from(cookie.to_header(sid))
    {
        headers.append(header::SET_COOKIE, cookie);
    }
    headers.extend(reception::headers(engine, handshake, opens));
}

fn into_response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        let name = HeaderName::try_from(name);
        let value = HeaderValue::try_from(&*value);
        if let (Ok(name), Ok(value)) = (name, value) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
