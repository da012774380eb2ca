//! Handlers of the Rust face: what they take, in which order they run, and what becomes of errors.

use sori::{Ack, Attempt, Binary, HandlerError, Socket};

use crate::support::app::{Client, Gate, Log, PollingClient, Running};

#[test]
fn handlers_take_positional_arguments_and_answer_by_ack() {
    let running = Running::start();
    let chat = running.server.of("/");
    chat.on("add", |_: Socket, a: i64, b: i64, ack: Ack| async move {
        ack.send(a + b)
    });
    chat.on("none", |socket: Socket| socket.emit("none", ()));
    chat.on(
        "six",
        |socket: Socket, a: u8, b: u8, c: u8, d: Option<u8>, e: String, f: Vec<u8>| {
            socket.emit("six", (a, b, c, d, e, f))
        },
    );
    let mut client = running.client();
    client.send("427[\"add\",40,2]");
    client.expect("437[42]");
    client.send("42[\"none\",\"too\",\"much\"]");
    client.expect("42[\"none\"]");
    client.send("42[\"six\",1,2,3,null,\"e\",[4,5]]");
    client.expect("42[\"six\",1,2,3,null,\"e\",[4,5]]");
    client.send("42[\"unknown\",1]");
    client.sync();
}

#[test]
fn an_ack_that_nobody_asked_for_goes_nowhere() {
    let running = Running::start();
    running
        .server
        .of("/")
        .on("ask", |socket: Socket, ack: Ack| {
            socket.emit("wanted", ack.is_wanted())?;
            ack.send("answer")
        });
    let mut client = running.client();
    client.send("42[\"ask\"]");
    client.expect("42[\"wanted\",false]");
    client.send("425[\"ask\"]");
    client.expect("42[\"wanted\",true]");
    client.expect("435[\"answer\"]");
    client.sync();
}

#[test]
fn what_another_thread_said_before_a_handler_knew_of_it_arrives_first() {
    let running = Running::start();
    let chat = running.server.of("/");
    let (heard, sockets) = std::sync::mpsc::channel::<Socket>();
    let (told, answers) = std::sync::mpsc::channel::<()>();
    let answers = std::sync::Mutex::new(answers);
    let other = std::thread::spawn(move || {
        for socket in sockets {
            socket.emit("other", ()).unwrap();
            told.send(()).unwrap();
        }
    });
    chat.on("speak", move |socket: Socket| {
        socket.emit("before", ()).unwrap();
        heard.send(socket.clone()).unwrap();
        answers.lock().unwrap().recv().unwrap();
        socket.emit("after", ()).unwrap();
        socket.disconnect();
    });
    let mut client = running.client();
    client.send("42[\"speak\"]");
    client.expect("42[\"before\"]");
    client.expect("42[\"other\"]");
    client.expect("42[\"after\"]");
    client.expect("41");
    drop(client);
    drop(running);
    other.join().unwrap();
}

#[test]
fn an_async_handler_that_waits_holds_up_its_own_socket_only() {
    let running = Running::start();
    let chat = running.server.of("/");
    let gate = Gate::default();
    let held = gate.clone();
    chat.on("slow", move |socket: Socket| {
        let held = held.clone();
        async move {
            held.passed().await;
            socket.emit("slow", ())
        }
    });
    chat.on("quick", |socket: Socket, n: u32| socket.emit("quick", n));
    chat.on("later", |socket: Socket, n: u32| async move {
        socket.emit("later", n)
    });
    let (mut first, mut second) = (running.client(), running.client());
    first.send("42[\"slow\"]");
    first.send("42[\"quick\",1]");
    first.send("42[\"later\",2]");
    first.send("421[\"sync\"]");
    second.send("42[\"quick\",3]");
    second.expect("42[\"quick\",3]");
    gate.open();
    first.expect("42[\"slow\"]");
    first.expect("42[\"quick\",1]");
    first.expect("42[\"later\",2]");
    first.expect("431[]");
    first.send("42[\"quick\",4]");
    first.expect("42[\"quick\",4]");
}

