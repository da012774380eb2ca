//! Requests that the application brings: what it says of them comes back when a connection opens.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use sori::Config;
use sori::embed::{Event, Handshake, Peer, RequestId};
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
