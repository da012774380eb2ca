//! Connection state recovery: sockets that lost their connection come back with their id, their
//! rooms and the packets they missed. One store per namespace, bounded in time, packets and bytes.
//!
//! Every packet that can be missed has an *offset*, which its receivers remember; a socket that
//! comes back names its private id and the last offset it saw. Offsets count up, so finding one is
//! arithmetic, and the log needs no index.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ConnId;
use super::sid::new_sid;
use crate::proto::websocket::Frame;

/// What is kept for sockets that may come back.
#[derive(Clone, Copy, Debug)]
pub struct RecoverySettings {
    /// How long a socket may be away. Default 2 minutes.
    pub max_disconnection_duration: Duration,
    /// Most packets kept in one namespace; the oldest go first. Default 100,000.
    pub max_packets: usize,
    /// Most bytes of packets kept in one namespace; the oldest go first. Default 64 MiB.
    pub max_bytes: usize,
}

impl Default for RecoverySettings {
    fn default() -> RecoverySettings {
        RecoverySettings {
            max_disconnection_duration: Duration::from_secs(120),
            max_packets: 100_000,
            max_bytes: 64 * 1024 * 1024,
        }
    }
}

/// One namespace's store.
#[derive(Debug)]
pub struct Recovery {
    settings: RecoverySettings,
    /// Begins every offset, so that those of an earlier process are not taken for ours.
    epoch: Arc<str>,
    /// Number of the first packet in the log.
    first: u64,
    log: VecDeque<Logged>,
    bytes: usize,
    /// Sockets that are away, by private id.
    away: HashMap<Arc<str>, Kept>,
    /// Private ids and former connections in the order in which they went.
    leaving: VecDeque<(Instant, Arc<str>, ConnId)>,
    /// Private ids by former connection: the application may name that a while longer.
    former: HashMap<ConnId, Arc<str>>,
    /// Private ids and offsets that connections asked to come back with, until they are let in.
    claims: HashMap<ConnId, Claim>,
}

/// What is known of a socket that is away.
#[derive(Debug)]
struct Kept {
    /// The connection it had.
    conn: ConnId,
    away: Away,
    since: Instant,
    is_recorded: bool,
}

/// A socket that is away, for those who keep a record of it elsewhere.
#[derive(Debug)]
pub struct Former<'r> {
    /// The private id by which it comes back.
    pub pid: &'r Arc<str>,
    /// What is kept of it.
    pub away: &'r mut Away,
    /// How long it may still be away.
    pub left: Duration,
    /// Whether there is such a record.
    pub is_recorded: &'r mut bool,
}

/// Whom a connection wants to be.
#[derive(Debug)]
enum Claim {
    /// A socket that is away from here, by its private id, which has seen the offset.
    Here(Arc<str>, Box<str>),
    /// A socket that is kept elsewhere, with what the application kept for it.
    Elsewhere(Option<Arc<str>>),
}

/// Names of rooms.
type Names = Box<[Box<str>]>;

#[derive(Debug)]
struct Logged {
    at: Instant,
    rooms: Names,
    except: Names,
    frames: Arc<[Frame]>,
    bytes: usize,
}

/// A socket that is away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Away {
    /// The id it had and will have again.
    pub sid: Arc<str>,
    /// The rooms it was in, that of its own id among them.
    pub rooms: Vec<Arc<str>>,
    /// What the application wants to find again.
    pub data: Option<Arc<str>>,
}

impl Recovery {
    /// An empty store.
    pub fn new(settings: RecoverySettings) -> Recovery {
        Recovery {
            settings,
            epoch: new_sid()[..6].into(),
            first: 0,
            log: VecDeque::new(),
            bytes: 0,
            away: HashMap::new(),
            leaving: VecDeque::new(),
            former: HashMap::new(),
            claims: HashMap::new(),
        }
    }

    /// The offset of the packet that [`Recovery::log`] takes next.
    pub fn next_offset(&self) -> String {
        format!("{}{:x}", self.epoch, self.first + self.log.len() as u64)
    }

    /// Keeps a packet that went to the sockets in any of `rooms` (none: all) but in none of
    /// `except`.
    pub fn log(&mut self, rooms: &[&str], except: &[&str], frames: Arc<[Frame]>, now: Instant) {
        let own = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect::<Names>();
        let (rooms, except) = (own(rooms), own(except));
        let names = rooms
            .iter()
            .chain(&except)
            .map(|name| name.len())
            .sum::<usize>();
        let bytes = names + frames.iter().map(Frame::len).sum::<usize>() + size_of::<Logged>();
        self.bytes += bytes;
        self.log.push_back(Logged {
            at: now,
            rooms,
            except,
            frames,
            bytes,
        });
        self.prune(now);
    }

