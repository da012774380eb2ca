//! Sessions in virtual time: opening, messages, heartbeat and polling rules.

use sori::config::RateLimit;
use sori::proto::websocket::Frame;

use crate::support::session::*;

const OPEN_POLLING: &str = r#"0{"sid":"sid","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
const OPEN_WEBSOCKET: &str =
    r#"0{"sid":"sid","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

#[test]
fn opens_over_polling_with_the_answer_to_the_handshake() {
    let mut rig = Rig::new(Polling, settings());
    assert_eq!(
        rig.outputs(),
        [""; 0],
        "nothing can be written before the GET is known"
    );
    rig.poll();
    assert!(rig.session.has_pending_poll());
    assert_eq!(rig.outputs(), [format!("poll {OPEN_POLLING}")]);
    assert!(!rig.session.has_pending_poll());
    assert_eq!(rig.session.transport(), Polling);
}

#[test]
fn opens_over_websocket_with_no_upgrades_on_offer() {
    let mut rig = Rig::new(WebSocket, settings());
    assert_eq!(rig.outputs(), [format!("ws {OPEN_WEBSOCKET}")]);
    assert_eq!(rig.session.transport(), WebSocket);
    assert!(rig.session.is_open() && !rig.session.is_upgrading() && !rig.session.is_closed());
}

#[test]
fn offers_no_upgrade_where_none_is_allowed() {
    let mut rig = Rig::new(
        Polling,
        Settings {
            allow_upgrades: false,
            ..settings()
        },
    );
    rig.poll();
    assert_eq!(
        rig.outputs(),
        [format!(
            "poll {}",
            OPEN_POLLING.replace("\"websocket\"", "")
        )]
    );
    assert_eq!(
        rig.session.handle_websocket(rig.now),
        Err(UpgradeError::NotAllowed)
    );
}

#[test]
fn hands_messages_through_and_keeps_the_rest() {
    let mut rig = Rig::websocket();
    assert_eq!(
        rig.receive(WebSocket, Packet::Text("hi")),
        Received::Text("hi")
    );
    assert_eq!(
        rig.receive(WebSocket, Packet::Binary(&[1, 2])),
        Received::Binary(&[1, 2])
    );
    assert_eq!(
        rig.receive(WebSocket, Packet::Pong("")),
        Received::Heartbeat
    );
    for ignored in [Packet::Open("{}"), Packet::Noop, Packet::Upgrade] {
        assert_eq!(rig.receive(WebSocket, ignored), Received::Nothing);
    }
    assert_eq!(rig.outputs(), [""; 0]);
    assert!(rig.session.is_open());
}

#[test]
fn a_message_over_the_rate_limit_ends_the_session_and_is_not_received() {
    let limited = Settings {
        rate_limit: Some(RateLimit {
            per_second: 10,
            burst: 2,
        }),
        ..settings()
    };
    let mut rig = Rig::new(WebSocket, limited);
    assert_eq!(rig.outputs().len(), 1);
    let text = Packet::Text("hi");
    assert_eq!(rig.receive(WebSocket, text), Received::Text("hi"));
    let bytes = Packet::Binary(&[1]);
    assert_eq!(rig.receive(WebSocket, bytes), Received::Binary(&[1]));
    rig.receive(WebSocket, Packet::Noop);
    assert!(rig.session.is_open(), "only messages count");
    rig.now += millis(100);
    assert_eq!(rig.receive(WebSocket, text), Received::Text("hi"));
    assert_eq!(rig.receive(WebSocket, text), Received::Nothing);
    assert_eq!(
        rig.outputs(),
        ["ws close", "closed transport error: too many messages"]
    );
}

#[test]
fn ignores_packets_of_a_transport_it_is_not_on() {
    let mut rig = Rig::websocket();
    assert_eq!(
        rig.receive(Polling, Packet::Text("late")),
        Received::Nothing
    );
    assert_eq!(rig.receive(Polling, Packet::Close), Received::Nothing);
    rig.session.handle_decode_error(Polling, rig.now);
    rig.session
        .handle_transport_closed(Polling, TransportClosed::ByPeer);
    assert_eq!(rig.outputs(), [""; 0]);

    let mut rig = Rig::polled();
    assert_eq!(
        rig.receive(WebSocket, Packet::Text("no candidate")),
        Received::Nothing
    );
    rig.session.handle_decode_error(WebSocket, rig.now);
    rig.session
        .handle_transport_closed(WebSocket, TransportClosed::ByPeer);
    assert_eq!(rig.outputs(), [""; 0]);
    assert!(rig.session.is_open());
}

#[test]
fn writes_over_websocket_at_once_and_in_order() {
    let mut rig = Rig::websocket();
    assert!(rig.session.is_writable());
    rig.send("a");
    rig.session.send(Frame::binary(&[&[1, 2]]));
    rig.send("b");
    assert!(!rig.session.is_writable());
    assert_eq!(rig.session.queued_bytes(), 4 + 4 + 4);
    assert_eq!(rig.outputs(), ["ws 4a", "ws b:0102", "ws 4b"]);
    assert_eq!(rig.session.queued_bytes(), 0);
    assert!(rig.session.is_writable());
}

#[test]
fn queues_between_polls_and_answers_the_next_with_all_of_it() {
    let mut rig = Rig::polling();
    assert!(!rig.session.is_writable());
    rig.send("a");
    rig.send("b");
    assert_eq!(rig.outputs(), [""; 0]);
    rig.poll();
    assert!(!rig.session.is_writable(), "what is queued goes first");
    assert_eq!(rig.outputs(), ["poll 4a|4b"]);

    rig.poll();
    assert!(rig.session.is_writable());
    assert_eq!(rig.outputs(), [""; 0], "an idle poll is held");
    rig.send("c");
    assert_eq!(rig.outputs(), ["poll 4c"]);
    assert!(!rig.session.is_writable());
}

