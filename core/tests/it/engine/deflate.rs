//! permessage-deflate of Engine.IO's WebSockets: agreed on, used where it is worth it, and bounded.

use sori::config::{DeflateOptions, WindowLimit};

use crate::support::engine::*;

const OFFER: &str = "permessage-deflate; client_max_window_bits";

fn rig_with(set: impl FnOnce(&mut DeflateOptions)) -> Rig {
    let mut options = DeflateOptions::default();
    set(&mut options);
    let mut config = config();
    config.shards = 1;
    config.per_message_deflate = Some(options);
    Rig::with(config)
}

/// A client in `/` that compresses, its zlib and its socket.
fn join(rig: &Rig, offer: &str) -> (Wire, Zlib, SocketRef) {
    let (mut wire, agreed) = Wire::websocket_offering(rig.address, "", offer);
    assert!(agreed.is_some());
    let (conn, zlib) = enter(rig, &mut wire);
    let namespace = ROOT;
    (wire, zlib, SocketRef { conn, namespace })
}

fn enter(rig: &Rig, wire: &mut Wire) -> (ConnId, Zlib) {
    let sid = sid_of(&wire.read_text());
    wire.send_frame(TEXT, b"40");
    assert!(wire.read_text().starts_with("40{"));
    (rig.read(|log| log.by_sid[&sid]), Zlib::new())
}

/// An event that compresses well, and its packet.
fn event(text: &str, repeated: usize) -> (String, String) {
    let event = format!(r#"["{}"]"#, text.repeat(repeated));
    let packet = format!("42{event}");
    (event, packet)
}

#[test]
fn every_parameter_is_agreed_on_as_asked() {
    let rig = rig_with(|_| {});
    let cases = [
        (OFFER, Some("permessage-deflate")),
        ("permessage-deflate", Some("permessage-deflate")),
        (
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
        ),
        (
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits=11",
            Some("permessage-deflate; server_max_window_bits=10; client_max_window_bits=11"),
        ),
        ("x-webkit-deflate-frame", None),
    ];
    for (offer, expected) in cases {
        let (mut wire, agreed) = Wire::websocket_offering(rig.address, "", offer);
        assert_eq!(agreed.as_deref(), expected, "{offer}");
        wire.read_text();
    }
    // Who offers nothing is served without.
    let mut wire = Wire::connect(rig.address);
    wire.send(upgrade_request("").as_bytes());
    assert_eq!(wire.read_answer().header("sec-websocket-extensions"), None);
    wire.read_text();
}

#[test]
fn an_offer_that_cannot_be_read_is_refused_only_where_it_is_read() {
    let request = |address| {
        let mut wire = Wire::connect(address);
        let request = upgrade_request("");
        wire.send(request.trim_end().as_bytes());
        wire.send(b"\r\nSec-WebSocket-Extensions: permessage-deflate; what=1\r\n\r\n");
        wire.read_answer()
    };
    let rig = rig_with(|_| {});
    let answer = request(rig.address);
    let refusal = "Invalid or unacceptable Sec-WebSocket-Extensions header";
    assert_eq!((answer.status, answer.body.as_str()), (400, refusal));
    let plain = Rig::new();
    let answer = request(plain.address);
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("sec-websocket-extensions"), None);
    // Its connection, which the end of the engine closes.
    plain.wait(|log| (log.by_sid.len() == 1).then_some(()));
}

