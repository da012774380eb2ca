//! Upgrades from polling to WebSocket: done, given up, timed out, and mixed with messages.

use crate::support::session::*;

#[test]
fn upgrades_by_probe_and_noop() {
    let mut rig = Rig::probing();
    assert!(rig.session.is_upgrading());
    assert_eq!(
        rig.receive(WebSocket, Packet::Ping("probe")),
        Received::Nothing
    );
    assert_eq!(rig.outputs(), ["probe 3probe", "probed"]);
    assert_eq!(rig.session.transport(), Polling);
    assert_eq!(rig.pass(millis(100)), ["100 poll 6"]);

    assert_eq!(rig.receive(WebSocket, Packet::Upgrade), Received::Nothing);
    assert_eq!(rig.session.transport(), WebSocket);
    assert_eq!(rig.outputs(), ["upgraded"]);
    assert!(!rig.session.is_upgrading());

    rig.send("a");
    assert_eq!(rig.outputs(), ["ws 4a"]);
    assert_eq!(
        rig.receive(WebSocket, Packet::Text("b")),
        Received::Text("b")
    );
    assert_eq!(
        rig.pass(millis(25_000)),
        ["25000 ws 2"],
        "the upgrade timeout is forgotten"
    );
}

#[test]
fn upgrade_keeps_order_of_buffered_packets() {
    let mut rig = Rig::probed();
    rig.send("a");
    rig.send("b");
    assert_eq!(rig.outputs(), [""; 0]);
    rig.receive(WebSocket, Packet::Upgrade);
    rig.send("c");
    assert_eq!(rig.outputs(), ["ws 4a", "ws 4b", "ws 4c", "upgraded"]);
}

#[test]
fn a_poll_that_is_pending_at_the_upgrade_gets_a_noop_and_no_messages() {
    let mut rig = Rig::probed();
    rig.poll();
    rig.send("a");
    rig.receive(WebSocket, Packet::Upgrade);
    assert!(rig.session.has_pending_poll());
    assert_eq!(rig.outputs(), ["ws 4a", "poll 6", "upgraded"]);
    assert!(!rig.session.has_pending_poll());
}

#[test]
fn messages_still_leave_by_polling_while_probing() {
    let mut rig = Rig::probing();
    rig.send("a");
    assert_eq!(rig.outputs(), ["poll 4a"]);
    rig.receive(WebSocket, Packet::Ping("probe"));
    assert_eq!(rig.outputs(), ["probe 3probe", "probed"]);
    rig.send("b");
    rig.poll();
    assert_eq!(
        rig.outputs(),
        ["poll 4b"],
        "a poll with messages is no idle poll"
    );
    assert_eq!(rig.receive(Polling, Packet::Text("c")), Received::Text("c"));
}

#[test]
fn an_idle_poll_is_held_until_the_next_check_and_nobody_is_looked_for_without_one() {
    let mut rig = Rig::polling();
    rig.session.handle_websocket(rig.now).unwrap();
    rig.receive(WebSocket, Packet::Ping("probe"));
    assert_eq!(rig.outputs(), ["probe 3probe", "probed"]);
    assert_eq!(rig.session.next_timeout(), Some(rig.start + millis(10_000)));
    assert_eq!(rig.pass(millis(150)), [""; 0]);
    rig.poll();
    assert_eq!(rig.outputs(), [""; 0]);
    assert_eq!(rig.pass(millis(100)), ["200 poll 6"]);
    rig.poll();
    assert_eq!(rig.pass(millis(200)), ["300 poll 6"]);
}

#[test]
fn a_session_that_ends_before_the_check_says_so_by_the_poll_that_is_held() {
    let mut rig = Rig::probing();
    rig.receive(WebSocket, Packet::Ping("probe"));
    assert_eq!(rig.outputs(), ["probe 3probe", "probed"]);
    rig.session.abort(DisconnectReason::ForcedClose);
    let end = ["probe close", "poll 1", "closed forced close"];
    assert_eq!(rig.outputs(), end);

    let mut rig = Rig::probing();
    rig.receive(WebSocket, Packet::Ping("probe"));
    assert_eq!(rig.outputs(), ["probe 3probe", "probed"]);
    rig.close();
    let end = ["poll 1", "probe close", "closed forced close"];
    assert_eq!(rig.outputs(), end);
}

