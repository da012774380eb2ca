//! Events, acks, namespaces and binary between Sori's client and both servers, over every way.

use std::time::Duration;

use serde_json::{Value, json};
use sori::client::{Ack, AckError, Binary, ConnectError, Socket, TransportKind, TypedEvent};

use crate::support::client::{NpmServer, PATIENCE, SoriServer, WAYS, client, everywhere, watch};

#[test]
fn events_go_both_ways_in_order() {
    everywhere(|url, way| {
        let client = client(url, way).start().unwrap();
        let socket = client.socket("/").unwrap();
        let log = watch(&socket);
        // Before there is a connection they wait.
        socket.emit("echo", 0).unwrap();
        socket.connect().wait().unwrap();
        assert_eq!(socket.id().unwrap().len(), 20);
        for n in 1..100 {
            socket.emit("echo", n).unwrap();
        }
        socket
            .emit("echo", json!({"한": ["\u{1e}\n", null]}))
            .unwrap();
        let mut expected = vec!["connected".to_owned()];
        expected.extend((0..100).map(|n| format!("[\"echo\",{n}]")));
        expected.push("[\"echo\",{\"한\":[\"\\u001e\\n\",null]}]".to_owned());
        assert_eq!(log.wait_for("[\"echo\",{"), expected);
    });
}

#[test]
fn acks_go_both_ways() {
    everywhere(|url, way| {
        let client = client(url, way).start().unwrap();
        let socket = client.socket("/").unwrap();
        socket.on("question", |_: Socket, text: String, ack: Ack| {
            ack.send(format!("{text}!"))
        });
        socket.connect();
        let question = socket.emit_with_ack("question", "소리").timeout(PATIENCE);
        let answer: String = question.wait().unwrap();
        assert_eq!(answer, "소리!");
        let wrong = socket.emit_with_ack::<u8>("ask", "text").timeout(PATIENCE);
        let wrong = wrong.wait();
        assert!(matches!(wrong, Err(AckError::Decode(_))), "{wrong:?}");
    });
}

#[test]
fn a_handler_may_wait_for_an_answer() {
    // Sori's server would not run "ask" before "question" is answered.
    let npm = NpmServer::start(json!({}));
    for way in WAYS {
        let client = client(&npm.url(), way).start().unwrap();
        let socket = client.socket("/").unwrap();
        socket.on(
            "question",
            |socket: Socket, text: String, ack: Ack| async move {
                let echoed: String = socket.emit_with_ack("ask", text).timeout(PATIENCE).await?;
                ack.send(format!("{echoed}!"))?;
                Ok::<_, sori::client::BoxError>(())
            },
        );
        socket.connect();
        let question = socket.emit_with_ack("question", "소리").timeout(PATIENCE);
        let answer: String = question.wait().unwrap();
        assert_eq!(answer, "소리!");
    }
}

#[test]
fn binary_goes_both_ways() {
    everywhere(|url, way| {
        let client = client(url, way).start().unwrap();
        let socket = client.socket("/").unwrap();
        socket.connect().wait().unwrap();
        let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        let file = Binary::from(bytes.clone());
        let back: Binary = socket.emit_with_ack("file", file).wait().unwrap();
        assert_eq!(back.as_ref(), bytes);
    });
}

#[test]
fn an_answer_that_does_not_come_is_a_timeout_and_harms_nothing() {
    everywhere(|url, way| {
        let client = client(url, way).start().unwrap();
        let socket = client.socket("/").unwrap();
        socket.connect().wait().unwrap();
        let never = socket
            .emit_with_ack::<()>("never", ())
            .timeout(Duration::from_millis(30))
            .wait();
        assert!(matches!(never, Err(AckError::Timeout)), "{never:?}");
        assert_eq!(socket.emit_with_ack::<u8>("ask", 7).wait().unwrap(), 7);
    });
}

