//! Peers that send rubbish to plain WebSockets, or what was good until it was changed. The engine
//! lives on, drops each of them when they are done, and serves a good peer meanwhile.

use sori::config::DeflateOptions;
use sori::proto::websocket::Role;
use sori::proto::websocket::deflate::DeflateParams;

use crate::support::engine::*;
use crate::support::websocket::*;

const PEERS: usize = 1_000;

#[test]
fn rubbish_ends_its_own_connection_and_no_other() {
    let mut random = Random::seeded();
    let rig = Rig::new();
    let mut group = Group::with(&rig, |settings| {
        settings.deflate = Some(DeflateOptions::default());
        settings.max_payload = 20_000;
        settings.max_fragments = 50;
        settings.close_timeout = std::time::Duration::from_millis(20);
    });
    let mut good = BOTH_ROLES.map(|role| group.open(role));
    for n in 0..PEERS {
        let role = BOTH_ROLES[random.below(2)];
        let compresses = random.below(2) == 0;
        group.deflate = compresses.then(|| DeflateParams {
            client_no_context_takeover: random.below(2) == 0,
            ..DeflateParams::default()
        });
        let mut peer = group.open(role);
        let mut bytes = frames(&mut random, role, compresses);
        if random.below(3) > 0 {
            mutate(&mut bytes, &mut random);
        }
        let _told = Told(&bytes);
        for piece in bytes.chunks(1 + random.below(bytes.len().max(1))) {
            // The engine may have hung up already.
            if peer.wire.try_send(piece).is_err() {
                break;
            }
            if random.below(8) == 0 {
                group.send(&peer, text("something to say"));
            }
        }
        match random.below(3) {
            0 => group.close(&peer, 1000, "enough"),
            1 => group.ask(&peer, websocket::Command::Terminate),
            _ => peer.wire.finish(),
        }
        let lines = group.wait_closed(&peer);
        assert_eq!(peer.gauge.queued_bytes(), 0, "{lines:?}");
        if n % 50 == 0 {
            for good in &mut good {
                group.send(good, text("alive"));
                assert_eq!(good.wire.read_text(), "alive");
            }
        }
    }
}

/// Frames that may well be a conversation.
fn frames(random: &mut Random, role: Role, compresses: bool) -> Vec<u8> {
    let mut zlib = Zlib::new();
    let mut bytes = Vec::new();
    let mut is_inside = false;
    for _ in 0..1 + random.below(12) {
        let length = match random.below(6) {
            0 => random.below(25_000),
            1 => 120 + random.below(10),
            _ => random.below(60),
        };
        let mut payload: Vec<u8> = (0..length).map(|_| b' ' + random.below(90) as u8).collect();
        let mut first = match random.below(10) {
            0 => PING,
            1 => PONG,
            2 if random.below(4) == 0 => CLOSE,
            _ if is_inside => random.below(2) as u8 * 0x80,
            _ => [TEXT, BINARY, 0x01, 0x02][random.below(4)],
        };
        let is_control = first & 0x08 != 0;
        if is_control {
            payload.truncate(125);
        } else {
            if compresses && !is_inside && first & 0x80 != 0 && random.below(2) == 0 {
                payload = zlib.deflate(&payload);
                first |= COMPRESSED;
            }
            is_inside = first & 0x80 == 0;
        }
        bytes.extend(match role {
            Role::Server => frame(first, &payload),
            Role::Client => unmasked_frame(first, &payload),
        });
    }
    bytes
}

/// Changes, drops or adds a few bytes.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..1 + random.below(4) {
        if bytes.is_empty() {
            return;
        }
        let at = random.below(bytes.len());
        match random.below(4) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 => bytes.truncate(at),
            _ => bytes.insert(at, random.next() as u8),
        }
    }
}

/// Says what was sent when the test fails.
struct Told<'b>(&'b [u8]);

impl Drop for Told<'_> {
    #[expect(clippy::print_stderr, reason = "a failed run is looked into")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("sent: {:02x?}", &self.0[..self.0.len().min(2_000)]);
        }
    }
}
