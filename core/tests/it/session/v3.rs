//! Sessions of Engine.IO protocol 3: the client pings, the server answers and waits for the next.

use crate::support::session::*;

fn websocket() -> Rig {
    let mut rig = Rig::speaking(Revision::V3, WebSocket, settings());
    assert_eq!(rig.outputs().len(), 1);
    rig
}

fn polling() -> Rig {
    let mut rig = Rig::speaking(Revision::V3, Polling, settings());
    rig.poll();
    assert_eq!(rig.outputs().len(), 1);
    rig
}

#[test]
fn opens_with_the_packet_of_protocol_4() {
    let mut rig = Rig::speaking(Revision::V3, WebSocket, settings());
    let open = r#"ws 0{"sid":"sid","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
    assert_eq!(rig.outputs(), [open]);
}

#[test]
fn a_silent_client_is_closed_after_interval_and_timeout_without_a_ping() {
    let mut rig = websocket();
    assert_eq!(
        rig.pass(millis(100_000)),
        ["45000 ws close", "45000 closed ping timeout"]
    );
}

#[test]
fn each_ping_is_answered_and_begins_the_wait_anew() {
    let mut rig = websocket();
    for _ in 0..3 {
        assert_eq!(rig.pass(millis(44_999)), [""; 0]);
        assert_eq!(
            rig.receive(WebSocket, Packet::Ping("")),
            Received::Heartbeat
        );
        assert_eq!(rig.outputs(), ["ws 3"]);
    }
    assert_eq!(
        rig.pass(millis(100_000)),
        ["179997 ws close", "179997 closed ping timeout"]
    );
}

#[test]
fn messages_are_no_heartbeat() {
    let mut rig = websocket();
    rig.pass(millis(40_000));
    assert_eq!(
        rig.receive(WebSocket, Packet::Text("hi")),
        Received::Text("hi")
    );
    assert_eq!(
        rig.pass(millis(5_000)),
        ["45000 ws close", "45000 closed ping timeout"]
    );
}

#[test]
fn a_pong_of_the_client_goes_the_wrong_way() {
    let mut rig = websocket();
    rig.receive(WebSocket, Packet::Pong(""));
    assert_eq!(
        rig.outputs(),
        [
            "ws close",
            "closed transport error: invalid heartbeat direction"
        ]
    );
}

#[test]
fn pings_that_come_together_get_one_pong_behind_what_is_queued() {
    let mut rig = websocket();
    rig.send("a");
    for _ in 0..1_000 {
        rig.receive(WebSocket, Packet::Ping(""));
    }
    rig.send("b");
    assert_eq!(rig.outputs(), ["ws 4a", "ws 4b", "ws 3"]);
}

#[test]
fn a_pong_over_polling_waits_for_a_poll_and_ends_it() {
    let mut rig = polling();
    for _ in 0..1_000 {
        rig.receive(Polling, Packet::Ping(""));
    }
    assert_eq!(rig.outputs(), [""; 0]);
    rig.send("a");
    rig.poll();
    assert_eq!(rig.outputs(), ["poll 4a|3"]);
    rig.poll();
    rig.receive(Polling, Packet::Ping(""));
    assert_eq!(rig.outputs(), ["poll 3"]);
}

#[test]
fn an_upgrade_keeps_the_pong_that_is_owed() {
    let mut rig = polling();
    rig.session.handle_websocket(rig.now).unwrap();
    rig.receive(WebSocket, Packet::Ping("probe"));
    assert_eq!(rig.outputs(), ["probe 3probe", "probed"]);
    rig.poll();
    assert_eq!(rig.pass(millis(100)), ["100 poll 6"]);
    rig.receive(Polling, Packet::Ping(""));
    rig.send("a");
    rig.receive(WebSocket, Packet::Upgrade);
    assert_eq!(rig.outputs(), ["ws 4a", "ws 3", "upgraded"]);
    assert_eq!(
        rig.pass(millis(100_000)),
        ["45100 ws close", "45100 closed ping timeout"]
    );
}

#[test]
fn nothing_is_answered_while_closing() {
    let mut rig = polling();
    rig.send("a");
    rig.close();
    rig.receive(Polling, Packet::Ping(""));
    rig.poll();
    assert_eq!(rig.outputs(), ["poll 4a"]);
    rig.poll();
    assert_eq!(rig.outputs(), ["poll 6|1", "closed forced close"]);
}
