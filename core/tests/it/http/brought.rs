//! Requests that the application brings: what it says of them comes back when a connection opens.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use sori::Config;
use sori::config::Protocol;
use sori::embed::{Command, ConnId, Event, Handshake, Peer, Raw, RequestId};
use sori::server::{Application, Engine, Request, Upgrade};

type Opened = (RequestId, String, Option<Arc<Handshake>>);

struct Recorder(mpsc::Sender<Opened>);

impl Application for Recorder {
    fn handle(&self, _: &Engine, event: Event<'_>) {
        if let Event::Open {
            request,
            sid,
            handshake,
            ..
        } = event
        {
            let opened = (request, sid.to_owned(), handshake.cloned());
            self.0.send(opened).unwrap();
        }
    }
}

fn request(number: u64, handshake: Option<Arc<Handshake>>) -> Request<'static> {
    Request {
        request: RequestId(number),
        method: "GET",
        url: "/socket.io/?EIO=4&transport=polling",
        content_type: None,
        user_agent: None,
        body: Bytes::new(),
        handshake,
        sid: None,
        address: None,
    }
}

#[test]
fn a_handshake_that_is_brought_comes_back_and_knows_its_session() {
    let (sender, opened) = mpsc::channel();
    let mut config = Config::default();
    config.shards = 1;
    let engine = Engine::start(config, Arc::new(Recorder(sender))).unwrap();
    let peer = Peer {
        remote_address: Some(([10, 0, 0, 1], 7).into()),
        is_secure: true,
    };
    let bring = |url: &str| Arc::new(Handshake::new(url, [("host", "x".into())], peer));
    let (polling, websocket) = (bring("/a?b=c"), bring("/d"));
    engine.request(request(1, Some(Arc::clone(&polling))));
    engine.request(request(2, None));
    let upgrade = Upgrade {
        request: RequestId(3),
        answer: Bytes::new(),
        head: Bytes::new(),
        handshake: Some(Arc::clone(&websocket)),
        deflate: None,
        sid: None,
        address: None,
    };
    engine.attach_feed("/socket.io/?EIO=4&transport=websocket", upgrade);

    let opened = [(); 3].map(|()| opened.recv_timeout(Duration::from_secs(10)).unwrap());
    let numbers = opened.each_ref().map(|(request, ..)| request.0);
    assert_eq!(numbers, [1, 2, 3]);
    assert!(opened[1].2.is_none());
    for (at, brought) in [(0, polling), (2, websocket)] {
        let (_, sid, handshake) = &opened[at];
        assert!(
            handshake
                .as_ref()
                .is_some_and(|known| Arc::ptr_eq(known, &brought))
        );
        assert_eq!(brought.sid(), Some(&**sid));
        assert!(brought.is_secure());
    }
    engine.close();
    engine.join();
}

/// What is told of requests and connections, on the threads of the engine and of those that ask.
struct Answers(mpsc::Sender<Told>);

#[derive(Debug, PartialEq)]
enum Told {
    Open(ConnId, String),
    Answer(u64, u16, String),
    /// The application is to look at what it was told.
    Flush,
}

impl Application for Answers {
    fn handle(&self, _: &Engine, event: Event<'_>) {
        let told = match event {
            Event::Open { conn, sid, .. } => Told::Open(conn, sid.to_owned()),
            Event::Answer { request, answer } => {
                let body = String::from_utf8_lossy(&answer.body).into_owned();
                Told::Answer(request.0, answer.status, body)
            }
            _ => return,
        };
        self.0.send(told).unwrap();
    }

    fn flush(&self) {
        self.0.send(Told::Flush).unwrap();
    }
}

/// An engine without Socket.IO, with a polling session that has been told of its opening.
fn polled() -> (Engine, mpsc::Receiver<Told>, ConnId, String) {
    let (sender, told) = mpsc::channel();
    let mut config = Config::default();
    config.shards = 1;
    config.protocol = Protocol::EngineIo;
    let engine = Engine::start(config, Arc::new(Answers(sender))).unwrap();
    engine.request(request(1, None));
    let (mut opened, mut is_answered) = (None, false);
    while opened.is_none() || !is_answered {
        match told.recv_timeout(Duration::from_secs(10)).unwrap() {
            Told::Open(conn, sid) => opened = Some((conn, sid)),
            Told::Answer(..) => is_answered = true,
            Told::Flush => {}
        }
    }
    let (conn, sid) = opened.unwrap();
    (engine, told, conn, sid)
}

fn next_answer(told: &mpsc::Receiver<Told>) -> (u64, u16, String) {
    loop {
        if let Told::Answer(request, status, body) =
            told.recv_timeout(Duration::from_secs(10)).unwrap()
        {
            return (request, status, body);
        }
    }
}

#[test]
fn a_client_fetches_the_rest_while_the_engine_closes_within_a_time_and_others_are_refused() {
    let (engine, told, conn, sid) = polled();
    engine.execute(Command::Send {
        conn,
        message: Raw::Text("last words"),
        volatile: false,
        compress: false,
        token: None,
    });
    engine.close_within(Duration::from_secs(60));
    let url = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    let poll = |number| Request {
        url: &url,
        ..request(number, None)
    };
    engine.request(request(2, None));
    assert_eq!(next_answer(&told), (2, 503, String::new()));
    engine.request(poll(3));
    assert_eq!(next_answer(&told), (3, 200, "4last words".to_owned()));
    engine.request(poll(4));
    assert_eq!(next_answer(&told), (4, 200, "6\x1e1".to_owned()));
    engine.join();
    engine.request(poll(5));
    assert_eq!(next_answer(&told), (5, 503, String::new()));
}

#[test]
fn a_refusal_of_an_engine_that_has_closed_is_told_at_once() {
    let (engine, told, _, sid) = polled();
    engine.close();
    engine.join();
    while told.try_recv().is_ok() {}
    let url = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    engine.request(Request {
        url: &url,
        ..request(2, None)
    });
    let expected = [Told::Answer(2, 503, String::new()), Told::Flush];
    assert_eq!(told.try_iter().collect::<Vec<_>>(), expected);
}
