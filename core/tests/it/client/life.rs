//! How a client loses its server and comes back, or does not.

use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde_json::json;
use sori::Error;
use sori::client::{AckError, ConnectError, Reconnecting, Reconnection};

use crate::support::client::{Log, NpmServer, PATIENCE, SoriServer, WAYS, client, watch};

/// A port where nobody listens.
fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn a_server_that_comes_back_finds_its_clients_again() {
    for way in WAYS {
        let npm = NpmServer::start(json!({}));
        let client = client(&npm.url(), way).start().unwrap();
        let comings = Log::default();
        let to = comings.clone();
        client.on_reconnecting(move |stage| to.write(format!("{stage:?}")));
        let socket = client.socket("/").unwrap();
        let log = watch(&socket);
        socket.connect().wait().unwrap();
        let first = socket.id().unwrap();
        let lost = socket.emit_with_ack::<()>("never", ());
        let lost = std::future::IntoFuture::into_future(lost);
        socket.emit_with_ack::<u8>("ask", 7).wait().unwrap();

        let port = npm.kill();
        let gone = log.wait_for("disconnected: transport ");
        assert_eq!(gone[0], "connected", "{gone:?}");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let lost = runtime.block_on(lost);
        assert!(matches!(lost, Err(AckError::Disconnected)), "{lost:?}");
        socket.emit("echo", "meanwhile").unwrap();
        assert!(!socket.is_connected() && socket.is_active() && socket.id().is_none());
        comings.wait_for("Attempt(2)");

        let npm = NpmServer::start(json!({"port": port}));
        let back = log.wait_for("[\"echo\",\"meanwhile\"]");
        assert_eq!(back[back.len() - 2], "connected", "{back:?}");
        assert!(
            back.iter().any(|it| it.starts_with("refused: ")),
            "{back:?}"
        );
        comings.wait_for("Done(");
        assert_ne!(socket.id().unwrap(), first);
        drop(npm);
    }
}

#[test]
fn a_recoverable_socket_comes_back_as_itself_with_what_it_missed() {
    let npm = NpmServer::start(json!({"options": {"connectionStateRecovery": {}}}));
    for way in WAYS {
        let client = client(&npm.url(), way).start().unwrap();
        let socket = client.socket("/").unwrap();
        let log = watch(&socket);
        socket.connect().wait().unwrap();
        let first = socket.id().unwrap();
        let room = format!("room of {way:?}");
        let follow = socket
            .emit_with_ack::<()>("follow", &room)
            .timeout(PATIENCE);
        follow.wait().unwrap();
        log.wait_for("[\"news\",\"before\"");
        socket.emit("cut", ()).unwrap();
        log.wait_for("disconnected: transport close");
        let back = log.wait_for("[\"news\",\"missed\"");
        assert!(back.contains(&"recovered".to_owned()), "{back:?}");
        assert_eq!(socket.id().unwrap(), first);
        assert!(socket.is_recovered());
    }
}

#[test]
fn a_client_that_must_not_come_back_says_so_and_may_be_told_to() {
    let port = closed_port();
    let url = format!("http://127.0.0.1:{port}");
    for way in WAYS {
        let client = client(&url, way).reconnection(None).start().unwrap();
        let socket = client.socket("/").unwrap();
        for _ in 0..2 {
            let error = socket.connect().wait().unwrap_err();
            let ConnectError::Unreachable(why) = error else {
                panic!("{error:?}")
            };
            assert!(why.contains(&format!("127.0.0.1 port {port}: ")), "{why}");
            let deadline = Instant::now() + PATIENCE;
            while socket.is_active() {
                assert!(Instant::now() < deadline);
                std::thread::yield_now();
            }
        }
    }
}

#[test]
fn a_client_gives_up_after_so_many_attempts() {
    let url = format!("http://127.0.0.1:{}", closed_port());
    let few = Reconnection {
        delay: Duration::from_millis(1),
        attempts: Some(3),
        ..Reconnection::default()
    };
    let client = client(&url, WAYS[1]).reconnection(few).start().unwrap();
    let comings = Log::default();
    let to = comings.clone();
    client.on_reconnecting(move |stage: Reconnecting| to.write(format!("{stage:?}")));
    let socket = client.socket("/").unwrap();
    socket.connect();
    let stages = comings.wait_for("Failed");
    assert_eq!(stages, ["Attempt(1)", "Attempt(2)", "Attempt(3)", "Failed"]);
}

#[test]
fn a_server_that_says_nothing_is_given_up_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    for way in WAYS {
        let client = client(&url, way)
            .timeout(Duration::from_millis(50))
            .reconnection(None)
            .start()
            .unwrap();
        let error = client.socket("/").unwrap().connect().wait().unwrap_err();
        assert_eq!(error.to_string(), "timeout");
    }
}

