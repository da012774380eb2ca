//! What compression costs a connection between its messages, and a thread.
//!
//! `cargo test --test proto_deflate_memory -- --nocapture` prints the figures.
#![allow(clippy::print_stdout, reason = "a measurement prints its figures")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use sori::proto::websocket::deflate::{
    DeflateClass, DeflateOptions, DeflatePool, Deflater, InflatePool,
};
use sori::proto::websocket::{Decoder, Error, Frame, Limits, Role};

struct Counting;

thread_local! {
    static LIVE_BYTES: Cell<isize> = const { Cell::new(0) };
    static PEAK_BYTES: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to `System` unchanged; the counters are plain thread-local cells
// that neither allocate nor need a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE_BYTES.set(LIVE_BYTES.get() + layout.size() as isize);
        PEAK_BYTES.set(PEAK_BYTES.get().max(LIVE_BYTES.get()));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE_BYTES.set(LIVE_BYTES.get() - layout.size() as isize);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const LIMITS: Limits = Limits {
    max_message: 1 << 20,
    max_fragments: 0,
};

/// Heap that is held after `step` and was not before.
fn held<T>(name: &str, step: impl FnOnce() -> T) -> (usize, T) {
    let before = LIVE_BYTES.get();
    let result = step();
    let held = usize::try_from(LIVE_BYTES.get() - before).unwrap_or_default();
    println!("{name:<64} {held:>8} bytes");
    (held, result)
}

fn class(window_bits: u8, no_context: bool) -> DeflateClass {
    DeflateClass {
        window_bits,
        no_context,
    }
}

/// Text that does not repeat, so that each byte counts.
fn payload(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        b' ' + (state >> 24) as u8 % 90
    };
    (0..len).map(|_| next()).collect()
}

/// A server's compressed message, which a client decodes.
fn compressed(class: DeflateClass, payload: &[u8]) -> Vec<u8> {
    let mut pool = DeflatePool::new(&DeflateOptions::default());
    let frame = Deflater::new(class).compress(&Frame::text(&[payload]), &mut pool);
    assert!(frame.is_compressed());
    frame.as_bytes().to_vec()
}

fn receive(decoder: &mut Decoder, pool: &mut InflatePool, mut chunk: Vec<u8>) {
    let mut feed = decoder.feed_with(&mut chunk, &LIMITS, pool);
    assert!(feed.next().expect("valid").is_some());
    assert_eq!(feed.next(), Ok(None));
}

#[test]
fn receiving_costs_a_connection_what_it_must_remember() {
    assert!(size_of::<Decoder>() <= 64, "{} bytes", size_of::<Decoder>());
    let mut pool = InflatePool::new();
    let (thread, ()) = held("a thread that inflates: inflater, output of 4 KiB", || {
        let mut decoder = Decoder::with_deflate(Role::Client, class(15, true));
        receive(
            &mut decoder,
            &mut pool,
            compressed(class(15, true), &payload(4000)),
        );
    });
    assert!((32 << 10..64 << 10).contains(&thread), "{thread} bytes");

    let (shared, _) = held("receiving, no context", || {
        let mut decoder = Decoder::with_deflate(Role::Client, class(15, true));
        receive(
            &mut decoder,
            &mut pool,
            compressed(class(15, true), &payload(4000)),
        );
        decoder
    });
    assert_eq!(shared, 0);

    for (bits, received, most) in [(15, 1000, 1100), (15, 100_000, 33_000), (10, 100_000, 1100)] {
        let name = format!("receiving, context of {bits} bits, after {received} bytes");
        let message = compressed(class(bits, false), &payload(received));
        let mut decoder = Decoder::with_deflate(Role::Client, class(bits, false));
        pool = InflatePool::new();
        receive(
            &mut Decoder::with_deflate(Role::Client, class(15, true)),
            &mut pool,
            compressed(class(15, true), &payload(100_000)),
        );
        let (kept, ()) = held(&name, || {
            let message = message.clone();
            receive(&mut decoder, &mut pool, message);
        });
        assert!(kept <= most, "{kept} bytes");
    }
}

#[test]
fn sending_costs_a_connection_what_its_next_message_may_refer_to() {
    let frame = Frame::text(&[&payload(4000)]);
    let options = DeflateOptions::default();
    let mut pool = DeflatePool::new(&options);
    let (thread, ()) = held("a thread that deflates, 15 bits", || {
        drop(pool.compress(15, &frame));
    });
    assert!(thread < 400 << 10, "{thread} bytes");

    let (shared, _) = held("sending, no context", || {
        let mut deflater = Deflater::new(class(15, true));
        drop(deflater.compress(&frame, &mut pool));
        deflater
    });
    assert_eq!(shared, 0);

    for (bits, messages, most) in [
        (15, 1, 4100),
        (15, 100, options.history + 100),
        (10, 100, 1100),
    ] {
        drop(pool.compress(bits, &frame));
        let mut deflater = Deflater::new(class(bits, false));
        let name = format!("sending, context of {bits} bits, after {messages} messages");
        let (kept, ()) = held(&name, || {
            for _ in 0..messages {
                drop(deflater.compress(&frame, &mut pool));
            }
        });
        assert!((1000..=most).contains(&kept), "{kept} bytes");
        let live = LIVE_BYTES.get();
        deflater.release();
        assert_eq!(
            live - LIVE_BYTES.get(),
            kept as isize,
            "release gives it back"
        );
    }
}

#[test]
fn a_bomb_takes_no_more_than_the_limit() {
    let bomb = compressed(class(15, true), &vec![b'0'; 256 << 20]);
    assert!(bomb.len() < LIMITS.max_message);
    let mut pool = InflatePool::new();
    let mut decoder = Decoder::with_deflate(Role::Client, class(15, false));
    let mut chunk = bomb.clone();
    let before = LIVE_BYTES.get();
    PEAK_BYTES.set(before);
    let mut feed = decoder.feed_with(&mut chunk, &LIMITS, &mut pool);
    let refused = feed.next();
    assert_eq!(refused, Err(Error::MessageTooBig));
    let peak = PEAK_BYTES.get() - before;
    println!(
        "{:<64} {peak:>8} bytes",
        "a bomb of 256 MiB against a limit of 1 MiB, at most"
    );
    // The output before and after its last growth, and the inflater.
    let most = 2 * LIMITS.max_message as isize + (48 << 10);
    assert!(peak < most, "{peak} bytes");
}
