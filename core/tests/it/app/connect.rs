//! Checks that decide who may join a namespace.

use serde::Deserialize;
use serde_json::json;
use sori::{ConnectError, ConnectRequest, Socket, TransportKind};

use crate::support::app::{Client, Gate, Log, Running};
use crate::support::steady::Steady;
use crate::support::stream::{self, ask};

#[derive(Deserialize)]
struct Auth {
    token: String,
}

#[test]
fn a_refusal_reaches_the_client_with_its_data() {
    let running = Running::start();
    running
        .server
        .of("/")
        .check(|request: ConnectRequest| async move {
            match request.auth::<Auth>() {
                Ok(auth) if auth.token == "letmein" => Ok(()),
                Ok(_) => Err(ConnectError::new("not authorized").data(json!({"retry": false}))),
                Err(_) => Err(ConnectError::new("no token")),
            }
        });
    let mut client = Client::open(running.address);
    client.send("40");
    client.expect("44{\"message\":\"no token\"}");
    client.send("40{\"token\":\"guess\"}");
    client.expect("44{\"message\":\"not authorized\",\"data\":{\"retry\":false}}");
    client.send("40{\"token\":\"letmein\"}");
    assert!(client.receive().starts_with("40{\"sid\":"));
    client.sync();
}

#[test]
fn checks_run_in_order_and_the_first_refusal_ends_them() {
    let running = Running::start();
    let log = Log::default();
    let chat = running.server.of("/");
    let (first, second, third, joined) = (log.clone(), log.clone(), log.clone(), log.clone());
    chat.check(move |request| {
        first.write("first");
        request.set_data(7_u32);
        Ok(())
    });
    chat.check(move |request| {
        let second = second.clone();
        async move {
            second.write(format!("second {}", request.data::<u32>().unwrap()));
            match request.auth::<Auth>() {
                Ok(_) => Ok(()),
                Err(_) => Err(ConnectError::new("second")),
            }
        }
    });
    chat.check(move |_| {
        third.write("third");
        Ok(())
    });
    chat.on_connect(move |socket: Socket| {
        joined.write(format!("joined {}", socket.data::<u32>().unwrap()));
    });
    let mut client = Client::open(running.address);
    client.send("40");
    client.expect("44{\"message\":\"second\"}");
    client.send("40{\"token\":\"\"}");
    assert!(client.receive().starts_with("40{\"sid\":"));
    log.expect(&[
        "first", "second 7", "first", "second 7", "third", "joined 7",
    ]);
}

#[test]
fn a_check_that_panics_lets_nobody_in() {
    fn fall_over() -> Result<(), ConnectError> {
        panic!("a check that panics")
    }
    let running = Running::start();
    let log = Log::default();
    let errors = log.clone();
    running
        .server
        .on_error(move |_, event, error| errors.write(format!("{event}: {error}")));
    running.server.of("/plain").check(|_| fall_over());
    running.server.of("/async").check(|_| async { fall_over() });
    let mut client = Client::open(running.address);
    for namespace in ["/plain", "/async"] {
        client.send(&format!("40{namespace},"));
        client.expect(&format!("44{namespace},{{\"message\":\"internal error\"}}"));
    }
    client.join();
    client.sync();
    log.expect(&["connect: the handler panicked: a check that panics"; 2]);
}

#[test]
fn a_check_that_never_decides_refuses_in_the_end() {
    let running = Running::start_with(|builder| {
        builder.connect_timeout(std::time::Duration::from_millis(500))
    });
    running.server.of("/slow").check(|_| std::future::pending());
    // Who has joined a namespace already stays connected.
    let mut client = Client::open(running.address);
    client.join();
    client.send("40/slow,");
    client.expect("44/slow,{\"message\":\"timeout\"}");
}

#[test]
fn a_client_that_goes_while_it_is_checked_never_joins() {
    let running = Running::start();
    let (gate, log) = (Gate::default(), Log::default());
    let admin = running.server.of("/admin");
    let (held, checked, joined) = (gate.clone(), log.clone(), log.clone());
    admin.check(move |_| {
        let (held, checked) = (held.clone(), checked.clone());
        let ending = OnDrop(checked.clone());
        async move {
            checked.write("asked");
            held.passed().await;
            drop(ending);
            Ok(())
        }
    });
    admin.on_connect(move |_: Socket| joined.write("joined"));
    let mut client = Client::open(running.address);
    client.send("40/admin,");
    log.expect(&["asked"]);
    client.close();
    log.expect(&["asked", "dropped"]);
    gate.open();
    running.client().sync();
    log.expect(&["asked", "dropped"]);
    assert!(admin.sockets().is_empty());
}

struct OnDrop(Log);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.write("dropped");
    }
}

#[test]
fn a_check_decides_by_what_all_handlers_share() {
    struct Door(&'static str);
    let running = Running::start_with(|builder| builder.state(Door("locked")));
    running.server.of("/").check(|request: ConnectRequest| {
        let door = request.state::<Door>().map_or("no door", |door| door.0);
        assert!(request.state::<u8>().is_none());
        Err(ConnectError::new(door))
    });
    let mut client = Client::open(running.address);
    client.send("40");
    client.expect("44{\"message\":\"locked\"}");
}

#[test]
fn a_socket_tells_what_carries_its_connection() {
    let running = Running::start();
    let told = Log::default();
    let tell = |told: &Log, socket: &Socket| {
        let transport = socket.transport().map(TransportKind::as_str);
        told.write(transport.unwrap_or("nothing"));
    };
    let chat = running.server.of("/");
    let log = told.clone();
    chat.on_connect(move |socket: Socket| tell(&log, &socket));
    let log = told.clone();
    chat.on("tell", move |socket: Socket| tell(&log, &socket));
    let log = told.clone();
    chat.on_disconnect(move |socket: Socket, _| tell(&log, &socket));
    let connect = || Steady::connect(running.address);
    let url = "/socket.io/?EIO=4&transport=polling";
    let open = ask(connect(), "GET", url, "");
    let sid = open.split("\"sid\":\"").nth(1).unwrap();
    let sid = sid.split('"').next().unwrap();
    ask(connect(), "POST", &format!("{url}&sid={sid}"), "40");
    ask(connect(), "GET", &format!("{url}&sid={sid}"), "");
    let url = format!("ws://localhost/socket.io/?EIO=4&transport=websocket&sid={sid}");
    let (stream, _) = tungstenite::client(url, connect()).unwrap();
    let mut upgraded = stream::Client { stream };
    upgraded.send("2probe");
    upgraded.expect("3probe");
    upgraded.send("5");
    upgraded.send(r#"42["tell"]"#);
    told.expect(&["polling", "websocket"]);
    drop(upgraded);
    told.expect(&["polling", "websocket", "nothing"]);
}
