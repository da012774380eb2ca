//! permessage-deflate of plain WebSockets, with the engine as the server and as the client.

use sori::config::DeflateOptions;
use sori::proto::websocket::Role;
use sori::proto::websocket::deflate::DeflateParams;

use crate::support::engine::*;
use crate::support::websocket::*;

fn group<'r>(rig: &'r Rig, deflate: DeflateParams) -> Group<'r> {
    let mut group = Group::with(rig, |settings| {
        settings.deflate = Some(DeflateOptions::default());
        settings.max_payload = 100_000;
    });
    group.deflate = Some(deflate);
    group
}

#[test]
fn messages_are_compressed_both_ways_in_both_roles() {
    for role in BOTH_ROLES {
        let rig = Rig::new();
        let group = group(&rig, DeflateParams::default());
        let mut peer = group.open(role);
        let mut zlib = Zlib::new();
        for n in 0..3 {
            let long = format!("{n}{}", "long ".repeat(1000));
            zlib.send_text(&mut peer.wire, &long);
            group.wait_lines(&peer, |lines| lines.len() == n + 2);
            group.send(&peer, text(&long));
            assert_eq!(zlib.read_text(&mut peer.wire), (long, true), "{role:?}");
        }
        let heard = group.wait_lines(&peer, |_| true);
        assert_eq!(heard[1..], ["text of 5001"; 3]);
        // As in ws: with a context to refer to, whatever the size; and never if it is not wanted.
        group.send(&peer, text("short"));
        assert_eq!(zlib.read_text(&mut peer.wire), ("short".into(), true));
        let plain = websocket::Message {
            compress: false,
            ..text("as it is")
        };
        group.send(&peer, plain);
        assert_eq!(zlib.read_text(&mut peer.wire), ("as it is".into(), false));
        group.send(&peer, text("in pi").unfinished());
        group.send(&peer, text("eces"));
        assert_eq!(peer.wire.read_frame(), (0x01, b"in pi".to_vec()));
        assert_eq!(peer.wire.read_frame(), (0x80, b"eces".to_vec()));
        group.settle(&peer);
        assert_eq!(peer.gauge.queued_bytes(), 0);
    }
}

#[test]
fn each_side_forgets_what_it_agreed_to_forget() {
    let params = DeflateParams {
        server_no_context_takeover: true,
        client_no_context_takeover: false,
        server_max_window_bits: Some(10),
        client_max_window_bits: None,
    };
    for role in BOTH_ROLES {
        let rig = Rig::new();
        let group = group(&rig, params);
        let mut peer = group.open(role);
        let mut zlib = Zlib::with_window(10);
        let is_forgetful = role == Role::Server;
        let long: String = (0..600).map(|n| format!("{} ", n * n)).collect();
        let mut sizes = Vec::new();
        for _ in 0..2 {
            group.send(&peer, text(&long));
            let (first, payload) = peer.wire.read_frame();
            assert_eq!(first, TEXT | COMPRESSED);
            assert_eq!(zlib.inflate(&payload), long.as_bytes());
            sizes.push(payload.len());
            if is_forgetful {
                zlib.forget_received();
            }
            // The server's side forgets; the client's does not.
            zlib.send_text(&mut peer.wire, &long);
            if !is_forgetful {
                zlib.forget_sent();
            }
        }
        assert_eq!(sizes[0] == sizes[1], is_forgetful, "{role:?}: {sizes:?}");
        group.wait_lines(&peer, |lines| lines.len() == 3);
        group.send(&peer, text("short"));
        let compressed = !is_forgetful;
        assert_eq!(zlib.read_text(&mut peer.wire), ("short".into(), compressed));
    }
}

#[test]
fn a_bomb_is_refused_and_so_is_what_is_no_deflate() {
    let rig = Rig::new();
    let group = group(&rig, DeflateParams::default());
    let bomb = Zlib::new().deflate(&[b'0'; 100_001]);
    let cases = [
        (&bomb[..], "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH", [0x03, 0xf1]),
        (b"\xff\xff", "Z_DATA_ERROR", [0x03, 0xef]),
    ];
    for (payload, error, code) in cases {
        let mut peer = group.open(Role::Server);
        peer.wire.send_frame(BINARY | COMPRESSED, payload);
        assert_eq!(peer.wire.read_close(), code);
        peer.wire.finish();
        let failed = format!("failed {error}");
        assert_eq!(group.wait_closed(&peer), [&failed, "close 1006 "]);
    }
}

#[test]
fn a_broadcast_is_compressed_for_those_who_can_and_the_same_for_all_of_them() {
    let rig = Rig::of_one_shard();
    let mut group = group(&rig, DeflateParams::default());
    let mut takeover: Vec<Peer> = (0..3).map(|_| group.open(Role::Server)).collect();
    group.deflate = Some(DeflateParams {
        server_no_context_takeover: true,
        ..DeflateParams::default()
    });
    let mut forgetful = group.open(Role::Server);
    let mut masked = group.open(Role::Client);
    group.deflate = None;
    let mut plain = group.open(Role::Server);
    let mut zlibs: Vec<Zlib> = takeover.iter().map(|_| Zlib::new()).collect();
    let mut masked_zlib = Zlib::new();
    for n in 0..3 {
        let long = format!("{n}{}", "to everybody ".repeat(200));
        group.broadcast(&[], None, &long);
        group.broadcast(&[], None, "short");
        assert_eq!(plain.wire.read_text(), long);
        assert_eq!(plain.wire.read_text(), "short");
        assert_eq!(
            masked_zlib.read_text(&mut masked.wire),
            (long.clone(), true)
        );
        assert_eq!(
            masked_zlib.read_text(&mut masked.wire),
            ("short".into(), false)
        );
        let (_, payload) = forgetful.wire.read_frame();
        assert_eq!(Zlib::new().inflate(&payload), long.as_bytes());
        assert_eq!(forgetful.wire.read_text(), "short");
        for (peer, zlib) in takeover.iter_mut().zip(&mut zlibs) {
            let frame = peer.wire.read_frame();
            assert_eq!(frame, (TEXT | COMPRESSED, payload.clone()));
            assert_eq!(zlib.inflate(&frame.1), long.as_bytes());
            assert_eq!(peer.wire.read_text(), "short");
            // What is sent to one alone may refer to the broadcast.
            group.send(peer, text(&long));
            let (_, own) = peer.wire.read_frame();
            assert_eq!(zlib.inflate(&own), long.as_bytes());
            assert!(own.len() < payload.len(), "{} {}", own.len(), payload.len());
        }
    }
}