#[test]
fn handlers_of_one_event_run_in_the_order_of_their_registration() {
    let running = Running::start();
    let log = Log::default();
    let chat = running.server.of("/");
    let any = log.clone();
    chat.on_any(move |_, event| {
        let arguments: (u8,) = event.arguments().unwrap_or_default();
        any.write(format!("any {} {}", event.name(), arguments.0));
    });
    let own = log.clone();
    chat.on_connect(move |socket: Socket| {
        own.write("connect");
        let own = own.clone();
        socket.on("e", move |_: Socket| own.write("own"));
    });
    for name in ["first", "second"] {
        let log = log.clone();
        chat.on("e", move |_: Socket| log.write(name));
    }
    let mut client = running.client();
    client.send("42[\"e\",7]");
    log.expect(&["connect", "any e 7", "first", "second", "own"]);
}

#[test]
fn wrong_arguments_drop_the_event_and_are_reported() {
    let running = Running::start();
    let log = Log::default();
    let errors = log.clone();
    running.server.on_error(move |_, event, error| {
        assert!(matches!(error, HandlerError::Arguments(_)));
        let text = error.to_string();
        errors.write(format!(
            "{event}: {}",
            text.split(" at line").next().unwrap()
        ));
    });
    running
        .server
        .of("/")
        .on("number", |socket: Socket, n: u8| socket.emit("number", n));
    let mut client = running.client();
    for wrong in ["\"a\"", "-1", "256", "{}", "null"] {
        client.send(&format!("42[\"number\",{wrong}]"));
    }
    client.send("42[\"number\"]");
    client.send("42[\"number\",7]");
    client.expect("42[\"number\",7]");
    let found = log.wait_for(6);
    assert_eq!(
        (found[0].as_str(), found[5].as_str(), found.len()),
        (
            "number: argument 0: invalid type: string \"a\", expected u8",
            "number: argument 0: missing",
            6
        )
    );
}

fn fall_over(message: &str) {
    panic!("{message}")
}

#[test]
fn errors_and_panics_end_one_call_and_nothing_else() {
    let running = Running::start();
    let log = Log::default();
    let errors = log.clone();
    running.server.on_error(move |socket, event, error| {
        assert!(socket.is_connected());
        errors.write(format!("{event}: {error}"));
        if event == "hook" {
            panic!("a hook that panics");
        }
    });
    let chat = running.server.of("/");
    chat.on("plain", |_: Socket| fall_over("one"));
    chat.on("async", |_: Socket| async { fall_over("two") });
    let gate = Gate::default();
    let held = gate.clone();
    chat.on("late", move |_: Socket| {
        let held = held.clone();
        async move {
            held.passed().await;
            fall_over("three")
        }
    });
    chat.on("failed", |_: Socket| Err::<(), _>("four"));
    chat.on("hook", |_: Socket| async {
        Err::<(), _>("five".to_owned())
    });
    let mut client = running.client();
    for event in ["plain", "async", "late", "failed", "hook"] {
        client.send(&format!("42[\"{event}\"]"));
    }
    gate.open();
    client.sync();
    log.expect(&[
        "plain: the handler panicked: one",
        "async: the handler panicked: two",
        "late: the handler panicked: three",
        "failed: four",
        "hook: five",
    ]);
    running.client().sync();
}

#[test]
fn the_connect_handler_runs_before_any_event_even_when_it_waits() {
    let running = Running::start();
    let gate = Gate::default();
    let held = gate.clone();
    let chat = running.server.of("/");
    chat.on_connect(move |socket: Socket| {
        let held = held.clone();
        async move {
            held.passed().await;
            socket.set_data(String::from("ready"));
            socket.emit("welcome", ())
        }
    });
    chat.on("data", |socket: Socket| {
        socket.emit("data", socket.data::<String>().map(|data| data.to_string()))
    });
    let mut client = running.client();
    client.send("42[\"data\"]");
    gate.open();
    client.expect("42[\"welcome\"]");
    client.expect("42[\"data\",\"ready\"]");
}

