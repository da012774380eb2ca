//! The class `Engine` that JavaScript sees. Every method is: convert, one call, convert back.

use std::collections::HashMap;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use napi::bindgen_prelude::{Buffer, BufferSlice, Either, Env, FnArgs, Function, Null, Result};
use napi::threadsafe_function::ThreadsafeFunctionCallMode::NonBlocking;
use napi::{Error, Status};
use napi_derive::napi;
use sori::Error as EngineError;
use sori::adapter::Adapter;
use sori::embed::{ConnId, NamespaceId, RequestId};
use sori::proto::websocket::deflate::{self, DeflateParams};
use sori::proto::webtransport::FirstPacket;
use sori::server::{Engine as Native, FeedId, Request, Upgrade, WebTransport};

use crate::cluster;
use crate::metrics::{self, Metrics};
use crate::names::Meanings;
use crate::operations;
use crate::options;
use crate::pipe::{Pipe, pipe};
use crate::sink::Sink;
use crate::text::{BatchText, Operations};
use crate::threads::Threads;

/// A running engine. It ends with `close()`, or when it is collected.
#[napi]
pub struct Engine {
    native: Native,
    sink: Arc<Sink>,
    thread: Arc<JavaScript>,
}

/// What only the JavaScript thread touches. Node calls methods and callbacks of one environment on
/// one thread; the lock is never contended and only tells the compiler so.
#[derive(Default)]
struct JavaScript(parking_lot::Mutex<Known>);

#[derive(Default)]
struct Known {
    meanings: Meanings,
    /// Names of connections that ended in the batch before.
    freed: Vec<u32>,
    /// Requests that wait for their answer, with the connection they belong to.
    requests: HashMap<u64, ConnId>,
    /// Upgrades that have been adopted and not yet started.
    adopted: HashMap<u64, Adopted>,
    feeds: HashMap<u64, Feed>,
}

/// What JavaScript reads and writes for the engine.
#[derive(Clone)]
enum Feed {
    /// A socket that Node keeps.
    Socket(FeedId),
    /// The stream of a WebTransport session.
    Session(Pipe),
}

struct Adopted {
    /// `None` for a byte feed.
    stream: Option<TcpStream>,
    url: String,
    head: Bytes,
    answer: Bytes,
    deflate: Option<DeflateParams>,
    /// The session's id, if JavaScript chose one.
    sid: Option<Arc<str>>,
    /// Whose it is, if addresses have limits.
    address: Option<Box<str>>,
}

impl Adopted {
    fn into_upgrade(self, request: RequestId) -> (String, Option<TcpStream>, Upgrade) {
        let upgrade = Upgrade {
            request,
            answer: self.answer,
            head: self.head,
            handshake: None,
            deflate: self.deflate,
            sid: self.sid,
            address: self.address,
        };
        (self.url, self.stream, upgrade)
    }
}

