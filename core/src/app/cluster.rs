//! The other servers of a cluster: their sockets, and events between servers.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use super::answers::{Answers, Recipient, gathered};
use super::broadcast::{Broadcast, Rooms};
use super::decode::{self, Arguments};
use super::encode::Encoded;
use super::error::{AckError, ArgumentError};
use super::namespace::{Namespace, NamespaceState};
use super::outcome::guard;
use crate::embed::{AckRequest, BroadcastAck, Command, ServerTicket, SocketDetails};
use crate::error::Error;
use crate::server::Engine;

/// A handler of events between servers.
pub(super) type ServerHandler = dyn Fn(ServerMessage) + Send + Sync;

/// By event, in the order of their registration.
pub(super) type ServerHandlers = HashMap<Box<str>, Arc<[Arc<ServerHandler>]>>;

/// What the engine was asked about the cluster.
#[derive(Debug)]
pub(super) enum ClusterAnswer {
    Sockets {
        sockets: Vec<SocketDetails>,
        timed_out: bool,
    },
    Servers(Option<usize>),
}

/// The other servers of the cluster.
impl Namespace {
    /// Sends an event to the other servers: to the handlers that
    /// [`Namespace::on_server_side_emit`] registered there. Servers alone receive it, no clients.
    /// Without a cluster nobody does.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a reserved name, and for arguments that cannot be JSON.
    ///
    /// # Examples
    /// ```no_run
    /// # fn example(server: &sori::Server) -> sori::Result {
    /// let chat = server.of("/chat");
    /// chat.on_server_side_emit("muted", |message| {
    ///     if let Ok((name,)) = message.arguments::<(String,)>() {
    ///         println!("{name} is muted on all servers");
    ///     }
    /// });
    /// chat.server_side_emit("muted", "ada")
    /// # }
    /// ```
    pub fn server_side_emit(&self, event: &str, arguments: impl Serialize) -> Result<(), Error> {
        let event = Encoded::event(event, &arguments)?;
        self.engine().execute(Command::ServerSideEmit {
            namespace: self.state().id(),
            payload: event.payload(),
            ack: None,
        });
        Ok(())
    }

    /// Sends an event to the other servers, when the result is awaited, and gathers what they
    /// answer.
    pub fn server_side_emit_with_ack<R>(
        &self,
        event: &str,
        arguments: impl Serialize,
    ) -> PendingServerAnswers<R> {
        PendingServerAnswers {
            event: Encoded::event(event, &arguments),
            namespace: self.clone(),
            timeout: None,
            answer: PhantomData,
        }
    }

    /// Calls `handler` for every event of that name that another server sends. It runs on the thread
    /// of the cluster's bus, in the order in which events come, and must not block; it may keep the
    /// message and answer later, from anywhere. One that panics is passed over.
    pub fn on_server_side_emit(
        &self,
        event: &str,
        handler: impl Fn(ServerMessage) + Send + Sync + 'static,
    ) {
        let mut handlers = self.state().server_handlers.write();
        let before = handlers.get(event).into_iter().flat_map(|list| list.iter());
        let handler: Arc<ServerHandler> = Arc::new(handler);
        let list = before.cloned().chain([handler]).collect();
        handlers.insert(event.into(), list);
    }

    /// How many servers the cluster has, this one included: 1 without a cluster.
    ///
    /// # Errors
    /// [`Error::Closed`] if the server closes meanwhile; [`Error::Io`] if the bus could not tell in
    /// time.
    pub async fn server_count(&self) -> Result<usize, Error> {
        let namespace = self.state().id();
        let asked = self.ask(|ask| Command::CountServers { namespace, ask });
        match asked.await {
            Some(ClusterAnswer::Servers(Some(servers))) => Ok(servers),
            Some(_) => Err(Error::Io(
                "counting the servers".to_owned(),
                std::io::ErrorKind::TimedOut.into(),
            )),
            None => Err(Error::Closed),
        }
    }

    /// The sockets of all servers; see [`Broadcast::fetch_sockets`].
    ///
    /// # Errors
    /// [`Error::Closed`] if the server closes meanwhile.
    pub async fn fetch_sockets(&self) -> Result<Fetched, Error> {
        self.all().fetch_sockets().await
    }

    fn ask<'a>(&self, command: impl FnOnce(AckRequest) -> Command<'a>) -> Asking {
        Asking::begin(self.engine(), self.state(), command)
    }
}

/// The wait for what the engine was asked about the cluster. Dropped, the answer is ignored when it
/// comes.
struct Asking {
    namespace: Arc<NamespaceState>,
    id: u64,
    receiver: oneshot::Receiver<ClusterAnswer>,
}