    /// The socket that `conn` had is gone and may come back by the private id `pid`.
    pub fn leave(&mut self, conn: ConnId, pid: Arc<str>, away: Away, now: Instant) {
        self.prune(now);
        self.leaving.push_back((now, Arc::clone(&pid), conn));
        self.former.insert(conn, Arc::clone(&pid));
        let kept = Kept {
            conn,
            away,
            since: now,
            is_recorded: false,
        };
        self.away.insert(pid, kept);
    }

    /// What is kept of the socket that `conn` had, for an application that does not yet know that
    /// it is gone.
    pub fn former(&mut self, conn: ConnId, now: Instant) -> Option<Former<'_>> {
        let pid = self.former.get(&conn)?;
        let kept = self.away.get_mut(pid)?;
        let been_away = now.saturating_duration_since(kept.since);
        Some(Former {
            pid,
            away: &mut kept.away,
            left: self
                .settings
                .max_disconnection_duration
                .saturating_sub(been_away),
            is_recorded: &mut kept.is_recorded,
        })
    }

    /// The socket that `conn` had is not to come back; gives its private id.
    pub fn discard(&mut self, conn: ConnId) -> Option<Arc<str>> {
        let pid = self.former.remove(&conn)?;
        self.away.remove(&pid);
        Some(pid)
    }

    /// The socket `pid` has come back by way of a record that was kept elsewhere.
    pub fn has_returned(&mut self, pid: &str) {
        if let Some(kept) = self.away.remove(pid) {
            self.former.remove(&kept.conn);
        }
    }

    /// `conn` asks to be a socket again for which the application kept `data`. If it is not kept here, it is
    /// kept elsewhere.
    pub fn claim_elsewhere(&mut self, conn: ConnId, data: Option<Arc<str>>) {
        let elsewhere = || Claim::Elsewhere(data);
        self.claims.entry(conn).or_insert_with(elsewhere);
    }

    /// `conn` asks to be the socket `pid` again, which has seen `offset`. Gives the id it would
    /// have, if that can be.
    pub fn claim(
        &mut self,
        conn: ConnId,
        pid: &str,
        offset: &str,
        now: Instant,
    ) -> Option<Arc<str>> {
        self.prune(now);
        self.position(offset)?;
        let (pid, kept) = self.away.get_key_value(pid)?;
        let claim = Claim::Here(Arc::clone(pid), offset.into());
        self.claims.insert(conn, claim);
        Some(Arc::clone(&kept.away.sid))
    }

    /// What the application kept for the socket that `conn` claims to be.
    pub(super) fn claimed_data(&self, conn: ConnId) -> Option<Arc<str>> {
        match self.claims.get(&conn)? {
            Claim::Here(pid, _) => self.away.get(pid)?.away.data.clone(),
            Claim::Elsewhere(data) => data.clone(),
        }
    }

    /// `conn` is let in with the id `sid`: the private id it has, and what it comes back with if it
    /// claimed to be another, still can be, and is let in as such.
    pub fn settle(
        &mut self,
        conn: ConnId,
        sid: &str,
        now: Instant,
    ) -> (Arc<str>, Option<(Away, Vec<Frame>)>) {
        let claimed = self.claims.remove(&conn).and_then(|claim| {
            let Claim::Here(pid, offset) = claim else {
                return None;
            };
            self.away.get(&pid).filter(|kept| &*kept.away.sid == sid)?;
            let restored = self.restore(&pid, &offset, now)?;
            Some((pid, restored))
        });
        match claimed {
            Some((pid, restored)) => (pid, Some(restored)),
            None => (new_sid(), None),
        }
    }

    /// `conn` is not let in, or gone.
    pub fn forget(&mut self, conn: ConnId) {
        self.claims.remove(&conn);
    }

    /// The socket `pid` comes back: what it missed after `offset`, in order. It is away no more.
    fn restore(&mut self, pid: &str, offset: &str, now: Instant) -> Option<(Away, Vec<Frame>)> {
        self.prune(now);
        let seen = self.position(offset)?;
        let Kept { conn, away, .. } = self.away.remove(pid)?;
        self.former.remove(&conn);
        let missed = self
            .log
            .iter()
            .skip(seen + 1)
            .filter(|packet| packet.concerns(&away.rooms));
        let frames = missed
            .flat_map(|packet| packet.frames.iter().cloned())
            .collect();
        Some((away, frames))
    }

    /// Packets and bytes kept.
    pub fn size(&self) -> (usize, usize) {
        (self.log.len(), self.bytes)
    }

    /// How many sockets may come back, by what is known at `now`.
    pub fn away(&mut self, now: Instant) -> usize {
        self.prune(now);
        self.away.len()
    }

    /// Whether nobody is awaited.
    pub(super) fn is_idle(&mut self, now: Instant) -> bool {
        self.away(now) == 0 && self.claims.is_empty()
    }

    /// Where the packet with that offset stands in the log.
    fn position(&self, offset: &str) -> Option<usize> {
        let number = u64::from_str_radix(offset.strip_prefix(&*self.epoch)?, 16).ok()?;
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        (at < self.log.len()).then_some(at)
    }

    fn prune(&mut self, now: Instant) {
        let longest = self.settings.max_disconnection_duration;
        let is_old = |at: Instant| now.saturating_duration_since(at) > longest;
        while let Some(oldest) = self.log.front()
            && (is_old(oldest.at)
                || self.log.len() > self.settings.max_packets
                || self.bytes > self.settings.max_bytes)
        {
            self.bytes -= oldest.bytes;
            self.log.pop_front();
            self.first += 1;
        }
        while let Some((at, pid, conn)) = self.leaving.front()
            && is_old(*at)
        {
            // It may have come back since, and gone again: then a later entry is about it.
            if self.former.remove(conn).is_some() {
                self.away.remove(pid);
            }
            self.leaving.pop_front();
        }
    }
}

