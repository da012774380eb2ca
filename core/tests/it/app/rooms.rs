//! Rooms and broadcasts through the Rust face.

use std::collections::BTreeSet;
use std::future::IntoFuture;

use sori::{Ack, Socket};

use crate::support::app::{Client, Running};

/// `n` clients of `/` and their sockets.
fn some(running: &Running, n: usize) -> (Vec<Client>, Vec<Socket>) {
    let clients: Vec<Client> = (0..n).map(|_| running.client()).collect();
    let chat = running.server.of("/");
    let sockets = clients
        .iter()
        .map(|client| chat.socket(&client.id).unwrap())
        .collect();
    (clients, sockets)
}

#[test]
fn a_socket_in_several_of_the_rooms_is_reached_once() {
    let running = Running::start();
    let (mut clients, sockets) = some(&running, 3);
    sockets[0].join(["a", "b"]);
    sockets[1].join("b");
    running.server.to("a").to("b").emit("e", 1).unwrap();
    running.server.to(["a", "b"]).emit("e", 2).unwrap();
    for client in &mut clients[..2] {
        client.expect("42[\"e\",1]");
        client.expect("42[\"e\",2]");
    }
    clients.iter_mut().for_each(Client::sync);
}

#[test]
fn an_empty_list_of_rooms_reaches_nobody() {
    let running = Running::start();
    let (mut clients, sockets) = some(&running, 2);
    let none: Vec<String> = Vec::new();
    running.server.to(&none).emit("e", ()).unwrap();
    sockets[0].to(&none).emit("e", ()).unwrap();
    running.server.to(&none).join("r");
    running.server.to(&none).disconnect();
    assert!(running.server.to(&none).sockets().is_empty());
    assert!(running.server.to("r").sockets().is_empty());
    let asked = running.server.to(&none).emit_with_ack::<u8>("e", ());
    let answers = crate::support::app::block_on(asked.into_future()).unwrap();
    assert_eq!((answers.received, answers.timed_out), (vec![], false));
    running
        .server
        .to(&none)
        .to("x")
        .except(&none)
        .emit("e", ())
        .unwrap();
    clients.iter_mut().for_each(Client::sync);
}

#[test]
fn except_leaves_out_rooms_and_ids() {
    let running = Running::start();
    let (mut clients, sockets) = some(&running, 4);
    sockets[0].join("muted");
    running
        .server
        .except("muted")
        .except(sockets[1].id())
        .emit("e", ())
        .unwrap();
    clients[2].expect("42[\"e\"]");
    clients[3].expect("42[\"e\"]");
    sockets[2].broadcast().emit("others", ()).unwrap();
    sockets[2].to("muted").emit("room", ()).unwrap();
    clients[0].expect("42[\"others\"]");
    clients[0].expect("42[\"room\"]");
    clients[1].expect("42[\"others\"]");
    clients[3].expect("42[\"others\"]");
    clients.iter_mut().for_each(Client::sync);
}

#[test]
fn join_then_emit_reaches_and_so_does_emit_then_leave() {
    let running = Running::start();
    let (mut clients, sockets) = some(&running, 1);
    sockets[0].join("r");
    running.server.to("r").emit("joined", ()).unwrap();
    sockets[0].emit("direct", ()).unwrap();
    running.server.to("r").emit("leaving", ()).unwrap();
    sockets[0].leave("r");
    running.server.to("r").emit("left", ()).unwrap();
    clients[0].expect("42[\"joined\"]");
    clients[0].expect("42[\"direct\"]");
    clients[0].expect("42[\"leaving\"]");
    clients[0].sync();
}

#[test]
fn rooms_are_what_was_joined_and_the_own_id() {
    let running = Running::start();
    let (_clients, sockets) = some(&running, 1);
    let socket = &sockets[0];
    let rooms = || -> Vec<String> { socket.rooms().iter().map(|room| room.to_string()).collect() };
    assert_eq!(rooms(), [socket.id()]);
    socket.join(vec![String::from("a"), String::from("b")]);
    socket.leave("a");
    assert_eq!(rooms(), [socket.id(), "b"]);
    socket.leave_all();
    assert_eq!(rooms(), [socket.id()]);
}

