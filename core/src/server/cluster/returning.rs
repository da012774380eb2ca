//! Sockets on their way back, from whichever server they were lost to:
//!
//! ```text
//! CONNECT with pid and offset
//!   └─ asked ──record taken, stream replayed──► decided ──application──► settled: in, with what it missed
//!         └────── no such record, or the time is up ──► decided ────────► in as a new socket, or kept out
//! ```
//! While one is decided and not settled, what is said to its namespace is logged: between the last entry that was
//! replayed for it and the first that it is sent as a member there is no gap, and nothing is told twice. Who is not
//! let in as the socket it was can try again: its record is put back.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

use super::Cluster;
use super::log::{Bounds, Log};
use super::missable::{Missable, Sorted};
use crate::adapter::{Entry, Offset, Recall, Record};
use crate::embed::Event;
use crate::error::DisconnectReason;
use crate::hub::{ConnId, Namespace, RecoverySettings, Slot, new_sid};
use crate::proto::cluster::{Recipients, Session, Streams};
use crate::proto::websocket::Frame;
use crate::server::shard::Shard;
use crate::server::task::{Accept, Task};
use crate::server::{Batch, Engine};
use crate::trace::tell;

/// All who are on their way to this server.
#[derive(Debug)]
pub(super) struct Returns(Mutex<Returning>);

#[derive(Debug)]
pub(in crate::server) struct Returning {
    settings: RecoverySettings,
    claims: HashMap<u64, Claim>,
    tokens: HashMap<(ConnId, Box<str>), u64>,
    logs: HashMap<Box<str>, Log>,
    next: u64,
    /// Of what clients said when they asked and of what they missed.
    bytes: usize,
}

/// One that asks to be a socket again.
#[derive(Debug)]
struct Claim {
    conn: ConnId,
    namespace: Box<str>,
    auth: Option<Box<str>>,
    /// Who it is, once that is known.
    session: Option<Kept>,
    missed: Vec<Frame>,
    bytes: usize,
    stage: Stage,
}

/// A record that was taken.
#[derive(Debug)]
struct Kept {
    session: Session,
    record: Bytes,
    until: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Asked,
    /// It is whom it says it is, and what has been said since stands in the log from that number on.
    Back(u64),
    /// It is a new socket.
    New,
}

/// A socket that is back.
#[derive(Debug)]
pub(in crate::server) struct Returned {
    pub(in crate::server) session: Session,
    /// What it missed, in order; `None` if that is not all known, so that it has to ask again.
    pub(in crate::server) missed: Option<Vec<Frame>>,
}

/// More are new sockets.
const MOST_CLAIMS: usize = 65_536;

impl Returns {
    pub(super) fn new(settings: RecoverySettings) -> Returns {
        Returns(Mutex::new(Returning {
            settings,
            claims: HashMap::new(),
            tokens: HashMap::new(),
            logs: HashMap::new(),
            next: 0,
            bytes: 0,
        }))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Returning> {
        self.0.lock()
    }
}

impl Returning {
    /// Whether somebody is on the way back to that namespace.
    pub(super) fn is_awaited(&self, namespace: &str) -> bool {
        self.logs.contains_key(namespace)
    }

    /// Keeps a broadcast for those who are on their way.
    pub(super) fn log(&mut self, namespace: &str, to: &Recipients, frames: &Arc<[Frame]>) {
        if let Some(log) = self.logs.get_mut(namespace) {
            let bounds = Bounds {
                packets: self.settings.max_packets,
                bytes: self.settings.max_bytes,
            };
            log.push(to, frames, bounds);
        }
    }

    /// Somebody asks; gives the token, if there is room.
    fn ask(&mut self, conn: ConnId, asking: &Asking<'_>) -> Option<u64> {
        let auth_len = asking.auth.map_or(0, str::len);
        let bytes = asking.namespace.len() + auth_len + size_of::<Claim>();
        if self.claims.len() >= MOST_CLAIMS || self.bytes + bytes > self.settings.max_bytes {
            return None;
        }
        let token = self.next;
        self.next += 1;
        self.bytes += bytes;
        let claim = Claim {
            conn,
            namespace: asking.namespace.into(),
            auth: asking.auth.map(Box::from),
            session: None,
            missed: Vec::new(),
            bytes,
            stage: Stage::Asked,
        };
        self.tokens.insert((conn, claim.namespace.clone()), token);
        self.claims.insert(token, claim);
        Some(token)
    }