impl Asking {
    fn begin<'a>(
        engine: &Engine,
        namespace: &Arc<NamespaceState>,
        command: impl FnOnce(AckRequest) -> Command<'a>,
    ) -> Asking {
        let id = namespace.hub().next_ack();
        let (sender, receiver) = oneshot::channel();
        if namespace.asking.expect(id, sender) {
            engine.execute(command(AckRequest::new(id, None)));
        }
        Asking {
            namespace: Arc::clone(namespace),
            id,
            receiver,
        }
    }
}

impl Future for Asking {
    /// `None` if the server closed meanwhile.
    type Output = Option<ClusterAnswer>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.receiver).poll(cx).map(Result::ok)
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.namespace.asking.take(self.id);
    }
}

/// The sockets of all servers.
impl Broadcast {
    /// The sockets of all servers of the cluster, as their servers describe them. A server that has
    /// not answered in time is left out, and said to be.
    ///
    /// # Errors
    /// [`Error::Closed`] if the server closes meanwhile.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(server: sori::Server) -> sori::Result {
    /// for socket in server.to("red").fetch_sockets().await?.sockets {
    ///     socket.emit("found you", ())?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn fetch_sockets(self) -> Result<Fetched, Error> {
        let mut answer = None;
        self.with_audience(|namespace, audience| {
            let command = |ask| Command::FetchSockets {
                namespace,
                audience,
                ask,
            };
            answer = Some(Asking::begin(
                self.engine(),
                self.namespace_state(),
                command,
            ));
        });
        let Some(answer) = answer else {
            return Ok(Fetched::default());
        };
        let Some(ClusterAnswer::Sockets { sockets, timed_out }) = answer.await else {
            return Err(Error::Closed);
        };
        let everybody = self.to_everybody();
        let sockets = sockets.into_iter().map(|details| RemoteSocket {
            address: everybody.clone().to(&*details.id),
            details: Arc::new(details),
        });
        Ok(Fetched {
            sockets: sockets.collect(),
            timed_out,
        })
    }
}

/// Sockets of all servers.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Fetched {
    /// The sockets, those of this server first.
    pub sockets: Vec<RemoteSocket>,
    /// Whether a server had not answered when the time was up.
    pub timed_out: bool,
}

/// A socket of any server of the cluster, as it was when it was asked for. What it is told reaches it
/// wherever it is, as long as it is in the room of its own id.
#[derive(Clone, Debug)]
pub struct RemoteSocket {
    details: Arc<SocketDetails>,
    address: Broadcast,
}

impl RemoteSocket {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.details.id
    }

    /// The rooms it was in.
    pub fn rooms(&self) -> impl Iterator<Item = &str> {
        self.details.rooms.iter().map(|room| &**room)
    }

    /// The request that opened its connection, in the shape of socket.io's `socket.handshake`:
    /// `headers`, `query`, `auth`, `address`, `url` and others.
    ///
    /// # Errors
    /// It is not a `T`.
    pub fn handshake<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.details.handshake)
    }

    /// What its application keeps with it for all to see: a Sori server by
    /// [`Socket::set_recovery_data`](crate::Socket::set_recovery_data), socket.io as `socket.data`.
    ///
    /// # Errors
    /// It is not a `T`.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, ArgumentError> {
        let array = format!("[{}]", self.details.data.json);
        decode::answer(&array, &self.details.data.attachments)
    }

    /// Addresses it, as the one member of a room.
    pub fn address(&self) -> Broadcast {
        self.address.clone()
    }

    /// Sends it an event; see [`Broadcast::emit`].
    ///
    /// # Errors
    /// As [`Broadcast::emit`].
    pub fn emit(&self, event: &str, arguments: impl Serialize) -> Result<(), Error> {
        self.address().emit(event, arguments)
    }

    /// Puts it into `rooms`.
    pub fn join(&self, rooms: impl Rooms) {
        self.address().join(rooms);
    }

    /// Takes it out of `rooms`.
    pub fn leave(&self, rooms: impl Rooms) {
        self.address().leave(rooms);
    }

    /// Takes it out of the namespace.
    pub fn disconnect(&self) {
        self.address().disconnect();
    }

    /// Closes its connection.
    pub fn close(&self) {
        self.address().close();
    }
}

/// An event that another server sent. Clones are the same one.
#[derive(Clone)]
pub struct ServerMessage {
    engine: Engine,
    data: Arc<str>,
    attachments: Arc<[Bytes]>,
    waiting: Option<Arc<Waiting>>,
}

struct Waiting {
    ticket: ServerTicket,
    is_answered: AtomicBool,
}

impl ServerMessage {
    /// The event as it came: the JSON text of an array, the name first. Binary stands as
    /// `{"_placeholder":true,"num":0}`.
    pub fn json(&self) -> &str {
        &self.data
    }