type BatchArgs = FnArgs<(BatchText, Either<BufferSlice<'static>, Null>)>;

#[napi]
impl Engine {
    /// Starts an engine, on threads of `threads`. `onBatch(json, bytes)` is called on this thread with
    /// the events.
    #[napi(constructor)]
    pub fn new(
        env: Env,
        threads: &Threads,
        options_json: String,
        on_batch: Function<'_, FnArgs<(String, Option<Buffer>)>, ()>,
    ) -> Result<Engine> {
        let config = options::parse(&options_json).map_err(|error| type_error(env, &error))?;
        let redis = cluster::adapter(&options_json).map_err(|error| type_error(env, &error))?;
        let sink = Arc::new(Sink::new(config.max_pending_events));
        let adapter = redis.as_ref().map(|redis| redis as &dyn Adapter);
        let native = threads
            .start(config, sink.clone(), adapter)
            .map_err(|error| match error {
                EngineError::Misuse(rule) => type_error(env, &rule),
                error => Error::from_reason(error.to_string()),
            })?;
        let thread = Arc::new(JavaScript::default());
        let wake = {
            let (sink, native, thread) = (sink.clone(), native.clone(), thread.clone());
            on_batch
                .build_threadsafe_function::<()>()
                .weak::<true>()
                .build_callback(move |context| thread.take(&context.env, &sink, &native))?
        };
        sink.set_wake(Box::new(move || {
            wake.call((), NonBlocking);
        }));
        Ok(Engine {
            native,
            sink,
            thread,
        })
    }

    /// The number of the namespace of that name, which is registered if it is new.
    #[napi]
    pub fn namespace(&self, name: String) -> u32 {
        let namespace = self.native.hub().register(&name);
        namespace.leave_acks_below(cluster::FIRST_RELAYED_ACK);
        namespace.id().0
    }

    /// Nothing names that namespace any more: it goes as soon as nobody is in it or may come back.
    #[napi]
    pub fn forget_namespace(&self, namespace: u32) {
        self.sink.watch_rooms(NamespaceId(namespace), false);
        self.native.hub().release(NamespaceId(namespace));
    }

    /// Whether JavaScript does itself what other servers of the cluster do to the rooms of a namespace.
    #[napi]
    pub fn watch_rooms(&self, namespace: u32, is_watched: bool) {
        self.sink.watch_rooms(NamespaceId(namespace), is_watched);
    }

    /// From now on heartbeats are told of, whatever the engine speaks.
    #[napi]
    pub fn tell_heartbeats(&self) {
        self.native.tell_heartbeats();
    }

    /// From now on polling clients are told that they can upgrade to WebTransport.
    #[napi]
    pub fn offer_webtransport(&self) {
        self.native.offer_webtransport();
    }

    /// Executes a text of operations; see `operations.rs`.
    #[napi]
    pub fn flush(&self, operations: Operations, buffers: Option<Vec<Buffer>>) {
        let known = self.thread.0.lock();
        let buffers = buffers.unwrap_or_default();
        let (engine, sink, text) = (&self.native, &self.sink, operations.text());
        operations::execute(engine, sink, &known.meanings, text, &buffers);
    }

    /// Judges a request: null, or engine.io's code and message of the refusal. `address` tells whose a
    /// handshake is, if addresses have limits.
    #[napi]
    pub fn check(
        &self,
        method: String,
        url: String,
        is_upgrade: bool,
        address: Option<String>,
    ) -> Option<Vec<Either<u32, String>>> {
        let verified = self.native.verify(&method, &url, is_upgrade);
        let verified = verified.and_then(|_| match &address {
            Some(address) => self.native.verify_address(address),
            None => Ok(()),
        });
        let refusal = verified.err()?;
        Some(vec![
            Either::A(refusal.code().into()),
            Either::B(refusal.message().to_owned()),
        ])
    }

    /// Takes a polling request; an answer record follows. Of a new session `sid` is its id, if
    /// JavaScript chose one, and `address` whose it is, if addresses have limits.
    #[napi]
    #[allow(
        clippy::too_many_arguments,
        reason = "fields of an object would cost JavaScript more than arguments"
    )]
    pub fn request(
        &self,
        id: i64,
        method: String,
        url: String,
        content_type: Option<String>,
        user_agent: Option<String>,
        body: Option<Buffer>,
        sid: Option<String>,
        address: Option<String>,
    ) {
        let request = Request {
            request: RequestId(id as u64),
            method: &method,
            url: &url,
            content_type: content_type.as_deref(),
            user_agent: user_agent.as_deref(),
            body: body.map_or_else(Bytes::new, |body| Bytes::copy_from_slice(&body)),
            // JavaScript has the request itself.
            handshake: None,
            sid: sid.map(Arc::from),
            address: address.as_deref(),
        };
        if let Some(conn) = self.native.request(request) {
            self.thread.0.lock().requests.insert(id as u64, conn);
        }
    }

    /// The client of a request is gone before its answer.
    #[napi]
    pub fn request_closed(&self, id: i64) {
        let conn = self.thread.0.lock().requests.remove(&(id as u64));
        if let Some(conn) = conn {
            self.native.request_closed(conn, RequestId(id as u64));
        }
    }

    /// What is answered to the extensions that a client offers: a header's value, or null for none.
    /// Throws if the offer has to be refused.
    #[napi]
    pub fn answer_extensions(&self, offer: String) -> Result<Option<String>> {
        let agreed = self.agree_on_deflate(Some(&offer));
        agreed.map(|params| params.map(|params| params.to_string()))
    }

    /// Prepares to take on a WebSocket. `fd` -1 means a byte feed, else the descriptor is
    /// duplicated now and not touched before `start`. False if the session is gone. `sid` and
    /// `address` are as in `request`.
    #[napi]
    #[allow(
        clippy::too_many_arguments,
        reason = "fields of an object would cost JavaScript more than arguments"
    )]
    pub fn adopt(
        &self,
        id: i64,
        fd: i32,
        url: String,
        head: Buffer,
        answer: String,
        offer: Option<String>,
        sid: Option<String>,
        address: Option<String>,
    ) -> Result<bool> {
        let deflate = self.agree_on_deflate(offer.as_deref())?;
        if self.native.verify("GET", &url, true).is_err() {
            return Ok(false);
        }
        let stream = if fd < 0 { None } else { Some(duplicate(fd)?) };
        let (head, answer) = (
            Bytes::copy_from_slice(&head),
            Bytes::from(answer.into_bytes()),
        );
        let adopted = Adopted {
            stream,
            url,
            head,
            answer,
            deflate,
            sid: sid.map(Arc::from),
            address: address.map(String::into_boxed_str),
        };
        self.thread.0.lock().adopted.insert(id as u64, adopted);
        Ok(true)
    }

    /// Begins IO on what was adopted.
    #[napi]
    pub fn start(&self, ids: Vec<i64>) {
        let adopted: Vec<_> = {
            let known = &mut self.thread.0.lock().adopted;
            let mut take = |id: i64| known.remove(&(id as u64));
            ids.into_iter()
                .filter_map(|id| Some((RequestId(id as u64), take(id)?)))
                .collect()
        };
        let upgrades = adopted.into_iter().filter_map(|(request, adopted)| {
            let (url, stream, upgrade) = adopted.into_upgrade(request);
            if let Some(stream) = stream {
                return Some((url, stream, upgrade));
            }
            let feed = self.native.attach_feed(&url, upgrade);
            let feed = Feed::Socket(feed);
            self.thread.0.lock().feeds.insert(request.0, feed);
            None
        });
        self.native.attach_all(upgrades);
    }

    /// Takes on a session of WebTransport whose stream begins with `bytes`: null if that is not yet
    /// the whole first packet, else the id of the connection that it may come to carry, or '' for a new
    /// one. Throws if no stream begins like that. `address` is as in `request`.
    #[napi]
    pub fn open_session(
        &self,
        id: i64,
        bytes: Buffer,
        address: Option<String>,
    ) -> Result<Option<String>> {
        let first = FirstPacket::decode(&bytes);
        let first = first.map_err(|error| Error::from_reason(error.to_string()))?;
        let Some((first, size)) = first else {
            return Ok(None);
        };
        let request = RequestId(id as u64);
        let head = Bytes::copy_from_slice(&bytes[size..]);
        let (pipe, stream) = pipe(request, Arc::clone(&self.sink), head);
        let feed = Feed::Session(pipe);
        self.thread.0.lock().feeds.insert(id as u64, feed);
        let session = WebTransport {
            request,
            stream,
            // JavaScript has the session itself.
            handshake: None,
            address: address.map(String::into_boxed_str),
        };
        self.native.attach_webtransport(&first, session);
        Ok(Some(match first {
            FirstPacket::Open => String::new(),
            FirstPacket::Upgrade { sid } => sid.into(),
        }))
    }

    /// Bytes of a feed's peer.
    #[napi]
    pub fn feed(&self, id: i64, bytes: Buffer) {
        let bytes = Bytes::copy_from_slice(&bytes);
        match self.feed_of(id) {
            Some(Feed::Socket(feed)) => self.native.feed(feed, bytes),
            Some(Feed::Session(pipe)) => pipe.feed(bytes),
            None => {}
        }
    }

    /// Bytes of a feed have been written to its peer.
    #[napi]
    pub fn feed_written(&self, id: i64, bytes: u32) {
        match self.feed_of(id) {
            Some(Feed::Socket(feed)) => self.native.feed_written(feed, bytes as usize),
            Some(Feed::Session(pipe)) => pipe.written(bytes as usize),
            None => {}
        }
    }

    /// A feed's socket, or session, is closed.
    #[napi]
    pub fn feed_closed(&self, id: i64, _error: Option<String>) {
        let feed = self.thread.0.lock().feeds.remove(&(id as u64));
        match feed {
            Some(Feed::Socket(feed)) => self.native.feed_closed(feed),
            Some(Feed::Session(pipe)) => pipe.close(),
            None => {}
        }
    }

    /// The rooms of a connection's socket.
    #[napi]
    pub fn rooms(&self, conn: u32, namespace: u32) -> Vec<String> {
        let rooms = self.sink.parting_rooms(conn, namespace).or_else(|| {
            let conn = self.thread.0.lock().meanings.of(conn)?;
            let namespace = self.native.hub().namespace(NamespaceId(namespace))?;
            Some(namespace.rooms_of(conn))
        });
        rooms
            .unwrap_or_default()
            .iter()
            .map(|room| room.to_string())
            .collect()
    }

    /// Every room of a namespace that somebody joined: `[name, [sid, …]]`.
    #[napi]
    pub fn all_rooms(&self, namespace: u32) -> Vec<Vec<Either<String, Vec<String>>>> {
        let Some(namespace) = self.native.hub().namespace(NamespaceId(namespace)) else {
            return Vec::new();
        };
        let rooms = namespace.rooms().into_iter().map(|(room, sids)| {
            let sids = sids.iter().map(|sid| sid.to_string()).collect();
            vec![Either::A(room.to_string()), Either::B(sids)]
        });
        rooms.collect()
    }

    /// How many sockets are in a room.
    #[napi]
    pub fn room_size(&self, namespace: u32, room: String) -> u32 {
        let namespace = self.native.hub().namespace(NamespaceId(namespace));
        namespace.map_or(0, |namespace| namespace.room_size(&room) as u32)
    }

    /// The connections with a socket in any of `rooms` ('' means all) and in none of `except`;
    /// both are JSON arrays of strings.
    #[napi]
    pub fn select(&self, namespace: u32, rooms: String, except: String) -> Result<Vec<u32>> {
        let Some(namespace) = self.native.hub().namespace(NamespaceId(namespace)) else {
            return Ok(Vec::new());
        };
        let (rooms, except) = (strings(&rooms)?, strings(&except)?);
        let found = namespace.select(&rooms, &except).connections();
        Ok(found
            .into_iter()
            .filter_map(|conn| self.sink.name_of(conn))
            .collect())
    }

    /// Closes every connection and ends the engine's threads. With a time in milliseconds, what is
    /// queued leaves first, for as long as that at most; a record tells of the end.
    #[napi]
    pub fn close(&self, within: Option<u32>) {
        match within {
            None => self.native.close(),
            Some(milliseconds) => {
                let time = Duration::from_millis(milliseconds.into());
                self.native.close_within(time);
            }
        }
    }

    /// The engine's counters at this moment.
    #[napi]
    pub fn metrics(&self) -> Metrics {
        self.native.metrics().into()
    }

    /// The same as Prometheus reads them, with labels.
    #[napi]
    pub fn prometheus(&self, labels: Vec<String>) -> String {
        metrics::prometheus(&self.native.metrics(), &labels)
    }

    /// The counters of an engine that has not been started.
    #[napi]
    pub fn idle_metrics() -> Metrics {
        Default::default()
    }

    /// The same as Prometheus reads them, with labels.
    #[napi]
    pub fn idle_prometheus(labels: Vec<String>) -> String {
        metrics::prometheus(&Default::default(), &labels)
    }

    /// What comes of a client's offer; nothing if the engine does not compress.
    fn agree_on_deflate(&self, offer: Option<&str>) -> Result<Option<DeflateParams>> {
        match (offer, &self.native.config().per_message_deflate) {
            (Some(offer), Some(options)) => deflate::negotiate(offer, options)
                .map_err(|error| Error::from_reason(error.to_string())),
            _ => Ok(None),
        }
    }

    fn feed_of(&self, id: i64) -> Option<Feed> {
        self.thread.0.lock().feeds.get(&(id as u64)).cloned()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.native.close();
    }
}

