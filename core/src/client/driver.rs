//! Runs a client: takes what its [`Connection`] decides to the transports, what comes over them to the
//! connection, and its events to the application.
//!
//! ```text
//!  application ──► Connection (locked for a few lines) ◄── driver ◄── inputs ◄── transports' tasks
//!        ▲                                                  │  │                      ▲
//!        └────────────────── events ────────────────────────┘  └──────── steps ───────┘
//! ```
//! Calls of the application change the connection at once and wake the driver. When the application
//! is not ready for more events, the driver takes no inputs: the transports stop reading, and TCP
//! pushes back.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use super::config::{Config, Endpoint, push_field};
use super::connection::{Connection, Epoch, Step};
use super::event::Event;
use super::io::polling::Exchanges;
use super::io::stream::Dialer;
use super::io::websocket::{self, Incoming, Message};
use super::session::{Outgoing, Transmit, TransportEnd};
use crate::config::TransportKind;
use crate::error::Error;
use crate::proto::engine;
use crate::proto::websocket::Frame;

/// Who is told of a client's events. Called by the driver alone, one event after another.
pub(crate) trait Application: Send + Sync + 'static {
    fn handle(&self, event: Event);

    /// Whether more events are welcome. Who says no wakes the client once they are.
    fn is_ready(&self) -> bool;

    /// Ends what the application does in the client's runtime, after the last event.
    fn finish(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(std::future::ready(()))
    }
}

/// What the driver and all handles of a client share.
#[derive(Debug)]
pub(crate) struct Shared {
    connection: Mutex<Connection>,
    wake: Notify,
    dialer: Arc<Dialer>,
    config: Config,
}

impl Shared {
    /// # Errors
    /// [`Error::Misuse`] for a URL or settings that cannot work.
    pub(crate) fn new(url: &str, config: Config) -> Result<Arc<Shared>, Error> {
        config.validate()?;
        let endpoint = Endpoint::parse(url, &config.extra_headers)?;
        if endpoint.path != "/" {
            return Err(Error::Misuse(format!(
                "the URL has the path {:?}: a namespace is asked for by the socket, the server's \
                 path is a setting",
                endpoint.path
            )));
        }
        let dialer = Arc::new(Dialer::new(Arc::new(endpoint), &config)?);
        Ok(Arc::new(Shared {
            connection: Mutex::new(Connection::new(config.rules(), seed())),
            wake: Notify::new(),
            dialer,
            config,
        }))
    }

    /// The connection, to look at.
    pub(crate) fn look(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock()
    }

    /// Changes the connection; the driver sees to what follows.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut Connection, Instant) -> R) -> R {
        let changed = change(&mut self.connection.lock(), Instant::now());
        self.wake.notify_one();
        changed
    }

    /// The application is ready for events again.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// The request target of a transport: path and query.
    fn target(&self, kind: TransportKind, sid: Option<&str>) -> String {
        let mut query = self.dialer.endpoint().query.clone();
        for (name, value) in &self.config.query {
            push_field(&mut query, name, value);
        }
        push_field(&mut query, "EIO", "4");
        push_field(&mut query, "transport", kind.as_str());
        if let Some(sid) = sid {
            push_field(&mut query, "sid", sid);
        }
        format!("{}?{query}", self.config.path)
    }
}

/// Without it many clients of one server would come back at the same moment.
pub(super) fn seed() -> u64 {
    getrandom::u64().unwrap_or_else(|_| std::process::id().into())
}

/// What comes from a transport's task.
#[derive(Debug)]
struct Input {
    epoch: Epoch,
    from: TransportKind,
    what: What,
}

#[derive(Debug)]
enum What {
    Opened,
    Came(Incoming),
    Polled(Bytes),
    Written,
    Failed(String),
}

/// The transports of one session. Dropping a sender ends its task: at once, but a WebSocket's says
/// goodbye first.
#[derive(Debug, Default)]
struct Links {
    gets: Option<mpsc::Sender<(String, Option<Bytes>)>>,
    posts: Option<mpsc::Sender<(String, Option<Bytes>)>>,
    websocket: Option<mpsc::Sender<Vec<Message>>>,
    polling: JoinSet<()>,
}