#[test]
fn namespaces_share_a_connection_and_refuse_with_words_and_data() {
    everywhere(|url, way| {
        let client = client(url, way).start().unwrap();
        let main = client.socket("/").unwrap();
        main.connect().wait().unwrap();
        let nowhere = client.socket("/nowhere").unwrap();
        let refused = nowhere.connect().wait().unwrap_err();
        assert_eq!(refused.to_string(), "Invalid namespace");
        assert!(!nowhere.is_active());

        let admin = client.socket("/admin").unwrap();
        let log = watch(&admin);
        let refused = admin.connect().wait().unwrap_err();
        let ConnectError::Refused { message, data } = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(message, "not authorized");
        assert_eq!(data.as_deref(), Some(r#"{"code":7}"#));
        admin.set_auth(json!({"token": "secret"})).unwrap();
        admin.connect().wait().unwrap();
        admin.emit("echo", 1).unwrap();
        log.wait_for("[\"echo\",1]");

        // The others go on when one is put out, and it may come back.
        admin.emit("kick", ()).unwrap();
        log.wait_for("disconnected: io server disconnect");
        assert!(!admin.is_active());
        assert_eq!(main.emit_with_ack::<u8>("ask", 7).wait().unwrap(), 7);
        admin.connect().wait().unwrap();
        admin.disconnect();
        log.wait_for("disconnected: io client disconnect");
        assert_eq!(main.emit_with_ack::<u8>("ask", 8).wait().unwrap(), 8);
    });
}

#[test]
fn a_polling_connection_becomes_a_websocket_and_loses_nothing() {
    let (npm, sori) = (NpmServer::start(json!({})), SoriServer::start());
    for url in [npm.url(), sori.url()] {
        let client = client(&url, WAYS[2]).start().unwrap();
        let socket = client.socket("/").unwrap();
        let log = watch(&socket);
        socket.connect().wait().unwrap();
        let mut sent = 0;
        let started = std::time::Instant::now();
        while client.transport() != Some(TransportKind::WebSocket) {
            socket.emit("echo", sent).unwrap();
            sent += 1;
            assert!(started.elapsed() < PATIENCE, "no upgrade");
            std::thread::yield_now();
            assert_eq!(socket.emit_with_ack::<u8>("ask", 7).wait().unwrap(), 7);
        }
        socket.emit("echo", "last").unwrap();
        let mut expected = vec!["connected".to_owned()];
        expected.extend((0..sent).map(|n| format!("[\"echo\",{n}]")));
        expected.push("[\"echo\",\"last\"]".to_owned());
        assert_eq!(log.wait_for("[\"echo\",\"last\"]"), expected);
    }
}

#[test]
fn what_was_sent_before_the_end_still_leaves() {
    everywhere(|url, way| {
        let listener = client(url, WAYS[1]).start().unwrap();
        let ear = listener.socket("/").unwrap();
        ear.connect().wait().unwrap();
        let client = client(url, way).start().unwrap();
        let socket = client.socket("/").unwrap();
        let log = watch(&socket);
        socket.connect().wait().unwrap();
        let pending = socket.emit_with_ack::<u8>("ask", 7);
        let answer = std::future::IntoFuture::into_future(pending);
        client.close();
        log.wait_for("disconnected: io client disconnect");
        client.wait();
        drop(answer);
        assert!(matches!(socket.emit("echo", 1), Err(sori::Error::Closed)));
        assert!(!socket.is_active());
    });
}

#[test]
fn the_server_sees_auth_query_and_headers() {
    let npm = NpmServer::start(json!({}));
    for way in WAYS {
        let client = client(&npm.url(), way)
            .query("a b", "ü&=")
            .header("x-test", "yes")
            .start()
            .unwrap();
        let socket = client.socket("/").unwrap();
        socket.set_auth(json!({"token": "t"})).unwrap();
        socket.connect();
        let (auth, query, header): (Value, Value, String) =
            socket.emit_with_ack("who", ()).wait().unwrap();
        assert_eq!(auth, json!({"token": "t"}));
        assert_eq!(query["a b"], "ü&=");
        assert_eq!(query["EIO"], "4");
        assert_eq!(header, "yes");
    }
}

#[test]
fn a_client_runs_on_the_callers_runtime_too() {
    let sori = SoriServer::start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = client(&sori.url(), WAYS[2]).spawn().unwrap();
        let socket = client.socket("/").unwrap();
        socket.connect().await.unwrap();
        let answer: Value = socket.emit_with_ack("ask", [[1], [2]]).await.unwrap();
        assert_eq!(answer, json!([1]));
        client.close();
        client.closed().await;
    });
    let outside = client(&sori.url(), WAYS[0]).spawn().unwrap_err();
    assert!(matches!(outside, sori::Error::Misuse(_)), "{outside}");
}

#[test]
fn handlers_that_fail_are_told_of_and_harm_nothing() {
    let sori = SoriServer::start();
    let client = client(&sori.url(), WAYS[1]).start().unwrap();
    let failed = crate::support::client::Log::default();
    let to = failed.clone();
    client.on_error(move |_, event, error| to.write(format!("{event}: {error}")));
    let socket = client.socket("/").unwrap();
    socket.on("echo", |_: Socket, _: Value| -> Result<(), &str> {
        Err("no")
    });
    socket.on("echo", |_: Socket, _: u8| {});
    socket.on("echo", |_: Socket, _: Value| -> () { panic!("on purpose") });
    let log = watch(&socket);
    socket.connect().wait().unwrap();
    socket.emit("echo", "text").unwrap();
    let told = failed.wait_for("echo: the handler panicked: on purpose");
    assert_eq!(told[0], "echo: no");
    assert!(told[1].starts_with("echo: argument 0: "), "{told:?}");
    socket.off("echo");
    socket.emit("echo", 1).unwrap();
    log.wait_for("[\"echo\",1]");
}

#[test]
fn typed_events_and_their_answers_go_both_ways() {
    const ECHO: TypedEvent<fn((u32, String))> = TypedEvent::new("echo");
    const QUESTION: TypedEvent<fn(String) -> String> = TypedEvent::new("question");
    everywhere(|url, way| {
        let client = client(url, way).start().unwrap();
        let socket = client.socket("/").unwrap();
        let log = watch(&socket);
        socket.on_event(QUESTION, |_: Socket, text: String, ack: Ack<String>| {
            ack.send(format!("{text}!"))
        });
        socket.connect().wait().unwrap();
        let question = socket.emit_event_with_ack(QUESTION, "소리".to_owned());
        assert_eq!(question.timeout(PATIENCE).wait().unwrap(), "소리!");
        socket.emit_event(ECHO, (7, "a".to_owned())).unwrap();
        log.wait_for("[\"echo\",[7,\"a\"]]");
    });
}
