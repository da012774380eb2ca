//! Plain WebSockets whose bytes the application reads and writes.

use bytes::Bytes;
use sori::proto::websocket::Role;
use sori::server::FeedId;

use crate::support::engine::*;
use crate::support::websocket::*;

struct Feed {
    id: FeedId,
    request: RequestId,
    peer: Peer,
}

fn attach(group: &Group<'_>, role: Role) -> Feed {
    let upgrade = group.upgrade(role);
    let request = upgrade.request;
    let id = group.rig.engine.attach_websocket_feed(upgrade);
    let (conn, gauge) = group.rig.wait(|log| log.websockets.get(&request).cloned());
    let wire = Wire::over(pair().0);
    let peer = Peer { wire, conn, gauge };
    Feed { id, request, peer }
}

/// What the engine has given to be written, once it is `length` bytes or longer.
fn written(rig: &Rig, feed: &Feed, length: usize) -> Vec<u8> {
    rig.wait(|log| {
        let bytes = log.feeds.get(&feed.request)?;
        (bytes.len() >= length).then(|| bytes.to_vec())
    })
}

fn give(rig: &Rig, feed: &Feed, bytes: &[u8]) {
    rig.engine.feed(feed.id, Bytes::copy_from_slice(bytes));
}

#[test]
fn a_feed_lives_as_a_stream_does() {
    let rig = Rig::new();
    let group = Group::new(&rig);
    let feed = attach(&group, Role::Server);
    for piece in frame(TEXT, b"in pieces").chunks(2) {
        give(&rig, &feed, piece);
    }
    group.send(&feed.peer, text("out").with_token(1));
    assert_eq!(written(&rig, &feed, 5), b"\x81\x03out");
    // Given to the application is not yet written.
    assert_eq!(feed.peer.gauge.queued_bytes(), 5);
    rig.engine.feed_written(feed.id, 4);
    rig.engine.feed_written(feed.id, 1);
    group.wait_line(&feed.peer, "sent 1");
    assert_eq!(feed.peer.gauge.queued_bytes(), 0);

    give(&rig, &feed, &frame(CLOSE, b"\x03\xe8bye"));
    assert_eq!(&written(&rig, &feed, 12)[5..], b"\x88\x05\x03\xe8bye");
    // Its end waits until the close frame is written.
    assert!(rig.read(|log| log.ended_feeds.is_empty()));
    rig.engine.feed_written(feed.id, 7);
    let expected = [
        "text in pieces",
        "sent 1",
        "closing 1000 bye",
        "close 1000 bye",
    ];
    assert_eq!(group.wait_closed(&feed.peer), expected);
    rig.wait(|log| (log.ended_feeds == [feed.request]).then_some(()));
}

#[test]
fn a_feed_whose_stream_is_gone_is_closed() {
    let rig = Rig::new();
    let group = Group::new(&rig);
    let feed = attach(&group, Role::Client);
    group.send(&feed.peer, text("never written").with_token(9));
    written(&rig, &feed, 19);
    rig.engine.feed_closed(feed.id);
    let lines = group.wait_closed(&feed.peer);
    assert_eq!(lines, ["ended", "unsent 9", "close 1006 "]);
    assert_eq!(feed.peer.gauge.queued_bytes(), 0);
    assert!(rig.read(|log| log.ended_feeds.is_empty()));
}

#[test]
fn a_terminated_feed_is_to_be_dropped() {
    let rig = Rig::new();
    let group = Group::new(&rig);
    let feed = attach(&group, Role::Server);
    group.ask(&feed.peer, websocket::Command::Terminate);
    assert_eq!(group.wait_closed(&feed.peer), ["close 1006 "]);
    rig.wait(|log| (log.ended_feeds == [feed.request]).then_some(()));
    give(&rig, &feed, &frame(TEXT, b"late"));
    rig.engine.feed_written(feed.id, 10);
    rig.engine.feed_closed(feed.id);
}

#[test]
fn what_comes_while_a_feed_is_paused_is_heard_in_order_afterwards() {
    let rig = Rig::new();
    let group = Group::new(&rig);
    let feed = attach(&group, Role::Server);
    group.ask(&feed.peer, websocket::Command::Pause);
    let bytes = [frame(TEXT, b"one"), frame(TEXT, b"two")].concat();
    let (first, second) = bytes.split_at(12);
    give(&rig, &feed, first);
    give(&rig, &feed, second);
    group.settle(&feed.peer);
    assert_eq!(group.wait_lines(&feed.peer, |_| true), ["open group 1"]);
    group.ask(&feed.peer, websocket::Command::Resume);
    give(&rig, &feed, &frame(TEXT, b"three"));
    let lines = group.wait_line(&feed.peer, "text three");
    assert_eq!(lines[1..], ["text one", "text two", "text three"]);
}

#[test]
fn what_came_before_the_end_of_a_paused_feed_is_heard() {
    let rig = Rig::new();
    let group = Group::new(&rig);
    let feed = attach(&group, Role::Server);
    group.ask(&feed.peer, websocket::Command::Pause);
    give(&rig, &feed, &frame(TEXT, b"last words"));
    rig.engine.feed_closed(feed.id);
    let lines = group.wait_closed(&feed.peer);
    assert_eq!(lines, ["text last words", "ended", "close 1006 "]);
}
