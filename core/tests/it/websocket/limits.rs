//! Peers of plain WebSockets that read too slowly, ping too much or come in too great a number.

use sori::config::{Overflow, RateLimit, WebSocketSettings};
use sori::proto::websocket::Role;

use crate::support::engine::*;
use crate::support::websocket::*;

const LEN: usize = 50_000;

/// So slow that nothing comes back while a test runs.
const SLOW: RateLimit = RateLimit {
    per_second: 1,
    burst: 2,
};

fn count(lines: &[String], start: &str) -> u64 {
    lines.iter().filter(|line| line.starts_with(start)).count() as u64
}

#[test]
fn tokens_gauge_and_drain_tell_how_far_a_slow_peer_has_come() {
    for role in BOTH_ROLES {
        let rig = Rig::new();
        let group = Group::new(&rig);
        let mut peer = group.open(role);
        let mut sent = group.stuff(&peer, LEN);
        let gauge = &peer.gauge;
        let before = gauge.queued_bytes();
        let message = websocket::Message {
            gauge: Some(gauge),
            ..binary(&[b'y'; 1000]).with_token(sent)
        };
        group.send(&peer, message);
        // At once, whatever the shard does; it knows about the mask.
        assert!(gauge.queued_bytes() >= before + 1004);
        sent += 1;
        group.settle(&peer);
        let mask = if role == Role::Client { 4 } else { 0 };
        assert_eq!(gauge.queued_bytes(), before + 1004 + mask);
        let lines = group.wait_lines(&peer, |_| true);
        assert!(count(&lines, "sent ") < sent, "{lines:?}");
        // The system may have taken all for a moment, while its buffers grew.
        let drained = count(&lines, "drain");

        for n in 0..sent {
            let (_, payload) = peer.wire.read_frame();
            assert_eq!(payload.len(), if n + 1 < sent { LEN } else { 1000 });
        }
        let lines = group.wait_lines(&peer, |lines| count(lines, "drain") == drained + 1);
        assert_eq!(gauge.queued_bytes(), 0);
        let told: Vec<&String> = lines
            .iter()
            .filter(|line| line.starts_with("sent "))
            .collect();
        let expected: Vec<String> = (0..sent).map(|token| format!("sent {token}")).collect();
        assert_eq!(told, expected.iter().collect::<Vec<_>>());
        assert_eq!(lines.last().map(String::as_str), Some("drain"));
    }
}

#[test]
fn a_slow_reader_is_closed_with_1008_and_harms_no_other() {
    for role in BOTH_ROLES {
        let rig = Rig::of_one_shard();
        let group = Group::with(&rig, |settings| settings.max_queued_bytes = 8 * LEN);
        let mut good = group.open(role);
        let mut slow = group.open(role);
        let sent = group.stuff(&slow, LEN);
        let text_of = |n: u64| format!("{n:>0$}", LEN);
        for n in 0..10 {
            group.broadcast(&[], None, &text_of(n));
        }
        for n in 0..10 {
            assert_eq!(good.wire.read_text(), text_of(n));
        }
        let lines = group.wait_line(&slow, "failed SlowReader");
        assert!(count(&lines, "unsent ") >= 1, "{lines:?}");
        // What was begun is finished, then it is told why.
        let mut frames = Vec::new();
        while let Some(frame) = slow.wire.try_read_frame() {
            frames.push(frame);
        }
        assert_eq!(frames.pop(), Some((CLOSE, vec![0x03, 0xf0])));
        assert!(frames.len() as u64 <= sent);
        slow.wire.finish();
        let lines = group.wait_closed(&slow);
        assert_eq!(lines.last().map(String::as_str), Some("close 1006 "));
        assert_eq!(count(&lines, "sent ") + count(&lines, "unsent "), sent);
        assert_eq!(slow.gauge.queued_bytes(), 0);
        assert_eq!(rig.engine.metrics().closed_slow, 1);
    }
}

#[test]
fn what_does_not_fit_is_dropped_if_the_settings_say_so() {
    let rig = Rig::of_one_shard();
    let group = Group::with(&rig, |settings| {
        settings.max_queued_bytes = 6 * LEN;
        settings.overflow = Overflow::Drop;
    });
    let mut peer = group.open(Role::Server);
    let sent = group.stuff(&peer, LEN);
    for token in sent..sent + 5 {
        let message = websocket::Message {
            gauge: Some(&peer.gauge),
            ..binary(&[0; LEN]).with_token(token)
        };
        group.send(&peer, message);
    }
    let last = format!("unsent {}", sent + 4);
    let lines = group.wait_line(&peer, &last);
    let dropped = count(&lines, "unsent ");
    assert!((1..=5).contains(&dropped), "{lines:?}");
    assert!(peer.gauge.queued_bytes() <= 6 * LEN);
    for _ in 0..sent + 5 - dropped {
        assert_eq!(peer.wire.read_frame().1.len(), LEN);
    }
    group.wait_line(&peer, "drain");
    group.send(&peer, text("alive"));
    assert_eq!(peer.wire.read_text(), "alive");
    group.settle(&peer);
    assert_eq!(peer.gauge.queued_bytes(), 0);
    assert_eq!(rig.engine.metrics().dropped_volatile, dropped);
}

