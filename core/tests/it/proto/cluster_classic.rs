//! The format of `@socket.io/redis-adapter` 8.3 and `@socket.io/redis-emitter` 5: by the bytes that the
//! packages themselves write.

use bytes::Bytes;
use sori::proto::cluster::{
    AckWanted, Answered, Classic, Message, Received, Refusal, Reply, SocketDetails,
};

use crate::support::cluster::{broadcast, bytes_of, mangled, names, recipients, value};

fn classic() -> Classic {
    Classic::new("socket.io", false)
}

const HI_ALL: &str = "93a661626364656683a47479706502a46461746193a268690181a16194c3c0fbcb3fe0000000000000a36e7370a12f83a5726f6f6d7390a665786365707490a5666c61677380";
const HI_ROOM: &str = "93a661626364656683a47479706502a46461746192a26869c4020102a36e7370a12f83a5726f6f6d7391a27231a665786365707491a178a5666c61677381a8766f6c6174696c65c3";
const HI_ROOMS: &str = "93a661626364656683a47479706502a46461746191a26869a36e7370a12f83a5726f6f6d7392a27231a27232a665786365707490a5666c61677381a8636f6d7072657373c2";
const ASK: &str = "85a3756964a6616263646566a9726571756573744964a6465065547936a47479706507a67061636b657483a47479706502a46461746192a361736ba171a36e7370a12fa46f70747383a5726f6f6d7390a665786365707490a5666c61677381a774696d656f7574cd1388";
const EMITTED: &str = "93a7656d697474657283a47479706502a46461746193a568656c6c6f81a16e01c40107a36e7370a12f83a5726f6f6d7391a27231a5666c61677380a665786365707490";

