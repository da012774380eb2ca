//! The format of `createShardedAdapter` in `@socket.io/redis-adapter` 8.3: by the bytes that the package
//! itself writes.

use bytes::Bytes;
use sori::proto::cluster::{
    Heard, Message, Publication, Refusal, Reply, Sharded, SubscriptionMode, Value,
};

use crate::support::cluster::{
    asking, broadcast, bytes_of, mangled, message_of, names, recipients, reply_to, sockets, value,
};

fn sharded() -> Sharded {
    Sharded::new("socket.io", SubscriptionMode::Dynamic)
}

fn text(json: &'static str) -> Bytes {
    Bytes::from_static(json.as_bytes())
}

/// What the package writes, and on which channel.
fn messages() -> Vec<(Message, &'static str, Bytes)> {
    let hi = value(r#"["hi",1,{"a":[true,null,-5,0.5]}]"#, &[]);
    let binary = value(r#"["hi",{"_placeholder":true,"num":0}]"#, &[&[1, 2]]);
    let news = value(r#"["news",{"_placeholder":true,"num":0}]"#, &[&[9]]);
    let plain = value(r#"["hi"]"#, &[]);
    let all = "socket.io#/#";
    vec![
        (
            broadcast(recipients(&[], &[]), hi, false),
            all,
            text(
                r#"{"type":3,"data":{"packet":{"type":2,"data":["hi",1,{"a":[true,null,-5,0.5]}]},"opts":{"rooms":[],"except":[],"flags":{}}},"uid":"abcdef","nsp":"/"}"#,
            ),
        ),
        (
            broadcast(recipients(&["r1"], &["x"]), binary, true),
            "socket.io#/#r1#",
            bytes_of(
                "84a47479706503a46461746182a67061636b657482a47479706502a46461746192a26869c4020102a46f70747383a5726f6f6d7391a27231a665786365707491a178a5666c61677381a8766f6c6174696c65c3a3756964a6616263646566a36e7370a12f",
            ),
        ),
        (
            broadcast(recipients(&["abcdefghijklmnopqrst"], &[]), plain, false),
            all,
            text(
                r#"{"type":3,"data":{"packet":{"type":2,"data":["hi"]},"opts":{"rooms":["abcdefghijklmnopqrst"],"except":[],"flags":{}}},"uid":"abcdef","nsp":"/"}"#,
            ),
        ),
        (
            asking("762802f64b7e95c3", r#"["ask","q"]"#),
            all,
            text(
                r#"{"type":3,"data":{"packet":{"type":2,"data":["ask","q"]},"requestId":"762802f64b7e95c3","opts":{"rooms":[],"except":[],"flags":{"timeout":5000}}},"uid":"abcdef","nsp":"/"}"#,
            ),
        ),
        (
            Message::Join {
                recipients: recipients(&["r1"], &[]),
                rooms: names(&["n1", "n2"]),
                request: None,
            },
            all,
            text(
                r#"{"type":4,"data":{"opts":{"rooms":["r1"],"except":[],"flags":{}},"rooms":["n1","n2"]},"uid":"abcdef","nsp":"/"}"#,
            ),
        ),
        (
            Message::Leave {
                recipients: recipients(&[], &["x"]),
                rooms: names(&["n1"]),
                request: None,
            },
            all,
            text(
                r#"{"type":5,"data":{"opts":{"rooms":[],"except":["x"],"flags":{}},"rooms":["n1"]},"uid":"abcdef","nsp":"/"}"#,
            ),
        ),
        (
            Message::Disconnect {
                recipients: recipients(&["r1"], &[]),
                close: true,
                request: None,
            },
            all,
            text(
                r#"{"type":6,"data":{"opts":{"rooms":["r1"],"except":[],"flags":{}},"close":true},"uid":"abcdef","nsp":"/"}"#,
            ),
        ),
        (
            Message::FetchSockets {
                request: "788af9eef2cd5328".into(),
                recipients: recipients(&["r1"], &[]),
            },
            all,
            text(
                r#"{"type":7,"data":{"opts":{"rooms":["r1"],"except":[],"flags":{}},"requestId":"788af9eef2cd5328"},"uid":"abcdef","nsp":"/"}"#,
            ),
        ),
        (
            Message::ServerSideEmit {
                event: news,
                request: None,
            },
            all,
            bytes_of(
                "84a47479706509a46461746181a67061636b657492a46e657773c40109a3756964a6616263646566a36e7370a12f",
            ),
        ),
        (
            Message::ServerSideEmit {
                event: value(r#"["q","w"]"#, &[]),
                request: Some("5623d64a95fa4f23".into()),
            },
            all,
            text(
                r#"{"type":9,"data":{"requestId":"5623d64a95fa4f23","packet":["q","w"]},"uid":"abcdef","nsp":"/"}"#,
            ),
        ),
    ]
}

fn replies() -> Vec<(Reply, Bytes)> {
    let binary = || value(r#"{"_placeholder":true,"num":0}"#, &[&[5]]);
    vec![
        (
            Reply::ClientCount(0),
            text(
                r#"{"type":11,"data":{"requestId":"R1","clientCount":0},"uid":"abcdef","nsp":"/"}"#,
            ),
        ),
        (
            Reply::ClientAck(value(r#"["ok"]"#, &[])),
            text(
                r#"{"type":12,"data":{"requestId":"R1","packet":["ok"]},"uid":"abcdef","nsp":"/"}"#,
            ),
        ),
        (
            Reply::ClientAck(binary()),
            bytes_of(
                "84a4747970650ca46461746182a9726571756573744964a25231a67061636b6574c40105a3756964a6616263646566a36e7370a12f",
            ),
        ),
        (
            Reply::Sockets(sockets(r#"{"name":"b"}"#, &[])),
            text(
                r#"{"type":8,"data":{"requestId":"R1","sockets":[{"id":"s1","handshake":{"auth":{}},"rooms":["s1"],"data":{"name":"b"}}]},"uid":"abcdef","nsp":"/"}"#,
            ),
        ),
        (
            Reply::Sockets(sockets(r#"{"b":{"_placeholder":true,"num":0}}"#, &[&[1]])),
            bytes_of(
                "84a47479706508a46461746182a9726571756573744964a25231a7736f636b6574739184a26964a27331a968616e647368616b6581a46175746880a5726f6f6d7391a27331a46461746181a162c40101a3756964a6616263646566a36e7370a12f",
            ),
        ),
        (
            Reply::ServerSideEmit(value(r#""well!""#, &[])),
            text(
                r#"{"type":10,"data":{"requestId":"R1","packet":"well!"},"uid":"abcdef","nsp":"/"}"#,
            ),
        ),
    ]
}

#[test]
fn messages_are_written_and_read_as_the_package_does() {
    for (message, channel, bytes) in messages() {
        let written = sharded().write("abcdef", "/", &message).unwrap();
        let channel = channel.into();
        assert_eq!(written, Publication { channel, bytes });
        assert_eq!(Heard::read(&written.bytes), Ok(message_of(message)));
    }
}

#[test]
fn replies_are_written_and_read_as_the_package_does() {
    for (reply, bytes) in replies() {
        let written = sharded()
            .reply("abcdef", "/", "other", "R1", &reply)
            .unwrap();
        let channel = "socket.io#/#other#".into();
        assert_eq!(written, Publication { channel, bytes });
        assert_eq!(Heard::read(&written.bytes), Ok(reply_to("R1", reply)));
    }
}

#[test]
fn an_answer_of_nothing_is_null() {
    for (json, null) in [
        (
            r#"{"type":12,"data":{"requestId":"R1"},"uid":"abcdef","nsp":"/"}"#,
            Reply::ClientAck as fn(Value) -> Reply,
        ),
        (
            r#"{"type":10,"data":{"requestId":"R1"},"uid":"abcdef","nsp":"/"}"#,
            Reply::ServerSideEmit,
        ),
    ] {
        let reply = null(value("null", &[]));
        assert_eq!(Heard::read(&text(json)), Ok(reply_to("R1", reply)));
    }
}

#[test]
fn ones_own_messages_are_told_without_reading_them() {
    for (message, ..) in messages() {
        let own = sharded().write("abcdef", "/", &message).unwrap().bytes;
        assert!(Sharded::is_of("abcdef", "/", &own));
        assert!(!Sharded::is_of("bcdef", "/", &own));
        assert!(!Sharded::is_of("abcdeg", "/", &own));
        assert!(!Sharded::is_of("abcdef", "/a", &own));
    }
    for bytes in [
        &b""[..],
        b"/",
        b"\"}",
        b"\xa3nsp\xa1/",
        b"abcdef\",\"nsp\":\"/\"}",
    ] {
        assert!(!Sharded::is_of("abcdef", "/", bytes));
    }
}

#[test]
fn the_mode_tells_which_rooms_have_channels_of_their_own() {
    let sid = "abcdefghijklmnopqrst";
    for (mode, room, own) in [
        (SubscriptionMode::Static, false, false),
        (SubscriptionMode::Dynamic, true, false),
        (SubscriptionMode::DynamicPrivate, true, true),
    ] {
        let wire = Sharded::new("chat", mode);
        let channel = |name: &str| wire.room_channel("/a", name);
        assert_eq!(channel("red").as_deref(), room.then_some("chat#/a#red#"));
        assert_eq!(channel(sid).is_some(), own);
        assert_eq!(wire.has_room_channels(), room);
    }
}

#[test]
fn a_broadcast_that_wants_acks_or_has_several_rooms_goes_to_all() {
    let event = || value(r#"["hi"]"#, &[]);
    let mut wanting = asking("R1", r#"["hi"]"#);
    if let Message::Broadcast { recipients, .. } = &mut wanting {
        recipients.rooms = names(&["r1"]);
    }
    let to_two = broadcast(recipients(&["r1", "r2"], &[]), event(), false);
    for message in [wanting, to_two] {
        let written = sharded().write("abcdef", "/", &message).unwrap();
        assert_eq!(&*written.channel, "socket.io#/#");
    }
}

#[test]
fn what_the_format_cannot_say_is_not_said() {
    let request = "R1".into();
    let message = Message::FetchRooms { request };
    assert_eq!(sharded().write("abcdef", "/", &message), None);
    assert_eq!(
        sharded().reply("abcdef", "/", "other", "R1", &Reply::Done),
        None
    );
}

#[test]
fn what_is_malformed_or_unknown_is_refused() {
    use Refusal::{Malformed, Unknown};
    for (json, refusal) in [
        ("{", Malformed),
        ("{}", Malformed),
        (r#"{"type":3,"uid":"o","nsp":"/"}"#, Malformed),
        (r#"{"type":3,"data":{},"uid":"o","nsp":"/"}"#, Malformed),
        (
            r#"{"type":3,"data":{"packet":{"type":2,"data":["x"]}},"uid":"o","nsp":"/"}"#,
            Malformed,
        ),
        (
            r#"{"type":3,"data":{"packet":{"type":2,"data":[{}]},"opts":{"rooms":[],"except":[]}},"uid":"o","nsp":"/"}"#,
            Malformed,
        ),
        (
            r#"{"type":3,"data":{"packet":{"type":2,"data":["connect"]},"opts":{"rooms":[],"except":[]}},"uid":"o","nsp":"/"}"#,
            Malformed,
        ),
        (
            r#"{"type":3,"data":{"packet":{"type":0,"data":{}},"opts":{"rooms":[],"except":[]}},"uid":"o","nsp":"/"}"#,
            Unknown,
        ),
        (
            r#"{"type":4,"data":{"rooms":["a"]},"uid":"o","nsp":"/"}"#,
            Malformed,
        ),
        (
            r#"{"type":5,"data":{"opts":{"rooms":[{}],"except":[]},"rooms":["a"]},"uid":"o","nsp":"/"}"#,
            Malformed,
        ),
        (
            r#"{"type":7,"data":{"opts":{"rooms":[],"except":[]}},"uid":"o","nsp":"/"}"#,
            Malformed,
        ),
        (
            r#"{"type":8,"data":{"requestId":"R1","sockets":[{}]},"uid":"o","nsp":"/"}"#,
            Malformed,
        ),
        (
            r#"{"type":9,"data":{"packet":"news"},"uid":"o","nsp":"/"}"#,
            Malformed,
        ),
        (
            r#"{"type":11,"data":{"requestId":"R1"},"uid":"o","nsp":"/"}"#,
            Malformed,
        ),
        (
            r#"{"type":12,"data":{"packet":1},"uid":"o","nsp":"/"}"#,
            Malformed,
        ),
        (r#"{"type":2,"uid":"o","nsp":"/"}"#, Unknown),
        (r#"{"type":99,"uid":"o","nsp":"/"}"#, Unknown),
        (
            r#"{"type":4,"data":{"opts":{"rooms":[],"except":[]},"rooms":[]},"nsp":"/"}"#,
            Malformed,
        ),
    ] {
        assert_eq!(Heard::read(&text(json)), Err(refusal), "{json}");
    }
    assert_eq!(Heard::read(&Bytes::new()), Err(Malformed));
    assert_eq!(Heard::read(&Bytes::from_static(&[0x93, 1])), Err(Malformed));
}

#[test]
fn nothing_that_comes_over_the_bus_makes_it_panic() {
    let messages = messages().into_iter().map(|(_, _, bytes)| bytes);
    let replies = replies().into_iter().map(|(_, bytes)| bytes);
    for whole in messages.chain(replies) {
        for bytes in mangled(&whole) {
            let _ = Heard::read(&bytes);
            let _ = Sharded::is_of("abcdef", "/", &bytes);
        }
    }
}
