//! Upgrades over real sockets: under load, cut short, and tried where they do not belong.

use std::thread;

use crate::support::engine::*;

const COUNT: usize = 1_000;

fn numbered(n: usize) -> String {
    format!(r#"["n",{n}]"#)
}

#[test]
fn nothing_is_lost_doubled_or_reordered_while_a_client_upgrades_under_load() {
    let rig = Rig::new();
    for polled_before in [0, 1, 40, 300] {
        let mut client = rig.join(Way::Polling);
        let socket = rig.socket(&client);
        let received = thread::scope(|scope| {
            scope.spawn(|| {
                for n in 0..COUNT {
                    emit(&rig.engine, socket, json(&numbered(n)));
                }
            });
            let mut received = Vec::new();
            for n in 0..COUNT / 2 {
                if n % 10 == 0 {
                    client.send(&format!("42{}", numbered(n)));
                }
                if n == polled_before {
                    client.polling().begin_poll();
                    client.upgrade(rig.address);
                }
                received.push(client.next());
            }
            received.extend((COUNT / 2..COUNT).map(|_| client.next()));
            received
        });
        let expected: Vec<String> = (0..COUNT).map(|n| format!("42{}", numbered(n))).collect();
        assert_eq!(received, expected, "upgraded after {polled_before}");
        client.expect_nothing();
        let heard = rig.wait_lines(&client, |lines| lines.len() > COUNT / 20);
        let messages = heard
            .iter()
            .filter_map(|line| line.strip_prefix("message / "));
        let expected = (0..COUNT / 2).step_by(10).map(numbered);
        let expected: Vec<String> = expected
            .chain([r#"["echo","nothing before this"]"#.into()])
            .collect();
        assert_eq!(messages.collect::<Vec<_>>(), expected);
        client.send("1");
        rig.wait_closed(&client);
    }
}

#[test]
fn a_stream_that_ends_right_behind_the_upgrade_ends_the_connection() {
    let rig = Rig::new();
    for last in [
        frame(TEXT, b"5"),
        [frame(TEXT, b"5"), frame(CLOSE, b"")].concat(),
    ] {
        let mut client = rig.join(Way::Polling);
        let mut wire = client.probe(rig.address);
        wire.send(&last);
        wire.finish();
        wire.read_to_end();
        let lines = rig.wait_closed(&client);
        assert_eq!(
            lines,
            [
                "open polling",
                "connect /",
                "probed",
                "upgraded",
                "close transport close in /"
            ]
        );
    }
}

#[test]
fn a_client_whose_server_closes_before_the_upgrade_is_done_learns_it_by_its_poll() {
    let rig = Rig::new();
    let mut client = rig.join(Way::Polling);
    client.polling().begin_poll();
    let mut wire = client.probe(rig.address);
    rig.engine.close();
    assert_eq!(client.polling().read_poll(), ["1"]);
    assert_eq!(wire.read_close(), b"");
    wire.expect_end();
}

#[test]
fn a_candidate_that_fails_leaves_the_client_on_polling() {
    let mut config = config();
    // Who says nothing fails after that; whoever else fails at once, and each next attempt has the time.
    config.upgrade_timeout = PATIENCE / 2;
    let rig = Rig::with(config);
    let failures: [fn(&mut Wire); 5] = [
        |wire| wire.finish(),
        |wire| wire.send_frame(CLOSE, b""),
        |wire| wire.send_frame(TEXT, b"9"),
        |wire| wire.send(b"\xff\xff\xff\xff"),
        // Says nothing until its time is up.
        |_| {},
    ];
    for (n, fail) in failures.into_iter().enumerate() {
        let mut client = rig.join(Way::Polling);
        let mut wire = Wire::websocket(rig.address, &format!("&sid={}", client.sid));
        client.polling().begin_poll();
        fail(&mut wire);
        wire.read_to_end();
        client.expect_nothing();
        // And then it may try again.
        client.polling().begin_poll();
        client.upgrade(rig.address);
        client.expect_nothing();
        client.send("1");
        let lines = rig.wait_closed(&client);
        let upgrades = lines.iter().filter(|line| *line == "upgraded").count();
        assert_eq!(upgrades, 1, "failure {n}: {lines:?}");
    }
}

#[test]
fn a_candidate_that_is_not_wanted_gets_an_empty_close_frame() {
    let rig = Rig::new();
    let mut polling = rig.join(Way::Polling);
    let mut first = polling.probe(rig.address);
    let carried = [rig.join(Way::WebSocket), rig.join(Way::Upgraded)];
    for sid in carried.iter().chain([&polling]).map(|client| &client.sid) {
        let mut wire = Wire::websocket(rig.address, &format!("&sid={sid}"));
        assert_eq!(wire.read_close(), b"");
        wire.expect_end();
    }
    first.send_frame(TEXT, b"5");
    polling.carrier = Carrier::WebSocket(first);
    for mut client in carried.into_iter().chain([polling]) {
        client.expect_nothing();
    }
}

#[test]
fn polling_is_refused_after_the_upgrade() {
    let rig = Rig::new();
    let client = rig.join(Way::Upgraded);
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={}", client.sid);
    for method in ["GET", "POST"] {
        let mut wire = Wire::connect(rig.address);
        wire.request(method, &target, "");
        let answer = wire.read_answer();
        let body = r#"{"code":3,"message":"Bad request"}"#;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (400, body),
            "{method}"
        );
    }
}
