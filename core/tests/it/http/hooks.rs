//! What an application can say about HTTP on the engine's own listener, and what it is told.

use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use sori::config::Cookie;
use sori::http::{HeaderValue, Response};
use sori::{ConnectError, ConnectRequest, Handshake, Socket};

use crate::support::http::{HANDSHAKE, PATIENCE, Running, WEBSOCKET, Wire, get, sid_of, upgrade};

/// All that a handshake says.
fn describe(handshake: &Handshake) -> String {
    let headers: Vec<_> = handshake
        .headers()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!("{} {}", handshake.url(), headers.join(" "))
}

#[test]
fn a_socket_knows_the_request_that_opened_its_connection() {
    let running = Running::start(|builder| builder);
    let (sender, heard) = mpsc::channel();
    for namespace in ["/", "/other"] {
        let sender = sender.clone();
        running
            .server
            .of(namespace)
            .on_connect(move |socket: Socket| {
                sender.send(socket).unwrap();
            });
    }
    let before = SystemTime::now();
    let target = format!("{HANDSHAKE}&token=a%20b");
    let mut wire = Wire::connect(running.address);
    wire.send(get(
        &target,
        "X-Who: \u{fc}\r\nOrigin: https://a.example\r\n",
    ));
    let sid = sid_of(&wire.read_answer().text()).to_owned();
    let post = format!(
        "POST {HANDSHAKE}&sid={sid} HTTP/1.1\r\nHost: y\r\nContent-Length: 12\r\n\r\n40\u{1e}40/other,"
    );
    wire.send(post);
    assert_eq!(wire.read_answer().text(), "ok");
    let sockets = [(); 2].map(|()| heard.recv_timeout(PATIENCE).unwrap());
    for socket in &sockets {
        let handshake = socket.handshake();
        assert_eq!(
            describe(handshake),
            "/socket.io/?EIO=4&transport=polling&token=a%20b \
             host=x connection=keep-alive x-who=\u{c3}\u{bc} origin=https://a.example"
        );
        assert_eq!(handshake.query("token").as_deref(), Some("a b"));
        assert_eq!(handshake.header("X-WHO"), Some("\u{c3}\u{bc}"));
        assert_eq!(handshake.remote_address(), Some(wire.local_address()));
        assert_eq!(handshake.sid(), Some(&*sid));
        assert!(handshake.has_origin() && !handshake.is_secure());
        assert!((before..=SystemTime::now()).contains(&handshake.issued()));
    }
    assert!(std::ptr::eq(sockets[0].handshake(), sockets[1].handshake()));
}

#[test]
fn a_check_sees_the_request_over_websocket_too() {
    let running = Running::start(|builder| builder);
    running.server.of("/").check(|request: ConnectRequest| {
        match request.handshake().header("authorization") {
            Some("Bearer x") => Ok(()),
            _ => Err(ConnectError::new("who are you?")),
        }
    });
    let cases = [
        ("Authorization: Bearer x\r\n", "40{\"sid\":"),
        ("", "44{\"message\":\"who are you?\"}"),
    ];
    for (headers, expected) in cases {
        let mut wire = Wire::connect(running.address);
        wire.send(upgrade(WEBSOCKET, headers));
        wire.send(b"\x81\x82\0\0\0\x0040");
        while !String::from_utf8_lossy(&wire.read).contains(expected) {
            assert!(wire.read_more(), "{}", String::from_utf8_lossy(&wire.read));
        }
    }
}

