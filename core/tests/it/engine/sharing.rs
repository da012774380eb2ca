//! Engines that share threads: each has a life of its own there, and none is harmed by another.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;

use sori::Error;

use crate::support::engine::*;

/// What the engine may be hit by in the middle of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    /// While the shard takes a turn.
    InTurn,
    /// While a connection is read.
    AtReading,
}

/// A recorder that panics once, at the first event of one kind, and keeps in mind on which threads it
/// was called.
struct Fragile {
    recorder: Arc<Recorder>,
    blow: Option<Blow>,
    is_armed: AtomicBool,
    threads: Mutex<HashSet<ThreadId>>,
}

impl Application for Fragile {
    fn handle(&self, engine: &Engine, event: Event<'_>) {
        let thread = std::thread::current().id();
        self.threads.lock().unwrap().insert(thread);
        let blow = match &event {
            Event::Open { .. } => Some(Blow::InTurn),
            Event::Message { .. } => Some(Blow::AtReading),
            _ => None,
        };
        if blow.is_some() && blow == self.blow && self.is_armed.swap(false, Ordering::SeqCst) {
            panic!("as the test wants it: {blow:?}");
        }
        self.recorder.handle(engine, event);
    }
}

impl Fragile {
    /// An engine that is to be hit, on threads of its own or on those of `other`.
    fn start(blow: Option<Blow>, other: Option<&Rig>) -> (Arc<Fragile>, Rig) {
        let app = Arc::new(Fragile {
            recorder: Arc::default(),
            blow,
            is_armed: AtomicBool::new(false),
            threads: Mutex::default(),
        });
        let application: Arc<dyn Application> = Arc::clone(&app) as _;
        let engine = match other {
            Some(other) => start_on(other.engine.threads(), config(), application),
            None => Engine::start(config(), application),
        };
        let rig = Rig::of(Arc::clone(&app.recorder), engine.expect("an engine"));
        (app, rig)
    }
}

/// Clients enough for every shard to have some.
fn several(rig: &Rig) -> Vec<Client> {
    (0..4).map(|_| rig.join(Way::WebSocket)).collect()
}

fn expect_echo(client: &mut Client) {
    client.send(r#"42["echo"]"#);
    assert_eq!(client.next(), r#"42["echo"]"#);
}

#[test]
fn engines_are_called_on_the_threads_they_share() {
    let (first, rig) = Fragile::start(None, None);
    let (second, beside) = Fragile::start(None, Some(&rig));
    for mut client in several(&rig).into_iter().chain(several(&beside)) {
        expect_echo(&mut client);
    }
    let threads = first.threads.lock().unwrap();
    assert_eq!(*threads, *second.threads.lock().unwrap());
    assert_eq!(threads.len(), 2);
}

#[test]
fn one_ends_and_the_other_goes_on() {
    let first = Rig::new();
    let second = Rig::beside(&first);
    let mut left = several(&first);
    let mut staying = several(&second);
    first.engine.close();
    for client in &mut left {
        assert_eq!(client.wire().read_close(), b"");
    }
    drop(left);
    first.close();
    for client in &mut staying {
        expect_echo(client);
    }
    // It is also there for others still.
    let third = Rig::beside(&first);
    drop(staying);
    second.close();
    expect_echo(&mut third.join(Way::Upgraded));
}

#[test]
fn threads_end_with_the_last_engine_on_them() {
    let first = Rig::new();
    let second = Rig::beside(&first);
    let threads = first.engine.threads().clone();
    first.close();
    assert!(!threads.have_ended());
    second.close();
    assert!(threads.have_ended());
    let late = start_on(&threads, config(), Arc::<Recorder>::default());
    assert!(matches!(late, Err(Error::Closed)), "{late:?}");
}

#[test]
fn another_number_of_shards_is_a_misuse() {
    let rig = Rig::new();
    let mut config = config();
    config.shards = 3;
    let other = start_on(rig.engine.threads(), config, Arc::<Recorder>::default());
    assert!(matches!(other, Err(Error::Misuse(_))), "{other:?}");
}

#[test]
fn a_panic_in_a_turn_ends_its_engine_and_no_other() {
    let standing = Rig::new();
    let mut bystanders = several(&standing);
    let (fragile, struck) = Fragile::start(Some(Blow::InTurn), Some(&standing));
    let clients = several(&struck);
    fragile.is_armed.store(true, Ordering::SeqCst);
    let mut last = Wire::connect(struck.address);
    last.send(
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\
          Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    struck.wait(|log| log.is_closed.then_some(()));
    for client in &clients {
        let lines = struck.wait_closed(client);
        assert_eq!(
            lines[lines.len() - 1],
            "close server shutting down in /",
            "{lines:?}"
        );
    }
    last.read_to_end();
    struck.engine.join();
    for client in &mut bystanders {
        expect_echo(client);
    }
    // The application has not heard of the connection at which it panicked, and the counters have.
    std::mem::forget(struck);
}

#[test]
fn a_panic_at_reading_ends_the_connection_and_no_other() {
    let (fragile, rig) = Fragile::start(Some(Blow::AtReading), None);
    let mut clients = several(&rig);
    fragile.is_armed.store(true, Ordering::SeqCst);
    let mut struck = clients.pop().expect("a client");
    struck.send(r#"42["echo"]"#);
    struck.wire().read_to_end();
    let lines = rig.wait_closed(&struck);
    let end = "close transport error: internal error in /";
    assert_eq!(lines, ["open websocket", "connect /", end]);
    for client in &mut clients {
        expect_echo(client);
    }
}

#[test]
fn a_flood_on_one_does_not_starve_the_other() {
    let flooded = Rig::of_one_shard();
    let quiet = {
        let app = Arc::<Recorder>::default();
        let threads = flooded.engine.threads();
        let mut config = config();
        config.shards = 1;
        let engine = start_on(threads, config, Arc::clone(&app) as _);
        Rig::of(app, engine.expect("an engine"))
    };
    flooded.app.is_forgetful.store(true, Ordering::Relaxed);
    let mut client = flooded.join(Way::WebSocket);
    let socket = flooded.socket(&client);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                // Each fills a turn of its shard, and the next is there before it is over.
                let mut batch = flooded.engine.batch();
                for _ in 0..2_000 {
                    batch.execute(Command::Emit {
                        socket,
                        payload: json(r#"["drop"]"#),
                        volatile: true,
                        ack: None,
                    });
                }
            }
        });
        let mut other = quiet.join(Way::WebSocket);
        for _ in 0..100 {
            expect_echo(&mut other);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    while client.next() != r#"42["echo"]"# {
        client.send(r#"42["echo"]"#);
    }
}
