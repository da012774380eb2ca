//! The class `WebSocketEngine` that JavaScript sees. Every method is: convert, one call, convert
//! back.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use napi::bindgen_prelude::{Buffer, Env, Function, Result, Uint8Array};
use napi::threadsafe_function::ThreadsafeFunctionCallMode::NonBlocking;
use napi_derive::napi;
use parking_lot::Mutex;
use sori::Config;
use sori::config::WebSocketSettings;
use sori::embed::{NamespaceId, RequestId};
use sori::proto::websocket::Role;
use sori::server::{Engine as Native, FeedId, WebSocketUpgrade};

use super::orders::{self, Order};
use super::records::Records;
use super::settings;
use super::sink::{Gathered, Sink};
use super::sockets::{Ends, Place, Sockets};
use crate::addon::{duplicate, type_error};
use crate::metrics::{self, Metrics};
use crate::threads::Threads;

/// A running engine for plain WebSockets. It ends with `close()`, or when it is collected.
#[napi]
pub struct WebSocketEngine {
    native: Native,
    thread: Arc<JavaScript>,
    sink: Arc<Sink>,
    /// Memory that JavaScript writes its orders into.
    orders: Uint8Array,
    settings: Vec<Arc<WebSocketSettings>>,
    /// Streams that have been adopted and not yet started, by their sockets' numbers.
    adopted: HashMap<u32, Adopted>,
    feeds: HashMap<u32, FeedId>,
}

/// What only the JavaScript thread touches. Node calls methods and callbacks of one environment on
/// one thread; the lock is never contended and only tells the compiler so.
#[derive(Default)]
struct JavaScript(Mutex<Known>);

#[derive(Default)]
struct Known {
    sockets: Sockets,
    /// What JavaScript is being told, a page at a time.
    telling: Records,
    page: Option<Page>,
}

/// Memory that JavaScript lent for records, and how much of it is used.
struct Page {
    memory: Uint8Array,
    used: usize,
}

struct Adopted {
    /// `None` for a byte feed.
    stream: Option<std::net::TcpStream>,
    upgrade: WebSocketUpgrade,
}

/// What `page()` gives when the page has no room.
const NO_ROOM: i32 = -1;

#[napi]
impl WebSocketEngine {
    /// Starts an engine, on threads of `threads`. `onBatch()` is called on this thread when there is something to take with
    /// `page()`. JavaScript writes orders into `orders`, which it lends for good.
    #[napi(constructor)]
    pub fn new(
        env: Env,
        threads: &Threads,
        orders: Uint8Array,
        on_batch: Function<'_, (), ()>,
    ) -> Result<WebSocketEngine> {
        let mut config = Config::default();
        config.shards = config.shards.saturating_sub(1).max(1);
        let sink = Arc::new(Sink::default());
        let native = threads
            .start(config, sink.clone(), None)
            .map_err(|error| type_error(env, &error.to_string()))?;
        let thread = Arc::new(JavaScript::default());
        let wake = {
            let (sink, native, thread) = (sink.clone(), native.clone(), thread.clone());
            on_batch
                .build_threadsafe_function::<()>()
                .weak::<true>()
                .build_callback(move |_| {
                    thread.take(&sink, &native);
                    Ok(())
                })?
        };
        sink.set_wake(Box::new(move || {
            wake.call((), NonBlocking);
        }));
        Ok(WebSocketEngine {
            native,
            thread,
            sink,
            orders,
            settings: Vec::new(),
            adopted: HashMap::new(),
            feeds: HashMap::new(),
        })
    }

    /// What a server answers to a client's `Sec-WebSocket-Key`.
    #[napi]
    pub fn accept_key(key: String) -> String {
        sori::proto::handshake::accept_key(&key)
    }

