//! Handlers whose arguments the compiler knows: typed events, and what all handlers share.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use sori::{Ack, Socket, State, TypedEvent};

use crate::support::app::{Log, PATIENCE, Running, block_on};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Place {
    x: u8,
    y: u8,
}

const TICK: TypedEvent<fn()> = TypedEvent::new("tick");
const PUT: TypedEvent<fn(Place)> = TypedEvent::new("put");
const PAIR: TypedEvent<fn((u8, u8))> = TypedEvent::new("pair");
const MOVE: TypedEvent<fn(Place, Place) -> bool> = TypedEvent::new("move");

#[derive(Default)]
struct Count(AtomicU64);

#[test]
fn typed_events_are_on_the_wire_what_their_signature_says() {
    let running = Running::start();
    let mut client = running.client();
    let chat = running.server.of("/");
    chat.emit_event(TICK, ()).unwrap();
    chat.emit_event(PUT, Place { x: 1, y: 2 }).unwrap();
    chat.all().emit_event(PAIR, (1, 2)).unwrap();
    let socket = chat.sockets().remove(0);
    let places = (Place { x: 1, y: 2 }, Place { x: 3, y: 4 });
    socket.emit_event(MOVE, &places).unwrap();
    client.expect("42[\"tick\"]");
    client.expect("42[\"put\",{\"x\":1,\"y\":2}]");
    client.expect("42[\"pair\",[1,2]]");
    client.expect("42[\"move\",{\"x\":1,\"y\":2},{\"x\":3,\"y\":4}]");
    client.sync();
    assert_eq!(format!("{MOVE:?}"), "TypedEvent(\"move\")");
}

#[test]
fn typed_events_reach_handlers_that_answer_what_the_signature_says() {
    let running = Running::start();
    let chat = running.server.of("/");
    chat.on_event(TICK, |socket: Socket| socket.emit_event(TICK, ()));
    chat.on_connect(|socket: Socket| {
        socket.on_event(
            MOVE,
            |_: Socket, from: Place, to: Place, ack: Ack<bool>| async move { ack.send(from == to) },
        );
    });
    let mut client = running.client();
    client.send("42[\"tick\"]");
    client.expect("42[\"tick\"]");
    client.send("427[\"move\",{\"x\":1,\"y\":2},{\"x\":1,\"y\":2}]");
    client.expect("437[true]");
    client.sync();
}

#[test]
fn answers_to_typed_events_come_as_the_signature_says() {
    let running = Running::start();
    let mut client = running.client();
    let chat = running.server.of("/");
    let socket = chat.sockets().remove(0);
    let places = (Place { x: 1, y: 2 }, Place { x: 3, y: 4 });
    let one = IntoFuture::into_future(socket.emit_event_with_ack(MOVE, &places));
    let all = chat.all().emit_event_with_ack(MOVE, &places);
    let all = IntoFuture::into_future(all.timeout(PATIENCE));
    for answer in ["[true]", "[false]"] {
        let packet = client.receive();
        let id = packet
            .strip_prefix("42")
            .and_then(|rest| rest.split('[').next());
        client.send(&format!("43{}{answer}", id.unwrap()));
    }
    assert!(block_on(one).unwrap());
    assert_eq!(block_on(all).unwrap().received, [false]);
}

#[test]
fn a_handler_takes_the_state_between_the_socket_and_the_arguments() {
    let running = Running::start_with(|builder| builder.state(Count::default()));
    let chat = running.server.of("/");
    chat.on("count", |socket: Socket, count: State<Count>| {
        count.0.fetch_add(1, Ordering::Relaxed);
        socket.emit("counted", ())
    });
    chat.on(
        "add",
        |_: Socket, count: State<Count>, more: u64, ack: Ack| async move {
            let before = count.into_inner().0.fetch_add(more, Ordering::Relaxed);
            ack.send(before + more)
        },
    );
    chat.on_event(
        MOVE,
        |_: Socket, count: State<Count>, from: Place, _: Place, ack: Ack<bool>| {
            ack.send(count.0.load(Ordering::Relaxed) == u64::from(from.x))
        },
    );
    let mut client = running.client();
    client.send("42[\"count\",\"too much\"]");
    client.expect("42[\"counted\"]");
    client.send("421[\"add\",2]");
    client.expect("431[3]");
    client.send("422[\"move\",{\"x\":3,\"y\":0},{\"x\":0,\"y\":0}]");
    client.expect("432[true]");
    client.sync();
}

#[test]
fn a_handler_of_a_state_that_is_not_there_is_refused_when_it_is_registered() {
    let running = Running::start();
    let chat = running.server.of("/");
    let handler = |_: Socket, _: State<Count>, _: u8| ();
    let refused = catch_unwind(AssertUnwindSafe(|| chat.on("count", handler))).unwrap_err();
    let said = refused.downcast_ref::<String>().unwrap();
    let count = std::any::type_name::<Count>();
    assert_eq!(
        said,
        &format!(
            "a handler of \"count\" takes State<{count}>, which ServerBuilder::state was not given"
        )
    );
    let log = Log::default();
    let errors = log.clone();
    running
        .server
        .on_error(move |_, event, error| errors.write(format!("{event}: {error}")));
    chat.on_connect(move |socket: Socket| socket.on("count", handler));
    let mut client = running.client();
    client.sync();
    log.expect(&[format!("connect: the handler panicked: {said}")]);
}
