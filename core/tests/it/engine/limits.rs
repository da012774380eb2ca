//! Limits of messages, queues, counts and times, and an application that falls behind.

use std::thread;
use std::time::{Duration, Instant};

use sori::config::{Overflow, RateLimit};

use crate::support::engine::*;

fn short(payload: usize) -> sori::Config {
    let mut config = config();
    config.max_payload = payload;
    config
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Waits for what no event tells, such as a counter.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let give_up = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < give_up, "never so: {what}");
        thread::yield_now();
    }
}

/// An Engine.IO packet of `length` bytes that is echoed.
fn echo_of(length: usize) -> String {
    let frame = r#"42["echo",""]"#.len();
    format!(r#"42["echo","{}"]"#, "x".repeat(length - frame))
}

#[test]
fn a_websocket_message_may_have_max_payload_bytes_and_not_one_more() {
    let rig = Rig::with(short(1_000));
    let too_long = echo_of(1_001);
    let (first, second) = too_long.as_bytes().split_at(600);
    let in_one = frame(TEXT, too_long.as_bytes());
    let in_two = [frame(0x01, first), frame(0x80, second)].concat();
    for bytes in [in_one, in_two] {
        for way in [Way::WebSocket, Way::Upgraded] {
            let mut client = rig.join(way);
            client.send(&echo_of(1_000));
            assert_eq!(client.next(), echo_of(1_000));
            client.wire().send(&bytes);
            assert_eq!(client.wire().read_close(), 1009u16.to_be_bytes());
            let lines = rig.wait_closed(&client);
            let close = "close transport error: Max payload size exceeded in /";
            assert_eq!(lines[lines.len() - 1], close);
        }
    }
}

#[test]
fn who_sends_far_too_much_still_hears_why_it_is_closed() {
    let rig = Rig::with(short(1_000));
    let mut client = rig.join(Way::WebSocket);
    let endless = frame(TEXT, &vec![b'4'; 3_000_000]);
    assert!(client.wire().try_send(&endless).is_ok());
    assert_eq!(client.wire().read_close(), 1009u16.to_be_bytes());
    client.wire().expect_end();
    rig.wait_closed(&client);
}

#[test]
fn a_post_over_max_payload_is_refused_and_the_session_goes_on() {
    let rig = Rig::with(short(1_000));
    let mut client = rig.join(Way::Polling);
    client.send(&echo_of(1_000));
    assert_eq!(client.next(), echo_of(1_000));
    let answer = client.polling().post(&echo_of(1_001));
    assert_eq!((answer.status, answer.body.as_str()), (413, ""));
    client.polling().post = Wire::connect(rig.address);
    client.expect_nothing();
}

#[test]
fn a_client_that_never_reads_is_closed_and_nobody_else_notices() {
    let mut config = config();
    config.shards = 1;
    config.max_queued_bytes = 100_000;
    let rig = Rig::with(config);
    let mut good = rig.join(Way::WebSocket);
    for way in EVERY_WAY {
        let mut slow = rig.join(way);
        let before = rig.engine.metrics().closed_slow;
        let event = format!(r#"["{}"]"#, "x".repeat(30_000));
        while rig.engine.metrics().closed_slow == before {
            rig.emit(&slow, &event);
            good.expect_nothing();
        }
        let lines = rig.wait_closed(&slow);
        assert_eq!(
            lines[lines.len() - 1],
            "close transport error in /",
            "{way:?}"
        );
        // What it does get is cut between two frames.
        if let Carrier::WebSocket(wire) = &mut slow.carrier {
            let mut last = None;
            while let Some(frame) = wire.try_read_frame() {
                last = Some(frame);
            }
            assert_eq!(last, Some((CLOSE, Vec::new())));
        }
    }
    good.expect_nothing();
}

#[test]
fn a_full_queue_may_drop_events_instead_of_the_client() {
    let mut config = config();
    config.shards = 1;
    config.max_queued_bytes = 100_000;
    config.overflow = Overflow::Drop;
    let rig = Rig::with(config);
    let mut slow = rig.join(Way::WebSocket);
    let event = format!(r#"["{}"]"#, "x".repeat(30_000));
    while rig.engine.metrics().dropped_full == 0 {
        rig.emit(&slow, &event);
    }
    assert_eq!(rig.engine.metrics().closed_slow, 0);
    let sent = format!("42{event}");
    let mut next = slow.next();
    while next == sent {
        rig.emit(&slow, r#"["end"]"#);
        next = slow.next();
    }
    assert_eq!(next, r#"42["end"]"#, "it goes on as soon as it reads");
}

#[test]
fn a_client_over_the_rate_limit_is_closed_and_nobody_else_notices() {
    let mut config = config();
    config.rate_limit = Some(RateLimit {
        per_second: 1,
        burst: 50,
    });
    let rig = Rig::with(config);
    let mut good = rig.join(Way::WebSocket);
    for way in EVERY_WAY {
        let mut loud = rig.join(way);
        match &mut loud.carrier {
            Carrier::WebSocket(wire) => {
                let frames = vec![frame(TEXT, echo_of(20).as_bytes()); 60].concat();
                assert!(wire.try_send(&frames).is_ok());
            }
            Carrier::Polling(polling) => {
                polling.post(&vec![echo_of(20); 60].join("\x1e"));
            }
        }
        let lines = rig.wait_closed(&loud);
        let close = "close transport error: too many messages in /";
        assert_eq!(lines[lines.len() - 1], close, "{way:?}");
    }
    good.expect_nothing();
}

#[test]
fn a_burst_larger_than_the_queue_does_not_close_who_reads() {
    let mut config = config();
    config.max_queued_bytes = 40_000;
    let rig = Rig::with(config);
    let mut client = rig.join(Way::WebSocket);
    let socket = rig.socket(&client);
    let event = format!(r#"["{}"]"#, "x".repeat(30_000));
    let mut batch = rig.engine.batch();
    for _ in 0..3 {
        batch.execute(Command::Emit {
            socket,
            payload: json(&event),
            volatile: false,
            ack: None,
        });
        batch.execute(Command::Broadcast {
            namespace: ROOT,
            audience: Audience::default(),
            payload: json(&event),
            volatile: false,
            ack: None,
        });
    }
    drop(batch);
    for _ in 0..6 {
        assert_eq!(client.next(), format!("42{event}"));
    }
    client.expect_nothing();
}

#[test]
fn volatile_events_are_dropped_for_who_cannot_take_them() {
    let rig = Rig::new();
    let mut client = rig.join(Way::Polling);
    let socket = rig.socket(&client);
    rig.engine.execute(Command::Emit {
        socket,
        payload: json(r#"["lost"]"#),
        volatile: true,
        ack: None,
    });
    client.expect_nothing();
    assert_eq!(rig.engine.metrics().dropped_volatile, 1);
}

#[test]
fn while_the_application_is_behind_nothing_is_read_and_then_nothing_is_lost() {
    const COUNT: usize = 60_000;
    let rig = Rig::new();
    for way in [Way::WebSocket, Way::Upgraded] {
        let mut client = rig.join(way);
        let before = rig.engine.metrics();
        rig.stall();
        let numbered = |n: usize| format!(r#"["n",{n},"{}"]"#, "x".repeat(80));
        let mut bytes = Vec::new();
        for n in 0..COUNT {
            bytes.extend(frame(TEXT, format!("42{}", numbered(n)).as_bytes()));
        }
        thread::scope(|scope| {
            scope.spawn(|| client.wire().send(&bytes));
            until("paused", || rig.engine.metrics().paused > before.paused);
            let early = rig.engine.metrics().received - before.received;
            assert!(early < COUNT as u64 / 2, "{early} came through");
            rig.resume();
        });
        let messages = |lines: &[String]| {
            let found = lines
                .iter()
                .filter_map(|line| line.strip_prefix("message / "));
            found.map(str::to_owned).collect::<Vec<_>>()
        };
        let last = format!("message / {}", numbered(COUNT - 1));
        let lines = rig.wait_lines(&client, |lines| lines.last() == Some(&last));
        let expected: Vec<String> = (0..COUNT).map(numbered).collect();
        assert!(messages(&lines) == expected, "lost, doubled or reordered");
        client.expect_nothing();
    }
}

#[test]
fn a_post_waits_for_an_application_that_is_behind() {
    let rig = Rig::new();
    let mut client = rig.join(Way::Polling);
    rig.stall();
    let polling = client.polling();
    polling
        .post
        .request("POST", &polling.target, r#"42["late"]"#);
    until("paused", || rig.engine.metrics().paused > 0);
    assert_eq!(rig.engine.metrics().received, 1, "only the CONNECT");

    // A second one meanwhile is an overlap: no more than one body is ever kept.
    let mut second = Wire::connect(rig.address);
    let mut other = rig.open(Way::Polling);
    let target = other.polling().target.clone();
    other.polling().post.request("POST", &target, "40");
    until("paused", || rig.engine.metrics().paused > 1);
    second.request("POST", &target, "40");
    assert_eq!(second.read_answer().status, 400);

    rig.resume();
    assert_eq!(client.polling().post.read_answer().body, "ok");
    assert_eq!(other.polling().post.read_answer().status, 400);
    let lines = rig.wait_lines(&client, |lines| lines.len() == 3);
    assert_eq!(lines[2], r#"message / ["late"]"#);
    let lines = rig.wait_closed(&other);
    let close = "close transport error: data request overlap from client";
    assert_eq!(lines, ["open polling", close]);
    client.expect_nothing();
}

#[test]
fn nobody_is_timed_out_because_the_application_is_behind() {
    let mut config = config();
    config.ping_interval = millis(20);
    config.ping_timeout = millis(400);
    let rig = Rig::with(config);
    let mut client = rig.join(Way::WebSocket);
    assert_eq!(client.next(), "2");
    rig.stall();
    client.send("3");
    client.send(r#"42["late"]"#);
    until("paused", || rig.engine.metrics().paused > 0);
    // It is pinged all the same, longer than a pong may take.
    let stalled = Instant::now();
    while stalled.elapsed() < millis(600) {
        assert_eq!(client.next(), "2");
    }
    rig.resume();
    let heard = |lines: &[String]| lines.last().is_some_and(|l| l == r#"message / ["late"]"#);
    rig.wait_lines(&client, heard);
}

#[test]
fn more_connections_than_allowed_are_refused_until_one_goes() {
    let mut config = config();
    config.max_connections = Some(2);
    let rig = Rig::with(config);
    let mut first = rig.join(Way::WebSocket);
    let _second = rig.join(Way::Polling);
    let mut wire = Wire::connect(rig.address);
    wire.request("GET", "/socket.io/?EIO=4&transport=polling", "");
    let answer = wire.read_answer();
    let body = r#"{"code":4,"message":"Too many connections"}"#;
    assert_eq!((answer.status, answer.body.as_str()), (503, body));
    wire = Wire::connect(rig.address);
    wire.send(upgrade_request("").as_bytes());
    let answer = wire.read_answer();
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (503, "Too many connections")
    );
    wire.expect_end();
    assert_eq!(rig.engine.metrics().refused, 2);
    first.send("1");
    rig.wait_closed(&first);
    rig.join(Way::WebSocket).expect_nothing();
}

#[test]
fn a_rush_of_handshakes_does_not_get_past_the_limit() {
    let mut config = config();
    config.shards = 1;
    config.max_connections = Some(5);
    let rig = Rig::with(config);
    let mut wires: Vec<Wire> = (0..40).map(|_| Wire::connect(rig.address)).collect();
    for wire in &mut wires {
        wire.request("GET", "/socket.io/?EIO=4&transport=polling", "");
    }
    let statuses = wires.iter_mut().map(|wire| wire.read_answer().status);
    let (opened, refused): (Vec<u16>, Vec<u16>) = statuses.partition(|status| *status == 200);
    assert_eq!((opened.len(), refused), (5, vec![503; 35]));
    assert_eq!(rig.engine.metrics().connections, 5);
}

#[test]
fn more_connections_of_http_than_allowed_are_refused_until_one_goes() {
    let mut config = config();
    config.max_http_connections = Some(2);
    let rig = Rig::with(config);
    // WebSockets have left HTTP behind.
    let mut websockets = Vec::new();
    for opened in 1..=3 {
        websockets.push(rig.join(Way::WebSocket));
        until("left", || rig.engine.metrics().http_connections == 0);
        assert_eq!(rig.engine.metrics().opened, opened);
    }
    let silent = Wire::connect(rig.address);
    let mut kept = Wire::connect(rig.address);
    kept.request("GET", "/socket.io/?EIO=4&transport=polling", "");
    assert_eq!(kept.read_answer().status, 200);
    until("two", || rig.engine.metrics().http_connections == 2);
    for asks in [true, false] {
        let mut wire = Wire::connect(rig.address);
        if asks {
            wire.send(upgrade_request("").as_bytes());
        }
        let answer = wire.read_answer();
        let expected = (503, "Too many connections");
        assert_eq!((answer.status, answer.body.as_str()), expected);
        wire.expect_end();
    }
    let metrics = rig.engine.metrics();
    assert_eq!((metrics.http_connections, metrics.refused_http), (2, 2));
    for client in &mut websockets {
        client.send(r#"42["echo"]"#);
        assert_eq!(client.next(), r#"42["echo"]"#);
    }
    drop(silent);
    until("one", || rig.engine.metrics().http_connections == 1);
    rig.join(Way::WebSocket).expect_nothing();
}

#[test]
fn who_joins_no_namespace_in_time_is_closed() {
    let mut config = config();
    config.connect_timeout = millis(60);
    let rig = Rig::with(config);
    for way in EVERY_WAY {
        let mut joined = rig.join(way);
        let mut idle = rig.open(way);
        let mut unanswered = rig.open(way);
        unanswered.send("40/mute");
        for client in [&mut idle, &mut unanswered] {
            if let Carrier::Polling(polling) = &mut client.carrier {
                polling.begin_poll();
            }
            let lines = rig.wait_closed(client);
            assert_eq!(lines[lines.len() - 1], "close forced close", "{way:?}");
        }
        joined.expect_nothing();
    }
}

#[test]
fn who_answers_no_ping_is_closed_and_who_does_stays() {
    let mut config = config();
    config.ping_interval = millis(30);
    // Time for a busy machine to answer in; waited for once, by all together.
    config.ping_timeout = PATIENCE / 2;
    let rig = Rig::with(config);
    let mut clients: Vec<_> = EVERY_WAY.into_iter().map(|way| rig.open(way)).collect();
    for client in &mut clients {
        client.send("40");
    }
    for (client, way) in clients.iter_mut().zip(EVERY_WAY) {
        let (mut pings, mut is_in) = (0, false);
        while pings < 4 || !is_in {
            match client.next().as_str() {
                "2" => {
                    pings += 1;
                    client.send("3");
                }
                packet => {
                    assert!(packet.starts_with("40{"), "{way:?}: {packet}");
                    is_in = true;
                }
            }
        }
    }
    for client in &clients {
        let lines = rig.wait_closed(client);
        assert_eq!(lines[lines.len() - 1], "close ping timeout in /");
    }
}

#[test]
fn an_application_that_always_has_something_to_do_does_not_keep_the_engine_from_reading() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use bytes::Bytes;
    use sori::server::Request;

    let rig = Rig::of_one_shard();
    let mut busy = rig.open(Way::Polling);
    let target = busy.polling().target.clone();
    let post = move |engine: &Engine| {
        engine.request(Request {
            request: RequestId(1),
            method: "POST",
            url: &target,
            content_type: None,
            user_agent: None,
            body: Bytes::from_static(b"3"),
            handshake: None,
            sid: None,
            address: None,
        });
    };
    let mut client = rig.join(Way::WebSocket);
    let is_done = Arc::new(AtomicBool::new(false));
    let (again, is_over) = (post.clone(), Arc::clone(&is_done));
    let is_set = rig.app.on_answer.set(Box::new(move |engine| {
        if !is_over.load(Ordering::Relaxed) {
            again(engine);
        }
    }));
    assert!(is_set.is_ok());
    post(&rig.engine);
    (0..50).for_each(|_| client.expect_nothing());
    is_done.store(true, Ordering::Relaxed);
}
