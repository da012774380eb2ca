//! A WebSocket over which messages go out in batches and come in one by one, by tungstenite.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::Request;
use http::header::{
    CONNECTION, HOST, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Utf8Bytes, error::ProtocolError};

use super::stream::{Dialer, Stream};

/// A WebSocket to a server.
pub(crate) type Socket = WebSocketStream<Box<dyn Stream>>;

/// What tungstenite sends and receives.
pub(crate) use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

/// Opens a WebSocket at `target`, a path with its query. Gives the subprotocol that the server chose.
///
/// # Errors
/// Texts for people.
pub(crate) async fn open(
    dialer: &Arc<Dialer>,
    target: &str,
    protocols: &[String],
    max_payload: usize,
) -> Result<(Socket, Option<String>), String> {
    let endpoint = dialer.endpoint();
    let mut request = Request::builder()
        .uri(format!("ws://{}{target}", endpoint.authority))
        .header(HOST, &*endpoint.authority)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, generate_key());
    if !protocols.is_empty() {
        request = request.header(SEC_WEBSOCKET_PROTOCOL, protocols.join(", "));
    }
    if let Some(headers) = request.headers_mut() {
        for (name, value) in &endpoint.headers {
            headers.insert(name, value.clone());
        }
    }
    let request = request
        .body(())
        .map_err(|error| format!("WebSocket: {error}"))?;
    let stream = dialer.dial().await?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(max_payload))
        .max_frame_size(Some(max_payload));
    let opened = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
    match opened {
        Ok((socket, answer)) => {
            let protocol = answer.headers().get(SEC_WEBSOCKET_PROTOCOL);
            let protocol = protocol.and_then(|protocol| protocol.to_str().ok());
            Ok((socket, protocol.map(str::to_owned)))
        }
        Err(WsError::Http(answer)) => {
            let body = answer.body().as_deref().unwrap_or_default();
            let text = String::from_utf8_lossy(&body[..body.len().min(200)]);
            let refusal = format!("WebSocket: the server answered {} {text}", answer.status());
            Err(refusal.trim_end().to_owned())
        }
        Err(error) => Err(format!("WebSocket: {error}")),
    }
}

/// What came over a WebSocket.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message.
    Binary(Bytes),
    /// Ping, pong.
    Control(Message),
    /// The server closed it. The last one.
    Closed {
        /// Of the close frame; 1005 if that has none, 1006 if there was none (RFC 6455 §7.1.5).
        code: u16,
        /// Of the close frame.
        reason: String,
    },
    /// It failed. The last one.
    Failed(String),
}

impl Incoming {
    /// Whether nothing comes behind it.
    pub(crate) fn is_last(&self) -> bool {
        matches!(self, Incoming::Closed { .. } | Incoming::Failed(_))
    }
}

/// Reads and writes until the server closes, or `outgoing` ends: then it says goodbye and waits
/// a little for the server to do so. `incoming` is told of all that comes, `written` of each batch
/// that is out. Reading and writing do not wait for each other.
pub(crate) async fn run<I, IF, W, WF>(
    socket: Socket,
    mut outgoing: tokio::sync::mpsc::Receiver<Vec<Message>>,
    mut incoming: I,
    mut written: W,
) where
    I: FnMut(Incoming) -> IF,
    IF: Future<Output = ()>,
    W: FnMut() -> WF,
    WF: Future<Output = ()>,
{
    let (mut sink, mut stream) = socket.split();
    let read = async {
        let (mut code, mut reason) = (1006, String::new());
        loop {
            let came = match stream.next().await {
                Some(Ok(Message::Text(text))) => Incoming::Text(text),
                Some(Ok(Message::Binary(bytes))) => Incoming::Binary(bytes),
                Some(Ok(Message::Close(frame))) => {
                    (code, reason) = match frame {
                        Some(frame) => (frame.code.into(), frame.reason.as_str().to_owned()),
                        None => (1005, String::new()),
                    };
                    continue;
                }
                Some(Ok(control)) => Incoming::Control(control),
                Some(Err(error)) if !is_end(&error) => {
                    Incoming::Failed(format!("WebSocket: {error}"))
                }
                Some(Err(_)) | None => Incoming::Closed {
                    code,
                    reason: std::mem::take(&mut reason),
                },
            };
            let is_last = came.is_last();
            incoming(came).await;
            if is_last {
                return;
            }
        }
    };
    let write = async {
        while let Some(batch) = outgoing.recv().await {
            if write_batch(&mut sink, batch).await.is_err() {
                // Why, the reader tells.
                std::future::pending::<()>().await;
            }
            written().await;
        }
        let goodbye = async {
            let _ = sink.close().await;
            std::future::pending::<()>().await;
        };
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    };
    tokio::select! {
        () = read => {}
        () = write => {}
    }
}

async fn write_batch(
    sink: &mut futures_util::stream::SplitSink<Socket, Message>,
    batch: Vec<Message>,
) -> Result<(), WsError> {
    for message in batch {
        sink.feed(message).await?;
    }
    sink.flush().await
}

/// Whether the server went, rather than broke a rule.
fn is_end(error: &WsError) -> bool {
    match error {
        WsError::ConnectionClosed
        | WsError::AlreadyClosed
        | WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => true,
        WsError::Io(error) => matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof
        ),
        _ => false,
    }
}

/// A device has little memory, and events are small.
const READ_BUFFER: usize = 16 * 1024;

/// How long the server is given to close, once we have.
const GOODBYE: Duration = Duration::from_secs(2);
