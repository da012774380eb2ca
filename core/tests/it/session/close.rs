//! The ends of a session: graceful and at once, by either side, on each transport.

use crate::support::session::*;

#[test]
fn close_over_websocket_writes_what_is_queued_and_then_the_close_frame() {
    let mut rig = Rig::websocket();
    rig.send("a");
    rig.send("b");
    rig.close();
    assert!(!rig.session.is_open() && !rig.session.is_closed());
    assert_eq!(
        rig.session.poll_event(),
        None,
        "not closed before the bytes are taken"
    );
    assert_eq!(
        rig.outputs(),
        ["ws 4a", "ws 4b", "ws close", "closed forced close"]
    );
    assert!(rig.session.is_closed());
}

#[test]
fn close_over_a_pending_poll_answers_it_with_a_close_packet() {
    let mut rig = Rig::polled();
    rig.close();
    assert_eq!(rig.outputs(), ["poll 1", "closed forced close"]);

    let mut rig = Rig::polled();
    rig.send("a");
    rig.close();
    assert_eq!(rig.outputs(), ["poll 4a"], "what is queued goes first");
    rig.poll();
    assert_eq!(rig.outputs(), ["poll 6|1", "closed forced close"]);
}

#[test]
fn close_between_polls_waits_for_the_next_one() {
    let mut rig = Rig::polling();
    rig.close();
    assert_eq!(rig.outputs(), [""; 0]);
    assert_eq!(
        rig.pass(millis(29_999)),
        [""; 0],
        "neither ping nor close before the poll"
    );
    rig.poll();
    assert_eq!(rig.outputs(), ["poll 6|1", "closed forced close"]);

    let mut rig = Rig::polling();
    rig.send("a");
    rig.close();
    rig.poll();
    assert_eq!(rig.outputs(), ["poll 4a"]);
    rig.poll();
    assert_eq!(rig.outputs(), ["poll 6|1", "closed forced close"]);
}

#[test]
fn close_waits_no_longer_than_the_close_timeout() {
    let mut rig = Rig::polling();
    rig.send("a");
    rig.now += millis(1_000);
    rig.close();
    assert_eq!(rig.pass(millis(60_000)), ["31000 closed forced close"]);
    assert_eq!(rig.session.queued_bytes(), 0);

    let mut rig = Rig::websocket();
    rig.send("never taken");
    rig.close();
    rig.now += millis(30_000);
    rig.session.handle_timeout(rig.now);
    assert_eq!(rig.outputs(), ["ws close", "closed forced close"]);
}

#[test]
fn a_client_that_no_longer_polls_may_time_out_before_the_close_does() {
    let quick = Settings {
        ping_interval: millis(500),
        ping_timeout: millis(400),
        ..settings()
    };
    let mut rig = Rig::new(Polling, quick.clone());
    rig.poll();
    rig.outputs();
    rig.close();
    assert_eq!(rig.pass(millis(899)), [""; 0], "no ping while closing");
    assert_eq!(rig.pass(millis(1)), ["900 closed ping timeout"]);

    let mut rig = Rig::new(Polling, quick.clone());
    rig.poll();
    rig.outputs();
    assert_eq!(rig.pass(millis(500)), [""; 0]);
    rig.close();
    rig.receive(Polling, Packet::Pong(""));
    assert_eq!(rig.pass(millis(899)), [""; 0], "it lives");
    assert_eq!(rig.pass(millis(1)), ["1400 closed ping timeout"]);

    let mut rig = Rig::new(WebSocket, quick);
    rig.outputs();
    rig.send("a");
    rig.close();
    rig.now += millis(29_999);
    rig.session.handle_timeout(rig.now);
    assert!(
        !rig.session.is_closed(),
        "a WebSocket that takes its last bytes slowly is given the whole time"
    );
}

#[test]
fn a_poll_dropped_while_closing_is_no_error_and_the_next_one_is_answered() {
    let mut rig = Rig::polled();
    rig.close();
    rig.session.handle_poll_closed(rig.now);
    assert_eq!(rig.outputs(), [""; 0]);
    rig.poll();
    assert_eq!(rig.outputs(), ["poll 6|1", "closed forced close"]);
}

#[test]
fn nothing_is_received_or_queued_while_closing() {
    let mut rig = Rig::polling();
    rig.close();
    rig.send("late");
    assert_eq!(rig.session.queued_bytes(), 0);
    assert_eq!(rig.session.handle_post_start(rig.now), Ok(()));
    assert_eq!(
        rig.receive(Polling, Packet::Text("late")),
        Received::Nothing
    );
    rig.receive(Polling, Packet::Ping(""));
    rig.session.handle_decode_error(Polling, rig.now);
    assert!(!rig.session.is_closed());
    assert_eq!(rig.outputs(), [""; 0]);
}

#[test]
fn a_close_that_was_asked_for_keeps_its_reason() {
    let endings: [fn(&mut Rig); 4] = [
        |rig| {
            rig.receive(Polling, Packet::Close);
        },
        |rig| {
            rig.session
                .handle_transport_closed(Polling, TransportClosed::Error("x".into()))
        },
        |rig| rig.session.abort(DisconnectReason::ServerShuttingDown),
        |rig| {
            rig.close();
            rig.now += millis(30_000);
            rig.session.handle_timeout(rig.now);
        },
    ];
    for end in endings {
        let mut rig = Rig::polling();
        rig.session
            .close(DisconnectReason::ServerNamespaceDisconnect, rig.now);
        end(&mut rig);
        assert_eq!(rig.outputs(), ["closed server namespace disconnect"]);
    }
}

