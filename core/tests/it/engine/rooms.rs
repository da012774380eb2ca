//! Rooms and broadcasts over real sockets and several shards.

use std::thread;
use std::time::Duration;

use crate::support::engine::*;

fn enter(rig: &Rig, client: &Client, rooms: &[&str]) {
    let socket = rig.socket(client);
    rig.engine.execute(Command::Join { socket, rooms });
}

fn leave(rig: &Rig, client: &Client, rooms: &[&str]) {
    let socket = rig.socket(client);
    rig.engine.execute(Command::Leave { socket, rooms });
}

/// Clients over every way, twice, so that each shard has some.
fn crowd(rig: &Rig) -> Vec<Client> {
    let ways = EVERY_WAY.into_iter().chain(EVERY_WAY);
    ways.map(|way| rig.join(way)).collect()
}

#[test]
fn the_order_in_which_the_application_speaks_holds() {
    let rig = Rig::new();
    for client in &mut crowd(&rig) {
        rig.broadcast(&["a"], &[], r#"["too early"]"#);
        enter(&rig, client, &["a"]);
        rig.broadcast(&["a"], &[], r#"["joined"]"#);
        rig.emit(client, r#"["between"]"#);
        rig.broadcast(&["a"], &[], r#"["leaving"]"#);
        leave(&rig, client, &["a"]);
        rig.broadcast(&["a"], &[], r#"["too late"]"#);
        let heard = [client.next(), client.next(), client.next()];
        assert_eq!(
            heard,
            [r#"42["joined"]"#, r#"42["between"]"#, r#"42["leaving"]"#]
        );
        client.expect_nothing();
    }
}

#[test]
fn a_broadcast_reaches_the_union_of_its_rooms_once_and_spares_the_excepted() {
    let rig = Rig::new();
    let mut clients = crowd(&rig);
    // Members of a; of a and b; of b, of which one is in c as well; of none.
    let rooms: [&[&str]; 6] = [&["a"], &["a", "b"], &["b"], &["b", "c"], &["c"], &[]];
    for (client, rooms) in clients.iter().zip(rooms) {
        enter(&rig, client, rooms);
    }
    rig.broadcast(&["a", "b"], &["c"], r#"["union"]"#);
    rig.broadcast(&[], &["a"], r#"["others"]"#);
    rig.broadcast(&["a", "no such room"], &["no such room"], r#"["a"]"#);
    rig.broadcast(&[], &[], r#"["end"]"#);
    let expected: [&[&str]; 6] = [
        &["union", "a", "end"],
        &["union", "a", "end"],
        &["union", "others", "end"],
        &["others", "end"],
        &["others", "end"],
        &["others", "end"],
    ];
    for (client, expected) in clients.iter_mut().zip(expected) {
        for event in expected {
            assert_eq!(client.next(), format!(r#"42["{event}"]"#));
        }
        client.expect_nothing();
    }
}

#[test]
fn a_room_of_a_sockets_id_is_that_sockets_and_whoever_joins_it() {
    let rig = Rig::new();
    let mut own = rig.open(Way::WebSocket);
    let id = own.enter("/");
    let mut guest = rig.join(Way::Polling);
    rig.broadcast(&[&id], &[], r#"["one"]"#);
    enter(&rig, &guest, &[&id]);
    rig.broadcast(&[&id], &[], r#"["two"]"#);
    own.send("1");
    rig.wait_closed(&own);
    rig.broadcast(&[&id], &[], r#"["three"]"#);
    rig.broadcast(&[], &[&id], r#"["nobody"]"#);
    assert_eq!([own.next(), own.next()], [r#"42["one"]"#, r#"42["two"]"#]);
    assert_eq!(
        [guest.next(), guest.next()],
        [r#"42["two"]"#, r#"42["three"]"#]
    );
    guest.expect_nothing();
    let sid = rig.engine.hub().namespaces()[0].sid_of(rig.socket(&guest).conn);
    let members = vec![(id.as_str().into(), vec![sid.expect("the guest is there")])];
    assert_eq!(rig.engine.hub().namespaces()[0].rooms(), members);
}

#[test]
fn many_threads_broadcast_to_many_shards_and_everybody_hears_everything_once() {
    const THREADS: usize = 4;
    const EACH: usize = 2_500;
    let mut config = config();
    config.shards = 3;
    let rig = Rig::with(config);
    let mut clients: Vec<Client> = (0..6).map(|_| rig.join(Way::WebSocket)).collect();
    let leaving = rig.join(Way::WebSocket);
    for client in clients.iter().chain([&leaving]) {
        enter(&rig, client, &["all"]);
    }
    thread::scope(|scope| {
        for t in 0..THREADS {
            let rig = &rig;
            scope.spawn(move || {
                for n in 0..EACH {
                    rig.broadcast(&["all"], &[], &format!("[\"{t}\",{n}]"));
                }
            });
        }
        // Closes in the middle of it all.
        scope.spawn(|| {
            let mut leaving = leaving;
            leaving.next();
            leaving.send("1");
        });
        for client in &mut clients {
            scope.spawn(|| {
                let mut next = [0; THREADS];
                for _ in 0..THREADS * EACH {
                    let packet = client.next();
                    let inner = packet.strip_prefix("42[\"").expect("an event");
                    let (t, n) = inner.split_once("\",").expect("two elements");
                    let t: usize = t.parse().expect("a thread");
                    assert_eq!(n, format!("{}]", next[t]));
                    next[t] += 1;
                }
                client.expect_nothing();
            });
        }
    });
    let room = rig.engine.hub().namespaces()[0].room_size("all");
    assert_eq!(room, clients.len());
}

#[test]
fn a_place_used_again_never_hears_what_was_meant_for_the_one_before() {
    let rig = Rig::of_one_shard();
    let mut before = None;
    for n in 0..20 {
        let mut client = rig.join(Way::WebSocket);
        let socket = rig.socket(&client);
        if let Some(before) = before.replace(socket) {
            assert_eq!(socket.conn.slot.index, before.conn.slot.index);
            assert_ne!(socket.conn.slot.generation, before.conn.slot.generation);
            emit(&rig.engine, before, json(r#"["for another"]"#));
            let rooms = &["a"];
            rig.engine.execute(Command::Join {
                socket: before,
                rooms,
            });
            rig.engine.execute(Command::Accept {
                socket: before,
                sid: format!("late {n}").into(),
            });
            rig.engine.execute(Command::Disconnect { socket: before });
            rig.engine.execute(Command::Close {
                conn: before.conn,
                discard: true,
            });
            rig.broadcast(&["a"], &[], r#"["for another"]"#);
        }
        client.expect_nothing();
        client.wire().send_frame(CLOSE, b"");
        client.wire().read_close();
        client.wire().expect_end();
        rig.wait_closed(&client);
    }
}

#[test]
fn everybody_asked_by_a_broadcast_answers_or_the_time_runs_out() {
    let rig = Rig::new();
    let mut clients = crowd(&rig);
    let ask = |id, rooms: &[&str], timeout| {
        rig.engine.execute(Command::Broadcast {
            namespace: ROOT,
            audience: Audience {
                rooms,
                ..Audience::default()
            },
            payload: json(r#"["who"]"#),
            volatile: false,
            ack: Some(AckRequest {
                id,
                timeout,
                telling: Telling::default(),
            }),
        });
    };
    let outcome = |id| {
        rig.wait(|log| {
            log.broadcast_acks
                .iter()
                .find(|entry| entry.0 == id)
                .cloned()
        })
    };
    ask(1, &[], None);
    for (n, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.next(), r#"421["who"]"#);
        client.send(&format!("431[{n}]"));
        client.send(r#"431["again"]"#);
    }
    let (_, mut responses, timed_out) = outcome(1);
    responses.sort();
    assert_eq!(
        responses,
        (0..6).map(|n| format!("[{n}]")).collect::<Vec<_>>()
    );
    assert!(!timed_out);

    ask(2, &["no such room"], None);
    assert_eq!(outcome(2), (2, vec![], false));
    // Until there was time enough for one answer.
    for (id, milliseconds) in (3..).zip([20, 200, 2_000, 6_000]) {
        ask(id, &[], Some(Duration::from_millis(milliseconds)));
        clients[0].next();
        clients[0].send(&format!("43{id}[]"));
        let (_, responses, timed_out) = outcome(id);
        assert!(timed_out);
        if responses == ["[]"] {
            return;
        }
        assert_eq!(responses, [""; 0]);
    }
    panic!("no answer came in time");
}

#[test]
fn late_acceptance_of_many_that_left_leaves_nobody_behind() {
    let hub = sori::hub::Hub::new(1, None);
    let namespace = hub.register("/");
    let conn = |index, generation| ConnId {
        shard: 0,
        slot: sori::hub::Slot { index, generation },
    };
    for index in 0..100 {
        namespace.add(conn(index, 0), format!("first {index}").into(), None);
        namespace.add(conn(index, 1), format!("second {index}").into(), None);
    }
    for index in 0..100 {
        namespace.remove(conn(index, 0));
    }
    assert_eq!(namespace.len(), 100);
    for index in 0..100 {
        namespace.remove(conn(index, 1));
    }
    assert_eq!(namespace.len(), 0);
}
