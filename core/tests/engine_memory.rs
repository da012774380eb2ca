//! What hostile clients make the engine hold: never more than its limits. Apart from other tests,
//! because memory is counted for the whole process.

mod support;
use support::engine::*;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::{Duration, Instant};

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

/// The most bytes that were held at once during `work`, beyond what was held before.
fn peak(work: impl FnOnce()) -> isize {
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    work();
    PEAK.load(Ordering::Relaxed) - before
}

/// Calls `piece` for bytes to send for a while, to an engine that may stop reading or hang up. Never
/// reads.
fn flood(wire: &mut Wire, mut piece: impl FnMut() -> Vec<u8>) {
    let until = Instant::now() + Duration::from_millis(600);
    wire.give_up_writing_after(Duration::from_millis(100));
    while Instant::now() < until {
        if wire.try_send(&piece()).is_err() {
            return;
        }
    }
}

/// A client for whom the system's buffers are full: whatever the engine writes to it from now on
/// has to wait.
fn stuffed(rig: &Rig, good: &mut Client) -> Client {
    let client = rig.join(Way::WebSocket);
    let socket = rig.socket(&client);
    let event = format!(r#"["{}"]"#, "x".repeat(50_000));
    let before = rig.engine.metrics().dropped_volatile;
    while rig.engine.metrics().dropped_volatile == before {
        rig.engine.execute(Command::Emit {
            socket,
            payload: json(&event),
            volatile: true,
            ack: None,
        });
        // It has been written, or not, when the other one has its echo.
        good.expect_nothing();
    }
    client
}

#[test]
fn who_never_reads_cannot_make_the_engine_hold_more_than_its_limit() {
    let _alone = ALONE.lock();
    let mut config = config();
    config.shards = 1;
    config.max_queued_bytes = 256 * 1024;
    let rig = Rig::with(config);
    rig.app.is_forgetful.store(true, Ordering::Relaxed);
    let mut good = rig.join(Way::WebSocket);
    let limit = 3 * MIB / 2;

    let mut client = stuffed(&rig, &mut good);
    let ping = frame(PING, &[0; 125]);
    let held = peak(|| flood(client.wire(), || ping.clone()));
    assert!(held < limit, "pongs: {held}");

    let mut client = stuffed(&rig, &mut good);
    let mut asked = 0;
    let refusals = peak(|| {
        flood(client.wire(), || {
            // As many as may wait for their answer at once.
            good.expect_nothing();
            let names = asked..asked + 500;
            asked += 500;
            let packets = names.map(|n| frame(TEXT, format!("40/nope{n}").as_bytes()));
            packets.collect::<Vec<_>>().concat()
        });
    });
    assert!(refusals < limit, "refusals: {refusals}");

    let mut client = stuffed(&rig, &mut good);
    let event = format!(r#"42["echo","{}"]"#, "y".repeat(5_000));
    let event = frame(TEXT, event.as_bytes());
    let held = peak(|| flood(client.wire(), || event.clone()));
    assert!(held < limit, "echoes: {held}");
    good.expect_nothing();
}

#[test]
fn a_length_alone_makes_the_engine_hold_nothing() {
    let _alone = ALONE.lock();
    let rig = Rig::new();
    let mut wires: Vec<Client> = (0..20).map(|_| rig.join(Way::WebSocket)).collect();
    let held = peak(|| {
        for client in &mut wires {
            // 900,000 bytes announced, ten sent.
            let bytes = frame(BINARY, &vec![0; 900_000]);
            client.wire().send(&bytes[..24]);
            client.wire().send(&[0]);
        }
        let mut post = Wire::connect(rig.address);
        post.send(b"POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: sori\r\nContent-Length: 999999\r\n\r\n4");
        rig.join(Way::Polling).expect_nothing();
    });
    // Most of it is this test's own frame.
    assert!(held < 3 * MIB, "{held}");
}
