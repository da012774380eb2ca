//! Thousands of clients that send rubbish, or what was good until it was changed. The engine lives
//! on, drops each of them when they are done, and serves a good client meanwhile.

use std::thread;
use std::time::Duration;

use crate::support::engine::*;

const CLIENTS: usize = 6_000;
const THREADS: usize = 3;

/// Rubbish may name a session; it will not live long.
const CLIENTS_PER_VICTIM: usize = 20;

#[test]
fn rubbish_harms_nobody_else() {
    let seed = Random::seeded().next();
    let mut config = config();
    config.max_payload = 5_000;
    // The good clients answer no pings.
    config.ping_interval = Duration::from_secs(3_600);
    let rig = Rig::with(config);
    let mut good: Vec<Client> = EVERY_WAY.map(|way| rig.join(way)).into();
    thread::scope(|scope| {
        let attackers: Vec<_> = (0..THREADS as u64)
            .map(|n| {
                let rig = &rig;
                scope.spawn(move || {
                    let mut random = Random(seed ^ n);
                    for _ in 0..CLIENTS / THREADS / CLIENTS_PER_VICTIM {
                        let victim = rig.join(Way::Polling);
                        for _ in 0..CLIENTS_PER_VICTIM {
                            attack(rig, &victim.sid, &mut random);
                        }
                    }
                })
            })
            .collect();
        while attackers.iter().any(|attacker| !attacker.is_finished()) {
            good.iter_mut().for_each(Client::expect_nothing);
        }
    });
    good.iter_mut().for_each(Client::expect_nothing);
}

fn attack(rig: &Rig, victim: &str, random: &mut Random) {
    let kind = random.below(5);
    let mut bytes = match kind {
        0 => random_bytes(random, 2_000),
        1 => websocket_session(random, ""),
        2 => websocket_session(random, &format!("&sid={victim}")),
        3 => requests(random, victim),
        _ => frames_of_rubbish(random),
    };
    if random.below(4) > 0 {
        mutate(&mut bytes, random);
    }
    let _told = Told(&bytes);
    let mut wire = Wire::connect(rig.address);
    for piece in bytes.chunks(1 + random.below(bytes.len().max(1))) {
        // The engine may have hung up already.
        if wire.try_send(piece).is_err() {
            break;
        }
    }
    // While requests wait in the pipeline behind a poll, the end of their stream is not seen before
    // the poll has been answered: by a ping, if by nothing else. Nobody waits here for that.
    if kind != 3 && random.below(8) > 0 {
        wire.finish();
        // Whatever it was, the engine does not hold on to it.
        wire.read_to_end();
    }
}

/// Tells what was sent, should it lead to a panic.
struct Told<'a>(&'a [u8]);

impl Drop for Told<'_> {
    #[expect(clippy::print_stderr, reason = "a failure is to be understood")]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("sent: \"{}\"", self.0.escape_ascii());
        }
    }
}

fn random_bytes(random: &mut Random, limit: usize) -> Vec<u8> {
    let length = random.below(limit);
    (0..length).map(|_| random.next() as u8).collect()
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len().max(1));
        match random.below(5) {
            _ if bytes.is_empty() => {}
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..bytes.len().min(at + 1 + random.below(20)))),
            _ => {
                let from = random.below(bytes.len());
                let copied = bytes[from..bytes.len().min(from + 40)].to_vec();
                bytes.splice(at..at, copied);
            }
        }
    }
}

const PACKETS: [&str; 22] = [
    "40",
    "40/chat,{\"a\":1}",
    "40/nope",
    "40/mute,",
    "41",
    "41/chat",
    "42[\"echo\",1,\"\u{fc}\"]",
    "42/chat,[\"echo\"]",
    "4212[\"ask\",{}]",
    "4312[]",
    "43999999999999999999999[]",
    "451-[\"echo\",{\"_placeholder\":true,\"num\":0}]",
    "4510-[\"echo\"]",
    "461-3[]",
    "42[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    "2",
    "2probe",
    "3",
    "5",
    "6",
    "1",
    "",
];

fn websocket_session(random: &mut Random, query: &str) -> Vec<u8> {
    let mut bytes = upgrade_request(query).into_bytes();
    for _ in 0..random.below(12) {
        let packet = PACKETS[random.below(PACKETS.len())];
        let piece = match random.below(8) {
            0 => frame(BINARY, &random_bytes(random, 300)),
            1 => frame(PING, &random_bytes(random, 126)),
            2 => frame(PONG, b""),
            3 => {
                let cut = packet.len() / 2;
                let cut = (0..=cut).rev().find(|at| packet.is_char_boundary(*at));
                let (first, second) = packet.split_at(cut.unwrap_or_default());
                [
                    frame(0x01, first.as_bytes()),
                    frame(0x80, second.as_bytes()),
                ]
                .concat()
            }
            4 => frame(CLOSE, &random_bytes(random, 10)),
            _ => frame(TEXT, packet.as_bytes()),
        };
        bytes.extend(piece);
    }
    bytes
}

fn frames_of_rubbish(random: &mut Random) -> Vec<u8> {
    let mut bytes = upgrade_request("").into_bytes();
    for _ in 0..random.below(6) {
        let payload = random_bytes(random, 400);
        bytes.extend(frame(random.next() as u8, &payload));
    }
    bytes.extend(random_bytes(random, 50));
    bytes
}

fn requests(random: &mut Random, victim: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..1 + random.below(4) {
        let method = ["GET", "POST", "PUT", "OPTIONS", "HEAD"][random.below(5)];
        let sid = ["", "&sid=nobody", &format!("&sid={victim}")][random.below(3)].to_owned();
        let packets: Vec<&str> = (0..random.below(5))
            .map(|_| PACKETS[random.below(PACKETS.len())])
            .collect();
        let body = match random.below(6) {
            0 => "x".repeat(6_000),
            1 => "bAQ*".to_owned(),
            _ => packets.join("\u{1e}"),
        };
        let request = format!(
            "{method} /socket.io/?EIO=4&transport=polling{sid} HTTP/1.1\r\nHost: sori\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        bytes.extend(request.into_bytes());
    }
    bytes
}
