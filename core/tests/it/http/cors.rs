//! Cross-origin rules on the engine's own listener, beyond what was recorded of socket.io.

use std::time::Duration;

use sori::config::Cors;

use crate::support::http::{HANDSHAKE, Running, WEBSOCKET, Wire, get, upgrade};

fn running(cors: Cors) -> Running {
    Running::start(|builder| builder.cors(cors))
}

fn preflight(headers: &str) -> String {
    get(HANDSHAKE, headers).replace("GET ", "OPTIONS ")
}

const A: &str = "Origin: https://a.example\r\n";
const METHODS: &str = "allow-methods: GET,HEAD,PUT,PATCH,POST,DELETE";

#[test]
fn any_origin_is_a_star_and_varies_with_nothing() {
    let running = running(Cors::any());
    for headers in [A, ""] {
        assert_eq!(running.get(HANDSHAKE, headers).cors(), ["allow-origin: *"]);
    }
    let answer = running.ask(&preflight(A));
    assert_eq!(answer.status, "204 No Content");
    let expected = [
        "allow-origin: *",
        METHODS,
        "vary: Access-Control-Request-Headers",
    ];
    assert_eq!(answer.cors(), expected);
}

#[test]
fn listed_origins_are_named_to_their_own_pages_alone() {
    let running = running(Cors::origins(["https://a.example", "https://b.example"]));
    let cases = [
        (A, &["allow-origin: https://a.example", "vary: Origin"][..]),
        (
            "Origin: https://b.example\r\n",
            &["allow-origin: https://b.example", "vary: Origin"],
        ),
        ("Origin: https://a.example.evil\r\n", &["vary: Origin"]),
        ("Origin: https://A.example\r\n", &["vary: Origin"]),
        ("", &["vary: Origin"]),
    ];
    for (headers, expected) in cases {
        let answer = running.get(HANDSHAKE, headers);
        assert_eq!(
            (answer.status.as_str(), answer.cors()),
            ("200 OK", texts(expected)),
            "{headers}"
        );
    }
}

fn texts(expected: &[&str]) -> Vec<String> {
    expected.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn a_reflected_origin_is_whatever_asks() {
    let running = running(Cors::reflected().credentials(true));
    let expected = [
        "allow-origin: https://a.example",
        "vary: Origin",
        "allow-credentials: true",
    ];
    assert_eq!(running.get(HANDSHAKE, A).cors(), expected);
    assert_eq!(running.get(HANDSHAKE, "").cors(), expected[1..]);
}

#[test]
fn a_preflight_says_all_that_was_set() {
    let running = running(
        Cors::origin("https://a.example")
            .methods(["GET", "POST"])
            .allowed_headers(["x-token", "content-type"])
            .exposed_headers(["x-node"])
            .max_age(Duration::from_secs(600)),
    );
    let answer = running.ask(&preflight("Access-Control-Request-Headers: x-other\r\n"));
    let expected = [
        "allow-origin: https://a.example",
        "vary: Origin",
        "allow-methods: GET,POST",
        "allow-headers: x-token,content-type",
        "max-age: 600",
        "expose-headers: x-node",
    ];
    assert_eq!(answer.cors(), expected);
    let plain = [
        "allow-origin: https://a.example",
        "vary: Origin",
        "expose-headers: x-node",
    ];
    assert_eq!(running.get(HANDSHAKE, "").cors(), plain);
}

#[test]
fn every_answer_under_the_path_has_them_and_no_other() {
    let running = running(Cors::any());
    let refused = running.get("/socket.io/?EIO=4", "");
    assert_eq!(
        (refused.status.as_str(), refused.cors()),
        ("400 Bad Request", texts(&["allow-origin: *"]))
    );
    let too_large = format!(
        "POST {HANDSHAKE} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000001\r\n\r\n{}",
        "x".repeat(1_000_001)
    );
    let too_large = running.ask(&too_large);
    assert_eq!(too_large.status, "413 Payload Too Large");
    assert_eq!(too_large.cors(), ["allow-origin: *"]);
    let mut wire = Wire::connect(running.address);
    wire.send(upgrade(WEBSOCKET, ""));
    let answer = wire.read_answer();
    assert_eq!(answer.status, "101 Switching Protocols");
    assert_eq!(answer.cors(), ["allow-origin: *"]);
    let other = running.get("/other", A);
    assert_eq!(
        (other.status.as_str(), other.cors()),
        ("404 Not Found", vec![])
    );
}

#[test]
fn settings_that_would_break_a_header_are_refused() {
    for cors in [Cors::origin("a\r\nb"), Cors::any().methods(["ü"])] {
        let built = sori::Server::builder().cors(cors).build();
        assert!(matches!(built, Err(sori::Error::Misuse(_))));
    }
    let cookie = sori::config::Cookie::new("a;b");
    let built = sori::Server::builder().cookie(cookie).build();
    assert!(matches!(built, Err(sori::Error::Misuse(_))));
}