fn all() -> Message {
    let hi = value(r#"["hi",1,{"a":[true,null,-5,0.5]}]"#, &[]);
    broadcast(recipients(&[], &[]), hi, false)
}

fn to_room() -> Message {
    let hi = value(r#"["hi",{"_placeholder":true,"num":0}]"#, &[&[1, 2]]);
    broadcast(recipients(&["r1"], &["x"]), hi, true)
}

fn asking() -> Message {
    Message::Broadcast {
        recipients: recipients(&[], &[]),
        event: value(r#"["ask","q"]"#, &[]),
        volatile: false,
        ack: Some(AckWanted {
            request: "FPeTy6".into(),
            timeout_ms: Some(5000),
        }),
    }
}

#[test]
fn broadcasts_are_written_and_read_as_the_package_does() {
    for (message, channel, hex) in [
        (all(), "socket.io#/#", HI_ALL),
        (to_room(), "socket.io#/#r1#", HI_ROOM),
    ] {
        let written = classic().write("abcdef", "/", &message);
        assert_eq!(
            (&*written.channel, &written.bytes),
            (channel, &bytes_of(hex))
        );
        let received = Received {
            node: Some("abcdef".into()),
            namespace: Some("/".into()),
            message,
        };
        assert_eq!(Classic::read_broadcast(&written.bytes), Ok(received));
        assert!(Classic::is_broadcast_of("abcdef", &written.bytes));
        assert!(!Classic::is_broadcast_of("abcdeg", &written.bytes));
    }
    let received = Classic::read_broadcast(&bytes_of(HI_ROOMS)).unwrap();
    let hi = value(r#"["hi"]"#, &[]);
    assert_eq!(
        received.message,
        broadcast(recipients(&["r1", "r2"], &[]), hi, false)
    );
}

#[test]
fn an_emitters_broadcast_is_read() {
    let received = Classic::read_broadcast(&bytes_of(EMITTED)).unwrap();
    let hello = value(
        r#"["hello",{"n":1},{"_placeholder":true,"num":0}]"#,
        &[&[7]],
    );
    assert_eq!(received.node.as_deref(), Some("emitter"));
    assert_eq!(
        received.message,
        broadcast(recipients(&["r1"], &[]), hello, false)
    );
}

#[test]
fn requests_are_written_and_read_as_the_package_does() {
    let text = |json: &'static str| Bytes::from_static(json.as_bytes());
    let cases = [
        (asking(), bytes_of(ASK)),
        (
            Message::Join {
                recipients: recipients(&["r1"], &[]),
                rooms: names(&["n1", "n2"]),
                request: None,
            },
            text(
                r#"{"uid":"abcdef","type":2,"opts":{"rooms":["r1"],"except":[]},"rooms":["n1","n2"]}"#,
            ),
        ),
        (
            Message::Leave {
                recipients: recipients(&[], &["x"]),
                rooms: names(&["n1"]),
                request: None,
            },
            text(r#"{"uid":"abcdef","type":3,"opts":{"rooms":[],"except":["x"]},"rooms":["n1"]}"#),
        ),
        (
            Message::Disconnect {
                recipients: recipients(&["r1"], &[]),
                close: true,
                request: None,
            },
            text(r#"{"uid":"abcdef","type":4,"opts":{"rooms":["r1"],"except":[]},"close":true}"#),
        ),
        (
            Message::ServerSideEmit {
                event: value(r#"["news",{"n":1}]"#, &[]),
                request: None,
            },
            text(r#"{"uid":"abcdef","type":6,"data":["news",{"n":1}]}"#),
        ),
        (
            Message::ServerSideEmit {
                event: value(r#"["question","w"]"#, &[]),
                request: Some("PZ77iB".into()),
            },
            text(r#"{"uid":"abcdef","requestId":"PZ77iB","type":6,"data":["question","w"]}"#),
        ),
        (
            Message::FetchSockets {
                request: "36pTKQ".into(),
                recipients: recipients(&["r1"], &[]),
            },
            text(
                r#"{"uid":"abcdef","requestId":"36pTKQ","type":5,"opts":{"rooms":["r1"],"except":[]}}"#,
            ),
        ),
        (
            Message::FetchRooms {
                request: "BvAmkn".into(),
            },
            text(r#"{"uid":"abcdef","requestId":"BvAmkn","type":1}"#),
        ),
    ];
    for (message, bytes) in cases {
        let written = classic().write("abcdef", "/", &message);
        assert_eq!(&*written.channel, "socket.io-request#/#");
        assert_eq!(written.bytes, bytes, "{message:?}");
        let received = Received {
            node: Some("abcdef".into()),
            namespace: None,
            message,
        };
        assert_eq!(Classic::read_request(&bytes), Ok(received));
    }
}

#[test]
fn replies_are_written_and_read_as_the_package_does() {
    let text = |json: &'static str| Bytes::from_static(json.as_bytes());
    let socket = SocketDetails {
        id: "s1".into(),
        handshake: r#"{"address":"::1","auth":{"name":"a"}}"#.into(),
        rooms: names(&["s1", "r1"]),
        data: value(r#"{"name":"a","b":1}"#, &[]),
    };
    let cases = [
        (
            "r00001",
            Reply::ServerSideEmit(value(r#"{"ok":true}"#, &[])),
            text(r#"{"type":6,"requestId":"r00001","data":{"ok":true}}"#),
        ),
        (
            "r00002",
            Reply::Sockets(vec![socket]),
            text(
                r#"{"requestId":"r00002","sockets":[{"id":"s1","handshake":{"address":"::1","auth":{"name":"a"}},"rooms":["s1","r1"],"data":{"name":"a","b":1}}]}"#,
            ),
        ),
        (
            "r00003",
            Reply::SocketIds(names(&["s1"])),
            text(r#"{"requestId":"r00003","sockets":["s1"]}"#),
        ),
        (
            "r00004",
            Reply::Rooms(names(&["s1", "r1"])),
            text(r#"{"requestId":"r00004","rooms":["s1","r1"]}"#),
        ),
        (
            "r00005",
            Reply::ClientCount(1),
            text(r#"{"type":8,"requestId":"r00005","clientCount":1}"#),
        ),
        (
            "r00005",
            Reply::ClientAck(value(r#""yes""#, &[])),
            bytes_of("83a47479706509a9726571756573744964a6723030303035a67061636b6574a3796573"),
        ),
        (
            "r00005",
            Reply::ClientAck(value(r#"{"_placeholder":true,"num":0}"#, &[&[9]])),
            bytes_of("83a47479706509a9726571756573744964a6723030303035a67061636b6574c40109"),
        ),
        ("r00006", Reply::Done, text(r#"{"requestId":"r00006"}"#)),
    ];
    for (request, reply, bytes) in cases {
        let written = classic().reply("/", Some("other0"), request, &reply);
        assert_eq!(&*written.channel, "socket.io-response#/#");
        assert_eq!(written.bytes, bytes, "{reply:?}");
        let request = request.into();
        assert_eq!(
            Classic::read_response(&bytes),
            Ok(Answered { request, reply })
        );
    }
    let nothing = bytes_of("82a47479706509a9726571756573744964a6723030303035");
    let reply = Classic::read_response(&nothing).unwrap().reply;
    assert_eq!(reply, Reply::ClientAck(value("null", &[])));
}

#[test]
fn replies_may_go_to_the_node_that_asked_alone() {
    let private = Classic::new("key", true);
    let to = |asker| private.reply("/n", asker, "r", &Reply::Done).channel;
    assert_eq!(&*to(Some("other0")), "key-response#/n#other0#");
    assert_eq!(&*to(None), "key-response#/n#");
    let heard = private.response_channels("/n", "other0");
    let heard = heard.each_ref().map(|channel| &**channel);
    assert_eq!(heard, ["key-response#/n#other0#", "key-response#/n#"]);
}

#[test]
fn the_attachments_of_several_sockets_stay_apart() {
    let socket = |id: &str, bytes: &'static [u8]| SocketDetails {
        id: id.into(),
        handshake: "{}".into(),
        rooms: Vec::new(),
        data: value(r#"{"b":{"_placeholder":true,"num":0}}"#, &[bytes]),
    };
    let reply = Reply::Sockets(vec![socket("a", b"1"), socket("b", b"2")]);
    let written = classic().reply("/", None, "r", &reply);
    let Reply::Sockets(read) = Classic::read_response(&written.bytes).unwrap().reply else {
        panic!("sockets were written");
    };
    let data = |num: usize| format!(r#"{{"b":{{"_placeholder":true,"num":{num}}}}}"#);
    assert_eq!(&*read[0].data.json, data(0));
    assert_eq!(&*read[1].data.json, data(1));
    assert_eq!(read[1].data.attachments[1], "2");
}

#[test]
fn requests_of_older_releases_about_one_socket_are_read() {
    let read = |json: &'static str| Classic::read_request(&Bytes::from_static(json.as_bytes()));
    let join = read(r#"{"requestId":"r1","type":2,"sid":"s1","room":7}"#).unwrap();
    assert_eq!(
        join.message,
        Message::Join {
            recipients: recipients(&["s1"], &[]),
            rooms: names(&["7"]),
            request: Some("r1".into()),
        }
    );
    let leave = read(r#"{"requestId":"r1","type":3,"sid":"s1","room":"a"}"#).unwrap();
    assert!(matches!(
        leave.message,
        Message::Leave {
            request: Some(_),
            ..
        }
    ));
    let close = read(r#"{"requestId":"r1","type":4,"sid":"s1","close":true}"#).unwrap();
    assert!(matches!(
        close.message,
        Message::Disconnect { close: true, .. }
    ));
    let ids = read(r#"{"requestId":"r1","type":0,"rooms":["a",1]}"#).unwrap();
    let rooms = names(&["a", "1"]);
    let request = "r1".into();
    assert_eq!(ids.message, Message::FetchIds { request, rooms });
}

#[test]
fn the_channel_tells_the_one_room_that_is_meant() {
    let classic = classic();
    assert_eq!(classic.room_of("/", "socket.io#/#"), None);
    assert_eq!(classic.room_of("/", "socket.io#/#a#"), Some("a"));
    assert_eq!(classic.room_of("/", "socket.io#/#a#b#"), Some("a#b"));
    assert_eq!(classic.room_of("/n", "socket.io#/#a#"), None);
    assert_eq!(
        &*classic.broadcasts_pattern("/a*[b]?\\"),
        r"socket.io#/a\*\[b\]\?\\#*"
    );
}

#[test]
fn what_is_malformed_is_refused() {
    let text = |json: &'static str| Bytes::from_static(json.as_bytes());
    for json in [
        "",
        "{",
        "{}",
        "[1,2]",
        r#"{"type":2}"#,
        r#"{"type":4,"close":true}"#,
        r#"{"type":5,"requestId":"r"}"#,
        r#"{"type":5,"opts":{}}"#,
        r#"{"type":6}"#,
        r#"{"type":6,"data":"news"}"#,
        r#"{"type":7,"requestId":"r","opts":{}}"#,
        r#"{"type":7,"requestId":"r","opts":{},"packet":{"type":2,"data":[]}}"#,
        r#"{"type":7,"requestId":"r","opts":{},"packet":{"type":2,"data":["disconnect"]}}"#,
        r#"{"type":7,"requestId":"r","opts":{},"packet":{"type":4,"data":["a"]}}"#,
        r#"{"type":2,"opts":{"rooms":[{}]},"rooms":[]}"#,
        r#"{"type":-1}"#,
    ] {
        assert_eq!(
            Classic::read_request(&text(json)),
            Err(Refusal::Malformed),
            "{json}"
        );
    }
    assert_eq!(
        Classic::read_request(&text(r#"{"type":12}"#)),
        Err(Refusal::Unknown)
    );
    for json in [
        "{",
        "{}",
        r#"{"type":8,"requestId":"r"}"#,
        r#"{"requestId":"r","sockets":[{}]}"#,
    ] {
        assert_eq!(
            Classic::read_response(&text(json)),
            Err(Refusal::Malformed),
            "{json}"
        );
    }
    assert_eq!(
        Classic::read_broadcast(&text("[]")),
        Err(Refusal::Malformed)
    );
}

#[test]
fn nothing_that_comes_over_the_bus_makes_it_panic() {
    let whole = [HI_ALL, HI_ROOM, HI_ROOMS, ASK, EMITTED].map(bytes_of);
    for bytes in whole.iter().flat_map(mangled) {
        let _ = Classic::read_broadcast(&bytes);
        let _ = Classic::read_request(&bytes);
        let _ = Classic::read_response(&bytes);
    }
}