/// Runs a client until it is closed.
pub(crate) async fn run(shared: Arc<Shared>, application: Arc<dyn Application>) {
    let (sender, inputs) = mpsc::channel(INPUTS);
    let driver = Driver {
        shared,
        application,
        sender,
        inputs,
        links: Links::default(),
        websockets: JoinSet::new(),
    };
    driver.run().await;
}

struct Driver {
    shared: Arc<Shared>,
    application: Arc<dyn Application>,
    sender: mpsc::Sender<Input>,
    inputs: mpsc::Receiver<Input>,
    links: Links,
    websockets: JoinSet<()>,
}

impl Driver {
    async fn run(mut self) {
        loop {
            self.perform_steps();
            if !self.tell_events().await {
                return;
            }
            self.wait().await;
            // Those that have ended.
            while self.websockets.try_join_next().is_some() {}
        }
    }

    fn perform_steps(&mut self) {
        loop {
            let step = self.shared.look().poll_step(Instant::now());
            match step {
                None => return,
                Some(Step::Transmit(epoch, transmit)) => self.transmit(epoch, transmit),
                Some(Step::End(_)) => self.links = Links::default(),
            }
        }
    }

    /// False once the last event has been told.
    async fn tell_events(&mut self) -> bool {
        loop {
            let event = self.shared.look().poll_event();
            match event {
                None => return true,
                Some(Event::Closed) => {
                    self.say_goodbye().await;
                    self.application.handle(Event::Closed);
                    self.application.finish().await;
                    return false;
                }
                Some(event) => self.application.handle(event),
            }
        }
    }

    /// Waits until the WebSockets' tasks have ended, which have a deadline of their own.
    async fn say_goodbye(&mut self) {
        self.inputs.close();
        self.links = Links::default();
        while self.websockets.join_next().await.is_some() {}
    }

    async fn wait(&mut self) {
        let deadline = self.shared.look().next_timeout();
        let is_ready = self.application.is_ready();
        let sleep = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(input) = self.inputs.recv(), if is_ready => {
                self.handle(input);
                // What waits already is dealt with in one turn.
                for _ in 0..INPUTS {
                    match self.inputs.try_recv() {
                        Ok(input) => self.handle(input),
                        Err(_) => break,
                    }
                }
            }
            () = self.shared.wake.notified() => {}
            () = sleep => {}
        }
        self.shared.look().handle_timeout(Instant::now());
    }

    fn handle(&self, input: Input) {
        let Input { epoch, from, what } = input;
        let mut connection = self.shared.look();
        let now = Instant::now();
        let end = match what {
            What::Opened => return connection.handle_websocket_open(epoch),
            What::Written => return connection.handle_written(epoch, from),
            What::Came(Incoming::Text(text)) => return connection.handle_text(epoch, &text, now),
            What::Came(Incoming::Binary(bytes)) => {
                return connection.handle_binary(epoch, &bytes, now);
            }
            What::Came(Incoming::Control(_)) => return,
            What::Polled(body) => match std::str::from_utf8(&body) {
                Ok(body) => return connection.handle_poll(epoch, body, now),
                Err(_) => TransportEnd::Failed("a polling answer that is not UTF-8".to_owned()),
            },
            What::Came(Incoming::Closed { .. }) => TransportEnd::Closed,
            What::Came(Incoming::Failed(why)) | What::Failed(why) => TransportEnd::Failed(why),
        };
        connection.handle_transport_end(epoch, from, end, now);
    }

    fn transmit(&mut self, epoch: Epoch, transmit: Transmit) {
        match transmit {
            Transmit::OpenWebSocket => self.open_websocket(epoch),
            Transmit::CloseWebSocket => self.links.websocket = None,
            Transmit::WebSocket(batch) => {
                let batch = batch.into_iter().map(message).collect();
                if let Some(websocket) = &self.links.websocket {
                    // One batch at a time, and a probe: there is space. A task that has ended has
                    // told how.
                    let _ = websocket.try_send(batch);
                }
            }
            Transmit::Poll => self.exchange(epoch, None),
            Transmit::Post(packets) => self.exchange(epoch, Some(body(&packets))),
        }
    }

    fn exchange(&mut self, epoch: Epoch, body: Option<Bytes>) {
        let target = {
            let connection = self.shared.look();
            self.shared
                .target(TransportKind::Polling, connection.session_sid())
        };
        let Links {
            gets,
            posts,
            polling,
            ..
        } = &mut self.links;
        let link = if body.is_some() { posts } else { gets };
        let sender = link.get_or_insert_with(|| {
            let (sender, requests) = mpsc::channel(1);
            let most = self.shared.config.max_payload;
            let exchanges = Exchanges::new(Arc::clone(&self.shared.dialer), most);
            polling.spawn(poll(exchanges, requests, epoch, self.sender.clone()));
            sender
        });
        // One at a time: there is space.
        let _ = sender.try_send((target, body));
    }

    fn open_websocket(&mut self, epoch: Epoch) {
        let target = {
            let connection = self.shared.look();
            self.shared
                .target(TransportKind::WebSocket, connection.session_sid())
        };
        let (sender, outgoing) = mpsc::channel(BATCHES);
        self.links.websocket = Some(sender);
        let dialer = Arc::clone(&self.shared.dialer);
        let inputs = self.sender.clone();
        let most = self.shared.config.max_payload;
        self.websockets.spawn(async move {
            carry(dialer, target, most, outgoing, epoch, inputs).await;
        });
    }
}

