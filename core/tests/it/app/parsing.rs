//! Events that their handlers are the first to parse: what is no JSON ends its connection, and nothing
//! comes of it.

use serde_json::Value;
use sori::Socket;

use crate::support::app::{Client, Gate, Log, Running};

/// No JSON behind names of every kind: of handlers that take arguments or none, and of no handler.
const BROKEN: [&str; 9] = [
    r#"42["typed",{"a":1]"#,
    r#"42["typed",1,tru]"#,
    r#"42["typed",1] x"#,
    "42[\"typed\",1\u{c}]",
    "42[\"typed\",\"a\nb\"]",
    r#"42["typed""#,
    r#"42["none",]"#,
    r#"427["none",01]"#,
    r#"42["unknown",-]"#,
];

/// Writes down everything that is heard in `/`.
fn start() -> (Running, Log) {
    let running = Running::start_with(|builder| builder.shards(1));
    let log = Log::default();
    let chat = running.server.of("/");
    for name in ["typed", "other"] {
        let heard = log.clone();
        chat.on(name, move |_: Socket, _: Value| heard.write(name));
    }
    let heard = log.clone();
    chat.on("none", move |_: Socket| heard.write("none"));
    let heard = log.clone();
    chat.on_disconnect(move |_, reason| heard.write(format!("gone: {reason}")));
    let heard = log.clone();
    running
        .server
        .on_error(move |_, event, error| heard.write(format!("{event}: {error}")));
    (running, log)
}

/// What is heard of a client that sends `packet` and then says more.
#[track_caller]
fn heard_of(running: &Running, log: &Log, packet: &str) -> Vec<String> {
    let before = log.wait_for(0).len();
    let mut client = running.client();
    client.send_together(&[packet, r#"42["other",1]"#]);
    client.expect_end();
    let mut lines = log.wait_for(before + 1);
    lines.split_off(before)
}

#[test]
fn what_is_no_json_ends_its_connection_and_nothing_behind_it_is_heard() {
    let (running, log) = start();
    for packet in BROKEN {
        let heard = heard_of(&running, &log, packet);
        assert_eq!(heard, ["gone: forced close"], "{packet}");
    }
}

#[test]
fn who_watches_events_is_shown_none_that_is_no_json() {
    let (running, log) = start();
    let chat = running.server.of("/");
    let seen = log.clone();
    chat.on_any(move |_, event| seen.write(format!("any: {}", event.name())));
    let seen = log.clone();
    chat.intercept(move |_, event| -> Result<(), String> {
        seen.write(format!("intercept: {}", event.name()));
        Ok(())
    });
    for packet in BROKEN {
        let heard = heard_of(&running, &log, packet);
        assert_eq!(heard, ["gone: forced close"], "{packet}");
    }
}

#[test]
fn what_is_no_json_is_not_kept_behind_a_handler_that_waits() {
    let (running, log) = start();
    let gate = Gate::default();
    let (passage, heard) = (gate.clone(), log.clone());
    running.server.of("/").on("wait", move |_: Socket| {
        let (passage, heard) = (passage.clone(), heard.clone());
        async move {
            passage.passed().await;
            heard.write("waited");
        }
    });
    let mut client = running.client();
    client.send_together(&[r#"42["wait"]"#, BROKEN[0], r#"42["other",1]"#]);
    client.expect_end();
    gate.open();
    log.expect(&["waited", "gone: forced close"]);
}

#[test]
fn json_that_does_not_fit_is_reported_and_what_is_behind_it_is_heard() {
    let (running, log) = start();
    let heard = log.clone();
    let chat = running.server.of("/");
    chat.on("number", move |_: Socket, n: u8| heard.write(n.to_string()));
    let mut client = running.client();
    let packets = [
        r#"42["number",256,{"a":[]}]"#,
        r#"42["number",1 , null ] "#,
        r#"42["none",{"a":["é\ud800"]}]"#,
        r#"42["unknown",[[[]]],"a\u0000"]"#,
    ];
    client.send_together(&packets);
    client.sync();
    let lines = log.wait_for(3);
    assert!(lines[0].starts_with("number: argument 0: invalid value"));
    assert_eq!(lines[1..], ["1", "none"]);
}

#[test]
fn what_is_no_json_ends_the_connection_that_sent_it_and_no_other() {
    let (running, log) = start();
    let mut other = running.client();
    heard_of(&running, &log, BROKEN[0]);
    other.sync();
    drop(Client::open(running.address));
}