#[test]
fn close_while_probing_ends_by_the_pending_poll_and_drops_the_candidate() {
    let mut rig = Rig::probing();
    rig.send("a");
    rig.close();
    assert_eq!(rig.outputs(), ["poll 4a"]);
    rig.poll();
    assert_eq!(
        rig.outputs(),
        ["poll 6|1", "probe close", "closed forced close"]
    );
}

#[test]
fn close_while_the_client_changes_over_ends_on_the_websocket() {
    let mut rig = Rig::probed();
    rig.send("a");
    rig.close();
    assert_eq!(
        rig.outputs(),
        [""; 0],
        "the client polls no more, its `5` is on the way"
    );
    rig.receive(WebSocket, Packet::Upgrade);
    assert_eq!(
        rig.outputs(),
        ["ws 4a", "ws close", "upgraded", "closed forced close"]
    );
}

#[test]
fn a_candidate_lost_while_closing_leaves_the_next_poll() {
    let mut rig = Rig::probed();
    rig.close();
    assert_eq!(rig.pass(millis(10_000)), ["10000 probe close"]);
    rig.poll();
    assert_eq!(rig.outputs(), ["poll 6|1", "closed forced close"]);
}

#[test]
fn abort_drops_what_is_queued() {
    let reason = DisconnectReason::ServerShuttingDown;
    let mut rig = Rig::websocket();
    rig.send("a");
    rig.session.abort(reason);
    assert_eq!(rig.session.queued_bytes(), 0);
    assert_eq!(rig.outputs(), ["ws close", "closed server shutting down"]);

    let mut rig = Rig::polled();
    rig.send("a");
    rig.session.abort(reason);
    assert_eq!(rig.outputs(), ["poll 1", "closed server shutting down"]);

    let mut rig = Rig::polling();
    rig.send("a");
    rig.session.abort(reason);
    assert_eq!(rig.outputs(), ["closed server shutting down"]);
}

#[test]
fn a_close_packet_from_the_client_is_a_transport_close() {
    let mut rig = Rig::polled();
    rig.send("a");
    rig.receive(Polling, Packet::Close);
    assert_eq!(rig.outputs(), ["poll 6", "closed transport close"]);

    let mut rig = Rig::polling();
    rig.receive(Polling, Packet::Close);
    assert_eq!(rig.outputs(), ["closed transport close"]);

    let mut rig = Rig::websocket();
    rig.receive(WebSocket, Packet::Close);
    assert_eq!(rig.outputs(), ["ws close", "closed transport close"]);
}

#[test]
fn the_end_of_the_current_transport_is_the_end_of_the_session() {
    let mut rig = Rig::websocket();
    rig.send("a");
    rig.session
        .handle_transport_closed(WebSocket, TransportClosed::ByPeer);
    assert_eq!(rig.outputs(), ["closed transport close"]);

    let mut rig = Rig::websocket();
    rig.session.handle_transport_closed(
        WebSocket,
        TransportClosed::Error("Max payload size exceeded".into()),
    );
    assert_eq!(
        rig.outputs(),
        ["closed transport error: Max payload size exceeded"]
    );

    let mut rig = Rig::polled();
    rig.session
        .handle_transport_closed(Polling, TransportClosed::Error("invalid content".into()));
    assert_eq!(
        rig.outputs(),
        ["poll 1", "closed transport error: invalid content"]
    );
}

#[test]
fn a_websocket_that_is_gone_needs_no_close_frame() {
    let mut rig = Rig::websocket();
    rig.session.abort(DisconnectReason::ForcedClose);
    rig.session
        .handle_transport_closed(WebSocket, TransportClosed::ByPeer);
    assert_eq!(rig.outputs(), ["closed forced close"]);
}

#[test]
fn nothing_happens_after_closed() {
    for mut rig in [Rig::websocket(), Rig::polled(), Rig::probed()] {
        rig.session.abort(DisconnectReason::ForcedClose);
        assert_eq!(
            rig.outputs().last().map(String::as_str),
            Some("closed forced close")
        );

        rig.send("a");
        rig.close();
        rig.session.abort(DisconnectReason::ServerShuttingDown);
        for transport in [Polling, WebSocket] {
            for packet in [
                Packet::Text("a"),
                Packet::Close,
                Packet::Upgrade,
                Packet::Ping("probe"),
            ] {
                assert_eq!(rig.receive(transport, packet), Received::Nothing);
            }
            rig.session.handle_decode_error(transport, rig.now);
            rig.session
                .handle_transport_closed(transport, TransportClosed::ByPeer);
        }
        assert_eq!(rig.session.handle_poll(rig.now), Err(PollError::Closed));
        assert_eq!(
            rig.session.handle_post_start(rig.now),
            Err(PollError::Closed)
        );
        assert_eq!(
            rig.session.handle_websocket(rig.now),
            Err(UpgradeError::Closed)
        );
        rig.session.handle_poll_closed(rig.now);
        rig.session.handle_post_end();
        rig.session.handle_timeout(rig.now + millis(1_000_000));

        assert_eq!(rig.outputs(), [""; 0]);
        assert_eq!(rig.session.next_timeout(), None);
        assert_eq!(
            (rig.session.queued_bytes(), rig.session.has_pending_poll()),
            (0, false)
        );
        assert!(rig.session.is_closed() && !rig.session.is_writable());
    }
}
