//! Sockets that are away: by the records that `@socket.io/redis-streams-adapter` 0.3 itself writes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sori::proto::cluster::{Offset, Refusal, Session};

use crate::support::cluster::{mangled, names, recipients};

fn session(sid: &str, pid: &str, rooms: &[&str], data: &str) -> Session {
    Session {
        sid: sid.into(),
        pid: pid.into(),
        rooms: names(rooms),
        data: data.into(),
    }
}

/// A session, and what the package writes of it.
fn records() -> [(Session, &'static str); 2] {
    let (sid, pid) = ("sidsidsidsidsidsidsi", "pidpidpidpidpidpidpi");
    let data = r#"{"name":"Ada","n":7,"deep":[true,null,-5,0.5]}"#;
    [
        (
            session(sid, pid, &[sid, "red"], data),
            "hKNzaWS0c2lkc2lkc2lkc2lkc2lkc2lkc2mjcGlktHBpZHBpZHBpZHBpZHBpZHBpZHBppXJvb21zkrRzaWRzaWRzaWRzaWRzaWRzaWRzaaNyZWSkZGF0YYOkbmFtZaNBZGGhbgekZGVlcJTDwPvLP+AAAAAAAAA=",
        ),
        (
            session("s1", "p1", &["s1"], "{}"),
            "hKNzaWSiczGjcGlkonAxpXJvb21zkaJzMaRkYXRhgA==",
        ),
    ]
}

#[test]
fn records_are_those_of_the_package() {
    for (session, record) in records() {
        assert_eq!(session.write(), record.as_bytes());
        assert_eq!(Session::read(record.as_bytes()), Ok(session));
    }
}

#[test]
fn bytes_in_the_data_are_read_as_node_writes_them_in_json() {
    // {b: Buffer.from([1, 2]), d: new Date(0), u: undefined}
    let record = "hKNzaWSiczGjcGlkonAxpXJvb21zkaJzMaRkYXRhg6FixAIBAqFk1v8AAAAAoXXA";
    let data = r#"{"b":{"data":[1,2],"type":"Buffer"},"d":"1970-01-01T00:00:00.000Z","u":null}"#;
    let expected = session("s1", "p1", &["s1"], data);
    assert_eq!(Session::read(record.as_bytes()), Ok(expected));
}

#[test]
fn rooms_that_are_numbers_are_their_text_and_data_may_be_missing() {
    // {sid: 's', pid: 'p', rooms: [7]}
    let packed = b"\x83\xa3sid\xa1s\xa3pid\xa1p\xa5rooms\x91\x07";
    let expected = session("s", "p", &["7"], "null");
    assert_eq!(
        Session::read(STANDARD.encode(packed).as_bytes()),
        Ok(expected)
    );
}

#[test]
fn nonsense_is_refused_and_never_panics() {
    let packed = STANDARD.decode(records()[0].1).unwrap();
    let mut refused = 0;
    for bytes in mangled(&Bytes::from(packed)) {
        let read = Session::read(STANDARD.encode(&bytes).as_bytes());
        refused += usize::from(read == Err(Refusal::Malformed));
    }
    assert!(refused > 100, "{refused}");
    for record in ["", "=", "\u{ff}", "e30=", "gA=="] {
        assert_eq!(Session::read(record.as_bytes()), Err(Refusal::Malformed));
    }
}

#[test]
fn it_is_meant_as_a_member_of_its_rooms() {
    let lost = session("s", "p", &["s", "red"], "{}");
    for (rooms, except, is_meant) in [
        (&[][..], &[][..], true),
        (&["red"], &[], true),
        (&["blue", "s"], &[], true),
        (&["blue"], &[], false),
        (&[], &["red"], false),
        (&["red"], &["s"], false),
        (&["red"], &["blue"], true),
    ] {
        let meant = lost.is_meant(&recipients(rooms, except));
        assert_eq!(meant, is_meant, "{rooms:?} {except:?}");
    }
}

#[test]
fn offsets_are_read_and_ordered_as_redis_orders_them() {
    let offset = |text: &str| Offset::read(text).unwrap();
    assert!(offset("9-10") > offset("9-9"));
    assert!(offset("10-0") > offset("9-99"));
    assert_eq!(offset("9-9").to_string(), "9-9");
    assert_eq!(offset("9-9").next(), Some(offset("9-10")));
    let last = u64::MAX;
    assert_eq!(offset(&format!("9-{last}")).next(), Some(offset("10-0")));
    assert_eq!(offset(&format!("{last}-{last}")).next(), None);
    for nonsense in [
        "",
        "-",
        "1",
        "1-",
        "-1",
        "+1-0",
        "1-2-3",
        "1-x",
        " 1-1",
        "99999999999999999999999-0",
    ] {
        assert_eq!(Offset::read(nonsense), None, "{nonsense}");
    }
}

#[test]
fn only_what_can_be_a_private_id_is_looked_for() {
    assert!(Session::is_pid("pidpid_-9"));
    for nonsense in ["", "short", "with space in", "a:b:c:d:e", "täglich-oft"] {
        assert!(!Session::is_pid(nonsense), "{nonsense}");
    }
    assert!(!Session::is_pid(&"p".repeat(65)));
}
