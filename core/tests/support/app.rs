//! What the tests of the Rust face share: raw Socket.IO clients over WebSocket and polling, a log
//! that a test waits on, a gate that holds an async handler, and a runtime of a few lines.

use std::collections::VecDeque;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use sori::{Ack, Server, Socket};
use tungstenite::{Message, WebSocket};

pub(crate) use super::steady::PATIENCE;
use super::steady::Steady;

/// A server on a free port; clients can [`Client::sync`] with it in `/`.
pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
}

impl Running {
    pub(crate) fn start() -> Running {
        Running::start_with(|builder| builder)
    }

    pub(crate) fn start_with(
        set: impl FnOnce(sori::ServerBuilder) -> sori::ServerBuilder,
    ) -> Running {
        let server = set(Server::builder().shards(2)).build().unwrap();
        let address = server.listen("127.0.0.1:0").unwrap();
        server
            .of("/")
            .on("sync", |_: Socket, ack: Ack| ack.send(()));
        Running { server, address }
    }

    /// A WebSocket client in `/`.
    pub(crate) fn client(&self) -> Client {
        let mut client = Client::open(self.address);
        client.join();
        client
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.shutdown();
    }
}

/// A raw Socket.IO client over a WebSocket.
pub(crate) struct Client {
    stream: WebSocket<Steady<TcpStream>>,
    /// Its id in `/`.
    pub(crate) id: String,
}

impl Client {
    /// Opens a connection that is in no namespace yet.
    pub(crate) fn open(address: SocketAddr) -> Client {
        let stream = Steady::connect(address);
        let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket");
        let (stream, _) = tungstenite::client(url, stream).unwrap();
        let mut client = Client {
            stream,
            id: String::new(),
        };
        let open = client.receive();
        assert!(open.starts_with("0{\"sid\":"), "{open}");
        client
    }

    /// Joins `/`.
    pub(crate) fn join(&mut self) {
        self.send("40");
        let joined = self.receive();
        let id = joined
            .strip_prefix("40{\"sid\":\"")
            .unwrap_or_else(|| panic!("{joined}"));
        self.id = id.strip_suffix("\"}").unwrap().to_owned();
    }

    pub(crate) fn send(&mut self, packet: &str) {
        self.stream.send(Message::text(packet)).unwrap();
    }

    /// Sends packets in one write, as far as the system takes it.
    pub(crate) fn send_together(&mut self, packets: &[&str]) {
        for packet in packets {
            self.stream.write(Message::text(*packet)).unwrap();
        }
        self.stream.flush().unwrap();
    }

    pub(crate) fn send_binary(&mut self, bytes: &[u8]) {
        self.stream.send(Message::binary(bytes.to_vec())).unwrap();
    }

    /// The next packet.
    pub(crate) fn receive(&mut self) -> String {
        match self.stream.read().unwrap() {
            Message::Text(text) => text.as_str().to_owned(),
            other => panic!("{other:?} where a text was due"),
        }
    }

    pub(crate) fn receive_binary(&mut self) -> Vec<u8> {
        match self.stream.read().unwrap() {
            Message::Binary(bytes) => bytes.to_vec(),
            other => panic!("{other:?} where a binary was due"),
        }
    }

    #[track_caller]
    pub(crate) fn expect(&mut self, packet: &str) {
        assert_eq!(self.receive(), packet);
    }

    /// Goes to the server and back: whatever was sent to the client before has then been expected.
    #[track_caller]
    pub(crate) fn sync(&mut self) {
        self.send("4299[\"sync\"]");
        self.expect("4399[]");
    }

