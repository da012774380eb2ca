//! Applications that answer a peer's end by themselves: what they still send leaves before the answer.

use sori::proto::websocket::Role;

use crate::support::engine::*;
use crate::support::websocket::*;

const BAD_OPCODE: u8 = 0x83;

fn answering(rig: &Rig) -> Group<'_> {
    Group::with(rig, |settings| settings.application_answers = true)
}

#[test]
fn what_is_sent_after_a_close_frame_came_leaves_before_the_answer() {
    for role in BOTH_ROLES {
        let rig = Rig::new();
        let group = answering(&rig);
        let mut peer = group.open(role);
        peer.wire.send_frame(TEXT, b"question");
        peer.wire.send_frame(CLOSE, b"\x03\xe8bye");
        peer.wire.send_frame(TEXT, b"too late");
        let lines = group.wait_line(&peer, "closing 1000 bye");
        assert_eq!(lines[1..], ["text question", "closing 1000 bye"]);

        group.send(&peer, text("answer").with_token(1));
        group.close(&peer, 1000, "bye");
        assert_eq!(peer.wire.read_text(), "answer");
        assert_eq!(peer.wire.read_close(), b"\x03\xe8bye");
        peer.wire.expect_end();
        peer.wire.finish();
        let lines = group.wait_closed(&peer);
        let expected = [
            "text question",
            "closing 1000 bye",
            "sent 1",
            "close 1000 bye",
        ];
        assert_eq!(lines, expected, "{role:?}");
    }
}

#[test]
fn a_broken_rule_is_answered_with_its_code_when_the_application_says_so() {
    let rig = Rig::new();
    let group = answering(&rig);
    let mut peer = group.open(Role::Server);
    peer.wire.send_frame(TEXT, b"question");
    peer.wire.send_frame(BAD_OPCODE, b"");
    group.wait_lines(&peer, |lines| lines.len() == 3);
    group.send(&peer, text("answer"));
    // Whatever code the application gives: the peer hears what it did.
    group.close(&peer, 1000, "");
    assert_eq!(peer.wire.read_text(), "answer");
    assert_eq!(peer.wire.read_close(), 1002_u16.to_be_bytes());
    peer.wire.expect_end();
}

#[test]
fn a_peer_that_has_ended_its_half_still_hears_the_answer() {
    let rig = Rig::new();
    let group = answering(&rig);
    let mut peer = group.open(Role::Server);
    peer.wire.send_frame(TEXT, b"question");
    peer.wire.finish();
    group.wait_line(&peer, "ended");
    group.send(&peer, text("answer"));
    group.ask(&peer, websocket::Command::End);
    assert_eq!(peer.wire.read_text(), "answer");
    peer.wire.expect_end();
    let lines = group.wait_closed(&peer);
    assert_eq!(lines, ["text question", "ended", "close 1006 "]);
}

#[test]
fn an_application_that_ends_its_half_hears_the_peer_until_that_ends_its_own() {
    let rig = Rig::new();
    let group = answering(&rig);
    let mut peer = group.open(Role::Server);
    group.send(&peer, text("all"));
    group.ask(&peer, websocket::Command::End);
    assert_eq!(peer.wire.read_text(), "all");
    peer.wire.expect_end();
    peer.wire.send_frame(TEXT, b"still");
    peer.wire.send_frame(TEXT, b"here");
    peer.wire.finish();
    let lines = group.wait_closed(&peer);
    assert_eq!(lines, ["text still", "text here", "ended", "close 1006 "]);
}

#[test]
fn one_that_ends_its_half_waits_for_the_peer_no_longer_than_for_a_close() {
    let rig = Rig::new();
    let group = Group::with(&rig, |settings| {
        settings.close_timeout = std::time::Duration::from_millis(30);
    });
    let mut peer = group.open(Role::Server);
    group.ask(&peer, websocket::Command::End);
    peer.wire.expect_end();
    assert_eq!(group.wait_closed(&peer), ["close 1006 "]);
}

#[test]
fn an_application_that_says_nothing_is_not_waited_for_longer_than_a_peer() {
    let rig = Rig::new();
    let group = Group::with(&rig, |settings| {
        settings.application_answers = true;
        settings.close_timeout = std::time::Duration::from_millis(30);
    });
    let mut peer = group.open(Role::Server);
    peer.wire.send_frame(CLOSE, b"\x03\xe8bye");
    assert_eq!(peer.wire.read_close(), b"\x03\xe8bye");
    let lines = group.wait_closed(&peer);
    assert_eq!(lines, ["closing 1000 bye", "close 1000 bye"]);
}

#[test]
fn raw_bytes_leave_as_they_are_in_their_place() {
    let rig = Rig::new();
    let group = Group::new(&rig);
    let mut peer = group.open(Role::Server);
    group.send(&peer, text("before"));
    let raw = |data| {
        websocket::Command::Raw(websocket::Control {
            data,
            token: Some(data.len() as u64),
            gauge: Some(&peer.gauge),
        })
    };
    group.ask(&peer, raw(b"\x81\x03raw"));
    // Nothing at all asks when what came before has left.
    group.ask(&peer, raw(b""));
    group.send(&peer, text("behind"));
    assert_eq!(peer.wire.read_text(), "before");
    assert_eq!(peer.wire.read_text(), "raw");
    assert_eq!(peer.wire.read_text(), "behind");
    let lines = group.wait_line(&peer, "sent 0");
    assert_eq!(lines[1..], ["sent 5", "sent 0"]);
}