impl JavaScript {
    /// Everything that has gathered, as the callback's arguments.
    fn take(&self, env: &Env, sink: &Sink, native: &Native) -> Result<BatchArgs> {
        let mut known = self.0.lock();
        let freed = std::mem::take(&mut known.freed);
        let mut batch = sink.take(native, &freed);
        for (name, conn) in batch.opened {
            known.meanings.set(name, conn);
        }
        for request in &batch.answered {
            known.requests.remove(request);
        }
        known.freed = batch.closed;
        if batch.text.is_empty() {
            batch.text.push(b'[');
        }
        batch.text.push(b']');
        let bytes = if batch.bytes.is_empty() {
            Either::B(Null)
        } else {
            Either::A(BufferSlice::from_data(env, batch.bytes)?)
        };
        Ok(FnArgs::from((BatchText(batch.text), bytes)))
    }
}

fn strings(json: &str) -> Result<Vec<String>> {
    if json.is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_str(json).map_err(|error| Error::from_reason(error.to_string()))
}

/// Throws a TypeError with that message.
pub(crate) fn type_error(env: Env, message: &str) -> Error {
    match env.throw_type_error(message, None) {
        Ok(()) => Error::new(Status::PendingException, message),
        Err(error) => error,
    }
}

#[cfg(unix)]
pub(crate) fn duplicate(fd: i32) -> Result<TcpStream> {
    use std::os::fd::BorrowedFd;
    // SAFETY: JavaScript passes the descriptor of a socket that Node holds open, and Node's one
    // thread, which could close it, is in this call.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    let owned = borrowed.try_clone_to_owned();
    let owned = owned.map_err(|error| {
        Error::from_reason(format!(
            "cannot take over a connection's descriptor: {error}"
        ))
    })?;
    Ok(TcpStream::from(owned))
}

#[cfg(not(unix))]
pub(crate) fn duplicate(_fd: i32) -> Result<TcpStream> {
    Err(Error::from_reason(
        "this system has no descriptors to take over",
    ))
}