    /// Reads until the connection is over; nothing but its end may come.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) {
        loop {
            match self.stream.read() {
                Ok(Message::Close(_)) => {}
                Ok(other) => panic!("{other:?} where the end was due"),
                Err(tungstenite::Error::Io(error))
                    if matches!(
                        error.kind(),
                        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                    ) =>
                {
                    panic!("the connection did not end")
                }
                Err(_) => return,
            }
        }
    }

    /// Closes the WebSocket as a client does.
    pub(crate) fn close(mut self) {
        self.stream.close(None).unwrap();
        self.expect_end();
    }

    /// Writes a packet at most so many times; whether the server stopped taking them, which
    /// `has_stopped` knows: that nothing is taken for a moment says little.
    pub(crate) fn flood(
        &mut self,
        packet: &str,
        most: usize,
        has_stopped: impl Fn() -> bool,
    ) -> bool {
        let moment = Some(Duration::from_millis(200));
        self.stream.get_ref().set_write_timeout(moment).unwrap();
        let until = Instant::now() + PATIENCE;
        let mut written = self.stream.send(Message::text(packet));
        for _ in 1..most {
            while let Err(error) = written {
                assert!(matches!(error, tungstenite::Error::Io(_)), "{error}");
                if has_stopped() {
                    return true;
                }
                assert!(
                    Instant::now() < until,
                    "nothing is taken, and nobody stopped"
                );
                written = self.stream.flush();
            }
            written = self.stream.send(Message::text(packet));
        }
        false
    }
}

/// A raw client on long polling, one HTTP request at a time.
pub(crate) struct PollingClient {
    address: SocketAddr,
    sid: String,
    waiting: VecDeque<String>,
}

impl PollingClient {
    /// Opens a connection and joins `/`.
    pub(crate) fn join(address: SocketAddr) -> PollingClient {
        let mut client = PollingClient {
            address,
            sid: String::new(),
            waiting: VecDeque::new(),
        };
        let open = client.request("GET", "");
        let sid = open
            .strip_prefix("0{\"sid\":\"")
            .unwrap_or_else(|| panic!("{open}"));
        client.sid = sid[..sid.find('"').unwrap()].to_owned();
        client.send("40");
        assert!(client.receive().starts_with("40{\"sid\":"));
        client
    }

    pub(crate) fn send(&mut self, payload: &str) {
        assert_eq!(self.request("POST", payload), "ok");
    }

    /// The next packet.
    pub(crate) fn receive(&mut self) -> String {
        if self.waiting.is_empty() {
            let payload = self.request("GET", "");
            self.waiting
                .extend(payload.split('\x1e').map(str::to_owned));
        }
        self.waiting.pop_front().unwrap()
    }

    /// The body of the answer.
    pub(crate) fn request(&self, method: &str, body: &str) -> String {
        let mut stream = Steady::connect(self.address);
        let sid = match &*self.sid {
            "" => String::new(),
            sid => format!("&sid={sid}"),
        };
        let head = format!(
            "{method} /socket.io/?EIO=4&transport=polling{sid} HTTP/1.1\r\nHost: {}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.address,
            body.len(),
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        body.to_owned()
    }
}

/// Lines that handlers write and a test waits for.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<(Mutex<Vec<String>>, Condvar)>);

impl Log {
    pub(crate) fn write(&self, line: impl Into<String>) {
        self.0.0.lock().unwrap().push(line.into());
        self.0.1.notify_all();
    }

    /// Waits for as many lines as are expected, and compares.
    #[track_caller]
    pub(crate) fn expect<S: AsRef<str>>(&self, lines: &[S]) {
        let found = self.wait_for(lines.len());
        let lines: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
        assert_eq!(found, lines);
    }

    #[track_caller]
    pub(crate) fn wait_for(&self, lines: usize) -> Vec<String> {
        let until = Instant::now() + PATIENCE;
        let mut found = self.0.0.lock().unwrap();
        while found.len() < lines {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "only {found:?} came");
            found = self.0.1.wait_timeout(found, left).unwrap().0;
        }
        found.clone()
    }
}

/// Holds futures until it is opened.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<Mutex<(bool, Vec<Waker>)>>);

impl Gate {
    pub(crate) fn open(&self) {
        let mut state = self.0.lock().unwrap();
        state.0 = true;
        let wakers = std::mem::take(&mut state.1);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(crate) async fn passed(&self) {
        std::future::poll_fn(|cx| {
            let mut state = self.0.lock().unwrap();
            if state.0 {
                return Poll::Ready(());
            }
            state.1.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Runs a future to its end, which comes within [`PATIENCE`].
#[track_caller]
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    let until = Instant::now() + PATIENCE;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let left = until.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "the future did not end");
        std::thread::park_timeout(left);
    }
}