#[test]
fn clients_are_admitted_by_a_plain_or_an_async_decision() {
    let by_token = |request: &Handshake| match request.query("token").as_deref() {
        Some("letmein") => Ok(()),
        Some("") => Err(String::new()),
        _ => Err("no\r\nway".to_owned()),
    };
    let servers = [
        Running::start(|builder| builder.allow_request(move |request| by_token(&request))),
        Running::start(|builder| {
            builder.allow_request(move |request| async move { by_token(&request) })
        }),
    ];
    for running in &servers {
        assert_eq!(
            running
                .get(&format!("{HANDSHAKE}&token=letmein"), "")
                .status,
            "200 OK"
        );
        let refused = running.get(HANDSHAKE, "");
        assert_eq!(refused.status, "403 Forbidden");
        assert_eq!(refused.text(), r#"{"code":4,"message":"no\r\nway"}"#);
        let refused = running.get(&format!("{HANDSHAKE}&token="), "").text();
        assert_eq!(refused, r#"{"code":4,"message":"Forbidden"}"#);
        let mut wire = Wire::connect(running.address);
        wire.send(upgrade(WEBSOCKET, ""));
        let refused = wire.read_to_end();
        assert!(
            refused.ends_with("Content-Length: 7\r\n\r\nno\r\nway"),
            "{refused}"
        );
        assert_eq!(running.server.metrics().opened, 1);
    }
}

#[test]
fn only_handshakes_that_are_right_in_themselves_are_asked_about() {
    let (sender, asked) = mpsc::channel();
    let running = Running::start(|builder| {
        builder.allow_request(move |request| {
            sender.send(request.url().to_owned()).unwrap();
            Ok(())
        })
    });
    let sid = running.open();
    running.get("/socket.io/?EIO=4&transport=abc", "");
    running.get(&format!("{HANDSHAKE}&sid=nobody"), "");
    let mut wire = Wire::connect(running.address);
    wire.send(upgrade(&format!("{WEBSOCKET}&sid={sid}"), ""));
    assert_eq!(wire.read_answer().status, "101 Switching Protocols");
    assert_eq!(asked.try_iter().collect::<Vec<_>>(), [HANDSHAKE]);
}

#[test]
fn who_does_not_decide_has_refused() {
    let running = Running::start(|builder| {
        builder
            .connect_timeout(Duration::from_millis(50))
            .allow_request(|_| std::future::pending::<Result<(), String>>())
    });
    assert_eq!(
        running.get(HANDSHAKE, "").text(),
        r#"{"code":4,"message":"timeout"}"#
    );
    let mut wire = Wire::connect(running.address);
    wire.send(upgrade(WEBSOCKET, ""));
    assert!(wire.read_to_end().ends_with("\r\n\r\ntimeout"));
}

#[test]
fn hooks_that_panic_harm_nobody_else() {
    fn fall_over<T>() -> T {
        panic!("a hook that panics")
    }
    let running = Running::start(|builder| {
        builder
            .allow_request(|request| async move {
                match request.query("x") {
                    Some(_) => fall_over(),
                    None => Ok(()),
                }
            })
            .headers(|_, _| fall_over())
            .fallback(|request| match request.uri().path() {
                "/panic" => fall_over(),
                _ => Response::new("fine"),
            })
    });
    let mut wire = Wire::connect(running.address);
    wire.send(get(&format!("{HANDSHAKE}&x=1"), ""));
    let answer = wire.read_answer();
    assert_eq!(answer.status, "403 Forbidden");
    assert_eq!(answer.text(), r#"{"code":4,"message":"internal error"}"#);
    let cases = [
        (HANDSHAKE, "200 OK"),
        ("/panic", "500 Internal Server Error"),
        ("/", "200 OK"),
    ];
    for (path, status) in cases {
        wire.send(get(path, ""));
        assert_eq!(wire.read_answer().status, status, "{path}");
    }
}

#[test]
fn the_cookie_comes_with_the_polling_handshake_alone() {
    let running = Running::start(|builder| builder.cookie(Cookie::new("node")));
    let answer = running.get(HANDSHAKE, "");
    let sid = sid_of(&answer.text()).to_owned();
    let cookie = format!("node={sid}; Path=/; HttpOnly; SameSite=Lax");
    assert_eq!(answer.header("set-cookie"), Some(&*cookie));
    let target = format!("{HANDSHAKE}&sid={sid}");
    let post = format!("POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n40");
    assert_eq!(running.ask(&post).header("set-cookie"), None);
    assert_eq!(running.get(&target, "").header("set-cookie"), None);
    let mut wire = Wire::connect(running.address);
    wire.send(upgrade(WEBSOCKET, ""));
    assert_eq!(wire.read_answer().header("set-cookie"), None);
}

#[test]
fn headers_are_added_to_answers_by_what_they_answer() {
    let running = Running::start(|builder| {
        builder
            .initial_headers(|_, headers| {
                headers.append("set-cookie", HeaderValue::from_static("a=1"));
                headers.append("set-cookie", HeaderValue::from_static("b=2"));
            })
            .headers(|request, headers| {
                let transport = request.query("transport").unwrap_or_default();
                headers.insert("x-via", HeaderValue::from_str(&transport).unwrap());
                headers.insert("cache-control", HeaderValue::from_static("private"));
            })
    });
    let answer = running.get(HANDSHAKE, "");
    let cookies = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie");
    assert_eq!(
        cookies.map(|(_, value)| value.as_str()).collect::<Vec<_>>(),
        ["a=1", "b=2"]
    );
    assert_eq!(answer.header("x-via"), Some("polling"));
    assert_eq!(answer.header("cache-control"), Some("private"));
    let sid = sid_of(&answer.text()).to_owned();
    let mut wire = Wire::connect(running.address);
    wire.send(upgrade(&format!("{WEBSOCKET}&sid={sid}"), ""));
    let answer = wire.read_answer();
    assert_eq!(answer.header("x-via"), Some("websocket"));
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(
        running
            .get(&format!("{HANDSHAKE}&sid=nobody"), "")
            .header("x-via"),
        None
    );
}

#[test]
fn other_paths_are_the_applications() {
    let running = Running::start(|builder| {
        builder.fallback(|request| async move {
            let answer = Response::builder()
                .status(418)
                .header("x-method", request.method().as_str());
            answer
                .body(format!(
                    "{} {:?}",
                    request.uri(),
                    request.headers().get("x-a")
                ))
                .unwrap()
        })
    });
    let mut wire = Wire::connect(running.address);
    wire.send(get("/page?x=1", "X-A: b\r\n"));
    let answer = wire.read_answer();
    assert_eq!(answer.status, "418 I'm a teapot");
    assert_eq!(answer.header("x-method"), Some("GET"));
    assert_eq!(answer.text(), "/page?x=1 Some(\"b\")");
    // A body is passed over, and what comes behind it is the next request.
    wire.send("POST /socket.io HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(wire.read_answer().text(), "/socket.io None");
    wire.send(get(HANDSHAKE, ""));
    assert_eq!(wire.read_answer().status, "200 OK");
    // An upgrade that is not under the path is a request like others.
    wire.send(upgrade("/other", ""));
    assert_eq!(wire.read_answer().status, "418 I'm a teapot");
}
