//! Connections whose bytes the application reads and writes: byte feeds, and requests it brings.

use bytes::Bytes;
use sori::server::{FeedId, Request, Upgrade};

use crate::support::engine::*;

const WEBSOCKET: &str = "/socket.io/?EIO=4&transport=websocket";
const WINDOW: usize = 256 * 1024;

fn attach(rig: &Rig, url: &str, number: u64, head: &[u8]) -> FeedId {
    let upgrade = Upgrade {
        request: RequestId(number),
        answer: Bytes::from_static(b"HTTP/1.1 101\r\n\r\n"),
        head: Bytes::copy_from_slice(head),
        handshake: None,
        deflate: None,
        sid: None,
        address: None,
    };
    rig.engine.attach_feed(url, upgrade)
}

/// What the engine has given to be written, as soon as it is `length` bytes long or longer.
fn written(rig: &Rig, number: u64, length: usize) -> Vec<u8> {
    rig.wait(|log| {
        let bytes = log.feeds.get(&RequestId(number));
        bytes
            .filter(|bytes| bytes.len() >= length)
            .map(|bytes| bytes.to_vec())
    })
}

/// Written bytes as the frames they are, behind the answer.
fn frames_of(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    bytes = bytes
        .strip_prefix(b"HTTP/1.1 101\r\n\r\n")
        .expect("the answer first");
    let mut frames = Vec::new();
    while let [first_byte, length, rest @ ..] = bytes {
        let (length, rest) = match length {
            126 => (u16::from_be_bytes([rest[0], rest[1]]) as usize, &rest[2..]),
            127 => (
                u64::from_be_bytes(rest[..8].try_into().unwrap()) as usize,
                &rest[8..],
            ),
            short => (*short as usize, rest),
        };
        frames.push((*first_byte, rest[..length].to_vec()));
        bytes = &rest[length..];
    }
    frames
}

/// A feed that has joined `/`: its id, its session's, and how much has been written.
fn joined(rig: &Rig, number: u64) -> (FeedId, String, usize) {
    let feed = attach(rig, WEBSOCKET, number, &frame(TEXT, b"40"));
    let open = 16 + 109;
    let bytes = written(rig, number, open + 34);
    let frames = frames_of(&bytes);
    assert_eq!(frames.len(), 2);
    assert!(frames[1].1.starts_with(b"40{"));
    let sid = sid_of(&String::from_utf8_lossy(&frames[0].1));
    rig.engine.feed_written(feed, bytes.len());
    (feed, sid, bytes.len())
}

fn lines(rig: &Rig, sid: &str, count: usize) -> Vec<String> {
    rig.wait(|log| {
        let lines = log.lines_of(sid);
        (lines.len() >= count).then(|| lines.to_vec())
    })
}