#[test]
fn a_server_that_pings_no_more_is_a_ping_timeout() {
    let options = json!({"pingInterval": 60, "pingTimeout": 40});
    let npm = NpmServer::start(json!({"silent": true, "options": options}));
    for way in WAYS {
        // A client that is not let in before the time is up ends too, and has no socket to end.
        loop {
            let client = client(&npm.url(), way).reconnection(None).start().unwrap();
            let socket = client.socket("/").unwrap();
            let log = watch(&socket);
            match socket.connect().wait() {
                Ok(()) => log.wait_for("disconnected: ping timeout"),
                Err(error) => {
                    assert_eq!(error.to_string(), "ping timeout");
                    continue;
                }
            };
            break;
        }
    }
}

#[test]
fn a_server_that_pings_keeps_its_client() {
    let options = json!({"pingInterval": 50, "pingTimeout": 5_000});
    let npm = NpmServer::start(json!({"options": options}));
    for way in WAYS {
        let client = client(&npm.url(), way).start().unwrap();
        let socket = client.socket("/").unwrap();
        let log = watch(&socket);
        socket.connect().wait().unwrap();
        let id = socket.id();
        for _ in 0..20 {
            let never = socket.emit_with_ack::<()>("never", ());
            // It waits on the clock for several pings to pass.
            assert!(never.timeout(Duration::from_millis(20)).wait().is_err());
        }
        assert_eq!(socket.id(), id);
        assert_eq!(log.entries(), ["connected"]);
    }
}

#[test]
fn a_servers_end_is_told_and_its_sockets_stay_active() {
    for way in WAYS {
        let sori = SoriServer::start();
        let client = client(&sori.url(), way).start().unwrap();
        let socket = client.socket("/").unwrap();
        let log = watch(&socket);
        socket.connect().wait().unwrap();
        drop(sori);
        log.wait_for("disconnected: transport ");
        assert!(socket.is_active());
        socket.disconnect();
        assert!(!socket.is_active());
    }
}

#[test]
fn too_much_without_a_connection_is_full_and_volatile_events_are_dropped() {
    let mut config = sori::client::Config::default();
    config.max_queued_bytes = 1_000;
    let sori = SoriServer::start();
    let client = sori::client::Client::builder(sori.url())
        .config(config)
        .start()
        .unwrap();
    let socket = client.socket("/").unwrap();
    let log = watch(&socket);
    socket.emit_volatile("echo", "volatile").unwrap();
    let large = "x".repeat(5_000);
    // A single one may be larger.
    socket.emit("echo", &large).unwrap();
    assert!(matches!(socket.emit("echo", 1), Err(Error::Full)));
    let full = socket.emit_with_ack::<u8>("ask", 1).wait();
    assert!(matches!(full, Err(AckError::Emit(Error::Full))), "{full:?}");
    socket.connect().wait().unwrap();
    let came = log.wait_for("[\"echo\",\"xxx");
    assert_eq!(came.len(), 2, "{came:?}");
    socket.emit("echo", 2).unwrap();
    assert_eq!(log.wait_for("[\"echo\",2]"), ["[\"echo\",2]"]);
}

#[test]
fn a_dropped_client_leaves_its_server() {
    let sori = SoriServer::start();
    let gone = Log::default();
    let to = gone.clone();
    sori.server
        .of("/")
        .on_disconnect(move |_: sori::Socket, reason| to.write(format!("{reason}")));
    for way in WAYS {
        let client = client(&sori.url(), way).start().unwrap();
        let socket = client.socket("/").unwrap();
        socket.connect().wait().unwrap();
        drop(client);
        assert_eq!(gone.wait_for(""), ["client namespace disconnect"]);
    }
}

#[test]
fn addresses_and_settings_that_cannot_work_are_misuse() {
    for url in ["", "127.0.0.1", "ftp://a", "http://a/namespace"] {
        let error = sori::client::Client::builder(url).start().unwrap_err();
        assert!(matches!(error, Error::Misuse(_)), "{url}: {error}");
    }
    let sori = SoriServer::start();
    let no_transports = client(&sori.url(), &[]).start().unwrap_err();
    assert!(matches!(no_transports, Error::Misuse(_)));
    let client = client(&sori.url(), WAYS[0]).start().unwrap();
    for name in ["", "chat", "/a,b"] {
        assert!(matches!(client.socket(name), Err(Error::Misuse(_))));
    }
    let socket = client.socket("/").unwrap();
    assert!(matches!(socket.set_auth(1), Err(Error::Misuse(_))));
    assert!(matches!(socket.emit("connect", ()), Err(Error::Misuse(_))));
    // Nothing of it went out.
    assert!(!socket.is_active());
    let _ = TcpStream::connect(("127.0.0.1", sori.port)).unwrap();
}
