//! The wake-up of a shard under every interleaving: no push is ever left without one.

#[path = "../../../core/src/server/bell.rs"]
mod bell;

use loom::sync::{Arc, Condvar, Mutex};

/// What the real inbox has: a queue and something to wait on that remembers one wake-up.
struct Inbox {
    bell: bell::Bell,
    queue: Mutex<Vec<u32>>,
    permit: Mutex<bool>,
    woken: Condvar,
}

impl Inbox {
    fn push(&self, task: u32) {
        self.queue.lock().unwrap().push(task);
        if self.bell.ring() {
            *self.permit.lock().unwrap() = true;
            self.woken.notify_one();
        }
    }

    fn wait(&self) {
        let mut permit = self.permit.lock().unwrap();
        while !*permit {
            permit = self.woken.wait(permit).unwrap();
        }
        *permit = false;
    }
}

#[test]
fn no_push_is_left_without_a_wake_up() {
    loom::model(|| {
        let inbox = Arc::new(Inbox {
            bell: bell::Bell::new(),
            queue: Mutex::new(Vec::new()),
            permit: Mutex::new(false),
            woken: Condvar::new(),
        });
        let producers: Vec<_> = (0..2)
            .map(|task| {
                let inbox = Arc::clone(&inbox);
                loom::thread::spawn(move || inbox.push(task))
            })
            .collect();
        // Loom fails on a wait that nothing can end: a lost wake-up.
        let mut done = Vec::new();
        while done.len() < 2 {
            inbox.wait();
            inbox.bell.silence();
            done.append(&mut inbox.queue.lock().unwrap());
        }
        producers
            .into_iter()
            .for_each(|producer| producer.join().unwrap());
        done.sort_unstable();
        assert_eq!(done, [0, 1]);
    });
}