    /// An entry that stands behind what they saw last: a broadcast to `recipients`.
    fn replay(&mut self, token: u64, recipients: &Recipients, frames: &Arc<[Frame]>) {
        let RecoverySettings {
            max_packets,
            max_bytes,
            ..
        } = self.settings;
        let Some(claim) = self.claims.get_mut(&token) else {
            return;
        };
        let Some(kept) = claim.session.as_ref() else {
            return;
        };
        if claim.stage != Stage::Asked || !kept.session.is_meant(recipients) {
            return;
        }
        let bytes = frames.iter().map(Frame::len).sum::<usize>();
        if claim.missed.len() + frames.len() > max_packets || self.bytes + bytes > max_bytes {
            tell!(
                warn,
                "too much was missed: a socket comes back as a new one"
            );
            self.bytes -= claim.forget_missed();
            return;
        }
        self.bytes += bytes;
        claim.bytes += bytes;
        claim.missed.extend(frames.iter().cloned());
    }

    /// All that stands in the stream has been replayed, or cannot be. Gives whose client is to be asked about;
    /// a record that was taken for nothing comes with it.
    fn decide(&mut self, token: u64, is_complete: bool) -> Option<(ConnId, Option<Kept>)> {
        let claim = self.claims.get_mut(&token)?;
        if claim.stage != Stage::Asked {
            return None;
        }
        if is_complete && claim.session.is_some() {
            let log = self.logs.entry(claim.namespace.clone()).or_default();
            log.awaited += 1;
            claim.stage = Stage::Back(log.next());
            return Some((claim.conn, None));
        }
        let kept = claim.session.take();
        self.bytes -= claim.forget_missed();
        claim.stage = Stage::New;
        Some((claim.conn, kept))
    }

    /// Whoever asked is asked about no more.
    fn end(&mut self, token: u64) -> Option<(Claim, Option<Vec<Frame>>)> {
        let mut claim = self.claims.remove(&token)?;
        self.tokens.remove(&(claim.conn, claim.namespace.clone()));
        self.bytes -= claim.bytes;
        let mut missed = None;
        if let Stage::Back(from) = claim.stage
            && let Some(log) = self.logs.get_mut(&claim.namespace)
        {
            let session = claim.session.as_ref();
            let since = session.and_then(|kept| log.since(from, &kept.session));
            missed = since.map(|since| {
                let mut missed = std::mem::take(&mut claim.missed);
                missed.extend(since);
                missed
            });
            log.awaited -= 1;
            if log.awaited == 0 {
                self.logs.remove(&claim.namespace);
            }
        }
        Some((claim, missed))
    }

    fn token_of(&self, conn: ConnId, namespace: &str) -> Option<u64> {
        match self.tokens.is_empty() {
            true => None,
            false => self.tokens.get(&(conn, namespace.into())).copied(),
        }
    }
}

impl Claim {
    /// Gives how many bytes that were.
    fn forget_missed(&mut self) -> usize {
        self.session = None;
        let missed = std::mem::take(&mut self.missed);
        let bytes = missed.iter().map(Frame::len).sum::<usize>();
        self.bytes -= bytes;
        bytes
    }
}

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Asking<'a> {
    pub(in crate::server) namespace: &'a str,
    pub(in crate::server) auth: Option<&'a str>,
    pub(in crate::server) pid: &'a str,
    pub(in crate::server) offset: Offset,
}

impl Engine {
    /// A client asks to be a socket again. False if that need not be waited for: it is a new one.
    pub(in crate::server) fn ask_return(&self, conn: ConnId, asking: Asking<'_>) -> bool {
        let Some(cluster) = self.shared.recovers_everywhere() else {
            return false;
        };
        let (Some(returns), Some(bus), Some(streams)) =
            (&cluster.returns, cluster.bus.get(), cluster.wire.streams())
        else {
            return false;
        };
        if !Session::is_pid(asking.pid) || !cluster.can_bring_back() {
            return false;
        }
        let Some(token) = returns.lock().ask(conn, &asking) else {
            return false;
        };
        let recall = Recall {
            token,
            key: cluster.session_key(asking.pid),
            stream: streams.stream(asking.namespace),
            offset: asking.offset,
        };
        if !bus.recall(recall) {
            returns.lock().end(token);
            return false;
        }
        let now = Instant::now();
        let at = now.checked_add(cluster.requests_timeout).unwrap_or(now);
        self.batch()
            .push(conn.shard, Task::ReturnDeadline { token, at });
        true
    }