    /// What the placeholders stand for.
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// The arguments as a tuple, for example `message.arguments::<(String, u32)>()`.
    ///
    /// # Errors
    /// The first argument that is not what the tuple takes.
    pub fn arguments<T: Arguments>(&self) -> Result<T, ArgumentError> {
        decode::event_arguments(&self.data, &self.attachments)
    }

    /// Whether the other server waits for an answer, which nobody has given yet.
    pub fn wants_answer(&self) -> bool {
        let waiting = self.waiting.as_ref();
        waiting.is_some_and(|waiting| !waiting.is_answered.load(Ordering::Acquire))
    }

    /// Answers it. The first answer counts; without somebody who waits for one it does nothing.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the answer cannot be JSON.
    pub fn answer(&self, answer: impl Serialize) -> Result<(), Error> {
        let answer = Encoded::answer(&answer)?;
        if let Some(waiting) = &self.waiting
            && !waiting.is_answered.swap(true, Ordering::AcqRel)
        {
            self.engine.execute(Command::AnswerServer {
                ticket: &waiting.ticket,
                payload: answer.payload(),
            });
        }
        Ok(())
    }
}

impl fmt::Debug for ServerMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerMessage")
            .field("json", &self.data)
            .finish_non_exhaustive()
    }
}

impl NamespaceState {
    /// Gives an event of another server to its handlers.
    pub(super) fn hear_server(
        &self,
        engine: &Engine,
        ticket: Option<ServerTicket>,
        data: &str,
        attachments: Vec<Bytes>,
    ) {
        let name = decode::event_name(data);
        let known = name.and_then(|name| self.server_handlers.read().get(&*name).cloned());
        let Some(handlers) = known else {
            return;
        };
        let message = ServerMessage {
            engine: engine.clone(),
            data: data.into(),
            attachments: attachments.into(),
            waiting: ticket.map(|ticket| {
                Arc::new(Waiting {
                    ticket,
                    is_answered: AtomicBool::new(false),
                })
            }),
        };
        for handler in handlers.iter() {
            // The panic hook has been told of it.
            let _ = guard(|| handler(message.clone()));
        }
    }
}

/// An event for the other servers that is sent when this is awaited, and then waits for their
/// answers: the first argument of each.
#[derive(Debug)]
#[must_use = "the event is sent when this is awaited"]
pub struct PendingServerAnswers<R> {
    namespace: Namespace,
    event: Result<Encoded, Error>,
    timeout: Option<Duration>,
    answer: PhantomData<fn() -> R>,
}

impl<R> PendingServerAnswers<R> {
    /// How long to wait for the last answer. Default: as the cluster's settings say, 5 s.
    pub fn timeout(mut self, timeout: Duration) -> PendingServerAnswers<R> {
        self.timeout = Some(timeout);
        self
    }
}

impl<R: DeserializeOwned> IntoFuture for PendingServerAnswers<R> {
    type Output = Result<Answers<R>, AckError>;
    type IntoFuture = ServerAnswersFuture<R>;

    /// Sends the event.
    fn into_future(self) -> ServerAnswersFuture<R> {
        let PendingServerAnswers {
            namespace,
            event,
            timeout,
            ..
        } = self;
        let state = Arc::clone(namespace.state());
        let id = state.hub().next_ack();
        let (sender, receiver) = oneshot::channel();
        let mut failed = None;
        match event {
            Err(error) => failed = Some(error),
            Ok(event) => {
                if state.waiting.expect(id, Recipient::ForAll(sender)) {
                    namespace.engine().execute(Command::ServerSideEmit {
                        namespace: state.id(),
                        payload: event.payload(),
                        ack: Some(AckRequest::new(id, timeout)),
                    });
                }
            }
        }
        ServerAnswersFuture {
            state,
            id,
            receiver,
            failed,
            answer: PhantomData,
        }
    }
}

/// The wait for the other servers' answers. Dropped, the answers are ignored when they come.
pub struct ServerAnswersFuture<R> {
    state: Arc<NamespaceState>,
    id: u64,
    receiver: oneshot::Receiver<BroadcastAck>,
    failed: Option<Error>,
    answer: PhantomData<fn() -> R>,
}

impl<R: DeserializeOwned> Future for ServerAnswersFuture<R> {
    /// [`AckError::Disconnected`] if the server closed meanwhile.
    type Output = Result<Answers<R>, AckError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(AckError::Emit(error)));
        }
        Pin::new(&mut self.receiver).poll(cx).map(gathered)
    }
}

impl<R> Drop for ServerAnswersFuture<R> {
    fn drop(&mut self) {
        self.state.waiting.take(self.id);
    }
}

impl<R> fmt::Debug for ServerAnswersFuture<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerAnswersFuture")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
