//! What a session costs: no allocation for a message, no heap while idle.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use support::session::*;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static LIVE_BYTES: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to `System` unchanged; the counters are plain thread-local cells
// that neither allocate nor need a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        LIVE_BYTES.set(LIVE_BYTES.get() + layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE_BYTES.set(LIVE_BYTES.get() - layout.size() as isize);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn drain(session: &mut Session) -> usize {
    std::iter::from_fn(|| session.poll_transmit()).count()
}

fn opened(transport: TransportKind, settings: &Arc<Settings>, now: Instant) -> Session {
    let opening = Opening {
        sid: "sid",
        transport,
        revision: Revision::V4,
        offers_webtransport: false,
    };
    let mut session = Session::open(opening, Arc::clone(settings), now);
    if transport == Polling {
        session.handle_poll(now).unwrap();
    }
    assert_eq!(drain(&mut session), 1);
    session
}

#[test]
fn a_message_in_and_a_message_out_allocate_nothing() {
    let (settings, now) = (Arc::new(settings()), Instant::now());
    let mut session = opened(WebSocket, &settings, now);
    let frame = message_frame(&[b"2[\"msg\"]"]);
    let _shared = frame.clone();

    let before = ALLOCATIONS.get();
    for _ in 0..1_000 {
        let received = session.handle_packet(WebSocket, Packet::Text("2[\"msg\"]"), now);
        assert_eq!(received, Received::Text("2[\"msg\"]"));
        session.send(frame.clone());
        assert_eq!(drain(&mut session), 1);
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

#[test]
fn repeated_small_bursts_allocate_only_once() {
    let (settings, now) = (Arc::new(settings()), Instant::now());
    let mut session = opened(WebSocket, &settings, now);
    let frame = message_frame(&[b"2[\"msg\"]"]);
    let burst = |session: &mut Session| {
        (0..16).for_each(|_| session.send(frame.clone()));
        assert_eq!(drain(session), 16);
    };
    burst(&mut session);
    let before = ALLOCATIONS.get();
    (0..100).for_each(|_| burst(&mut session));
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

#[test]
fn an_idle_session_holds_no_heap() {
    let (settings, now) = (Arc::new(settings()), Instant::now());
    for transport in [Polling, WebSocket] {
        let before = LIVE_BYTES.get();
        let _session = opened(transport, &settings, now);
        assert_eq!(LIVE_BYTES.get() - before, 0, "{transport:?}");
    }
}

#[test]
fn a_large_burst_leaves_little_and_the_next_ping_takes_the_rest() {
    let (settings, now) = (Arc::new(settings()), Instant::now());
    let frame = message_frame(&[b"2[\"msg\"]"]);
    let _shared = frame.clone();
    let before = LIVE_BYTES.get();
    let mut session = opened(WebSocket, &settings, now);

    (0..10_000).for_each(|_| session.send(frame.clone()));
    assert_eq!(drain(&mut session), 10_000);
    assert_eq!(LIVE_BYTES.get() - before, 0, "what was grown is given back");

    (0..10).for_each(|_| session.send(frame.clone()));
    assert_eq!(drain(&mut session), 10);
    assert!(LIVE_BYTES.get() - before <= 16 * 32);
    session.handle_timeout(now + settings.ping_interval);
    assert_eq!(drain(&mut session), 1);
    assert_eq!(LIVE_BYTES.get() - before, 0);
}
