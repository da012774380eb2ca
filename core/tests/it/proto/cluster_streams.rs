//! The format of `@socket.io/redis-streams-adapter` 0.3: by what the package itself writes.

use base64::Engine as _;
use bytes::Bytes;
use sori::proto::cluster::{Entry, Heard, Message, Post, Publication, Refusal, Reply, Streams};

use crate::support::cluster::{
    asking, broadcast, bytes_of, mangled, message_of, names, recipients, reply_to, sockets, value,
};

fn streams() -> Streams {
    Streams::new("socket.io", "socket.io", 1)
}

fn entry(kind: &str, data: &str) -> Post {
    let fields = [
        ("uid", "abcdef"),
        ("nsp", "/"),
        ("type", kind),
        ("data", data),
    ];
    Post::Entry(of_fields(&fields))
}

fn of_fields(fields: &[(&str, &str)]) -> Entry {
    let fields = fields.iter();
    Entry {
        stream: "socket.io".into(),
        fields: fields
            .map(|(name, value)| ((*name).into(), Bytes::copy_from_slice(value.as_bytes())))
            .collect(),
    }
}

fn on(channel: &str, hex: &str) -> Post {
    Post::Publication(Publication {
        channel: channel.into(),
        bytes: bytes_of(hex),
    })
}