    /// An entry that those of `tokens` may have missed.
    pub(super) fn replay(&self, tokens: &[u64], offset: &str, entry: &Entry) {
        let Some(returns) = self.returns() else {
            return;
        };
        // Most entries of a stream with many namespaces are somebody else's.
        let name = entry.field("nsp").unwrap_or_default();
        let mut returning = returns.lock();
        let is_of = |token: &&u64| {
            let claim = returning.claims.get(*token);
            claim.is_some_and(|claim| claim.namespace.as_bytes() == name)
        };
        let tokens: Vec<u64> = tokens.iter().filter(is_of).copied().collect();
        if tokens.is_empty() {
            return;
        }
        let Ok(Sorted::Missable(said)) = Streams::read(entry).map(Missable::of) else {
            return;
        };
        let frames = self.encode_missable(&said, Some(offset));
        for token in tokens {
            returning.replay(token, &said.recipients, &frames);
        }
    }

    /// What is said from now on may not all be told to those who are on the way: they are new sockets.
    pub(super) fn give_up_returns(&self) {
        let asked: Vec<u64> = self.returns().map_or_else(Vec::new, |returns| {
            let returning = returns.lock();
            let claims = returning.claims.iter();
            let asked = claims.filter(|(_, claim)| claim.stage == Stage::Asked);
            asked.map(|(token, _)| *token).collect()
        });
        for token in asked {
            self.decide_return(token, false);
        }
    }

    /// What is to be known of one who asks is known, or it is known that it cannot be.
    pub(in crate::server) fn decide_return(&self, token: u64, is_complete: bool) {
        let Some(returns) = self.returns() else {
            return;
        };
        let decided = returns.lock().decide(token, is_complete);
        let Some((conn, unused)) = decided else {
            return;
        };
        if let Some(cluster) = &self.shared.cluster {
            cluster.put_back(unused);
        }
        let slot = conn.slot;
        self.batch().push(conn.shard, Task::Return { slot, token });
    }

    /// One who asked is kept out, or gone.
    pub(in crate::server) fn forget_return(&self, conn: ConnId, namespace: &str) {
        if let Some(returns) = self.returns() {
            let mut returning = returns.lock();
            let token = returning.token_of(conn, namespace);
            let ended = token.and_then(|token| returning.end(token));
            drop(returning);
            if let Some(cluster) = &self.shared.cluster
                && let Some((claim, _)) = ended
            {
                cluster.put_back(claim.session);
            }
        }
    }

    fn returns(&self) -> Option<&Returns> {
        self.shared.cluster.as_ref()?.returns.as_ref()
    }
}

impl Cluster {
    /// Whether sockets that are lost here come back anywhere.
    pub(in crate::server) fn keeps_sessions(&self) -> bool {
        self.returns.is_some()
    }

    /// The record of one who asks. If nobody does any more it is put back.
    pub(super) fn recalled(&self, token: u64, record: &Bytes, left: Duration) {
        let Some(returns) = &self.returns else {
            return;
        };
        let session = match Session::read(record) {
            Ok(session) => session,
            Err(refusal) => return self.count_refused("record", Err(refusal)),
        };
        let now = Instant::now();
        let kept = Kept {
            session,
            record: record.clone(),
            until: now.checked_add(left).unwrap_or(now),
        };
        let mut returning = returns.lock();
        match returning.claims.get_mut(&token) {
            Some(claim) if claim.stage == Stage::Asked => claim.session = Some(kept),
            _ => {
                drop(returning);
                self.put_back(Some(kept));
            }
        }
    }

    /// Lets a record be found again, for as long as it would have been.
    fn put_back(&self, kept: Option<Kept>) {
        let now = Instant::now();
        if let Some(bus) = self.bus.get()
            && let Some(Kept {
                session,
                record,
                until,
            }) = kept.filter(|kept| kept.until > now)
        {
            bus.save(Record {
                key: self.session_key(&session.pid),
                value: Some(record),
                lifetime: until - now,
                replaces: false,
            });
        }
    }

