//! What is said while sockets are on their way back: between the moment up to which the stream was read for them and
//! the moment in which they are let in.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::proto::cluster::{Recipients, Session};
use crate::proto::websocket::Frame;

/// The broadcasts of a namespace, while somebody is on the way back to it.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Number of the first that is kept.
    first: u64,
    kept: VecDeque<Logged>,
    bytes: usize,
    /// How many are on their way.
    pub(super) awaited: usize,
}

#[derive(Debug)]
struct Logged {
    recipients: Recipients,
    frames: Arc<[Frame]>,
    bytes: usize,
}

/// How much is kept; the oldest goes first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) packets: usize,
    pub(super) bytes: usize,
}

impl Log {
    /// The number of the next broadcast.
    pub(super) fn next(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    pub(super) fn push(&mut self, recipients: &Recipients, frames: &Arc<[Frame]>, bounds: Bounds) {
        let names = recipients.rooms.iter().chain(&recipients.except);
        let names = names.map(|name| name.len()).sum::<usize>();
        let bytes = names + frames.iter().map(Frame::len).sum::<usize>() + size_of::<Logged>();
        self.bytes += bytes;
        self.kept.push_back(Logged {
            recipients: recipients.clone(),
            frames: Arc::clone(frames),
            bytes,
        });
        while self.kept.len() > bounds.packets || self.bytes > bounds.bytes {
            let Some(oldest) = self.kept.pop_front() else {
                break;
            };
            self.bytes -= oldest.bytes;
            self.first += 1;
        }
    }

    /// What concerned a socket since the broadcast of number `from`; `None` if it is not all there any more.
    pub(super) fn since(&self, from: u64, session: &Session) -> Option<Vec<Frame>> {
        let skipped = usize::try_from(from.checked_sub(self.first)?).ok()?;
        let concerning = self
            .kept
            .iter()
            .skip(skipped)
            .filter(|logged| session.is_meant(&logged.recipients));
        Some(
            concerning
                .flat_map(|logged| logged.frames.iter().cloned())
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(text: &str) -> Arc<[Frame]> {
        Arc::new([Frame::text(&[text.as_bytes()])])
    }

    fn to(room: &str) -> Recipients {
        Recipients {
            rooms: vec![room.into()],
            except: Vec::new(),
        }
    }

    fn session() -> Session {
        Session {
            sid: "sid".into(),
            pid: "pid".into(),
            rooms: vec!["sid".into(), "red".into()],
            data: "null".into(),
        }
    }

    const MANY: Bounds = Bounds {
        packets: 100,
        bytes: 100_000,
    };

    #[test]
    fn what_concerns_a_socket_is_found_from_its_number_on() {
        let mut log = Log::default();
        log.push(&to("red"), &frames("before"), MANY);
        let from = log.next();
        log.push(&to("blue"), &frames("other"), MANY);
        log.push(&to("red"), &frames("its"), MANY);
        let found = log.since(from, &session()).unwrap();
        assert_eq!(found, *frames("its"));
        assert_eq!(log.since(log.next(), &session()), Some(Vec::new()));
    }

    #[test]
    fn what_is_kept_is_bounded_and_who_misses_some_of_it_is_told() {
        let few = Bounds {
            packets: 2,
            bytes: 100_000,
        };
        let mut log = Log::default();
        for text in ["1", "2", "3"] {
            log.push(&to("red"), &frames(text), few);
        }
        assert_eq!(log.since(0, &session()), None);
        assert_eq!(log.since(1, &session()).map(|found| found.len()), Some(2));
        let none = Bounds {
            packets: 2,
            bytes: 1,
        };
        log.push(&to("red"), &frames("4"), none);
        assert_eq!((log.kept.len(), log.bytes, log.next()), (0, 0, 4));
        assert_eq!(log.since(3, &session()), None);
    }
}
