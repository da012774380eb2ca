//! What a client alone is answered leaves before its reader waits again; nothing else changes by that.

use std::time::Duration;

use sori::Socket;

use crate::support::app::Running;

/// More than the sockets' buffers take.
const MUCH: usize = 12 << 20;

#[test]
fn what_a_slow_client_does_not_take_at_once_comes_whole_and_before_the_rest() {
    let running = Running::start_with(|builder| builder.shards(1));
    running.server.of("/").on("much", |socket: Socket| {
        socket.emit("much", "x".repeat(MUCH))
    });
    let mut client = running.client();
    client.send(r#"42["much"]"#);
    // Another's answer shows that the first has been written as far as it goes.
    running.client().sync();
    client.send(r#"425["sync"]"#);
    running.client().sync();
    assert!(client.receive() == format!(r#"42["much","{}"]"#, "x".repeat(MUCH)));
    client.expect("435[]");
    client.sync();
}

#[test]
fn what_concerns_others_too_keeps_its_order() {
    let running = Running::start_with(|builder| builder.shards(1));
    let chat = running.server.of("/");
    let all = chat.clone();
    chat.on("say", move |socket: Socket, n: u32| {
        socket.emit("mine", n)?;
        if n.is_multiple_of(3) {
            all.emit("all", n)?;
        }
        socket.emit("again", n)
    });
    let (mut one, mut other) = (running.client(), running.client());
    for n in 0..9_u32 {
        one.send(&format!(r#"42["say",{n}]"#));
        one.expect(&format!(r#"42["mine",{n}]"#));
        if n.is_multiple_of(3) {
            one.expect(&format!(r#"42["all",{n}]"#));
            other.expect(&format!(r#"42["all",{n}]"#));
        }
        one.expect(&format!(r#"42["again",{n}]"#));
    }
    other.sync();
}

#[test]
fn a_deadline_that_a_handler_sets_is_kept_though_nothing_else_happens() {
    let running = Running::start_with(|builder| builder.shards(1));
    let chat = running.server.of("/");
    let all = chat.clone();
    chat.on("ask", move |socket: Socket| {
        let all = all.clone();
        async move {
            let question = all.emit_with_ack::<u32>("question", ());
            let answers = question.timeout(Duration::from_millis(50)).await;
            let count = answers.map_or(99, |answers| answers.received.len());
            socket.emit("answers", count)
        }
    });
    let mut client = running.client();
    client.send(r#"42["ask"]"#);
    assert!(client.receive().ends_with(r#"["question"]"#));
    client.expect(r#"42["answers",0]"#);
}

#[test]
fn the_heartbeat_goes_on_whoever_is_answered_meanwhile() {
    let running = Running::start_with(|builder| {
        builder
            .shards(1)
            .ping_interval(Duration::from_millis(60))
            .ping_timeout(Duration::from_secs(20))
    });
    let mut client = running.client();
    for _ in 0..3 {
        client.sync();
        client.expect("2");
        client.sync();
        client.send("3");
    }
    client.expect("2");
}