#[test]
fn a_client_that_floods_a_waiting_handler_is_not_read_any_more() {
    let running = Running::start();
    let gate = Gate::default();
    let held = gate.clone();
    let log = Log::default();
    let chat = running.server.of("/");
    let handled = log.clone();
    chat.on("slow", move |_: Socket| {
        let held = held.clone();
        async move { held.passed().await }
    });
    chat.on("flood", move |_: Socket, _: String| handled.write("flood"));
    let mut flooding = running.client();
    flooding.send("42[\"slow\"]");
    let packet = format!("42[\"flood\",\"{}\"]", "x".repeat(60_000));
    let has_stopped = || running.server.metrics().paused > 0;
    assert!(
        flooding.flood(&packet, 2_000, has_stopped),
        "the server took it all"
    );
    running.client().sync();
    gate.open();
    log.wait_for(16);
}

#[test]
fn a_polling_client_that_floods_a_waiting_handler_is_closed() {
    let running = Running::start_with(|builder| builder.max_pending_events(100));
    let log = Log::default();
    let errors = log.clone();
    running
        .server
        .on_error(move |_, event, error| errors.write(format!("{event}: {error}")));
    let chat = running.server.of("/");
    let (ended, gate) = (log.clone(), Gate::default());
    chat.on_disconnect(move |_, reason| ended.write(reason.as_str()));
    let held = gate.clone();
    chat.on("slow", move |_: Socket| {
        let held = held.clone();
        async move { held.passed().await }
    });
    let mut client = PollingClient::join(running.address);
    let flood = std::iter::repeat_n("42[\"slow\"]", 102);
    client.send(&flood.collect::<Vec<_>>().join("\x1e"));
    log.expect(&[": too many events wait behind a pending handler"]);
    gate.open();
    log.expect(&[
        ": too many events wait behind a pending handler",
        "forced close",
    ]);
}

#[test]
fn handlers_work_over_polling() {
    let running = Running::start();
    let chat = running.server.of("/");
    chat.on("echo", |socket: Socket, text: String| {
        socket.emit("echo", text)
    });
    let mut client = PollingClient::join(running.address);
    client.send("42[\"echo\",\"é\"]\x1e421[\"sync\"]");
    assert_eq!(client.receive(), "42[\"echo\",\"é\"]");
    assert_eq!(client.receive(), "431[]");
}

#[test]
fn namespaces_have_handlers_of_their_own() {
    let running = Running::start();
    let admin = running.server.of("admin");
    admin.on("who", |socket: Socket, ack: Ack| {
        ack.send(socket.namespace_name())
    });
    let mut client = Client::open(running.address);
    client.send("40/nowhere,");
    client.expect("44/nowhere,{\"message\":\"Invalid namespace\"}");
    client.send("40/admin,");
    assert!(client.receive().starts_with("40/admin,{\"sid\":"));
    client.send("42/admin,1[\"who\"]");
    client.expect("43/admin,1[\"/admin\"]");
    client.join();
    client.sync();
}