#[test]
fn a_feed_is_a_websocket_in_every_respect() {
    let rig = Rig::new();
    let (feed, sid, already) = joined(&rig, 7);
    let event = frame(TEXT, br#"42["echo","ab"]"#);
    // However the bytes are cut.
    for piece in event.chunks(3) {
        rig.engine.feed(feed, Bytes::copy_from_slice(piece));
    }
    let bytes = written(&rig, 7, already + 17);
    assert_eq!(&bytes[already + 2..], br#"42["echo","ab"]"#);
    rig.engine.feed(feed, Bytes::from(frame(CLOSE, b"")));
    let bytes = written(&rig, 7, already + 19);
    assert_eq!(&bytes[already + 17..], b"\x88\x00");
    rig.wait(|log| (log.ended_feeds == [RequestId(7)]).then_some(()));
    let expected = [
        "open websocket",
        "connect /",
        r#"message / ["echo","ab"]"#,
        "close transport close in /",
    ];
    assert_eq!(lines(&rig, &sid, 4), expected);
    // What comes late is let go.
    rig.engine.feed(feed, Bytes::from_static(b"late"));
    rig.engine.feed_written(feed, 10);
    rig.engine.feed_closed(feed);
}

#[test]
fn a_feed_whose_stream_ends_closes_its_connection() {
    let rig = Rig::new();
    let (feed, sid, _) = joined(&rig, 7);
    rig.engine.feed_closed(feed);
    assert_eq!(lines(&rig, &sid, 3)[2], "close transport close in /");
    assert!(
        rig.read(|log| log.ended_feeds.is_empty()),
        "its end is no news to the application"
    );
}

#[test]
fn a_feed_that_breaks_the_protocol_is_told_and_ended() {
    let rig = Rig::new();
    let (feed, sid, already) = joined(&rig, 7);
    rig.engine.feed(feed, Bytes::from_static(b"\xff\xff"));
    let bytes = written(&rig, 7, already + 4);
    assert_eq!(&bytes[already..], b"\x88\x02\x03\xea");
    rig.wait(|log| (log.ended_feeds == [RequestId(7)]).then_some(()));
    let close = "close transport error: Invalid WebSocket frame: RSV2 and RSV3 must be clear in /";
    assert_eq!(lines(&rig, &sid, 3)[2], close);
}

#[test]
fn a_feed_is_given_one_window_until_some_of_it_is_written() {
    let rig = Rig::new();
    let (feed, sid, already) = joined(&rig, 7);
    let socket = SocketRef {
        conn: rig.read(|log| log.by_sid[&sid]),
        namespace: ROOT,
    };
    let event = |n: usize| format!("[\"{n}\",\"{}\"]", "x".repeat(10_000));
    for n in 0..100 {
        emit(&rig.engine, socket, json(&event(n)));
    }
    // An answer to a question of the client waits behind them.
    rig.engine
        .feed(feed, Bytes::from(frame(TEXT, br#"420["ask"]"#)));
    lines(&rig, &sid, 3);
    let mut known = already;
    let mut acknowledged = already;
    let last = br#"430[]"#;
    loop {
        let bytes = written(&rig, 7, known + 1);
        assert!(
            bytes.len() - acknowledged <= WINDOW,
            "more than a window is out"
        );
        known = bytes.len();
        if bytes.ends_with(last) {
            break;
        }
        // Some of it, not all.
        let some = (known - acknowledged).div_ceil(2);
        acknowledged += some;
        rig.engine.feed_written(feed, some);
    }
    let frames = frames_of(&written(&rig, 7, known));
    let expected = (0..100).map(|n| format!("42{}", event(n)).into_bytes());
    let texts: Vec<Vec<u8>> = frames.into_iter().skip(2).map(|(_, text)| text).collect();
    assert!(texts == expected.chain([last.to_vec()]).collect::<Vec<_>>());
}

#[test]
fn a_feed_that_is_never_written_is_closed_when_its_queue_is_full() {
    let mut config = config();
    config.max_queued_bytes = 2 * WINDOW;
    let rig = Rig::with(config);
    let (_, sid, _) = joined(&rig, 7);
    let socket = SocketRef {
        conn: rig.read(|log| log.by_sid[&sid]),
        namespace: ROOT,
    };
    let event = format!("[\"{}\"]", "x".repeat(100_000));
    for _ in 0..6 {
        emit(&rig.engine, socket, json(&event));
    }
    assert_eq!(lines(&rig, &sid, 3)[2], "close transport error in /");
    rig.wait(|log| (log.ended_feeds == [RequestId(7)]).then_some(()));
}

#[test]
fn a_feed_that_names_no_session_is_forgotten() {
    let rig = Rig::new();
    let polling = rig.join(Way::WebSocket);
    attach(&rig, &format!("{WEBSOCKET}&sid=nobody"), 1, b"");
    attach(&rig, "/socket.io/?EIO=4&transport=polling", 2, b"");
    // A session that is on a WebSocket already: a close frame, then nothing.
    attach(&rig, &format!("{WEBSOCKET}&sid={}", polling.sid), 3, b"");
    rig.wait(|log| (log.forgotten.len() == 3).then_some(()));
    assert_eq!(frames_of(&written(&rig, 3, 1)), [(CLOSE, Vec::new())]);
}

#[test]
fn requests_of_the_application_and_an_upgrade_by_feed() {
    let rig = Rig::new();
    let ask = |number: u64, method: &str, sid: &str, body: &'static [u8]| {
        let url = format!("/socket.io/?EIO=4&transport=polling{sid}");
        rig.engine.request(Request {
            request: RequestId(number),
            method,
            url: &url,
            content_type: None,
            user_agent: None,
            body: Bytes::from_static(body),
            handshake: None,
            sid: None,
            address: None,
        })
    };
    let answer = |number| {
        let answer = rig.wait(|log| log.answers.get(&RequestId(number)).cloned());
        let body = String::from_utf8(answer.body.to_vec()).expect("text");
        (answer.status, body)
    };
    assert_eq!(ask(1, "GET", "", b""), None);
    let sid = sid_of(&answer(1).1);
    let query = format!("&sid={sid}");
    let conn = rig.read(|log| log.by_sid[&sid]);
    assert_eq!(ask(2, "POST", &query, b"40"), Some(conn));
    assert_eq!(answer(2), (200, "ok".into()));
    assert_eq!(ask(3, "GET", &query, b""), Some(conn));
    assert!(answer(3).1.starts_with("40{"));
    ask(4, "GET", "&sid=nobody", b"");
    let refusal = r#"{"code":1,"message":"Session ID unknown"}"#;
    assert_eq!(answer(4), (400, refusal.into()));

    ask(5, "GET", &query, b"");
    let feed = attach(
        &rig,
        &format!("{WEBSOCKET}&sid={sid}"),
        6,
        &frame(TEXT, b"2probe"),
    );
    assert_eq!(answer(5), (200, "6".into()));
    let bytes = [frame(TEXT, b"5"), frame(TEXT, br#"42["echo"]"#)].concat();
    rig.engine.feed(feed, Bytes::from(bytes));
    let frames = frames_of(&written(&rig, 6, 36));
    assert_eq!(
        frames,
        [
            (TEXT, b"3probe".to_vec()),
            (TEXT, br#"42["echo"]"#.to_vec())
        ]
    );
    let expected = [
        "open polling",
        "connect /",
        "probed",
        "upgraded",
        r#"message / ["echo"]"#,
    ];
    assert_eq!(lines(&rig, &sid, 5), expected);
}

#[test]
fn a_feed_that_fails_to_upgrade_its_session_is_forgotten() {
    let rig = Rig::new();
    let mut client = rig.join(Way::Polling);
    let url = format!("{WEBSOCKET}&sid={}", client.sid);
    let feed = attach(&rig, &url, 6, &frame(TEXT, b"not a probe"));
    assert_eq!(frames_of(&written(&rig, 6, 18)), [(CLOSE, Vec::new())]);
    rig.engine.feed_closed(feed);
    rig.wait(|log| (log.forgotten == [RequestId(6)]).then_some(()));
    client.expect_nothing();
}

#[test]
fn a_poll_whose_client_is_gone_ends_its_session() {
    let rig = Rig::new();
    let mut client = rig.open(Way::Polling);
    let target = client.polling().target.clone();
    let request = Request {
        request: RequestId(1),
        method: "GET",
        url: &target,
        content_type: None,
        user_agent: None,
        body: Bytes::new(),
        handshake: None,
        sid: None,
        address: None,
    };
    let conn = rig.engine.request(request).expect("its connection");
    rig.engine.request_closed(conn, RequestId(2));
    client.send("40");
    rig.wait(|log| log.answers.contains_key(&RequestId(1)).then_some(()));
    rig.engine.request_closed(conn, RequestId(1));
    client.expect_nothing();
}
