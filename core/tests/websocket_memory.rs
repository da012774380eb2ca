//! What plain WebSockets hold: little when they are idle, never more than their limits when their
//! peers are hostile. Apart from other tests, because memory is counted for the whole process.

mod support;
use support::engine::*;
use support::websocket::*;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::{Duration, Instant};

use sori::config::DeflateOptions;
use sori::proto::websocket::Role;
use sori::proto::websocket::deflate::DeflateParams;

struct Counting;

static LIVE: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);

// SAFETY: every call is passed on to `System` unchanged; the counters are atomics that do not
// allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let size = layout.size() as isize;
        let live = LIVE.fetch_add(size, Ordering::Relaxed) + size;
        PEAK.fetch_max(live, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Held by the test that counts.
static ALONE: Mutex<()> = Mutex::new(());

const MIB: isize = 1024 * 1024;
const CONNECTIONS: usize = 300;

fn live() -> isize {
    LIVE.load(Ordering::Relaxed)
}

/// The most bytes that were held at once during `work`, beyond what was held before.
fn peak(work: impl FnOnce()) -> isize {
    let before = live();
    PEAK.store(before, Ordering::Relaxed);
    work();
    PEAK.load(Ordering::Relaxed) - before
}

/// Sends pieces for a while, to an engine that may stop reading or hang up. Never reads.
fn flood(wire: &mut Wire, piece: &[u8]) {
    let until = Instant::now() + Duration::from_millis(600);
    wire.give_up_writing_after(Duration::from_millis(100));
    while Instant::now() < until && wire.try_send(piece).is_ok() {}
}

/// Bytes for each of many connections: open and silent, and after a message each way.
fn bytes_per_connection(deflate: Option<DeflateParams>) -> (isize, isize) {
    let rig = Rig::of_one_shard();
    let mut group = Group::with(&rig, |settings| {
        settings.deflate = Some(DeflateOptions::default());
    });
    group.deflate = deflate;
    // What the shard and this test keep, whatever the number of connections.
    let mut peers: Vec<Peer> = (0..50).map(|_| group.open(Role::Server)).collect();
    exchange(&group, &mut peers, deflate.is_some());
    let before = live();
    let mut peers: Vec<Peer> = (0..CONNECTIONS).map(|_| group.open(Role::Server)).collect();
    let silent = live() - before;
    exchange(&group, &mut peers, deflate.is_some());
    group.settle(&peers[0]);
    let idle = live() - before;
    let each = |bytes: isize| bytes / CONNECTIONS as isize;
    (each(silent), each(idle))
}

fn exchange(group: &Group<'_>, peers: &mut [Peer], compresses: bool) {
    let long = "as long as it takes ".repeat(100);
    for peer in peers {
        let mut zlib = Zlib::new();
        match compresses {
            true => zlib.send_text(&mut peer.wire, &long),
            false => peer.wire.send_frame(TEXT, long.as_bytes()),
        }
        group.send(peer, text(&long));
        assert_eq!(zlib.read_text(&mut peer.wire), (long.clone(), compresses));
        peer.wire.forget();
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "the figures are the point")]
fn an_idle_connection_holds_no_buffers() {
    let _alone = ALONE.lock();
    // Their peers, and the log that says that they are open, are in it.
    let (silent, idle) = bytes_per_connection(None);
    eprintln!("plain: {silent} bytes silent, {idle} after a message each way");
    assert!(silent < 2_200, "{silent}");
    assert!(idle - silent < 300, "{silent}, then {idle}");

    let forgetful = DeflateParams {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        ..DeflateParams::default()
    };
    let (_, idle) = bytes_per_connection(Some(forgetful));
    eprintln!("compressing without context: {idle}");
    assert!(idle - silent < 300, "{silent} silent, compressing {idle}");

    // A context is as much as was said, both ways.
    let (_, idle) = bytes_per_connection(Some(DeflateParams::default()));
    eprintln!("compressing with context: {idle}");
    assert!(idle - silent < 4_600, "{silent} silent, compressing {idle}");
}

#[test]
fn who_never_reads_cannot_make_the_engine_hold_more_than_its_limit() {
    let _alone = ALONE.lock();
    let rig = Rig::of_one_shard();
    rig.app.is_forgetful.store(true, Ordering::Relaxed);
    let limit = 3 * MIB / 2;
    for max_pending_pongs in [60, 0] {
        let group = Group::with(&rig, |settings| {
            settings.max_pending_pongs = max_pending_pongs;
            settings.max_queued_bytes = MIB as usize / 4;
        });
        let mut peer = group.open(Role::Server);
        let ping = frame(PING, &[0; 125]).repeat(500);
        let held = peak(|| flood(&mut peer.wire, &ping));
        assert!(held < limit, "pongs: {held}");
    }
}

#[test]
fn fragments_and_lengths_make_the_engine_hold_little() {
    let _alone = ALONE.lock();
    let rig = Rig::of_one_shard();
    let group = Group::new(&rig);
    let mut peers: Vec<Peer> = (0..20).map(|_| group.open(Role::Server)).collect();
    let held = peak(|| {
        for peer in &mut peers {
            // 50 MB announced, ten sent.
            peer.wire.send(b"\x82\xff\0\0\0\0\x03\0\0\0abcd0123456789");
        }
        let mut peer = group.open(Role::Server);
        peer.wire.send(&frame(0x02, b""));
        let empty = frame(0x00, b"").repeat(1_000);
        for _ in 0..16 {
            peer.wire.send(&empty);
        }
        peer.wire.send(&frame(0x80, b""));
        group.wait_line(&peer, "binary []");
    });
    assert!(held < MIB, "{held}");
}

#[test]
fn many_small_messages_to_a_slow_reader_take_no_more_than_they_count() {
    let _alone = ALONE.lock();
    let rig = Rig::of_one_shard();
    rig.app.is_forgetful.store(true, Ordering::Relaxed);
    let group = Group::with(&rig, |settings| settings.max_queued_bytes = MIB as usize);
    let peer = group.open(Role::Server);
    group.stuff(&peer, 100_000);
    let held = peak(|| {
        let is_closed = || {
            let lines = group.wait_lines(&peer, |_| true);
            lines.iter().any(|line| line == "failed SlowReader")
        };
        while !is_closed() {
            for _ in 0..2_000 {
                group.send(&peer, text("small"));
            }
            group.settle(&peer);
        }
    });
    assert!(held < 3 * MIB, "{held}");
}