    /// The number of settings given as JSON.
    #[napi]
    pub fn settings(&mut self, env: Env, json: String) -> Result<u32> {
        let settings = settings::parse(&json).map_err(|error| type_error(env, &error))?;
        self.settings.push(Arc::new(settings));
        Ok((self.settings.len() - 1) as u32)
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

    /// The number of a new group.
    #[napi]
    pub fn open_group(&self) -> u32 {
        self.native.open_group().0
    }

    /// There is a socket of that number, which will be adopted or forgotten. It can be given orders.
    #[napi]
    pub fn claim(&self, id: u32, group: u32) {
        let mut known = self.thread.0.lock();
        known.sockets.claim(id, NamespaceId(group));
    }

    /// The socket's stream is over before the engine had it.
    #[napi]
    pub fn forget(&mut self, id: u32) {
        self.adopted.remove(&id);
        self.thread.0.lock().sockets.forget(id);
    }

    /// Prepares to take on a stream. `fd` -1 means a byte feed, else the descriptor is duplicated now
    /// and not touched before `start`. `deflate`: see `settings::deflate_params`. `address`: whose it is,
    /// where somebody limits what an address sends.
    #[napi]
    #[allow(
        clippy::too_many_arguments,
        reason = "JavaScript has no cheaper struct"
    )]
    pub fn adopt(
        &mut self,
        id: u32,
        group: u32,
        fd: i32,
        head: &[u8],
        answer: String,
        settings: u32,
        deflate: u32,
        is_client: bool,
        address: Option<String>,
    ) -> Result<()> {
        let stream = if fd < 0 { None } else { Some(duplicate(fd)?) };
        if let Some(stream) = &stream
            && let Some(opening) = self.thread.0.lock().sockets.opening_mut(id)
        {
            opening.ends = Ends::of(stream);
        }
        let settings = self.settings.get(settings as usize);
        let upgrade = WebSocketUpgrade {
            request: RequestId(id.into()),
            answer: Bytes::from(answer.into_bytes()),
            head: Bytes::copy_from_slice(head),
            role: if is_client {
                Role::Client
            } else {
                Role::Server
            },
            deflate: settings::deflate_params(deflate),
            settings: settings.cloned().unwrap_or_default(),
            group: NamespaceId(group),
            handshake: None,
            address: address.map(String::into_boxed_str),
        };
        self.adopted.insert(id, Adopted { stream, upgrade });
        Ok(())
    }

    /// Begins IO on what was adopted.
    #[napi]
    pub fn start(&mut self, ids: Vec<u32>) {
        let WebSocketEngine {
            native,
            adopted,
            feeds,
            ..
        } = self;
        let streams = ids.into_iter().filter_map(|id| {
            let Adopted { stream, upgrade } = adopted.remove(&id)?;
            match stream {
                Some(stream) => Some((stream, upgrade)),
                None => {
                    feeds.insert(id, native.attach_websocket_feed(upgrade));
                    None
                }
            }
        });
        native.attach_websockets(streams);
    }

    /// Bytes of a feed's peer.
    #[napi]
    pub fn feed(&self, id: u32, bytes: &[u8]) {
        if let Some(feed) = self.feeds.get(&id) {
            self.native.feed(*feed, Bytes::copy_from_slice(bytes));
        }
    }

    /// Bytes of a feed have been written to its peer.
    #[napi]
    pub fn feed_written(&self, id: u32, bytes: u32) {
        if let Some(feed) = self.feeds.get(&id) {
            self.native.feed_written(*feed, bytes as usize);
        }
    }

    /// A feed's peer has ended its half of the stream.
    #[napi]
    pub fn feed_ended(&self, id: u32) {
        if let Some(feed) = self.feeds.get(&id) {
            self.native.feed_ended(*feed);
        }
    }

    /// A feed's socket is closed.
    #[napi]
    pub fn feed_closed(&mut self, id: u32) {
        if let Some(feed) = self.feeds.remove(&id) {
            self.native.feed_closed(feed);
        }
    }

    /// Executes the orders in the first `bytes` bytes of the memory for them.
    #[napi]
    pub fn flush(&self, bytes: u32) {
        let sockets = &mut self.thread.0.lock().sockets;
        let written = self.orders.get(..bytes as usize).unwrap_or_default();
        orders::execute(&self.native, sockets, written);
        self.await_open(sockets);
    }

    /// Executes one order whose payload is too long for the memory.
    #[napi]
    pub fn execute(&self, head: u32, subject: u32, token: u32, payload: &[u8]) {
        let order = Order {
            head,
            subject,
            token,
            payload,
        };
        let sockets = &mut self.thread.0.lock().sockets;
        orders::execute_one(&mut self.native.batch(), sockets, order);
        self.await_open(sockets);
    }

    /// Address and port of the peer of a socket that was taken over, then of this end, with spaces
    /// between; `null` if they are not known.
    #[napi]
    pub fn ends(&self, id: u32) -> Option<String> {
        self.thread.0.lock().sockets.ends(id)
    }

    /// Bytes queued for a socket that the system has not taken.
    #[napi]
    pub fn buffered(&self, id: u32) -> i64 {
        match self.thread.0.lock().sockets.get(id) {
            Place::Open { gauge, .. } => gauge.queued_bytes() as i64,
            Place::Opening(opening) => opening.message_bytes as i64,
            Place::Free => 0,
        }
    }

    /// Lends memory for records; of the memory before only JavaScript's own views are left.
    #[napi]
    pub fn lend(&self, memory: Uint8Array) {
        self.thread.0.lock().page = Some(Page { memory, used: 0 });
    }

    /// Puts as many waiting records into the lent memory as fit; gives their number. 0: none waits.
    /// -1: there is no room, more memory is to be lent.
    #[napi]
    pub fn page(&self) -> i32 {
        let Known { telling, page, .. } = &mut *self.thread.0.lock();
        if telling.is_done() {
            return 0;
        }
        let Some(page) = page else {
            return NO_ROOM;
        };
        // SAFETY: JavaScript lends this memory until the next call of `lend` and never writes to it;
        // its thread, the only one that could read it, is in this call.
        let memory = unsafe { page.memory.as_mut() };
        let room = memory.get_mut(page.used..).unwrap_or_default();
        let (count, bytes) = telling.fill(room);
        page.used = (page.used + bytes).next_multiple_of(4);
        if count == 0 { NO_ROOM } else { count as i32 }
    }

    /// The payload of the next record that has one of its own.
    #[napi]
    pub fn big(&self) -> Buffer {
        self.thread.0.lock().telling.next_big().into()
    }

    /// Closes every connection and ends the engine's threads.
    #[napi]
    pub fn close(&self) {
        self.native.close();
    }
}

impl WebSocketEngine {
    /// Sees to it that what was asked of sockets that are not open reaches them as soon as they are.
    fn await_open(&self, sockets: &mut Sockets) {
        if sockets.take_is_asked() {
            self.sink.await_open();
        }
    }
}

impl Drop for WebSocketEngine {
    fn drop(&mut self) {
        self.native.close();
    }
}

impl JavaScript {
    /// Takes what has gathered: sockets that are open now get their orders, and the rest is to be
    /// told by pages.
    fn take(&self, sink: &Sink, native: &Native) {
        let Known {
            sockets, telling, ..
        } = &mut *self.0.lock();
        let mut records = std::mem::take(telling);
        records.clear();
        let empty = Gathered {
            records,
            opened: Vec::new(),
        };
        let gathered = sink.take(native, empty);
        for opened in gathered.opened {
            let waiting = sockets.open(opened.id, opened.conn, opened.gauge);
            orders::execute(native, sockets, &waiting);
        }
        if sockets.is_asking() {
            sink.await_open();
        }
        *telling = gathered.records;
    }
}