#[test]
fn many_sockets_join_leave_and_are_listed() {
    let running = Running::start();
    let (mut clients, sockets) = some(&running, 3);
    sockets[0].join("a");
    sockets[1].join("a");
    running.server.to("a").join(["b", "c"]);
    running.server.to("c").except("a").leave("b");
    running.server.to(sockets[0].id()).leave("c");
    let ids = |room: &str| -> BTreeSet<String> {
        let found = running.server.to(room).sockets();
        found.iter().map(|socket| socket.id().to_owned()).collect()
    };
    let both: BTreeSet<String> = sockets[..2].iter().map(|s| s.id().to_owned()).collect();
    assert_eq!(ids("b"), both);
    assert_eq!(ids("c"), [sockets[1].id().to_owned()].into());
    assert_eq!(running.server.of("/").sockets().len(), 3);
    clients.iter_mut().for_each(Client::sync);
}

#[test]
fn volatile_events_reach_clients_that_keep_up() {
    let running = Running::start();
    let (mut clients, sockets) = some(&running, 2);
    running
        .server
        .of("/")
        .all()
        .volatile()
        .emit("v", 1)
        .unwrap();
    clients[0].expect("42[\"v\",1]");
    clients[1].expect("42[\"v\",1]");
    sockets[0].emit_volatile("v", 2).unwrap();
    clients[0].expect("42[\"v\",2]");
    clients.iter_mut().for_each(Client::sync);
}

#[test]
fn a_handler_speaks_to_rooms_in_the_order_written() {
    let running = Running::start();
    let chat = running.server.of("/");
    chat.on("enter", |socket: Socket, room: String, ack: Ack| {
        socket.join(&room);
        socket.to(&room).emit("entered", socket.id())?;
        socket.emit("welcome", &room)?;
        ack.send(socket.rooms().len())
    });
    let (mut first, mut second) = (running.client(), running.client());
    first.send("421[\"enter\",\"r\"]");
    first.expect("42[\"welcome\",\"r\"]");
    first.expect("431[2]");
    second.send("421[\"enter\",\"r\"]");
    second.expect("42[\"welcome\",\"r\"]");
    second.expect("431[2]");
    first.expect(&format!("42[\"entered\",\"{}\"]", second.id));
    first.sync();
}

#[test]
fn namespaces_do_not_hear_one_another() {
    let running = Running::start();
    let other = running.server.of("/other");
    let (mut clients, sockets) = some(&running, 1);
    clients[0].send("40/other,");
    assert!(clients[0].receive().starts_with("40/other,{\"sid\":"));
    sockets[0].join("r");
    other.to("r").emit("other", ()).unwrap();
    other.emit("all", ()).unwrap();
    clients[0].expect("42/other,[\"all\"]");
    clients[0].sync();
}

#[test]
fn a_namespace_lists_the_rooms_that_were_joined_and_counts_their_members() {
    let running = Running::start();
    let (mut clients, sockets) = some(&running, 2);
    let chat = running.server.of("/");
    assert!(chat.rooms().is_empty());
    assert_eq!(
        (chat.room_size("a"), chat.room_size(sockets[0].id())),
        (0, 1)
    );
    sockets[0].join(["a", "b"]);
    sockets[1].join(["b", sockets[0].id()]);
    let rooms = chat.rooms();
    let rooms: BTreeSet<&str> = rooms.iter().map(|room| &**room).collect();
    assert_eq!(rooms, BTreeSet::from(["a", "b", sockets[0].id()]));
    let sizes = ["a", "b", sockets[0].id()].map(|room| chat.room_size(room));
    assert_eq!(sizes, [1, 2, 2]);
    assert!(running.server.of("/other").rooms().is_empty());
    sockets[1].disconnect();
    sockets[0].leave("b");
    assert_eq!(chat.rooms(), [std::sync::Arc::<str>::from("a")]);
    clients[1].expect("41");
    clients[0].sync();
}