#[test]
fn pings_an_interval_after_the_opening_and_after_each_pong() {
    let mut rig = Rig::websocket();
    assert_eq!(rig.session.next_timeout(), Some(rig.start + millis(25_000)));
    assert_eq!(rig.pass(millis(26_000)), ["25000 ws 2"]);
    rig.receive(WebSocket, Packet::Pong(""));
    assert_eq!(rig.pass(millis(25_000)), ["51000 ws 2"]);
    rig.receive(WebSocket, Packet::Pong(""));
    assert_eq!(rig.pass(millis(24_999)), [""; 0]);
}

#[test]
fn closes_when_no_pong_comes_in_time() {
    let mut rig = Rig::websocket();
    assert_eq!(rig.pass(millis(25_000)), ["25000 ws 2"]);
    rig.send("never taken before the timeout");
    rig.now += millis(20_000);
    rig.session.handle_timeout(rig.now);
    assert_eq!(rig.outputs(), ["ws close", "closed ping timeout"]);
    assert_eq!(rig.session.next_timeout(), None);
}

#[test]
fn answers_a_pending_poll_when_the_pong_is_missing() {
    let mut rig = Rig::polled();
    assert_eq!(rig.pass(millis(25_000)), ["25000 poll 2"]);
    rig.poll();
    assert_eq!(
        rig.pass(millis(20_000)),
        ["45000 poll 1", "45000 closed ping timeout"]
    );
}

#[test]
fn times_out_although_the_ping_itself_was_never_polled_for() {
    let mut rig = Rig::polling();
    assert_eq!(rig.pass(millis(50_000)), ["45000 closed ping timeout"]);
}

#[test]
fn the_first_other_packet_refreshes_the_ping_timeout_once() {
    let mut rig = Rig::websocket();
    assert_eq!(rig.pass(millis(30_000)), ["25000 ws 2"]);
    rig.receive(WebSocket, Packet::Text("a"));
    assert_eq!(rig.pass(millis(10_000)), [""; 0]);
    rig.receive(WebSocket, Packet::Text("b"));
    assert_eq!(
        rig.pass(millis(20_000)),
        ["50000 ws close", "50000 closed ping timeout"]
    );
}

#[test]
fn a_late_wake_up_still_leaves_the_client_its_whole_timeout() {
    let mut rig = Rig::websocket();
    rig.now += millis(100_000);
    rig.session.handle_timeout(rig.now);
    assert_eq!(rig.outputs(), ["ws 2"]);
    assert_eq!(rig.session.next_timeout(), Some(rig.now + millis(20_000)));
}

#[test]
fn refuses_pings_from_the_client() {
    let mut rig = Rig::websocket();
    rig.receive(WebSocket, Packet::Ping(""));
    let closed = "closed transport error: invalid heartbeat direction";
    assert_eq!(rig.outputs(), ["ws close", closed]);

    let mut rig = Rig::polled();
    rig.receive(Polling, Packet::Ping("probe"));
    assert_eq!(rig.outputs(), ["poll 1", closed]);
}

#[test]
fn ends_with_parse_error_on_what_is_no_packet() {
    let mut rig = Rig::websocket();
    rig.session.handle_decode_error(WebSocket, rig.now);
    assert_eq!(rig.outputs(), ["ws close", "closed parse error"]);

    let mut rig = Rig::polled();
    rig.session.handle_decode_error(Polling, rig.now);
    assert_eq!(rig.outputs(), ["poll 1", "closed parse error"]);
}

#[test]
fn a_second_poll_beside_a_pending_one_ends_the_session() {
    let mut rig = Rig::polled();
    assert_eq!(rig.session.handle_poll(rig.now), Err(PollError::Overlap));
    assert_eq!(
        rig.outputs(),
        ["poll 1", "closed transport error: overlap from client"]
    );
    assert_eq!(rig.session.handle_poll(rig.now), Err(PollError::Closed));
}

#[test]
fn a_second_post_beside_a_running_one_ends_the_session() {
    let mut rig = Rig::polled();
    for _ in 0..2 {
        assert_eq!(rig.session.handle_post_start(rig.now), Ok(()));
        rig.session.handle_post_end();
    }
    assert_eq!(rig.session.handle_post_start(rig.now), Ok(()));
    assert_eq!(
        rig.session.handle_post_start(rig.now),
        Err(PollError::Overlap)
    );
    assert_eq!(
        rig.outputs(),
        [
            "poll 1",
            "closed transport error: data request overlap from client"
        ]
    );
    assert_eq!(
        rig.session.handle_post_start(rig.now),
        Err(PollError::Closed)
    );
}

#[test]
fn a_dropped_poll_ends_the_session_and_an_answered_one_does_not() {
    let mut rig = Rig::polling();
    rig.session.handle_poll_closed(rig.now);
    assert_eq!(rig.outputs(), [""; 0]);
    rig.poll();
    rig.session.handle_poll_closed(rig.now);
    assert_eq!(
        rig.outputs(),
        ["closed transport error: poll connection closed prematurely"]
    );
}

#[test]
fn refuses_http_requests_once_on_websocket() {
    let mut rig = Rig::websocket();
    assert_eq!(rig.session.handle_poll(rig.now), Err(PollError::NotPolling));
    assert_eq!(
        rig.session.handle_post_start(rig.now),
        Err(PollError::NotPolling)
    );
    assert_eq!(rig.outputs(), [""; 0]);
    assert!(rig.session.is_open());
}
