//! HTTP long polling: one exchange after another over a kept connection.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::task::AbortHandle;

use super::stream::Dialer;

/// One HTTP connection to the server, opened when it is needed and again when the server has
/// closed it. A client has two: a GET waits while a POST goes.
#[derive(Debug)]
pub(crate) struct Exchanges {
    dialer: Arc<Dialer>,
    most: usize,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    sender: SendRequest<Full<Bytes>>,
    task: AbortHandle,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Exchanges {
    /// Answers of more than `most` bytes are refused.
    pub(crate) fn new(dialer: Arc<Dialer>, most: usize) -> Exchanges {
        Exchanges {
            dialer,
            most,
            open: None,
        }
    }

    /// Asks for `target`, a path with its query: a GET, or a POST if there is a body. Gives the
    /// body of the answer, which is 200.
    ///
    /// # Errors
    /// Texts for people.
    pub(crate) async fn exchange(
        &mut self,
        target: &str,
        body: Option<Bytes>,
    ) -> Result<Bytes, String> {
        let request = self.request(target, body)?;
        let sender = self.sender().await?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(|error| format!("HTTP: {error}"))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), self.most)
            .collect()
            .await
            .map_err(|error| format!("HTTP: {error}"))?
            .to_bytes();
        if status != StatusCode::OK {
            return Err(refusal(status, &body));
        }
        Ok(body)
    }

    fn request(&self, target: &str, body: Option<Bytes>) -> Result<Request<Full<Bytes>>, String> {
        let endpoint = self.dialer.endpoint();
        let mut request = Request::builder()
            .uri(target)
            .header(HOST, &*endpoint.authority)
            .header(ACCEPT, "*/*");
        if let Some(headers) = request.headers_mut() {
            for (name, value) in &endpoint.headers {
                headers.insert(name, value.clone());
            }
        }
        let request = match body {
            None => request.method(Method::GET).body(Full::default()),
            Some(body) => request
                .method(Method::POST)
                .header(CONTENT_TYPE, "text/plain;charset=UTF-8")
                .body(Full::new(body)),
        };
        request.map_err(|error| format!("HTTP: {error}"))
    }

    /// The sender of a connection that takes a request.
    async fn sender(&mut self) -> Result<&mut SendRequest<Full<Bytes>>, String> {
        let is_ready = match &mut self.open {
            Some(open) => open.sender.ready().await.is_ok(),
            None => false,
        };
        if !is_ready {
            self.open = None;
            let stream = self.dialer.dial().await?;
            let (sender, connection) = handshake(TokioIo::new(stream))
                .await
                .map_err(|error| format!("HTTP: {error}"))?;
            // How it ends, the exchanges over it notice.
            let task = tokio::spawn(async { drop(connection.await) }).abort_handle();
            self.open = Some(Open { sender, task });
        }
        match &mut self.open {
            Some(open) => Ok(&mut open.sender),
            None => Err("HTTP: no connection".to_owned()),
        }
    }
}

fn refusal(status: StatusCode, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(MOST_QUOTED)]);
    format!("HTTP: the server answered {status} {text}")
        .trim_end()
        .to_owned()
}

/// As much of a refusal as people read.
const MOST_QUOTED: usize = 200;
