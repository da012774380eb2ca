//! A client asks to join a namespace: the checks it passes, and its way in or out.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::dynamic;
use super::error::HandlerError;
use super::lane::{self, Job};
use super::outcome::{Async, Plain, guard};
use super::registered::Snapshot;
use super::router::Router;
use super::socket::{Identity, Socket};
use crate::embed::{Command, ConnId, Handshake, SocketRef};
use crate::server::Engine;

/// A client that asks to join a namespace: what a check decides by.
#[derive(Clone, Debug)]
pub struct ConnectRequest {
    socket: Socket,
}

impl ConnectRequest {
    /// The id that the socket is to have.
    pub fn id(&self) -> &str {
        self.socket.id()
    }

    /// The namespace asked for.
    pub fn namespace(&self) -> &str {
        self.socket.namespace_name()
    }

    /// What the client gave as `auth`; see [`Socket::auth`].
    ///
    /// # Errors
    /// The client's `auth` is not a `T`.
    pub fn auth<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        self.socket.auth()
    }

    /// The HTTP request that opened its connection; see [`Socket::handshake`].
    pub fn handshake(&self) -> &Handshake {
        self.socket.handshake()
    }

    /// Whether it is a socket that comes back; see [`Socket::is_recovered`].
    pub fn is_recovered(&self) -> bool {
        self.socket.is_recovered()
    }

    /// Keeps `value` for the socket that this becomes; see [`Socket::set_data`].
    pub fn set_data<T: Any + Send + Sync>(&self, value: T) {
        self.socket.set_data(value);
    }

    /// What was kept under that type; see [`Socket::data`].
    pub fn data<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.socket.data()
    }

    /// The value of that type that the server was built with; see [`Socket::state`].
    pub fn state<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.socket.state()
    }
}

/// Why a client may not join. It arrives there as `connect_error`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConnectError {
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<serde_json::Value>,
}

impl ConnectError {
    /// A refusal with the message that the client is given.
    pub fn new(message: impl Into<String>) -> ConnectError {
        ConnectError {
            message: message.into(),
            data: None,
        }
    }

    /// More about it, for the client's program; `error.data` there.
    #[must_use]
    pub fn data(mut self, data: impl Into<serde_json::Value>) -> ConnectError {
        self.data = Some(data.into());
        self
    }

    fn to_json(&self) -> String {
        // A text and a JSON value are always JSON.
        serde_json::to_string(self).unwrap_or_else(|_| r#"{"message":"refused"}"#.to_owned())
    }
}

impl std::fmt::Display for ConnectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConnectError {}

/// What a check may return: `Result<(), ConnectError>`, or a future of it. `K` tells the two apart
/// and is inferred.
pub trait Verdict<K> {
    #[doc(hidden)]
    fn into_checked(self) -> Checked;
}

type Deciding = Pin<Box<dyn Future<Output = Result<(), ConnectError>>>>;

/// How far a check has come.
pub enum Checked {
    /// It has decided.
    Done(Result<(), ConnectError>),
    /// It goes on.
    Later(Pin<Box<dyn Future<Output = Result<(), ConnectError>>>>),
}

impl std::fmt::Debug for Checked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Checked::Done(_) => "Done",
            Checked::Later(_) => "Later",
        })
    }
}

impl Verdict<Plain> for Result<(), ConnectError> {
    fn into_checked(self) -> Checked {
        Checked::Done(self)
    }
}

impl<F> Verdict<Async> for F
where
    F: Future<Output = Result<(), ConnectError>> + 'static,
{
    fn into_checked(self) -> Checked {
        Checked::Later(Box::pin(self))
    }
}

/// A check whose types are forgotten.
pub(super) type Check = dyn Fn(ConnectRequest) -> Checked + Send + Sync;

/// What a client asks with.
#[derive(Debug)]
pub(super) struct Asking<'a> {
    pub(super) conn: ConnId,
    pub(super) namespace: &'a str,
    pub(super) sid: Arc<str>,
    pub(super) auth: Option<&'a str>,
    pub(super) is_recovered: bool,
    /// What was kept for it, wherever it was lost.
    pub(super) kept: Option<Arc<str>>,
}

