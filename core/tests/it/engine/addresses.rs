//! Limits by address: what all clients of one may do together.

use sori::config::RateLimit;

use crate::support::engine::*;

/// Another address than that of everybody else.
const ELSEWHERE: &str = "192.0.2.7";

/// Messages are let through as if no time went by.
fn limited(burst: u32) -> sori::Config {
    let mut config = config();
    config.address_header = Some("x-client".to_owned());
    config.rate_limit_per_address = Some(RateLimit {
        per_second: 1,
        burst,
    });
    config
}

/// A WebSocket whose proxy says that it comes from elsewhere.
fn from_elsewhere(rig: &Rig) -> Wire {
    let mut wire = Wire::connect(rig.address);
    let request = upgrade_request("");
    let head = request.trim_end();
    wire.send(format!("{head}\r\nX-Client: 203.0.113.1, {ELSEWHERE}\r\n\r\n").as_bytes());
    assert_eq!(wire.read_answer().status, 101);
    wire
}

fn send_many(client: &mut Client, packet: &str, times: usize) {
    match &mut client.carrier {
        Carrier::WebSocket(wire) => {
            let frames = vec![frame(TEXT, packet.as_bytes()); times].concat();
            assert!(wire.try_send(&frames).is_ok());
        }
        Carrier::Polling(polling) => {
            polling.post(&vec![packet; times].join("\x1e"));
        }
    }
}

#[test]
fn clients_of_an_address_have_one_rate_limit_and_others_do_not_notice() {
    let event = r#"42["mute"]"#;
    for way in EVERY_WAY {
        let rig = Rig::with(limited(50));
        let mut other = from_elsewhere(&rig);
        let mut first = rig.join(way);
        let mut second = rig.join(way);
        send_many(&mut first, event, 30);
        rig.wait_lines(&first, |lines| {
            let heard = lines.iter().filter(|line| line.contains("mute"));
            heard.count() == 30
        });
        // So many that the one which each second lets through makes no difference.
        send_many(&mut second, event, 50);
        let lines = rig.wait_closed(&second);
        let close = "close transport error: too many messages from this address in /";
        assert_eq!(lines[lines.len() - 1], close, "{way:?}");
        let is_open = |line: &String| !line.starts_with("close ");
        assert!(rig.read(|log| log.lines_of(&first.sid).iter().all(is_open)));
        let mut back = rig.open(way);
        send_many(&mut back, "40/nope,", 20);
        let lines = rig.wait_closed(&back);
        let close = "close transport error: too many messages from this address";
        assert_eq!(
            lines[lines.len() - 1],
            close,
            "{way:?}: who comes back does not begin anew"
        );
        assert!(other.read_text().starts_with('0'));
        other.send_frame(TEXT, b"40");
        assert!(other.read_text().starts_with("40"));
        for _ in 0..40 {
            other.send_frame(TEXT, br#"42["echo",1]"#);
            assert_eq!(other.read_text(), r#"42["echo",1]"#);
        }
    }
}

#[test]
fn an_address_may_have_so_many_connections_over_any_transport_and_no_more() {
    let mut config = limited(1_000);
    config.max_connections_per_address = Some(2);
    let rig = Rig::with(config);
    let mut first = rig.join(Way::WebSocket);
    let _second = rig.join(Way::Upgraded);
    let mut wire = Wire::connect(rig.address);
    wire.request("GET", "/socket.io/?EIO=4&transport=polling", "");
    let answer = wire.read_answer();
    let body = r#"{"code":4,"message":"Too many connections from this address"}"#;
    assert_eq!((answer.status, answer.body.as_str()), (429, body));
    wire = Wire::connect(rig.address);
    wire.send(upgrade_request("").as_bytes());
    let answer = wire.read_answer();
    let message = "Too many connections from this address";
    assert_eq!((answer.status, answer.body.as_str()), (429, message));
    wire.expect_end();
    assert_eq!(rig.engine.metrics().refused, 2);
    from_elsewhere(&rig);
    first.send("1");
    rig.wait_closed(&first);
    rig.join(Way::WebSocket).expect_nothing();
}

#[test]
fn a_rush_of_handshakes_of_an_address_does_not_get_past_the_limit() {
    let mut config = limited(1_000);
    config.shards = 2;
    config.max_connections_per_address = Some(5);
    let rig = Rig::with(config);
    let mut wires: Vec<Wire> = (0..40).map(|_| Wire::connect(rig.address)).collect();
    for wire in &mut wires {
        wire.request("GET", "/socket.io/?EIO=4&transport=polling", "");
    }
    let statuses = wires.iter_mut().map(|wire| wire.read_answer().status);
    let (opened, refused): (Vec<u16>, Vec<u16>) = statuses.partition(|status| *status == 200);
    assert_eq!((opened.len(), refused), (5, vec![429; 35]));
}

#[test]
fn the_application_that_brings_a_request_says_whose_it_is() {
    use bytes::Bytes;
    use sori::server::Request;

    let mut config = limited(1_000);
    config.max_connections_per_address = Some(1);
    let rig = Rig::with(config);
    for (request, address) in [(1, "a"), (2, "b"), (3, "a")] {
        rig.engine.request(Request {
            request: RequestId(request),
            method: "GET",
            url: "/socket.io/?EIO=4&transport=polling",
            content_type: None,
            user_agent: None,
            body: Bytes::new(),
            handshake: None,
            sid: None,
            address: Some(address),
        });
    }
    let statuses = rig.wait(|log| {
        let statuses = [1, 2, 3].map(|request| Some(log.answers.get(&RequestId(request))?.status));
        let [Some(a), Some(b), Some(again)] = statuses else {
            return None;
        };
        Some([a, b, again])
    });
    assert_eq!(statuses, [200, 200, 429]);
}

#[test]
fn a_limit_that_lets_nothing_through_is_refused() {
    let mut config = limited(0);
    let rule = "rate_limit_per_address must allow at least one message a second, and one at once";
    assert_eq!(config.validate().unwrap_err().to_string(), rule);
    config.rate_limit_per_address = None;
    config.max_connections_per_address = Some(0);
    let rule = "max_connections_per_address must not be zero";
    assert_eq!(config.validate().unwrap_err().to_string(), rule);
}