#[test]
fn messages_of_the_threshold_and_more_are_compressed_both_ways() {
    let rig = rig_with(|options| options.threshold = 200);
    let (mut wire, mut zlib, socket) = join(&rig, OFFER);
    let (short, short_packet) = event("ab", 20);
    let (long, long_packet) = event("ab", 2000);
    for (event, packet, is_compressed) in [
        (&short, &short_packet, false),
        (&long, &long_packet, true),
        (&long, &long_packet, true),
    ] {
        emit(&rig.engine, socket, json(event));
        assert_eq!(zlib.read_text(&mut wire), (packet.clone(), is_compressed));
    }
    // The engine's own packets are short.
    wire.send_frame(PING, b"");
    assert_eq!(wire.read_frame(), (PONG, Vec::new()));
    // And the other way, with a context that is kept and fragments of a compressed message.
    let (echo, echo_packet) = (r#"["echo","#.to_owned() + &"7,".repeat(400) + "7]", "42");
    let echo_packet = format!("{echo_packet}{echo}");
    for _ in 0..2 {
        zlib.send_text(&mut wire, &echo_packet);
        assert_eq!(zlib.read_text(&mut wire), (echo_packet.clone(), true));
    }
    let payload = zlib.deflate(echo_packet.as_bytes());
    let (first, rest) = payload.split_at(5);
    wire.send_frame(0x41, first);
    wire.send_frame(0x80, rest);
    assert_eq!(zlib.read_text(&mut wire), (echo_packet, true));
    wire.send_frame(CLOSE, b"");
    wire.read_close();
}

#[test]
fn a_client_that_asks_the_server_to_forget_can_forget() {
    let rig = rig_with(|_| {});
    let offer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    let (mut wire, mut zlib, socket) = join(&rig, offer);
    let (long, packet) = event("ab", 2000);
    for _ in 0..3 {
        emit(&rig.engine, socket, json(&long));
        assert_eq!(zlib.read_text(&mut wire), (packet.clone(), true));
        zlib.forget_received();
    }
    for n in 0..3 {
        let text = format!(r#"42["echo",{n},"{}"]"#, "x".repeat(2000));
        zlib.send_text(&mut wire, &text);
        zlib.forget_sent();
        assert_eq!(zlib.read_text(&mut wire), (text, true));
        zlib.forget_received();
    }
}

#[test]
fn a_broadcast_reaches_all_whatever_they_agreed_to() {
    let rig = rig_with(|_| {});
    let offers = [
        OFFER,
        "permessage-deflate; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=9",
        OFFER,
    ];
    let mut plain = rig.join(Way::WebSocket);
    let mut polling = rig.join(Way::Polling);
    let mut compressing: Vec<_> = offers.iter().map(|offer| join(&rig, offer)).collect();
    for n in 0..5 {
        let (long, long_packet) = event(&format!("some text {n} "), 300);
        let (short, short_packet) = event("short", 1);
        rig.broadcast(&[], &[], &long);
        rig.broadcast(&[], &[], &short);
        let packets = [(long_packet, true), (short_packet, false)];
        for (packet, is_compressed) in &packets {
            assert_eq!(plain.next(), *packet);
            assert_eq!(polling.next(), *packet);
            for (at, (wire, zlib, _)) in compressing.iter_mut().enumerate() {
                let expected = (packet.clone(), *is_compressed);
                assert_eq!(zlib.read_text(wire), expected, "{}", offers[at]);
                if at == 1 {
                    zlib.forget_received();
                }
            }
        }
        // Between broadcasts, what is sent to one refers to what that one has.
        for (at, (wire, zlib, socket)) in compressing.iter_mut().enumerate() {
            let (own, own_packet) = event(&format!("some text {n} for {at} "), 200);
            emit(&rig.engine, *socket, json(&own));
            assert_eq!(zlib.read_text(wire), (own_packet, true));
            if at == 1 {
                zlib.forget_received();
            }
        }
    }
}

#[test]
fn what_inflates_past_the_limit_ends_its_connection() {
    let options = DeflateOptions {
        client_max_window_bits: WindowLimit::Bits(12),
        ..DeflateOptions::default()
    };
    let mut config = config();
    config.max_payload = 1_000_000;
    config.per_message_deflate = Some(options);
    let rig = Rig::with(config);
    let (mut wire, agreed) = Wire::websocket_offering(rig.address, "", OFFER);
    assert_eq!(
        agreed.as_deref(),
        Some("permessage-deflate; client_max_window_bits=12")
    );
    enter(&rig, &mut wire);
    let mut zlib = Zlib::with_window(12);
    let bomb = zlib.deflate(&vec![b'0'; 1_000_001]);
    assert!(bomb.len() < 2_000);
    wire.send_frame(TEXT | COMPRESSED, &bomb);
    assert_eq!(wire.read_close(), [0x03, 0xf1]);

    let (mut wire, _) = Wire::websocket_offering(rig.address, "", OFFER);
    enter(&rig, &mut wire);
    wire.send_frame(TEXT | COMPRESSED, b"\xff\xff\xff");
    assert_eq!(wire.read_close(), [0x03, 0xef]);
}

#[test]
fn a_client_that_agreed_to_nothing_must_not_compress() {
    let rig = rig_with(|_| {});
    let mut client = rig.join(Way::WebSocket);
    let payload = Zlib::new().deflate(b"42[0]");
    client.wire().send_frame(TEXT | COMPRESSED, &payload);
    assert_eq!(client.wire().read_close(), [0x03, 0xea]);
}

#[test]
fn an_upgrade_from_polling_compresses_from_then_on() {
    let rig = rig_with(|options| options.threshold = 10);
    let mut client = rig.join(Way::Polling);
    let socket = rig.socket(&client);
    let query = format!("&sid={}", client.sid);
    let (mut wire, agreed) = Wire::websocket_offering(rig.address, &query, OFFER);
    assert_eq!(agreed.as_deref(), Some("permessage-deflate"));
    let mut zlib = Zlib::new();
    zlib.send_text(&mut wire, "2probe");
    assert_eq!(wire.read_text(), "3probe");
    zlib.send_text(&mut wire, "5");
    rig.wait_lines(&client, |lines| {
        lines.last().is_some_and(|line| line == "upgraded")
    });
    let (long, packet) = event("after the upgrade ", 100);
    emit(&rig.engine, socket, json(&long));
    assert_eq!(zlib.read_text(&mut wire), (packet, true));
    client.carrier = Carrier::WebSocket(wire);
}

#[test]
fn options_that_cannot_work_are_told() {
    for set in [
        (|options: &mut DeflateOptions| options.level = 10) as fn(&mut DeflateOptions),
        |options| options.server_max_window_bits = WindowLimit::Bits(7),
        |options| options.client_max_window_bits = WindowLimit::Bits(16),
    ] {
        let mut options = DeflateOptions::default();
        set(&mut options);
        let mut config = config();
        config.per_message_deflate = Some(options);
        assert!(config.validate().is_err());
    }
}