/// Begins to decide about a client. Called on its shard.
pub(super) fn begin(router: &Arc<Router>, engine: &Engine, asking: Asking<'_>) {
    let known = router.namespace_named(engine, asking.namespace);
    let made = || dynamic::make(router, engine, asking.namespace);
    let Some(namespace) = known.or_else(made) else {
        engine.execute(Command::Refuse {
            conn: asking.conn,
            namespace: asking.namespace,
            error: r#"{"message":"Invalid namespace"}"#,
        });
        return;
    };
    let reference = SocketRef {
        conn: asking.conn,
        namespace: namespace.id(),
    };
    if asking.is_recovered
        && let Some(store) = namespace.hub().recovery()
    {
        store.lock().claim_elsewhere(asking.conn, asking.kept);
    }
    let checks = namespace.checks.all();
    let handshake = router.seats().handshake_of(asking.conn);
    let socket = Socket::new(
        engine,
        router,
        namespace,
        Identity {
            reference,
            sid: asking.sid,
            auth: asking.auth.map(Into::into),
            is_recovered: asking.is_recovered,
            handshake: handshake.unwrap_or_else(Socket::unknown_handshake),
        },
    );
    for at in 0..checks.len() {
        match start_check(&checks[at], &socket) {
            Ok(Checked::Done(Ok(()))) => {}
            Ok(Checked::Done(Err(refusal))) => return refuse(&socket, &refusal),
            Ok(Checked::Later(deciding)) => {
                let deadline = engine.config().connect_timeout;
                let rest = go_on(socket.clone(), deciding, checks, at + 1);
                let waiting = tokio::task::spawn_local(async move {
                    match tokio::time::timeout(deadline, rest).await {
                        Ok(Ok(())) => admit(&socket),
                        Ok(Err(refusal)) => refuse(&socket, &refusal),
                        Err(_) => refuse(&socket, &ConnectError::new("timeout")),
                    }
                });
                router.seats().wait(reference.conn, waiting.abort_handle());
                return;
            }
            Err(error) => return refuse_broken(&socket, &error),
        }
    }
    admit(&socket);
}

/// The checks from the first that took its time.
async fn go_on(
    socket: Socket,
    mut deciding: Deciding,
    checks: Snapshot<Check>,
    next: usize,
) -> Result<(), ConnectError> {
    guarded(&socket, &mut deciding).await?;
    for check in &checks[next..] {
        match start_check(check, &socket) {
            Ok(Checked::Done(decided)) => decided?,
            Ok(Checked::Later(mut deciding)) => guarded(&socket, &mut deciding).await?,
            Err(error) => return Err(broken(&socket, &error)),
        }
    }
    Ok(())
}

async fn guarded(socket: &Socket, deciding: &mut Deciding) -> Result<(), ConnectError> {
    let polled = std::future::poll_fn(|cx| match guard(|| deciding.as_mut().poll(cx)) {
        Ok(polled) => polled.map(Ok),
        Err(error) => std::task::Poll::Ready(Err(error)),
    });
    polled
        .await
        .unwrap_or_else(|error| Err(broken(socket, &error)))
}

fn start_check(check: &Arc<Check>, socket: &Socket) -> Result<Checked, HandlerError> {
    let request = ConnectRequest {
        socket: socket.clone(),
    };
    guard(|| check(request))
}

/// A check that panicked lets nobody in.
fn broken(socket: &Socket, error: &HandlerError) -> ConnectError {
    socket.router().report(socket, "connect", error);
    ConnectError::new("internal error")
}

fn refuse_broken(socket: &Socket, error: &HandlerError) {
    let refusal = broken(socket, error);
    refuse(socket, &refusal);
}

fn refuse(socket: &Socket, refusal: &ConnectError) {
    socket.engine().execute(Command::Refuse {
        conn: socket.reference().conn,
        namespace: socket.namespace_name(),
        error: &refusal.to_json(),
    });
}

fn admit(socket: &Socket) {
    // The connection may have ended while its checks went on.
    if !socket.router().seats().insert(socket) {
        return;
    }
    socket.engine().execute(Command::Accept {
        socket: socket.reference(),
        sid: socket.sid(),
    });
    lane::deliver(socket, Job::Connect);
}
