//! The end of an engine: everybody is told, threads end, no descriptor stays. One test, because
//! descriptors are counted for the whole process.

mod support;
use support::engine::*;

use std::time::{Duration, Instant};

fn open_descriptors() -> usize {
    let listed = std::fs::read_dir("/proc/self/fd").expect("Linux");
    listed.count()
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").expect("Linux").count()
}

/// Waits until so many descriptors and threads are left: the system takes a moment to bury a thread
/// that has been joined.
fn expect(wanted: (usize, usize)) {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let found = (open_descriptors(), threads());
        if found == wanted {
            return;
        }
        assert!(Instant::now() < give_up, "{found:?} instead of {wanted:?}");
        std::thread::yield_now();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_engine_that_closes_leaves_nothing_behind() {
    // The first engine may make things that are kept for the next.
    drop(Rig::new());
    let before = (open_descriptors(), threads());
    for round in 0..3 {
        let rig = Rig::new();
        let mut websockets: Vec<Client> = (0..100).map(|_| rig.join(Way::WebSocket)).collect();
        let mut polled: Vec<Client> = (0..50).map(|_| rig.join(Way::Polling)).collect();
        for client in &mut polled {
            client.polling().begin_poll();
        }
        let idle: Vec<Client> = (0..20).map(|_| rig.open(Way::Polling)).collect();
        let mut probing = rig.join(Way::Polling);
        let mut candidate = probing.probe(rig.address);
        // Connections that have not said anything, or not everything.
        let mut silent = [Wire::connect(rig.address), Wire::connect(rig.address)];
        silent[1].send(b"GET /socket.io/?EIO=4");

        rig.engine.close();
        for client in &mut websockets {
            assert_eq!(client.wire().read_close(), b"");
            client.wire().send_frame(CLOSE, b"");
            client.wire().expect_end();
        }
        for client in &mut polled {
            assert_eq!(client.polling().read_poll(), ["1"]);
            client.polling().get.expect_end();
        }
        candidate.read_to_end();
        let took = rig.close();
        assert!(took < Duration::from_secs(4), "round {round}: {took:?}");
        for wire in &mut silent {
            wire.read_to_end();
        }
        rig.read(|log| {
            assert_eq!(log.lines.len(), 171);
            for lines in log.lines.values() {
                let last = lines.last().expect("a line");
                assert!(last.starts_with("close server shutting down"), "{lines:?}");
            }
        });
        assert!(
            std::net::TcpStream::connect(rig.address).is_err(),
            "nobody listens"
        );
        drop((websockets, polled, idle, probing, candidate, silent));
        drop(rig);
        expect(before);
    }

    // Closed while clients rush in, it ends all the same.
    for _ in 0..10 {
        let rig = Rig::new();
        let address = rig.address;
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(move || {
                    while let Ok(stream) = std::net::TcpStream::connect(address) {
                        let mut wire = Wire::over(stream);
                        let _ = wire.try_send(upgrade_request("").as_bytes());
                        let _ = wire.try_send(&frame(TEXT, b"40"));
                        wire.finish();
                        wire.read_to_end();
                    }
                });
            }
            rig.wait(|log| (log.lines.len() > 20).then_some(()));
            rig.close();
        });
        drop(rig);
        expect(before);
    }
}