/// What the package writes, and where.
fn messages() -> Vec<(Message, Post)> {
    let hi = value(r#"["hi",1,{"a":[true,null,-5,0.5]}]"#, &[]);
    let binary = value(r#"["hi",{"_placeholder":true,"num":0}]"#, &[&[1, 2]]);
    let news = value(r#"["news",{"_placeholder":true,"num":0}]"#, &[&[9]]);
    let all = "socket.io#/#";
    vec![
        (
            broadcast(recipients(&[], &[]), hi, false),
            entry(
                "3",
                r#"{"packet":{"type":2,"data":["hi",1,{"a":[true,null,-5,0.5]}]},"opts":{"rooms":[],"except":[],"flags":{}}}"#,
            ),
        ),
        (
            broadcast(recipients(&["r1"], &["x"]), binary, true),
            entry(
                "3",
                "gqZwYWNrZXSCpHR5cGUCpGRhdGGSomhpxAIBAqRvcHRzg6Vyb29tc5GicjGmZXhjZXB0kaF4pWZsYWdzgah2b2xhdGlsZcM=",
            ),
        ),
        (
            asking("5de310cfe2ada2f5", r#"["ask","q"]"#),
            on(
                all,
                "84a47479706503a46461746183a67061636b657482a47479706502a46461746192a361736ba171a9726571756573744964b035646533313063666532616461326635a46f70747383a5726f6f6d7390a665786365707490a5666c61677381a774696d656f7574cd1388a3756964a6616263646566a36e7370a12f",
            ),
        ),
        (
            Message::Join {
                recipients: recipients(&["r1"], &[]),
                rooms: names(&["n1", "n2"]),
                request: None,
            },
            entry(
                "4",
                r#"{"opts":{"rooms":["r1"],"except":[],"flags":{}},"rooms":["n1","n2"]}"#,
            ),
        ),
        (
            Message::Leave {
                recipients: recipients(&[], &["x"]),
                rooms: names(&["n1"]),
                request: None,
            },
            entry(
                "5",
                r#"{"opts":{"rooms":[],"except":["x"],"flags":{}},"rooms":["n1"]}"#,
            ),
        ),
        (
            Message::Disconnect {
                recipients: recipients(&["r1"], &[]),
                close: true,
                request: None,
            },
            entry(
                "6",
                r#"{"opts":{"rooms":["r1"],"except":[],"flags":{}},"close":true}"#,
            ),
        ),
        (
            Message::FetchSockets {
                request: "54c3c475187bb4f7".into(),
                recipients: recipients(&["r1"], &[]),
            },
            on(
                all,
                "84a47479706507a46461746182a46f70747383a5726f6f6d7391a27231a665786365707490a5666c61677380a9726571756573744964b035346333633437353138376262346637a3756964a6616263646566a36e7370a12f",
            ),
        ),
        (
            Message::ServerSideEmit {
                event: news,
                request: None,
            },
            on(
                all,
                "84a47479706509a46461746181a67061636b657492a46e657773c40109a3756964a6616263646566a36e7370a12f",
            ),
        ),
        (
            Message::ServerSideEmit {
                event: value(r#"["q","w"]"#, &[]),
                request: Some("c14aae24f8d5279f".into()),
            },
            on(
                all,
                "84a47479706509a46461746182a9726571756573744964b063313461616532346638643532373966a67061636b657492a171a177a3756964a6616263646566a36e7370a12f",
            ),
        ),
    ]
}

fn replies() -> Vec<(Reply, &'static str)> {
    vec![
        (
            Reply::ClientCount(0),
            "84a4747970650ba46461746182a9726571756573744964a25231ab636c69656e74436f756e7400a3756964a6616263646566a36e7370a12f",
        ),
        (
            Reply::ClientAck(value(r#"["ok"]"#, &[])),
            "84a4747970650ca46461746182a9726571756573744964a25231a67061636b657491a26f6ba3756964a6616263646566a36e7370a12f",
        ),
        (
            Reply::ClientAck(value(r#"{"_placeholder":true,"num":0}"#, &[&[5]])),
            "84a4747970650ca46461746182a9726571756573744964a25231a67061636b6574c40105a3756964a6616263646566a36e7370a12f",
        ),
        (
            Reply::Sockets(sockets(r#"{"name":"b"}"#, &[])),
            "84a47479706508a46461746182a9726571756573744964a25231a7736f636b6574739184a26964a27331a968616e647368616b6581a46175746880a5726f6f6d7391a27331a46461746181a46e616d65a162a3756964a6616263646566a36e7370a12f",
        ),
        (
            Reply::ServerSideEmit(value(r#""a""#, &[])),
            "84a4747970650aa46461746182a9726571756573744964a25231a67061636b6574a161a3756964a6616263646566a36e7370a12f",
        ),
    ]
}

#[test]
fn messages_are_written_and_read_as_the_package_does() {
    for (message, post) in messages() {
        let written = streams().write("abcdef", "/", &message).unwrap();
        assert_eq!(written, post);
        let heard = match &written {
            Post::Entry(entry) => Streams::read(entry),
            Post::Publication(publication) => Heard::read(&publication.bytes),
        };
        assert_eq!(heard, Ok(message_of(message)));
    }
}

#[test]
fn replies_are_written_and_read_as_the_package_does() {
    for (reply, hex) in replies() {
        let written = streams()
            .reply("abcdef", "/", "ghijkl", "R1", &reply)
            .unwrap();
        assert_eq!(
            Post::Publication(written.clone()),
            on("socket.io#/#ghijkl#", hex)
        );
        assert_eq!(Heard::read(&written.bytes), Ok(reply_to("R1", reply)));
    }
}

#[test]
fn ones_own_entries_are_told_without_reading_them() {
    let own = of_fields(&[("uid", "abcdef"), ("nsp", "/"), ("type", "3")]);
    assert!(Streams::is_of("abcdef", &own));
    assert!(!Streams::is_of("abcde", &own));
    assert!(!Streams::is_of("abcdef", &of_fields(&[("nsp", "abcdef")])));
}

#[test]
fn namespaces_are_spread_as_the_package_does() {
    let four = Streams::new("socket.io", "s", 4);
    for (namespace, stream) in [
        ("/", "s-3"),
        ("/chat", "s-3"),
        ("/a long name of a namespace", "s--2"),
        ("/\u{e4}\u{1f600}", "s-0"),
    ] {
        assert_eq!(&*four.stream(namespace), stream, "{namespace}");
        assert!(four.streams().contains(&stream.into()));
    }
    assert_eq!(four.streams().len(), 7);
    assert_eq!(streams().streams(), names(&["socket.io"]));
    assert_eq!(&*streams().stream("/chat"), "socket.io");
}

#[test]
fn what_is_malformed_or_unknown_is_refused() {
    use Refusal::{Malformed, Unknown};
    let good = r#"{"opts":{"rooms":[],"except":[]},"rooms":["a"]}"#;
    let sender = [("uid", "o"), ("nsp", "/")];
    for (more, refusal) in [
        (vec![("type", "4")], Malformed),
        (vec![("data", good)], Malformed),
        (vec![("type", "4"), ("data", "{")], Malformed),
        (vec![("type", "4"), ("data", "no base64!")], Malformed),
        (vec![("type", "4"), ("data", "wQ==")], Malformed),
        (vec![("type", "4"), ("data", "")], Malformed),
        (vec![("type", "four"), ("data", good)], Unknown),
        (vec![("type", "2"), ("data", good)], Unknown),
        (vec![("type", "999"), ("data", good)], Unknown),
    ] {
        let fields = [&sender[..], &more].concat();
        assert_eq!(Streams::read(&of_fields(&fields)), Err(refusal), "{more:?}");
    }
    let nobodys = of_fields(&[("nsp", "/"), ("type", "4"), ("data", good)]);
    assert_eq!(Streams::read(&nobodys), Err(Malformed));
    assert_eq!(Streams::read(&of_fields(&[])), Err(Malformed));
}

#[test]
fn nothing_that_stands_in_a_stream_makes_it_panic() {
    for (_, post) in messages() {
        let Post::Entry(whole) = post else {
            continue;
        };
        for at in 0..whole.fields.len() {
            for bytes in mangled(&whole.fields[at].1) {
                let mut entry = whole.clone();
                entry.fields[at].1 = bytes;
                let _ = Streams::read(&entry);
            }
        }
        let data = whole.field("data").unwrap();
        let Ok(packed) = base64::engine::general_purpose::STANDARD.decode(data) else {
            continue;
        };
        for bytes in mangled(&packed.into()) {
            let mut entry = whole.clone();
            let data = base64::engine::general_purpose::STANDARD.encode(bytes);
            entry.fields[3].1 = data.into();
            let _ = Streams::read(&entry);
        }
    }
}

#[test]
fn what_the_format_cannot_say_is_not_said() {
    let request = "R1".into();
    let message = Message::FetchRooms { request };
    assert_eq!(streams().write("abcdef", "/", &message), None);
    let done = streams().reply("abcdef", "/", "other", "R1", &Reply::Done);
    assert_eq!(done, None);
}