/// The task of one chain of HTTP exchanges.
async fn poll(
    mut exchanges: Exchanges,
    mut requests: mpsc::Receiver<(String, Option<Bytes>)>,
    epoch: Epoch,
    inputs: mpsc::Sender<Input>,
) {
    while let Some((target, body)) = requests.recv().await {
        let is_post = body.is_some();
        let what = match exchanges.exchange(&target, body).await {
            Ok(_) if is_post => What::Written,
            Ok(answer) => What::Polled(answer),
            Err(why) => What::Failed(why),
        };
        let input = Input {
            epoch,
            from: TransportKind::Polling,
            what,
        };
        if inputs.send(input).await.is_err() {
            return;
        }
    }
}

/// The task of one WebSocket.
async fn carry(
    dialer: Arc<Dialer>,
    target: String,
    max_payload: usize,
    mut outgoing: mpsc::Receiver<Vec<Message>>,
    epoch: Epoch,
    inputs: mpsc::Sender<Input>,
) {
    let tell = async |what| {
        let input = Input {
            epoch,
            from: TransportKind::WebSocket,
            what,
        };
        // A driver that is gone has no use for it.
        let _ = inputs.send(input).await;
    };
    let opened = tokio::select! {
        opened = websocket::open(&dialer, &target, &[], max_payload) => opened,
        // Nothing is sent before it is open: the driver has given it up.
        _ = outgoing.recv() => return,
    };
    match opened {
        Err(why) => tell(What::Failed(why)).await,
        Ok((socket, _)) => {
            tell(What::Opened).await;
            let came = |incoming| tell(What::Came(incoming));
            websocket::run(socket, outgoing, came, || tell(What::Written)).await;
        }
    }
}

fn message(packet: Outgoing) -> Message {
    match packet {
        Outgoing::Text(text) => Message::text(text),
        Outgoing::Binary(bytes) => Message::binary(bytes),
    }
}

/// The packets as the body of a POST.
fn body(packets: &[Outgoing]) -> Bytes {
    let frames: Vec<Frame> = packets
        .iter()
        .map(|packet| match packet {
            Outgoing::Text(text) => Frame::text(&[text.as_bytes()]),
            Outgoing::Binary(bytes) => Frame::binary(&[bytes]),
        })
        .collect();
    let mut body = Vec::new();
    engine::encode_payload(&frames, &mut body);
    body.into()
}

/// Inputs that wait; more wait in their tasks, which then do not read.
const INPUTS: usize = 64;

/// A batch, `2probe` and `5` can wait at the same time.
const BATCHES: usize = 4;
