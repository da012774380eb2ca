//! Namespaces that come and go with their sockets, what stands before handlers, and who sees what is
//! sent, in the Rust face.

use std::time::Instant;

use sori::{Ack, ConnectError, Namespace, Socket};

use crate::support::app::{Client, Log, PATIENCE, Running};

/// Joins `/room-…` namespaces.
fn join(client: &mut Client, name: &str) {
    client.send(&format!("40{name}"));
    let joined = client.receive();
    assert!(
        joined.starts_with(&format!("40{name},{{\"sid\":")),
        "{joined}"
    );
}

#[test]
fn a_namespace_comes_when_a_client_asks_and_has_its_handlers() {
    let running = Running::start();
    running.server.dynamic(
        |name| name.starts_with("/room-"),
        |room: &Namespace| {
            let name = room.name().to_owned();
            room.check(move |_| match name.ends_with("locked") {
                true => Err(ConnectError::new("locked")),
                false => Ok(()),
            });
            room.on("where", |socket: Socket, ack: Ack| {
                ack.send(socket.namespace_name().to_owned())
            });
            room.on("shout", |socket: Socket, text: String| {
                socket.broadcast().emit("shouted", text)
            });
        },
    );
    let (mut a, mut b) = (running.client(), running.client());
    join(&mut a, "/room-1");
    join(&mut b, "/room-1");
    join(&mut b, "/room-2");
    a.send("42/room-1,7[\"where\"]");
    a.expect("43/room-1,7[\"/room-1\"]");
    a.send("42/room-1,[\"shout\",\"hi\"]");
    b.expect("42/room-1,[\"shouted\",\"hi\"]");
    a.send("40/room-locked");
    a.expect("44/room-locked,{\"message\":\"locked\"}");
    a.send("40/other");
    a.expect("44/other,{\"message\":\"Invalid namespace\"}");
}

#[test]
fn namespaces_that_nobody_uses_are_forgotten() {
    let running = Running::start();
    running
        .server
        .dynamic(|name| name.starts_with("/n"), |_| {});
    let held = {
        let mut client = running.client();
        join(&mut client, "/n-held");
        running.server.of("/n-held")
    };
    let before = running.server.metrics().namespaces;
    // Many times as many as the engine ever keeps of those that are not used.
    for round in 0..20 {
        let mut client = running.client();
        for n in 0..100 {
            join(&mut client, &format!("/n-{round}-{n}"));
        }
        if round % 2 == 0 {
            (0..100).for_each(|n| client.send(&format!("41/n-{round}-{n}")));
            client.sync();
        }
    }
    let deadline = Instant::now() + PATIENCE;
    while running.server.metrics().namespaces > before + 300 {
        assert!(Instant::now() < deadline, "{:?}", running.server.metrics());
        std::thread::yield_now();
    }
    assert_eq!(held.sockets().len(), 0);
    let mut client = running.client();
    join(&mut client, "/n-held");
    assert_eq!(held.sockets().len(), 1);
}

#[test]
fn an_interceptor_keeps_events_from_their_handlers() {
    let running = Running::start();
    let log = Log::default();
    let root = running.server.of("/");
    let (seen, handled, told) = (log.clone(), log.clone(), log.clone());
    root.on_any(move |_, event| seen.write(format!("any {}", event.name())));
    root.intercept(|_, event| match event.name() {
        "bad" => Err("no"),
        "panic" => panic!("the interceptor"),
        _ => Ok(()),
    });
    root.intercept(|socket, event| match event.name() {
        "private" if !socket.rooms().iter().any(|room| &**room == "members") => Err("members only"),
        _ => Ok(()),
    });
    for name in ["bad", "panic", "private"] {
        let handled = handled.clone();
        root.on(name, move |_: Socket| {
            handled.write(format!("handled {name}"))
        });
    }
    running
        .server
        .on_error(move |_, event, error| told.write(format!("{event}: {error}")));
    let mut client = running.client();
    for name in ["bad", "panic", "private"] {
        client.send(&format!("42[\"{name}\"]"));
    }
    client.sync();
    running.server.to(client.id.as_str()).join("members");
    client.send("42[\"private\"]");
    client.sync();
    log.expect(&[
        "any bad",
        "bad: no",
        "any panic",
        "panic: the handler panicked: the interceptor",
        "any private",
        "private: members only",
        "any sync",
        "any private",
        "handled private",
        "any sync",
    ]);
}

#[test]
fn a_watcher_sees_what_is_sent_once_for_a_broadcast() {
    let running = Running::start();
    let log = Log::default();
    let root = running.server.of("/");
    let seen = log.clone();
    root.on_any_outgoing(move |socket, event| {
        let to = socket.map_or("all".to_owned(), |_| "one".to_owned());
        seen.write(format!("{to} {} {}", event.name(), event.json()));
    });
    root.on_any_outgoing(|_, _| panic!("a watcher"));
    root.on("go", |socket: Socket| socket.emit("one", (1, "a")));
    let (mut a, mut b) = (running.client(), running.client());
    a.send("42[\"go\"]");
    a.expect("42[\"one\",1,\"a\"]");
    running.server.emit("many", ()).unwrap();
    for client in [&mut a, &mut b] {
        client.expect("42[\"many\"]");
    }
    log.expect(&["one one [\"one\",1,\"a\"]", "all many [\"many\"]"]);
}