#[test]
fn handlers_share_what_the_server_was_built_with() {
    struct Greeting(&'static str);
    let running = Running::start_with(|builder| builder.state(Greeting("hi")).state(7_u32));
    running
        .server
        .of("/")
        .on("greet", |socket: Socket, ack: Ack| {
            let greeting = socket.state::<Greeting>().map(|greeting| greeting.0);
            let number = socket.state::<u32>().as_deref().copied();
            ack.send((greeting, number, socket.state::<u64>().is_some()))
        });
    let mut client = running.client();
    client.send(r#"421["greet"]"#);
    client.expect(r#"431["hi",7,false]"#);
}

#[test]
fn what_a_handler_says_in_a_row_arrives_whole_and_in_order() {
    // Lengths around those at which a frame's header grows, and many frames together.
    const LENGTHS: [usize; 9] = [0, 1, 110, 111, 112, 113, 5_000, 65_520, 70_000];
    let running = Running::start();
    let chat = running.server.of("/");
    chat.on("row", |socket: Socket, ack: Ack| {
        for round in 0..3 {
            for length in LENGTHS {
                socket.emit("e", (round, "x".repeat(length)))?;
            }
            socket.emit("b", Binary::from(vec![round]))?;
        }
        ack.send(())?;
        socket.emit("last", ())
    });
    let expected =
        |round: u8| LENGTHS.map(|length| format!("42[\"e\",{round},\"{}\"]", "x".repeat(length)));
    let mut client = running.client();
    client.send("427[\"row\"]");
    for round in 0..3 {
        expected(round)
            .iter()
            .for_each(|event| client.expect(event));
        client.expect("451-[\"b\",{\"_placeholder\":true,\"num\":0}]");
        assert_eq!(client.receive_binary(), [round]);
    }
    client.expect("437[]");
    client.expect("42[\"last\"]");
    client.sync();
    let mut polling = PollingClient::join(running.address);
    polling.send("427[\"row\"]");
    for (round, binary) in ["bAA==", "bAQ==", "bAg=="].into_iter().enumerate() {
        for event in expected(round as u8) {
            assert_eq!(polling.receive(), event);
        }
        assert_eq!(
            polling.receive(),
            "451-[\"b\",{\"_placeholder\":true,\"num\":0}]"
        );
        assert_eq!(polling.receive(), binary);
    }
    assert_eq!(polling.receive(), "437[]");
    assert_eq!(polling.receive(), "42[\"last\"]");
}

#[test]
fn a_handler_may_say_more_in_a_row_than_may_wait() {
    let running = Running::start_with(|builder| builder.max_queued_bytes(10_000));
    running.server.of("/").on("row", |socket: Socket| {
        (0..100).try_for_each(|n| socket.emit("e", (n, "x".repeat(1_000))))
    });
    let mut client = running.client();
    client.send("42[\"row\"]");
    for n in 0..100 {
        client.expect(&format!("42[\"e\",{n},\"{}\"]", "x".repeat(1_000)));
    }
    client.sync();
    assert_eq!(running.server.metrics().closed_slow, 0);
}

#[test]
fn a_socket_that_comes_again_on_its_connection_is_another_and_what_it_had_is_gone() {
    struct Kept(Log, String);
    impl Drop for Kept {
        fn drop(&mut self) {
            self.0.write(format!("dropped {}", self.1));
        }
    }
    let running = Running::start_with(|builder| builder.shards(1));
    let chat = running.server.of("/");
    let log = Log::default();
    let kept = log.clone();
    chat.on("who", move |socket: Socket| {
        socket.set_data(Kept(kept.clone(), socket.id().to_owned()));
        socket.emit("you", socket.id())
    });
    chat.on("go", |socket: Socket| socket.disconnect());
    let mut client = running.client();
    let mut ids = Vec::new();
    for leave in ["42[\"go\"]", "41"] {
        client.send("42[\"who\"]");
        client.expect(&format!("42[\"you\",\"{}\"]", client.id));
        ids.push(format!("dropped {}", client.id));
        client.send(leave);
        if leave != "41" {
            client.expect("41");
        }
        client.join();
        log.expect(&ids);
    }
    client.send("42[\"who\"]");
    client.expect(&format!("42[\"you\",\"{}\"]", client.id));
    ids.push(format!("dropped {}", client.id));
    client.close();
    log.expect(&ids);
}

#[test]
fn a_handler_that_a_handler_registers_is_called_from_the_next_event_on() {
    let running = Running::start_with(|builder| builder.shards(1));
    let chat = running.server.of("/");
    let registrar = chat.clone();
    chat.on("more", move |socket: Socket, n: u32| {
        registrar.on("more", move |socket: Socket, _: u32| socket.emit("by", n));
        socket.emit("heard", n)
    });
    let mut client = running.client();
    client.send_together(&["42[\"more\",1]", "42[\"more\",2]"]);
    client.expect("42[\"heard\",1]");
    client.expect("42[\"heard\",2]");
    client.expect("42[\"by\",1]");
    client.sync();
}

#[test]
fn what_no_handler_takes_goes_to_the_fallback_with_its_name() {
    let running = Running::start();
    let chat = running.server.of("/");
    chat.on("shared", |socket: Socket| socket.emit("shared", ()));
    chat.on_connect(|socket: Socket| {
        socket.on("own", |socket: Socket| socket.emit("own", ()));
    });
    chat.on_fallback(|_: Socket, event: String, first: Option<u8>, ack: Ack| {
        ack.send((event, first))
    });
    chat.on_fallback(|socket: Socket, event: String, image: Binary| {
        socket.emit("took", (event, image))
    });
    let heard = Log::default();
    let errors = heard.clone();
    running.server.on_error(move |_, event, error| {
        errors.write(format!("{event}: {error}"));
    });
    let mut client = running.client();
    client.send("421[\"shared\"]");
    client.expect("42[\"shared\"]");
    client.send("422[\"own\"]");
    client.expect("42[\"own\"]");
    client.send("423[\"a\\\"b\",7]");
    client.expect("433[\"a\\\"b\",7]");
    client.send("424[12]");
    client.expect("434[\"12\",null]");
    client.send("451-[\"image\",{\"_placeholder\":true,\"num\":0}]");
    client.send_binary(&[1, 2]);
    client.expect("451-[\"took\",\"image\",{\"_placeholder\":true,\"num\":0}]");
    assert_eq!(client.receive_binary(), [1, 2]);
    heard.expect(&[
        "a\"b: argument 1: invalid type: integer `7`, expected binary data at line 1 column 1",
        "12: argument 1: missing",
        "image: argument 1: invalid type: map, expected u8 at line 1 column 0",
    ]);
}

#[test]
fn a_malformed_event_of_a_fallback_ends_its_connection() {
    let running = Running::start();
    let chat = running.server.of("/");
    chat.on_fallback(|socket: Socket, event: String| socket.emit("heard", event));
    let mut client = running.client();
    client.send("42[\"fine\",{\"a\":1}]");
    client.expect("42[\"heard\",\"fine\"]");
    client.send("42[\"broken\",{\"a\"]");
    client.expect_end();
}

#[test]
fn an_attempt_is_told_of_what_does_not_fit() {
    let running = Running::start();
    let chat = running.server.of("/");
    chat.on(
        "count",
        |_: Socket, count: Attempt<u8>, ack: Ack| match count.0 {
            Ok(count) => ack.send(count),
            Err(error) => ack.send(("error", error.to_string())),
        },
    );
    chat.on("image", |_: Socket, image: Attempt<Binary>, ack: Ack| {
        ack.send(image.0.map(|image| image.0.len()).ok())
    });
    let mut client = running.client();
    client.send("421[\"count\",7]");
    client.expect("431[7]");
    client.send("422[\"count\",\"seven\",[1]]");
    client.expect(
        "432[\"error\",\"invalid type: string \\\"seven\\\", expected u8 at line 1 column 7\"]",
    );
    client.send("423[\"count\"]");
    client.expect("433[\"error\",\"invalid type: null, expected u8 at line 1 column 4\"]");
    client.send("451-4[\"image\",{\"_placeholder\":true,\"num\":0}]");
    client.send_binary(&[1, 2]);
    client.expect("434[2]");
    client.send("425[\"image\",2]");
    client.expect("435[null]");
    client.send("42[\"count\",{\"a\"]");
    client.expect_end();
}