    /// `conn` is let in with the id `sid`: what it comes back as, if it is let in as the socket it was.
    pub(in crate::server) fn settle_return(
        &self,
        returning: &mut Returning,
        conn: ConnId,
        namespace: &str,
        sid: &str,
    ) -> Option<Returned> {
        let token = returning.token_of(conn, namespace)?;
        let (claim, missed) = returning.end(token)?;
        let kept = claim.session?;
        if *kept.session.sid != *sid {
            self.put_back(Some(kept));
            return None;
        }
        let session = kept.session;
        Some(Returned { session, missed })
    }
}

impl Batch<'_> {
    /// Lets a client in, perhaps as a socket that it was on another server.
    pub(in crate::server) fn accept_from_anywhere(
        &mut self,
        cluster: &Cluster,
        namespace: &Arc<Namespace>,
        conn: ConnId,
        sid: Arc<str>,
    ) {
        let Some(returns) = &cluster.returns else {
            return;
        };
        let mut returning = returns.lock();
        let returned = cluster.settle_return(&mut returning, conn, namespace.name(), &sid);
        let pid = match &returned {
            Some(returned) => Arc::from(&*returned.session.pid),
            None => new_sid(),
        };
        if let Some(store) = namespace.recovery() {
            let mut store = store.lock();
            store.forget(conn);
            store.has_returned(&pid);
        }
        namespace.add(conn, Arc::clone(&sid), Some(Arc::clone(&pid)));
        let mut missed = Some(Vec::new());
        if let Some(Returned {
            session,
            missed: of_it,
        }) = returned
        {
            for room in &session.rooms {
                namespace.join(conn, room);
            }
            if let Some(data) = session.kept() {
                namespace.keep(conn, data);
            }
            missed = of_it;
        }
        let is_torn = missed.is_none();
        let slot = conn.slot;
        let accept = Accept {
            slot,
            namespace: Arc::clone(namespace),
            sid,
            pid: Some(pid),
            missed: missed.unwrap_or_default(),
        };
        self.push(conn.shard, Task::Accept(Box::new(accept)));
        if is_torn {
            // It is lost again before it is told anything, and comes back by what it saw last.
            tell!(
                warn,
                "too much was said while a socket came back: it is to ask again"
            );
            let reason = DisconnectReason::TransportError;
            let discard = false;
            self.push(
                conn.shard,
                Task::Close {
                    slot,
                    reason,
                    discard,
                },
            );
        }
        // Pushed under the lock: what is delivered from now on comes behind it.
        self.hand_over();
    }
}

impl Shard {
    /// Asks the application about a client of whom it is known by now who it is.
    pub(in crate::server) fn announce_return(&mut self, slot: Slot, token: u64) {
        let conn = self.conn_id(slot);
        let engine = self.engine.clone();
        let Some(returns) = engine.returns() else {
            return;
        };
        let mut returning = returns.lock();
        let Some(claim) = returning
            .claims
            .get(&token)
            .filter(|claim| claim.conn == conn)
        else {
            return;
        };
        let (namespace, auth) = (claim.namespace.clone(), claim.auth.clone());
        let session = claim.session.as_ref().map(|kept| kept.session.clone());
        if session.is_none() {
            returning.end(token);
        }
        drop(returning);
        let recovered = session.is_some();
        let kept = session.as_ref().and_then(Session::kept);
        let sid = session.map_or_else(new_sid, |session| Arc::from(&*session.sid));
        self.tell(Event::Connect {
            conn,
            namespace: &namespace,
            sid,
            auth: auth.as_deref(),
            recovered,
            kept,
        });
    }
}

impl Asking<'_> {
    /// Reads what a client's `auth` claims, and gives it to `work`.
    pub(in crate::server) fn read<R>(
        namespace: &str,
        auth: Option<&str>,
        work: impl FnOnce(Asking<'_>) -> R,
    ) -> Option<R> {
        let ReturnTicket { pid, offset } = ReturnTicket::read(auth?)?;
        let offset = Offset::read(&offset)?;
        Some(work(Asking {
            namespace,
            auth,
            pid: &pid,
            offset,
        }))
    }
}

/// By which a client says which socket it was, and what it saw last.
#[derive(serde::Deserialize)]
pub(in crate::server) struct ReturnTicket<'a> {
    #[serde(borrow)]
    pub(in crate::server) pid: Cow<'a, str>,
    #[serde(borrow)]
    pub(in crate::server) offset: Cow<'a, str>,
}

impl<'a> ReturnTicket<'a> {
    pub(in crate::server) fn read(auth: &'a str) -> Option<ReturnTicket<'a>> {
        serde_json::from_str(auth).ok()
    }
}
