//! HTTP as clients send it: refusals, wrong methods, pipelines, overlaps, and requests that never
//! end.

use std::time::Duration;

use crate::support::engine::*;

const HANDSHAKE: &str = "/socket.io/?EIO=4&transport=polling";

fn json_refusal(code: u8, message: &str) -> String {
    format!(r#"{{"code":{code},"message":"{message}"}}"#)
}

#[test]
fn refusals_are_engine_ios() {
    let rig = Rig::new();
    let cases = [
        ("GET", "EIO=4", 0, "Transport unknown"),
        ("GET", "EIO=4&transport=abc", 0, "Transport unknown"),
        (
            "GET",
            "EIO=4&transport=polling&sid=nobody",
            1,
            "Session ID unknown",
        ),
        ("POST", "EIO=4&transport=polling", 2, "Bad handshake method"),
        (
            "OPTIONS",
            "EIO=4&transport=polling",
            2,
            "Bad handshake method",
        ),
        ("GET", "EIO=4&transport=websocket", 3, "Bad request"),
        (
            "GET",
            "EIO=3&transport=polling",
            5,
            "Unsupported protocol version",
        ),
        (
            "GET",
            "transport=polling",
            5,
            "Unsupported protocol version",
        ),
    ];
    let mut wire = Wire::connect(rig.address);
    for (method, query, code, message) in cases {
        wire.request(method, &format!("/socket.io/?{query}"), "");
        let answer = wire.read_answer();
        let content_type = answer.header("content-type");
        assert_eq!(content_type, Some("application/json"), "{method} {query}");
        assert_eq!(
            (answer.status, answer.body),
            (400, json_refusal(code, message))
        );
    }
    for target in [
        "/",
        "/socket.io",
        "/socket.iox/",
        "/other/?EIO=4&transport=polling",
    ] {
        wire.request("GET", target, "");
        let answer = wire.read_answer();
        assert_eq!((answer.status, answer.body.as_str()), (404, ""), "{target}");
    }
}

#[test]
fn refused_upgrades_are_told_in_plain_text_and_closed() {
    let rig = Rig::new();
    let good = upgrade_request("");
    let cases = [
        (
            good.replace("websocket&", "x&")
                .replace("transport=websocket", "transport=x"),
            "Transport unknown",
        ),
        (upgrade_request("&sid=nobody"), "Session ID unknown"),
        (
            good.replace(KEY, "short"),
            "Missing or invalid Sec-WebSocket-Key header",
        ),
        (
            good.replace("Upgrade: websocket", "Upgrade: h2c"),
            "Invalid Upgrade header",
        ),
        (
            good.replace("Version: 13", "Version: 12"),
            "Missing or invalid Sec-WebSocket-Version header",
        ),
    ];
    for (request, message) in cases {
        let mut wire = Wire::connect(rig.address);
        wire.send(request.as_bytes());
        let answer = wire.read_answer();
        assert_eq!((answer.status, answer.body.as_str()), (400, message));
        wire.expect_end();
    }
}

#[test]
fn other_methods_and_other_contents_within_a_session() {
    let rig = Rig::of_one_shard();
    let mut client = rig.join(Way::Polling);
    let target = client.polling().target.clone();
    let mut wire = Wire::connect(rig.address);
    for method in ["PUT", "DELETE", "OPTIONS"] {
        wire.request(method, &target, "");
        let answer = wire.read_answer();
        assert_eq!((answer.status, answer.body.as_str()), (500, ""), "{method}");
    }
    wire.request("GET", &target.replace("EIO=4", "EIO=3"), "");
    assert_eq!(wire.read_answer().body, json_refusal(3, "Bad request"));
    client.expect_nothing();

    client.polling().begin_poll();
    client.expect_pending(&rig);
    let request = format!(
        "POST {target} HTTP/1.1\r\nHost: sori\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: 1\r\n\r\n4"
    );
    wire.send(request.as_bytes());
    let answer = wire.read_answer();
    assert_eq!((answer.status, answer.body.as_str()), (400, ""));
    assert_eq!(client.polling().read_poll(), ["1"]);
    let lines = rig.wait_closed(&client);
    assert_eq!(
        lines[2..],
        [
            r#"message / ["echo","nothing before this"]"#,
            "close transport error: invalid content in /"
        ]
    );
}

#[test]
fn a_body_of_several_packets_is_taken_up_to_its_first_error() {
    let rig = Rig::new();
    let mut client = rig.join(Way::Polling);
    let answer = client
        .polling()
        .post("42[\"a\"]\u{1e}42[\"b\"]\u{1e}9\u{1e}42[\"c\"]");
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
    let lines = rig.wait_closed(&client);
    let expected = [
        "open polling",
        "connect /",
        r#"message / ["a"]"#,
        r#"message / ["b"]"#,
    ];
    assert_eq!(lines[..4], expected);
    assert_eq!(lines[4..], ["close parse error in /"]);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let rig = Rig::new();
    let mut client = rig.join(Way::Polling);
    let target = client.polling().target.clone();
    let post = |body: &str| {
        format!(
            "POST {target} HTTP/1.1\r\nHost: sori\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let mut wire = Wire::connect(rig.address);
    let get = format!("GET {target} HTTP/1.1\r\nHost: sori\r\n\r\n");
    let requests = [
        post(r#"42["echo",1]"#),
        post(r#"42["echo",2]"#),
        get,
        post("1"),
    ];
    wire.send(requests.concat().as_bytes());
    let bodies: Vec<String> = (0..4).map(|_| wire.read_answer().body).collect();
    let echoes = "42[\"echo\",1]\u{1e}42[\"echo\",2]";
    assert_eq!(bodies, ["ok", "ok", echoes, "ok"]);
    rig.wait_closed(&client);
}

#[test]
fn a_second_poll_ends_the_session() {
    let rig = Rig::of_one_shard();
    let mut client = rig.join(Way::Polling);
    client.polling().begin_poll();
    client.expect_pending(&rig);
    let target = client.polling().target.clone();
    let mut second = Wire::connect(rig.address);
    second.request("GET", &target, "");
    let answer = second.read_answer();
    assert_eq!((answer.status, answer.body.as_str()), (400, ""));
    assert_eq!(client.polling().read_poll(), ["1"]);
    let lines = rig.wait_closed(&client);
    assert_eq!(
        lines[lines.len() - 1],
        "close transport error: overlap from client in /"
    );
    second.request("GET", &target, "");
    assert_eq!(
        second.read_answer().body,
        json_refusal(1, "Session ID unknown")
    );
}

#[test]
fn a_poll_given_up_by_its_client_ends_the_session() {
    let rig = Rig::of_one_shard();
    let mut client = rig.join(Way::Polling);
    client.polling().begin_poll();
    client.expect_pending(&rig);
    client.polling().get = Wire::connect(rig.address);
    let lines = rig.wait_closed(&client);
    let close = "close transport error: poll connection closed prematurely in /";
    assert_eq!(lines[lines.len() - 1], close);
}

#[test]
fn requests_that_never_end_are_given_up() {
    let mut config = config();
    config.request_timeout = Duration::from_millis(80);
    let rig = Rig::with(config);
    let mut good = rig.join(Way::WebSocket);
    let beginnings = [
        "",
        "G",
        "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: so",
        "POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: sori\r\nContent-Length: 9\r\n\r\n4",
        "POST / HTTP/1.1\r\nHost: sori\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ];
    for beginning in beginnings {
        let mut wire = Wire::connect(rig.address);
        wire.send(beginning.as_bytes());
        let rest = String::from_utf8(wire.read_to_end()).expect("text");
        let is_told = rest.is_empty() || rest.contains("408") || rest.contains("404");
        assert!(is_told, "{beginning}: {rest}");
    }
    // After an answer too: an idle connection is not kept for ever.
    let mut wire = Wire::connect(rig.address);
    wire.request("GET", HANDSHAKE, "");
    assert_eq!(wire.read_answer().status, 200);
    wire.expect_end();
    good.expect_nothing();
}

#[test]
fn an_answer_that_its_client_does_not_take_is_given_up() {
    let mut config = config();
    config.request_timeout = Duration::from_millis(80);
    let rig = Rig::with(config);
    let mut client = rig.join(Way::Polling);
    let event = format!(r#"["{}"]"#, "x".repeat(1_000_000));
    for _ in 0..12 {
        rig.emit(&client, &event);
    }
    let polling = client.polling();
    let mut greedy = Wire::connect(rig.address);
    greedy.request("GET", &polling.target, "");
    // A poll of its own comes through only when the first has been answered.
    let answer_began = greedy.read_status_line();
    assert_eq!(answer_began, "HTTP/1.1 200 OK");
    greedy.wait_until_reset();
    // Its other connections have been idle too long as well.
    client.polling().get = Wire::connect(rig.address);
    client.polling().post = Wire::connect(rig.address);
    client.expect_nothing();
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    let rig = Rig::new();
    for (target, filler) in [
        (HANDSHAKE.to_owned(), 100_000),
        (format!("{HANDSHAKE}&x={}", "x".repeat(70_000)), 0),
    ] {
        let mut wire = Wire::connect(rig.address);
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: sori\r\nX-Filler: {}\r\n\r\n",
            "x".repeat(filler)
        );
        // The engine may hang up before it has all of it.
        let _ = wire.try_send(request.as_bytes());
        let answer = String::from_utf8(wire.read_to_end()).expect("text");
        let status = answer.split(' ').nth(1).unwrap_or("431");
        assert!(["400", "414", "431"].contains(&status), "{answer}");
    }
    rig.join(Way::Polling).expect_nothing();
}

#[test]
fn a_whole_session_may_come_byte_by_byte() {
    let rig = Rig::new();
    let mut wire = Wire::connect(rig.address);
    let dribble = |wire: &mut Wire, bytes: &[u8]| bytes.iter().for_each(|byte| wire.send(&[*byte]));
    dribble(&mut wire, upgrade_request("").as_bytes());
    assert_eq!(wire.read_answer().status, 101);
    let open = wire.read_text();
    let long = format!(r#"42["echo","{}"]"#, "y".repeat(200));
    let binary = r#"451-["echo",{"_placeholder":true,"num":0}]"#;
    dribble(&mut wire, &frame(TEXT, b"40"));
    // Who says more before it is let in is closed.
    assert!(wire.read_text().starts_with("40{"));
    let frames = [
        frame(0x01, br#"42["ec"#),
        frame(PING, b"?"),
        frame(0x80, "ho\",\"ü\"]".as_bytes()),
        frame(TEXT, long.as_bytes()),
        frame(TEXT, binary.as_bytes()),
        frame(BINARY, &[7; 130]),
    ];
    dribble(&mut wire, &frames.concat());
    let received: Vec<_> = (0..5).map(|_| wire.read_frame()).collect();
    dribble(&mut wire, &frame(CLOSE, &1000u16.to_be_bytes()));
    assert_eq!(wire.read_close(), 1000u16.to_be_bytes());
    wire.expect_end();
    // A pong may overtake messages.
    let (pongs, messages): (Vec<_>, Vec<_>) =
        received.into_iter().partition(|(kind, _)| *kind == PONG);
    assert_eq!(pongs, [(PONG, b"?".to_vec())]);
    let expected = [
        (TEXT, "42[\"echo\",\"ü\"]".into()),
        (TEXT, long.into_bytes()),
        (TEXT, binary.into()),
        (BINARY, vec![7; 130]),
    ];
    assert_eq!(messages, expected);
    let sid = sid_of(&open);
    let lines = rig.wait(|log| {
        let lines = log.lines_of(&sid);
        (lines.len() == 6).then(|| lines.to_vec())
    });
    assert_eq!(lines[5], "close transport close in /");

    let mut wire = Wire::connect(rig.address);
    for byte in format!("GET {HANDSHAKE} HTTP/1.1\r\nHost: sori\r\n\r\n").bytes() {
        wire.send(&[byte]);
    }
    assert_eq!(wire.read_answer().status, 200);
}