#[test]
fn a_message_takes_the_place_of_a_delayed_noop() {
    let mut rig = Rig::probed();
    rig.poll();
    rig.now += millis(50);
    rig.send("a");
    assert_eq!(rig.outputs(), ["poll 4a"]);
    assert_eq!(rig.session.next_timeout(), Some(rig.start + millis(10_000)));
    assert_eq!(rig.pass(millis(1_000)), [""; 0]);
}

#[test]
fn the_checks_begin_anew_with_a_repeated_probe() {
    let mut rig = Rig::probed();
    rig.poll();
    assert_eq!(rig.pass(millis(50)), [""; 0]);
    rig.receive(WebSocket, Packet::Ping("probe"));
    assert_eq!(rig.outputs(), ["probe 3probe", "probed"]);
    assert_eq!(rig.pass(millis(200)), ["250 poll 6"]);
}

#[test]
fn a_probe_and_its_upgrade_in_one_read_are_answered_in_order() {
    let mut rig = Rig::probing();
    rig.send("a");
    rig.receive(WebSocket, Packet::Ping("probe"));
    rig.receive(WebSocket, Packet::Upgrade);
    assert_eq!(
        rig.outputs(),
        ["ws 3probe", "ws 4a", "poll 6", "probed", "upgraded"]
    );
}

#[test]
fn answers_a_repeated_probe_again() {
    let mut rig = Rig::probed();
    rig.receive(WebSocket, Packet::Ping("probe"));
    assert_eq!(rig.outputs(), ["probe 3probe", "probed"]);
}

#[test]
fn any_other_packet_on_the_candidate_gives_the_upgrade_up() {
    let wrong = [
        Packet::Text("a"),
        Packet::Binary(&[1]),
        Packet::Ping(""),
        Packet::Pong("probe"),
        Packet::Close,
        Packet::Noop,
        Packet::Open("{}"),
    ];
    for packet in wrong {
        let mut rig = Rig::probed();
        assert_eq!(rig.receive(WebSocket, packet), Received::Nothing);
        assert_eq!(rig.outputs(), ["probe close"], "{packet:?}");
        assert_lives_on_over_polling(rig);
    }
}

#[test]
fn bytes_that_are_no_packet_on_the_candidate_give_the_upgrade_up() {
    let mut rig = Rig::probed();
    rig.session.handle_decode_error(WebSocket, rig.now);
    assert_eq!(rig.outputs(), ["probe close"]);
    assert_lives_on_over_polling(rig);
}

#[test]
fn a_lost_candidate_leaves_the_session_on_polling() {
    for cause in [
        TransportClosed::ByPeer,
        TransportClosed::Error("reset".into()),
    ] {
        let mut rig = Rig::probed();
        rig.session.handle_transport_closed(WebSocket, cause);
        assert_eq!(rig.outputs(), [""; 0], "there is nothing left to close");
        assert_lives_on_over_polling(rig);
    }
}

#[test]
fn gives_up_an_upgrade_that_takes_too_long() {
    let mut rig = Rig::probed();
    assert_eq!(rig.pass(millis(10_000)), ["10000 probe close"]);
    assert_lives_on_over_polling(rig);
}

#[test]
fn an_idle_poll_is_held_again_after_a_failed_upgrade() {
    let mut rig = Rig::probed();
    rig.poll();
    rig.session
        .handle_transport_closed(WebSocket, TransportClosed::ByPeer);
    assert_eq!(rig.pass(millis(20_000)), [""; 0]);
    rig.send("a");
    assert_eq!(rig.outputs(), ["poll 4a"]);
}

#[test]
fn a_candidate_may_come_again_after_a_failed_one() {
    let mut rig = Rig::probed();
    rig.receive(WebSocket, Packet::Noop);
    let early = rig.session.handle_websocket(rig.now);
    assert_eq!(
        early,
        Err(UpgradeError::AlreadyProbing),
        "the old one is not closed yet"
    );
    assert_eq!(rig.outputs(), ["probe close"]);

    rig.session.handle_websocket(rig.now).unwrap();
    rig.receive(WebSocket, Packet::Ping("probe"));
    rig.receive(WebSocket, Packet::Upgrade);
    assert_eq!(rig.outputs(), ["ws 3probe", "probed", "upgraded"]);
}

#[test]
fn refuses_a_second_candidate_and_one_after_the_upgrade() {
    let mut rig = Rig::probed();
    assert_eq!(
        rig.session.handle_websocket(rig.now),
        Err(UpgradeError::AlreadyProbing)
    );
    rig.receive(WebSocket, Packet::Upgrade);
    assert_eq!(
        rig.session.handle_websocket(rig.now),
        Err(UpgradeError::AlreadyUpgraded)
    );
    rig.close();
    assert_eq!(
        rig.session.handle_websocket(rig.now),
        Err(UpgradeError::Closed)
    );
    assert_eq!(
        rig.outputs(),
        ["ws close", "upgraded", "closed forced close"]
    );
}