impl Away {
    /// Puts it into rooms that it will come back to.
    pub fn join(&mut self, rooms: &[&str]) {
        for room in rooms {
            if !self.rooms.iter().any(|joined| &**joined == *room) {
                self.rooms.push(Arc::from(*room));
            }
        }
    }

    /// Takes it out of rooms.
    pub fn leave(&mut self, rooms: &[&str]) {
        self.rooms.retain(|joined| !rooms.contains(&&**joined));
    }
}

impl Logged {
    /// Whether it was for a socket in `rooms`.
    fn concerns(&self, rooms: &[Arc<str>]) -> bool {
        let holds =
            |names: &[Box<str>]| rooms.iter().any(|room| names.iter().any(|n| **n == **room));
        (self.rooms.is_empty() || holds(&self.rooms)) && !holds(&self.except)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::Slot;

    const SECOND: Duration = Duration::from_secs(1);

    fn conn(index: u32) -> ConnId {
        ConnId {
            shard: 0,
            slot: Slot {
                index,
                generation: 0,
            },
        }
    }

    fn frames(text: &str) -> Arc<[Frame]> {
        Arc::new([Frame::text(&[text.as_bytes()])])
    }

    fn away(rooms: &[&str]) -> Away {
        let rooms = rooms.iter().map(|room| Arc::from(*room)).collect();
        Away {
            sid: "sid".into(),
            rooms,
            data: None,
        }
    }

    fn texts(frames: &[Frame]) -> Vec<String> {
        let text = |frame: &Frame| String::from_utf8_lossy(frame.payload_ref()).into_owned();
        frames.iter().map(text).collect()
    }

    #[test]
    fn a_socket_gets_what_it_missed_of_its_rooms_in_order_and_once() {
        let now = Instant::now();
        let mut store = Recovery::new(RecoverySettings::default());
        let offset = store.next_offset();
        store.log(&[], &[], frames("seen"), now);
        store.leave(conn(9), "pid".into(), away(&["sid", "a"]), now);
        store.log(&["a"], &[], frames("to a"), now);
        store.log(&["b"], &[], frames("to b"), now);
        store.log(&[], &["a"], frames("to all but a"), now);
        store.log(&["sid"], &[], frames("to it alone"), now);
        assert_eq!(
            store.claim(conn(1), "pid", &offset, now).as_deref(),
            Some("sid")
        );
        assert_eq!(
            store.claim(conn(2), "pid", &offset, now).as_deref(),
            Some("sid")
        );
        let (pid, restored) = store.settle(conn(1), "sid", now);
        let (back, missed) = restored.unwrap();
        assert_eq!((&*pid, back), ("pid", away(&["sid", "a"])));
        assert_eq!(texts(&missed), ["to a", "to it alone"]);
        let (pid, restored) = store.settle(conn(2), "sid", now);
        assert!(&*pid != "pid" && restored.is_none(), "it comes back once");
    }

    #[test]
    fn what_is_done_to_a_socket_that_went_unnoticed_is_done_to_what_is_kept() {
        let now = Instant::now();
        let mut store = Recovery::new(RecoverySettings::default());
        let offset = store.next_offset();
        store.log(&[], &[], frames("x"), now);
        store.leave(conn(9), "pid".into(), away(&["sid"]), now);
        let former = store.former(conn(9), now + SECOND).unwrap();
        former.away.rooms.push("late".into());
        assert_eq!((&**former.pid, former.left), ("pid", 119 * SECOND));
        store.claim(conn(1), "pid", &offset, now).unwrap();
        let (back, _) = store.settle(conn(1), "sid", now).1.unwrap();
        assert_eq!(back, away(&["sid", "late"]));
        assert!(store.former(conn(9), now).is_none());

        store.leave(conn(1), "pid".into(), away(&["sid"]), now);
        assert_eq!(store.discard(conn(1)).as_deref(), Some("pid"));
        assert_eq!(store.claim(conn(2), "pid", &offset, now), None);
    }

    #[test]
    fn a_socket_that_is_kept_elsewhere_is_forgotten_when_it_returns() {
        let now = Instant::now();
        let mut store = Recovery::new(RecoverySettings::default());
        store.leave(conn(9), "pid".into(), away(&["sid"]), now);
        store.claim_elsewhere(conn(1), Some("7".into()));
        assert_eq!(store.claimed_data(conn(1)).as_deref(), Some("7"));
        assert!(!store.is_idle(now));
        store.has_returned("pid");
        assert!(store.settle(conn(1), "sid", now).1.is_none());
        assert!(store.former(conn(9), now).is_none() && store.is_idle(now));
        // It goes again: the entry of its first going says nothing of it any more.
        store.leave(conn(1), "pid".into(), away(&["sid"]), now + 60 * SECOND);
        assert_eq!(store.away(now + 121 * SECOND), 1);
        assert_eq!(store.away(now + 181 * SECOND), 0);
    }

    #[test]
    fn a_claim_let_in_under_another_id_restores_nothing() {
        let now = Instant::now();
        let mut store = Recovery::new(RecoverySettings::default());
        let offset = store.next_offset();
        store.log(&[], &[], frames("x"), now);
        store.leave(conn(9), "pid".into(), away(&["sid"]), now);
        store.claim(conn(1), "pid", &offset, now).unwrap();
        assert!(store.settle(conn(1), "another", now).1.is_none());
        store.claim(conn(2), "pid", &offset, now).unwrap();
        assert!(store.settle(conn(2), "sid", now).1.is_some());
    }

    #[test]
    fn a_socket_that_went_again_is_kept_from_its_last_going_on() {
        let now = Instant::now();
        let mut store = Recovery::new(RecoverySettings::default());
        store.leave(conn(9), "pid".into(), away(&["sid"]), now);
        let offset = store.next_offset();
        store.log(&[], &[], frames("x"), now + 60 * SECOND);
        store
            .claim(conn(1), "pid", &offset, now + 60 * SECOND)
            .unwrap();
        assert!(store.settle(conn(1), "sid", now + 60 * SECOND).1.is_some());
        store.leave(conn(1), "pid".into(), away(&["sid"]), now + 60 * SECOND);
        assert!(
            store
                .claim(conn(2), "pid", &offset, now + 121 * SECOND)
                .is_some()
        );
        assert!(
            store
                .claim(conn(2), "pid", &offset, now + 181 * SECOND)
                .is_none()
        );
    }

    #[test]
    fn unknown_and_expired_ids_and_offsets_are_not_found() {
        let now = Instant::now();
        let mut store = Recovery::new(RecoverySettings::default());
        let offset = store.next_offset();
        assert_eq!(
            store.claim(conn(1), "pid", &offset, now),
            None,
            "not yet given"
        );
        store.log(&[], &[], frames("x"), now);
        store.leave(conn(9), "pid".into(), away(&[]), now);
        assert_eq!(store.claim(conn(1), "other", &offset, now), None);
        assert_eq!(store.claim(conn(1), "pid", "garbage", now), None);
        assert_eq!(store.claim(conn(1), "pid", "", now), None);
        assert_eq!(
            store.claim(conn(1), "pid", &format!("{offset}f"), now),
            None
        );
        assert!(
            store
                .claim(conn(1), "pid", &offset, now + 120 * SECOND)
                .is_some()
        );
        assert_eq!(
            store.claim(conn(1), "pid", &offset, now + 121 * SECOND),
            None
        );
        assert_eq!(
            (store.size(), store.away.len(), store.leaving.len()),
            ((0, 0), 0, 0)
        );
    }

    #[test]
    fn the_oldest_packets_go_when_there_are_too_many() {
        let now = Instant::now();
        let settings = RecoverySettings {
            max_packets: 2,
            ..RecoverySettings::default()
        };
        let mut store = Recovery::new(settings);
        let offsets: Vec<String> = (0..3)
            .map(|n| {
                let offset = store.next_offset();
                store.log(&[], &[], frames(&n.to_string()), now);
                offset
            })
            .collect();
        store.leave(conn(9), "pid".into(), away(&[]), now);
        assert_eq!(store.claim(conn(1), "pid", &offsets[0], now), None);
        assert_eq!(
            texts(&store.restore("pid", &offsets[1], now).unwrap().1),
            ["2"]
        );

        let settings = RecoverySettings {
            max_bytes: 1,
            ..RecoverySettings::default()
        };
        let mut store = Recovery::new(settings);
        store.log(&[], &[], frames("larger than that"), now);
        assert_eq!(store.size(), (0, 0));
    }
}