#[test]
fn a_burst_is_no_fault_of_a_peer_that_reads() {
    let rig = Rig::of_one_shard();
    let group = Group::with(&rig, |settings| settings.max_queued_bytes = 10_000);
    let mut peer = group.open(Role::Server);
    // Whether the system takes anything is known from now on.
    group.send(&peer, text("first"));
    assert_eq!(peer.wire.read_text(), "first");
    let mut batch = rig.engine.batch();
    let conn = peer.conn;
    // All in one turn: more than may be queued, but not more than the system takes.
    for _ in 0..50 {
        let command = websocket::Command::Send(binary(&[7; 1000]));
        batch.execute(Command::WebSocket { conn, command });
    }
    drop(batch);
    for _ in 0..50 {
        assert_eq!(peer.wire.read_frame(), (BINARY, vec![7; 1000]));
    }
}

#[test]
fn a_peer_that_pings_and_never_reads_is_dropped() {
    for role in BOTH_ROLES {
        let rig = Rig::of_one_shard();
        let group = Group::with(&rig, |settings| settings.max_pending_pongs = 60);
        let mut good = group.open(role);
        let mut peer = group.open(role);
        group.stuff(&peer, LEN);
        for n in 0..60 {
            peer.wire.send_frame(PING, format!("{n}").as_bytes());
        }
        group.wait_line(&peer, "ping 59");
        assert_eq!(rig.engine.metrics().connections, 2);
        peer.wire.send_frame(PING, b"one too many");
        let lines = group.wait_closed(&peer);
        let rest = &lines[lines.len() - 2..];
        assert_ne!(rest[0], "ping one too many");
        let failed = lines.iter().position(|line| line == "failed PingFlood");
        assert!(failed.is_some(), "{role:?}: {lines:?}");
        assert_eq!(lines.last().map(String::as_str), Some("close 1006 "));
        good.wire.send_frame(PING, b"good");
        assert_eq!(good.wire.read_frame(), (PONG, b"good".to_vec()));
    }
}

#[test]
fn a_peer_that_sends_more_than_it_may_is_closed_with_1008_and_no_other() {
    for role in BOTH_ROLES {
        let rig = Rig::of_one_shard();
        let group = Group::with(&rig, |settings| settings.rate_limit = Some(SLOW));
        let mut good = group.open(role);
        let mut peer = group.open(role);
        for n in 0..5 {
            peer.wire.send_frame(TEXT, format!("{n}").as_bytes());
        }
        assert_eq!(peer.wire.read_frame(), (CLOSE, vec![0x03, 0xf0]));
        peer.wire.finish();
        let lines = group.wait_closed(&peer);
        let expected = ["text 0", "text 1", "failed TooManyMessages", "close 1006 "];
        assert_eq!(lines, expected, "{role:?}");
        good.wire.send_frame(TEXT, b"good");
        group.wait_line(&good, "text good");
    }
}

#[test]
fn peers_of_an_address_share_what_it_may_send_to_a_group() {
    let rig = Rig::new();
    let limited = |settings: &mut WebSocketSettings| settings.rate_limit_per_address = Some(SLOW);
    let (group, other) = (Group::with(&rig, limited), Group::with(&rig, limited));
    let open = |group: &Group<'_>, address: Option<&str>| {
        let mut upgrade = group.upgrade(Role::Server);
        upgrade.address = address.map(Into::into);
        group.open_with(upgrade)
    };
    let (a, b) = ("2001:db8::1", "2001:db8::2");
    let (mut first, mut second) = (open(&group, Some(a)), open(&group, Some(b)));
    first.wire.send_frame(TEXT, b"1");
    group.wait_line(&first, "text 1");
    second.wire.send_frame(TEXT, b"2");
    second.wire.send_frame(TEXT, b"3");
    let lines = group.wait_line(&second, "failed TooManyOfAddress");
    assert_eq!(lines, ["text 2", "failed TooManyOfAddress"]);
    for (group, address) in [
        (&other, Some(a)),
        (&group, Some("2001:db8:0:1::")),
        (&group, None),
    ] {
        let mut peer = open(group, address);
        peer.wire.send_frame(TEXT, b"1");
        peer.wire.send_frame(TEXT, b"2");
        group.wait_line(&peer, "text 2");
    }
}

#[test]
fn an_application_that_is_behind_is_not_read_for() {
    let rig = Rig::of_one_shard();
    let group = Group::new(&rig);
    let mut peer = group.open(Role::Server);
    rig.stall();
    peer.wire.send_frame(TEXT, b"later");
    let paused = || rig.engine.metrics().paused;
    let give_up = std::time::Instant::now() + PATIENCE;
    while paused() == 0 {
        assert!(std::time::Instant::now() < give_up, "never paused");
        std::thread::yield_now();
    }
    group.send(&peer, text("written all the same"));
    assert_eq!(peer.wire.read_text(), "written all the same");
    assert_eq!(group.wait_lines(&peer, |_| true), ["open group 1"]);
    rig.resume();
    group.wait_line(&peer, "text later");
}

#[test]
fn connections_over_the_limit_are_turned_away() {
    let mut config = config();
    config.max_connections = Some(1);
    let rig = Rig::with(config);
    let group = Group::new(&rig);
    let mut first = group.open(Role::Server);
    for role in BOTH_ROLES {
        let mut upgrade = group.upgrade(role);
        upgrade.answer = bytes::Bytes::from_static(b"HTTP/1.1 101\r\n\r\n");
        let request = upgrade.request;
        let (ours, theirs) = pair();
        rig.engine.attach_websocket(theirs, upgrade);
        rig.wait(|log| log.forgotten.contains(&request).then_some(()));
        let mut wire = Wire::over(ours);
        if role == Role::Server {
            assert_eq!(wire.read_answer().status, 101);
            assert_eq!(wire.read_close(), b"");
        }
        wire.expect_end();
    }
    group.send(&first, text("alone"));
    assert_eq!(first.wire.read_text(), "alone");
}