#[test]
fn a_ping_under_way_may_be_answered_after_the_upgrade() {
    let mut rig = Rig::polled();
    assert_eq!(rig.pass(millis(25_000)), ["25000 poll 2"]);
    rig.session.handle_websocket(rig.now).unwrap();
    rig.receive(WebSocket, Packet::Ping("probe"));
    rig.receive(WebSocket, Packet::Upgrade);
    assert_eq!(rig.outputs(), ["ws 3probe", "probed", "upgraded"]);
    rig.receive(WebSocket, Packet::Pong(""));
    assert_eq!(rig.pass(millis(25_000)), ["50000 ws 2"]);
}

#[test]
fn the_end_of_the_session_closes_the_candidate_too() {
    let mut rig = Rig::probing();
    rig.receive(Polling, Packet::Close);
    assert_eq!(
        rig.outputs(),
        ["probe close", "poll 6", "closed transport close"]
    );
    rig.session
        .handle_transport_closed(WebSocket, TransportClosed::ByPeer);
    assert_eq!(rig.outputs(), [""; 0]);
}

fn assert_lives_on_over_polling(mut rig: Rig) {
    assert_eq!(rig.session.transport(), Polling);
    assert!(rig.session.is_open() && !rig.session.is_upgrading());
    rig.receive(WebSocket, Packet::Upgrade);
    rig.send("still here");
    rig.poll();
    assert_eq!(rig.outputs(), ["poll 4still here"]);
    assert_eq!(rig.receive(Polling, Packet::Text("a")), Received::Text("a"));
}

#[test]
fn webtransport_is_offered_where_it_is_to_be_had_and_upgraded_to_alike() {
    let opening = |revision, transport, offers_webtransport| Opening {
        sid: "sid",
        transport,
        revision,
        offers_webtransport,
    };
    let cases = [
        (
            Revision::V4,
            Polling,
            true,
            r#"["websocket","webtransport"]"#,
        ),
        (Revision::V4, Polling, false, r#"["websocket"]"#),
        (Revision::V3, Polling, true, r#"["websocket"]"#),
        (Revision::V4, WebSocket, true, "[]"),
        (Revision::V4, WebTransport, true, "[]"),
    ];
    for (revision, transport, offers, upgrades) in cases {
        let mut rig = Rig::opened(opening(revision, transport, offers), settings());
        if transport == Polling {
            rig.poll();
        }
        let open = rig.outputs().concat();
        assert!(
            open.contains(&format!(r#""upgrades":{upgrades}"#)),
            "{open}"
        );
        assert_eq!(rig.session.transport(), transport);
    }

    // A server without WebSocket.
    let without = Settings {
        serves_websocket: false,
        ..settings()
    };
    let mut rig = Rig::opened(opening(Revision::V4, Polling, true), without);
    rig.poll();
    let open = rig.outputs().concat();
    assert!(open.contains(r#""upgrades":["webtransport"]"#), "{open}");
    let refused = rig.session.handle_candidate(WebSocket, rig.now);
    assert_eq!(refused, Err(UpgradeError::NotAllowed));
    assert_eq!(rig.session.handle_candidate(WebTransport, rig.now), Ok(()));

    let mut rig = Rig::polled();
    let candidate = rig.session.handle_candidate(WebTransport, rig.now);
    assert_eq!(candidate, Ok(()));
    rig.receive(WebTransport, Packet::Ping("probe"));
    assert_eq!(rig.outputs(), ["probe 3probe", "probed"]);
    assert_eq!(rig.session.transport(), Polling);
    assert_eq!(rig.pass(millis(100)), ["100 poll 6"]);
    rig.receive(WebTransport, Packet::Upgrade);
    rig.send("a");
    assert_eq!(rig.outputs(), ["ws 4a", "upgraded"]);
    assert_eq!(rig.session.transport(), WebTransport);
    let late = rig.session.handle_candidate(WebTransport, rig.now);
    assert_eq!(late, Err(UpgradeError::AlreadyUpgraded));
    let cause = TransportClosed::ByPeer;
    rig.session.handle_transport_closed(WebTransport, cause);
    assert_eq!(rig.outputs(), ["closed transport close"]);
}
